package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

var races = []test{
	{"one of many rotations of a token wins", oneWinner},
	{"no token survives a reuse", noSurvivor},
	{"no token survives a logout", logoutMeetsRefresh},
	{"no login survives a password change", loginMeets(changePassword)},
	{"no login survives a disabling", loginMeets(disable)},
	{"no refresh survives a password change", refreshMeets(changePassword)},
	{"no refresh survives a disabling", refreshMeets(disable)},
	{"logins of one user do not hinder each other", parallelLogins},
	{"one of many users gets an e-mail", oneUser},
	{"rotations go on during cleanup", rotationsDuringCleanup},
}

// width is how many callers present one token; chain is how many rotations a revocation meets at most; workers is how many
// rounds run at a time, each on a row of its own.
const (
	width   = 24
	chain   = 8
	workers = 8
)

// rounds is how often a race is run.
func rounds(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

// together starts n calls at once and joins what goes wrong.
func together(n int, call func(i int) error) error {
	errs := make([]error, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-gate
			errs[i] = call(i)
		})
	}
	close(gate)
	wg.Wait()
	return errors.Join(errs...)
}

// repeatedly runs n rounds, several at a time, until one fails.
func repeatedly(t *testing.T, n int, round func(i int) error) {
	t.Helper()
	var done, failed atomic.Int64
	err := together(workers, func(int) error {
		for {
			i := done.Add(1)
			if i > int64(n) || failed.Load() > 0 {
				return nil
			}
			if err := round(int(i)); err != nil {
				failed.Add(1)
				return fmt.Errorf("round %d: %w", i, err)
			}
		}
	})
	require.NoError(t, err)
}

// eitherFirst runs two calls at the same time, now the one and now the other a little earlier.
func eitherFirst(i int, a, b func() error) error {
	calls := []func() error{a, b}
	return together(2, func(k int) error {
		if k == i%2 {
			time.Sleep(rand.N(2 * time.Millisecond))
		}
		return calls[k]()
	})
}

func oneWinner(t *testing.T, stores []session.Store) {
	u := addUser(t, stores[0])
	for range rounds(60, 20) {
		f := startFamily(t, stores[0], u)
		var won [width]bool
		var tries [width]session.Rotation
		err := together(width, func(i int) (err error) {
			tries[i] = next(f)
			won[i], err = stores[i%len(stores)].Rotate(t.Context(), tries[i])
			return err
		})
		require.NoError(t, err)
		winners := 0
		for i := range won {
			if won[i] {
				winners++
				require.Equal(t, after(f, tries[i]), family(t, stores[0], f.ID), "the row names the winner's successor")
			}
		}
		require.Equal(t, 1, winners, "winners of %d", width)
	}
}

// noSurvivor lets an honest client rotate as fast as it can while the token that it rotated first comes back.
func noSurvivor(t *testing.T, stores []session.Store) {
	u := addUser(t, stores[0])
	repeatedly(t, rounds(900, 300), func(i int) error {
		honest, thief := stores[i%len(stores)], stores[(i+1)%len(stores)]
		f := newFamily(t, u)
		if err := honest.StartFamily(t.Context(), f, u.PasswordHash); err != nil {
			return err
		}
		first := next(f)
		if rotated, err := honest.Rotate(t.Context(), first); err != nil || !rotated {
			return errors.Join(fmt.Errorf("the first rotation: %t", rotated), err)
		}
		var ended atomic.Bool
		err := together(2, func(k int) error {
			if k == 0 {
				return rotateUntilRefused(t, honest, after(f, first), &ended)
			}
			time.Sleep(rand.N(2 * time.Millisecond))
			defer ended.Store(true)
			return replay(t, thief, first)
		})
		return errors.Join(err, deadFamily(t, honest, f.ID, session.ReasonReuse))
	})
}

// rotateUntilRefused is the honest client, for a while. A rotation that begins after the revocation was acknowledged must
// not succeed.
func rotateUntilRefused(t *testing.T, s session.Store, f session.Family, ended *atomic.Bool) error {
	for range chain {
		over := ended.Load()
		r := next(f)
		rotated, err := s.Rotate(t.Context(), r)
		if err != nil || !rotated {
			return err
		}
		if over {
			return errors.New("a token rotated after its family was revoked")
		}
		f = after(f, r)
	}
	return nil
}

// replay presents a rotated token and does what session does: no match, the row is ahead, so it ends the family.
func replay(t *testing.T, s session.Store, old session.Rotation) error {
	old.NewHash = newHash()
	rotated, err := s.Rotate(t.Context(), old)
	if err != nil || rotated {
		return errors.Join(fmt.Errorf("a rotated token: %t", rotated), err)
	}
	f, err := s.Family(t.Context(), old.FamilyID)
	if err != nil || f.Generation <= old.Generation {
		return errors.Join(fmt.Errorf("the row is not ahead of a rotated token: %d", f.Generation), err)
	}
	ended, err := s.Revoke(t.Context(), old.FamilyID, session.ReasonReuse, start)
	if err != nil || !ended {
		return errors.Join(fmt.Errorf("the revocation: %t", ended), err)
	}
	return nil
}

// deadFamily returns an error if a family is not revoked for that reason, or if its latest token rotates.
func deadFamily(t *testing.T, s session.Store, id token.ID, reason session.Reason) error {
	f, err := s.Family(t.Context(), id)
	if err != nil {
		return err
	}
	if f.RevokeReason != reason || f.RevokedAt.IsZero() {
		return fmt.Errorf("the family is not revoked for %s: %q", reason, f.RevokeReason)
	}
	rotated, err := s.Rotate(t.Context(), next(f))
	if rotated {
		return errors.New("a token survived the revocation")
	}
	return err
}

// orders counts how a race ended. A race that always ended in one order has shown nothing about the other.
type orders struct{ first, second atomic.Int64 }

func (o *orders) require(t *testing.T) {
	t.Helper()
	t.Logf("%d rounds in one order, %d in the other", o.first.Load(), o.second.Load())
	require.Positive(t, o.first.Load(), "one order was never seen")
	require.Positive(t, o.second.Load(), "the other order was never seen")
}

func (o *orders) count(first bool) {
	if first {
		o.first.Add(1)
	} else {
		o.second.Add(1)
	}
}

func logoutMeetsRefresh(t *testing.T, stores []session.Store) {
	u := addUser(t, stores[0])
	var seen orders
	repeatedly(t, rounds(300, 100), func(i int) error {
		f := newFamily(t, u)
		if err := stores[0].StartFamily(t.Context(), f, u.PasswordHash); err != nil {
			return err
		}
		err := eitherFirst(i,
			func() error {
				rotated, err := stores[0].Rotate(t.Context(), next(f))
				seen.count(rotated)
				return err
			},
			func() error {
				ended, err := stores[1].Revoke(t.Context(), f.ID, session.ReasonLogout, start)
				if err == nil && !ended {
					err = errors.New("the logout ended nothing")
				}
				return err
			})
		return errors.Join(err, deadFamily(t, stores[0], f.ID, session.ReasonLogout))
	})
	seen.require(t)
}

// change is what an administrator does to a user: it ends every family and forbids logins on the old terms.
type change struct {
	reason session.Reason
	apply  func(t *testing.T, s session.Store, u session.User) (ended int, err error)
}

var (
	changePassword = change{session.ReasonPassword, func(t *testing.T, s session.Store, u session.User) (int, error) {
		return s.SetPassword(t.Context(), u.ID, []byte("new"), start)
	}}
	disable = change{session.ReasonUserDisabled, func(t *testing.T, s session.Store, u session.User) (int, error) {
		return s.SetDisabled(t.Context(), u.ID, true, start)
	}}
)

// loginMeets: the login comes first and its family is ended, or it comes second and is refused.
func loginMeets(c change) func(*testing.T, []session.Store) {
	return func(t *testing.T, stores []session.Store) {
		users := make([]session.User, rounds(150, 60))
		for i := range users {
			users[i] = addUser(t, stores[0])
		}
		var seen orders
		repeatedly(t, len(users), func(i int) error {
			u := users[i-1]
			f := newFamily(t, u)
			var loginErr error
			ended := 0
			err := eitherFirst(i,
				func() error {
					loginErr = stores[0].StartFamily(t.Context(), f, u.PasswordHash)
					return nil
				},
				func() (err error) {
					ended, err = c.apply(t, stores[1], u)
					return err
				})
			switch {
			case err != nil:
				return err
			case loginErr == nil:
				seen.count(true)
				if ended != 1 {
					return fmt.Errorf("the login succeeded, and the change ended %d families", ended)
				}
				return deadFamily(t, stores[0], f.ID, c.reason)
			case errors.Is(loginErr, session.ErrUserChanged) && ended == 0:
				seen.count(false)
				return nil
			}
			return fmt.Errorf("login: %w, families ended: %d", loginErr, ended)
		})
		seen.require(t)
	}
}

// refreshMeets: the rotation comes first and its successor is ended, or it comes second and does not match.
func refreshMeets(c change) func(*testing.T, []session.Store) {
	return func(t *testing.T, stores []session.Store) {
		users := make([]session.User, rounds(150, 60))
		for i := range users {
			users[i] = addUser(t, stores[0])
		}
		var seen orders
		repeatedly(t, len(users), func(i int) error {
			u := users[i-1]
			f := newFamily(t, u)
			if err := stores[0].StartFamily(t.Context(), f, u.PasswordHash); err != nil {
				return err
			}
			err := eitherFirst(i,
				func() error {
					rotated, err := stores[0].Rotate(t.Context(), next(f))
					seen.count(rotated)
					return err
				},
				func() error {
					ended, err := c.apply(t, stores[1], u)
					if err == nil && ended != 1 {
						err = fmt.Errorf("the change ended %d families", ended)
					}
					return err
				})
			return errors.Join(err, deadFamily(t, stores[0], f.ID, c.reason))
		})
		seen.require(t)
	}
}

func parallelLogins(t *testing.T, stores []session.Store) {
	u := addUser(t, stores[0])
	err := together(width, func(i int) error {
		return stores[i%len(stores)].StartFamily(t.Context(), newFamily(t, u), u.PasswordHash)
	})
	require.NoError(t, err)
	ended, err := stores[0].SetPassword(t.Context(), u.ID, []byte("new"), start)
	require.NoError(t, err)
	require.Equal(t, width, ended)
}

func oneUser(t *testing.T, stores []session.Store) {
	for round := range rounds(20, 5) {
		var added atomic.Int64
		email := fmt.Sprintf("user%d@example.com", round)
		err := together(width, func(i int) error {
			err := stores[i%len(stores)].AddUser(t.Context(), session.User{
				ID: newID(t), Email: email, PasswordHash: []byte("x"), CreatedAt: start,
			})
			if err == nil {
				added.Add(1)
			}
			if errors.Is(err, session.ErrEmailTaken) {
				return nil
			}
			return err
		})
		require.NoError(t, err)
		require.EqualValues(t, 1, added.Load(), "users with one e-mail")
	}
}

func rotationsDuringCleanup(t *testing.T, stores []session.Store) {
	u := addUser(t, stores[0])
	const rows = 300
	repeatedly(t, rows, func(int) error {
		f := newFamily(t, u)
		f.AbsoluteEnd = start.Add(-time.Hour)
		return stores[0].StartFamily(t.Context(), f, u.PasswordHash)
	})
	live := startFamily(t, stores[0], u)
	var over atomic.Bool
	deleted, rotations := 0, 0
	err := together(2, func(k int) error {
		if k == 0 {
			defer over.Store(true)
			for {
				n, err := stores[0].DeleteEnded(t.Context(), start, 20)
				deleted += n
				if err != nil || n == 0 {
					return err
				}
			}
		}
		for f := live; !over.Load(); rotations++ {
			r := next(f)
			if rotated, err := stores[1].Rotate(t.Context(), r); err != nil || !rotated {
				return errors.Join(fmt.Errorf("during cleanup a rotation failed: %t", rotated), err)
			}
			f = after(f, r)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, rows, deleted)
	require.Positive(t, rotations, "no rotation ran during cleanup")
	t.Logf("%d rotations during %d deletions", rotations, deleted)
	require.EqualValues(t, rotations, family(t, stores[0], live.ID).Generation, "the live family is untouched")
}
