package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// The elements that CI viewers read. What XML 1.0 (§2.2) has no place for, such as control characters, the encoder replaces by U+FFFD.
type (
	junitRun struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		seconds    float64
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
	}
	junitCase struct {
		Class      string          `xml:"classname,attr"`
		Name       string          `xml:"name,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Failure    *junitText      `xml:"failure"`
		Error      *junitText      `xml:"error"`
		Skipped    *junitText      `xml:"skipped"`
		Out        *junitText      `xml:"system-out"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitText struct{ message, kind, text string }
)

// JUnit writes one suite for each area and one case for each story. The format knows three outcomes beside success, so:
//
//   - fail is a failure: something was seen that must not be.
//   - inconclusive and broken are errors, told apart by type: the test could not be carried out. Every viewer counts an error as red, and
//     keeps it apart from a failure, which would accuse the target of what nobody saw.
//   - n/a is skipped, with what it would need. So is a story that fails only where that is expected, with the reason.
//   - warn succeeds, as it does in the exit code, and says in system-out and a property what it warns of; so does what leaves no MUST open.
//
// A run that is not established although no story of it is red, one that was interrupted for example, gets a case of its own.
func JUnit(w io.Writer, r *conformance.Report) error {
	run := junitRun{Name: "conformance"}
	for _, s := range r.Stories {
		area, _, _ := strings.Cut(s.ID, ".")
		run.suite(r, area).add(storyCase(r, s, area), s.Seconds)
	}
	red := 0
	for _, s := range run.Suites {
		red += s.Failures + s.Errors
	}
	for i, stale := range r.Stale {
		c := junitCase{Class: "expectations", Name: fmt.Sprintf("expectation %d", i+1), Time: "0.000", Failure: &junitText{plain(stale), "stale", "This expectation no longer holds, so that the run fails.\n" + plain(stale) + "\n"}}
		run.suite(r, "expectations").add(c, 0)
		red++
	}
	if red == 0 && r.Verdict != conformance.Pass && r.Verdict != conformance.Warn {
		why := strings.Join(append([]string{Sentence(r)}, r.Run.Notes...), "; ")
		run.suite(r, "run").add(junitCase{Class: "run", Name: "verdict", Time: "0.000", Error: &junitText{why, r.Verdict.String(), why}}, 0)
	}
	for _, s := range run.Suites {
		s.Time = fmt.Sprintf("%.3f", s.seconds)
		run.Tests += s.Tests
		run.Failures += s.Failures
		run.Errors += s.Errors
		run.Skipped += s.Skipped
	}
	run.Time = fmt.Sprintf("%.3f", r.Run.Seconds)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(run); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suite returns the area's suite, a new one if need be.
func (run *junitRun) suite(r *conformance.Report, area string) *junitSuite {
	for _, s := range run.Suites {
		if s.Name == area {
			return s
		}
	}
	s := &junitSuite{Name: area, Timestamp: r.Run.Started.UTC().Format(time.RFC3339), Properties: []junitProperty{
		{"suite", r.Suite}, {"catalogue", r.Catalogue}, {"target", r.Target}, {"verdict", r.Verdict.String()},
	}}
	run.Suites = append(run.Suites, s)
	return s
}

func (s *junitSuite) add(c junitCase, seconds float64) {
	s.Cases = append(s.Cases, c)
	s.seconds += seconds
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func storyCase(r *conformance.Report, s conformance.StoryResult, area string) junitCase {
	c := junitCase{Class: area, Name: s.ID, Time: fmt.Sprintf("%.3f", s.Seconds), Properties: []junitProperty{
		{"title", s.Title}, {"level", string(s.Level)}, {"verdict", s.Verdict.String()},
	}}
	for _, ref := range s.Refs {
		c.Properties = append(c.Properties, junitProperty{"ref", ref})
	}
	out := junitText{headline(s), s.Verdict.String(), storyText(r, s)}
	switch {
	case s.Known():
		c.Skipped, c.Out = &junitText{message: knownBecause(s)}, &junitText{text: out.text}
	case s.Verdict == conformance.Fail:
		c.Failure = &out
	case s.Verdict == conformance.Broken, s.Verdict == conformance.Inconclusive && leavesOpen(s):
		c.Error = &out
	case s.Verdict == conformance.NotJudged:
		c.Skipped = &junitText{message: plain(s.Reason)}
	case s.Verdict > conformance.Pass:
		c.Out = &junitText{text: out.text}
	}
	return c
}

// leavesOpen: a MUST of the story is not established, so neither is the run.
func leavesOpen(s conformance.StoryResult) bool {
	return slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
		return c.Level == conformance.Must && c.Verdict >= conformance.Inconclusive
	})
}

// headline is the one line that a viewer shows of a case: the title, and what was seen instead.
func headline(s conformance.StoryResult) string {
	if checks, _ := wrong(s); len(checks) > 0 && s.Verdict != conformance.Inconclusive {
		return fmt.Sprintf("%s: %s: want %s, got %s", s.Title, slug(checks[0]), plain(checks[0].Want), plain(checks[0].Got))
	}
	if s.Reason != "" {
		return s.Title + ": " + plain(s.Reason)
	}
	return s.Title
}

// storyText is what Text writes of a story.
func storyText(r *conformance.Report, s conformance.StoryResult) string {
	var b bytes.Buffer
	Text{W: &b, Rerun: rerun(r)}.Line(s)
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// MarshalXML keeps the lines of the text as they are, where the encoder's own way would write each line's end as a reference.
func (t junitText) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	for _, a := range []junitProperty{{"message", t.message}, {"type", t.kind}} {
		if a.Value != "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: a.Name}, Value: a.Value})
		}
	}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if err := e.EncodeToken(xml.CharData(t.text)); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}
