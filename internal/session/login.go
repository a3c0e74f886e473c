package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// maxEmail is the longest address that fits an SMTP path (RFC 5321 section 4.5.3.1.3).
const maxEmail = 254

// NormalizeEmail trims white space and lowers ASCII letters. It returns [ErrBadEmail] for what cannot be an address; whether
// it is one, only a mail can tell. No other letter is folded: á@b and a@b are two users, and so are Á@b and á@b.
func NormalizeEmail(email string) (string, error) {
	email = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, strings.TrimSpace(email))
	if len(email) > maxEmail || !strings.Contains(email, "@") {
		return "", ErrBadEmail
	}
	return email, nil
}

// Login checks the password and starts a token family. Unknown user, wrong password and disabled user are all
// [ErrBadCredentials], after the same work; an e-mail that cannot be one is an unknown user. Other families of the user live on.
func (s *Service) Login(ctx context.Context, email, password string) (Tokens, error) {
	// A second round judges again a user who was changed between check and insert: a new password, or only a new hash because
	// a login next to this one raised its cost.
	for range 2 {
		user, err := s.authenticate(ctx, email, password)
		if err != nil {
			return Tokens{}, err
		}
		tokens, err := s.startFamily(ctx, user)
		if errors.Is(err, ErrUserChanged) {
			continue
		}
		if err != nil {
			return Tokens{}, err
		}
		s.rehash(ctx, user, password)
		return tokens, nil
	}
	return Tokens{}, fmt.Errorf("%w: the user keeps changing", ErrUnavailable)
}

// authenticate returns the enabled user whose password this is. Each way to be wrong costs one hash.
func (s *Service) authenticate(ctx context.Context, email, password string) (User, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	user, reason := User{}, "wrong_password"
	email, err := NormalizeEmail(email)
	if err == nil {
		user, err = s.store.UserByEmail(ctx, email)
	}
	switch {
	case errors.Is(err, ErrNoUser), errors.Is(err, ErrBadEmail):
		reason = "unknown_user"
	case err != nil:
		return User{}, fmt.Errorf("login: %w", err)
	case !user.DisabledAt.IsZero():
		user.PasswordHash, reason = nil, "user_disabled" // costs the dummy hash
	}
	ok, err := s.passwords.check(ctx, user.PasswordHash, password)
	if err != nil {
		return User{}, fmt.Errorf("login: %w", err)
	}
	if !ok {
		s.log.WarnContext(ctx, "login_failed", "reason", reason, "user", user.ID)
		return User{}, ErrBadCredentials
	}
	return user, nil
}

func (s *Service) startFamily(ctx context.Context, user User) (Tokens, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	id, err := uuid.NewV7()
	if err != nil {
		return Tokens{}, fmt.Errorf("login: make a family id: %w", err)
	}
	now := s.now()
	end := now.Add(s.sessionMaxTTL)
	tokens, hash, err := s.issue(token.Refresh{FamilyID: id, UserID: user.ID, AbsoluteEnd: end}, now, s.tokens.Refresh)
	if err != nil {
		return Tokens{}, err
	}
	err = s.store.StartFamily(ctx, Family{
		ID:          id,
		UserID:      user.ID,
		TokenHash:   hash,
		CreatedAt:   now,
		RotatedAt:   now,
		ExpiresAt:   tokens.RefreshExpires,
		AbsoluteEnd: end,
	}, user.PasswordHash)
	if err != nil {
		return Tokens{}, fmt.Errorf("login: %w", err)
	}
	s.log.InfoContext(ctx, "login_ok", "family", id, "user", user.ID)
	return tokens, nil
}

// rehash raises the cost of a hash that was made under a lower one, now that the password is at hand. The login has
// succeeded already, so that this fails silently; the next login tries again.
func (s *Service) rehash(ctx context.Context, user User, password string) {
	if !s.passwords.outdated(user.PasswordHash) {
		return
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if hash, err := s.passwords.hash(ctx, password); err == nil {
		_, _ = s.store.Rehash(ctx, user.ID, user.PasswordHash, hash)
	}
}

// Authenticate returns the user to whom a valid access token was issued, read afresh, or [ErrInvalidToken]: disabling a user
// takes effect at once, while a revoked family leaves its access tokens alive until they expire.
func (s *Service) Authenticate(ctx context.Context, rawAccess string) (User, error) {
	access, err := s.tokens.VerifyAccess(rawAccess, s.now())
	if err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	user, err := s.store.UserByID(ctx, access.UserID)
	switch {
	case errors.Is(err, ErrNoUser):
		return User{}, refused("unknown user")
	case err != nil:
		return User{}, fmt.Errorf("authenticate: %w", err)
	case !user.DisabledAt.IsZero():
		return User{}, refused("disabled user")
	}
	return user, nil
}

// refused is [ErrInvalidToken] with a reason, for whoever debugs; the client is not told.
func refused(reason string) error { return fmt.Errorf("%w: %s", ErrInvalidToken, reason) }
