package probe_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// find probes without the policy, which has tests of its own.
func find(t *testing.T, h http.Handler, o probe.Options) (*probe.Result, error) {
	t.Helper()
	o.NoPolicy, o.Run.Target = true, start(t, h)
	return probe.Run(t.Context(), o)
}

// before does something with each request, and lets it through unless it has answered.
func before(h http.Handler, f func(w http.ResponseWriter, r *http.Request) (answered bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f(w, r) {
			h.ServeHTTP(w, r)
		}
	})
}

func TestUsage(t *testing.T) {
	for want, o := range map[string]probe.Options{
		"no target":              {},
		"-allow-remote":          {Run: conformance.Options{Target: "http://192.0.2.1"}},
		"one user is not enough": {Run: conformance.Options{Target: "http://127.0.0.1:1", Users: conformance.DemoUsers()[:1]}},
	} {
		_, err := probe.Run(t.Context(), o)
		require.ErrorIs(t, err, conformance.ErrUsage)
		require.ErrorContains(t, err, want)
	}
	_, err := probe.Run(t.Context(), probe.Options{Run: conformance.Options{Target: "http://127.0.0.1:1"}})
	require.ErrorIs(t, err, conformance.ErrUnavailable)
	require.ErrorContains(t, err, "connection refused")
	_, err = find(t, healthy(t, &clock{}), probe.Options{OpenAPI: "no-such-file.json"})
	require.ErrorIs(t, err, conformance.ErrUsage)
}

// A server that knows every path and refuses every password gets few of either.
func TestBounds(t *testing.T) {
	var requests, passwords atomic.Int64
	refusing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		var in members
		if json.NewDecoder(r.Body).Decode(&in) == nil && in["password"] != nil || r.PostFormValue("password") != "" {
			passwords.Add(1)
		}
		http.Error(w, `{"error":"`+strings.ReplaceAll(r.URL.Path, "/", " ")+` says no"}`, http.StatusUnauthorized)
	})
	_, err := find(t, refusing, probe.Options{})
	require.ErrorIs(t, err, probe.ErrNotFound)
	assert.LessOrEqual(t, requests.Load(), int64(200))
	assert.LessOrEqual(t, passwords.Load(), int64(6))
	assert.Positive(t, passwords.Load())

	requests.Store(0)
	_, err = find(t, refusing, probe.Options{Requests: 7})
	require.ErrorIs(t, err, probe.ErrNotFound)
	require.ErrorContains(t, err, "7 requests were not enough")
	require.EqualValues(t, 7, requests.Load())
}

// A 429 is waited for as long as it asks, if there is patience for that, and is the end otherwise.
func TestTooManyRequests(t *testing.T) {
	var requests, early atomic.Int64
	var until atomic.Pointer[time.Time]
	limited := func(times int64) http.Handler {
		requests.Store(0)
		until.Store(&time.Time{})
		return before(healthy(t, &clock{}), func(w http.ResponseWriter, _ *http.Request) bool {
			if time.Now().Before(*until.Load()) {
				early.Add(1)
			}
			n := requests.Add(1)
			if n < 5 || n >= 5+times {
				return false
			}
			next := time.Now().Add(900 * time.Millisecond)
			until.Store(&next)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
	}
	_, err := find(t, limited(1), probe.Options{})
	require.NoError(t, err)
	require.Zero(t, early.Load())

	_, err = find(t, limited(1000), probe.Options{Run: conformance.Options{Patience: time.Second}})
	require.ErrorIs(t, err, conformance.ErrUnavailable)
	require.ErrorContains(t, err, "429, too many requests (Retry-After: 1s)")
	require.EqualValues(t, 6, requests.Load(), "nothing is sent after the second")
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 5 {
			cancel()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(srv.Close)
	begin := time.Now()
	_, err := probe.Run(ctx, probe.Options{Run: conformance.Options{Target: srv.URL}})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begin), 5*time.Second)
	require.EqualValues(t, 5, requests.Load())
}

// What a profile cannot say, or the probe cannot find, it says in words that help.
func TestMessages(t *testing.T) {
	kit := func(q query) (int, any) { g := q.login("email", "password"); return g.pair(g.camel()) }
	refresh := func(q query) (int, any) {
		g := q.refresh(q.text("refreshToken"))
		return g.pair(members{"data": g.camel()})
	}
	for _, tt := range []struct {
		name  string
		s     server
		users []conformance.User
		want  string
	}{
		{"Devise, with the token in a header", server{routes: map[string]route{"POST /users/sign_in": func(q query) (int, any) {
			user, _ := q.in["user"].(members)
			q.in = user
			g := q.login("email", "password")
			if g.status == 200 {
				q.w.Header().Set("Authorization", "Bearer "+g.access)
			}
			return g.pair(members{"id": 1})
		}}}, nil, "nothing that looks like a refresh token"},
		{"a session in a cookie", server{routes: map[string]route{"POST /login": func(q query) (int, any) {
			http.SetCookie(q.w, &http.Cookie{Name: "sessionid", Value: "0123456789abcdef", HttpOnly: true})
			return 200, members{"ok": true}
		}}}, nil, "none of it looks like an access token"},
		{"no refresh", server{routes: map[string]route{"POST /login": kit}}, nil, "(/refreshToken), but nothing takes it; name the refresh with -refresh PATH"},
		{"tokens that move", server{routes: map[string]route{"POST /login": kit, "POST /refresh": refresh}}, nil, "its answer has the access token at /data/accessToken, and the login's at /accessToken"},
		{"a wrong password", server{routes: map[string]route{"POST /login": kit}}, []conformance.User{{Email: "ann@example.com", Password: "hush-hush"}, {Email: "b", Password: "c"}}, "no login worked for ann@example.com; does the account exist there"},
		{"nothing but 403", server{all: func(int, any) (int, any) { return 403, members{} }}, nil, "answered as a path that does not exist (403)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := find(t, tt.s.handler(healthy(t, &clock{})), probe.Options{Run: conformance.Options{Users: tt.users}})
			require.ErrorIs(t, err, probe.ErrNotFound)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "hush-hush")
			require.NotContains(t, err.Error(), "eyJ")
		})
	}
}

// Paths that are given are not searched; a slash that the framework wants is put there.
func TestGivenPaths(t *testing.T) {
	s := server{routes: map[string]route{
		"POST /in/":    func(q query) (int, any) { g := q.login("email", "password"); return g.pair(g.camel()) },
		"POST /again/": func(q query) (int, any) { g := q.refresh(q.text("refreshToken")); return g.pair(g.camel()) },
		"POST /out/":   func(q query) (int, any) { g := q.logout(q.text("refreshToken")); return g.status, nil },
		"GET /mine/":   query.me,
	}}
	var seen []string
	slashes := before(s.handler(healthy(t, &clock{})), func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.URL.Path)
		switch {
		case strings.HasSuffix(r.URL.Path, "/") || len(seen) < 3:
			return false
		case r.Method == "GET":
			http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
		default: // as Django with DEBUG
			http.Error(w, "RuntimeError: You called this URL via POST, but the URL doesn't end in a slash and you have APPEND_SLASH set.", http.StatusInternalServerError)
		}
		return true
	})
	r, err := find(t, slashes, probe.Options{Login: "/in", Refresh: "/again", Logout: "/out", Me: "/mine"})
	require.NoError(t, err)
	require.Equal(t, []string{"/in/", "/again/", "/out/", "/mine/"}, []string{r.Profile.Login.Path, r.Profile.Refresh.Path, r.Profile.Logout.Path, r.Profile.Me.Path})
	require.Less(t, r.Requests, 30)
	require.NotContains(t, seen, "/auth/login")

	_, err = find(t, healthy(t, &clock{}), probe.Options{Login: "/nowhere"})
	require.ErrorIs(t, err, probe.ErrNotFound)
	require.ErrorContains(t, err, "there is no login at /nowhere: POST answered 404")
}

// A document from a file, as Swagger 2 has it, and the third user for the wrong password.
func TestDocumentFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "swagger.json")
	require.NoError(t, os.WriteFile(file, []byte(`{
		"swagger": "2.0", "basePath": "/v9", "paths": {
			"/enter": {"post": {"operationId": "login", "parameters": [{"in": "body", "name": "b", "schema": {"properties": {"mail": {}, "pwd": {}, "remember": {"type": "boolean"}}}}]}},
			"/extend": {"post": {"operationId": "refresh", "parameters": [{"in": "query", "name": "refreshToken"}]}},
			"/leave": {"delete": {"operationId": "logout"}}}}`), 0o600))
	s := server{routes: map[string]route{
		"POST /v9/enter": func(q query) (int, any) { g := q.login("mail", "pwd"); return g.pair(g.camel()) },
		"POST /v9/extend": func(q query) (int, any) {
			g := q.refresh(q.r.URL.Query().Get("refreshToken"))
			return g.pair(g.camel())
		},
		"DELETE /v9/leave": func(q query) (int, any) { g := q.logout(q.r.URL.Query().Get("refreshToken")); return g.status, nil },
	}}
	var refused string
	kit, err := faulty.New(faulty.Options{Users: map[string]string{"a@x.y": "password-a", "b@x.y": "password-b", "c@x.y": "password-c"}})
	require.NoError(t, err)
	spied := before(kit, func(_ http.ResponseWriter, r *http.Request) bool {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		var in struct{ Email, Password string }
		if json.Unmarshal(raw, &in) == nil && in.Password != "" && !strings.HasPrefix(in.Password, "password-") {
			refused += in.Email
		}
		return false
	})
	r, err := find(t, s.handler(spied), probe.Options{OpenAPI: file, Run: conformance.Options{Users: []conformance.User{{Email: "a@x.y", Password: "password-a"}, {Email: "b@x.y", Password: "password-b"}, {Email: "c@x.y", Password: "password-c"}}}})
	require.NoError(t, err)
	require.Equal(t, "/v9/enter", r.Profile.Login.Path)
	require.Equal(t, members{"mail": "{email}", "pwd": "{password}"}, r.Profile.Login.Body)
	require.Equal(t, map[string]string{"refreshToken": "{refresh_token}"}, r.Profile.Refresh.Query)
	require.Equal(t, "DELETE", r.Profile.Logout.Method)
	require.Equal(t, "c@x.y", refused)
}

// The policy is the suite's measurement of it.
func TestPolicy(t *testing.T) {
	c := &clock{}
	kit, err := faulty.New(faulty.Options{Now: c.now, Dialect: faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second, GraceAnswer: "sibling", Reuse: "user"}})
	require.NoError(t, err)
	var steps []string
	r, err := probe.Run(t.Context(), probe.Options{Run: conformance.Options{Target: start(t, kit), Advance: c.advance}, Progress: func(s string) { steps = append(steps, s) }})
	require.NoError(t, err)
	require.Contains(t, string(r.JSON), `"policy": {"rotation": "grace", "grace_seconds": 10, "grace_answer": "sibling", "reuse": "user"}`)
	require.Len(t, steps, 3)
	found := map[string]bool{}
	for _, f := range r.Findings {
		found[f.Member] = f.Measured
	}
	require.True(t, found["policy.rotation"])
	require.True(t, found["policy.reuse"])
	require.False(t, found["policy.lifetime"])
}

// A target with a certificate of its own is probed as it is judged.
func TestTLS(t *testing.T) {
	srv := httptest.NewTLSServer(healthy(t, &clock{}))
	t.Cleanup(srv.Close)
	o := probe.Options{NoPolicy: true, Run: conformance.Options{Target: srv.URL}}
	_, err := probe.Run(t.Context(), o)
	require.ErrorIs(t, err, conformance.ErrUnavailable)
	require.ErrorContains(t, err, "its certificate is not trusted")
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	o.Run.TLS = &tls.Config{RootCAs: roots}
	r, err := probe.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "kit", r.Preset)
}
