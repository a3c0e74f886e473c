package session

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// maxPassword is where bcrypt stops reading. x/crypto refuses to hash more, but compares only what fits: without a check
// before comparing, the first 72 bytes and any tail would log in.
const maxPassword = 72

// Passwords makes and checks bcrypt hashes, few at a time, so that a storm of logins leaves a processor to everything else.
type Passwords struct {
	cost  int
	slots chan struct{}
	dummy []byte // the hash of a password that nobody knows
}

// NewPasswords returns a Passwords that hashes at cost (4 to 31; 10 or more outside tests), at most slots at a time
// (0: one fewer than there are processors, at least one).
func NewPasswords(cost, slots int) (*Passwords, error) {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return nil, fmt.Errorf("bcrypt cost must be between %d and %d, not %d", bcrypt.MinCost, bcrypt.MaxCost, cost)
	}
	if slots <= 0 {
		slots = max(1, runtime.GOMAXPROCS(0)-1)
	}
	dummy, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
	if err != nil {
		return nil, fmt.Errorf("make the dummy hash: %w", err)
	}
	return &Passwords{cost: cost, slots: make(chan struct{}, slots), dummy: dummy}, nil
}

// hash returns the bcrypt hash of a password, or [ErrNoPassword], [ErrPasswordTooLong], [ErrPasswordNUL], or
// [ErrUnavailable] if ctx ends before a slot is free.
func (p *Passwords) hash(ctx context.Context, password string) ([]byte, error) {
	switch {
	case password == "":
		return nil, ErrNoPassword
	case len(password) > maxPassword:
		return nil, ErrPasswordTooLong
	case strings.ContainsRune(password, 0):
		return nil, ErrPasswordNUL
	}
	release, err := p.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), p.cost)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// check reports whether the password has this hash. Without a hash it does the same work and says no. The error is
// [ErrPasswordTooLong], or [ErrUnavailable] if ctx ends before a slot is free.
func (p *Passwords) check(ctx context.Context, hash []byte, password string) (bool, error) {
	if len(password) > maxPassword {
		return false, ErrPasswordTooLong
	}
	known := len(hash) > 0
	if !known {
		hash = p.dummy
	}
	release, err := p.slot(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	// bcrypt repeats the password, NUL-terminated, until its key is full, so "a\x00a" has the hash of "a".
	equal := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	return known && equal && !strings.ContainsRune(password, 0), nil
}

// outdated reports whether the hash was made at a lower cost than today's.
func (p *Passwords) outdated(hash []byte) bool {
	cost, err := bcrypt.Cost(hash)
	return err == nil && cost < p.cost
}

// slot waits until the caller may hash, and returns how to say that it is done.
func (p *Passwords) slot(ctx context.Context) (release func(), err error) {
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: no password slot: %w", ErrUnavailable, context.Cause(ctx))
	}
}
