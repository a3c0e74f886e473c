package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// RefreshAudience is the audience of refresh tokens, which that of access tokens must not be. The two kinds are told apart
// by key, type and audience, each of which would do.
const RefreshAudience = "jwt-toy-refresh"

const refreshType = "rt+jwt"

// refreshClaims is the payload. GetExpirationTime hides exp from the library: whether a refresh token has expired is for
// the family's row to say, or a rotated token older than its exp would end nothing when it comes back.
type refreshClaims struct {
	jwt.RegisteredClaims
	FamilyID    string `json:"fam"`
	Generation  int64  `json:"gen"`
	AbsoluteEnd int64  `json:"abs"` // Unix microseconds
}

func (refreshClaims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }

// Refresh makes the first refresh token of a family, which says r. Its jti is 256 random bits, so that no two are alike.
func (s *Signer) Refresh(r Refresh) (string, error) { return s.refresh(r, NewSalt(), s.refreshKeys[0]) }

// Successor makes the refresh token that says r and follows parent. Its jti is an HMAC of a salt of its own and the parent's
// every byte, so it is as random as the salt, and yet can be made again, by whoever has the parent, the salt and our key.
func (s *Signer) Successor(parent string, salt Salt, r Refresh) (string, error) {
	return s.refresh(r, successorID(parent, salt, s.successorKeys[0]), s.refreshKeys[0])
}

// SuccessorAgain makes the successor with that hash again, byte for byte, also if it was made with the previous key. It
// returns "" if parent, salt or r are not those of its making.
func (s *Signer) SuccessorAgain(parent string, salt Salt, r Refresh, hash [32]byte) (string, error) {
	for i, key := range s.refreshKeys {
		raw, err := s.refresh(r, successorID(parent, salt, s.successorKeys[i]), key)
		if err != nil || Hash(raw) == hash {
			return raw, err
		}
	}
	return "", nil
}

func successorID(parent string, salt Salt, key []byte) (id [32]byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write(salt[:])
	mac.Write([]byte(parent))
	mac.Sum(id[:0])
	return id
}

func (s *Signer) refresh(r Refresh, id [32]byte, key []byte) (string, error) {
	return s.sign(refreshType, refreshClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.cfg.Issuer,
			Audience:  jwt.ClaimStrings{RefreshAudience},
			Subject:   r.UserID.String(),
			IssuedAt:  jwt.NewNumericDate(r.IssuedAt),
			ExpiresAt: jwt.NewNumericDate(r.ExpiresAt),
			ID:        base64.RawURLEncoding.EncodeToString(id[:]),
		},
		FamilyID:    r.FamilyID.String(),
		Generation:  r.Generation,
		AbsoluteEnd: r.AbsoluteEnd.UnixMicro(),
	}, key)
}

// ParseRefresh returns what a genuine refresh token says, or an error that wraps [ErrInvalid]. It judges signature, type,
// issuer, audience and form, never expiry.
func (s *Signer) ParseRefresh(raw string) (Refresh, error) {
	var c refreshClaims
	if err := s.parse(raw, refreshType, &c, s.refreshKeys, jwt.WithAudience(RefreshAudience)); err != nil {
		return Refresh{}, err
	}
	family, err := parseID(c.FamilyID)
	if err != nil {
		return Refresh{}, err
	}
	user, err := parseID(c.Subject)
	if err != nil {
		return Refresh{}, err
	}
	if c.Generation < 0 || c.AbsoluteEnd <= 0 || c.IssuedAt == nil || c.ExpiresAt == nil {
		return Refresh{}, fmt.Errorf("%w: claims are missing", ErrInvalid)
	}
	return Refresh{
		FamilyID:    family,
		UserID:      user,
		Generation:  c.Generation,
		IssuedAt:    c.IssuedAt.UTC(),
		ExpiresAt:   c.ExpiresAt.UTC(),
		AbsoluteEnd: time.UnixMicro(c.AbsoluteEnd).UTC(),
	}, nil
}
