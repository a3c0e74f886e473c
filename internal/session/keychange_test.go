package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// replicas are services on one store, in every state that a change of the key brings about.
type replicas struct {
	*world
	before   *session.Service // knows the old key alone
	prepared *session.Service // signs with the old key, accepts the new one
	changed  *session.Service // signs with the new key, accepts the old one
	after    *session.Service // knows the new key alone
}

func newReplicas(t *testing.T, grace time.Duration) *replicas {
	t.Helper()
	w := newWorld(t)
	w.grace = grace
	old, present := strings.Repeat("k", 32), strings.Repeat("n", 32)
	with := func(secret, previous string) *session.Service {
		w.tokens = signer(t, secret, previous)
		return w.service(t, 4)
	}
	return &replicas{world: w, before: with(old, ""), prepared: with(old, present), changed: with(present, old), after: with(present, "")}
}

func signer(t *testing.T, secret, previous string) *token.Signer {
	t.Helper()
	s, err := token.New(token.Config{
		Secret: []byte(secret), PreviousSecret: []byte(previous), Algorithm: "HS256", Issuer: "issuer", Audience: "audience", AccessTTL: accessTTL,
	})
	require.NoError(t, err)
	return s
}

// TestKeyChange changes the key of a fleet step by step. At each step two kinds of replica run side by side, and a session's
// requests go to either, again and again, unnoticed.
func TestKeyChange(t *testing.T) {
	r := newReplicas(t, 0)
	tokens, err := r.before.Login(t.Context(), email, password)
	require.NoError(t, err)
	for _, side := range [][2]*session.Service{{r.before, r.prepared}, {r.prepared, r.changed}, {r.changed, r.after}} {
		for i := range 4 {
			for _, s := range side {
				if s == r.after && i == 0 {
					continue // by then, every live token was made with the new key
				}
				_, err := s.Authenticate(t.Context(), tokens.Access)
				require.NoError(t, err)
			}
			tokens, err = side[(i+i/2)%2].Refresh(t.Context(), tokens.Refresh) // 0 1 1 0: either after either
			require.NoError(t, err)
			r.advance(time.Minute)
		}
	}
	require.True(t, r.family(t, tokens.Refresh).RevokedAt.IsZero())
	_, err = r.before.Refresh(t.Context(), tokens.Refresh)
	require.ErrorIs(t, err, session.ErrInvalidToken, "the new key signs")
}

// TestKeyChangeInOneStep: what the replicas that were not told yet refuse, they do not end.
func TestKeyChangeInOneStep(t *testing.T) {
	r := newReplicas(t, 0)
	tokens, err := r.before.Login(t.Context(), email, password)
	require.NoError(t, err)
	tokens, err = r.changed.Refresh(t.Context(), tokens.Refresh)
	require.NoError(t, err)
	_, err = r.before.Refresh(t.Context(), tokens.Refresh)
	require.ErrorIs(t, err, session.ErrInvalidToken)
	_, err = r.before.Authenticate(t.Context(), tokens.Access)
	require.ErrorIs(t, err, session.ErrInvalidToken)
	_, err = r.changed.Refresh(t.Context(), tokens.Refresh)
	require.NoError(t, err)
}

// TestReuseAcrossKeyChange: a token of the old key ends its family as long as that key is accepted, and is garbage afterwards.
func TestReuseAcrossKeyChange(t *testing.T) {
	for name, ends := range map[string]bool{"changed": true, "after": false} {
		t.Run(name, func(t *testing.T) {
			r := newReplicas(t, 0)
			old, err := r.before.Login(t.Context(), email, password)
			require.NoError(t, err)
			live, err := r.changed.Refresh(t.Context(), old.Refresh)
			require.NoError(t, err)
			_, err = map[string]*session.Service{"changed": r.changed, "after": r.after}[name].Refresh(t.Context(), old.Refresh)
			require.ErrorIs(t, err, session.ErrInvalidToken)
			_, err = r.after.Refresh(t.Context(), live.Refresh)
			if ends {
				require.ErrorIs(t, err, session.ErrInvalidToken)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// TestGraceAcrossKeyChange: whichever replica rotated, each other that accepts both keys makes the same successor again.
func TestGraceAcrossKeyChange(t *testing.T) {
	r := newReplicas(t, grace)
	tokens, err := r.before.Login(t.Context(), email, password)
	require.NoError(t, err)
	for _, step := range [][2]*session.Service{
		{r.before, r.prepared}, {r.prepared, r.before}, {r.prepared, r.changed}, {r.changed, r.prepared}, {r.changed, r.changed}, {r.changed, r.after},
	} {
		child, err := step[0].Refresh(t.Context(), tokens.Refresh)
		require.NoError(t, err)
		again, err := step[1].Refresh(t.Context(), tokens.Refresh)
		require.NoError(t, err)
		require.Equal(t, child.Refresh, again.Refresh)
		_, err = step[0].Authenticate(t.Context(), again.Access)
		require.NoError(t, err)
		tokens = again
		r.advance(time.Minute)
	}
	require.True(t, r.family(t, tokens.Refresh).RevokedAt.IsZero())
}

// TestForgedAcrossKeyChange: two keys that are accepted make no third one good, and nothing of it reaches the store.
func TestForgedAcrossKeyChange(t *testing.T) {
	r := newReplicas(t, grace)
	tokens, err := r.changed.Login(t.Context(), email, password)
	require.NoError(t, err)
	genuine, err := r.tokens.ParseRefresh(tokens.Refresh)
	require.NoError(t, err)
	forger := signer(t, strings.Repeat("x", 32), "")
	forged, err := forger.Refresh(genuine)
	require.NoError(t, err)
	access, err := forger.Access(genuine.UserID, r.now())
	require.NoError(t, err)
	for _, s := range []*session.Service{r.before, r.prepared, r.changed, r.after} {
		calls := r.faults.calls
		_, err := s.Refresh(t.Context(), forged)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		require.NoError(t, s.Logout(t.Context(), forged))
		_, err = s.Authenticate(t.Context(), access)
		require.ErrorIs(t, err, session.ErrInvalidToken)
		require.Equal(t, calls, r.faults.calls)
	}
	_, err = r.after.Refresh(t.Context(), tokens.Refresh)
	require.NoError(t, err)
}
