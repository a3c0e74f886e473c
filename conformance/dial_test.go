package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// A client speaks every profile, and says what came of a call.
func TestDial(t *testing.T) {
	shapes := cookielessShapes()
	shapes["kit"] = shape{profile: "kit"}
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			healthy, err := faulty.New(faulty.Options{})
			require.NoError(t, err)
			var h http.Handler = healthy
			if name != "kit" {
				h = s.handler(healthy, time.Now)
			}
			srv := httptest.NewServer(h)
			t.Cleanup(srv.Close)
			o := conformance.Options{Target: srv.URL}
			o.Profile = s.load(t)
			c, err := conformance.Dial(t.Context(), o)
			require.NoError(t, err)
			defer c.Close()
			require.Equal(t, conformance.DemoUsers(), c.Users())

			login := c.Login(t.Context(), c.Users()[0])
			require.Equal(t, conformance.Accepted, login.Outcome)
			require.NotEmpty(t, login.Refresh)
			require.NotEmpty(t, login.Access)
			next := c.Refresh(t.Context(), login.Refresh, login.Access)
			require.Equal(t, conformance.Accepted, next.Outcome)
			require.Equal(t, "200", next.Kind, "the status")
			require.Positive(t, next.Took)
			require.NotEqual(t, login.Refresh, next.Refresh)
			require.Equal(t, conformance.Accepted, c.Logout(t.Context(), next.Refresh, next.Access).Outcome)
			dead := c.Refresh(t.Context(), next.Refresh, next.Access)
			require.Equal(t, conformance.Refused, dead.Outcome)
			require.Empty(t, dead.Refresh)
			require.Equal(t, conformance.Refused, c.Login(t.Context(), conformance.User{Email: "alice@example.com", Password: "wrong"}).Outcome)
		})
	}
}

// What an answer, or its absence, says nothing about is undecided, under few names.
func TestDialUndecided(t *testing.T) {
	healthy, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	var trouble atomic.Pointer[http.HandlerFunc]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := trouble.Load(); h != nil {
			(*h)(w, r)
			return
		}
		healthy.ServeHTTP(w, r)
	}))
	c, err := conformance.Dial(t.Context(), conformance.Options{Target: srv.URL, RequestTimeout: 200 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, 30*24*time.Hour, c.RefreshLife())
	for kind, h := range map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"connection lost": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"time-out":        func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		trouble.Store(&h)
		r := c.Refresh(t.Context(), "x", "")
		require.Equal(t, conformance.Undecided, r.Outcome, kind)
		require.Equal(t, kind, r.Kind)
	}
	srv.Close()
	require.Eventually(t, func() bool { // a connection that was kept may be lost first
		return c.Refresh(t.Context(), "x", "").Kind == conformance.ConnectionRefused
	}, 5*time.Second, time.Millisecond)
}

// Dial refuses what Run refuses.
func TestDialRefuses(t *testing.T) {
	_, err := conformance.Dial(t.Context(), conformance.Options{Target: "http://192.0.2.1"})
	require.ErrorIs(t, err, conformance.ErrUsage)
	require.ErrorContains(t, err, "-allow-remote")
	_, err = conformance.Dial(t.Context(), conformance.Options{Target: "http://127.0.0.1:1"})
	require.ErrorIs(t, err, conformance.ErrUnavailable)
}
