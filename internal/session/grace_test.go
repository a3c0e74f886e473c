package session_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

const grace = 10 * time.Second

// newGraceWorld is a world whose service has a grace.
func newGraceWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.grace = grace
	w.Service = w.service(t, 4)
	return w
}

// requireReuse fails unless the token ends its family.
func (w *world) requireReuse(t testing.TB, raw string) {
	t.Helper()
	require.True(t, w.family(t, raw).RevokedAt.IsZero(), "the family was alive")
	_, err := w.Refresh(t.Context(), raw)
	require.ErrorIs(t, err, session.ErrInvalidToken)
	require.Equal(t, session.ReasonReuse, w.family(t, raw).RevokeReason)
}

func TestGraceGivesTheSameSuccessor(t *testing.T) {
	w := newGraceWorld(t)
	parent := w.login(t)
	w.advance(time.Hour)
	child := w.refresh(t, parent.Refresh)
	row := w.family(t, child.Refresh)
	w.events(t)
	access := map[string]bool{child.Access: true}
	for i := range 3 {
		w.advance(time.Second)
		again := w.refresh(t, parent.Refresh)
		require.Equal(t, child.Refresh, again.Refresh)
		require.NotContains(t, access, again.Access, "a fresh access token")
		access[again.Access] = true
		_, err := w.Authenticate(t.Context(), again.Access)
		require.NoError(t, err)
		require.Equal(t, accessTTL, again.AccessTTL)
		require.Equal(t, child.RefreshExpires, again.RefreshExpires, "no life is added")
		require.Equal(t, child.RefreshTTL-time.Duration(i+1)*time.Second, again.RefreshTTL)

		row.Replays++
		require.Equal(t, row, w.family(t, child.Refresh))
		events := w.events(t)
		require.Len(t, events, 1)
		require.Equal(t, "refresh_replayed", events[0]["msg"])
		require.Equal(t, row.ID.String(), events[0]["family"])
		require.EqualValues(t, 0, events[0]["generation"], "of what was presented")
		require.EqualValues(t, i+1, events[0]["count"])
		require.EqualValues(t, time.Duration(i+1)*time.Second, events[0]["age"])
	}
	w.requireAlive(t, child.Refresh)
	require.Zero(t, w.family(t, child.Refresh).Replays, "each generation has a count of its own")
}

func TestGraceIsAnchored(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []time.Duration // between the presentations, the last of which is reuse
	}{
		{"at its end", []time.Duration{grace}},
		{"long after", []time.Duration{grace * 3 / 2}},
		{"just before its end, then at it", []time.Duration{grace - time.Microsecond, time.Microsecond}},
		{"again and again", []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second, time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newGraceWorld(t)
			parent := w.login(t)
			child := w.refresh(t, parent.Refresh)
			for _, d := range c.steps[:len(c.steps)-1] {
				w.advance(d)
				require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
			}
			w.advance(c.steps[len(c.steps)-1])
			w.requireReuse(t, parent.Refresh)
			w.requireEnded(t, child.Refresh, session.ReasonReuse)
		})
	}
}

// TestGraceIsForTheParentAlone: an ancestor, a forgery, a sibling.
func TestGraceIsForTheParentAlone(t *testing.T) {
	t.Run("grandparent", func(t *testing.T) {
		w := newGraceWorld(t)
		grandparent := w.login(t)
		parent := w.refresh(t, grandparent.Refresh)
		w.refresh(t, parent.Refresh)
		w.requireReuse(t, grandparent.Refresh)
	})
	t.Run("another genuine token of its generation", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		parsed, err := w.tokens.ParseRefresh(parent.Refresh)
		require.NoError(t, err)
		sibling, err := w.tokens.Refresh(parsed)
		require.NoError(t, err)
		w.refresh(t, parent.Refresh)
		w.requireReuse(t, sibling)
	})
	t.Run("a successor that was made without a salt", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		w.refresh(t, parent.Refresh)
		w.exec(t, `UPDATE token_families SET salt = NULL`)
		w.requireReuse(t, parent.Refresh)
	})
	t.Run("a forged generation", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		parts := strings.Split(child.Refresh, ".")
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		changed := strings.Replace(string(claims), `"gen":1`, `"gen":0`, 1)
		require.NotEqual(t, string(claims), changed)
		for _, forged := range []string{
			parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + parts[2],
			parent.Refresh + "=", strings.ToUpper(parent.Refresh), " " + parent.Refresh,
		} {
			_, err := w.Refresh(t.Context(), forged)
			require.ErrorIs(t, err, session.ErrInvalidToken)
		}
		require.Zero(t, w.family(t, child.Refresh).Replays)
		w.requireAlive(t, child.Refresh)
	})
}

// TestTheftWithinGrace: thief and owner hold one and the same token, so that one of them presents it second.
func TestTheftWithinGrace(t *testing.T) {
	w := newGraceWorld(t)
	stolen := w.login(t)
	owner := w.refresh(t, stolen.Refresh)
	thief := w.refresh(t, stolen.Refresh)
	require.Equal(t, owner.Refresh, thief.Refresh)
	w.advance(time.Hour)
	owner = w.refresh(t, owner.Refresh)
	w.advance(time.Minute)
	w.requireReuse(t, thief.Refresh)
	w.requireEnded(t, owner.Refresh, session.ReasonReuse)
}

func TestRevokedBeatsGrace(t *testing.T) {
	t.Run("a logout before", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		require.NoError(t, w.Logout(t.Context(), child.Refresh))
		w.requireEnded(t, parent.Refresh, session.ReasonLogout)
	})
	t.Run("a logout between reading the row and counting", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		w.refresh(t, parent.Refresh)
		w.events(t)
		w.faults.replay = func(ctx context.Context, r session.Replay) (bool, error) {
			require.NoError(t, w.Logout(ctx, parent.Refresh))
			return w.db.Replay(ctx, r)
		}
		tokens, err := w.Refresh(t.Context(), parent.Refresh)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		require.Empty(t, tokens)
		require.NotContains(t, w.messages(t), "refresh_replayed")
	})
	t.Run("expiry too", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		for range 3 {
			w.advance(29 * 24 * time.Hour)
			parent = w.refresh(t, parent.Refresh)
		}
		w.advance(3*24*time.Hour - 2*time.Second)
		child := w.refresh(t, parent.Refresh)
		w.advance(time.Second)
		again := w.refresh(t, parent.Refresh)
		require.Equal(t, child.Refresh, again.Refresh)
		require.Equal(t, time.Second, again.RefreshTTL)
		w.advance(time.Second)
		_, err := w.Refresh(t.Context(), parent.Refresh)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		require.True(t, w.family(t, parent.Refresh).RevokedAt.IsZero())
	})
}

// TestGraceIsCapped: no flood goes on for the whole grace.
func TestGraceIsCapped(t *testing.T) {
	w := newGraceWorld(t)
	parent := w.login(t)
	child := w.refresh(t, parent.Refresh)
	for range 10 {
		require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
	}
	w.events(t)
	w.requireReuse(t, parent.Refresh)
	require.Equal(t, []string{"reuse_detected", "revoked"}, w.messages(t))
}

func TestReplayMeetsFaults(t *testing.T) {
	t.Run("another replay came first", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		w.faults.replay = func(ctx context.Context, r session.Replay) (bool, error) {
			w.faults.replay = nil
			counted, err := w.db.Replay(ctx, r)
			require.NoError(t, err)
			require.True(t, counted)
			return false, nil // as after an answer of the database was lost
		}
		require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
		require.Equal(t, 2, w.family(t, child.Refresh).Replays)
	})
	t.Run("the live token rotates meanwhile", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		w.faults.replay = func(ctx context.Context, r session.Replay) (bool, error) {
			w.refresh(t, child.Refresh)
			return w.db.Replay(ctx, r)
		}
		w.requireReuse(t, parent.Refresh)
	})
	t.Run("the database is away", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		w.faults.replay = func(context.Context, session.Replay) (bool, error) { return false, errDown }
		_, err := w.Refresh(t.Context(), parent.Refresh)
		require.ErrorIs(t, err, session.ErrUnavailable)
		w.faults.replay = nil
		require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
	})
	t.Run("our own rotation, whose answer was lost, is no replay", func(t *testing.T) {
		w := newGraceWorld(t)
		w.faults.rotate = func(ctx context.Context, r session.Rotation) (bool, error) {
			rotated, err := w.db.Rotate(ctx, r)
			require.True(t, rotated)
			return false, err
		}
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		w.faults.rotate = nil
		require.Zero(t, w.family(t, child.Refresh).Replays)
		require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
		require.Equal(t, 1, w.family(t, child.Refresh).Replays)
		w.requireAlive(t, child.Refresh)
	})
}

// TestGraceAcrossReplicas: another process with the same key, whose clock differs, or whose key is newer.
func TestGraceAcrossReplicas(t *testing.T) {
	for _, c := range []struct {
		name        string
		behind      time.Duration // the clock of the second replica
		reuse       bool
		unavailable bool
	}{
		{"same clock", 0, false, false},
		{"5 s behind", 5 * time.Second, false, false},
		{"more behind", 5*time.Second + time.Microsecond, false, true},
		{"ahead by less than the grace", -grace + time.Microsecond, false, false},
		{"ahead by the grace", -grace, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newGraceWorld(t)
			parent := w.login(t)
			child := w.refresh(t, parent.Refresh)
			w.advance(-c.behind)
			w.Service = w.service(t, 4)
			switch {
			case c.reuse:
				w.requireReuse(t, parent.Refresh)
				return
			case c.unavailable:
				_, err := w.Refresh(t.Context(), parent.Refresh)
				require.ErrorIs(t, err, session.ErrUnavailable)
				w.advance(c.behind - 5*time.Second)
			}
			require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
		})
	}
	t.Run("newer key", func(t *testing.T) {
		w := newGraceWorld(t)
		parent := w.login(t)
		child := w.refresh(t, parent.Refresh)
		var err error
		w.tokens, err = token.New(token.Config{
			Secret: []byte(strings.Repeat("n", 32)), PreviousSecret: []byte(strings.Repeat("k", 32)),
			Algorithm: "HS256", Issuer: "issuer", Audience: "audience", AccessTTL: accessTTL,
		})
		require.NoError(t, err)
		w.Service = w.service(t, 4)
		require.Equal(t, child.Refresh, w.refresh(t, parent.Refresh).Refresh)
		grandchild := w.refresh(t, child.Refresh)
		require.Equal(t, grandchild.Refresh, w.refresh(t, child.Refresh).Refresh)
	})
}

// TestGraceIsAtMostAMinute, whatever was configured.
func TestGraceIsAtMostAMinute(t *testing.T) {
	w := newWorld(t)
	w.grace = time.Hour
	w.Service = w.service(t, 4)
	parent := w.login(t)
	w.refresh(t, parent.Refresh)
	w.advance(time.Minute)
	w.requireReuse(t, parent.Refresh)
}

// TestSuccessorsAreNotAlike: what is derived is as unpredictable as what was random.
func TestSuccessorsAreNotAlike(t *testing.T) {
	w := newWorld(t)
	parent := w.login(t)
	parsed, err := w.tokens.ParseRefresh(parent.Refresh)
	require.NoError(t, err)
	seen := map[string]bool{}
	for range 3 {
		raw, err := w.tokens.Successor(parent.Refresh, token.NewSalt(), parsed)
		require.NoError(t, err)
		var claims jwt.RegisteredClaims
		_, _, err = jwt.NewParser().ParseUnverified(raw, &claims)
		require.NoError(t, err)
		require.Len(t, claims.ID, 43, "256 bits")
		require.NotContains(t, seen, claims.ID)
		seen[claims.ID] = true
	}
}
