package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// settleTime is how long a token that is ahead of its row may be explained by a replica that lags or a failover still under
// way. Afterwards the row has lost a rotation for good, as after a backup was restored, and the client must log in again.
const settleTime = 5 * time.Minute

// Refresh exchanges the live refresh token of a family for its successor and a new access token.
//
// Any other genuine token of the family was rotated before. Somebody holds a copy, thief or owner, so the whole family ends
// (RFC 9700 section 4.14.2), and [ErrInvalidToken] is returned only when that is durable. A fault of ours never ends a
// family: it is [ErrUnavailable], and the client may try again with the token that it has. With a grace, the token that was
// live until a moment ago yields the same successor again (see [Service.replay]).
func (s *Service) Refresh(ctx context.Context, raw string) (Tokens, error) {
	// Only genuineness is judged before the row. A token past its exp goes on: if it was rotated long ago, its return still
	// has to end the family.
	presented, err := s.tokens.ParseRefresh(raw)
	if err != nil {
		return Tokens{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}

	// All that can fail comes before the UPDATE, and the successor is made once: should the database commit and its answer
	// be lost, the repetition finds this very successor in the row.
	now := s.now()
	successor := presented
	successor.Generation++
	salt := token.NewSalt()
	tokens, newHash, err := s.issue(successor, now, func(r token.Refresh) (string, error) { return s.tokens.Successor(raw, salt, r) })
	if err != nil {
		return Tokens{}, fmt.Errorf("refresh: %w", err)
	}
	rotation := Rotation{
		FamilyID:   presented.FamilyID,
		Generation: presented.Generation,
		OldHash:    token.Hash(raw),
		NewHash:    newHash,
		Salt:       salt,
		At:         now,
		ExpiresAt:  tokens.RefreshExpires,
	}

	ctx, cancel := s.durable(ctx)
	defer cancel()
	rotated, err := s.store.Rotate(ctx, rotation)
	if err != nil {
		return Tokens{}, fmt.Errorf("refresh: %w", err)
	}
	if !rotated {
		return s.explain(ctx, attempt{raw, presented, rotation, tokens})
	}
	s.log.InfoContext(ctx, "refresh_ok", about(presented)...)
	return tokens, nil
}

// explain says why no row matched, and answers.
func (s *Service) explain(ctx context.Context, a attempt) (Tokens, error) {
	presented, r := a.presented, a.rotation
	family, err := s.store.Family(ctx, r.FamilyID)
	switch {
	case errors.Is(err, ErrNoFamily):
		return Tokens{}, refused("unknown family")
	case err != nil:
		return Tokens{}, fmt.Errorf("refresh: %w", err)
	case !family.RevokedAt.IsZero():
		return Tokens{}, refused("family is revoked")
	case !family.ExpiresAt.After(r.At), !family.AbsoluteEnd.After(r.At):
		return Tokens{}, refused("family has expired")
	case family.TokenHash == r.NewHash: // our own commit, whose answer was lost
		s.log.InfoContext(ctx, "refresh_ok", about(presented)...)
		return a.tokens, nil
	case family.Generation < r.Generation:
		return Tokens{}, s.ahead(ctx, presented, r, family)
	case family.Generation == r.Generation && family.TokenHash == r.OldHash:
		return Tokens{}, fmt.Errorf("%w: refresh: the row names the token, yet did not match it", ErrUnavailable)
	case family.Generation == r.Generation:
		// Two genuine tokens of one generation: the key has leaked, or a restored backup lived on. Nobody can tell which
		// of the two is honest, and whoever has the key could end any family, so nothing is revoked.
		s.log.ErrorContext(ctx, "reuse_detected", append(about(presented), "reason", "same_generation_other_token", "revoked", false)...)
		return Tokens{}, refused("another token of this generation is live")
	}
	switch forgiven, err := s.inGrace(r, family); {
	case err != nil:
		return Tokens{}, err
	case forgiven:
		return s.replay(ctx, a, family)
	}
	return Tokens{}, s.punish(ctx, presented, family, r.At)
}

// ahead answers a genuine token that the row has not come to yet: a stale read or a lost write of ours, never a theft.
func (s *Service) ahead(ctx context.Context, presented token.Refresh, r Rotation, family Family) error {
	age := r.At.Sub(presented.IssuedAt)
	s.log.ErrorContext(ctx, "token_ahead", append(about(presented), "row_generation", family.Generation, "age", age)...)
	if age < settleTime {
		return fmt.Errorf("%w: refresh: the row is behind the token", ErrUnavailable)
	}
	return refused("row is behind the token")
}

// punish ends the family of a rotated token that came back, in a statement of its own, so that there is nothing that the
// refusal could roll back.
func (s *Service) punish(ctx context.Context, presented token.Refresh, family Family, at time.Time) error {
	s.log.WarnContext(ctx, "reuse_detected", append(about(presented), "reason", "rotated_token", "row_generation", family.Generation, "replays", family.Replays)...)
	if err := s.revoke(ctx, presented, ReasonReuse, at); err != nil {
		return fmt.Errorf("refresh: %w", err)
	}
	return refused("token was rotated before")
}

// revoke ends the family of a genuine token.
func (s *Service) revoke(ctx context.Context, t token.Refresh, reason Reason, at time.Time) error {
	ended, err := s.store.Revoke(ctx, t.FamilyID, reason, at)
	if err != nil {
		return fmt.Errorf("revoke (%s): %w", reason, err)
	}
	if ended {
		s.log.LogAttrs(ctx, slog.LevelInfo, "revoked", slog.Any("family", t.FamilyID), slog.Any("user", t.UserID), slog.String("reason", string(reason)))
	}
	return nil
}

// about is what the log may say of a genuine refresh token.
func about(t token.Refresh) []any {
	return []any{"family", t.FamilyID, "user", t.UserID, "generation", t.Generation}
}
