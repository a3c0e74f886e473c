// Package report writes a [conformance.Report] for people and for machines. Every writer gets data in which each secret is already a
// pseudonym.
package report

import (
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
	Color   bool
	Verbose bool   // also the checks that passed
	Rerun   string // the command line to repeat a story with, up to and including -run
}

const (
	red, green, yellow, dim, reset = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
)

func (t Text) paint(v conformance.Verdict, s string) string {
	if !t.Color {
		return s
	}
	c := map[conformance.Verdict]string{
		conformance.Pass: green, conformance.Warn: yellow, conformance.Inconclusive: yellow,
		conformance.Fail: red, conformance.Broken: red, conformance.NotJudged: dim,
	}[v]
	return c + s + reset
}

func mark(v conformance.Verdict) string {
	return map[conformance.Verdict]string{
		conformance.Pass: "PASS", conformance.Warn: "WARN", conformance.Inconclusive: "????",
		conformance.Fail: "FAIL", conformance.Broken: "BROKEN", conformance.NotJudged: "n/a ",
	}[v]
}

// Line writes a story's outcome, and all of it where it is not green.
func (t Text) Line(s conformance.StoryResult) {
	if s.Verdict == conformance.NotJudged {
		return // listed together at the end, by what they need
	}
	judged, passed := 0, 0
	for _, c := range s.Checks {
		if c.Verdict != conformance.NotJudged {
			judged++
		}
		if c.Verdict == conformance.Pass {
			passed++
		}
	}
	t.printf("%s %-24s %2d/%-2d  %s\n", t.paint(s.Verdict, mark(s.Verdict)), s.ID, passed, judged, s.Title)
	if t.Verbose {
		for _, c := range s.Checks {
			t.printf("       %s %s  %s\n", t.paint(c.Verdict, mark(c.Verdict)), c.ID, c.Text)
		}
	}
	for _, n := range s.Notes {
		if t.Verbose || s.Verdict > conformance.Pass {
			t.printf("       note: %s\n", n)
		}
	}
	if s.Verdict > conformance.Pass {
		t.story(s)
	}
}

// Waiting says that the run waits.
func (t Text) Waiting(stories int, d time.Duration) {
	t.printf("     … %d stories wait for tokens to expire, the next in %.0f s\n", stories, d.Seconds())
}

// story is the failure in full: the requirement, what was done, the family, what it means, what to try, how to see it again.
func (t Text) story(s conformance.StoryResult) {
	t.printf("     %s %s\n", s.Level, strings.Join(s.Refs, "; "))
	if s.Reason != "" {
		t.printf("     %s\n", s.Reason)
	}
	for _, c := range s.Checks {
		if c.Verdict <= conformance.Pass || c.Got == "not reached" || strings.HasPrefix(c.Got, "seen, but") {
			continue
		}
		t.printf("     %s %s: %s\n", t.paint(c.Verdict, "✗"), c.ID[strings.IndexByte(c.ID, '/')+1:], c.Text)
		if c.Want != "" || c.Got != "" {
			t.printf("         want %s, got %s\n", c.Want, c.Got)
		}
	}
	t.steps(s)
	for i, l := range s.Lineage {
		t.printf("     %-8s %s\n", map[bool]string{true: "lineage"}[i == 0], l)
	}
	if s.Verdict == conformance.Fail || s.Verdict == conformance.Warn {
		t.printf("     means    %s\n     try      %s\n", s.Why, s.Hint)
	}
	t.printf("     more     conformance explain %s\n", s.ID)
	if t.Rerun != "" {
		t.printf("     rerun    %s %s\n", t.Rerun, s.ID)
	}
	t.printf("\n")
}

const shownSteps = 24

// steps lists the exchanges, numbered within the story; a long story is cut to its beginning and to what its checks point at.
func (t Text) steps(s conformance.StoryResult) {
	shown := s.Steps
	if len(shown) > shownSteps {
		shown = slices.DeleteFunc(slices.Clone(shown), func(st conformance.Step) bool {
			return st.N > s.Steps[shownSteps/2].N && !strings.HasPrefix(st.Mark, "want")
		})
		shown = shown[:min(len(shown), shownSteps)]
	}
	for _, st := range shown {
		line := fmt.Sprintf("%-12s %-44s -> %-28s %s", st.Who, st.Did, st.Got, st.Mark)
		if st.Story != "" {
			line += "  (in " + st.Story + ")"
		}
		t.printf("     %4d %s\n", st.N, strings.TrimRight(line, " "))
	}
	if n := len(s.Steps) - len(shown); n > 0 {
		t.printf("          … and %d more steps, all in the JSON report\n", n)
	}
}

// Summary writes what was not judged, the counts and the verdict.
func (t Text) Summary(r *conformance.Report) {
	why := map[string][]string{}
	var order []string
	for _, s := range r.Stories {
		if s.Verdict == conformance.NotJudged {
			if why[s.Reason] == nil {
				order = append(order, s.Reason)
			}
			why[s.Reason] = append(why[s.Reason], s.ID)
		}
	}
	if order != nil {
		t.printf("\nnot judged:\n")
	}
	for _, reason := range order {
		t.printf("  %s\n      %s\n", strings.Join(why[reason], " "), reason)
	}
	var counts []string
	for _, v := range []conformance.Verdict{conformance.Pass, conformance.Warn, conformance.Inconclusive, conformance.Fail, conformance.Broken} {
		if n := r.Count(v); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	t.printf("\n%s: %s\n", r.Target, t.paint(r.Verdict, Sentence(r)))
	t.printf("  checks: %s; not judged: %d\n", strings.Join(counts, ", "), r.Count(conformance.NotJudged))
	t.printf("  spent: %d requests, %d password checks, %.1f s; suite %s, catalogue %s\n", r.Run.Requests, r.Run.PasswordChecks, r.Run.Seconds, r.Suite, r.Catalogue)
	for _, n := range r.Run.Notes {
		t.printf("  note: %s\n", n)
	}
}

// Sentence is the verdict in words.
func Sentence(r *conformance.Report) string {
	switch r.Verdict {
	case conformance.Pass:
		return "conforms"
	case conformance.Warn:
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
