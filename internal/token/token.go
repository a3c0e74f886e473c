// Package token is what the tokens are: the access token, a JWT that a client shows to read its own data, and the refresh
// token, a JWT of another kind whose SHA-256 is kept in the family's row. Neither kind is accepted as the other.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
)

// ID names a user or a token family: a UUIDv7, which keeps inserts local in the primary key (RFC 9562 section 5.7).
type ID = uuid.UUID

// Access is what a valid access token says.
type Access struct {
	UserID    ID
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Refresh is what a genuine refresh token says. Genuine means that we issued it; whether it is the live one, expired or
// revoked is for the family's row to say.
type Refresh struct {
	FamilyID    ID
	UserID      ID
	Generation  int64
	IssuedAt    time.Time // second precision
	ExpiresAt   time.Time
	AbsoluteEnd time.Time // microsecond precision, the same as in the family's row
}

// Config says how tokens are signed. Secret has at least 32, 48 or 64 bytes for HS256, HS384 and HS512 (RFC 7518 section 3.2).
type Config struct {
	Secret         []byte
	PreviousSecret []byte // accepted, never used to sign; empty: none
	Algorithm      string // HS256, HS384 or HS512
	Issuer         string
	Audience       string // of access tokens; refresh tokens have a fixed audience of their own
	AccessTTL      time.Duration
}

// Salt makes the successors of one token differ, one from each attempt to rotate it. It is no secret.
type Salt [32]byte

// NewSalt returns a salt that was not used before.
func NewSalt() (s Salt) {
	rand.Read(s[:]) // never fails (crypto/rand)
	return s
}

// Hash is what the store keeps of a refresh token.
func Hash(refresh string) [32]byte { return sha256.Sum256([]byte(refresh)) }
