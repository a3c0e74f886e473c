package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// The grace is session's, but what it promises rests on the store: these tests run the real service on it, one on each replica.
var graceTests = []test{
	{"a burst has one successor", graceBurst},
	{"a flood is bounded", graceFlood},
	{"theft within the window shows afterwards", graceTheft},
	{"the window is anchored", graceIsAnchored},
	{"a grandparent is reuse", graceGrandparent},
	{"a logout ends the window", graceLogout},
	{"no replay after a logout", graceLogoutRace},
}

const grace = 10 * time.Second

// replicas are services on one database, with one clock that stands still until it is moved.
type replicas struct {
	*testing.T
	services []*session.Service
	stores   []session.Store
	tokens   *token.Signer
	clock    atomic.Int64
}

func newReplicas(t *testing.T, stores []session.Store) *replicas {
	t.Helper()
	signer, err := token.New(token.Config{
		Secret: []byte(strings.Repeat("k", 32)), Algorithm: "HS256", Issuer: "i", Audience: "a", AccessTTL: time.Minute,
	})
	require.NoError(t, err)
	passwords, err := session.NewPasswords(4, 1)
	require.NoError(t, err)
	r := &replicas{T: t, stores: stores, tokens: signer}
	r.clock.Store(start.UnixMicro())
	for _, s := range stores {
		r.services = append(r.services, session.New(session.Config{
			Store: s, Tokens: signer, Passwords: passwords, RefreshTTL: idleLife, SessionMaxTTL: absoluteLife,
			Grace: grace, StoreTimeout: 30 * time.Second, Now: func() time.Time { return time.UnixMicro(r.clock.Load()) },
		}))
	}
	_, err = r.services[0].AddUser(t.Context(), "a@example.com", "secret")
	require.NoError(t, err)
	return r
}

func (r *replicas) advance(d time.Duration) { r.clock.Add(d.Microseconds()) }

func (r *replicas) login() string {
	r.Helper()
	tokens, err := r.services[0].Login(r.Context(), "a@example.com", "secret")
	require.NoError(r, err)
	return tokens.Refresh
}

// refresh presents a token to a replica.
func (r *replicas) refresh(replica int, raw string) string {
	r.Helper()
	tokens, err := r.services[replica].Refresh(r.Context(), raw)
	require.NoError(r, err)
	return tokens.Refresh
}

func (r *replicas) family(raw string) session.Family {
	r.Helper()
	parsed, err := r.tokens.ParseRefresh(raw)
	require.NoError(r, err)
	return family(r.T, r.stores[0], parsed.FamilyID)
}

// requireReuse fails unless a token ends its family, which was alive, for the other replica too.
func (r *replicas) requireReuse(raw, live string) {
	r.Helper()
	require.Zero(r, r.family(raw).RevokedAt)
	_, err := r.services[1].Refresh(r.Context(), raw)
	require.ErrorIs(r, err, session.ErrInvalidToken)
	require.Equal(r, session.ReasonReuse, r.family(raw).RevokeReason)
	_, err = r.services[0].Refresh(r.Context(), live)
	require.ErrorIs(r, err, session.ErrInvalidToken)
}

// burst presents one token n times at once, and returns how often it was accepted, and the successors.
func (r *replicas) burst(n int, raw string) (accepted int, successors map[string]bool) {
	r.Helper()
	answers := make([]string, n)
	err := together(n, func(i int) error {
		tokens, err := r.services[i%len(r.services)].Refresh(r.Context(), raw)
		answers[i] = tokens.Refresh
		if errors.Is(err, session.ErrInvalidToken) {
			return nil
		}
		return err
	})
	require.NoError(r, err)
	successors = map[string]bool{}
	for _, a := range answers {
		if a != "" {
			accepted++
			successors[a] = true
		}
	}
	return accepted, successors
}

func graceBurst(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	raw := r.login()
	for range rounds(30, 10) {
		before := r.family(raw).Generation
		accepted, successors := r.burst(8, raw)
		require.Equal(t, 8, accepted, "one rotation and seven replays")
		require.Len(t, successors, 1)
		f := r.family(raw)
		require.Equal(t, before+1, f.Generation)
		require.Equal(t, 7, f.Replays)
		require.Zero(t, f.RevokedAt)
		for raw = range successors {
			require.Equal(t, token.Hash(raw), f.TokenHash)
		}
	}
}

// graceFlood: one rotation, ten replays, and then it is reuse.
func graceFlood(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	for range rounds(30, 10) {
		raw := r.login()
		accepted, successors := r.burst(width, raw)
		require.Len(t, successors, 1)
		require.Equal(t, 1+10, accepted, "of %d", width)
		f := r.family(raw)
		require.EqualValues(t, 1, f.Generation)
		require.Equal(t, 10, f.Replays)
		require.Equal(t, session.ReasonReuse, f.RevokeReason)
	}
}

func graceTheft(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	stolen := r.login()
	owner := r.refresh(0, stolen)
	r.advance(grace / 2)
	thief := r.refresh(1, stolen)
	require.Equal(t, owner, thief)
	r.advance(time.Hour)
	owner = r.refresh(0, owner)
	r.advance(grace)
	r.requireReuse(thief, owner)
}

func graceIsAnchored(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	parent := r.login()
	live := r.refresh(0, parent)
	expires := r.family(live).ExpiresAt
	for range 3 {
		r.advance(3 * time.Second)
		require.Equal(t, live, r.refresh(1, parent))
	}
	require.Equal(t, expires, r.family(live).ExpiresAt)
	r.advance(time.Second)
	r.requireReuse(parent, live)

	parent = r.login()
	live = r.refresh(0, parent)
	r.advance(grace * 3 / 2)
	r.requireReuse(parent, live)
}

func graceGrandparent(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	grandparent := r.login()
	live := r.refresh(1, r.refresh(0, grandparent))
	r.requireReuse(grandparent, live)
}

func graceLogout(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	parent := r.login()
	live := r.refresh(0, parent)
	require.NoError(t, r.services[0].Logout(t.Context(), live))
	for _, raw := range []string{parent, live} {
		_, err := r.services[1].Refresh(t.Context(), raw)
		require.ErrorIs(t, err, session.ErrInvalidToken)
	}
	require.Equal(t, session.ReasonLogout, r.family(live).RevokeReason)
}

// graceLogoutRace: once a logout was acknowledged, no replay is.
func graceLogoutRace(t *testing.T, stores []session.Store) {
	r := newReplicas(t, stores)
	var seen orders
	for i := range rounds(100, 40) {
		parent := r.login()
		live := r.refresh(0, parent)
		err := eitherFirst(i,
			func() error {
				tokens, err := r.services[0].Refresh(t.Context(), parent)
				seen.count(err == nil)
				switch {
				case err == nil && tokens.Refresh != live:
					return errors.New("another successor")
				case err != nil && !errors.Is(err, session.ErrInvalidToken):
					return fmt.Errorf("replay: %w", err)
				}
				return nil
			},
			func() error { return r.services[1].Logout(t.Context(), live) })
		require.NoError(t, err)
		require.Equal(t, session.ReasonLogout, r.family(live).RevokeReason)
		_, err = r.services[0].Refresh(t.Context(), parent)
		require.ErrorIs(t, err, session.ErrInvalidToken)
	}
	seen.require(t)
}
