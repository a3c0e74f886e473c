package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// secret is a string that does not print itself: not with any verb of fmt, not in JSON, not in a log. Fields of this type
// must be exported, since fmt calls no methods on others.
type secret string

const redacted = "[redacted]"

func (secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (secret) String() string               { return redacted }
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// minKeyBytes is the size of the hash's output, below which RFC 7518 section 3.2 forbids a key. HS256 has 32.
var minKeyBytes = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// keyProblem says what is wrong with a signing key, without showing any of it.
func keyProblem(key secret, algorithm string) error {
	s := string(key)
	switch lower := strings.ToLower(s); {
	case slices.ContainsFunc([]string{"change_me", "change-me", "changeme", "secret", "your-", "your_", "replace"},
		func(p string) bool { return strings.HasPrefix(lower, p) }):
		return errors.New("is a placeholder, which everybody knows")
	case strings.TrimSpace(s) != s:
		return errors.New("begins or ends with white space")
	case len(s) < minKeyBytes[algorithm]:
		return fmt.Errorf("has %d bytes, %s needs at least %d (RFC 7518 section 3.2)", len(s), algorithm, minKeyBytes[algorithm])
	case distinctBytes(s) < 8:
		return errors.New("consists of too few different characters to be random")
	}
	return nil
}

func distinctBytes(s string) int {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen)
}
