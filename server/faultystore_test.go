package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	company
}

func (s readThenWrite) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	defer s.arrive()()
	f, err := s.Family(ctx, r.FamilyID)
	if err != nil || f.TokenHash != r.OldHash || !f.RevokedAt.IsZero() || !f.ExpiresAt.After(r.At) {
		return false, err
	}
	s.hole()
	for { // the condition is met by reading what it asks for, so it is none
		now, err := s.Family(ctx, r.FamilyID)
		if err != nil || !now.RevokedAt.IsZero() {
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

// faultyStore is a fault, the check that names the requirement which it breaks, and where it sits.
type faultyStore struct {
	name, primary string
	spoil         func(t *testing.T, s session.Store, db *sql.DB) session.Store  // between the server and MySQL
	front         func(t *testing.T, db *sql.DB) func(http.Handler) http.Handler // or before the server
}

func faultyStores() []faultyStore {
	over := func(f func(session.Store) session.Store) func(*testing.T, session.Store, *sql.DB) session.Store {
		return func(_ *testing.T, s session.Store, _ *sql.DB) session.Store { return f(s) }
	}
	rows := func(fault rowFault) func(*testing.T, session.Store, *sql.DB) session.Store {
		return func(t *testing.T, s session.Store, db *sql.DB) session.Store { return newRowPerToken(t, s, db, fault) }
	}
	text := func(table func(*testing.T, *sql.DB, string) func(http.Handler) http.Handler, column string) func(*testing.T, *sql.DB) func(http.Handler) http.Handler {
		return func(t *testing.T, db *sql.DB) func(http.Handler) http.Handler { return table(t, db, column) }
	}
	return []faultyStore{
		{"lost commit", "rotation.rotates/successor-works", over(func(s session.Store) session.Store { return lostCommit{s} }), nil},
		{"lost revocation", "reuse.revokes-family/family-dead", over(func(s session.Store) session.Store { return lostRevocation{s} }), nil},
		{"never expires", "expiry.refresh/after", over(func(s session.Store) session.Store { return neverExpires{s} }), nil},
		{"read then write", "race.refresh/one-winner", over(func(s session.Store) session.Store { return readThenWrite{s, company{new(atomic.Int64)}} }), nil},
		{"lagging replica", "reuse.replay/refused", over(func(s session.Store) session.Store {
			return laggingReplica{s, time.Minute, new(sync.Mutex), map[token.ID][]snapshot{}}
		}), nil},
		{"row per token, counted and added", "race.refresh/one-winner", rows(countThenAdd), nil},
		{"row per token, an old snapshot", "race.refresh/one-winner", rows(oldSnapshot), nil},
		{"row per token, swept without a lock", "race.replay/no-survivor", rows(sweepUnlocked), nil},
		{"row per token, a deadlock is a 500", "race.replay/clean", rows(lockOrder), nil},
		{"row per token, a column too short", "rotation.rotates/accepted", rows(shortColumn), nil},
		{"row per token, a cleanup of spent ones", "reuse.revokes-family/family-dead", rows(forgetsSpent), nil},
		{"a collation that folds case", "rotation.exact-bytes/case-flipped", nil, text(handles, "COLLATE utf8mb4_0900_ai_ci")},
		{"a collation that folds case, of passwords", "login.odd-passwords/case-flipped", nil, text(comparesPasswords, "COLLATE utf8mb4_0900_ai_ci")},
		{"a collation that pads", "login.odd-passwords/space-added", nil, text(comparesPasswords, "COLLATE utf8mb4_bin")},
	}
}

// rightStores are the same without a fault.
func rightStores() []faultyStore {
	return []faultyStore{
		{"row per token", "", func(t *testing.T, s session.Store, db *sql.DB) session.Store {
			return newRowPerToken(t, s, db, rowsRight)
		}, nil},
		{"handles", "", nil, func(t *testing.T, db *sql.DB) func(http.Handler) http.Handler {
			return handles(t, db, "COLLATE utf8mb4_0900_bin")
		}},
		{"passwords", "", nil, func(t *testing.T, db *sql.DB) func(http.Handler) http.Handler {
			return comparesPasswords(t, db, "COLLATE utf8mb4_0900_bin")
		}},
	}
}

// start serves the server with the fault on a database of its own, and returns what judges it.
func (f faultyStore) start(t *testing.T) conformance.Options {
	databaseURL := mysqltest.URL(t)
	root := mysqltest.Database(t, databaseURL)
	j := startJudged(t, databaseURL, defaultLifetimes, true, func(db *store.DB) session.Store {
		if f.spoil != nil {
			return f.spoil(t, db, root)
		}
		return db
	})
	if f.front != nil {
		wrap := f.front(t, root)
		j.url = j.serve(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { j.now.Load().handler.ServeHTTP(w, r) })))
	}
	return conformance.Options{Target: j.url, Advance: j.clock.advance, Production: true, RaceRounds: 3, JWTSecret: goodKey}
}

// severalAtOnce begins more runs than there are processors: each mostly waits for the disk.
func severalAtOnce(all []faultyStore, f func(int, faultyStore)) {
	slots := make(chan struct{}, 5)
	var wg sync.WaitGroup
	for i, one := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i, one)
		})
	}
	wg.Wait()
}

// Each store that is right passes, in whatever shape it keeps its tokens.
func TestRightStores(t *testing.T) {
	severalAtOnce(rightStores(), func(_ int, f faultyStore) {
		t.Run(f.name, func(t *testing.T) { conforms(t, f.start(t)) })
	})
}

// TestFaultyStores holds that the suite, which sees nothing but HTTP, names what is wrong with a store on a real database. What fails is compared with
// a golden matrix as that of the faulty server is: the check that names the requirement, a bar, and the implied ones, without those that a race decides.
func TestFaultyStores(t *testing.T) {
	faults := faultyStores()
	rows := make([]string, len(faults))
	severalAtOnce(faults, func(i int, f faultyStore) {
		t.Run(f.name, func(t *testing.T) {
			rep, err := conformance.Run(t.Context(), f.start(t))
			require.NoError(t, err)
			require.Equal(t, conformance.Fail, rep.Verdict)
			var failed, implied []string
			for _, s := range rep.Stories {
				for _, c := range s.Checks {
					if c.Verdict != conformance.Fail && c.Verdict != conformance.Warn {
						continue
					}
					if failed = append(failed, c.ID); c.ID != f.primary && !strings.HasPrefix(c.ID, "race.") {
						implied = append(implied, c.ID)
					}
				}
			}
			require.Contains(t, failed, f.primary)
			rows[i] = strings.TrimRight(fmt.Sprintf("%s: %s | %s", f.name, f.primary, strings.Join(implied, " ")), " |") + "\n"
		})
	})
	if t.Failed() || slices.Contains(rows, "") {
		return // a subtest failed or was skipped, or -run left some out
	}
	const golden = "testdata/storekills.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(strings.Join(rows, "")), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err, "go test ./server -run '^TestFaultyStores$' -update writes it")
	require.Equal(t, string(want), strings.Join(rows, ""), "if that is meant: go test ./server -run '^TestFaultyStores$' -update, and read the diff")
}
