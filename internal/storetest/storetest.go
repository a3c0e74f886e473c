// Package storetest is the contract of session.Store as tests. Whatever stores users and token families passes [Run], and
// then session's promises hold on it: one winner for each refresh token, no live token after a revocation, nothing lost
// between a login and a password change, bytes compared as bytes.
package storetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// Open opens one fresh, empty database as that many replicas of a server would, and closes it when the test ends.
type Open func(t *testing.T, replicas int) []session.Store

// Run runs all tests. With -short the races take fewer rounds.
func Run(t *testing.T, open Open) {
	t.Run("rules", func(t *testing.T) { runAll(t, open, rules) })
	t.Run("grace", func(t *testing.T) { runAll(t, open, graceTests) })
	Races(t, open)
}

// Races runs the tests in which several callers meet on one row.
func Races(t *testing.T, open Open) {
	t.Run("races", func(t *testing.T) { runAll(t, open, races) })
}

// test is one test; its stores are replicas of one database.
type test struct {
	name string
	run  func(t *testing.T, stores []session.Store)
}

func runAll(t *testing.T, open Open, tests []test) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t, 2)) })
	}
}

// alone makes a test of one that needs no second replica.
func alone(f func(t *testing.T, s session.Store)) func(*testing.T, []session.Store) {
	return func(t *testing.T, stores []session.Store) { f(t, stores[0]) }
}

// start is when everything in these tests begins.
var start = time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)

const (
	idleLife     = 30 * 24 * time.Hour
	absoluteLife = 90 * 24 * time.Hour
)

func newID(t *testing.T) token.ID {
	t.Helper()
	id, err := uuid.NewV7()
	require.NoError(t, err)
	return id
}

// newHash is the SHA-256 of a token that was not seen before.
func newHash() [32]byte { return token.Hash(rand.Text()) }

// addUser adds a user whose e-mail and password hash are unique.
func addUser(t *testing.T, s session.Store) session.User {
	t.Helper()
	u := session.User{
		ID:           newID(t),
		Email:        rand.Text() + "@example.com",
		PasswordHash: []byte("$2a$04$" + rand.Text()),
		CreatedAt:    start,
	}
	require.NoError(t, s.AddUser(t.Context(), u))
	return u
}

// newFamily is a login of u at start.
func newFamily(t *testing.T, u session.User) session.Family {
	t.Helper()
	return session.Family{
		ID:          newID(t),
		UserID:      u.ID,
		TokenHash:   newHash(),
		CreatedAt:   start,
		RotatedAt:   start,
		ExpiresAt:   start.Add(idleLife),
		AbsoluteEnd: start.Add(absoluteLife),
	}
}

func startFamily(t *testing.T, s session.Store, u session.User) session.Family {
	t.Helper()
	f := newFamily(t, u)
	require.NoError(t, s.StartFamily(t.Context(), f, u.PasswordHash))
	return f
}

// next is the rotation of f's live token a second after the last, with a successor of its own.
func next(f session.Family) session.Rotation {
	at := f.RotatedAt.Add(time.Second)
	return session.Rotation{
		FamilyID:   f.ID,
		Generation: f.Generation,
		OldHash:    f.TokenHash,
		NewHash:    newHash(),
		Salt:       token.NewSalt(),
		At:         at,
		ExpiresAt:  at.Add(idleLife),
	}
}

// after is f as r leaves it.
func after(f session.Family, r session.Rotation) session.Family {
	f.Generation, f.TokenHash, f.Salt, f.Replays, f.RotatedAt, f.ExpiresAt = r.Generation+1, r.NewHash, r.Salt, 0, r.At, r.ExpiresAt
	return f
}

// requireOutcome fails unless err is that answer of the store, and not at the same time a failure, which a client would repeat.
func requireOutcome(t *testing.T, err, want error, about ...any) {
	t.Helper()
	require.ErrorIs(t, err, want, about...)
	require.NotErrorIs(t, err, session.ErrUnavailable, about...)
}

func mustRotate(t *testing.T, s session.Store, r session.Rotation) {
	t.Helper()
	rotated, err := s.Rotate(t.Context(), r)
	require.NoError(t, err)
	require.True(t, rotated, "the live token rotates")
}

func family(t *testing.T, s session.Store, id token.ID) session.Family {
	t.Helper()
	f, err := s.Family(t.Context(), id)
	require.NoError(t, err)
	return f
}

// requireDead fails if any token of a family could still rotate.
func requireDead(t *testing.T, s session.Store, id token.ID) {
	t.Helper()
	f := family(t, s, id)
	require.False(t, f.RevokedAt.IsZero(), "the family is revoked")
	rotated, err := s.Rotate(t.Context(), next(f))
	require.NoError(t, err)
	require.False(t, rotated, "the latest token of a revoked family rotated")
}
