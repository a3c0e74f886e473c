package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
)

// changeAfterRead is a store in which something happens, once, after a user was read.
type changeAfterRead struct {
	session.Store
	change func()
}

func (s *changeAfterRead) UserByEmail(ctx context.Context, email string) (session.User, error) {
	user, err := s.Store.UserByEmail(ctx, email)
	if change := s.change; change != nil {
		s.change = nil
		change()
	}
	return user, err
}

func TestNormalizeEmail(t *testing.T) {
	longest := strings.Repeat("a", 254-len("@b.example")) + "@b.example"
	for in, want := range map[string]string{
		"a@b":                   "a@b",
		" \t\nA@B.Example\r\n ": "a@b.example",
		"Á@B":                   "Á@b", // no letter but ASCII is folded
		"İ@b":                   "İ@b",
		" " + longest + " ":     longest,
	} {
		got, err := session.NormalizeEmail(in)
		require.NoError(t, err, "%q", in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "  ", "ab", longest + "x"} {
		_, err := session.NormalizeEmail(in)
		require.ErrorIs(t, err, session.ErrBadEmail, "%q", in)
	}
}

func TestAddUser(t *testing.T) {
	w := newWorld(t)
	user, err := w.AddUser(t.Context(), " Bob@Example.com ", strings.Repeat("x", 72))
	require.NoError(t, err)
	require.Equal(t, "bob@example.com", user.Email)
	stored, err := w.db.UserByID(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, user, stored)
	require.NotContains(t, string(stored.PasswordHash), "xxx")
	for _, c := range []struct {
		email, password string
		want            error
	}{
		{"BOB@example.com", password, session.ErrEmailTaken},
		{"bob", password, session.ErrBadEmail},
		{"c@example.com", "", session.ErrNoPassword},
		{"c@example.com", strings.Repeat("x", 73), session.ErrPasswordTooLong},
		{"c@example.com", "a\x00a", session.ErrPasswordNUL},
	} {
		_, err := w.AddUser(t.Context(), c.email, c.password)
		require.ErrorIs(t, err, c.want)
		if !errors.Is(c.want, session.ErrEmailTaken) {
			_, err = w.SetPassword(t.Context(), strings.Replace(c.email, "c@", "bob@", 1), c.password)
			require.ErrorIs(t, err, c.want)
		}
	}
}

func TestSetPassword(t *testing.T) {
	w := newWorld(t)
	_, err := w.AddUser(t.Context(), "bob@example.com", password)
	require.NoError(t, err)
	bystander, err := w.Login(t.Context(), "bob@example.com", password)
	require.NoError(t, err)
	a, b := w.login(t), w.login(t)
	w.events(t)
	ended, err := w.SetPassword(t.Context(), "ALICE@example.com", "new password")
	require.NoError(t, err)
	require.Equal(t, 2, ended)
	events := w.events(t)
	require.Len(t, events, 1)
	require.Equal(t, "revoked", events[0]["msg"])
	require.Equal(t, "password_changed", events[0]["reason"])
	require.EqualValues(t, 2, events[0]["families"])
	w.requireEnded(t, a.Refresh, session.ReasonPassword)
	w.requireEnded(t, b.Refresh, session.ReasonPassword)
	w.requireAlive(t, bystander.Refresh)
	_, err = w.Login(t.Context(), email, password)
	require.ErrorIs(t, err, session.ErrBadCredentials)
	_, err = w.Login(t.Context(), email, "new password")
	require.NoError(t, err)
	_, err = w.SetPassword(t.Context(), "nobody@example.com", "x")
	require.ErrorIs(t, err, session.ErrNoUser)
}

func TestSetDisabled(t *testing.T) {
	w := newWorld(t)
	tokens := w.login(t)
	w.events(t)
	ended, err := w.SetDisabled(t.Context(), email, true)
	require.NoError(t, err)
	require.Equal(t, 1, ended)
	require.Equal(t, []string{"revoked"}, w.messages(t))
	w.requireEnded(t, tokens.Refresh, session.ReasonUserDisabled)
	ended, err = w.SetDisabled(t.Context(), email, false)
	require.NoError(t, err)
	require.Zero(t, ended)
	require.Empty(t, w.messages(t))
	w.requireEnded(t, tokens.Refresh, session.ReasonUserDisabled)
	w.requireAlive(t, w.login(t).Refresh)
	_, err = w.SetDisabled(t.Context(), "nobody@example.com", true)
	require.ErrorIs(t, err, session.ErrNoUser)
}

// fill adds n families whose absolute life ends at that time, past the store.
func (w *world) fill(t testing.TB, n int, end time.Time) {
	t.Helper()
	_, err := w.raw.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO token_families (family_id, user_id, generation, token_hash, created_at, rotated_at, expires_at, absolute_expires_at)
		SELECT randomblob(16), (SELECT id FROM users), 0, randomblob(32), 0, 0, 0, ? FROM n`, n, end.UnixMicro())
	require.NoError(t, err)
}

func TestCleanup(t *testing.T) {
	w := newWorld(t)
	ended, dead := w.login(t), w.login(t)
	require.NoError(t, w.Logout(t.Context(), dead.Refresh))
	w.advance(maxTTL)
	live := w.login(t)
	deleted, err := w.Cleanup(t.Context())
	require.NoError(t, err)
	require.Zero(t, deleted, "rows stay until their absolute end has passed, revoked ones too")

	w.advance(time.Microsecond)
	w.fill(t, 1200, start)
	deleted, err = w.Cleanup(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1202, deleted, "several batches")
	w.requireAlive(t, live.Refresh)
	_, err = w.Refresh(t.Context(), ended.Refresh)
	require.ErrorIs(t, err, session.ErrInvalidToken)

	// It stops with its context, and says how far it came.
	w.fill(t, 1200, start)
	ctx, cancel := context.WithCancel(t.Context())
	w.faults.delete = func(ctx context.Context, before time.Time, limit int) (int, error) {
		defer cancel()
		return w.db.DeleteEnded(ctx, before, limit)
	}
	deleted, err = w.Cleanup(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 500, deleted)

	w.faults.delete = func(context.Context, time.Time, int) (int, error) { return 0, errDown }
	_, err = w.Cleanup(t.Context())
	require.ErrorIs(t, err, session.ErrUnavailable)
	w.faults.delete = nil
	deleted, err = w.Cleanup(t.Context())
	require.NoError(t, err)
	require.Equal(t, 700, deleted)
}
