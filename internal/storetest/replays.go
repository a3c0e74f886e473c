package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
)

func replaysAreCounted(t *testing.T, s session.Store) {
	u := addUser(t, s)
	f := startFamily(t, s, u)
	for count := range 3 {
		counted, err := s.Replay(t.Context(), nextReplay(f))
		require.NoError(t, err)
		require.True(t, counted)
		f.Replays++
		require.Equal(t, count+1, f.Replays)
		require.Equal(t, f, family(t, s, f.ID), "a replay moves nothing but the count")
	}
	for _, c := range []struct {
		name   string
		change func(r *session.Replay)
	}{
		{"another family", func(r *session.Replay) { r.FamilyID = newID(t) }},
		{"an earlier generation", func(r *session.Replay) { r.Generation-- }},
		{"a later generation", func(r *session.Replay) { r.Generation++ }},
		{"a hash one bit away", func(r *session.Replay) { r.TokenHash[31] ^= 1 }},
		{"a count that was given", func(r *session.Replay) { r.Count-- }},
		{"a count that leaps", func(r *session.Replay) { r.Count++ }},
		{"at the idle end", func(r *session.Replay) { r.At = f.ExpiresAt }},
	} {
		r := nextReplay(f)
		c.change(&r)
		counted, err := s.Replay(t.Context(), r)
		require.NoError(t, err, c.name)
		require.False(t, counted, c.name)
		require.Equal(t, f, family(t, s, f.ID), c.name)
	}
	rotation := next(f)
	mustRotate(t, s, rotation)
	f = after(f, rotation)
	require.Equal(t, f, family(t, s, f.ID), "a rotation begins a new count")

	_, err := s.Revoke(t.Context(), f.ID, session.ReasonLogout, start)
	require.NoError(t, err)
	counted, err := s.Replay(t.Context(), nextReplay(f))
	require.NoError(t, err)
	require.False(t, counted, "a revoked family")

	f = newFamily(t, u)
	f.ExpiresAt = f.AbsoluteEnd.Add(time.Hour) // an idle end past the absolute end is no permission
	require.NoError(t, s.StartFamily(t.Context(), f, u.PasswordHash))
	r := nextReplay(f)
	r.At = f.AbsoluteEnd
	counted, err = s.Replay(t.Context(), r)
	require.NoError(t, err)
	require.False(t, counted, "at the absolute end")
}

// nextReplay is the next replay of f's live token.
func nextReplay(f session.Family) session.Replay {
	return session.Replay{FamilyID: f.ID, Generation: f.Generation, TokenHash: f.TokenHash, Count: f.Replays + 1, At: f.RotatedAt}
}
