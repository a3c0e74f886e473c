package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// What all formats say alike of a story and of a run.

var (
	stepNumber  = regexp.MustCompile(`\bstep (\d+)\b`)
	parenthesis = regexp.MustCompile(` *\([^()]*\)`)
	familyName  = regexp.MustCompile(`‹([a-z]+)\.`)
)

func word(v conformance.Verdict) string {
	return [...]string{"n/a", "PASS", "WARN", "????", "FAIL", "BROKEN"}[v]
}

// outcome is the word for a story: one that fails only where that is expected is known.
func outcome(s conformance.StoryResult) string {
	if s.Known() {
		return "KNOWN"
	}
	return word(s.Verdict)
}

// verdictWord is the verdict of a story in small letters.
func verdictWord(s conformance.StoryResult) string {
	if s.Known() {
		return "known"
	}
	return s.Verdict.String()
}

// shade is the verdict by which a story is coloured.
func shade(s conformance.StoryResult) conformance.Verdict {
	if s.Known() {
		return conformance.Warn
	}
	return s.Verdict
}

// known says why a failure is expected, until when, and where it is discussed; "" if it is not.
func known(c conformance.CheckResult) string {
	if c.Expected == "" {
		return ""
	}
	text := "known: " + c.Expected
	if c.Until != "" {
		text += " (until " + c.Until + ")"
	}
	if c.Link != "" {
		text += ", " + c.Link
	}
	return plain(text)
}

// knownBecause are the reasons for which a story's failures are expected.
func knownBecause(s conformance.StoryResult) string {
	var reasons []string
	for _, c := range s.Checks {
		if k := known(c); k != "" && c.Verdict > conformance.Pass && !slices.Contains(reasons, k) {
			reasons = append(reasons, k)
		}
	}
	return strings.Join(reasons, "; ")
}

// knownFailures groups what failed as expected by what is said of it.
func knownFailures(r *conformance.Report) []group {
	var groups []group
	for _, s := range r.Stories {
		for _, c := range s.Checks {
			if c.Expected != "" && c.Verdict > conformance.Pass {
				groups = add(groups, strings.TrimPrefix(known(c), "known: "), c.ID)
			}
		}
	}
	return groups
}

// expected counts the checks that have the verdict and were expected to.
func expected(r *conformance.Report, v conformance.Verdict) int {
	n := 0
	for _, s := range r.Stories {
		for _, c := range s.Checks {
			if c.Verdict == v && c.Expected != "" {
				n++
			}
		}
	}
	return n
}

// onlyKnown: whatever the run warns of was expected.
func onlyKnown(r *conformance.Report) bool {
	return !slices.ContainsFunc(r.Stories, func(s conformance.StoryResult) bool {
		return slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
			return c.Verdict > conformance.Pass && c.Level != conformance.May && c.Expected == ""
		})
	})
}

// allowed: all that does not hold in the story is what a target may do otherwise.
func allowed(s conformance.StoryResult) bool {
	return s.Verdict == conformance.Warn && !slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
		return c.Verdict > conformance.Pass && c.Level != conformance.May
	})
}

// glyph marks a verdict for those who cannot see its colour.
func glyph(v conformance.Verdict) string {
	return [...]string{"–", "✓", "!", "?", "✗", "✗"}[v]
}

// count says how many stories and how many checks of each level have a verdict.
type count struct {
	Verdict                    conformance.Verdict // by which it is coloured
	Word                       string
	Stories, Must, Should, May int
}

// counts has a row for each verdict that occurs, the worst first. What fails as expected has a row of its own.
func counts(r *conformance.Report) []count {
	var rows []count
	for v := conformance.Broken; v >= conformance.NotJudged; v-- {
		rows = append(rows, count{Verdict: v, Word: v.String()})
		if v == conformance.Inconclusive {
			rows = append(rows, count{Verdict: conformance.Warn, Word: "known"})
		}
	}
	row := func(word string) *count {
		return &rows[slices.IndexFunc(rows, func(c count) bool { return c.Word == word })]
	}
	for _, s := range r.Stories {
		row(verdictWord(s)).Stories++
		for _, c := range s.Checks {
			word := c.Verdict.String()
			if c.Expected != "" && c.Verdict > conformance.Pass {
				word = "known"
			}
			switch of := row(word); c.Level {
			case conformance.Must:
				of.Must++
			case conformance.Should:
				of.Should++
			default:
				of.May++
			}
		}
	}
	return slices.DeleteFunc(rows, func(c count) bool { return c.Stories+c.Must+c.Should+c.May == 0 })
}

// tally returns how many of the story's checks passed and how many were judged.
func tally(s conformance.StoryResult) (passed, judged int) {
	for _, c := range s.Checks {
		if c.Verdict != conformance.NotJudged {
			judged++
		}
		if c.Verdict == conformance.Pass {
			passed++
		}
	}
	return passed, judged
}

// wrong are the checks to show in full: not green, and more than a consequence of the story's end.
func wrong(s conformance.StoryResult) (shown []conformance.CheckResult, unproven int) {
	for _, c := range s.Checks {
		switch {
		case c.Verdict <= conformance.Pass:
		case c.Got == "not reached" || strings.HasPrefix(c.Got, "seen, but"):
			unproven++
		default:
			shown = append(shown, c)
		}
	}
	return shown, unproven
}

func slug(c conformance.CheckResult) string { return c.ID[strings.IndexByte(c.ID, '/')+1:] }

// group is a reason and the stories, or single checks, that it holds for.
type group struct {
	Reason string
	IDs    []string
}

func add(groups []group, reason, id string) []group {
	for i := range groups {
		if groups[i].Reason == reason {
			groups[i].IDs = append(groups[i].IDs, id)
			return groups
		}
	}
	return append(groups, group{reason, []string{id}})
}

// notJudged groups what was not judged by what it would need.
func notJudged(r *conformance.Report) []group {
	var groups []group
	for _, s := range r.Stories {
		if s.Verdict == conformance.NotJudged {
			reason := s.Reason
			if len(s.Checks) > 0 {
				reason = notJudgedBecause(s.Reason, s.Checks[0])
			}
			groups = add(groups, plain(reason), s.ID)
			continue
		}
		for _, c := range s.Checks {
			if c.Verdict == conformance.NotJudged {
				groups = add(groups, plain(notJudgedBecause(c.Got, c)), c.ID)
			}
		}
	}
	return groups
}

// notJudgedBecause is the reason for a gap, and why it is expected.
func notJudgedBecause(reason string, c conformance.CheckResult) string {
	if k := known(c); k != "" {
		return reason + "; " + k
	}
	return reason
}

// shortReason leaves out what differs between two stories that stopped for one cause.
func shortReason(reason string) string {
	return plain(parenthesis.ReplaceAllString(reason, ""))
}

// controlFailed: the server said no to somebody who has nothing to do with the story, so that its refusals prove nothing.
func controlFailed(s conformance.StoryResult) bool {
	return strings.HasPrefix(s.Reason, "the control failed")
}

// stoppedAt is the number of the step that ended a story before its end; 0: none.
func stoppedAt(s conformance.StoryResult) int {
	if m := stepNumber.FindStringSubmatch(s.Reason); m != nil {
		n, _ := strconv.Atoi(m[1]) // 0 is no step
		return n
	}
	if controlFailed(s) && len(s.Steps) > 0 {
		return s.Steps[len(s.Steps)-1].N
	}
	return 0
}

// remark is what to say beside a step.
func remark(s conformance.StoryResult, st conformance.Step) string {
	mark := plain(st.Mark)
	if mark == "" && st.N == stoppedAt(s) {
		mark = "the story ends here"
	}
	if st.Story != "" {
		mark = strings.TrimSpace(mark + "  (in " + st.Story + ")")
	}
	return mark
}

// bad: a check points at the step, or the story ended there.
func bad(s conformance.StoryResult, st conformance.Step) bool {
	return strings.HasPrefix(st.Mark, "want") || st.N == stoppedAt(s)
}

// essential picks at most limit steps of a long story: those that are bad, what led to them in the same family, the end, and what
// there is room for of the beginning.
func essential(s conformance.StoryResult, limit int) []conformance.Step {
	if len(s.Steps) <= limit {
		return s.Steps
	}
	picked := map[int]bool{}
	pick := func(i int) {
		if len(picked) < limit {
			picked[i] = true
		}
	}
	var marked []int
	for i, st := range s.Steps {
		if bad(s, st) {
			marked = append(marked, i)
		}
	}
	for _, i := range marked[:min(len(marked), max(1, limit/2))] {
		pick(i)
	}
	pick(len(s.Steps) - 1)
	for _, i := range marked {
		of := families(s.Steps[i])
		for j := i - 1; j >= 0; j-- {
			if slices.ContainsFunc(families(s.Steps[j]), func(f string) bool { return slices.Contains(of, f) }) {
				pick(j)
			}
		}
	}
	end := len(s.Steps)
	if len(marked) > 0 {
		end = marked[len(marked)-1] // what comes later explains nothing
	}
	for i := range s.Steps[:end] {
		pick(i)
	}
	var steps []conformance.Step
	for i, st := range s.Steps {
		if picked[i] {
			steps = append(steps, st)
		}
	}
	return steps
}

// families are the letters of the families whose tokens a step shows.
func families(st conformance.Step) []string {
	var found []string
	for _, m := range familyName.FindAllStringSubmatch(st.Did+st.Got, -1) {
		found = append(found, m[1])
	}
	return found
}

// family draws the lines of lineage of the families that the steps show: one branch a line, and none of a login that stayed alone.
func family(lineage []string, steps []conformance.Step) []string {
	shown := map[string]bool{}
	for _, st := range steps {
		for _, f := range families(st) {
			shown[f] = true
		}
	}
	var lines []string
	left := 0
	for _, l := range lineage {
		name, _, _ := strings.Cut(l, ":")
		switch {
		case !strings.Contains(l, "─") && !strings.Contains(l, "presented again"):
		case !shown[name]:
			left++
		default:
			lines = append(lines, branches(l)...)
		}
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("… and %s more", plural(left, "family", "families")))
	}
	return lines
}

// branches breaks a line at its forks.
func branches(line string) []string {
	line, again, replayed := strings.Cut(line, "   presented again")
	lines := forks(line)
	switch {
	case !replayed:
	case len(lines) == 1:
		lines[0] += "   presented again" + again
	default:
		lines = append(lines, "   presented again"+again)
	}
	return lines
}

// forks draws each branch of a fork on a line of its own; one that forks itself stands in parentheses.
func forks(line string) []string {
	stem, rest, forked := strings.Cut(line, "┬ ")
	if !forked {
		return []string{line}
	}
	indent, kids := strings.Repeat(" ", width(stem)), split(rest)
	var lines []string
	for i, kid := range kids {
		fork, below := indent+"├ ", indent+"│ "
		if i == len(kids)-1 {
			fork, below = indent+"└ ", indent+"  "
		}
		if i == 0 {
			fork = stem + "┬ "
		}
		if strings.HasPrefix(kid, "(") {
			kid = strings.TrimSuffix(kid[1:], ")")
		}
		for j, l := range forks(kid) {
			lines = append(lines, map[bool]string{true: fork, false: below}[j == 0]+l)
		}
	}
	return lines
}

// split takes the branches of a fork apart, and none within parentheses.
func split(text string) (kids []string) {
	depth, from := 0, 0
	for i, r := range text {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case '└':
			if depth == 0 {
				kids, from = append(kids, strings.TrimRight(text[from:i], " ")), i+len("└ ")
			}
		}
	}
	return append(kids, text[from:])
}

// rerun is the command that repeats a story. Of a run that no command line began, the report knows no more than the targets.
func rerun(r *conformance.Report) string {
	if r.Run.Rerun != "" {
		return r.Run.Rerun
	}
	line := "conformance -target " + r.Target
	if r.Expiry != "" {
		line += " -expiry-target " + r.Expiry
	}
	return line + " -run"
}
