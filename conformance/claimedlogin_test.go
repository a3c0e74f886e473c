package conformance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// loginClaimMutants are those of what a profile claims of logins.
func loginClaimMutants() []mutant {
	replaces, saysReplaces := faulty.Dialect{Login: "replaces"}, conformance.Policy{Login: "replaces"}
	limited, saysLimited := faulty.Dialect{LoginLimit: 5}, conformance.Policy{LoginLimit: 5}
	return []mutant{
		{check: "policy.login/new-works", wrap: in("policy.login", refreshPath, 3, refusing(http.StatusUnauthorized)), does: replaces, says: saysReplaces},
		{check: "policy.login/other-device", wrap: in("policy.login", refreshPath, 4, refusing(http.StatusUnauthorized)), does: replaces, says: saysReplaces},
		{check: "operations.limit/retry-after", wrap: on(loginPath, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) { res.Header().Del("Retry-After") })
		}), does: limited, says: saysLimited},
		{check: "operations.limit/ends", wrap: on(loginPath, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
				if res.Code == http.StatusTooManyRequests {
					res.Header().Set("Retry-After", "1") // of sixty
				}
			})
		}), does: limited, says: saysLimited},
	}
}

// limiter is a limit on logins such as servers and their proxies have: by key, so many wrong passwords, or logins of any kind, within a minute.
func limiter(c *clock, most int, onlyWrong bool, key func(email string, r *http.Request) string, retryAfter func(time.Duration) string) wrap {
	var mu sync.Mutex
	recent := map[string][]time.Time{}
	return on(loginPath, func(h hop) {
		k := key(peekEmail(h.r), h.r)
		mu.Lock()
		for len(recent[k]) > 0 && c.now().Sub(recent[k][0]) > time.Minute {
			recent[k] = recent[k][1:]
		}
		full := len(recent[k]) >= most
		if full {
			h.w.Header().Set("Retry-After", retryAfter(time.Minute-c.now().Sub(recent[k][0])))
		}
		mu.Unlock()
		if full {
			h.refuse(http.StatusTooManyRequests)
			return
		}
		h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
			mu.Lock()
			defer mu.Unlock()
			if res.Code == http.StatusUnauthorized || !onlyWrong {
				recent[k] = append(recent[k], c.now())
			}
		})
	})
}

// peekEmail reads who logs in, and leaves the body as it was.
func peekEmail(r *http.Request) string {
	raw, _ := io.ReadAll(r.Body) // what broke off is nobody's
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var body struct{ Email string }
	_ = json.Unmarshal(raw, &body) // nobody, then
	return strings.ToLower(strings.TrimSpace(body.Email))
}

// Limits of every kind keep what is claimed of them.
func TestLimitsOfEveryKind(t *testing.T) {
	connection := func(r *http.Request) string { host, _, _ := strings.Cut(r.RemoteAddr, ":"); return host }
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d/time.Second) + 1) }
	for name, l := range map[string]struct {
		key       func(email string, r *http.Request) string
		onlyWrong bool
		after     func(*clock) func(time.Duration) string
	}{
		"by account": {key: func(email string, _ *http.Request) string { return email }, onlyWrong: true},
		"by address": {key: func(_ string, r *http.Request) string { return connection(r) }, onlyWrong: true},
		"by both":    {key: func(email string, r *http.Request) string { return email + connection(r) }, onlyWrong: true},
		"behind a proxy": {key: func(_ string, r *http.Request) string {
			entries := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
			return strings.TrimSpace(entries[len(entries)-1])
		}, onlyWrong: true},
		"a date": {key: func(email string, _ *http.Request) string { return email }, onlyWrong: true, after: func(c *clock) func(time.Duration) string {
			return func(d time.Duration) string {
				return c.now().Add(d + time.Second).UTC().Format(http.TimeFormat)
			}
		}},
		"right ones count too": {key: func(email string, _ *http.Request) string { return email }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &clock{}
			s, err := faulty.New(faulty.Options{Now: c.now, Secure: true})
			require.NoError(t, err)
			after := seconds
			if l.after != nil {
				after = l.after(c)
			}
			srv := httptest.NewServer(limiter(c, 6, l.onlyWrong, l.key, after)(s))
			t.Cleanup(srv.Close)
			rep, err := conformance.Run(t.Context(), conformance.Options{
				Target: srv.URL, Advance: c.advance, Production: true, Patience: time.Nanosecond,
				Profile: conformance.Profile{Policy: conformance.Policy{LoginLimit: 6}}, Run: []string{"rotation.rotates", "operations.limit"},
			})
			require.NoError(t, err)
			conforms(t, rep)
			require.Len(t, rep.Stories, 2)
		})
	}
}

// Without a clock hook, and where the wait is longer than the run may wait, it is left open whether the limit ends.
func TestLimitThatIsTooLong(t *testing.T) {
	s, err := faulty.New(faulty.Options{Dialect: faulty.Dialect{LoginLimit: 5}})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	rep, err := conformance.Run(t.Context(), conformance.Options{
		Target: srv.URL, MaxWait: time.Second, Patience: time.Nanosecond, Profile: conformance.Profile{Policy: conformance.Policy{LoginLimit: 5}}, Run: []string{"operations.limit"},
	})
	require.NoError(t, err)
	conforms(t, rep)
	for _, c := range rep.Stories[0].Checks {
		if c.ID == "operations.limit/ends" {
			require.Equal(t, conformance.NotJudged, c.Verdict)
			require.Contains(t, c.Got, "raise that, or move the clock with -advance")
		}
	}
}

// Where users come by plain http, a cookie that is not Secure is right.
func TestPlainHTTP(t *testing.T) {
	s, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	o := conformance.Options{Target: srv.URL, PlainHTTP: true, Run: []string{"cookie"}}
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	conforms(t, rep)
	o.Production = true
	_, err = conformance.Run(t.Context(), o)
	require.ErrorIs(t, err, conformance.ErrUsage)
	require.ErrorContains(t, err, "say one of these")
}
