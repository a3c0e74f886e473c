package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

func TestLogout(t *testing.T) {
	for _, c := range []struct {
		name  string
		token func(t *testing.T, w *world, first session.Tokens) (presented, latest session.Tokens)
	}{
		{"the live token", func(_ *testing.T, _ *world, first session.Tokens) (session.Tokens, session.Tokens) {
			return first, first
		}},
		{"a rotated token", func(t *testing.T, w *world, first session.Tokens) (session.Tokens, session.Tokens) {
			return first, w.refresh(t, w.refresh(t, first.Refresh).Refresh)
		}},
		{"an expired token", func(_ *testing.T, w *world, first session.Tokens) (session.Tokens, session.Tokens) {
			w.advance(maxTTL + time.Hour)
			return first, first
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			presented, latest := c.token(t, w, w.login(t))
			bystander := w.login(t)
			w.events(t)
			require.NoError(t, w.Logout(t.Context(), presented.Refresh))
			f := w.family(t, latest.Refresh)
			require.Equal(t, session.ReasonLogout, f.RevokeReason)
			require.Equal(t, w.now(), f.RevokedAt)
			require.Equal(t, []string{"revoked", "logout"}, w.messages(t))
			w.requireEnded(t, latest.Refresh, session.ReasonLogout)

			w.advance(time.Minute)
			require.NoError(t, w.Logout(t.Context(), presented.Refresh), "again")
			require.Equal(t, f, w.family(t, latest.Refresh), "the first logout stays")
			require.Equal(t, []string{"logout"}, w.messages(t))
			w.requireAlive(t, bystander.Refresh)
		})
	}
}

func TestLogoutOfSeveral(t *testing.T) {
	w := newWorld(t)
	a, b, bystander := w.login(t), w.login(t), w.login(t)
	require.NoError(t, w.Logout(t.Context()))
	w.events(t)
	require.NoError(t, w.Logout(t.Context(), a.Refresh, "garbage", b.Refresh, a.Refresh))
	require.Equal(t, []string{"revoked", "logout", "revoked", "logout"}, w.messages(t), "each family once")
	w.requireEnded(t, a.Refresh, session.ReasonLogout)
	w.requireEnded(t, b.Refresh, session.ReasonLogout)
	w.requireAlive(t, bystander.Refresh)
}

func TestLogoutThatIsNotDurable(t *testing.T) {
	w := newWorld(t)
	a, b := w.login(t), w.login(t)
	failing := w.family(t, a.Refresh).ID
	w.faults.revoke = func(ctx context.Context, id token.ID, reason session.Reason, at time.Time) (bool, error) {
		if id == failing {
			return false, errDown
		}
		return w.db.Revoke(ctx, id, reason, at)
	}
	require.ErrorIs(t, w.Logout(t.Context(), a.Refresh, b.Refresh), session.ErrUnavailable)
	w.requireEnded(t, b.Refresh, session.ReasonLogout)
	w.faults.revoke = nil
	require.NoError(t, w.Logout(t.Context(), a.Refresh, b.Refresh), "the client tries again")
	w.requireEnded(t, a.Refresh, session.ReasonLogout)
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	tokens := w.login(t)
	user, err := w.Authenticate(t.Context(), tokens.Access)
	require.NoError(t, err)
	require.Equal(t, email, user.Email)

	for name, raw := range map[string]string{"empty": "", "garbage": "a.b.c", "refresh token": tokens.Refresh} {
		_, err := w.Authenticate(t.Context(), raw)
		require.ErrorIs(t, err, session.ErrInvalidToken, name)
	}

	require.NoError(t, w.Logout(t.Context(), tokens.Refresh))
	_, err = w.Authenticate(t.Context(), tokens.Access)
	require.NoError(t, err, "an access token outlives its family")
	_, err = w.SetDisabled(t.Context(), email, true)
	require.NoError(t, err)
	_, err = w.Authenticate(t.Context(), tokens.Access)
	require.ErrorIs(t, err, session.ErrInvalidToken, "disabled")
	_, err = w.SetDisabled(t.Context(), email, false)
	require.NoError(t, err)
	_, err = w.Authenticate(t.Context(), tokens.Access)
	require.NoError(t, err, "enabled again")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.Authenticate(gone, tokens.Access)
	require.ErrorIs(t, err, session.ErrUnavailable)

	w.advance(accessTTL)
	_, err = w.Authenticate(t.Context(), tokens.Access)
	require.ErrorIs(t, err, session.ErrInvalidToken, "expired")

	tokens = w.login(t)
	w.exec(t, `DELETE FROM token_families`)
	w.exec(t, `DELETE FROM users`)
	_, err = w.Authenticate(t.Context(), tokens.Access)
	require.ErrorIs(t, err, session.ErrInvalidToken, "the user is gone")
}
