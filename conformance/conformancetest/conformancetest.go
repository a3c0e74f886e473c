// Package conformancetest makes the conformance suite a part of your own go test: one subtest for each story.
//
//	func TestConformance(t *testing.T) {
//		srv := httptest.NewServer(myHandler)
//		t.Cleanup(srv.Close)
//		conformancetest.Run(t, conformance.Options{Target: srv.URL, Users: []conformance.User{ann, ben}})
//	}
package conformancetest

import (
	"bytes"
	"testing"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// Run judges the target and reports each story as a subtest of t, named by its ID. A story that fails, is inconclusive or is broken
// fails its subtest with the same text that the command prints; one that was not judged is skipped with the reason. The report is
// returned for further questions, for example that nothing was left unjudged (Count(conformance.NotJudged) == 0).
func Run(t *testing.T, o conformance.Options) *conformance.Report {
	t.Helper()
	rep, err := conformance.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("the suite could not judge %s: %v", o.Target, err)
	}
	for _, s := range rep.Stories {
		t.Run(s.ID, func(t *testing.T) {
			t.Helper()
			t.Attr("conformance.id", s.ID)
			t.Attr("conformance.level", string(s.Level))
			var text bytes.Buffer
			report.Text{W: &text, Verbose: true}.Line(s)
			switch {
			case s.Verdict == conformance.Pass:
			case s.Verdict == conformance.NotJudged:
				t.Skipf("not judged: %s", s.Reason)
			case s.Verdict == conformance.Warn:
				t.Logf("\n%s", &text)
			case s.Known():
				t.Skipf("known failures\n%s", &text)
			default:
				t.Errorf("\n%s", &text)
			}
		})
	}
	for _, s := range rep.Stale {
		t.Errorf("stale expectation: %s", s)
	}
	return rep
}
