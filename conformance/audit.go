package conformance

// SecretKind says what a [StoredSecret] is.
type SecretKind string

// What an audit looks for.
const (
	RefreshSecret  SecretKind = "refresh token"
	AccessSecret   SecretKind = "access token"
	PasswordSecret SecretKind = "password"
	AccountName    SecretKind = "account" // no secret, but where it stands the target's users are
)

// StoredSecret is a value that a database may hold.
type StoredSecret struct {
	Kind  SecretKind
	Value string
	Spent bool // a refresh token that was exchanged for another
}

// Form is what of a secret a database holds.
type Form string

// The forms.
const (
	Whole     Form = "whole"     // the value, in some encoding
	Signature Form = "signature" // of a JWT: who has it lacks only what can be guessed
	SHA256    Form = "sha256"    // of a refresh token
	FastHash  Form = "fast hash" // of a password: MD5, SHA-1, SHA-2 or their like, salted or not
	CheapHash Form = "cheap hash"
	SlowHash  Form = "slow hash" // what a password hash should be
)

// AuditResult is what one reading of the target's database showed. It holds no value of the database.
type AuditResult struct {
	Database string                // which, without credentials
	Tables   map[string]TableState // that were read, by name
	Found    []Found
	Unsought []int    // secrets that cannot be told from other text: "password", "12345678"
	Unread   []string // what was not read, and why: a limit, or an error
	Notes    []string // what else a reader should know
}

// TableState tells whether a table has changed between two readings.
type TableState struct {
	Rows int
	Sum  uint64 // of all values that were read, whatever their order
}

// Found is a column, and what was found in it.
type Found struct {
	Table, Column string
	Kind          SecretKind
	Spent         bool
	Form          Form
	How           string // its encoding, or the kind of hash and its cost
	Rows          int
	Secrets       []int // which of those that were looked for; none where a password hash is known by its form alone
}
