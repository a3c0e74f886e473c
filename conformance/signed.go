package conformance

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// hostileToken is an access token with a right signature and something wrong in it: data, so that other tools can use the table as well.
type hostileToken struct {
	slug, text string
	bug        string                                // who had it, or what the mistake is
	level      Level                                 // empty: MUST
	own        string                                // the claim that the target's own tokens must have, else nothing is wrong without it
	header     func(t jwt) map[string]any            // header members to replace; nil value: remove
	claims     func(t jwt, now int64) map[string]any // likewise for claims
	object     func(t jwt, now int64) string         // the claims as JSON, where no map can say it
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
	return func(t jwt, _ int64) map[string]any { return map[string]any{name: fmt.Sprintf(format, t.one(name))} }
}

// one is a claim that is a string, or the first of a list of them.
func (t jwt) one(name string) string {
	if list, ok := t.claims[name].([]any); ok && len(list) > 0 {
		return fmt.Sprint(list[0])
	}
	return fmt.Sprint(t.claims[name])
}

// cutShort makes a claim out of the genuine one without its last character.
func cutShort(name string) func(jwt, int64) map[string]any {
	return func(t jwt, _ int64) map[string]any {
		v := t.one(name)
		return map[string]any{name: v[:max(0, len(v)-1)]}
	}
}

func header(name string, value any) func(jwt) map[string]any {
	return func(jwt) map[string]any { return map[string]any{name: value} }
}

// written writes a claim as JSON that no value can say.
func written(name, value string) func(jwt, int64) string {
	return func(t jwt, _ int64) string {
		rest, _ := base64.RawURLEncoding.DecodeString(strings.Split(t.with(nil, map[string]any{name: nil}), ".")[1]) // it was encoded just now
		return fmt.Sprintf("{%q:%s,%s", name, value, rest[1:])
	}
}

// twice writes a claim two times; of two equal names a parser takes the last, or refuses (RFC 7519 section 4).
func twice(name string, first, last func(now int64) any) func(jwt, int64) string {
	return func(t jwt, now int64) string {
		return written(name, fmt.Sprintf("%s,%q:%s", jsonText(first(now)), name, jsonText(last(now))))(t, now)
	}
}

func hostileTokens() []hostileToken {
	return append(append(hostileHeaders(), hostileNames()...), hostileTimes()...)
}

func hostileHeaders() []hostileToken {
	return []hostileToken{
		{slug: "other-algorithm", text: "HS512 is refused where tokens are HS256, and HS256 where they are not", bug: "the token chooses the algorithm", header: func(t jwt) map[string]any {
			if t.header["alg"] == "HS256" {
				return map[string]any{"alg": "HS512"}
			}
			return map[string]any{"alg": "HS256"}
		}},
		{slug: "alg-case", text: "an alg in lower case is refused", level: Should, bug: "names of algorithms are case-sensitive (RFC 7515 section 4.1.1)", header: func(t jwt) map[string]any {
			return map[string]any{"alg": strings.ToLower(fmt.Sprint(t.header["alg"]))}
		}},
		{slug: "crit", text: "an extension that must be understood is not ignored", bug: "CVE-2025-59420 Authlib", header: func(jwt) map[string]any { return map[string]any{"crit": []string{"x"}, "x": true} }},
		{slug: "crit-b64", text: "a payload that says that it is not encoded is refused", bug: "b64 is no business of a JWT (RFC 7797 section 7)", header: func(jwt) map[string]any { return map[string]any{"crit": []string{"b64"}, "b64": false} }},
		{slug: "crit-no-list", text: "a crit that is no list is refused", level: Should, bug: "what is malformed is ignored", header: header("crit", "x")},
		{slug: "typ", text: "another typ than at+jwt is refused", bug: "any token of the same issuer is an access token", header: header("typ", "JWT")},
		{slug: "typ-missing", text: "a token without typ is refused", bug: "any token of the same issuer is an access token", header: header("typ", nil)},
		{slug: "typ-refresh", text: "a typ of refresh tokens is refused", bug: "a refresh token is an access token of thirty days", header: header("typ", "rt+jwt")},
	}
}

func hostileNames() []hostileToken {
	const list = "CVE-2025-30144 fast-jwt"
	return []hostileToken{
		{slug: "aud-other", text: "a token for another audience is refused", bug: "aud is not looked at", claims: claim("aud", fixed("another-service"))},
		{slug: "aud-missing", text: "a token without audience is refused", own: "aud", bug: "what is not there is not compared", claims: claim("aud", fixed(nil))},
		{slug: "aud-empty", text: "an empty audience is refused", bug: "what is empty is not compared", claims: claim("aud", fixed(""))},
		{slug: "aud-empty-list", text: "an empty list of audiences is refused", bug: "CVE-2020-26160 jwt-go", claims: claim("aud", fixed([]string{}))},
		{slug: "aud-list-others", text: "a list of other audiences is refused", bug: "a list is not looked through", claims: claim("aud", fixed([]string{"another-service", "a third one"}))},
		{slug: "aud-longer", text: "an audience that only contains the right one is refused", own: "aud", bug: "aud is searched, and not compared", claims: edited("aud", "not-%v-at-all")},
		{slug: "aud-part", text: "a part of the right audience is refused", own: "aud", bug: "aud is searched, and not compared", claims: cutShort("aud")},
		{slug: "aud-number", text: "an audience that is a number is refused", bug: "CVE-2020-26160 jwt-go: what has the wrong type counts as none", claims: claim("aud", fixed(1))},
		{slug: "iss-other", text: "a token of another issuer is refused", own: "iss", bug: "iss is not looked at", claims: claim("iss", fixed("https://evil.example"))},
		{slug: "iss-missing", text: "a token without issuer is refused", own: "iss", bug: "what is not there is not compared", claims: claim("iss", fixed(nil))},
		{slug: "iss-longer", text: "an issuer that only begins like the right one is refused", own: "iss", bug: "iss is compared from the left", claims: edited("iss", "%v.evil.example")},
		{slug: "iss-slash", text: "an issuer with a slash more is refused", own: "iss", bug: "iss is normalised", claims: edited("iss", "%v/")},
		{slug: "iss-part", text: "a part of the right issuer is refused", own: "iss", bug: "CVE-2024-53861 PyJWT", claims: cutShort("iss")},
		{slug: "iss-list", text: "a list of issuers, one of them right, is refused", own: "iss", bug: list, claims: func(t jwt, _ int64) map[string]any {
			return map[string]any{"iss": []any{"https://evil.example", t.one("iss")}}
		}},
		{slug: "sub-missing", text: "a token about nobody is refused", own: "sub", bug: "nobody is somebody", claims: claim("sub", fixed(nil))},
		{slug: "sub-unknown", text: "a token about a user who is not there is refused", own: "sub", level: Should, bug: "the user is not read; who was deleted goes on until exp", claims: claim("sub", fixed("00000000-0000-7000-8000-000000000000"))},
		{slug: "sub-list", text: "a list of subjects is refused", own: "sub", level: Should, bug: list, claims: func(t jwt, _ int64) map[string]any { return map[string]any{"sub": []any{t.claims["sub"]}} }},
	}
}

func hostileTimes() []hostileToken {
	const untyped = "CVE-2026-25537 jsonwebtoken (Rust): what has the wrong type counts as absent"
	hour := time.Hour
	return []hostileToken{
		{slug: "exp-past", text: "a token that ended an hour ago is refused", bug: "exp is not looked at", claims: claim("exp", after(-hour))},
		{slug: "exp-just-past", text: "so is one that ended five seconds before the stated leeway", bug: "a leeway that nobody stated", claims: nil},
		{slug: "exp-past-fraction", text: "so is one that ended an hour and half a second ago", bug: "a fraction is no time (RFC 7519 section 2 says that it is)", claims: claim("exp", func(now int64) any { return float64(now) - 3600.5 })},
		{slug: "exp-zero", text: "an exp of 0 is refused", own: "exp", bug: "what is zero counts as absent", claims: claim("exp", fixed(0))},
		{slug: "exp-negative", text: "a negative exp is refused", own: "exp", bug: "a time is compared as an unsigned number", claims: claim("exp", fixed(-1))},
		{slug: "exp-missing", text: "a token without exp is refused", own: "exp", bug: "a token without end lives for ever", claims: claim("exp", fixed(nil))},
		{slug: "exp-case", text: "EXP is no exp", own: "exp", bug: "names of claims are case-sensitive (RFC 7519 section 10.1.1); Go's encoding/json folds them", claims: func(t jwt, _ int64) map[string]any {
			return map[string]any{"exp": nil, "EXP": t.claims["exp"]}
		}},
		{slug: "exp-null", text: "an exp of null is refused", own: "exp", bug: untyped, object: written("exp", "null")},
		{slug: "exp-string", text: "an exp that is a string is refused", own: "exp", bug: untyped, claims: claim("exp", fixed("32503680000"))},
		{slug: "exp-object", text: "an exp that is an object is refused", own: "exp", bug: untyped, claims: claim("exp", fixed(map[string]any{"$gt": 0}))},
		{slug: "exp-true", text: "an exp that is true is refused", own: "exp", bug: untyped, claims: claim("exp", fixed(true))},
		{slug: "exp-infinite", text: "an exp beyond every number is refused", own: "exp", level: Should, bug: "1e400 is read as infinity, which never comes", object: written("exp", "1e400")},
		{slug: "exp-twice", text: "of two exp the last counts, and it is over", own: "exp", bug: "of two equal names the first is taken (RFC 7519 section 4)", object: twice("exp", after(hour), after(-hour))},
		{slug: "nbf-future", text: "a token that begins in an hour is refused", bug: "nbf is not looked at", claims: claim("nbf", after(hour))},
		{slug: "nbf-string", text: "an nbf that is a string is refused", level: Should, bug: untyped, claims: claim("nbf", fixed("32503680000"))},
		{slug: "nbf-twice", text: "of two nbf the last counts, and it is to come", bug: "of two equal names the first is taken (RFC 7519 section 4)", object: twice("nbf", after(-hour), after(hour))},
		{slug: "claims-list", text: "claims that are a list are refused", bug: "claims are read as whatever they are", object: func(jwt, int64) string { return "[]" }},
		{slug: "claims-twice", text: "claims with more behind them are refused", level: Should, bug: "a decoder stops at the end of the first value (RFC 7519 section 7.2)", object: func(t jwt, _ int64) string {
			claims, _ := base64.RawURLEncoding.DecodeString(t.parts[1]) // it was decoded before
			return string(claims) + " {}"
		}},
	}
}

// opinions are tokens that a server may take or refuse: RFC 7519 leaves it open. What it does is noted.
func opinions() []hostileToken {
	return []hostileToken{
		{text: "iat in an hour", claims: claim("iat", after(time.Hour))},
		{text: "iat that is a string", claims: claim("iat", fixed("1"))},
		{text: "exp with a fraction", claims: claim("exp", func(now int64) any { return float64(now) + 600.5 })},
		{text: "exp in 30,000 years", claims: claim("exp", fixed(int64(1e12)))},
		{text: "aud as a list that holds the right one", claims: func(t jwt, _ int64) map[string]any {
			return map[string]any{"aud": []string{"another-service", t.one("aud")}}
		}},
		{text: "an unknown kid", header: header("kid", "nonesuch")},
		{text: "an empty crit", header: header("crit", []string{})},
		{text: "zip", header: header("zip", "DEF")},
		{text: "typ in capitals", header: func(t jwt) map[string]any { return map[string]any{"typ": strings.ToUpper(fmt.Sprint(t.header["typ"]))} }},
	}
}

func accessSigned() Scenario {
	sc := Scenario{
		ID: "access.signed", Title: "A right signature does not make a token right", Level: Must, Stage: 2, Again: 3, Needs: NeedMe | NeedSecret,
		Refs: []Ref{requiredBy("RFC 7519", "§4, §7.2"), recommendedBy("RFC 8725", "§3.1, §3.8–3.11"), requiredBy("RFC 7515", "§4.1.11")},
		Why:  "services share secrets: a token that another one signed, for another purpose or long ago, opens this one",
		Hint: "pin the algorithm; demand typ, iss, aud and exp by configuration, and compare them whole",
	}
	for _, h := range hostileTokens() {
		sc.Checks = append(sc.Checks, Check{Slug: h.slug, Text: h.text, Level: h.level})
	}
	sc.Checks = append(sc.Checks,
		Check{Slug: "sub-twice", Text: "of two sub the last counts, or the token is refused"},
		Check{Slug: "sub-case", Text: "SUB is no sub"},
		Check{Slug: "refresh-forged", Text: "a refresh token that was signed with the secret of access tokens refreshes nothing"})
	sc.Run = func(s *Scene) { s.hostile() }
	return sc
}

func (s *Scene) hostile() {
	v := s.Victim.SignIn()
	t, _ := parseJWT(v.access.value)
	send := func(h hostileToken, note string) *exchange {
		raw := s.forge(h, t, note)
		e := s.Attacker.Me(raw, note)
		if h.object == nil { // what a script can make again
			e.forged = &resigned{v.access, h.head(t), h.changes(t, s.run.clock.now().Unix())}
		}
		return e
	}
	untouched := v.Me(v.access.value, "as it came")
	s.Given("the access token does not open the protected endpoint", untouched, untouched.accepted())
	genuine := send(hostileToken{}, "signed again")
	s.Given("the secret is not the one that signs access tokens", genuine, genuine.accepted())
	for _, h := range hostileTokens() {
		switch {
		case strings.HasPrefix(h.slug, "typ") && t.header["typ"] != "at+jwt" && h.slug != "typ-refresh":
			s.Skip(h.slug, "its own tokens are not typed")
			continue
		case h.own != "" && t.claims[h.own] == nil:
			s.Skip(h.slug, "its own tokens have no "+h.own)
			continue
		case h.slug == "exp-just-past":
			h.claims = claim("exp", after(-s.run.opts.Leeway-5*time.Second))
		}
		s.refuse(h.slug, h.bug, send(h, h.slug))
	}
	s.Control()
	s.otherSubject(v, t)
	if !s.noRefresh("refresh-forged") {
		s.forgedRefresh(v)
	}
	taken := []string{}
	for _, h := range opinions() {
		if e := send(h, h.text); e.accepted() {
			taken = append(taken, h.text)
		}
	}
	s.Note("RFC 7519 leaves these open, and %d of %d are taken: %s", len(taken), len(opinions()), strings.Join(taken, "; "))
	s.Control()
	if !s.run.opts.NoRefresh && v.Refresh().rotated() {
		v.Keep()
	}
}

// otherSubject: a token that names two users must not be the first one's, nor one's whose name only looks like a claim.
func (s *Scene) otherSubject(v *Actor, t jwt) {
	other, _ := parseJWT(s.target.stranger.access.value)
	his := s.target.stranger.as(s).Me(s.target.stranger.access.value, "")
	mine := v.Me(v.access.value, "")
	if t.claims["sub"] == nil || !his.accepted() || !mine.accepted() || sameAnswer(mine, his) {
		s.Skip("sub-twice", "the answer does not show whose token it was")
		s.Skip("sub-case", "the answer does not show whose token it was")
		return
	}
	first := hostileToken{object: twice("sub", fixed(other.claims["sub"]), fixed(t.claims["sub"]))}
	cased := hostileToken{object: func(t jwt, _ int64) string {
		rest, _ := base64.RawURLEncoding.DecodeString(t.parts[1]) // it was decoded before
		return strings.TrimSuffix(string(rest), "}") + `,"SUB":` + jsonText(other.claims["sub"]) + "}"
	}}
	for slug, h := range map[string]hostileToken{"sub-twice": first, "sub-case": cased} {
		e := s.Attacker.Me(s.forge(h, t, slug), slug)
		s.Check(slug, e, !e.accepted() || !sameAnswer(his, e), "a refusal, or the data of the right user", "the data of the other user")
	}
}

// forgedRefresh makes a refresh token with the secret of access tokens, which other services may have.
func (s *Scene) forgedRefresh(v *Actor) {
	t, is := parseJWT(v.refresh.value)
	alg, _ := t.header["alg"].(string)
	if _, hmac := hmacSign(alg, "", nil); !is || !hmac {
		s.Skip("refresh-forged", "its refresh tokens are no JWTs with an HMAC signature")
		return
	}
	raw := s.forge(hostileToken{claims: claim("jti", fixed("forged"))}, t, "refresh token")
	s.Refused("refresh-forged", s.Attacker.RefreshRaw(raw, "signed with the secret of access tokens"))
}

// resigned is a token that was signed anew, some members replaced.
type resigned struct {
	of             *token
	header, claims map[string]any
}

func (h hostileToken) head(t jwt) map[string]any {
	if h.header == nil {
		return nil
	}
	return h.header(t)
}

func (h hostileToken) changes(t jwt, now int64) map[string]any {
	if h.claims == nil {
		return nil
	}
	return h.claims(t, now)
}

// forge signs a token anew with the target's own secret, as a hostile token says.
func (s *Scene) forge(h hostileToken, t jwt, note string) string {
	now := s.run.clock.now().Unix()
	head, claims := h.head(t), h.changes(t, now)
	signed := t.with(head, claims)
	if h.object != nil {
		signed = signed[:strings.IndexByte(signed, '.')+1] + base64.RawURLEncoding.EncodeToString([]byte(h.object(t, now)))
	}
	alg, _ := t.header["alg"].(string)
	if a, ok := head["alg"].(string); ok {
		alg = strings.ToUpper(a)
	}
	sig, _ := hmacSign(alg, signed, []byte(s.run.opts.JWTSecret))
	raw := signed + "." + sig
	s.run.secrets.hide(raw, "‹signed: "+note+"›")
	s.run.secrets.hide(sig, "‹signature›")
	return raw
}
