package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Text writes for a terminal: a line a story while the run goes on, failures in full, and a verdict.
type Text struct {
	W       io.Writer
	Live    bool // W is a terminal: its last line says what is going on, and is overwritten
	Color   bool
	Verbose bool   // also the checks that passed
	Scripts bool   // scripts are wanted: say why a story that failed has none
	Program string // as the lines to run call it; conformance without
	Rerun   string // the command line to repeat a story with, up to and including -run
}

// Wipe takes back the line that says what is going on.
func (t Text) Wipe() { t.wipe() }

// Mark is the sign of a verdict, in its colour.
func (t Text) Mark(v conformance.Verdict) string { return t.paint(v, glyph(v)) }

// wipe takes back the line that says what is going on.
func (t Text) wipe() {
	if t.Live {
		t.printf("\r\x1b[K")
	}
}

// Starting says which story is played now, on a terminal. A log gets its outcome, and nothing that would be overwritten.
func (t Text) Starting(story string, n, of int) {
	if t.Live {
		t.wipe()
		t.printf("  … %d of %d: %s", n, of, story)
	}
}

func (t Text) paint(v conformance.Verdict, s string) string {
	if !t.Color {
		return s
	}
	const red, green, yellow, dim, reset = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
	return [...]string{dim, green, yellow, yellow, red, red}[v] + s + reset
}

// Line writes a story's outcome, and all of it where it is not green.
func (t Text) Line(s conformance.StoryResult) {
	t.Brief(s)
	if s.Verdict > conformance.Pass {
		t.story(s)
	}
}

// Brief writes a story's outcome in a line.
func (t Text) Brief(s conformance.StoryResult) {
	t.wipe()
	if s.Verdict == conformance.NotJudged {
		return // listed together at the end, by what they need
	}
	passed, judged := tally(s)
	t.printf("%s %-24s %2d/%-2d  %s\n", t.paint(shade(s), outcome(s)), s.ID, passed, judged, s.Title)
	if t.Verbose {
		for _, c := range s.Checks {
			t.printf("       %s %s  %s\n", t.paint(c.Verdict, pad(word(c.Verdict), 4)), c.ID, c.Text)
		}
	}
	for _, n := range s.Notes {
		if t.Verbose || s.Verdict > conformance.Pass {
			t.printf("       note: %s\n", plain(n))
		}
	}
}

// Waiting says that the run waits.
func (t Text) Waiting(stories int, d time.Duration) {
	t.wipe()
	t.printf("     … %s for tokens to expire, the next in %.0f s\n", plural(stories, "story waits", "stories wait"), d.Seconds())
}

// story is the failure in full: the requirement, what was done, the family, what it means, what to try, how to see it again.
func (t Text) story(s conformance.StoryResult) {
	t.printf("     %s\n", strings.TrimSpace(string(s.Level)+" "+strings.Join(s.Refs, "; ")))
	if s.Reason != "" {
		t.printf("     %s\n", plain(s.Reason))
	}
	checks, unproven := wrong(s)
	for _, c := range checks {
		t.printf("     %s %s %s: %s\n", t.paint(c.Verdict, glyph(c.Verdict)), c.Level, slug(c), c.Text)
		if c.Want != "" || c.Got != "" {
			t.printf("         want %s, got %s\n", plain(c.Want), plain(c.Got))
		}
		if k := known(c); k != "" {
			t.printf("         %s\n", t.paint(conformance.Warn, k))
		}
	}
	if unproven > 0 {
		t.printf("     %s %s not established, since the story ended early or its control failed\n",
			t.paint(conformance.Inconclusive, glyph(conformance.Inconclusive)), plural(unproven, "check is", "checks are"))
	}
	most := shownSteps
	if allowed(s) {
		most = 3
	}
	steps := essential(s, most)
	t.steps(s, steps)
	lineage := family(s.Lineage, steps)
	if allowed(s) {
		lineage = nil
	}
	for i, l := range lineage {
		t.printf("     %-8s %s\n", map[bool]string{true: "lineage"}[i == 0], l)
	}
	if s.Verdict == conformance.Fail || s.Verdict == conformance.Warn {
		t.printf("     means    %s\n     try      %s\n", s.Why, s.Hint)
	}
	t.printf("     more     %s explain %s\n", cmp.Or(t.Program, "conformance"), s.ID)
	if t.Rerun != "" {
		t.printf("     rerun    %s %s\n", t.Rerun, s.ID)
	}
	if t.Scripts && s.Without != "" {
		t.printf("     no curl script: %s\n", plain(s.Without))
	}
	if s.Repro != "" {
		t.printf("     curl script: %s\n", plain(s.Repro))
	}
	t.printf("\n")
}

const shownSteps = 24

// steps lists exchanges of the story, with the numbers that they have in the run.
func (t Text) steps(s conformance.StoryResult, shown []conformance.Step) {
	var who, did, got int
	for _, st := range shown {
		who, did, got = max(who, width(st.Who)), max(did, width(plain(st.Did))), max(got, width(plain(st.Got)))
	}
	did, got = min(did, 52), min(got, 52) // one that is longer stands out, and does not widen the others
	next := 0
	for _, st := range shown {
		at := next + slices.IndexFunc(s.Steps[next:], func(o conformance.Step) bool { return o.N == st.N })
		t.gap(at - next)
		next = at + 1
		line := pad(st.Who, who) + "  " + pad(plain(st.Did), did) + "  -> " + pad(plain(st.Got), got) + "  " + remark(s, st)
		t.printf("     %4d %s\n", st.N, strings.TrimRight(line, " "))
	}
	t.gap(len(s.Steps) - next)
	if len(shown) < len(s.Steps) && t.Rerun != "" {
		t.printf("          (a JSON report has all %d: -report json=FILE)\n", len(s.Steps))
	}
}

func (t Text) gap(n int) {
	if n > 0 {
		t.printf("          … %s\n", plural(n, "more step", "more steps"))
	}
}

// Summary writes what was not judged, what was expected, the verdict, what it is about, and the counts.
func (t Text) Summary(r *conformance.Report) {
	t.wipe()
	t.NotJudged(r)
	for i, g := range knownFailures(r) {
		if i == 0 {
			t.printf("\nknown failures, which do not count:\n")
		}
		t.list("  ", "  ", g.IDs)
		t.printf("      %s\n", g.Reason)
	}
	for i, s := range r.Stale {
		if i == 0 {
			t.printf("\n%s\n", t.paint(conformance.Fail, "expectations that no longer hold, so that the run fails:"))
		}
		t.printf("  %s %s\n", t.paint(conformance.Fail, glyph(conformance.Fail)), plain(s))
	}
	t.printf("\n%s: %s\n", r.Target, t.paint(r.Verdict, Sentence(r)))
	t.outcomes(r)
	var checks []string
	for v := conformance.Pass; v <= conformance.Broken; v++ {
		if n := r.Count(v) - expected(r, v); n > 0 {
			checks = append(checks, fmt.Sprintf("%d %s", n, v))
		}
	}
	known := 0
	for v := conformance.Warn; v <= conformance.Broken; v++ {
		known += expected(r, v)
	}
	if known > 0 {
		checks = append(checks, fmt.Sprintf("%d known", known))
	}
	if checks == nil {
		checks = []string{"none"}
	}
	if r.Claims != nil {
		t.printf("  judged by the profile's claims: %s\n", strings.Join(r.Claims, ", "))
	}
	t.printf("  checks: %s; not judged: %d\n", strings.Join(checks, ", "), r.Count(conformance.NotJudged))
	t.printf("  spent: %s; suite %s, catalogue %s\n", spent(r), r.Suite, r.Catalogue)
	for _, n := range r.Run.Notes {
		t.printf("  note: %s\n", plain(n))
	}
}

// NotJudged lists what was not judged, by what it would need.
func (t Text) NotJudged(r *conformance.Report) {
	for i, g := range notJudged(r) {
		if i == 0 {
			t.printf("\nnot judged:\n")
		}
		t.list("  ", "  ", g.IDs)
		t.printf("      %s\n", g.Reason)
	}
}

// outcomes names the stories that are not green, those that share a cause together.
func (t Text) outcomes(r *conformance.Report) {
	for v := conformance.Broken; v > conformance.Pass; v-- {
		var groups []group
		for _, s := range r.Stories {
			if s.Verdict == v && !s.Known() {
				groups = add(groups, map[bool]string{true: shortReason(s.Reason)}[v != conformance.Fail], s.ID)
			}
		}
		for _, g := range groups {
			t.list("  "+t.paint(v, v.String())+": ", "      ", g.IDs)
			if g.Reason != "" {
				t.printf("      %s\n", g.Reason)
			}
		}
	}
}

func (t Text) list(first, rest string, words []string) {
	for i, l := range wrap(words, 100) {
		t.printf("%s%s\n", map[bool]string{true: first, false: rest}[i == 0], l)
	}
}

func spent(r *conformance.Report) string {
	return fmt.Sprintf("%s, %s, %.1f s", plural(r.Run.Requests, "request", "requests"), plural(r.Run.PasswordChecks, "password check", "password checks"), r.Run.Seconds)
}

// Sentence is the verdict in words.
func Sentence(r *conformance.Report) string {
	switch r.Verdict {
	case conformance.Pass:
		return "conforms"
	case conformance.Warn:
		if onlyKnown(r) {
			return "conforms, but for what is known"
		}
		return "conforms, with warnings"
	case conformance.Fail:
		return "does not conform"
	case conformance.Broken:
		return "not established: the suite itself failed"
	case conformance.NotJudged:
		return "not established: nothing was judged"
	}
	return "not established"
}

// printf ignores the writer's error: there is nowhere left to tell it.
func (t Text) printf(format string, args ...any) { _, _ = fmt.Fprintf(t.W, format, args...) }
