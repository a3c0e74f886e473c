package conformance

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func rotationUnpredictable() Scenario {
	return Scenario{
		ID: "rotation.unpredictable", Title: "Refresh tokens cannot be guessed", Level: Must, Stage: 4, NotFor: needsRotation,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.2.3"), recommendedBy("RFC 9700", "§4.14.2"), requiredBy("RFC 6749", "§10.10")},
		Why:  "a token made of a counter, the time or Math.random is found by trying",
		Hint: "32 bytes of crypto/rand, secrets.token_urlsafe, SecureRandom, crypto.randomBytes",
		Checks: []Check{
			{Slug: "unique", Text: "no two refreshes of the run brought the same token"},
			{Slug: "length", Text: "a token has room for 128 random bits"},
			{Slug: "varied", Text: "two tokens of one family differ in at least 16 characters"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			var values []string
			for range 6 {
				e := v.Refresh()
				s.Given("a live token did not bring another", e, e.accepted() && e.refresh != nil)
				values = append(values, v.refresh.value)
			}
			seen := map[string]bool{}
			for i, a := range values {
				s.Check("unique", v.last, !seen[a], "a new token", "one that came before")
				seen[a] = true
				secret := unpredictablePart(a)
				s.Check("length", v.last, len(secret) >= 22, "at least 22 base64url characters", fmt.Sprintf("%d", len(secret)))
				if i > 0 {
					d := differing(unpredictablePart(values[i-1]), secret)
					s.Check("varied", v.last, d >= 16, "at least 16 characters that differ", fmt.Sprintf("%d", d))
				}
			}
			s.Control()
			v.Keep()
		},
	}
}

// unpredictablePart is what a guesser would have to guess: of a JWT its signature, of anything else all of it.
func unpredictablePart(t string) string {
	if parts := strings.Split(t, "."); len(parts) == 3 {
		if sig, err := base64.RawURLEncoding.DecodeString(parts[2]); err == nil && len(sig) >= 16 {
			return parts[2]
		}
	}
	return t
}

// differing counts the positions at which two strings differ; missing characters differ.
func differing(a, b string) int {
	n := max(len(a), len(b)) - min(len(a), len(b))
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
