package conformance

import (
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// Keys that no target has.
const (
	attackersKey = "a key that the attacker chose by himself"
	anotherKey   = "another key, as good as any other one"
)

// attackersKeys are all that forgeries are signed with.
func attackersKeys() []string {
	return []string{"", attackersKey, anotherKey, "undefined", "null", "forged", "2", "2\n"}
}

// forgery is a way to make a token without the key: data, so that other tools can use the table as well.
type forgery struct {
	slug, text string
	bug        string // who had it, or what the mistake is
	level      Level  // empty: MUST
	forge      func(t, other jwt) []string
}

// unsigned makes tokens with these algorithms and no signature.
func unsigned(algs ...any) func(t, other jwt) []string {
	return func(t, _ jwt) (all []string) {
		for _, alg := range algs {
			all = append(all, t.with(map[string]any{"alg": alg}, nil)+".")
		}
		return all
	}
}

// behind makes a token of the genuine header and claims, and another end.
func behind(ends ...func(signature string) string) func(t, other jwt) []string {
	return func(t, _ jwt) (all []string) {
		for _, end := range ends {
			all = append(all, t.parts[0]+"."+t.parts[1]+end(t.parts[2]))
		}
		return all
	}
}

// keyed makes tokens whose kid leads to a key that the attacker knows.
func keyed(kids map[string]string) func(t, other jwt) []string {
	return func(t, _ jwt) (all []string) {
		for _, kid := range slices.Sorted(maps.Keys(kids)) {
			all = append(all, resign(t, map[string]any{"kid": kid}, []byte(kids[kid])))
		}
		return all
	}
}

func forgeries() []forgery {
	const psychic = "CVE-2022-21449 Java: an ECDSA signature of zeros fits everything"
	return []forgery{
		{slug: "alg-none", text: "alg none without a signature is refused", bug: "CVE-2015-9235 jsonwebtoken, and many after it", forge: unsigned("none")},
		{slug: "alg-none-spelled", text: "alg None, NONE and nOnE are refused too", bug: "none is looked for in one spelling, and matched in any", forge: unsigned("nOnE", "None", "NONE", "none ")},
		{slug: "alg-none-kept", text: "alg none with the old signature is refused", bug: "only an empty signature is refused", forge: func(t, _ jwt) []string {
			return []string{t.with(map[string]any{"alg": "none"}, nil) + "." + t.parts[2]}
		}},
		{slug: "alg-empty", text: "an empty alg is refused", bug: "no algorithm means no check", forge: unsigned("")},
		{slug: "alg-missing", text: "a header without alg is refused", bug: "no algorithm means no check", forge: unsigned(nil)},
		{slug: "alg-no-text", text: "an alg that is a list, a number or true is refused", bug: "a comparison between types", forge: unsigned([]string{"none"}, 0, true)},
		{slug: "no-signature", text: "the token with its signature cut off is refused", bug: "CVE-2020-28042 ServiceStack", forge: behind(func(string) string { return "." })},
		{slug: "two-parts", text: "the token without its third part is refused", bug: "what is not there is not compared", forge: behind(func(string) string { return "" })},
		{slug: "dots", text: "a token of dots is refused", bug: "empty parts are decoded to nothing, and nothing equals nothing", forge: func(jwt, jwt) []string { return []string{"..", "....", "."} }},
		{slug: "half-signature", text: "the first half of the signature is refused", bug: "the shorter length is compared", forge: behind(func(s string) string { return "." + s[:len(s)/8*4] }, func(s string) string { return "." + s[:2] })},
		{slug: "extended", text: "the signature with more behind it is refused", bug: "the shorter length is compared", forge: behind(func(s string) string { return "." + s + "AAAA" }, func(s string) string { return "." + s + ".AAAA" })},
		{slug: "foreign-signature", text: "the signature of another genuine token is refused", bug: "a signature is looked up, and not computed", forge: func(t, other jwt) []string {
			if other.parts == t.parts { // of one second, and without a jti
				return nil
			}
			return []string{t.parts[0] + "." + t.parts[1] + "." + other.parts[2]}
		}},
		{slug: "psychic", text: "an ES256 signature of zeros is refused", bug: psychic, forge: func(t, _ jwt) []string {
			signed := t.with(map[string]any{"alg": "ES256"}, nil) + "."
			return []string{signed + strings.Repeat("A", 86), signed + "MAYCAQACAQA"}
		}},
		{slug: "own-key", text: "a token that brings its own key is refused", bug: "CVE-2018-0114 node-jose", forge: ownKeys},
		{slug: "unknown-key-id", text: "a key ID that does not exist is refused", bug: "an unknown key is an empty key", forge: keyed(map[string]string{"nonesuch": ""})},
		{slug: "key-id-path", text: "a key ID that is the path of a known file is refused", bug: "a key is read from the file that kid names", forge: keyed(map[string]string{
			"../../../../../../../../dev/null": "", "/dev/null": "", "/proc/sys/kernel/randomize_va_space": "2\n", "../../../../../../../../proc/sys/kernel/randomize_va_space": "2",
		})},
		{slug: "key-id-sql", text: "a key ID that is SQL is refused", bug: "a key is selected by the kid that is pasted into the statement", forge: keyed(map[string]string{
			"x' UNION SELECT 'forged' -- ": "forged", `x" UNION SELECT "forged" -- `: "forged",
		})},
		{slug: "bit-flipped", text: "a flipped bit in the signature is refused", bug: "signatures are not verified", forge: behind(func(s string) string { return "." + flipFirst(s) })},
		{slug: "end-changed", text: "another character near the signature's end is refused", bug: "only the beginning of a signature is compared", forge: behind(func(s string) string { return "." + flipLast(s) })},
		{slug: "lists", text: "a token whose header and claims are lists is refused", bug: "a member is asked of what has none", forge: func(jwt, jwt) []string { return []string{"W10.W10.AAAA"} }},
		{slug: "other-subject", text: "another sub under the old signature is refused", bug: "signatures are not verified", forge: func(t, _ jwt) []string {
			return []string{t.with(nil, map[string]any{"sub": "1"}) + "." + t.parts[2]}
		}},
		{slug: "longer-life", text: "a later exp under the old signature is refused", bug: "signatures are not verified", forge: func(t, _ jwt) []string {
			return []string{t.with(nil, map[string]any{"exp": 32503680000}) + "." + t.parts[2]}
		}},
		{slug: "random-key", text: "a signature by another key is refused", bug: "the key is not the one of the configuration", forge: func(t, _ jwt) []string {
			return []string{resign(t, nil, []byte(anotherKey))}
		}},
		{slug: "empty-key", text: "a signature by the empty key is refused", bug: "a variable of the environment that is not set", forge: func(t, _ jwt) []string {
			return []string{resign(t, nil, nil), resign(t, nil, []byte("undefined")), resign(t, nil, []byte("null"))}
		}},
		// No claim changes in these: the same token in another spelling, which only a list of tokens would miss.
		{slug: "padded", text: "base64 padding behind the signature is refused", level: Should, bug: "one signature has several spellings", forge: behind(func(s string) string { return "." + s + "=" })},
		{slug: "last-character", text: "a last character that decodes to the same bytes is refused", level: Should, bug: "one signature has several spellings", forge: behind(func(s string) string { return "." + sameBytes(s) })},
	}
}

// ownKeys bring the key that they are signed with: a secret, and a public key.
func ownKeys(t, _ jwt) []string {
	secret := []byte(attackersKey)
	text := base64.RawURLEncoding.EncodeToString
	forged := []string{resign(t, map[string]any{"jwk": map[string]any{"kty": "oct", "alg": "HS256", "k": text(secret)}}, secret)}
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public, _ := private.Public().(ed25519.PublicKey) // it is one
	signed := t.with(map[string]any{"alg": "EdDSA", "jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": text(public)}}, nil)
	return append(forged, signed+"."+text(ed25519.Sign(private, []byte(signed))))
}

func accessForged() Scenario {
	sc := Scenario{
		ID: "access.forged", Title: "A token that was not signed as it stands opens nothing", Level: Must, Stage: 2, Needs: NeedMe,
		Refs: []Ref{requiredBy("RFC 7515", "§5.2"), recommendedBy("RFC 8725", "§3.1–3.2")},
		Why:  "who can change one claim is any user that he likes",
		Hint: "pin the algorithm by configuration, verify before reading a claim, decode strictly",
		Checks: []Check{
			{Slug: "genuine", Text: "the genuine token opens the endpoint, before and after"},
		},
	}
	for _, f := range forgeries() {
		sc.Checks = append(sc.Checks, Check{Slug: f.slug, Text: f.text, Level: f.level})
	}
	sc.Run = func(s *Scene) {
		v := s.Victim.SignIn()
		other, _ := parseJWT(v.access.value)
		v.Rotate()
		e := v.Me(v.access.value, "")
		s.Given("a fresh access token does not work", e, e.accepted())
		t, is := parseJWT(v.access.value)
		if !is {
			s.Control()
			s.Note("the access token is not a JWT: only a random one could be forged")
			return
		}
		for _, f := range forgeries() {
			for _, raw := range f.forge(t, other) {
				if len(raw) > 20 {
					s.run.secrets.hide(raw, "‹forged: "+f.slug+"›")
				}
				s.refuse(f.slug, f.bug, s.Attacker.Me(raw, f.slug))
			}
		}
		e = v.Me(v.access.value, "")
		s.Check("genuine", e, e.accepted(), "200", "")
		s.Control()
		v.Keep()
	}
	return sc
}

// refuse checks for a no, and says whose bug it is if there is none.
func (s *Scene) refuse(slug, bug string, e *exchange) {
	note := slug + ": " + bug
	if !s.Refused(slug, e) && e.accepted() && !slices.Contains(s.notes, note) {
		s.Note("%s", note)
	}
}

// resign signs the same claims with another key, under HS256 and other header members if wanted.
func resign(t jwt, header map[string]any, key []byte) string {
	h := map[string]any{"alg": "HS256"}
	maps.Copy(h, header)
	signed := t.with(h, nil)
	sig, _ := hmacSign("HS256", signed, key)
	return signed + "." + sig
}

// flipFirst makes the first character another one, that has no other case.
func flipFirst(s string) string {
	if strings.HasPrefix(s, "0") {
		return "1" + s[1:]
	}
	return "0" + s[1:]
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// sameBytes changes the bits of the last character that a lax base64 decoder throws away; a string without such bits gets another last character.
func sameBytes(s string) string {
	i := strings.IndexByte(base64URL, s[len(s)-1])
	if i < 0 {
		return s + "A"
	}
	return s[:len(s)-1] + string(base64URL[i^1])
}
