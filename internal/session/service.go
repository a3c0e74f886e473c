package session

import (
	"context"
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
	StoreTimeout  time.Duration    // bounds the store calls of one request, and the wait for a password slot
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: discard
}

// Service is login, refresh and logout. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

func (s *Service) Login(ctx context.Context, email, password string) (Tokens, error) {
	return Tokens{}, ErrUnavailable
}
func (s *Service) Refresh(ctx context.Context, raw string) (Tokens, error) {
	return Tokens{}, ErrUnavailable
}
func (s *Service) Logout(ctx context.Context, raws ...string) error { return ErrUnavailable }
func (s *Service) Authenticate(ctx context.Context, rawAccess string) (User, error) {
	return User{}, ErrUnavailable
}
func (s *Service) AddUser(ctx context.Context, email, password string) (User, error) {
	return User{}, ErrUnavailable
}
func (s *Service) SetPassword(ctx context.Context, email, password string) (ended int, err error) {
	return 0, ErrUnavailable
}
func (s *Service) SetDisabled(ctx context.Context, email string, disabled bool) (ended int, err error) {
	return 0, ErrUnavailable
}
func (s *Service) Cleanup(ctx context.Context) (deleted int, err error) { return 0, ErrUnavailable }

// NormalizeEmail trims white space and lowers ASCII letters, or returns [ErrBadEmail].
func NormalizeEmail(email string) (string, error) { return email, nil }
