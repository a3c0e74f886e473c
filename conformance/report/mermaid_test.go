package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// The drawing says who asked what, what came, and what should have come; what stands beside requests is a note, and so is a control.
func TestMermaid(t *testing.T) {
	s := failing(
		conformance.Step{N: 2, Who: "other user", Did: "login", Got: "200 ‹b.R0›", Request: "POST"},
		conformance.Step{N: 4, Who: "other user", Did: "refresh ‹b.R0› (control)", Got: "200", Request: "POST"},
		conformance.Step{N: 5, Who: "operator", Did: "restart", Got: "done"},
		conformance.Step{N: 6, Who: "second tab", Did: "refresh ‹a.R0›", Got: "200 ‹a.R1›", Mark: "want refused  (dead)", Request: "POST"},
		conformance.Step{N: 7, Who: "other user", Did: "refresh ‹b.R1› (control)", Got: "401", Request: "POST"},
	)
	require.Equal(t, `sequenceDiagram
  participant second_tab as second tab
  participant other_user as other user
  participant server
  Note over second_tab,server: another user’s session still gets a yes (the control)
  Note over second_tab,server: operator: restart
  rect rgba(255, 60, 60, 0.2)
    second_tab->>server: refresh ‹a.R0›
    server-->>second_tab: 200 ‹a.R1›
    Note over second_tab,server: ✗ want refused (dead)
  end
  other_user->>server: refresh ‹b.R1› (control)
  server-->>other_user: 401
`, report.Mermaid(s))
	require.Empty(t, report.Mermaid(failing()), "a report without steps has nothing to draw")
	events := failing(conformance.Step{N: 1, Who: "operator", Did: "restart", Got: "done"})
	require.Contains(t, report.Mermaid(events), "participant client\n", "a note needs a lane to stand over")
}

// A control that fails in the end is no yes, whatever was answered before.
func TestMermaidOfAFailedControl(t *testing.T) {
	s := failing(
		conformance.Step{N: 1, Who: "victim", Did: "refresh ‹a.R0›", Got: "200 ‹a.R0›", Request: "POST"},
		conformance.Step{N: 2, Who: "other user", Did: "login", Got: "200 ‹b.R0›", Request: "POST"},
		conformance.Step{N: 3, Who: "other user", Did: "refresh ‹b.R0› (control)", Got: "200 ‹b.R0›", Request: "POST"},
	)
	s.Reason = "the control failed: another user's live session could not refresh either"
	out := report.Mermaid(s)
	require.NotContains(t, out, "still gets a yes")
	require.Contains(t, out, "other_user->>server: refresh ‹b.R0› (control)")
}

// What the target says is text: it begins no statement, and brings no HTML.
func TestMermaidIsPlain(t *testing.T) {
	out := report.Mermaid(failing(conformance.Step{N: 1, Who: "victim", Did: "login", Got: "400 end; <b>#35;\nalt x", Request: "POST"}))
	require.Contains(t, out, `server-->>victim: 400 end, ‹b›＃35,\nalt x`+"\n")
}

func TestMermaidOfALongStory(t *testing.T) {
	var steps []conformance.Step
	for n := 1; n <= 40; n++ {
		steps = append(steps, conformance.Step{N: n, Who: "victim", Did: "refresh", Got: "200", Request: "POST"})
	}
	out := report.Mermaid(failing(steps...))
	require.Equal(t, 14, strings.Count(out, "->>server"))
	require.Contains(t, out, "Note over victim,server: … 26 more steps\n")
}

// Of a story that passed there are steps only where they were asked for.
func TestStepsOfWhatPassed(t *testing.T) {
	for _, want := range []bool{true, false} {
		o := served(t)
		o.Run, o.Steps = []string{"rotation.rotates"}, want
		rep, _, err := conform(o)
		require.NoError(t, err)
		require.Equal(t, conformance.Pass, rep.Stories[0].Verdict)
		require.Equal(t, want, report.Mermaid(rep.Stories[0]) != "")
	}
}
