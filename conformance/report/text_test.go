package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// What the command prints, and the summaries for CI, of a run that is green, one that is red, and one in which nothing could be established.
func TestGolden(t *testing.T) {
	for name, run := range map[string]func() (*conformance.Report, string, error){
		"green": func() (*conformance.Report, string, error) {
			rep, text, _, err := judge(nil, "rotation.rotates", "reuse.replay", "reuse.revokes-family", "login.timing")
			return rep, text, err
		},
		"red": func() (*conformance.Report, string, error) {
			rep, text, _, err := judge([]string{"reuse-plain-401"}, "rotation.rotates", "reuse.replay", "reuse.revokes-family", "reuse.depth", "login.timing")
			return rep, text, err
		},
		"blocked": func() (*conformance.Report, string, error) {
			for _, null := range nulltarget.All() {
				if null.Name == "login-then-401" {
					url, stop, err := null.Start()
					if err != nil {
						return nil, "", err
					}
					defer stop()
					return conform(conformance.Options{Target: url, Run: []string{"login.keeps-sessions", "rotation.rotates", "reuse.replay", "reuse.revokes-family"}})
				}
			}
			return nil, "", fmt.Errorf("there is no such target")
		},
	} {
		t.Run(name, func(t *testing.T) {
			rep, text, err := run()
			require.NoError(t, err)
			golden(t, name+".txt", text)
			golden(t, name+".md", render(t, "md", rep))
			golden(t, name+".xml", render(t, "junit", rep))
		})
	}
}

func line(s conformance.StoryResult) string {
	var b bytes.Buffer
	report.Text{W: &b, Rerun: "conformance -run"}.Line(s)
	return b.String()
}

func exchange(n int, did, got, mark string) conformance.Step {
	return conformance.Step{N: n, Who: "victim", Did: did, Got: got, Mark: mark}
}

func failing(steps ...conformance.Step) conformance.StoryResult {
	return conformance.StoryResult{
		ID: "test.story", Title: "It holds", Level: conformance.Must, Verdict: conformance.Fail, Steps: steps,
		Checks: []conformance.CheckResult{{ID: "test.story/check", Text: "it does", Level: conformance.Must, Verdict: conformance.Fail, Want: "a yes", Got: "a no"}},
	}
}

// The columns of the steps stand below each other, however many bytes, runes or columns a cell has.
func TestColumns(t *testing.T) {
	out := line(failing(
		exchange(9, "refresh ‹a.R1›", "200", "ok"),
		exchange(10, "refresh ‹a.R2′′′′′′′›", "401 トークンが無効です", "ok"),
		exchange(11, "login (n\u0303)", "401 no", "want this"),
	))
	columns := func(mark string) (columns []int) {
		for _, l := range strings.Split(out, "\n") {
			if before, _, ok := strings.Cut(l, mark); ok && strings.Contains(l, "victim") {
				columns = append(columns, report.Width(before))
			}
		}
		return columns
	}
	arrows := columns("->")
	require.Len(t, arrows, 3)
	require.Equal(t, []int{arrows[0], arrows[0], arrows[0]}, arrows, out)
	require.Equal(t, columns("  ok")[0], columns("  ok")[1], out)
	require.Contains(t, out, "        9 victim", "the numbers' column is wide enough for any run")
	require.Equal(t, 2, report.Width("界"))
	require.Equal(t, 1, report.Width("n\u0303"))
}

// Of a long story stay: what the checks point at, what led there in the same family, and how it ended.
func TestLongStory(t *testing.T) {
	var steps []conformance.Step
	for n := 1; n <= 200; n++ {
		steps = append(steps, exchange(n, fmt.Sprintf("refresh ‹%c.R%d›", 'a'+n%10, n/10), "200", ""))
	}
	steps[156].Mark = "want a no  (check)" // number 157, of family h, as 147, 137 …
	out := line(failing(steps...))
	for n := 7; n <= 157; n += 10 {
		require.Contains(t, out, fmt.Sprintf(" %d victim ", n))
	}
	require.Contains(t, out, "want a no  (check)")
	require.Contains(t, out, " 200 victim ")
	require.NotContains(t, out, " 158 victim ")
	require.Contains(t, out, "… 42 more steps\n")
	require.Contains(t, out, "has all 200: -report json=FILE")
	require.Equal(t, 24, strings.Count(out, " victim "), out)

	for i := range steps { // a check may point at each of them
		steps[i].Mark = "want a no"
	}
	require.Equal(t, 24, strings.Count(line(failing(steps...)), " victim "))
}

func TestBlockedSaysByWhat(t *testing.T) {
	s := failing(exchange(7, "refresh ‹a.R0›", "401", ""), exchange(8, "logout", "204", ""))
	s.Verdict, s.Reason = conformance.Inconclusive, "blocked: a live token did not rotate (step 7: 401)"
	s.Checks[0].Verdict, s.Checks[0].Got = conformance.Inconclusive, "not reached"
	out := line(s)
	require.Regexp(t, `7 victim  refresh ‹a.R0›  -> 401  the story ends here`, out)
	require.NotRegexp(t, `8 victim.*ends here`, out)
	require.NotContains(t, out, "means", "what nobody saw means nothing")
	require.Contains(t, out, "? 1 check is not established")
}

func TestLineage(t *testing.T) {
	s := failing(exchange(1, "refresh ‹a.R1›", "200", "want x"), exchange(2, "login", "200 ‹b.R0›", ""))
	s.Lineage = []string{"a: R0 ─ R1 ─┬ R2 ─ R3  └ R2′  └ R2′′   presented again: R1", "b: R0", "c: R0 ─ R1"}
	require.Contains(t, line(s), ""+
		"     lineage  a: R0 ─ R1 ─┬ R2 ─ R3\n"+
		"                          ├ R2′\n"+
		"                          └ R2′′\n"+
		"                 presented again: R1\n"+
		"              … and 1 family more\n")
	s.Lineage = []string{"a: R0 ─┬ (R1 ─┬ R2 ─ R3  └ R2′)  └ R1′   presented again: R0, R1"}
	require.Contains(t, line(s), ""+
		"     lineage  a: R0 ─┬ R1 ─┬ R2 ─ R3\n"+
		"                     │     └ R2′\n"+
		"                     └ R1′\n"+
		"                 presented again: R0, R1\n")
	s.Lineage = []string{"a: R0 ─ R1   presented again: R0"}
	require.Contains(t, line(s), "     lineage  a: R0 ─ R1   presented again: R0\n")
}

// What a target says cannot move the cursor, paint, or add lines.
func TestTextIsPlain(t *testing.T) {
	s := failing(exchange(1, "login", "400 \x1b[32mPASS\nPASS all\u202e", "want \x1b"))
	s.Reason, s.Notes = "\x1b[2J", []string{"\a"}
	s.Checks[0].Got = "x\x00\x1b[1A"
	out := line(s)
	require.NotContains(t, out, "\x1b")
	require.NotContains(t, out, "\x00")
	require.NotContains(t, out, "\a")
	require.NotContains(t, out, "\u202e")
	require.NotContains(t, out, "\nPASS")
	require.Contains(t, out, `400 \x1b[32mPASS\nPASS all\u202e`)
}

func TestCounts(t *testing.T) {
	var b bytes.Buffer
	text := report.Text{W: &b}
	text.Waiting(1, 3*time.Second)
	text.Waiting(2, 3*time.Second)
	text.Summary(&conformance.Report{Run: conformance.RunInfo{Requests: 1, PasswordChecks: 1}})
	require.Contains(t, b.String(), "… 1 story waits for tokens to expire, the next in 3 s\n")
	require.Contains(t, b.String(), "… 2 stories wait for")
	require.Contains(t, b.String(), "spent: 1 request, 1 password check, ")
	require.Contains(t, b.String(), "checks: none; not judged: 0\n")
}

func TestColour(t *testing.T) {
	var b bytes.Buffer
	report.Text{W: &b, Color: true}.Line(failing())
	require.True(t, strings.HasPrefix(b.String(), "\x1b[31mFAIL\x1b[0m test.story "), "%q", b.String())
	require.NotContains(t, line(failing()), "\x1b")
}

// A terminal's last line says what is going on, and is overwritten; a log gets nothing of the kind.
func TestLiveLine(t *testing.T) {
	var b bytes.Buffer
	text := report.Text{W: &b, Live: true}
	text.Starting("reuse.replay", 3, 65)
	require.Equal(t, "\r\x1b[K  … 3 of 65: reuse.replay", b.String())
	text.Line(conformance.StoryResult{ID: "login.timing"}) // not judged: no line of its own
	require.True(t, strings.HasSuffix(b.String(), "\r\x1b[K"))
	text.Line(failing())
	require.Contains(t, b.String(), "\r\x1b[KFAIL test.story ")
	text.Summary(&conformance.Report{})
	require.NotContains(t, b.String(), "\x1b[3", "no colour was asked for")

	b.Reset()
	text.Live = false
	text.Starting("reuse.replay", 3, 65)
	require.Empty(t, b.String())
	text.Line(failing())
	require.NotContains(t, b.String(), "\r")
}

// Every line of a check that does not hold says how binding it is, and if it is known, why and until when.
func TestLevelsAndKnownFailures(t *testing.T) {
	s := failing()
	s.Checks = append(s.Checks, conformance.CheckResult{ID: "test.story/wish", Text: "it would be nice", Level: conformance.Should, Verdict: conformance.Warn, Want: "x", Got: "y"})
	require.Contains(t, line(s), "✗ MUST check: it does\n")
	require.Contains(t, line(s), "! SHOULD wish: it would be nice\n")
	require.NotContains(t, line(s), "known")

	s.Checks[0].Expected, s.Checks[0].Until, s.Checks[0].Link = "the proxy", "2027-01-31", "https://example.com/1"
	require.True(t, s.Known(), "what only warns needs no expectation")
	out := line(s)
	require.True(t, strings.HasPrefix(out, "KNOWN test.story "), out)
	require.Contains(t, out, "         known: the proxy (until 2027-01-31), https://example.com/1\n")

	var b bytes.Buffer
	report.Text{W: &b}.Summary(&conformance.Report{Stories: []conformance.StoryResult{s}, Stale: []string{"a: b"}, Verdict: conformance.Fail})
	require.Contains(t, b.String(), "known failures, which do not count:\n  test.story/check\n      the proxy (until 2027-01-31), https://example.com/1\n")
	require.Contains(t, b.String(), "expectations that no longer hold, so that the run fails:\n  ✗ a: b\n")
	require.Contains(t, b.String(), "checks: 1 warn, 1 known;")
}

func TestScriptIsNamed(t *testing.T) {
	s := failing()
	require.NotContains(t, line(s), "curl")
	s.Repro = "scripts/test.story.sh"
	require.Contains(t, line(s), "     curl script: scripts/test.story.sh\n")
	rep := &conformance.Report{Stories: []conformance.StoryResult{s}, Verdict: conformance.Fail}
	require.Contains(t, render(t, "html", rep), "curl script: <code>scripts/test.story.sh</code>")
	require.Contains(t, render(t, "md", rep), "curl script: scripts/test.story.sh")
}
