package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// Stores that are wrong in one way, between the real server and a real MySQL: what an in-memory server cannot show.

// lostCommit believes in a rotation that was never written.
type lostCommit struct{ session.Store }

func (s lostCommit) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	f, err := s.Family(ctx, r.FamilyID)
	return err == nil && f.TokenHash == r.OldHash && f.RevokedAt.IsZero() && f.ExpiresAt.After(r.At), err
}

// lostRevocation believes in the end of a family that was never written, as when the refusal rolls it back.
type lostRevocation struct{ session.Store }

func (lostRevocation) Revoke(context.Context, token.ID, session.Reason, time.Time) (bool, error) {
	return true, nil
}

// readThenWrite looks first and writes then, without saying in the statement what it saw.
type readThenWrite struct {
	session.Store
	pause time.Duration // between the two, so that the hole is hit every time
}

func (s readThenWrite) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	f, err := s.Family(ctx, r.FamilyID)
	if err != nil || f.TokenHash != r.OldHash || !f.RevokedAt.IsZero() || !f.ExpiresAt.After(r.At) {
		return false, err
	}
	time.Sleep(s.pause)
	for { // the condition is met by reading what it asks for, so it is none
		now, err := s.Family(ctx, r.FamilyID)
		if err != nil {
			return false, err
		}
		r.OldHash, r.Generation = now.TokenHash, now.Generation
		if ok, err := s.Store.Rotate(ctx, r); ok || err != nil {
			return ok, err
		}
	}
}

// laggingReplica looks up families as they were a moment ago, and goes by that.
type laggingReplica struct {
	session.Store
	lag  time.Duration
	mu   *sync.Mutex
	seen map[token.ID][]snapshot
}

type snapshot struct {
	at time.Time
	session.Family
}

func (s laggingReplica) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.Family(ctx, r.FamilyID)
	if err != nil {
		return false, err
	}
	s.seen[r.FamilyID] = append(s.seen[r.FamilyID], snapshot{time.Now(), now})
	for _, old := range s.seen[r.FamilyID] {
		if old.TokenHash == r.OldHash && time.Since(old.at) < s.lag {
			r.OldHash, r.Generation = now.TokenHash, now.Generation // the replica says that it is the live one
			break
		}
	}
	return s.Store.Rotate(ctx, r)
}

// neverExpires lost the condition on expires_at.
type neverExpires struct{ session.Store }

func (s neverExpires) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	r.At = time.Unix(1, 0)
	return s.Store.Rotate(ctx, r)
}

// TestFaultyStores holds that the suite, which sees nothing but HTTP, names what is wrong with a store.
func TestFaultyStores(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(session.Store) session.Store
		caught string
	}{
		"lost commit":     {func(s session.Store) session.Store { return lostCommit{s} }, "rotation.rotates/successor-works"},
		"lost revocation": {func(s session.Store) session.Store { return lostRevocation{s} }, "reuse.revokes-family/family-dead"},
		"read then write": {func(s session.Store) session.Store { return readThenWrite{s, 20 * time.Millisecond} }, "race.refresh/one-winner"},
		"lagging replica": {func(s session.Store) session.Store {
			return laggingReplica{s, 200 * time.Millisecond, new(sync.Mutex), map[token.ID][]snapshot{}}
		}, "reuse.replay/refused"},
		"never expires": {func(s session.Store) session.Store { return neverExpires{s} }, "expiry.refresh/after"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := startJudged(t, mysqltest.URL(t), defaultLifetimes, true, func(db *store.DB) session.Store { return tt.spoil(db) })
			rep, err := conformance.Run(t.Context(), conformance.Options{Target: j.url, Advance: j.clock.advance, Production: true, RaceRounds: 3})
			require.NoError(t, err)
			require.Equal(t, conformance.Fail, rep.Verdict)
			var failed []string
			for _, s := range rep.Stories {
				for _, c := range s.Checks {
					if c.Verdict == conformance.Fail {
						failed = append(failed, c.ID)
					}
				}
			}
			require.Contains(t, failed, tt.caught)
		})
	}
}
