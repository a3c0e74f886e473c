package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// A page stays readable, and small enough to attach, however much failed; and says what it leaves out.
func TestPageIsSmall(t *testing.T) {
	page := render(t, "html", twofold(t).rep)
	require.Less(t, len(page), 300_000)
	require.Contains(t, page, "does not conform")

	worst := &conformance.Report{Verdict: conformance.Fail, Target: "http://127.0.0.1"}
	for _, sc := range conformance.Scenarios() {
		s := conformance.StoryResult{ID: sc.ID, Title: sc.Title, Level: sc.Level, Stage: sc.Stage, Verdict: conformance.Fail, Why: sc.Why, Hint: sc.Hint}
		for n := range 100 {
			st := exchange(n+1, fmt.Sprintf("refresh ‹a.R%d›", n), fmt.Sprintf("200 ‹a.R%d› ‹a.A%d›", n+1, n+1), "want refused, no token  (x)")
			st.Request, st.Answer = strings.Repeat("Header: value\n", 100), strings.Repeat("Header: value\n", 100)
			s.Steps = append(s.Steps, st)
		}
		for _, c := range sc.Checks {
			s.Checks = append(s.Checks, conformance.CheckResult{ID: sc.ID + "/" + c.Slug, Text: c.Text, Level: conformance.Must, Verdict: conformance.Fail, Want: "refused, no token", Got: "200 ‹a.R1› ‹a.A1›", Step: 3})
		}
		worst.Stories = append(worst.Stories, s)
	}
	page = render(t, "html", worst)
	require.Less(t, len(page), 300_000, "every check of every story failed")
	require.Contains(t, page, "Steps that are not shown, and are in the JSON report: ")
	for _, sc := range conformance.Scenarios() {
		require.Contains(t, page, `id="`+sc.ID+`"`)
	}
}

// What a target says stays text.
func TestPageOfHostileText(t *testing.T) {
	hostile := `</style></title><script>alert(1)</script><img src=x onerror=alert(1)>" onload="x` + "\x1b[2J\u202e"
	s := failing(exchange(1, hostile, hostile, "want "+hostile))
	s.Title, s.Reason, s.Why, s.Hint, s.Refs, s.Notes, s.Lineage, s.Repro = hostile, hostile, hostile, hostile, []string{hostile}, []string{hostile}, []string{hostile}, hostile
	s.Checks[0].Want, s.Checks[0].Got, s.Checks[0].Text, s.Checks[0].Expected, s.Checks[0].Link = hostile, hostile, hostile, hostile, hostile
	s.Steps[0].Request, s.Steps[0].Answer, s.Steps[0].Who, s.Steps[0].Story = hostile, hostile, hostile, hostile
	page := render(t, "html", &conformance.Report{Target: hostile, Suite: hostile, Stories: []conformance.StoryResult{s}, Stale: []string{hostile}, Verdict: conformance.Fail, Run: conformance.RunInfo{Notes: []string{hostile}}})
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, "\x1b")
	require.Equal(t, 1, strings.Count(page, "</style>"))
	md := render(t, "md", &conformance.Report{Target: hostile, Suite: hostile, Stories: []conformance.StoryResult{s}, Stale: []string{hostile}, Verdict: conformance.Fail})
	outside := ""
	for i, part := range strings.Split(md, "```") {
		if i%2 == 0 {
			outside += part
		}
	}
	require.NotContains(t, outside, "<script")
	require.NotContains(t, outside, "<img")
	require.NotContains(t, md, "\x1b")
}
