package token

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accessType is the media type of RFC 9068 section 2.1. The claims are motivated by that RFC; client_id is missing, so the
// token does not conform to it.
const accessType = "at+jwt"

// Access makes an access token for the user, which begins at now, cut to the second, and lives for AccessTTL.
func (s *Signer) Access(userID ID, now time.Time) (string, error) {
	return s.sign(accessType, jwt.RegisteredClaims{
		Issuer:    s.cfg.Issuer,
		Audience:  jwt.ClaimStrings{s.cfg.Audience},
		Subject:   userID.String(),
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Truncate(time.Second).Add(s.cfg.AccessTTL)),
		ID:        rand.Text(),
	}, s.accessKeys[0])
}

// VerifyAccess returns what a valid access token says, or an error that wraps [ErrInvalid]. There is no leeway: at exp the
// token is over (RFC 7519 section 4.1.4).
func (s *Signer) VerifyAccess(raw string, now time.Time) (Access, error) {
	c := jwt.MapClaims{} // RegisteredClaims would take a time in quotation marks for a number
	err := s.parse(raw, accessType, c, s.accessKeys,
		jwt.WithAudience(s.cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		return Access{}, err
	}
	sub, _ := c.GetSubject() // a subject of another type is none
	id, err := parseID(sub)
	if err != nil {
		return Access{}, err
	}
	exp, err := c.GetExpirationTime()
	if err != nil || exp == nil {
		return Access{}, fmt.Errorf("%w: exp is no number", ErrInvalid)
	}
	a := Access{UserID: id, ExpiresAt: exp.UTC()}
	if iat, err := c.GetIssuedAt(); err == nil && iat != nil {
		a.IssuedAt = iat.UTC()
	}
	return a, nil
}
