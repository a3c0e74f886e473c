package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

func TestExpectations(t *testing.T) {
	for _, tt := range []struct {
		name    string
		list    string
		verdict conformance.Verdict
		stale   string
	}{
		{"none", `[]`, conformance.Fail, ""},
		{"the failure is known", `[{"match": "http.caching/tokens", "expect": "fail", "reason": "the proxy adds it"}]`, conformance.Warn, ""},
		{"by its story", `[{"match": "http.caching", "expect": "fail", "reason": "the proxy adds it", "until": "2999-01-01"}]`, conformance.Warn, ""},
		{"its end has passed", `[{"match": "http.caching/*", "expect": "fail", "reason": "r", "until": "2026-01-01"}]`, conformance.Fail, "http.caching/*: its end date 2026-01-01 has passed (r)"},
		{"another failure is known", `[{"match": "http.secrecy/no-echo", "expect": "fail", "reason": "r"}]`, conformance.Fail, "http.secrecy/no-echo: does not fail any more; remove the entry (r)"},
		{"it matches nothing", `[{"match": "nonesuch.*", "expect": "fail", "reason": "r"}]`, conformance.Fail, "nonesuch.*: matches nothing that this run selected"},
		{"a story that was not selected", `[{"match": "http.caching/*", "expect": "fail", "reason": "r"}, {"match": "reuse.replay", "expect": "fail", "reason": "r"}, {"match": "login.*", "expect": "skip", "reason": "r", "until": "2026-01-01"}]`, conformance.Warn, ""},
		{"some that were not", `[{"match": "http.caching/*", "expect": "fail", "reason": "r"}, {"match": "http.s*", "expect": "fail", "reason": "r"}]`, conformance.Warn, ""},
		{"it is judged after all", `[{"match": "http.secrecy", "expect": "skip", "reason": "r"}]`, conformance.Fail, "http.secrecy: is judged now; remove the entry (r)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := start(t, "tx-no-store-missing")
			o.Run = []string{"http.caching", "http.secrecy"}
			var err error
			o.Expect, err = conformance.ParseExpectations([]byte(tt.list))
			require.NoError(t, err)
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, tt.verdict, rep.Verdict)
			if tt.stale == "" {
				require.Empty(t, rep.Stale)
			} else {
				require.Equal(t, []string{tt.stale}, rep.Stale)
			}
		})
	}
}

func TestExpectationErrors(t *testing.T) {
	for raw, want := range map[string]string{
		`{}`: "want a JSON array",
		`[{"match": "x", "expect": "fail", "why": "r"}]`: `unknown field "why"`,
		`[] []`: "there is more behind",
		`[{"match": "[", "expect": "pass", "until": "tomorrow"}]`:                  "entry 1: match \"[\" is no pattern",
		`[{"match": "x", "expect": "pass", "reason": "r"}]`:                        `entry 1: expect is "pass"; want fail or skip`,
		`[{"match": "x", "expect": "fail"}]`:                                       "entry 1: no reason is given",
		`[{"match": "x", "expect": "fail", "reason": "r", "until": "31.12.2026"}]`: `entry 1: until is "31.12.2026"; want a date`,
	} {
		_, err := conformance.ParseExpectations([]byte(raw))
		require.ErrorContains(t, err, want, raw)
	}
}
