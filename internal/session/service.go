package session

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// Config is what a [Service] needs.
type Config struct {
	Store         Store
	Tokens        *token.Signer
	Passwords     *Passwords
	RefreshTTL    time.Duration    // idle life of a family: each rotation starts it anew
	SessionMaxTTL time.Duration    // absolute life of a family, never moved by a rotation
	Grace         time.Duration    // how long after its rotation a token still yields its successor; at most MaxGrace; 0: never
	StoreTimeout  time.Duration    // bounds the store calls of one request, and the wait for a password slot; 0: 5 s
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: discard
}

// Service is login, refresh and logout. It is safe for concurrent use.
//
// It logs security events, and nothing else, under these messages: login_ok, login_failed, refresh_ok, refresh_replayed,
// reuse_detected, logout, revoked, token_ahead. Their attributes are ids, counters and reasons, never a token, hash, e-mail or password.
type Service struct {
	store         Store
	tokens        *token.Signer
	passwords     *Passwords
	refreshTTL    time.Duration
	sessionMaxTTL time.Duration
	grace         time.Duration
	storeTimeout  time.Duration
	clock         func() time.Time
	log           *slog.Logger
}

// New returns a Service.
func New(cfg Config) *Service {
	s := &Service{
		store:         cfg.Store,
		tokens:        cfg.Tokens,
		passwords:     cfg.Passwords,
		refreshTTL:    cfg.RefreshTTL.Truncate(time.Microsecond),
		sessionMaxTTL: cfg.SessionMaxTTL.Truncate(time.Microsecond),
		grace:         min(cfg.Grace, MaxGrace),
		storeTimeout:  cfg.StoreTimeout,
		clock:         cfg.Now,
		log:           cfg.Log,
	}
	if s.storeTimeout == 0 {
		s.storeTimeout = 5 * time.Second
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// now is the one timestamp of a request, with the precision of the store.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// bounded ends with the caller or after the store's timeout.
func (s *Service) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.storeTimeout)
}

// durable ends after the store's timeout, not with the caller: else a thief could replay a token, hang up, and take the
// revocation down with his request.
func (s *Service) durable(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.storeTimeout)
}

// issue makes the pair of tokens that r describes, all but r's times, the refresh token with sign, and the hash by which the
// store will know it. It touches no store, so whatever can fail here fails before anything has changed.
func (s *Service) issue(r token.Refresh, now time.Time, sign func(token.Refresh) (string, error)) (Tokens, [32]byte, error) {
	r.IssuedAt, r.ExpiresAt = now, now.Add(s.refreshTTL)
	if r.ExpiresAt.After(r.AbsoluteEnd) {
		r.ExpiresAt = r.AbsoluteEnd
	}
	refresh, err := sign(r)
	if err != nil {
		return Tokens{}, [32]byte{}, fmt.Errorf("make a refresh token: %w", err)
	}
	access, err := s.tokens.Access(r.UserID, now)
	if err != nil {
		return Tokens{}, [32]byte{}, fmt.Errorf("make an access token: %w", err)
	}
	return Tokens{
		Access:         access,
		AccessTTL:      s.tokens.AccessTTL(),
		Refresh:        refresh,
		RefreshExpires: r.ExpiresAt,
		RefreshTTL:     r.ExpiresAt.Sub(now),
	}, token.Hash(refresh), nil
}
