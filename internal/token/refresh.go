package token

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A refresh token is told from an access token by its key, its type and its audience, each of which would do.
const (
	refreshType     = "rt+jwt"
	refreshAudience = "jwt-toy-refresh"
)

// refreshClaims is the payload. GetExpirationTime hides exp from the library: whether a refresh token has expired is for
// the family's row to say, or a rotated token older than its exp would end nothing when it comes back.
type refreshClaims struct {
	jwt.RegisteredClaims
	FamilyID    string `json:"fam"`
	Generation  int64  `json:"gen"`
	AbsoluteEnd int64  `json:"abs"` // Unix microseconds
}

func (refreshClaims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }

// Refresh makes the refresh token that says r, and adds 256 random bits as its jti, so that no two are alike.
func (s *Signer) Refresh(r Refresh) (string, error) {
	var random [32]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return s.sign(refreshType, refreshClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.cfg.Issuer,
			Audience:  jwt.ClaimStrings{refreshAudience},
			Subject:   r.UserID.String(),
			IssuedAt:  jwt.NewNumericDate(r.IssuedAt),
			ExpiresAt: jwt.NewNumericDate(r.ExpiresAt),
			ID:        base64.RawURLEncoding.EncodeToString(random[:]),
		},
		FamilyID:    r.FamilyID.String(),
		Generation:  r.Generation,
		AbsoluteEnd: r.AbsoluteEnd.UnixMicro(),
	}, s.refreshKeys)
}

// ParseRefresh returns what a genuine refresh token says, or an error that wraps [ErrInvalid]. It judges signature, type,
// issuer, audience and form, never expiry.
func (s *Signer) ParseRefresh(raw string) (Refresh, error) {
	var c refreshClaims
	if err := s.parse(raw, refreshType, &c, s.refreshKeys, jwt.WithAudience(refreshAudience)); err != nil {
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
