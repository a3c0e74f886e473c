package conformance_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// Whoever cannot even log in is told what the target says is wrong with the request, in the form in which FastAPI lists it, and no secret.
func TestPreflightQuotesTheTarget(t *testing.T) {
	for answer, want := range map[string]string{
		`{"detail": "use username"}`: "answered 422 use username, so",
		`{"detail": [{"type": "missing", "loc": ["body", "username"], "msg": "Field required", "input": {"password": "alice-demo-password"}}]}`: "answered 422 body: username: Field required, so",
		`{"detail": ["odd", 1]}`:           "answered 422",
		`{"detail": {"email": "missing"}}`: "answered 422, so",
		`nothing of the kind`:              "answered 422, so",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, answer)
		}))
		t.Cleanup(srv.Close)
		_, err := conformance.Run(t.Context(), conformance.Options{Target: srv.URL})
		require.ErrorIs(t, err, conformance.ErrUnavailable)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "demo-password")
	}
}

// A login that fails is told what fits its status.
func TestPreflightSaysWhatFitsTheStatus(t *testing.T) {
	for status, want := range map[int]string{404: "is that the path", 405: "is that the path", 400: "login.body", 422: "login.body", 429: "is there a limit", 500: "an error of the server's own", 503: "an error of the server's own", 204: ""} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(srv.Close)
		_, err := conformance.Run(t.Context(), conformance.Options{Target: srv.URL, Patience: time.Nanosecond})
		require.ErrorIs(t, err, conformance.ErrUnavailable)
		require.ErrorContains(t, err, want)
		if status >= 400 {
			require.Equal(t, status == 404 || status == 405, strings.Contains(err.Error(), "-login"), err)
		}
	}
}

// A refresh or a protected endpoint that is not there is one line, and no hundred failures; a logout is asked about where it fails.
func TestPathsThatAreNotThere(t *testing.T) {
	for profile, want := range map[string]string{
		`{"refresh": {"path": "/auth/renew"}}`: "POST /auth/renew answered 404: is that the path and the method? -refresh names another path",
		`{"me": {"path": "/who"}}`:             "GET /who answered 404: is that the path and the method? -me names another path, or - where",
	} {
		o := start(t)
		var err error
		o.Profile, err = conformance.ParseProfile([]byte(profile))
		require.NoError(t, err)
		_, err = conformance.Run(t.Context(), o)
		require.ErrorIs(t, err, conformance.ErrUnavailable)
		require.ErrorContains(t, err, want)
		o.Building, o.Run = true, []string{"rotation.rotates"}
		_, err = conformance.Run(t.Context(), o)
		require.NoError(t, err)
	}
	o := start(t)
	o.Profile.Logout.Path, o.Run = "/auth/leave", []string{"logout.ends"}
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, conformance.Fail, rep.Stories[0].Verdict)
	require.Contains(t, rep.Stories[0].Hint, "POST /auth/leave answered 404: is that the path")
	require.NotContains(t, rep.Stories[0].Hint, "revoke the family")
}

// What is said to mean and to try is that of the check which failed.
func TestAdviceOfTheCheck(t *testing.T) {
	for fault, check := range map[string][2]string{
		"tx-401-without-challenge":    {"http.answers", "send WWW-Authenticate: Bearer with each 401"},
		"tx-wrong-status/refresh-400": {"http.answers", "refresh.refused_is"},
		"login-email-not-normalized":  {"login.success", "compare it in lower case"},
		"reuse-plain-401":             {"reuse.revokes-family", "revoke in a statement of its own"},
	} {
		o := start(t, fault)
		o.Run = []string{check[0]}
		rep, err := conformance.Run(t.Context(), o)
		require.NoError(t, err)
		require.Greater(t, rep.Stories[0].Verdict, conformance.Pass, fault)
		require.Contains(t, rep.Stories[0].Hint, check[1], fault)
	}
	for id := range conformance.Advice() {
		require.True(t, knownCheck(id), "%s has advice and does not exist", id)
	}
}

func knownCheck(id string) bool {
	story, slug, _ := strings.Cut(id, "/")
	return slices.ContainsFunc(conformance.Scenarios(), func(s conformance.Scenario) bool {
		return s.ID == story && slices.ContainsFunc(s.Checks, func(c conformance.Check) bool { return c.Slug == slug && c.Why != "" && c.Hint != "" })
	})
}

// A grace that spares the grandparent too is not told to be claimed where it is; nor are two live tokens, which nothing claims away.
func TestGrandparentIsNamed(t *testing.T) {
	grace := conformance.Policy{Rotation: "grace", GraceSeconds: 10, GraceAnswer: "sibling"}
	strict := speaking(t, faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second, GraceAnswer: "sibling"}, conformance.Policy{})
	claimed := start(t, "reuse-grace-covers-any-ancestor")
	claimed.Profile.Policy = grace
	for want, o := range map[string]conformance.Options{
		"but no profile two live tokens of one family":   strict,
		"the grandparent of the live token was accepted": claimed,
	} {
		o.Run = []string{"reuse.replay"}
		rep, err := conformance.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, conformance.Fail, rep.Stories[0].Verdict)
		require.Contains(t, rep.Stories[0].Checks[0].Got, want)
		require.NotContains(t, rep.Stories[0].Checks[0].Got, "the profile must claim it")
	}
}

// Where the refresh token travels in no cookie, no judged check speaks of one that the target should have; where refusals are 400, none is said to be 401.
func TestWordsOfTheProfile(t *testing.T) {
	speaks := regexp.MustCompile(`refresh cookie|Set-Cookie|its cookie|without a cookie|the cookie (undefined|null)|an empty cookie`)
	for name, sh := range cookielessShapes() {
		o := startShape(t, sh)
		o.Run = []string{"login", "rotation", "reuse", "logout", "http"}
		rep, err := conformance.Run(t.Context(), o)
		require.NoError(t, err)
		for _, s := range rep.Stories {
			if s.Verdict == conformance.NotJudged {
				continue
			}
			require.NotRegexp(t, speaks, s.Title+s.Why+s.Hint, "%s: %s", name, s.ID)
			for _, c := range s.Checks {
				if c.Verdict != conformance.NotJudged {
					require.NotRegexp(t, speaks, c.Text+c.Want, "%s: %s", name, c.ID)
				}
				if strings.HasSuffix(c.ID, "/status-401") && strings.HasPrefix(s.ID, "http.") {
					named := o.Profile.Refresh.Refused
					require.Equal(t, named == nil || slices.Contains(named, 401), strings.Contains(c.Text, "401"), "%s: %s", name, c.Text)
				}
			}
		}
	}
}

// A refusal with the right status and another code shows both.
func TestRefusalCodeIsNamed(t *testing.T) {
	o := start(t, "tx-wrong-status/refresh-400")
	var err error
	o.Profile, err = conformance.ParseProfile([]byte(`{"refresh": {"refused": [400], "refused_is": ["invalid_grant"]}, "answer": {"refused_at": "/title"}}`))
	require.NoError(t, err)
	o.Run = []string{"http.answers"}
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	for _, c := range rep.Stories[0].Checks {
		if c.ID == "http.answers/status-401" {
			require.Equal(t, "every refused refresh token is answered with 400", c.Text)
			require.Equal(t, "400 with invalid_grant at /title", c.Want)
			require.Regexp(t, "^400 with .+ at /title$", c.Got)
		}
	}
}

// An instance for expiry whose tokens live long is told how long.
func TestExpiryTargetThatLivesLong(t *testing.T) {
	o, long := start(t), start(t)
	o.Advance, o.ExpiryTarget, o.Run = nil, long.Target, []string{"expiry.refresh", "reuse.replay"}
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	reasons := ""
	for _, s := range rep.Stories {
		reasons += s.Reason
	}
	require.Contains(t, reasons, "at the -expiry-target a refresh token lives 720h")
}
