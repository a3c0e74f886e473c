package conformance

import (
	"fmt"
	"time"
)

// hostileToken is an access token with a right signature and something wrong in it: data, so that other tools can use the table as well.
type hostileToken struct {
	slug, text string
	header     func(t jwt) map[string]any            // header members to replace; nil value: remove
	claims     func(t jwt, now int64) map[string]any // likewise for claims
}

func claim(name string, value func(now int64) any) func(jwt, int64) map[string]any {
	return func(_ jwt, now int64) map[string]any { return map[string]any{name: value(now)} }
}

func fixed(v any) func(int64) any { return func(int64) any { return v } }

func after(d time.Duration) func(int64) any {
	return func(now int64) any { return now + int64(d.Seconds()) }
}

// edited makes a claim out of the genuine one.
func edited(name, format string) func(jwt, int64) map[string]any {
	return func(t jwt, _ int64) map[string]any { return map[string]any{name: fmt.Sprintf(format, t.claims[name])} }
}

func header(name string, value any) func(jwt) map[string]any {
	return func(jwt) map[string]any { return map[string]any{name: value} }
}

func hostileTokens() []hostileToken {
	return []hostileToken{
		{slug: "other-algorithm", text: "HS512 is refused where tokens are HS256, and HS256 where they are not", header: func(t jwt) map[string]any {
			if t.header["alg"] == "HS256" {
				return map[string]any{"alg": "HS512"}
			}
			return map[string]any{"alg": "HS256"}
		}},
		{slug: "crit", text: "an extension that must be understood is not ignored", header: func(jwt) map[string]any { return map[string]any{"crit": []string{"x"}, "x": true} }},
		{slug: "typ", text: "another typ than at+jwt is refused", header: header("typ", "JWT")},
		{slug: "typ-refresh", text: "a typ of refresh tokens is refused", header: header("typ", "rt+jwt")},
		{slug: "aud-other", text: "a token for another audience is refused", claims: claim("aud", fixed("another-service"))},
		{slug: "aud-missing", text: "a token without audience is refused", claims: claim("aud", fixed(nil))},
		{slug: "iss-other", text: "a token of another issuer is refused", claims: claim("iss", fixed("https://evil.example"))},
		{slug: "iss-missing", text: "a token without issuer is refused", claims: claim("iss", fixed(nil))},
		{slug: "iss-longer", text: "an issuer that only begins like the right one is refused", claims: edited("iss", "%v.evil.example")},
		{slug: "iss-slash", text: "an issuer with a slash more is refused", claims: edited("iss", "%v/")},
		{slug: "exp-past", text: "a token that ended an hour ago is refused", claims: claim("exp", after(-time.Hour))},
		{slug: "exp-just-past", text: "so is one that ended five seconds before the stated leeway", claims: nil},
		{slug: "exp-missing", text: "a token without exp is refused", claims: claim("exp", fixed(nil))},
		{slug: "exp-string", text: "an exp that is a string is refused", claims: claim("exp", fixed("32503680000"))},
		{slug: "nbf-future", text: "a token that begins in an hour is refused", claims: claim("nbf", after(time.Hour))},
		{slug: "sub-missing", text: "a token about nobody is refused", claims: claim("sub", fixed(nil))},
		{slug: "sub-unknown", text: "a token about a user who is not there is refused", claims: claim("sub", fixed("00000000-0000-7000-8000-000000000000"))},
	}
}

func accessSigned() Scenario {
	sc := Scenario{
		ID: "access.signed", Title: "A right signature does not make a token right", Level: Must, Stage: 2, Needs: NeedMe | NeedSecret,
		Refs: []Ref{requiredBy("RFC 7519", "§4.1, §7.2"), recommendedBy("RFC 8725", "§3.1, §3.8–3.11"), requiredBy("RFC 7515", "§4.1.11")},
		Why:  "services share secrets: a token that another one signed, for another purpose or long ago, opens this one",
		Hint: "pin the algorithm; demand typ, iss, aud and exp by configuration, and compare them whole",
		Checks: []Check{
			{Slug: "resigned", Text: "the genuine claims, signed again with the secret, open the endpoint"},
		},
	}
	for _, h := range hostileTokens() {
		sc.Checks = append(sc.Checks, Check{Slug: h.slug, Text: h.text})
	}
	sc.Run = func(s *Scene) {
		v := s.Victim.SignIn()
		t, is := parseJWT(v.access.value)
		alg, _ := t.header["alg"].(string)
		if _, hmac := hmacSign(alg, "", nil); !is || !hmac {
			s.Control()
			s.Note("the access token is not a JWT with an HMAC signature")
			return
		}
		send := func(slug string, h, c map[string]any) *exchange {
			return s.Attacker.Me(s.forge(slug, t, h, c), slug)
		}
		genuine := send("signed again", nil, nil)
		s.Given("the secret is not the one that signs access tokens", genuine, genuine.accepted())
		s.Check("resigned", genuine, true, "", "")
		now := s.run.clock.now().Unix()
		for _, h := range hostileTokens() {
			if h.slug == "typ" && t.header["typ"] != "at+jwt" {
				s.Skip(h.slug, "its own tokens are not typed")
				continue
			}
			var hd, cl map[string]any
			if h.header != nil {
				hd = h.header(t)
			}
			if h.claims != nil {
				cl = h.claims(t, now)
			}
			if h.slug == "exp-just-past" {
				cl = map[string]any{"exp": now - int64(s.run.opts.Leeway.Seconds()) - 5}
			}
			s.Refused(h.slug, send(h.slug, hd, cl))
		}
		s.Control()
		v.Keep()
	}
	return sc
}

// forge signs a token anew with the target's own secret, some members replaced.
func (s *Scene) forge(slug string, t jwt, h, c map[string]any) string {
	signed := t.with(h, c)
	alg, _ := t.header["alg"].(string)
	if a, ok := h["alg"].(string); ok {
		alg = a
	}
	sig, _ := hmacSign(alg, signed, []byte(s.run.opts.JWTSecret))
	raw := signed + "." + sig
	s.run.secrets.hide(raw, "‹signed: "+slug+"›")
	s.run.secrets.hide(sig, "‹signature›")
	return raw
}
