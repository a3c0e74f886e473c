package session

import "errors"

// What a caller must be able to tell apart. Anything else is a programming error.
var (
	// ErrBadCredentials answers unknown user, wrong password and disabled user alike.
	ErrBadCredentials = errors.New("e-mail or password is wrong")

	// ErrPasswordTooLong refuses a password of more than 72 bytes, which bcrypt would silently cut.
	ErrPasswordTooLong = errors.New("password is longer than 72 bytes")

	// ErrPasswordNUL refuses a new password with a NUL byte: bcrypt gives "a" and "a\x00a" one hash.
	ErrPasswordNUL = errors.New("password has a NUL byte")

	// ErrInvalidToken is the one answer for a refresh token that is missing, malformed, unknown, rotated, revoked or expired,
	// and for an access token that does not authenticate.
	ErrInvalidToken = errors.New("token is not valid")

	// ErrUnavailable says that the store, or a password slot, could not serve this request in time. Nothing is known to have
	// changed; the client may try again with what it has.
	ErrUnavailable = errors.New("service is unavailable")

	ErrNoUser      = errors.New("no such user")
	ErrNoFamily    = errors.New("no such token family")
	ErrEmailTaken  = errors.New("e-mail is already in use")
	ErrUserChanged = errors.New("user was changed or disabled meanwhile")
	ErrBadEmail    = errors.New("e-mail is empty, longer than 254 bytes, or has no @")
	ErrNoPassword  = errors.New("password is empty")
)
