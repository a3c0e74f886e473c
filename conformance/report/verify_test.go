package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// expecting is a run in which one failure is known, one expectation is stale, and one is met by a gap.
func expecting(t *testing.T, list string) *conformance.Report {
	t.Helper()
	o := served(t, "tx-no-store-missing", "tx-401-without-challenge")
	var err error
	o.Run = []string{"http.caching", "http.answers", "login.timing", "reuse.replay"}
	o.Expect, err = conformance.ParseExpectations([]byte(list))
	require.NoError(t, err)
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	return rep
}

const knownList = `[{"match": "http.caching/*", "expect": "fail", "reason": "the proxy adds it", "until": "2999-01-31", "link": "https://example.com/12"}, {"match": "login.timing", "expect": "skip", "reason": "too slow here"}]`

func kinds(t *testing.T) map[string]*conformance.Report {
	green, _, _, err := judge(nil, "rotation.rotates", "reuse.replay", "login.timing")
	require.NoError(t, err)
	o := served(t, "reuse-plain-401")
	o.Restart, o.Run = func(context.Context) error { return nil }, []string{"operations.restart", "reuse.revokes-family"}
	restarted, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	return map[string]*conformance.Report{
		"restarted": restarted,
		"red":       twofold(t).rep, "green": green, "empty": {Schema: 1, Catalogue: conformance.CatalogueDigest()},
		"known": expecting(t, knownList),
		"stale": expecting(t, strings.Replace(knownList, "[", `[{"match": "reuse.replay", "expect": "fail", "reason": "r"}, `, 1)),
	}
}

// A report that the suite wrote is whole, whatever it found, and is what the published schema says.
func TestWrittenReportsVerify(t *testing.T) {
	raw, err := os.Open("../report.schema.json")
	require.NoError(t, err)
	defer raw.Close()
	text, err := jsonschema.UnmarshalJSON(raw)
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("report.schema.json", text))
	schema, err := c.Compile("report.schema.json")
	require.NoError(t, err)

	for name, rep := range kinds(t) {
		written := render(t, "json", rep)
		read, err := report.Verify(strings.NewReader(written))
		require.NoError(t, err, name)
		require.Equal(t, rep.Verdict, read.Verdict)
		require.Equal(t, written, render(t, "json", read), "%s: nothing is lost", name)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(written))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(doc), name)
	}
	for _, wrong := range []string{`{}`, `{"schema": 2}`, strings.Replace(render(t, "json", twofold(t).rep), `"verdict": "fail"`, `"verdict": "red"`, 1), strings.Replace(render(t, "json", twofold(t).rep), `"suite"`, `"sweet"`, 1)} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		require.NoError(t, err)
		require.Error(t, schema.Validate(doc))
	}
}

// Expectations turn a failure into a warning, and a stale one turns the run red; both survive being read.
func TestVerifyKnowsExpectations(t *testing.T) {
	all := kinds(t)
	require.Equal(t, conformance.Warn, all["known"].Verdict)
	require.Equal(t, conformance.Fail, all["stale"].Verdict)
	require.NotEmpty(t, all["stale"].Stale)
}

// Whoever changes a report so that it contradicts itself is found out.
func TestTamperedReports(t *testing.T) {
	for name, tt := range map[string]struct {
		of     string
		tamper func(r *conformance.Report)
		want   string
	}{
		"the run's verdict":        {"red", func(r *conformance.Report) { r.Verdict = conformance.Pass }, "verdict is pass, but the stories make it fail"},
		"a story's verdict":        {"red", func(r *conformance.Report) { failed(r).Verdict = conformance.Pass }, "is pass, but its checks make it fail"},
		"a check's verdict":        {"red", func(r *conformance.Report) { failedCheck(r).Verdict = conformance.Pass }, "counts say"},
		"a pass that wanted":       {"red", func(r *conformance.Report) { failedCheck(r).Verdict = conformance.Pass }, "but the check passed"},
		"a check is gone":          {"red", func(r *conformance.Report) { s := failed(r); s.Checks = s.Checks[1:] }, "are without"},
		"a check is gone, counted": {"green", func(r *conformance.Report) { s := &r.Stories[0]; s.Checks = s.Checks[1:]; r.Counts = r.Tally() }, "are without"},
		"a story is gone":          {"red", func(r *conformance.Report) { r.Stories = r.Stories[1:] }, "counts say"},
		"a count":                  {"red", func(r *conformance.Report) { r.Counts.Fail-- }, "counts say"},
		"the events":               {"restarted", func(r *conformance.Report) { r.Run.Requests, r.Run.Events = r.Run.Requests-1, 0 }, "but the run made"},
		"the requests":             {"red", func(r *conformance.Report) { r.Run.Requests = 3 }, "but the run made 3 requests and had 0 events"},
		"a level": {"red", func(r *conformance.Report) {
			c := failedCheck(r)
			c.Level, c.Verdict = conformance.Should, conformance.Warn
		}, "but the catalogue"},
		"a MUST that warns":        {"red", func(r *conformance.Report) { failedCheck(r).Verdict = conformance.Warn }, "a MUST that does not hold fails"},
		"made up to be known":      {"red", func(r *conformance.Report) { failedCheck(r).Expected = "x" }, "counts say"},
		"a pass that is known":     {"green", func(r *conformance.Report) { r.Stories[1].Checks[0].Expected = "x"; r.Counts = r.Tally() }, "is a failure or a gap, but the check is pass"},
		"stale ones are gone":      {"stale", func(r *conformance.Report) { r.Stale = nil }, "verdict is fail, but the stories make it warn"},
		"stopped, and hidden":      {"green", func(r *conformance.Report) { r.Run.Notes = append(r.Run.Notes, "the run was stopped before its end") }, "but the stories make it inconclusive"},
		"a foreign check":          {"red", func(r *conformance.Report) { failedCheck(r).ID = "reuse.other/x" }, `"reuse.other/x" is not a check of`},
		"a check twice":            {"red", func(r *conformance.Report) { s := failed(r); s.Checks = append(s.Checks, s.Checks[0]) }, "occurs twice"},
		"a step that is not there": {"red", func(r *conformance.Report) { failed(r).Steps = nil }, "which is not among the story's steps"},
		"another version":          {"red", func(r *conformance.Report) { r.Schema = 2 }, "schema is 2; this suite"},
	} {
		t.Run(name, func(t *testing.T) {
			written := render(t, "json", kinds(t)[tt.of])
			var r conformance.Report
			require.NoError(t, json.Unmarshal([]byte(written), &r))
			tt.tamper(&r)
			_, err := report.Verify(strings.NewReader(render(t, "json", &r)))
			require.ErrorContains(t, err, tt.want)
			require.Regexp(t, `line \d+, column \d+`, err)
		})
	}
}

func failed(r *conformance.Report) *conformance.StoryResult {
	i := slices.IndexFunc(r.Stories, func(s conformance.StoryResult) bool { return s.Verdict == conformance.Fail })
	return &r.Stories[i]
}

func failedCheck(r *conformance.Report) *conformance.CheckResult {
	s := failed(r)
	i := slices.IndexFunc(s.Checks, func(c conformance.CheckResult) bool { return c.Verdict == conformance.Fail })
	return &s.Checks[i]
}

// What is not such a document at all is refused with the place.
func TestVerifyIsStrict(t *testing.T) {
	written := render(t, "json", twofold(t).rep)
	for name, tt := range map[string]struct{ text, want string }{
		"empty":    {"", "ends too early"},
		"cut":      {written[:len(written)/2], "ends too early"},
		"unknown":  {strings.Replace(written, `"suite"`, `"sweet"`, 1), `"sweet" is unknown here`},
		"missing":  {`{"schema": 1}`, "ends without"},
		"twice":    {strings.Replace(written, `"schema": 1,`, `"schema": 1, "schema": 1,`, 1), "occurs twice"},
		"type":     {strings.Replace(written, `"stage": `, `"stage": "x", "stage": `, 1), "want a number"},
		"verdict":  {strings.Replace(written, `"verdict": "fail"`, `"verdict": "red"`, 1), `unknown verdict "red"`},
		"more":     {written + "{}", "this follows it"},
		"not JSON": {"<html>", "this is not JSON"},
	} {
		_, err := report.Verify(bytes.NewReader([]byte(tt.text)))
		require.ErrorContains(t, err, tt.want, name)
	}
}
