package session

import (
	"context"
	"errors"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// Logout ends the family of each genuine refresh token among raws, whatever its generation or age. It is idempotent, and
// what is no token of ours is nothing to end. Nil means that all of it is durable; otherwise the error wraps
// [ErrUnavailable] and the client should try again.
//
// The access tokens of the families live on until they expire.
func (s *Service) Logout(ctx context.Context, raws ...string) error {
	ctx, cancel := s.durable(ctx)
	defer cancel()
	now := s.now()
	var errs []error
	seen := map[token.ID]bool{}
	for _, raw := range raws {
		t, err := s.tokens.ParseRefresh(raw)
		if err != nil || seen[t.FamilyID] {
			continue
		}
		seen[t.FamilyID] = true
		if err := s.revoke(ctx, t, ReasonLogout, now); err != nil {
			errs = append(errs, err)
			continue
		}
		s.log.InfoContext(ctx, "logout", about(t)...)
	}
	return errors.Join(errs...)
}
