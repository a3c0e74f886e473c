// Package session is what login, refresh and logout mean. It knows neither HTTP nor SQL.
//
// A login starts a token family: one row that names the single refresh token that is alive. Refreshing rotates that token,
// which is one conditional UPDATE of the row (see [Service.Refresh], the method to read first). A family is
//
//	live     its row names the live token; at most one token works
//	revoked  by logout, by reuse of a rotated token, or by an administrator; no token works ever again
//	expired  its idle life or its absolute life has ended; no token works
//
// A signature on a refresh token says that we issued it, the row says which one is live. So a rotated token is recognised
// as genuine and stale without a row of its own, and its reappearance ends the family (RFC 9700 section 4.14.2).
package session

import (
	"time"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// User is an account. Email is normalised (see [NormalizeEmail]); PasswordHash is bcrypt.
type User struct {
	ID           token.ID
	Email        string
	PasswordHash []byte
	CreatedAt    time.Time
	LastLoginAt  time.Time // zero: never
	DisabledAt   time.Time // zero: enabled
}

// Family is one login and the refresh tokens that descend from it. All times are UTC with microsecond precision.
type Family struct {
	ID           token.ID
	UserID       token.ID
	Generation   int64      // 0 at login, one more with every rotation
	TokenHash    [32]byte   // SHA-256 of the live refresh token
	Salt         token.Salt // with which the live token was made; zero at login
	Replays      int        // how often the live token was handed out again, within the grace
	CreatedAt    time.Time
	RotatedAt    time.Time
	ExpiresAt    time.Time // idle life: moved by each rotation, never past AbsoluteEnd
	AbsoluteEnd  time.Time // never moved
	RevokedAt    time.Time // zero: not revoked
	RevokeReason Reason
}

// Reason says why a family was revoked.
type Reason string

// The reasons for which a family is revoked.
const (
	ReasonLogout       Reason = "logout"
	ReasonReuse        Reason = "reuse"
	ReasonPassword     Reason = "password_changed"
	ReasonUserDisabled Reason = "user_disabled"
)

// Tokens is the answer to a login or a refresh.
type Tokens struct {
	Access         string
	AccessTTL      time.Duration // whole seconds
	Refresh        string
	RefreshExpires time.Time // when the refresh token ends if it is not used: min(now + idle life, absolute end)
	RefreshTTL     time.Duration
}
