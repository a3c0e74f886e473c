package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
)

// steps are what the clock of a machine does when somebody sets it.
var steps = map[string]time.Duration{"an hour ahead": time.Hour, "an hour back": -time.Hour}

// TestClockSteps: a clock that is set costs no session, revives no token, and has nobody punished.
func TestClockSteps(t *testing.T) {
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tokens, other := w.login(t), w.login(t)
			end := w.family(t, tokens.Refresh).AbsoluteEnd
			spent := []string{}
			for range 3 { // to and fro
				for _, d := range []time.Duration{step, -step} {
					spent = append(spent, tokens.Refresh)
					w.advance(d)
					tokens = w.refresh(t, tokens.Refresh)
					_, err := w.Authenticate(t.Context(), tokens.Access)
					require.NoError(t, err)
					require.Equal(t, refreshTTL, tokens.RefreshTTL)
					require.Equal(t, w.now().Add(refreshTTL), w.family(t, tokens.Refresh).ExpiresAt)
				}
			}
			require.Equal(t, end, w.family(t, tokens.Refresh).AbsoluteEnd)
			require.NotContains(t, w.messages(t), "reuse_detected")

			w.advance(step)
			require.NoError(t, w.Logout(t.Context(), other.Refresh))
			w.advance(-step)
			w.requireEnded(t, other.Refresh, session.ReasonLogout)

			w.advance(step)
			for _, raw := range spent {
				_, err := w.Refresh(t.Context(), raw)
				require.ErrorIs(t, err, session.ErrInvalidToken)
			}
			w.advance(-step)
			w.requireEnded(t, tokens.Refresh, session.ReasonReuse) // which is the first replay's doing
		})
	}
}

// TestClockStepAtExpiry: what seems to have expired is refused and no more, and goes on when the clock is right again.
func TestClockStepAtExpiry(t *testing.T) {
	for name, life := range map[string]time.Duration{"idle": refreshTTL, "absolute": maxTTL} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tokens := w.login(t)
			for name == "absolute" && w.now().Before(start.Add(maxTTL-refreshTTL)) {
				w.advance(refreshTTL - time.Minute)
				tokens = w.refresh(t, tokens.Refresh)
			}
			w.advance(start.Add(life - 30*time.Minute).Sub(w.now()))
			w.advance(time.Hour)
			_, err := w.Refresh(t.Context(), tokens.Refresh)
			require.ErrorIs(t, err, session.ErrInvalidToken)
			require.True(t, w.family(t, tokens.Refresh).RevokedAt.IsZero())
			w.advance(-time.Hour)
			w.requireAlive(t, tokens.Refresh)
		})
	}
}

// TestClockStepWithinGrace: set back, nobody can say how old the rotation is; set ahead, it looks like one of an hour ago.
func TestClockStepWithinGrace(t *testing.T) {
	t.Run("back", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		w.advance(-time.Hour)
		w.events(t)
		for range 20 {
			_, err := w.Refresh(t.Context(), parent.Refresh)
			require.ErrorIs(t, err, session.ErrUnavailable)
		}
		require.Empty(t, w.messages(t))
		require.True(t, w.family(t, parent.Refresh).RevokedAt.IsZero())
		w.advance(time.Hour)
		require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh, "what was forgiven before is still forgiven")
		w.advance(-time.Hour)
		w.refresh(t, child.Refresh)
		w.requireReuse(t, parent.Refresh) // which no clock excuses
	})
	t.Run("ahead", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		w.refresh(t, parent.Refresh)
		w.advance(time.Hour)
		w.requireReuse(t, parent.Refresh)
	})
}
