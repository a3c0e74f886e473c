package conformance_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// checkOf is a check's result in a report.
func checkOf(t *testing.T, rep *conformance.Report, id string) conformance.CheckResult {
	t.Helper()
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if c.ID == id {
				return c
			}
		}
	}
	require.Fail(t, "the report has no check "+id)
	return conformance.CheckResult{}
}

// sameSite hides from a server where a request comes from: it has no protection but that it takes nothing which a form can send.
func sameSite() wrap {
	return on(loginPath, func(h hop) {
		h.r.Header.Del("Origin")
		h.r.Header.Del("Sec-Fetch-Site")
		h.pass()
	})
}

func behind(t *testing.T, w wrap, faults ...string) conformance.Options {
	return startAs(t, func(inner http.Handler, _ func() time.Time) http.Handler { return w(inner) }, faults...)
}

// A login that takes nothing but JSON which says so is closed to forms, whatever Origin it is sent with.
func TestJSONLoginIsClosedToForms(t *testing.T) {
	for fault, want := range map[string]conformance.Verdict{
		"": conformance.Pass, "login-csrf-simple-content-type": conformance.Warn, "login-csrf-simple-content-type/form": conformance.Warn,
	} {
		var faults []string
		if fault != "" {
			faults = append(faults, fault)
		}
		rep, _ := judge(t, behind(t, sameSite(), faults...), "http.cross-site")
		require.Equal(t, want, checkOf(t, rep, "http.cross-site/login").Verdict, fault)
	}
}

// What a target may do otherwise is reported, and the run conforms.
func TestMayIsNoWarning(t *testing.T) {
	for fault, check := range map[string]string{"login-json-duplicate-keys": "login.malformed/duplicate-keys", "login-email-not-normalized": "login.success/email-case"} {
		rep, out := judge(t, start(t, fault), "login.malformed", "login.success")
		require.Equal(t, conformance.Warn, checkOf(t, rep, check).Verdict)
		require.Equal(t, conformance.Pass, rep.Verdict)
		require.Contains(t, out, "! MAY "+check[strings.IndexByte(check, '/')+1:])
	}
}

// A user name is no e-mail: that it minds its case is nobody's business.
func TestUserNamesMayMindTheirCase(t *testing.T) {
	s, err := faulty.New(faulty.Options{Faults: []string{"login-email-not-normalized"}})
	require.NoError(t, err)
	for field, want := range map[string]conformance.Verdict{"email": conformance.Warn, "userEmail": conformance.Warn, "username": conformance.NotJudged, "login": conformance.NotJudged} {
		renamed := on(loginPath, func(h hop) { h.rename(field, "email") })(s)
		srv := httptest.NewServer(renamed)
		o := conformance.Options{Target: srv.URL}
		o.Profile, err = conformance.ParseProfile([]byte(`{"login": {"body": {"` + field + `": "{email}", "password": "{password}"}}}`))
		require.NoError(t, err)
		rep, _ := judge(t, o, "login.success")
		require.Equal(t, want, checkOf(t, rep, "login.success/email-case").Verdict, field)
		srv.Close()
	}
}

// rename gives a member of a body the name that the server knows.
func (h hop) rename(from, to string) {
	raw, _ := io.ReadAll(h.r.Body) // what broke off is malformed
	h.r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(raw), `"`+from+`"`, `"`+to+`"`, 1)))
	h.r.ContentLength = -1
	h.pass()
}

// A clock hook that ends well and moves nothing blocks what waits; nothing is judged by a time that never came.
func TestClockHookThatMovesNothing(t *testing.T) {
	o := start(t)
	o.Advance = func(context.Context, time.Duration) error { return nil }
	rep, out := judge(t, o, "expiry", "logout.ends")
	require.Equal(t, conformance.Inconclusive, rep.Verdict)
	require.Empty(t, failing(rep))
	for _, s := range rep.Stories {
		if s.ID == "logout.ends" || s.ID == "expiry.stated" {
			require.Equal(t, conformance.Pass, s.Verdict)
			continue
		}
		if s.Verdict != conformance.NotJudged {
			require.Equal(t, conformance.Inconclusive, s.Verdict, s.ID)
			require.Contains(t, s.Reason, "blocked: the clock did not move: ", s.ID)
			require.Contains(t, s.Reason, "does the clock hook's command reach the server?")
		}
	}
	require.NotContains(t, out, "on trust")
}

// The claim of a limit on logins waits too.
func TestClockHookThatMovesNothingAtTheLimit(t *testing.T) {
	o := speaking(t, faulty.Dialect{LoginLimit: 10}, conformance.Policy{LoginLimit: 10})
	o.Advance = func(context.Context, time.Duration) error { return nil }
	rep, _ := judge(t, o, "operations.limit")
	require.NotEqual(t, conformance.Fail, checkOf(t, rep, "operations.limit/ends").Verdict)
	require.Contains(t, rep.Stories[0].Reason, "the clock did not move")
}

// Where nothing tells the target's time the run says so, and goes on.
func TestClockThatNobodyTells(t *testing.T) {
	all := variants()
	o := behind(t, func(h http.Handler) http.Handler { return all["opaque access tokens"](all["opaque refresh tokens"](h)) })
	rep, out := judge(t, o, "expiry.refresh")
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.Contains(t, out, "is taken on trust")
	rep, out = judge(t, behind(t, all["opaque refresh tokens"]), "expiry.refresh")
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.NotContains(t, out, "on trust")
}

// A target that goes away is not said to be wrong without a word about that.
func TestTargetThatGoesAway(t *testing.T) {
	gone := func(after int64) wrap {
		var n atomic.Int64
		return on("", func(h hop) {
			if n.Add(1) > after {
				panic(http.ErrAbortHandler)
			}
			h.pass()
		})
	}
	_, out := judge(t, behind(t, gone(20)), "reuse", "logout.ends", "http.answers")
	require.Regexp(t, `note: the target stopped answering at step 2\d \(reuse\.[a-z-]+ [a-z]+: [^)]*\); nothing after it was answered`, out)
	_, out = judge(t, start(t), "reuse", "http.answers")
	require.NotContains(t, out, "stopped answering")
}

// What is known is not called a warning as well.
func TestKnownIsCountedOnce(t *testing.T) {
	o := start(t, "tx-no-store-missing")
	var err error
	o.Expect, err = conformance.ParseExpectations([]byte(`[{"match": "http.caching/*", "expect": "fail", "reason": "the proxy adds it"}]`))
	require.NoError(t, err)
	rep, out := judge(t, o, "http.caching")
	require.Equal(t, conformance.Warn, rep.Verdict)
	require.Contains(t, out, ": conforms, but for what is known\n")
	require.Contains(t, out, "checks: 3 known; not judged: 0")
}

// Whoever asked for scripts is told why a story has none.
func TestScriptsThatThereAreNot(t *testing.T) {
	o := speaking(t, faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second}, conformance.Policy{Rotation: "grace", GraceSeconds: 10}, "reuse-grace-unbounded")
	rep, _ := judge(t, o, "grace.answer")
	require.Empty(t, rep.Stories[0].Script)
	require.Regexp(t, `^in step \d+ the suite hangs up before the answer comes`, rep.Stories[0].Without)
	var out strings.Builder
	report.Text{W: &out, Scripts: true}.Line(rep.Stories[0])
	require.Contains(t, out.String(), "no curl script: in step ")
	out.Reset()
	report.Text{W: &out}.Line(rep.Stories[0])
	require.NotContains(t, out.String(), "curl script")
}

// What a target may do otherwise takes a few lines of the terminal.
func TestMayIsShort(t *testing.T) {
	o := speaking(t, faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second}, conformance.Policy{Rotation: "grace", GraceSeconds: 10}, "reuse-grace-unbounded")
	rep, out := judge(t, o, "grace.answer")
	require.Equal(t, conformance.Warn, checkOf(t, rep, "grace.answer/bounded").Verdict)
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.NotContains(t, out, "lineage")
	require.Less(t, strings.Count(out, "\n"), 30, out)
}
