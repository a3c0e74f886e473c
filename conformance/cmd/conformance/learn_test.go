package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// pupil is the server of somebody who is on the way through the course: it has what was built so far.
type pupil struct {
	paths  []string // the calls that there are
	cookie bool     // the login sets it
}

// serve starts it, with faults.
func (p pupil) serve(t *testing.T, faults ...string) string {
	t.Helper()
	whole, err := faulty.New(faulty.Options{Faults: faults, Window: 10 * time.Millisecond})
	require.NoError(t, err)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(p.paths, r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		rec := httptest.NewRecorder()
		whole.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			if k != "Set-Cookie" || p.cookie {
				w.Header()[k] = v
			}
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func learn(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = run(t.Context(), append([]string{"learn"}, args...), func(string) string { return "" }, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// Whoever builds the server step by step is led from stage to stage.
func TestLearnGrowing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pupil pupil
		code  int
		stage string   // that it stands at
		done  int      // stages before it
		says  []string // beside
	}{
		{"nothing", pupil{}, exitFails, "Stage 1 of 11: Login", 0, []string{
			"docs/walkthrough/02-login.md", "FAIL login.success", "There is no login yet at POST /auth/login.", "The course stops at login.success.", "-hint says more",
		}},
		{"a login", pupil{paths: []string{"/auth/login"}}, exitFails, "Stage 2 of 11: The access token", 1, []string{
			"PASS access.claims", "FAIL access.required", "There is no me yet at GET /me.",
		}},
		{"a login and a protected endpoint", pupil{paths: []string{"/auth/login", "/me"}}, exitOpen, "Stage 3 of 11: The refresh cookie", 2, []string{
			"This stage begins here:", "set no cookie, so there is no refresh token to judge",
		}},
		{"a cookie", pupil{paths: []string{"/auth/login", "/me"}, cookie: true}, exitFails, "Stage 3 of 11: The refresh cookie", 2, []string{
			"FAIL rotation.rotates", "There is no refresh yet at POST /auth/refresh.",
		}},
		{"a refresh", pupil{paths: []string{"/auth/login", "/me", "/auth/refresh"}, cookie: true}, exitFails, "Stage 9 of 11: Logout", 8, []string{
			"FAIL logout.ends", "There is no logout yet at POST /auth/logout.", " -stage N, where N is 1, 2, 3, 4, 5, 6, 7, 8.",
		}},
		{"all", pupil{paths: []string{"/auth/login", "/me", "/auth/refresh", "/auth/logout"}, cookie: true}, exitConforms, "", 10, []string{
			"stage 11  Running it                       not judged: wants -admin, -logs, ", "needs a way to restart the target: -restart CMD",
			"The course is done: your server does what 10 of its 11 stages ask for", "Stage 11 is not done: nothing of it was judged.", " -stage N, where N is 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.",
			"Expiry                           done as far as it was judged: 1 story, 5 checks; the rest wants -expiry-target, -session-max-ttl\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := tt.pupil.serve(t)
			code, said := learn(t, "-target", url)
			require.Equal(t, tt.code, code, said)
			require.Equal(t, tt.done, strings.Count(said, "✓ stage "), said)
			for _, want := range append(tt.says, tt.stage, "conformance learn -target "+url) {
				if tt.stage == "" {
					want = strings.Replace(want, "conformance learn", "conformance", 1) // then the whole
				}
				require.Contains(t, said, want)
			}
		})
	}
}

// A fault is met at the stage that it belongs to, and the hint names a server that has it.
func TestLearnFaults(t *testing.T) {
	whole := pupil{paths: []string{"/auth/login", "/me", "/auth/refresh", "/auth/logout"}, cookie: true}
	for fault, at := range map[string]struct{ stage, story string }{
		"login-enum-by-response/body": {"Stage 1 of 11", "login.wrong-password"},
		"at-alg-none-accepted":        {"Stage 2 of 11", "access.forged"},
		"reuse-plain-401":             {"Stage 6 of 11", "reuse.revokes-family"},
		"conc-double-spend":           {"Stage 7 of 11", "race.refresh"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			url := whole.serve(t, fault)
			code, said := learn(t, "-target", url, "-hint")
			require.Equal(t, exitFails, code, said)
			for _, want := range []string{at.stage, "FAIL " + at.story, "The course stops at " + at.story, "faulty -fault " + fault + " ", "it shipped: ", "compare  with the reference server:"} {
				require.Contains(t, said, want)
			}
			require.Equal(t, 1, strings.Count(said, "FAIL "), "it stops at the first:\n%s", said)
			require.NotContains(t, said, "-hint says more")
		})
	}
}

// What does not hold and may is shown once, and stops nothing.
func TestLearnWarnings(t *testing.T) {
	url := pupil{paths: []string{"/auth/login", "/me"}}.serve(t, "login-email-not-normalized")
	_, said := learn(t, "-target", url)
	require.Contains(t, said, "Stage 3 of 11")
	require.Equal(t, 1, strings.Count(said, "! MAY login.success/email-case"), said)
}

func TestLearnOneStage(t *testing.T) {
	url := pupil{paths: []string{"/auth/login"}}.serve(t)
	code, said := learn(t, "-target", url, "-stage", "1")
	require.Equal(t, exitConforms, code, said)
	require.Contains(t, said, "Stage 1 of 11: Login")
	require.Contains(t, said, "PASS login.malformed")
	require.Contains(t, said, "Stage 1 is done as far as it was judged.") // -slow judges the rest
	require.NotContains(t, said, "access.claims ")
}

// Of a stage nothing of which was judged nobody can say that it is done, and of one that was judged in part only that.
func TestLearnNotJudged(t *testing.T) {
	url := pupil{paths: []string{"/auth/login", "/me", "/auth/refresh", "/auth/logout"}, cookie: true}.serve(t)
	code, said := learn(t, "-target", url, "-stage", "11")
	require.Equal(t, exitOpen, code, said)
	require.Contains(t, said, "not judged: wants -admin, ")
	require.Contains(t, said, "\nStage 11 is not done: nothing of it was judged.\n")
	code, said = learn(t, "-target", url, "-stage", "8")
	require.Equal(t, exitConforms, code, said)
	require.Contains(t, said, "\nStage 8 is done as far as it was judged.\n")
	require.NotContains(t, said, "The lessons of the stages above")
}

// A hint names no fault where the call itself is not there.
func TestLearnHintOfNothing(t *testing.T) {
	code, said := learn(t, "-target", pupil{paths: []string{"/auth/login"}}.serve(t), "-hint")
	require.Equal(t, exitFails, code, said)
	require.Contains(t, said, "hint     There is nothing to look for yet: whatever was asked of me, ")
	require.NotContains(t, said, "cmd/faulty")
	require.Contains(t, said, "compare  with the reference server:")
}

// A login that answers under another name is told where the token was looked for, and what finds it.
func TestLearnOtherMember(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"accessToken": "x.y.z", "token_type": "Bearer", "expires_in": 900}`)
	}))
	t.Cleanup(srv.Close)
	_, said := learn(t, "-target", srv.URL)
	require.Contains(t, said, "no string at /access_token of a JSON body")
	require.Contains(t, said, "answer.access_token in a profile, which conformance probe drafts")
}

// What flags gave is not printed; the line to go on with says what to export.
func TestLearnExports(t *testing.T) {
	args := []string{"-target", "http://127.0.0.1:1", "-jwt-secret", "hush", "-hint", "-lang", "en"}
	_, said := learn(t, args...)
	require.NotContains(t, said, "hush")
	require.Contains(t, said, "Export $CONFORMANCE_JWT_SECRET first, as the flags gave it.")
	c, err := parseLearn(args, func(name string) string { return strings.TrimPrefix(name, "CONFORMANCE_USERS") }, io.Discard)
	require.NoError(t, err)
	require.Empty(t, c.unset)
	require.Equal(t, `conformance -target http://127.0.0.1:1 -jwt-secret "$CONFORMANCE_JWT_SECRET"`, c.whole)
}

// Where nothing answers, or an answer cannot be judged, the next step is said.
func TestLearnWithoutServer(t *testing.T) {
	code, said := learn(t, "-target", "http://127.0.0.1:1")
	require.Equal(t, exitUnavailable, code)
	for _, want := range []string{"Stage 1 of 11: Login", "connection refused", "Start it there, in whatever language you like"} {
		require.Contains(t, said, want)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(broken.Close)
	code, said = learn(t, "-target", broken.URL)
	require.Equal(t, exitUnavailable, code)
	require.Contains(t, said, "closed")
}

func TestLearnUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"no target: say where your server is":      {},
		"-stage 12: there are stages 1 to 11":      {"-stage", "12"},
		`there are no lessons in "xx"`:             {"-lang", "xx"},
		`unexpected "extra"`:                       {"-target", "http://127.0.0.1:1", "extra"},
		"flag provided but not defined: -nonesuch": {"-nonesuch"},
		"is another host":                          {"-target", "http://192.0.2.1"},
	} {
		code, said := learn(t, args...)
		require.Equal(t, exitUsage, code, said)
		require.Contains(t, said, want)
	}
	code, said := learn(t, "-list")
	require.Equal(t, exitConforms, code)
	require.Contains(t, said, " 6  Theft, replay and the family\n")
	require.Contains(t, said, "again  access.signed")
	require.Regexp(t, `\n      - +grace\.answer`, said)
	code, said = learn(t, "-h")
	require.Equal(t, exitConforms, code)
	require.Contains(t, said, "-stage number")
}

// Ctrl-C ends it at once.
func TestLearnInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else it does not notice that the client is gone
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	var stdout, stderr strings.Builder
	started := time.Now()
	code := run(ctx, []string{"learn", "-target", srv.URL}, func(string) string { return "" }, &stdout, &stderr)
	require.Equal(t, exitInterrupted, code, stdout.String())
	require.Less(t, time.Since(started), 5*time.Second)
	require.Contains(t, stderr.String(), "interrupted")
}
