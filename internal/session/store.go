package session

import (
	"context"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

// Store keeps users and token families. Every verb is atomic, durable when it returns nil, and takes its one timestamp as an
// argument. The executable form of this contract is internal/storetest.
//
// An implementation repeats a statement that the database definitely rolled back (deadlock, lock wait timeout), and repeats,
// on a fresh connection, one whose outcome it never learned, until ctx ends. Whatever then remains is an error that wraps
// [ErrUnavailable]: no driver error reaches the caller in another form.
type Store interface {
	// UserByEmail returns the user whose normalised e-mail has exactly these bytes, or [ErrNoUser].
	UserByEmail(ctx context.Context, email string) (User, error)

	// UserByID returns the user, disabled ones too, or [ErrNoUser].
	UserByID(ctx context.Context, id token.ID) (User, error)

	// AddUser inserts u, or returns [ErrEmailTaken].
	AddUser(ctx context.Context, u User) error

	// StartFamily inserts f and stamps its user's last login with f.CreatedAt, if that user still has passwordHash and is not
	// disabled; otherwise it changes nothing and returns [ErrUserChanged]. In one transaction, so that a login never
	// outlives a password change or a disabling that overtook it.
	StartFamily(ctx context.Context, f Family, passwordHash []byte) error

	// Rotate replaces the live token of a family if r still names it and the family is neither revoked nor expired at r.At,
	// and reports whether a row matched. False also follows a repetition after an answer of the database was lost: read the
	// family and compare TokenHash with r.NewHash before concluding anything else.
	Rotate(ctx context.Context, r Rotation) (bool, error)

	// Replay counts one replay: it sets Replays to r.Count if it was one less, r still names the live token, and the family is
	// neither revoked nor expired at r.At; and reports whether a row matched. After a repetition that may be unknown, and then
	// it is false: read the family and begin anew, which at worst counts one replay twice.
	Replay(ctx context.Context, r Replay) (bool, error)

	// Family returns the family as the writing node has it, or [ErrNoFamily].
	Family(ctx context.Context, id token.ID) (Family, error)

	// Revoke ends a family that is not revoked yet, and reports whether this call did; after a repetition that may be unknown,
	// and then it is false. A family that does not exist, or was revoked before (its time and reason stay), is no error.
	Revoke(ctx context.Context, id token.ID, reason Reason, at time.Time) (bool, error)

	// SetPassword stores a new hash and revokes every family of the user with [ReasonPassword], in one transaction that
	// begins with the user, and returns how many families that ended. [ErrNoUser] if there is none.
	SetPassword(ctx context.Context, userID token.ID, passwordHash []byte, at time.Time) (int, error)

	// Rehash replaces oldHash by newHash, the same password at another cost, and revokes nothing. It reports whether this call
	// found oldHash, as Revoke does.
	Rehash(ctx context.Context, userID token.ID, oldHash, newHash []byte) (bool, error)

	// SetDisabled disables the user and revokes every family with [ReasonUserDisabled], in one transaction that begins with the
	// user, or enables the user again (which revives nothing), and returns how many families that ended. [ErrNoUser] if there is none.
	SetDisabled(ctx context.Context, userID token.ID, disabled bool, at time.Time) (int, error)

	// DeleteEnded deletes at most limit families whose absolute life ended before the given time, and returns how many.
	// Revoked families stay until then, so that a replay of a dead family remains recognisable. It never blocks Rotate.
	DeleteEnded(ctx context.Context, before time.Time, limit int) (int, error)
}

// Rotation is one step of a family: the token that was presented and its successor, made once per request.
type Rotation struct {
	FamilyID   token.ID
	Generation int64      // of the presented token
	OldHash    [32]byte   // SHA-256 of the presented token
	NewHash    [32]byte   // SHA-256 of the successor, which has generation+1
	Salt       token.Salt // with which the successor was made
	At         time.Time
	ExpiresAt  time.Time // of the successor: min(At + idle life, absolute end), computed by the caller
}

// Replay is the same successor once more for a token that was rotated a moment ago.
type Replay struct {
	FamilyID   token.ID
	Generation int64    // of the successor
	TokenHash  [32]byte // SHA-256 of the successor
	Count      int      // this replay's number, 1 for the first of the generation
	At         time.Time
}
