package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

const (
	schema    = 1         // the version of the format that Verify reads
	maxReport = 256 << 20 // bytes; a run of 1,000 race rounds that all fail is far below
)

// Verify reads a report that [JSON] wrote, and believes nothing of it: no member may be unknown, missing, repeated or of the wrong type, and
// all of it must agree: a story's verdict with its checks and its reason, the run's with its stories, its expectations and whether it was stopped,
// the counts with what is there; and, if this suite has the same catalogue, each story with all its checks. The error names every
// contradiction with line and column.
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
	v := verifier{document: d, ids: map[string]bool{}, requests: rep.Run.Requests, events: rep.Run.Events}
	for i, s := range rep.Stories {
		v.story(fmt.Sprintf("stories[%d]", i), s)
	}
	v.whole(&rep)
	if len(v.errs) > 0 {
		return nil, errors.Join(v.errs...)
	}
	return &rep, nil
}

type verifier struct {
	*document
	ids      map[string]bool
	requests int
	events   int
	errs     []error
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

// whole compares what the report says of itself with what it holds.
func (v *verifier) whole(r *conformance.Report) {
	if want := r.Judge(); r.Verdict != want {
		v.wrong("verdict", "is %s, but the stories make it %s", r.Verdict, want)
	}
	if want := r.Tally(); r.Counts != want {
		v.wrong("counts", "say %+v, but the stories make them %+v", r.Counts, want)
	}
	if r.Catalogue == conformance.CatalogueDigest() {
		v.catalogue(r)
	}
}

// catalogue: no check of a story is missing, added, or of another level.
func (v *verifier) catalogue(r *conformance.Report) {
	known := map[string]conformance.Scenario{}
	for _, s := range conformance.Scenarios() {
		known[s.ID] = s
	}
	for i, s := range r.Stories {
		at := fmt.Sprintf("stories[%d]", i)
		sc, ok := known[s.ID]
		if !ok {
			v.wrong(at+".id", "%q is not in the catalogue %s", s.ID, r.Catalogue)
			continue
		}
		levels := map[string]conformance.Level{}
		for _, c := range sc.Checks {
			levels[s.ID+"/"+c.Slug] = cmp.Or(c.Level, sc.Level)
		}
		for j, c := range s.Checks {
			if want := levels[c.ID]; want != c.Level {
				v.wrong(fmt.Sprintf("%s.checks[%d].level", at, j), "is %s, but the catalogue %s says %q", c.Level, r.Catalogue, want)
			}
			delete(levels, c.ID)
		}
		for _, id := range slices.Sorted(maps.Keys(levels)) {
			v.wrong(at+".checks", "are without %s, which the catalogue %s has", id, r.Catalogue)
		}
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
		if st.N > v.requests+v.events {
			v.wrong(fmt.Sprintf("%s.steps[%d].n", at, i), "is %d, but the run made %d requests and had %d events beside them", st.N, v.requests, v.events)
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
	failed := c.Verdict == conformance.Fail || c.Verdict == conformance.Warn
	if c.Verdict == conformance.Pass && c.Want != "" {
		v.wrong(at+".want", "is %q, but the check passed", c.Want)
	}
	if c.Expected != "" && !failed && c.Verdict != conformance.NotJudged {
		v.wrong(at+".expected", "is a failure or a gap, but the check is %s", c.Verdict)
	}
	if c.Verdict > conformance.Pass && c.Step > 0 && !slices.Contains(steps, c.Step) {
		v.wrong(at+".step", "is %d, which is not among the story's steps", c.Step)
	}
}
