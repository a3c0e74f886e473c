package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
)

// startLogins serves a faulty server that has no refresh yet: only these paths, and no cookie.
func startLogins(t *testing.T, paths []string, faults ...string) conformance.Options {
	t.Helper()
	inner, err := faulty.New(faulty.Options{Faults: faults})
	require.NoError(t, err)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(paths, r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			if k != "Set-Cookie" {
				w.Header()[k] = v
			}
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(srv.Close)
	return conformance.Options{Target: srv.URL, NoRefresh: true, JWTSecret: faulty.DemoSecret, Slow: true}
}

// A server with a login and a protected endpoint passes the first two stages of the course, and nothing of the others is said to hold. What only a
// refresh shows is left to the stage that says so.
func TestNoRefreshYet(t *testing.T) {
	rep, err := conformance.Run(t.Context(), startLogins(t, []string{"/auth/login", "/me"}))
	require.NoError(t, err)
	judged, again := 0, map[string]bool{}
	for _, s := range rep.Stories {
		if s.Stage > 2 {
			require.Equal(t, conformance.NotJudged, s.Verdict, s.ID)
			continue
		}
		require.LessOrEqual(t, s.Verdict, conformance.Pass, "%s: %s", s.ID, s.Reason)
		if s.Verdict == conformance.Pass {
			judged++
		}
		again[s.ID] = slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool { return strings.Contains(c.Got, "no refresh yet") })
	}
	require.GreaterOrEqual(t, judged, 11)
	require.Contains(t, rep.Run.Notes, "judged without a refresh, by logins alone")
	for _, s := range conformance.Scenarios() {
		require.Equal(t, s.Again != 0, again[s.ID], "%s: Again must say whether a check of it waits for a refresh", s.ID)
		require.True(t, s.Again == 0 || s.Again > s.Stage, s.ID)
	}
}

// The same checks as with a refresh catch what is wrong with a login.
func TestFaultsWithoutRefresh(t *testing.T) {
	for fault, check := range map[string]string{
		"login-enum-by-response/body": "login.wrong-password/same-body",
		"login-password-not-checked":  "login.wrong-password/refused",
		"login-malformed-body-500":    "login.malformed/no-body",
		"at-alg-none-accepted":        "access.forged/alg-none",
		"at-weak-or-default-secret":   "access.secret/not-published",
		"at-aud-not-checked":          "access.signed/aud-other",
		"at-exp-absent-or-optional":   "access.claims/exp",
	} {
		rep, err := conformance.Run(t.Context(), startLogins(t, []string{"/auth/login", "/me"}, fault))
		require.NoError(t, err)
		require.Contains(t, failing(rep), check, fault)
	}
}

// Without a refresh as well, what does nothing right earns nothing. A real login is no such thing any more.
func TestNullTargetsEarnNothingWithoutRefresh(t *testing.T) {
	for _, target := range nulltarget.All() {
		if strings.Contains(target.Name, "login-then") {
			continue
		}
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			url, stop, err := target.Start()
			require.NoError(t, err)
			t.Cleanup(stop)
			rep, err := conformance.Run(t.Context(), conformance.Options{Target: url, NoRefresh: true, RequestTimeout: 100 * time.Millisecond, Patience: time.Nanosecond})
			if err != nil {
				require.ErrorIs(t, err, conformance.ErrUnavailable)
				return
			}
			for _, s := range rep.Stories {
				for _, c := range s.Checks {
					require.False(t, c.Level == conformance.Must && c.Verdict == conformance.Pass, c.ID)
				}
			}
		})
	}
}
