package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// A reader that others use for their CI sees each story once, by its ID, with the outcome that the exit code has.
func TestJUnitIsReadByOthers(t *testing.T) {
	for name, rep := range kinds(t) {
		suites, err := junit.Ingest([]byte(render(t, "junit", rep)))
		require.NoError(t, err, name)
		seen := map[string]junit.Status{}
		red := 0
		for _, suite := range suites {
			for _, c := range suite.Tests {
				require.Empty(t, seen[c.Name], "%s: %s twice", name, c.Name)
				seen[c.Name] = c.Status
				if c.Status == junit.StatusFailed || c.Status == junit.StatusError {
					red++
					require.Error(t, c.Error)
				}
			}
		}
		for _, s := range rep.Stories {
			want := map[conformance.Verdict]junit.Status{
				conformance.NotJudged: junit.StatusSkipped, conformance.Pass: junit.StatusPassed, conformance.Warn: junit.StatusPassed,
				conformance.Inconclusive: junit.StatusError, conformance.Broken: junit.StatusError, conformance.Fail: junit.StatusFailed,
			}[s.Verdict]
			if s.Verdict == conformance.Inconclusive && !slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
				return c.Level == conformance.Must && c.Verdict > conformance.Warn
			}) {
				want = junit.StatusPassed // of no MUST is anything open
			}
			if s.Known() {
				want = junit.StatusSkipped
			}
			require.Equal(t, want, seen[s.ID], "%s: %s", name, s.ID)
		}
		green := rep.Verdict == conformance.Pass || rep.Verdict == conformance.Warn
		require.Equal(t, green, red == 0, "%s is %s", name, rep.Verdict)
	}
}

// The format as CI servers' schemas have it: which elements and attributes there are, where, and sums that are right.
func TestJUnitKeepsToTheFormat(t *testing.T) {
	children := map[string][]string{
		"": {"testsuites"}, "testsuites": {"testsuite"}, "testsuite": {"properties", "testcase"}, "properties": {"property"}, "property": {},
		"testcase": {"properties", "failure", "error", "skipped", "system-out"}, "failure": {}, "error": {}, "skipped": {}, "system-out": {},
	}
	attributes := map[string][]string{
		"testsuites": {"name", "tests", "failures", "errors", "skipped", "time"}, "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
		"properties": {}, "property": {"name", "value"}, "testcase": {"classname", "name", "time"},
		"failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message"}, "system-out": {},
	}
	for name, rep := range kinds(t) {
		text := render(t, "junit", rep)
		require.True(t, strings.HasPrefix(text, `<?xml version="1.0" encoding="UTF-8"?>`))
		d := xml.NewDecoder(strings.NewReader(text))
		path := []string{""}
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
			switch tok := tok.(type) {
			case xml.StartElement:
				require.Contains(t, children[path[len(path)-1]], tok.Name.Local)
				for _, a := range tok.Attr {
					require.Contains(t, attributes[tok.Name.Local], a.Name.Local, tok.Name.Local)
				}
				path = append(path, tok.Name.Local)
			case xml.EndElement:
				path = path[:len(path)-1]
			case xml.CharData:
				if !slices.Contains([]string{"failure", "error", "skipped", "system-out"}, path[len(path)-1]) {
					require.Empty(t, strings.TrimSpace(string(tok)), "text in %s", path[len(path)-1])
				}
			}
		}
		sums(t, text)
	}
}

func sums(t *testing.T, text string) {
	t.Helper()
	type counts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	var run struct {
		counts
		Suites []struct {
			counts
			Cases []struct {
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(text), &run))
	var all counts
	for _, s := range run.Suites {
		var c counts
		for _, tc := range s.Cases {
			c.Tests++
			outcomes := 0
			for p, there := range map[*int]bool{&c.Failures: tc.Failure != nil, &c.Errors: tc.Error != nil, &c.Skipped: tc.Skipped != nil} {
				if there {
					*p++
					outcomes++
				}
			}
			require.LessOrEqual(t, outcomes, 1, "a case has one outcome")
		}
		require.Equal(t, s.counts, c)
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+c.Tests, all.Failures+c.Failures, all.Errors+c.Errors, all.Skipped+c.Skipped
	}
	require.Equal(t, run.counts, all)
}

// What XML has no place for does not break the file: control characters, halves of characters, the end of CDATA.
func TestJUnitOfHostileText(t *testing.T) {
	hostile := "\x00\x01\x0b\x1b[31m]]>&<\"'\xff\ufffe\uffff\U0001f36a\r\n\t"
	s := failing(exchange(1, hostile, hostile, hostile))
	s.Title, s.Reason, s.Why, s.Hint, s.Refs = hostile, hostile, hostile, hostile, []string{hostile}
	s.Checks[0].Want, s.Checks[0].Got, s.Checks[0].Text = hostile, hostile, hostile
	text := render(t, "junit", &conformance.Report{Target: hostile, Stories: []conformance.StoryResult{s}, Stale: []string{hostile}, Verdict: conformance.Fail})
	require.True(t, utf8.ValidString(text))
	for _, r := range text {
		allowed := r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
		require.True(t, allowed, "%U is no character of XML 1.0", r)
	}
	suites, err := junit.Ingest([]byte(text))
	require.NoError(t, err)
	require.Len(t, suites, 2)
	require.Equal(t, "test.story", suites[0].Tests[0].Name)
}
