package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// world is a server on loopback with a database of its own, the demonstration users, a clock that stands still, and a
// store that can be made to fail.
type world struct {
	t        *testing.T
	url      string
	handler  http.Handler
	sessions *session.Service
	config   session.Config // of sessions
	store    *brittleStore
	clock    *clock
	log      *syncBuffer
	secrets  map[string]string // what must never be logged, by what it is
	mu       sync.Mutex
}

type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time            { return time.UnixMicro(c.Load()).UTC() }
func (c *clock) advance(d time.Duration)   { c.Add(d.Microseconds()) }
func (w *world) user(i int) credentials    { return demoUsers()[i] }
func (w *world) secret(what, value string) { w.mu.Lock(); w.secrets[value] = what; w.mu.Unlock() }

// brittleStore is a store whose database can be away.
type brittleStore struct {
	session.Store
	down  atomic.Bool
	panic atomic.Bool
	ctx   atomic.Pointer[context.Context] // of the last call
}

var errDatabaseAway = errors.New("connection refused")

func (s *brittleStore) fails(ctx context.Context) error {
	s.ctx.Store(&ctx)
	if s.panic.Load() {
		panic("a bug")
	}
	if s.down.Load() {
		return fmt.Errorf("%w: %w", session.ErrUnavailable, errDatabaseAway)
	}
	return nil
}

func (s *brittleStore) UserByEmail(ctx context.Context, email string) (session.User, error) {
	if err := s.fails(ctx); err != nil {
		return session.User{}, err
	}
	return s.Store.UserByEmail(ctx, email)
}

func (s *brittleStore) UserByID(ctx context.Context, id token.ID) (session.User, error) {
	if err := s.fails(ctx); err != nil {
		return session.User{}, err
	}
	return s.Store.UserByID(ctx, id)
}

func (s *brittleStore) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	if err := s.fails(ctx); err != nil {
		return false, err
	}
	return s.Store.Rotate(ctx, r)
}

func (s *brittleStore) Revoke(ctx context.Context, id token.ID, reason session.Reason, at time.Time) (bool, error) {
	if err := s.fails(ctx); err != nil {
		return false, err
	}
	return s.Store.Revoke(ctx, id, reason, at)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newWorld starts a world; changes adjust what its handler is made of.
func newWorld(t *testing.T, changes ...func(*deps)) *world {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, "sqlite:////"+strings.TrimPrefix(filepath.ToSlash(filepath.Join(t.TempDir(), "test.db")), "/"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.MigrateUp(ctx)
	require.NoError(t, err)

	w := &world{t: t, store: &brittleStore{Store: db}, clock: new(clock), log: new(syncBuffer), secrets: map[string]string{goodKey: "key"}}
	w.clock.Store(time.Date(2030, 1, 2, 3, 4, 5, 678900000, time.UTC).UnixMicro())
	log := slog.New(requestLog{slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})})
	signer, err := token.New(token.Config{Secret: []byte(goodKey), Algorithm: "HS256", Issuer: "jwt-toy", Audience: "jwt-toy-client", AccessTTL: 15 * time.Minute})
	require.NoError(t, err)
	passwords, err := session.NewPasswords(4, 0)
	require.NoError(t, err)
	w.config = session.Config{
		Store: w.store, Tokens: signer, Passwords: passwords, RefreshTTL: 30 * day, SessionMaxTTL: 90 * day,
		StoreTimeout: time.Hour, Now: w.clock.now, Log: log,
	}
	w.sessions = session.New(w.config)
	for _, u := range demoUsers() {
		_, err := w.sessions.AddUser(ctx, u.Email, u.Password)
		require.NoError(t, err)
		w.secret("password", u.Password)
	}
	d := deps{sessions: w.sessions, logins: defaultLogins(t), ready: db.Ping, log: log, realm: "jwt-toy", secureCookie: true}
	for _, change := range changes {
		change(&d)
	}
	w.handler = newHandler(d)
	srv := httptest.NewServer(w.handler)
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// defaultLogins are limited as they are by default.
func defaultLogins(t *testing.T) *throttle.Logins {
	t.Helper()
	r := &reader{getenv: func(string) string { return "" }}
	l := throttle.New(throttle.Config{PerAccount: r.failures("LOGIN_FAILURES_PER_ACCOUNT"), PerAddress: r.failures("LOGIN_FAILURES_PER_ADDRESS")})
	require.Empty(t, r.problems)
	return l
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request. Each header is one line, "Name: value"; an empty body is none.
func (w *world) send(method, path, body string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ": ")
		require.True(w.t, ok, "not a header: %q", h)
		r.Header.Add(name, value)
	}
	res, err := noRedirects.Do(r)
	require.NoError(w.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return w.check(answer{res.StatusCode, res.Header, string(b)})
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// check holds for every answer of the server, whatever was asked.
func (w *world) check(a answer) answer {
	w.t.Helper()
	require.Equal(w.t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(w.t, "nosniff", a.header.Get("X-Content-Type-Options"))
	require.Len(w.t, a.header.Get("X-Request-Id"), 16)
	if a.status >= 400 {
		require.Empty(w.t, a.header.Values("Set-Cookie"), "an error never touches a cookie")
		if a.body != "" { // not after HEAD
			p := a.problem(w.t)
			require.Equal(w.t, problem{"about:blank", http.StatusText(a.status), a.status, p.Detail}, p)
			require.NotEmpty(w.t, p.Detail)
		}
	}
	require.Equal(w.t, a.status == 401, a.header.Get("WWW-Authenticate") != "")
	require.Equal(w.t, a.status == 503 || a.status == 429, a.header.Get("Retry-After") != "")
	require.Equal(w.t, a.status == 405, a.header.Get("Allow") != "")
	if c, ok := a.cookie(); ok {
		w.secret("refresh token", c.Value)
	}
	return a
}

func (a answer) problem(t *testing.T) (p problem) {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&p))
	return p
}

// cookie is the refresh cookie that the answer sets, not one that it deletes.
func (a answer) cookie() (*http.Cookie, bool) {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == cookieName && c.MaxAge > 0 {
			return c, true
		}
	}
	return nil, false
}

// pair is what a client holds after a login or a refresh.
type pair struct{ access, refresh string }

func (w *world) tokens(a answer) pair {
	w.t.Helper()
	require.Equal(w.t, 200, a.status, a.body)
	require.Equal(w.t, "application/json", a.header.Get("Content-Type"))
	var body map[string]any
	require.NoError(w.t, json.Unmarshal([]byte(a.body), &body))
	require.Len(w.t, body, 3)
	require.Equal(w.t, "Bearer", body["token_type"])
	require.Equal(w.t, "900", fmt.Sprint(body["expires_in"]))
	c, ok := a.cookie()
	require.True(w.t, ok)
	require.Len(w.t, a.header.Values("Set-Cookie"), 1)
	require.NotContains(w.t, a.body, c.Value, "the refresh token travels in the cookie alone")
	access := body["access_token"].(string)
	w.secret("access token", access)
	return pair{access, c.Value}
}

const asJSON = "Content-Type: application/json"

func cookieOf(values ...string) string {
	return "Cookie: refresh_token=" + strings.Join(values, "; refresh_token=")
}

func (w *world) login(c credentials) answer {
	w.t.Helper()
	b, err := json.Marshal(map[string]string{"email": c.Email, "password": c.Password})
	require.NoError(w.t, err)
	return w.send("POST", "/auth/login", string(b), asJSON)
}

func (w *world) loggedIn() pair { w.t.Helper(); return w.tokens(w.login(w.user(0))) }

func (w *world) refresh(tokens ...string) answer {
	w.t.Helper()
	return w.send("POST", "/auth/refresh", "", cookieOf(tokens...))
}

func (w *world) logout(tokens ...string) answer {
	w.t.Helper()
	return w.send("POST", "/auth/logout", "", cookieOf(tokens...))
}

// alive spends a refresh token to show that it was alive, and returns its successor.
func (w *world) alive(refresh string) pair { w.t.Helper(); return w.tokens(w.refresh(refresh)) }

func (w *world) dead(refresh string) {
	w.t.Helper()
	require.Equal(w.t, 401, w.refresh(refresh).status)
}

// requireNoSecrets searches a log for every secret that the test has seen, also as a client would encode it.
func (w *world) requireNoSecrets(log string) {
	w.t.Helper()
	require.NotEmpty(w.t, log)
	for value, what := range w.secrets {
		require.NotContains(w.t, log, value, what)
		if parts := strings.Split(value, "."); len(parts) == 3 {
			require.NotContains(w.t, log, parts[2], what+"'s signature")
			require.NotContains(w.t, log, parts[1], what+"'s claims")
		}
	}
	require.NotContains(w.t, log, cookieName, "the Cookie header")
}
