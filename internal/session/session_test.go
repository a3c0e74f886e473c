package session_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

const (
	email    = "alice@example.com"
	password = "correct horse"

	accessTTL  = 15 * time.Minute
	refreshTTL = 30 * 24 * time.Hour
	maxTTL     = 90 * 24 * time.Hour
)

// world is a service on a real SQLite file, with a clock that stands still until it is moved.
type world struct {
	*session.Service
	db     *store.DB
	raw    *sql.DB // the same file, past the store
	faults *faults
	tokens *token.Signer
	grace  time.Duration // of services made from now on

	mu    sync.Mutex
	clock time.Time
	log   bytes.Buffer
}

// start has microseconds, so that their loss would show.
var start = time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	path := t.TempDir() + "/test.db"
	db, err := store.Open(t.Context(), "sqlite:///"+path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)
	raw, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })

	signer, err := token.New(token.Config{
		Secret: []byte(strings.Repeat("k", 32)), Algorithm: "HS256", Issuer: "issuer", Audience: "audience", AccessTTL: accessTTL,
	})
	require.NoError(t, err)
	w := &world{db: db, raw: raw, faults: &faults{Store: db}, tokens: signer, clock: start}
	w.Service = w.service(t, 4)
	_, err = w.AddUser(t.Context(), email, password)
	require.NoError(t, err)
	return w
}

// service returns another service on the same store and clock, which hashes at that cost.
func (w *world) service(t testing.TB, cost int) *session.Service {
	t.Helper()
	passwords, err := session.NewPasswords(cost, 1)
	require.NoError(t, err)
	return session.New(session.Config{
		Store: w.faults, Tokens: w.tokens, Passwords: passwords,
		RefreshTTL: refreshTTL, SessionMaxTTL: maxTTL, Grace: w.grace, StoreTimeout: 5 * time.Second,
		Now: w.wallClock, Log: slog.New(slog.NewJSONHandler(w, nil)),
	})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// wallClock is what the service is given: finer than the store, and in a zone of its own.
func (w *world) wallClock() time.Time {
	return w.now().Add(234 * time.Nanosecond).In(time.FixedZone("there", 3600))
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// Write takes the log.
func (w *world) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

// event is a line of the log.
type event map[string]any

// events returns what was logged since the last call.
func (w *world) events(t testing.TB) (all []event) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range bytes.Lines(w.log.Bytes()) {
		for _, secret := range []string{email, password, "eyJ", "$2a$"} {
			require.NotContains(t, string(line), secret, "a secret in the log")
		}
		e := event{}
		require.NoError(t, json.Unmarshal(line, &e))
		all = append(all, e)
	}
	w.log.Reset()
	return all
}

// messages returns the messages logged since the last call.
func (w *world) messages(t testing.TB) (all []string) {
	t.Helper()
	for _, e := range w.events(t) {
		all = append(all, e["msg"].(string))
	}
	return all
}

func (w *world) login(t testing.TB) session.Tokens {
	t.Helper()
	tokens, err := w.Login(t.Context(), email, password)
	require.NoError(t, err)
	return tokens
}

func (w *world) refresh(t testing.TB, raw string) session.Tokens {
	t.Helper()
	tokens, err := w.Refresh(t.Context(), raw)
	require.NoError(t, err)
	return tokens
}

// family returns the row that a refresh token belongs to.
func (w *world) family(t testing.TB, raw string) session.Family {
	t.Helper()
	parsed, err := w.tokens.ParseRefresh(raw)
	require.NoError(t, err)
	f, err := w.db.Family(t.Context(), parsed.FamilyID)
	require.NoError(t, err)
	return f
}

// requireAlive fails unless the token rotates.
func (w *world) requireAlive(t testing.TB, raw string) {
	t.Helper()
	_, err := w.Refresh(t.Context(), raw)
	require.NoError(t, err, "the family is alive")
}

// requireEnded fails unless the family is revoked for that reason, and the token refused.
func (w *world) requireEnded(t testing.TB, raw string, reason session.Reason) {
	t.Helper()
	require.Equal(t, reason, w.family(t, raw).RevokeReason)
	_, err := w.Refresh(t.Context(), raw)
	require.ErrorIs(t, err, session.ErrInvalidToken)
}

// faults is the real store, except for the verbs that a test replaces, and counts the calls.
type faults struct {
	session.Store
	rotate func(context.Context, session.Rotation) (bool, error)
	replay func(context.Context, session.Replay) (bool, error)
	family func(context.Context, token.ID) (session.Family, error)
	revoke func(context.Context, token.ID, session.Reason, time.Time) (bool, error)
	delete func(context.Context, time.Time, int) (int, error)
	calls  int
}

func (f *faults) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	f.calls++
	if f.rotate != nil {
		return f.rotate(ctx, r)
	}
	return f.Store.Rotate(ctx, r)
}

func (f *faults) Replay(ctx context.Context, r session.Replay) (bool, error) {
	f.calls++
	if f.replay != nil {
		return f.replay(ctx, r)
	}
	return f.Store.Replay(ctx, r)
}

func (f *faults) Family(ctx context.Context, id token.ID) (session.Family, error) {
	f.calls++
	if f.family != nil {
		return f.family(ctx, id)
	}
	return f.Store.Family(ctx, id)
}

func (f *faults) Revoke(ctx context.Context, id token.ID, reason session.Reason, at time.Time) (bool, error) {
	f.calls++
	if f.revoke != nil {
		return f.revoke(ctx, id, reason, at)
	}
	return f.Store.Revoke(ctx, id, reason, at)
}

func (f *faults) DeleteEnded(ctx context.Context, before time.Time, limit int) (int, error) {
	if f.delete != nil {
		return f.delete(ctx, before, limit)
	}
	return f.Store.DeleteEnded(ctx, before, limit)
}
