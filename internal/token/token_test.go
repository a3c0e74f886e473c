package token_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

var (
	now    = time.Date(2030, 1, 2, 3, 4, 5, 678901234, time.UTC)
	user   = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	family = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")
)

func config() token.Config {
	return token.Config{
		Secret:    []byte(strings.Repeat("s", 32)),
		Algorithm: "HS256",
		Issuer:    "issuer",
		Audience:  "audience",
		AccessTTL: 15 * time.Minute,
	}
}

func newSigner(t testing.TB, change ...func(*token.Config)) *token.Signer {
	t.Helper()
	cfg := config()
	for _, c := range change {
		c(&cfg)
	}
	s, err := token.New(cfg)
	require.NoError(t, err)
	return s
}

func refresh() token.Refresh {
	return token.Refresh{
		FamilyID:    family,
		UserID:      user,
		Generation:  7,
		IssuedAt:    now,
		ExpiresAt:   now.Add(time.Hour),
		AbsoluteEnd: now.Add(24 * time.Hour),
	}
}

func TestNew(t *testing.T) {
	bytes := func(n int) []byte { return make([]byte, n) }
	for _, c := range []struct {
		name   string
		change func(*token.Config)
		want   error
	}{
		{"as configured", func(*token.Config) {}, nil},
		{"HS384 with 48 bytes", func(c *token.Config) { c.Algorithm, c.Secret = "HS384", bytes(48) }, nil},
		{"HS512 with 64 bytes", func(c *token.Config) { c.Algorithm, c.Secret = "HS512", bytes(64) }, nil},
		{"HS256 with 31 bytes", func(c *token.Config) { c.Secret = bytes(31) }, token.ErrShortSecret},
		{"HS384 with 47 bytes", func(c *token.Config) { c.Algorithm, c.Secret = "HS384", bytes(47) }, token.ErrShortSecret},
		{"HS512 with 63 bytes", func(c *token.Config) { c.Algorithm, c.Secret = "HS512", bytes(63) }, token.ErrShortSecret},
		{"no secret", func(c *token.Config) { c.Secret = nil }, token.ErrShortSecret},
		{"short previous secret", func(c *token.Config) { c.PreviousSecret = bytes(31) }, token.ErrShortSecret},
		{"one secret twice", func(c *token.Config) { c.PreviousSecret = []byte(string(c.Secret)) }, token.ErrConfig},
		{"none", func(c *token.Config) { c.Algorithm = "none" }, token.ErrAlgorithm},
		{"no algorithm", func(c *token.Config) { c.Algorithm = "" }, token.ErrAlgorithm},
		{"lower case", func(c *token.Config) { c.Algorithm = "hs256" }, token.ErrAlgorithm},
		{"RS256", func(c *token.Config) { c.Algorithm = "RS256" }, token.ErrAlgorithm},
		{"no issuer", func(c *token.Config) { c.Issuer = "" }, token.ErrConfig},
		{"no audience", func(c *token.Config) { c.Audience = "" }, token.ErrConfig},
		{"the audience of refresh tokens", func(c *token.Config) { c.Audience = "jwt-toy-refresh" }, token.ErrConfig},
		{"no life", func(c *token.Config) { c.AccessTTL = 0 }, token.ErrConfig},
		{"half seconds", func(c *token.Config) { c.AccessTTL = 1500 * time.Millisecond }, token.ErrConfig},
	} {
		cfg := config()
		c.change(&cfg)
		_, err := token.New(cfg)
		require.ErrorIs(t, err, c.want, c.name)
	}
}

func TestAccess(t *testing.T) {
	s := newSigner(t)
	raw, err := s.Access(user, now)
	require.NoError(t, err)
	begin := now.Truncate(time.Second)
	got, err := s.VerifyAccess(raw, now)
	require.NoError(t, err)
	require.Equal(t, token.Access{UserID: user, IssuedAt: begin, ExpiresAt: begin.Add(15 * time.Minute)}, got)

	_, err = s.VerifyAccess(raw, begin.Add(15*time.Minute-1))
	require.NoError(t, err, "just before exp")
	_, err = s.VerifyAccess(raw, begin.Add(15*time.Minute))
	require.ErrorIs(t, err, token.ErrInvalid, "at exp: there is no leeway")

	// What another service finds in it.
	header, claims := decode(t, raw)
	require.Equal(t, map[string]any{"alg": "HS256", "typ": "at+jwt"}, header)
	require.Equal(t, "issuer", claims["iss"])
	require.Equal(t, []any{"audience"}, claims["aud"])
	require.Equal(t, user.String(), claims["sub"])
	require.EqualValues(t, begin.Unix(), claims["iat"])
	require.EqualValues(t, begin.Unix()+900, claims["exp"])
	require.Len(t, claims, 6)

	again, err := s.Access(user, now)
	require.NoError(t, err)
	require.NotEqual(t, raw, again, "jti is unique")
}

func TestRefresh(t *testing.T) {
	s := newSigner(t)
	want := refresh()
	raw, err := s.Refresh(want)
	require.NoError(t, err)
	got, err := s.ParseRefresh(raw)
	require.NoError(t, err)
	want.IssuedAt, want.ExpiresAt = want.IssuedAt.Truncate(time.Second), want.ExpiresAt.Truncate(time.Second)
	want.AbsoluteEnd = want.AbsoluteEnd.Truncate(time.Microsecond)
	require.Equal(t, want, got)

	header, claims := decode(t, raw)
	require.Equal(t, map[string]any{"alg": "HS256", "typ": "rt+jwt"}, header)
	random, err := base64.RawURLEncoding.DecodeString(claims["jti"].(string))
	require.NoError(t, err)
	require.Len(t, random, 32, "256 random bits")
	again, err := s.Refresh(refresh())
	require.NoError(t, err)
	require.NotEqual(t, token.Hash(raw), token.Hash(again))

	// Expiry is not judged here.
	old := refresh()
	old.ExpiresAt, old.AbsoluteEnd = time.Unix(1, 0), time.Unix(2, 0)
	raw, err = s.Refresh(old)
	require.NoError(t, err)
	_, err = s.ParseRefresh(raw)
	require.NoError(t, err)
}

func TestKindsAreNotExchanged(t *testing.T) {
	s := newSigner(t)
	access, err := s.Access(user, now)
	require.NoError(t, err)
	raw, err := s.Refresh(refresh())
	require.NoError(t, err)
	_, err = s.VerifyAccess(raw, now)
	require.ErrorIs(t, err, token.ErrInvalid)
	_, err = s.ParseRefresh(access)
	require.ErrorIs(t, err, token.ErrInvalid)
}

func TestPreviousSecret(t *testing.T) {
	previous := []byte(strings.Repeat("p", 32))
	before := newSigner(t, func(c *token.Config) { c.Secret = previous })
	after := newSigner(t, func(c *token.Config) { c.PreviousSecret = previous })
	access, err := before.Access(user, now)
	require.NoError(t, err)
	raw, err := before.Refresh(refresh())
	require.NoError(t, err)
	_, err = after.VerifyAccess(access, now)
	require.NoError(t, err)
	_, err = after.ParseRefresh(raw)
	require.NoError(t, err)

	// Never used to sign.
	access, err = after.Access(user, now)
	require.NoError(t, err)
	raw, err = after.Refresh(refresh())
	require.NoError(t, err)
	_, err = before.VerifyAccess(access, now)
	require.ErrorIs(t, err, token.ErrInvalid)
	_, err = before.ParseRefresh(raw)
	require.ErrorIs(t, err, token.ErrInvalid)
}

// TestAlgorithmIsPinned: a token that is right in all but its algorithm, which its own header names.
func TestAlgorithmIsPinned(t *testing.T) {
	long := func(algorithm string) *token.Signer {
		return newSigner(t, func(c *token.Config) { c.Secret, c.Algorithm = []byte(strings.Repeat("s", 64)), algorithm })
	}
	access, err := long("HS512").Access(user, now)
	require.NoError(t, err)
	_, err = long("HS512").VerifyAccess(access, now)
	require.NoError(t, err)
	for _, algorithm := range []string{"HS256", "HS384"} {
		_, err = long(algorithm).VerifyAccess(access, now)
		require.ErrorIs(t, err, token.ErrInvalid)
	}
}

// forge signs what it is told to, with the right key of the kind: one rule is broken at a time.
func forge(t testing.TB, key []byte, header, claims map[string]any) string {
	t.Helper()
	encode := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := encode(header) + "." + encode(claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func refreshKey(t testing.TB) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, config().Secret, nil, "jwt-toy refresh token", 32)
	require.NoError(t, err)
	return key
}

func decode(t testing.TB, raw string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(raw, ".")
	require.Len(t, parts, 3)
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return header, claims
}

type forgery struct {
	name   string
	change func(header, claims map[string]any)
	good   bool
}

func set(claim string, value any) func(header, claims map[string]any) {
	return func(_, claims map[string]any) { claims[claim] = value }
}

func setHeader(name string, value any) func(header, claims map[string]any) {
	return func(header, _ map[string]any) { header[name] = value }
}

func without(name string) func(header, claims map[string]any) {
	return func(header, claims map[string]any) { delete(header, name); delete(claims, name) }
}

var commonForgeries = []forgery{
	{"nothing changed", func(_, _ map[string]any) {}, true},
	{"alg none", setHeader("alg", "none"), false},
	{"alg HS384", setHeader("alg", "HS384"), false},
	{"alg RS256", setHeader("alg", "RS256"), false},
	{"no alg", without("alg"), false},
	{"no typ", without("typ"), false},
	{"typ JWT", setHeader("typ", "JWT"), false},
	{"typ in capitals", setHeader("typ", "AT+JWT"), false},
	{"typ with a prefix", setHeader("typ", "application/at+jwt"), false},
	{"critical header", setHeader("crit", []string{"exp"}), false},
	{"another issuer", set("iss", "other"), false},
	{"no issuer", without("iss"), false},
	{"another audience", set("aud", "other"), false},
	{"no audience", without("aud"), false},
	{"no audience among none", set("aud", []string{}), false},
	{"no subject", without("sub"), false},
	{"subject is no id", set("sub", "1 OR 1=1"), false},
	{"subject in another spelling", set("sub", "{01890a5d-ac96-774b-bcce-b302099a8057}"), false},
	{"subject in capitals", set("sub", strings.ToUpper(user.String())), false},
	{"no exp", without("exp"), false},
	{"exp is text", set("exp", "tomorrow"), false},
	{"longer than any of ours", set("x", strings.Repeat("x", 4096)), false},
}

func TestForgedAccess(t *testing.T) {
	s := newSigner(t)
	raw, err := s.Access(user, now)
	require.NoError(t, err)
	cases := append([]forgery{
		{"expired", set("exp", now.Unix()-1), false},
		{"exp is a number in quotation marks", set("exp", "32503680000"), false},
		{"not yet valid", set("nbf", now.Unix()+60), false},
		{"the audience of refresh tokens", set("aud", "jwt-toy-refresh"), false},
		{"typ of refresh tokens", setHeader("typ", "rt+jwt"), false},
		{"among several audiences", set("aud", []string{"other", "audience"}), true},
		{"no iat", without("iat"), true},
	}, commonForgeries...)
	for _, c := range cases {
		header, claims := decode(t, raw)
		c.change(header, claims)
		forged := forge(t, config().Secret, header, claims)
		_, err := s.VerifyAccess(forged, now)
		check(t, c, forged, err)
	}
	header, claims := decode(t, raw)
	_, err = s.VerifyAccess(forge(t, refreshKey(t), header, claims), now)
	require.ErrorIs(t, err, token.ErrInvalid, "signed with the key of refresh tokens")
}

func TestForgedRefresh(t *testing.T) {
	s := newSigner(t)
	raw, err := s.Refresh(refresh())
	require.NoError(t, err)
	cases := append([]forgery{
		{"the audience of access tokens", set("aud", "audience"), false},
		{"typ of access tokens", setHeader("typ", "at+jwt"), false},
		{"no family", without("fam"), false},
		{"family is no id", set("fam", "x"), false},
		{"no generation", without("gen"), true}, // is generation 0, which only the row can judge
		{"negative generation", set("gen", -1), false},
		{"fractional generation", set("gen", 1.5), false},
		{"generation beyond 63 bits", set("gen", 1e30), false},
		{"no absolute end", without("abs"), false},
		{"no iat", without("iat"), false},
		{"expired", set("exp", 1), true},
	}, commonForgeries...)
	for _, c := range cases {
		header, claims := decode(t, raw)
		c.change(header, claims)
		forged := forge(t, refreshKey(t), header, claims)
		_, err := s.ParseRefresh(forged)
		check(t, c, forged, err)
	}
	header, claims := decode(t, raw)
	_, err = s.ParseRefresh(forge(t, config().Secret, header, claims))
	require.ErrorIs(t, err, token.ErrInvalid, "signed with the secret itself, which other services may hold")
}

func check(t *testing.T, c forgery, raw string, err error) {
	t.Helper()
	if c.good {
		require.NoError(t, err, c.name)
		return
	}
	require.ErrorIs(t, err, token.ErrInvalid, c.name)
	for part := range strings.SplitSeq(raw, ".") {
		require.NotContains(t, err.Error(), part, "%s: the error holds a piece of the token", c.name)
	}
}

// TestSpellings: one token has one spelling, or a copy of it would have a hash of its own.
func TestSpellings(t *testing.T) {
	s := newSigner(t)
	raw, err := s.Refresh(refresh())
	require.NoError(t, err)
	last := raw[len(raw)-1]
	next := byte('A')
	for ; ; next++ { // a character whose unused low bits differ, and nothing else
		if next != last && strings.IndexByte(alphabet, next)>>2 == strings.IndexByte(alphabet, last)>>2 {
			break
		}
	}
	for name, spelled := range map[string]string{
		"trailing bits":   raw[:len(raw)-1] + string(next),
		"padding":         raw + "=",
		"line break":      raw[:len(raw)-3] + "\n" + raw[len(raw)-3:],
		"return":          raw + "\r",
		"space":           raw + " ",
		"leading space":   " " + raw,
		"quotes":          `"` + raw + `"`,
		"a fourth part":   raw + ".",
		"no signature":    raw[:strings.LastIndex(raw, ".")+1],
		"standard base64": strings.NewReplacer("-", "+", "_", "/").Replace(raw) + "+",
		"empty":           "",
		"dots":            "..",
		"very long":       strings.Repeat("a", 1<<20),
	} {
		_, err := s.ParseRefresh(spelled)
		require.ErrorIs(t, err, token.ErrInvalid, name)
		_, err = s.VerifyAccess(spelled, now)
		require.ErrorIs(t, err, token.ErrInvalid, name)
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// FuzzVerifyAccess: no panic, no error that holds a piece of the token, and nothing is valid but what was signed.
func FuzzVerifyAccess(f *testing.F) {
	s := newSigner(f)
	good, err := s.Access(user, now)
	require.NoError(f, err)
	seed(f, good)
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := s.VerifyAccess(raw, now)
		fuzzed(t, raw, config().Secret, err)
	})
}

// FuzzParseRefresh is the same for refresh tokens.
func FuzzParseRefresh(f *testing.F) {
	s := newSigner(f)
	good, err := s.Refresh(refresh())
	require.NoError(f, err)
	seed(f, good)
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := s.ParseRefresh(raw)
		fuzzed(t, raw, refreshKey(t), err)
	})
}

func seed(f *testing.F, good string) {
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add(good + ".")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA")
}

// fuzzed checks by other means that what was accepted has our signature, in its one spelling.
func fuzzed(t *testing.T, raw string, key []byte, err error) {
	if err == nil {
		cut := strings.LastIndex(raw, ".")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(raw[:cut]))
		require.Equal(t, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), raw[cut+1:])
		return
	}
	require.ErrorIs(t, err, token.ErrInvalid)
	for part := range strings.SplitSeq(raw, ".") {
		if len(part) > 20 {
			require.NotContains(t, err.Error(), part)
		}
	}
}
