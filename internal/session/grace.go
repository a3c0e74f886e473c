package session

import (
	"context"
	"fmt"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// MaxGrace is the longest grace. Whoever holds a stolen token within it is not noticed before the next rotation.
const MaxGrace = time.Minute

// maxReplays is how often one token is handed out again. Tabs that refresh together and a client that tries again need
// fewer; more is a reuse, so that no flood goes on for the whole grace.
const maxReplays = 10

// maxSkew is how far the clock of the replica that answers may be behind that of the one that rotated. By as much the grace
// may be longer or shorter; a replica that is further behind cannot say whether the grace is over.
const maxSkew = 5 * time.Second

// inGrace reports whether the live token may be handed out again to one that could be its parent. The grace counts from the
// rotation, and no replay extends it.
//
// An error wraps [ErrUnavailable]: the rotation is in the future, so a clock is wrong, ours or that of the replica that
// rotated. That ends no family and hands out nothing. A thief gains time by it, but no token, until the owner refreshes again.
func (s *Service) inGrace(r Rotation, family Family) (bool, error) {
	age := r.At.Sub(family.RotatedAt)
	if s.grace == 0 || age >= s.grace || family.Generation != r.Generation+1 || family.Replays >= maxReplays {
		return false, nil
	}
	if age < -maxSkew {
		return false, fmt.Errorf("%w: refresh: the row was rotated %s from now, by another clock", ErrUnavailable, -age)
	}
	return true, nil
}

// replay hands out the live token again, made anew from its parent, the row and our key: it is stored nowhere. There is one
// chain as before, so that of two who hold the same token one will present it second, and that ends the family.
//
// A replay moves no time of the row. It counts itself in the row, where a revocation would show: revoked beats grace.
func (s *Service) replay(ctx context.Context, a attempt, family Family) (Tokens, error) {
	live := a.presented
	live.Generation, live.IssuedAt, live.ExpiresAt = family.Generation, family.RotatedAt, family.ExpiresAt
	refresh, err := s.tokens.SuccessorAgain(a.raw, family.Salt, live, family.TokenHash)
	if err != nil {
		return Tokens{}, fmt.Errorf("make a refresh token again: %w", err)
	}
	if refresh == "" { // a genuine token of the generation before, yet not the parent
		return Tokens{}, s.punish(ctx, a.presented, family, a.rotation.At)
	}
	access, err := s.tokens.Access(live.UserID, a.rotation.At)
	if err != nil {
		return Tokens{}, fmt.Errorf("make an access token: %w", err)
	}
	counted, err := s.store.Replay(ctx, Replay{
		FamilyID:   family.ID,
		Generation: family.Generation,
		TokenHash:  family.TokenHash,
		Count:      family.Replays + 1,
		At:         a.rotation.At,
	})
	if err != nil {
		return Tokens{}, fmt.Errorf("refresh: %w", err)
	}
	if !counted { // the row has changed, which happens at most maxReplays times before it says something else
		return s.explain(ctx, a)
	}
	s.log.InfoContext(ctx, "refresh_replayed", append(about(a.presented), "count", family.Replays+1, "age", a.rotation.At.Sub(family.RotatedAt))...)
	return Tokens{
		Access:         access,
		AccessTTL:      s.tokens.AccessTTL(),
		Refresh:        refresh,
		RefreshExpires: family.ExpiresAt,
		RefreshTTL:     family.ExpiresAt.Sub(a.rotation.At),
	}, nil
}

// attempt is one presentation of a genuine refresh token, and the successor that was made for it.
type attempt struct {
	raw       string
	presented token.Refresh
	rotation  Rotation
	tokens    Tokens
}
