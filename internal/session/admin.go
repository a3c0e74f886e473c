package session

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// AddUser creates an account, or returns [ErrEmailTaken], [ErrBadEmail], or what is wrong with the password.
func (s *Service) AddUser(ctx context.Context, email, password string) (User, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return User{}, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return User{}, fmt.Errorf("add user: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return User{}, fmt.Errorf("add user: make an id: %w", err)
	}
	user := User{ID: id, Email: email, PasswordHash: hash, CreatedAt: s.now()}
	if err := s.store.AddUser(ctx, user); err != nil {
		return User{}, fmt.Errorf("add user: %w", err)
	}
	return user, nil
}

// SetPassword changes a user's password and ends all families of the user, and returns how many that were. A login with the
// old password that is under way ends with them or fails.
func (s *Service) SetPassword(ctx context.Context, email, password string) (ended int, err error) {
	user, err := s.find(ctx, email)
	if err != nil {
		return 0, fmt.Errorf("set password: %w", err)
	}
	ctx, cancel := s.durable(ctx)
	defer cancel()
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return 0, fmt.Errorf("set password: %w", err)
	}
	ended, err = s.store.SetPassword(ctx, user.ID, hash, s.now())
	if err != nil {
		return 0, fmt.Errorf("set password: %w", err)
	}
	s.log.InfoContext(ctx, "revoked", "user", user.ID, "reason", string(ReasonPassword), "families", ended)
	return ended, nil
}

// SetDisabled disables a user and ends all families of the user, and returns how many that were, or enables the user again,
// which revives none.
func (s *Service) SetDisabled(ctx context.Context, email string, disabled bool) (ended int, err error) {
	user, err := s.find(ctx, email)
	if err != nil {
		return 0, fmt.Errorf("set disabled: %w", err)
	}
	ctx, cancel := s.durable(ctx)
	defer cancel()
	ended, err = s.store.SetDisabled(ctx, user.ID, disabled, s.now())
	if err != nil {
		return 0, fmt.Errorf("set disabled: %w", err)
	}
	if disabled {
		s.log.InfoContext(ctx, "revoked", "user", user.ID, "reason", string(ReasonUserDisabled), "families", ended)
	}
	return ended, nil
}

func (s *Service) find(ctx context.Context, email string) (User, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return User{}, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.store.UserByEmail(ctx, email)
}

// Cleanup works in batches with a pause between them, so that refreshes pass in between.
const (
	cleanupBatch = 500
	cleanupPause = 20 * time.Millisecond
)

// Cleanup deletes the families whose absolute life has ended, and returns how many, also if ctx ended before the work did.
func (s *Service) Cleanup(ctx context.Context) (deleted int, err error) {
	before := s.now()
	for {
		n, err := s.cleanupBatch(ctx, before)
		deleted += n
		if err != nil {
			return deleted, fmt.Errorf("cleanup: %w", err)
		}
		if n == 0 {
			return deleted, nil
		}
		select {
		case <-ctx.Done():
			return deleted, fmt.Errorf("cleanup: %w", context.Cause(ctx))
		case <-time.After(cleanupPause):
		}
	}
}

func (s *Service) cleanupBatch(ctx context.Context, before time.Time) (int, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.store.DeleteEnded(ctx, before, cleanupBatch)
}
