package conformance

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPseudonymsKeepIdentity(t *testing.T) {
	s := newSecrets()
	r0, a0 := s.login("refresh-zero", "header.claims.signature")
	r1, a1 := s.rotation(r0, "refresh-one", "access-one")
	twin, _ := s.rotation(r0, "refresh-one-b", "")
	b0, _ := s.login("other-family", "")
	same, _ := s.rotation(r0, "refresh-one", "")

	require.Equal(t, "‹#1.R0› ‹#1.A0› ‹#1.R1› ‹#1.A1› ‹#1.R1′› ‹#2.R0›", join(r0, a0, r1, a1, twin, b0))
	require.Same(t, r1, same)
	require.Equal(t, "sent ‹#1.R1› and ‹#1.R0›, not x", s.redact("sent refresh-one and refresh-zero, not x"))
	require.Equal(t, "only ‹#1.A0:signature› of it", s.redact("only signature of it"))
	s.hide("pass word/1", "‹password›")
	require.Equal(t, "‹password› ‹password›", s.redact("pass word/1 pass+word%2F1"))

	jwt := "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"id-of-the-token"}`)) + ".c2lnbmF0dXJlLW9mLWl0"
	s.rotation(b0, jwt, "")
	require.Equal(t, "the row ‹#2.R1:jti›", s.redact("the row id-of-the-token"))
	require.Equal(t, "‹#2.R1:claims› ‹#2.R1:signature›", s.redact(strings.Join(strings.Split(jwt, ".")[1:], " ")))
	require.Equal(t, "Basic ‹#2.R1›", s.redact("Basic "+base64.RawStdEncoding.EncodeToString([]byte(jwt))))
	s.name("a/b<ü", "‹odd›")
	require.Equal(t, "‹odd› ‹odd› ‹odd› ‹odd› ‹odd›", s.redact(`a/b<ü a\/b<ü a/b\u003cü a/b<\u00fc a%2fb%3c%c3%bc`))

	names := aliases{}
	require.Equal(t, "‹a.R0› ‹b.R0› ‹a.A0:signature›", names.apply("‹#2.R0› ‹#1.R0› ‹#2.A0:signature›"))
}

func join(tokens ...*token) string {
	s := ""
	for i, t := range tokens {
		if i > 0 {
			s += " "
		}
		s += t.pseudonym()
	}
	return s
}

func TestLineage(t *testing.T) {
	s := newSecrets()
	r0, _ := s.login("refresh-zero", "")
	r1, _ := s.rotation(r0, "refresh-one", "")
	r2, _ := s.rotation(r1, "refresh-two", "")
	twin, _ := s.rotation(r0, "refresh-one-b", "")
	r0.replay = true
	require.Equal(t, []string{"#1: R0 ─┬ R1 ─ R2  └ R1′   presented again: R0"}, lineage([]*token{r0, r1, r2, twin}))
	twin2, _ := s.rotation(r1, "refresh-two-b", "")
	require.Equal(t, []string{"#1: R0 ─┬ (R1 ─┬ R2  └ R2′)  └ R1′   presented again: R0"}, lineage([]*token{r0, r1, r2, twin2, twin}))
	require.Equal(t, []string{"#1: R1 ─ R2"}, lineage([]*token{r1, r2}), "a session that an earlier story began")
}

func TestLetters(t *testing.T) {
	require.Equal(t, "a z aa az ba", letters(0)+" "+letters(25)+" "+letters(26)+" "+letters(51)+" "+letters(52))
}
