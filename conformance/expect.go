package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Expectation is a known failure, or a story that is known not to be judged: with a reason, and an end date, since nothing else makes sure
// that somebody looks again. One that matches nothing, that passes, or that has ended makes the run red.
type Expectation struct {
	Match  string `json:"match"`           // a check's or a story's ID, or a pattern of either (path.Match)
	Expect string `json:"expect"`          // fail, or skip: not judged
	Reason string `json:"reason"`          // why this is known and not mended
	Link   string `json:"link,omitempty"`  // where it is discussed
	Until  string `json:"until,omitempty"` // the last day on which it holds, YYYY-MM-DD
}

// ParseExpectations reads a JSON array of expectations strictly.
func ParseExpectations(raw []byte) ([]Expectation, error) {
	var list []Expectation
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("expectations: %w; want a JSON array of {\"match\", \"expect\": \"fail\" or \"skip\", \"reason\", \"link\", \"until\"}", err)
	}
	if d.More() {
		return nil, errors.New("expectations: there is more behind the array's end")
	}
	var wrong []string
	for i, e := range list {
		if _, err := path.Match(e.Match, ""); e.Match == "" || err != nil {
			wrong = append(wrong, fmt.Sprintf("entry %d: match %q is no pattern of IDs such as reuse.depth or http.caching/*", i+1, e.Match))
		}
		if e.Expect != "fail" && e.Expect != "skip" {
			wrong = append(wrong, fmt.Sprintf("entry %d: expect is %q; want fail or skip", i+1, e.Expect))
		}
		if e.Reason == "" {
			wrong = append(wrong, fmt.Sprintf("entry %d: no reason is given", i+1))
		}
		if _, err := time.Parse(time.DateOnly, e.Until); e.Until != "" && err != nil {
			wrong = append(wrong, fmt.Sprintf("entry %d: until is %q; want a date such as 2027-01-31", i+1, e.Until))
		}
	}
	if wrong != nil {
		return nil, fmt.Errorf("expectations: %s", strings.Join(wrong, "\n  "))
	}
	return list, nil
}

// expect marks what is known, and says which expectations are stale. Of a run of some stories it says so only where the expectation is about
// these alone, since the others may fail as they did.
func (rep *Report) expect(list []Expectation, now time.Time, some bool) {
	for _, e := range list {
		partly := some && e.beyond(rep.Stories)
		if e.ended(now) {
			if partly {
				continue
			}
			rep.Stale = append(rep.Stale, fmt.Sprintf("%s: its end date %s has passed (%s)", e.Match, e.Until, e.Reason))
			continue
		}
		matched, met := 0, 0
		for i := range rep.Stories {
			m, k := rep.Stories[i].mark(e)
			matched, met = matched+m, met+k
		}
		switch {
		case partly:
		case matched == 0:
			rep.Stale = append(rep.Stale, fmt.Sprintf("%s: matches nothing that this run selected", e.Match))
		case met == 0 && e.Expect == "fail":
			rep.Stale = append(rep.Stale, fmt.Sprintf("%s: does not fail any more; remove the entry (%s)", e.Match, e.Reason))
		case met == 0:
			rep.Stale = append(rep.Stale, fmt.Sprintf("%s: is judged now; remove the entry (%s)", e.Match, e.Reason))
		}
	}
}

// beyond: the expectation is also about a story of the catalogue that is not among these.
func (e Expectation) beyond(stories []StoryResult) bool {
	return slices.ContainsFunc(Scenarios(), func(sc Scenario) bool {
		if slices.ContainsFunc(stories, func(s StoryResult) bool { return s.ID == sc.ID }) {
			return false
		}
		about := StoryResult{ID: sc.ID}
		for _, c := range sc.Checks {
			about.Checks = append(about.Checks, CheckResult{ID: sc.ID + "/" + c.Slug})
		}
		matched, _ := about.mark(e)
		return matched > 0
	})
}

// ended: the last day on which the expectation holds has passed.
func (e Expectation) ended(now time.Time) bool {
	until, err := time.Parse(time.DateOnly, e.Until)
	return err == nil && now.After(until.AddDate(0, 0, 1))
}

// mark applies one expectation, and counts the checks that it matched and those that were as expected.
func (s *StoryResult) mark(e Expectation) (matched, met int) {
	whole, _ := path.Match(e.Match, s.ID) // the pattern was tried when it was read
	for i := range s.Checks {
		c := &s.Checks[i]
		if one, _ := path.Match(e.Match, c.ID); !one && !whole {
			continue
		}
		matched++
		failed := c.Verdict == Fail || c.Verdict == Warn
		if failed && e.Expect == "fail" || c.Verdict == NotJudged && e.Expect == "skip" {
			met++
			c.Expected, c.Until, c.Link = e.Reason, e.Until, e.Link
		}
	}
	return matched, met
}
