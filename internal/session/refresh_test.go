package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// errDown is what a store says that cannot be reached.
var errDown = errors.Join(session.ErrUnavailable, errors.New("down"))

func TestRefreshRotates(t *testing.T) {
	w := newWorld(t)
	first := w.login(t)
	w.advance(time.Hour)
	second := w.refresh(t, first.Refresh)
	require.NotEqual(t, first.Refresh, second.Refresh)
	require.NotEqual(t, first.Access, second.Access)
	require.Equal(t, accessTTL, second.AccessTTL)
	require.Equal(t, refreshTTL, second.RefreshTTL)
	require.Equal(t, start.Add(time.Hour+refreshTTL), second.RefreshExpires)

	parsed, err := w.tokens.ParseRefresh(second.Refresh)
	require.NoError(t, err)
	require.EqualValues(t, 1, parsed.Generation)
	require.Equal(t, start.Add(maxTTL), parsed.AbsoluteEnd)
	f := w.family(t, second.Refresh)
	require.NotZero(t, f.Salt)
	require.Equal(t, session.Family{
		ID: parsed.FamilyID, UserID: parsed.UserID, Generation: 1, TokenHash: token.Hash(second.Refresh), Salt: f.Salt,
		CreatedAt: start, RotatedAt: start.Add(time.Hour), ExpiresAt: second.RefreshExpires, AbsoluteEnd: start.Add(maxTTL),
	}, f)

	user, err := w.Authenticate(t.Context(), second.Access)
	require.NoError(t, err)
	require.Equal(t, email, user.Email)
	events := w.events(t)
	require.Equal(t, "refresh_ok", events[1]["msg"])
	require.Equal(t, f.ID.String(), events[1]["family"])
	require.Equal(t, f.UserID.String(), events[1]["user"])
}

func TestRefreshLifetimes(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		w := newWorld(t)
		a, b := w.login(t), w.login(t)
		w.advance(refreshTTL - time.Microsecond)
		w.requireAlive(t, a.Refresh)
		w.advance(time.Microsecond)
		_, err := w.Refresh(t.Context(), b.Refresh)
		require.ErrorIs(t, err, session.ErrInvalidToken, "at the end of its idle life")
		require.True(t, w.family(t, b.Refresh).RevokedAt.IsZero(), "expiry is no revocation")
	})
	t.Run("absolute", func(t *testing.T) {
		w := newWorld(t)
		tokens := w.login(t)
		for range 4 {
			w.advance(20 * 24 * time.Hour)
			tokens = w.refresh(t, tokens.Refresh)
		}
		require.Equal(t, start.Add(maxTTL), tokens.RefreshExpires, "rotation does not move the absolute end")
		require.Equal(t, 10*24*time.Hour, tokens.RefreshTTL)
		w.advance(10*24*time.Hour - time.Microsecond)
		tokens = w.refresh(t, tokens.Refresh)
		require.Equal(t, time.Microsecond, tokens.RefreshTTL)
		w.advance(time.Microsecond)
		_, err := w.Refresh(t.Context(), tokens.Refresh)
		require.ErrorIs(t, err, session.ErrInvalidToken)
	})
}

func TestReuseEndsTheFamily(t *testing.T) {
	for _, c := range []struct {
		name      string
		rotations int // between the reused token and the live one
		pause     time.Duration
	}{
		{"the parent, at once", 1, 0},
		{"the grandparent", 2, time.Second},
		{"an ancestor", 10, time.Hour},
		{"a token past its own exp", 3, 20 * 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			stolen, bystander := w.login(t), w.login(t)
			live := stolen
			for range c.rotations {
				w.advance(c.pause)
				live = w.refresh(t, live.Refresh)
				bystander = w.refresh(t, bystander.Refresh)
			}
			w.events(t)
			_, err := w.Refresh(t.Context(), stolen.Refresh)
			require.ErrorIs(t, err, session.ErrInvalidToken)
			f := w.family(t, live.Refresh)
			require.Equal(t, session.ReasonReuse, f.RevokeReason)
			require.Equal(t, w.now(), f.RevokedAt)
			events := w.events(t)
			require.Len(t, events, 2)
			require.Equal(t, "reuse_detected", events[0]["msg"])
			require.Equal(t, f.ID.String(), events[0]["family"])
			require.EqualValues(t, 0, events[0]["generation"])
			require.EqualValues(t, c.rotations, events[0]["row_generation"])
			require.Equal(t, "revoked", events[1]["msg"])
			require.Equal(t, "reuse", events[1]["reason"])

			w.requireEnded(t, live.Refresh, session.ReasonReuse)
			_, err = w.Refresh(t.Context(), stolen.Refresh)
			require.ErrorIs(t, err, session.ErrInvalidToken)
			require.Empty(t, w.events(t), "a dead family is no news")
			w.requireAlive(t, bystander.Refresh)
		})
	}
}

func TestNotATokenNeverReachesTheStore(t *testing.T) {
	w := newWorld(t)
	tokens := w.login(t)
	w.faults.calls = 0
	for _, raw := range []string{"", "x", "a.b.c", tokens.Access, tokens.Refresh[:len(tokens.Refresh)-1], tokens.Refresh + "A", strings.Repeat("x", 1<<20)} {
		_, err := w.Refresh(t.Context(), raw)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		require.NoError(t, w.Logout(t.Context(), raw))
	}
	require.Zero(t, w.faults.calls)
	w.requireAlive(t, tokens.Refresh)
}

// TestRefreshExplains goes through what a row can look like that did not match.
func TestRefreshExplains(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, w *world, live session.Tokens)
		want    error
		events  []string
		revoked bool // afterwards
	}{
		{"the family is gone", func(t *testing.T, w *world, _ session.Tokens) {
			w.exec(t, `DELETE FROM token_families`)
		}, session.ErrInvalidToken, nil, false},
		{"the row is behind a young token", func(t *testing.T, w *world, _ session.Tokens) {
			w.exec(t, `UPDATE token_families SET generation = 1, token_hash = zeroblob(32)`)
			w.advance(5*time.Minute - time.Second)
		}, session.ErrUnavailable, []string{"token_ahead"}, false},
		{"the row is behind an old token", func(t *testing.T, w *world, _ session.Tokens) {
			w.exec(t, `UPDATE token_families SET generation = 1, token_hash = zeroblob(32)`)
			w.advance(5*time.Minute - time.Duration(start.Nanosecond())) // the token knows whole seconds
		}, session.ErrInvalidToken, []string{"token_ahead"}, false},
		{"the absolute life has ended before the idle life", func(t *testing.T, w *world, _ session.Tokens) {
			w.exec(t, `UPDATE token_families SET absolute_expires_at = rotated_at`)
		}, session.ErrInvalidToken, nil, false},
		{"another token of the generation is live", func(t *testing.T, w *world, _ session.Tokens) {
			w.exec(t, `UPDATE token_families SET token_hash = zeroblob(32)`)
		}, session.ErrInvalidToken, []string{"reuse_detected"}, false},
		{"the row names the token, yet did not match", func(_ *testing.T, w *world, _ session.Tokens) {
			w.faults.rotate = func(context.Context, session.Rotation) (bool, error) { return false, nil }
		}, session.ErrUnavailable, nil, false},
		{"our own commit, whose answer was lost", func(_ *testing.T, w *world, _ session.Tokens) {
			w.faults.rotate = func(ctx context.Context, r session.Rotation) (bool, error) {
				if rotated, err := w.db.Rotate(ctx, r); err != nil || !rotated {
					return false, errors.New("the first attempt did not commit")
				}
				return w.db.Rotate(ctx, r)
			}
		}, nil, []string{"refresh_ok"}, false},
		{"our own commit, and then a logout", func(_ *testing.T, w *world, live session.Tokens) {
			w.faults.rotate = func(ctx context.Context, r session.Rotation) (bool, error) {
				if _, err := w.db.Rotate(ctx, r); err != nil {
					return false, err
				}
				_, err := w.db.Revoke(ctx, r.FamilyID, session.ReasonLogout, r.At)
				return false, err
			}
		}, session.ErrInvalidToken, nil, true},
		{"the rotation fails", func(_ *testing.T, w *world, _ session.Tokens) {
			w.faults.rotate = func(context.Context, session.Rotation) (bool, error) { return false, errDown }
		}, session.ErrUnavailable, nil, false},
		{"reading the row fails", func(_ *testing.T, w *world, _ session.Tokens) {
			w.faults.rotate = func(context.Context, session.Rotation) (bool, error) { return false, nil }
			w.faults.family = func(context.Context, token.ID) (session.Family, error) { return session.Family{}, errDown }
		}, session.ErrUnavailable, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			live := w.refresh(t, w.refresh(t, w.login(t).Refresh).Refresh)
			w.events(t)
			c.prepare(t, w, live)
			tokens, err := w.Refresh(t.Context(), live.Refresh)
			require.ErrorIs(t, err, c.want)
			if c.want != nil {
				require.Empty(t, tokens)
				other := map[error]error{session.ErrInvalidToken: session.ErrUnavailable, session.ErrUnavailable: session.ErrInvalidToken}[c.want]
				require.NotErrorIs(t, err, other)
			}
			require.Equal(t, c.events, w.messages(t))
			var revoked int
			require.NoError(t, w.raw.QueryRow(`SELECT COUNT(*) FROM token_families WHERE revoked_at IS NOT NULL`).Scan(&revoked))
			require.Equal(t, c.revoked, revoked == 1)
			if c.want == nil {
				w.faults.rotate = nil
				w.requireAlive(t, tokens.Refresh)
			}
		})
	}
}

// exec changes the database past the store.
func (w *world) exec(t testing.TB, query string) {
	t.Helper()
	result, err := w.raw.Exec(query)
	require.NoError(t, err)
	n, err := result.RowsAffected()
	require.NoError(t, err)
	require.Positive(t, n, "%s changed nothing", query)
}

// TestReuseThatCannotBePunished: a 401 would say that the family is over.
func TestReuseThatCannotBePunished(t *testing.T) {
	w := newWorld(t)
	stolen := w.login(t)
	live := w.refresh(t, stolen.Refresh)
	w.events(t)
	w.faults.revoke = func(context.Context, token.ID, session.Reason, time.Time) (bool, error) { return false, errDown }
	_, err := w.Refresh(t.Context(), stolen.Refresh)
	require.ErrorIs(t, err, session.ErrUnavailable)
	require.NotErrorIs(t, err, session.ErrInvalidToken)
	require.Equal(t, []string{"reuse_detected"}, w.messages(t), "nothing was revoked")

	w.faults.revoke = nil
	_, err = w.Refresh(t.Context(), stolen.Refresh)
	require.ErrorIs(t, err, session.ErrInvalidToken)
	w.requireEnded(t, live.Refresh, session.ReasonReuse)
}

// TestClientHangsUp: whoever replays, refreshes or logs out and does not wait for the answer cancels nothing.
func TestClientHangsUp(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	t.Run("replay", func(t *testing.T) {
		w := newWorld(t)
		stolen := w.login(t)
		live := w.refresh(t, stolen.Refresh)
		_, err := w.Refresh(gone, stolen.Refresh)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		w.requireEnded(t, live.Refresh, session.ReasonReuse)
	})
	t.Run("replay, just before the revocation", func(t *testing.T) {
		w := newWorld(t)
		stolen := w.login(t)
		live := w.refresh(t, stolen.Refresh)
		ctx, hangUp := context.WithCancel(t.Context())
		w.faults.family = func(ctx context.Context, id token.ID) (session.Family, error) {
			hangUp()
			return w.db.Family(ctx, id)
		}
		_, err := w.Refresh(ctx, stolen.Refresh)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		require.Error(t, ctx.Err())
		w.faults.family = nil
		w.requireEnded(t, live.Refresh, session.ReasonReuse)
	})
	t.Run("refresh", func(t *testing.T) {
		w := newWorld(t)
		tokens, err := w.Refresh(gone, w.login(t).Refresh)
		require.NoError(t, err)
		w.requireAlive(t, tokens.Refresh)
	})
	t.Run("logout", func(t *testing.T) {
		w := newWorld(t)
		tokens := w.login(t)
		require.NoError(t, w.Logout(gone, tokens.Refresh))
		w.requireEnded(t, tokens.Refresh, session.ReasonLogout)
	})
	for reason, change := range map[session.Reason]func(context.Context, *world) (int, error){
		session.ReasonPassword:     func(ctx context.Context, w *world) (int, error) { return w.SetPassword(ctx, email, "new") },
		session.ReasonUserDisabled: func(ctx context.Context, w *world) (int, error) { return w.SetDisabled(ctx, email, true) },
	} {
		t.Run(string(reason), func(t *testing.T) {
			w := newWorld(t)
			tokens := w.login(t)
			ctx, hangUp := context.WithCancel(t.Context())
			w.faults.Store = hangUpAfterRead{w.db, hangUp}
			ended, err := change(ctx, w)
			require.NoError(t, err)
			require.Equal(t, 1, ended)
			require.Error(t, ctx.Err())
			w.requireEnded(t, tokens.Refresh, reason)
		})
	}
}

// hangUpAfterRead is a store whose client goes away once the user is known.
type hangUpAfterRead struct {
	session.Store
	hangUp func()
}

func (s hangUpAfterRead) UserByEmail(ctx context.Context, email string) (session.User, error) {
	defer s.hangUp()
	return s.Store.UserByEmail(ctx, email)
}

// stuck is a store that never answers, or one that answers all but the start of a family.
type stuck struct {
	session.Store
	onlyStart bool
}

func (s stuck) wait(ctx context.Context) error {
	<-ctx.Done()
	return errors.Join(session.ErrUnavailable, ctx.Err())
}

func (s stuck) UserByEmail(ctx context.Context, email string) (session.User, error) {
	if s.onlyStart {
		return s.Store.UserByEmail(ctx, email)
	}
	return session.User{}, s.wait(ctx)
}

func (s stuck) UserByID(ctx context.Context, _ token.ID) (session.User, error) {
	return session.User{}, s.wait(ctx)
}

func (s stuck) AddUser(ctx context.Context, _ session.User) error { return s.wait(ctx) }

func (s stuck) StartFamily(ctx context.Context, _ session.Family, _ []byte) error { return s.wait(ctx) }

func (s stuck) Rotate(ctx context.Context, _ session.Rotation) (bool, error) {
	return false, s.wait(ctx)
}

func (s stuck) Revoke(ctx context.Context, _ token.ID, _ session.Reason, _ time.Time) (bool, error) {
	return false, s.wait(ctx)
}

func (s stuck) DeleteEnded(ctx context.Context, _ time.Time, _ int) (int, error) {
	return 0, s.wait(ctx)
}

// TestStoreTimeout: no call waits for ever, also if its caller would.
func TestStoreTimeout(t *testing.T) {
	w := newWorld(t)
	tokens := w.login(t)
	service := func(store session.Store) *session.Service {
		passwords, err := session.NewPasswords(4, 1)
		require.NoError(t, err)
		return session.New(session.Config{
			Store: store, Tokens: w.tokens, Passwords: passwords, RefreshTTL: refreshTTL, SessionMaxTTL: maxTTL,
			StoreTimeout: 50 * time.Millisecond, Now: w.now,
		})
	}
	s, ctx := service(stuck{Store: w.db}), context.Background()
	second := func(_ any, err error) error { return err }
	for name, call := range map[string]func() error{
		"login":                func() error { return second(s.Login(ctx, email, password)) },
		"start of a family":    func() error { return second(service(stuck{w.db, true}).Login(ctx, email, password)) },
		"refresh":              func() error { return second(s.Refresh(ctx, tokens.Refresh)) },
		"logout":               func() error { return s.Logout(ctx, tokens.Refresh) },
		"access token":         func() error { return second(s.Authenticate(ctx, tokens.Access)) },
		"new user":             func() error { return second(s.AddUser(ctx, "x@example.com", password)) },
		"change of a password": func() error { return second(s.SetPassword(ctx, email, password)) },
		"disabling of a user":  func() error { return second(s.SetDisabled(ctx, email, true)) },
		"cleanup":              func() error { return second(s.Cleanup(ctx)) },
	} {
		done := make(chan error, 1)
		go func() { done <- call() }()
		select {
		case err := <-done:
			require.ErrorIs(t, err, session.ErrUnavailable, name)
		case <-time.After(10 * time.Second):
			t.Fatalf("the %s waits for ever", name)
		}
	}
}
