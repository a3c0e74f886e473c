package token

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// The errors of this package. No error says more of a token than which rule it breaks.
var (
	// ErrInvalid refuses a token: not ours, of the wrong kind, malformed or, for an access token, expired.
	ErrInvalid = errors.New("token is not valid")

	// ErrAlgorithm refuses a configured algorithm other than HS256, HS384 and HS512; `none` above all (RFC 8725 section 3.2).
	ErrAlgorithm = errors.New("algorithm is not one of HS256, HS384, HS512")

	// ErrShortSecret refuses a secret shorter than the hash it keys (RFC 7518 section 3.2).
	ErrShortSecret = errors.New("secret is too short for the algorithm")

	// ErrConfig refuses any other configuration under which tokens could not be checked.
	ErrConfig = errors.New("token configuration is not usable")
)

// maxLength bounds what is parsed at all. Our own tokens have less than 700 bytes.
const maxLength = 4096

// These labels separate the keys of refresh tokens from the secret, which other services may hold to verify access tokens.
const (
	refreshKeyLabel   = "jwt-toy refresh token"
	successorKeyLabel = "jwt-toy refresh successor"
)

// Signer makes and checks both kinds of token. It is safe for concurrent use.
type Signer struct {
	cfg           Config
	method        *jwt.SigningMethodHMAC
	accessKeys    keys
	refreshKeys   keys
	successorKeys keys // name the successor of a refresh token
}

// keys holds the key that signs first, then, if there is one, the previous key, which only verifies.
type keys [][]byte

// New checks the configuration and derives the keys.
func New(cfg Config) (*Signer, error) {
	method := map[string]*jwt.SigningMethodHMAC{
		"HS256": jwt.SigningMethodHS256, "HS384": jwt.SigningMethodHS384, "HS512": jwt.SigningMethodHS512,
	}[cfg.Algorithm]
	if method == nil {
		return nil, fmt.Errorf("%w: %q", ErrAlgorithm, cfg.Algorithm)
	}
	// The library checks neither an empty issuer nor an empty audience.
	if cfg.Issuer == "" || cfg.Audience == "" || cfg.Audience == RefreshAudience {
		return nil, fmt.Errorf("%w: issuer and audience must be set, and the audience must not be %q", ErrConfig, RefreshAudience)
	}
	if cfg.AccessTTL < time.Second || cfg.AccessTTL%time.Second != 0 {
		return nil, fmt.Errorf("%w: the life of access tokens must be whole seconds, at least one, not %s", ErrConfig, cfg.AccessTTL)
	}
	if len(cfg.Secret) > 0 && bytes.Equal(cfg.Secret, cfg.PreviousSecret) {
		return nil, fmt.Errorf("%w: the previous secret is the present one", ErrConfig)
	}
	s := &Signer{cfg: cfg, method: method}
	for i, secret := range [][]byte{cfg.Secret, cfg.PreviousSecret} {
		if i == 1 && len(secret) == 0 {
			break
		}
		size := method.Hash.Size()
		if len(secret) < size {
			return nil, fmt.Errorf("%w: %s needs at least %d bytes, got %d", ErrShortSecret, cfg.Algorithm, size, len(secret))
		}
		refresh, err := hkdf.Key(sha256.New, secret, nil, refreshKeyLabel, size)
		if err != nil {
			return nil, fmt.Errorf("derive the key of refresh tokens: %w", err)
		}
		successor, err := hkdf.Key(sha256.New, secret, nil, successorKeyLabel, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the key of successors: %w", err)
		}
		s.accessKeys = append(s.accessKeys, secret)
		s.refreshKeys = append(s.refreshKeys, refresh)
		s.successorKeys = append(s.successorKeys, successor)
	}
	return s, nil
}

// AccessTTL returns the life of the access tokens that the signer makes, whole seconds.
func (s *Signer) AccessTTL() time.Duration { return s.cfg.AccessTTL }

func (s *Signer) sign(typ string, claims jwt.Claims, key []byte) (string, error) {
	t := jwt.NewWithClaims(s.method, claims)
	t.Header["typ"] = typ
	raw, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	return raw, nil
}

// parse checks form, algorithm, signature and typ, and what options add, and decodes into claims.
func (s *Signer) parse(raw, typ string, claims jwt.Claims, k keys, options ...jwt.ParserOption) error {
	// Go's base64 skips line breaks even when strict, so one signature would have many spellings, each with a hash of its own.
	if len(raw) > maxLength || strings.ContainsAny(raw, "\r\n") {
		return fmt.Errorf("%w: too long, or broken into lines", ErrInvalid)
	}
	options = append(options, jwt.WithValidMethods([]string{s.cfg.Algorithm}), jwt.WithStrictDecoding(), jwt.WithIssuer(s.cfg.Issuer))
	t, err := jwt.NewParser(options...).ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) {
		set := jwt.VerificationKeySet{}
		for _, key := range k {
			set.Keys = append(set.Keys, key)
		}
		return set, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	// The library looks at neither: the kind of token (RFC 8725 section 3.11) nor extensions we must understand (RFC 7515 section 4.1.11).
	if t.Header["typ"] != typ {
		return fmt.Errorf("%w: not of type %s", ErrInvalid, typ)
	}
	if _, ok := t.Header["crit"]; ok {
		return fmt.Errorf("%w: critical header", ErrInvalid)
	}
	return nil
}

// parseID accepts the one spelling that we write; uuid.Parse knows several.
func parseID(s string) (ID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return ID{}, fmt.Errorf("%w: not an id", ErrInvalid)
	}
	return id, nil
}
