package faulty

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// refreshAudience is of refresh tokens alone: their audience, their type and their key each tell them from access tokens.
const refreshAudience = "faulty-refresh"

// refreshToken is what a genuine refresh token says. Which one is live is for the family to say, and so is when it expires.
type refreshToken struct {
	raw          string
	family, user string
	generation   int
	expires      time.Time // looked at by faults only
}

// refreshToken makes the refresh token of the family's current generation.
func (s *Server) refreshToken(f *family, now time.Time) string {
	claims := map[string]any{
		"iss": issuer, "aud": refreshAudience, "sub": f.user.id, "iat": now.Unix(), "exp": f.expires.Unix(),
		"jti": newID() + newID(), // 256 random bits
		"fam": f.id, "gen": f.generation,
	}
	if s.has("rt-grows") {
		claims["ancestors"] = f.ancestors
		f.ancestors = append(f.ancestors, text(claims, "jti"))
	}
	if s.has("login-same-second-collision/same-token") && f.generation == 0 {
		claims["jti"] = f.id
	}
	raw := makeJWT(s.refreshKey, "rt+jwt", claims)
	switch {
	case s.has("st-low-entropy-token/counter"):
		raw = s.handle(raw, fmt.Sprintf("rt-%d", 1000+s.handleCount))
	case s.has("st-low-entropy-token/time"):
		raw = s.handle(raw, strconv.FormatInt(now.UnixMicro()+int64(s.handleCount), 36))
	case s.has("st-low-entropy-token/short"):
		raw = s.handle(raw, newID()[:6])
	case s.has("rt-cookie-encoding-mangled") && f.generation > 0 && f.generation%6 == 0:
		raw += "+"
	case s.has("rt-lax-comparison/case"):
		s.spellings[strings.ToLower(raw)] = raw
	}
	return raw
}

// handle gives a token a short name, under which it then travels.
func (s *Server) handle(raw, name string) string {
	s.handleCount++
	s.handles[name] = raw
	return name
}

// parseRefresh returns what a genuine refresh token says. It judges everything but expiry: a token past its exp that was rotated
// long ago still has to end its family when it comes back.
func (s *Server) parseRefresh(raw string) (refreshToken, bool) {
	raw = s.canonical(raw)
	jwt := raw
	if long, ok := s.handles[raw]; ok {
		jwt = long
	}
	t, ok := parseJWT(jwt, strictBase64())
	if !ok {
		return refreshToken{}, false
	}
	genuine := text(t.header, "alg") == "HS256" && slices.Equal(t.signature, mac(s.refreshKey, t.signed))
	if s.has("rt-signature-not-verified") {
		genuine = true
	}
	generation, number := t.claims["gen"].(float64)
	exp, dated := t.claims["exp"].(float64)
	if !genuine || !number || !dated || text(t.header, "typ") != "rt+jwt" ||
		text(t.claims, "iss") != issuer || text(t.claims, "aud") != refreshAudience {
		return refreshToken{}, false
	}
	return refreshToken{
		raw: raw, family: text(t.claims, "fam"), user: text(t.claims, "sub"), generation: int(generation), expires: time.Unix(int64(exp), 0),
	}, true
}

// canonical is the one spelling of a token: as it was issued, and no other.
func (s *Server) canonical(raw string) string {
	switch {
	case s.has("rt-cookie-encoding-mangled"): // as if it came from a form
		return strings.ReplaceAll(raw, "+", " ")
	case s.has("rt-lax-comparison/case"): // as MySQL's default collation compares
		if issued, ok := s.spellings[strings.ToLower(raw)]; ok {
			return issued
		}
	case s.has("rt-lax-comparison/padding"):
		return strings.TrimRight(raw, "=")
	case s.has("rt-lax-comparison/last-character"): // 43 characters hold 2 bits more than a SHA-256 has
		i := strings.LastIndexByte(raw, '.')
		if b, err := base64.RawURLEncoding.DecodeString(raw[i+1:]); err == nil {
			return raw[:i+1] + base64.RawURLEncoding.EncodeToString(b)
		}
	}
	return raw
}

// refreshCookies is the function of that name, but for the faults that read the header by rules of their own.
func (s *Server) refreshCookies(r *http.Request) []string {
	line := r.Header.Get("Cookie")
	switch {
	case s.has("rt-foreign-cookie-breaks") && strings.ContainsAny(line, `"{}[],`): // as Python's SimpleCookie gives up
		return nil
	case s.has("rt-cookie-name-by-suffix"): // the first match of a pattern
		if _, after, ok := strings.Cut(line, cookieName+"="); ok {
			value, _, _ := strings.Cut(after, ";")
			return []string{value}
		}
	}
	return refreshCookies(r)
}

// refreshCookies returns the distinct refresh cookies of a request, byte for byte: [http.Request.CookiesNamed] would strip quotes and
// drop what it does not like.
func refreshCookies(r *http.Request) []string {
	var values []string
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, ok := strings.Cut(strings.TrimLeft(pair, " \t"), "=")
			if ok && name == cookieName && !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
	}
	return values
}
