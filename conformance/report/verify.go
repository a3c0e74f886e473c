package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

const (
	schema    = 1         // the version of the format that Verify reads
	maxReport = 256 << 20 // bytes; a run of 1,000 race rounds that all fail is far below
)

// Verify reads a report that [JSON] wrote, and believes nothing of it: no member may be unknown, missing, repeated or of the wrong type, and
// the verdicts must follow from each other: a story's from its checks and its reason, the run's from its stories. The error names
// every contradiction with line and column.
func Verify(r io.Reader) (*conformance.Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the report: %w", err)
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("the report is longer than %d MiB", maxReport>>20)
	}
	d := newDocument(text)
	var rep conformance.Report
	strict := d.check(&rep)
	var version struct{ Schema *int }
	if json.Unmarshal(text, &version) == nil && version.Schema != nil && *version.Schema != schema {
		return nil, d.errorf("schema", "is %d; this suite (%s) reads %d", *version.Schema, conformance.Version(), schema)
	}
	if strict != nil {
		return nil, strict
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		return nil, fmt.Errorf("cannot read the report: %w", err)
	}
	v := verifier{document: d, ids: map[string]bool{}}
	for i, s := range rep.Stories {
		v.story(fmt.Sprintf("stories[%d]", i), s)
	}
	if want := verdict(&rep); rep.Verdict != want {
		v.wrong("verdict", "is %s, but the stories make it %s", rep.Verdict, want)
	}
	if len(v.errs) > 0 {
		return nil, errors.Join(v.errs...)
	}
	return &rep, nil
}

type verifier struct {
	*document
	ids  map[string]bool
	errs []error
}

func (v *verifier) wrong(path, format string, args ...any) {
	v.errs = append(v.errs, v.errorf(path, format, args...))
}

func (v *verifier) id(path, id string) {
	if v.ids[id] {
		v.wrong(path, "%q occurs twice", id)
	}
	v.ids[id] = true
}

func (v *verifier) level(path string, l conformance.Level) {
	if l != conformance.Must && l != conformance.Should && l != conformance.May {
		v.wrong(path, "%q is none of MUST, SHOULD and MAY", l)
	}
}

func (v *verifier) story(at string, s conformance.StoryResult) {
	v.id(at+".id", s.ID)
	v.level(at+".level", s.Level)
	var steps []int
	for i, st := range s.Steps {
		if i > 0 && st.N <= steps[i-1] {
			v.wrong(fmt.Sprintf("%s.steps[%d].n", at, i), "is %d after %d; steps stand in order", st.N, steps[i-1])
		}
		steps = append(steps, st.N)
	}
	highest := conformance.NotJudged
	for i, c := range s.Checks {
		v.check(fmt.Sprintf("%s.checks[%d]", at, i), s, c, steps)
		highest = max(highest, c.Verdict)
	}
	blocked := s.Reason != "" && (s.Verdict == conformance.Inconclusive || s.Verdict == conformance.Broken)
	if s.Verdict < highest || s.Verdict > highest && !blocked {
		v.wrong(at+".verdict", "is %s, but its checks make it %s", s.Verdict, highest)
	}
}

func (v *verifier) check(at string, s conformance.StoryResult, c conformance.CheckResult, steps []int) {
	v.id(at+".id", c.ID)
	v.level(at+".level", c.Level)
	if !strings.HasPrefix(c.ID, s.ID+"/") {
		v.wrong(at+".id", "%q is not a check of %s", c.ID, s.ID)
	}
	switch {
	case c.Verdict == conformance.Fail && c.Level != conformance.Must:
		v.wrong(at+".verdict", "is fail, but only a MUST fails")
	case c.Verdict == conformance.Warn && c.Level == conformance.Must:
		v.wrong(at+".verdict", "is warn, but a MUST that does not hold fails")
	}
	if c.Verdict > conformance.Pass && c.Step > 0 && !slices.Contains(steps, c.Step) {
		v.wrong(at+".step", "is %d, which is not among the story's steps", c.Step)
	}
}

// verdict judges the run anew: a failed MUST fails it; what is broken or a MUST that is not established leaves it open, and so does an
// interruption, whatever passed until then.
func verdict(r *conformance.Report) conformance.Verdict {
	v := conformance.NotJudged
	for _, s := range r.Stories {
		if s.Verdict == conformance.Broken {
			return conformance.Broken
		}
		for _, c := range s.Checks {
			if c.Level == conformance.Must || c.Verdict == conformance.Warn {
				v = max(v, c.Verdict)
			}
		}
	}
	if slices.Contains(r.Run.Notes, "the run was stopped before its end") {
		v = max(v, conformance.Inconclusive)
	}
	return v
}
