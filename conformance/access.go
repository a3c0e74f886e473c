package conformance

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func accessClaims() Scenario {
	return Scenario{
		ID: "access.claims", Title: "An access token says who issued it, for whom, about whom and until when", Level: Must, Stage: 2, Again: 3,
		Refs: []Ref{motivatedBy("RFC 9068", "§2"), requiredBy("RFC 7519", "§4.1"), recommendedBy("RFC 8725", "§3.11")},
		Why:  "a claim that is missing cannot be checked, and a service that trusts the token trusts anybody's",
		Hint: "set typ to at+jwt and iss, aud, sub, iat, exp, jti in one place, for login and refresh alike",
		Checks: []Check{
			{Slug: "signed", Text: "the header names a signature algorithm, not none"},
			{Slug: "typ", Text: "the header's typ is at+jwt", Level: Should},
			{Slug: "iss", Text: "iss is a non-empty string"},
			{Slug: "aud", Text: "aud is there"},
			{Slug: "sub", Text: "sub is a non-empty string"},
			{Slug: "exp", Text: "exp is a JSON integer"},
			{Slug: "iat", Text: "iat is a JSON integer"},
			{Slug: "jti", Text: "jti is a non-empty string", Level: Should},
			{Slug: "jti-unique", Text: "two access tokens never share a jti"},
			{Slug: "same-shape", Text: "a refreshed token has the same claims as that of the login"},
			{Slug: "same-subject", Text: "a refreshed token has the same iss, aud and sub"},
			{Slug: "own-subject", Text: "two users have different sub"},
			{Slug: "no-secrets", Text: "no claim holds an e-mail, a password or its hash, or a refresh token"},
		},
		Run: func(s *Scene) {
			s.Victim.NewSession()
			first, is := parseJWT(s.Victim.access.value)
			s.Victim.Rotate()
			second, is2 := parseJWT(s.Victim.access.value)
			e := s.Victim.last
			if !is || !is2 {
				s.Control()
				s.Note("the access token is not a JWT: its claims cannot be seen")
				return
			}
			s.claimsPresent(e, second)
			id1, id2 := first.claims["jti"], second.claims["jti"]
			s.Check("jti-unique", e, id1 == nil || id1 != id2, "another jti", "the same jti in two tokens")
			if !s.noRefresh("same-shape", "same-subject") {
				s.sameClaims(e, first, second)
			}
			s.Check("no-secrets", e, !s.leaks(second), "claims that anyone may read", "a claim that nobody but the server should know")
			s.Control()
			other, _ := parseJWT(s.target.stranger.access.value)
			s.Check("own-subject", e, fmt.Sprint(other.claims["sub"]) != fmt.Sprint(second.claims["sub"]), "another sub", "the same sub for two users")
			s.Control()
			s.Victim.Keep()
		},
	}
}

// sameClaims: a token of a refresh says what the login's said.
func (s *Scene) sameClaims(e *exchange, first, second jwt) {
	s.Check("same-shape", e, first.claimNames() == second.claimNames(), first.claimNames(), second.claimNames())
	same := true
	for _, c := range []string{"iss", "aud", "sub"} {
		same = same && fmt.Sprint(first.claims[c]) == fmt.Sprint(second.claims[c])
	}
	s.Check("same-subject", e, same, "the same iss, aud and sub", "others")
}

func (s *Scene) claimsPresent(e *exchange, t jwt) {
	text := func(m map[string]any, k string) string { v, _ := m[k].(string); return v }
	alg := text(t.header, "alg")
	s.Check("signed", e, alg != "" && !strings.EqualFold(alg, "none") && t.parts[2] != "", "a signature", "alg "+said(t.header["alg"]))
	typ := strings.TrimPrefix(strings.ToLower(text(t.header, "typ")), "application/")
	s.Check("typ", e, typ == "at+jwt", "at+jwt", said(t.header["typ"]))
	for _, c := range []string{"iss", "sub", "jti"} {
		s.Check(c, e, text(t.claims, c) != "", "a non-empty string", said(t.claims[c]))
	}
	s.Check("aud", e, t.claims["aud"] != nil && t.claims["aud"] != "", "an audience", "none")
	for _, c := range []string{"exp", "iat"} {
		s.Check(c, e, t.integer(c), "a JSON integer", said(t.claims[c]))
	}
}

// leaks looks for what must not stand in a token that anyone can decode.
func (s *Scene) leaks(t jwt) bool {
	for name, v := range t.claims {
		text := fmt.Sprint(v)
		lower := strings.ToLower(name)
		if secretName(lower) || strings.HasPrefix(text, "$2a$") || strings.HasPrefix(text, "$2b$") || strings.HasPrefix(text, "$argon2") {
			return true
		}
		if strings.Contains(text, s.Victim.user.Email) || strings.Contains(text, s.Victim.user.Password) || s.Victim.refresh != nil && strings.Contains(text, s.Victim.refresh.value) {
			return true
		}
	}
	return false
}

// secretName: at_hash, c_hash and s_hash are OpenID Connect's, and no secrets.
func secretName(lower string) bool {
	return strings.Contains(lower, "password") || strings.Contains(lower, "passwd") || lower == "pwd" ||
		strings.Contains(lower, "hash") && lower != "at_hash" && lower != "c_hash" && lower != "s_hash"
}

func accessLifetime() Scenario {
	return Scenario{
		ID: "access.lifetime", Title: "The access token's lifetime agrees wherever it is stated", Level: Must, Stage: 2, Again: 3,
		Refs: []Ref{requiredBy("RFC 7519", "§2 NumericDate"), motivatedBy("RFC 6749", "§5.1")},
		Why:  "a lifetime in the wrong unit is 0.9 seconds or 15 hours, and a client that believes expires_in refreshes too late or all the time",
		Hint: "compute exp once, in whole seconds, and take expires_in from the same value",
		Checks: []Check{
			{Slug: "expires-in-agrees", Text: "expires_in is exp minus iat"},
			{Slug: "refresh-agrees", Text: "the same after a refresh"},
			{Slug: "same-lifetime", Text: "login and refresh give the same lifetime"},
			{Slug: "issued-now", Text: "iat is the time of the answer, within a minute"},
			{Slug: "not-future", Text: "iat and nbf are not in the future"},
			{Slug: "plausible", Text: "the lifetime is between 1 s and 24 h"},
			{Slug: "short", Text: "the lifetime is at most an hour", Level: Should},
		},
		Run: func(s *Scene) {
			login := s.Victim.Login()
			s.Given("the login did not work", login, login.accepted() && s.signedIn(login))
			a, is := parseJWT(login.access.value)
			if iat, ok := a.time("iat"); is && ok { // before the refresh, which such a server may refuse
				s.issuedNow(login, iat)
			}
			refresh := s.Victim.renew()
			b, is2 := parseJWT(refresh.access.value)
			if !is || !is2 {
				s.Control()
				s.Note("the access token is not a JWT: its lifetime cannot be seen")
				return
			}
			life := func(e *exchange, t jwt, slug string) float64 {
				exp, _ := t.time("exp")
				iat, _ := t.time("iat")
				switch place := s.target.profile.Answer.ExpiresIn; {
				case place == "-":
				case e.find(place) == nil:
					s.Skip(slug, "the answer states no lifetime beside the token's")
				default:
					s.Check(slug, e, math.Abs(exp-iat-float64(e.expires)) <= 1, "expires_in and exp − iat the same", lifetimes(exp, iat, e.expires))
				}
				return exp - iat
			}
			first := life(login, a, "expires-in-agrees")
			if !s.noRefresh("refresh-agrees", "same-lifetime") {
				second := life(refresh, b, "refresh-agrees")
				s.Check("same-lifetime", refresh, math.Abs(first-second) <= 1, fmt.Sprintf("%.0f s", first), fmt.Sprintf("%.0f s", second))
			}
			s.Check("plausible", login, first >= 1 && first <= 86400, "1 s to 24 h", fmt.Sprintf("%.0f s", first))
			s.Check("short", login, first <= 3600, "at most 3600 s", fmt.Sprintf("%.0f s", first))
			clocks := refresh.clocks()
			limit := float64(max(clocks[0].Unix(), clocks[1].Unix())) + refresh.took.Seconds() + 2
			iat, _ := b.time("iat")
			nbf, _ := b.time("nbf")
			s.Check("not-future", refresh, iat <= limit && nbf <= limit, "not after the answer's Date", "in the future")
			s.Control()
			s.Victim.Keep()
		},
	}
}

// lifetimes names two that differ, since nobody can know from outside which of them is meant, and the unit that is suspected.
func lifetimes(exp, iat float64, expires int64) string {
	const milliseconds = 1e11 // counted in seconds, this is the year 5138
	suspected, life := "", exp-iat
	switch apart := math.Abs(life - float64(expires)); {
	case exp > milliseconds:
		suspected = "; an exp this large is in milliseconds"
	case iat > milliseconds:
		suspected = "; an iat this large is in milliseconds"
	case float64(expires) == life*1000, life == float64(expires)*1000:
		suspected = "; one is a thousand times the other: is it in milliseconds?"
	case math.Mod(apart, 3600) == 0 && (life <= 0 || expires%3600 != 0): // and not two settings in hours
		suspected = "; they are whole hours apart: was UTC read as local time in one of them?"
	}
	return fmt.Sprintf("expires_in %d, exp − iat %.0f%s", expires, life, suspected)
}

// issuedNow judges whether a token's iat is the time at which it came.
func (s *Scene) issuedNow(e *exchange, iat float64) {
	off := time.Duration(math.MaxInt64)
	for _, c := range e.clocks() {
		if d := time.Unix(int64(iat), 0).Sub(c); d.Abs() < off.Abs() {
			off = d
		}
	}
	got := fmt.Sprintf("%v before it", off.Abs().Round(time.Second))
	if off > 0 {
		got = fmt.Sprintf("%v after it", off.Round(time.Second))
	}
	s.Check("issued-now", e, off.Abs() <= time.Minute, "iat at the time of the answer", got)
}

// knownSecrets are published fallbacks and placeholders; who finds one signs tokens for anybody. Checked offline, against one signature.
var knownSecrets = []string{
	"secret", "secretkey", "secret_key", "secret-key", "mysecret", "my-secret", "my_secret", "mysecretkey", "supersecret", "super-secret", "super_secret", "supersecretkey",
	"super-secret-key", "your-secret", "your_secret", "your-secret-key", "your_secret_key", "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
	"change-me", "change_me", "changeme", "CHANGE_ME", "CHANGEME", "CHANGE_ME_TO_A_LONG_RANDOM_SECRET", "change-me-in-production", "change_this_secret", "changethis", "change-this",
	"jwt", "jwtsecret", "jwt-secret", "jwt_secret", "JWT_SECRET", "jwt_secret_key", "JWT_SECRET_KEY", "access_secret", "access-secret", "accesssecret", "token_secret",
	"password", "123456", "test", "dev", "development", "default", "key", "private", "topsecret", "keyboard cat", "shhhhh", "secret123", "a-very-secret-key", "thisisasecret",
	"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI's tutorial
	"dev-secret-key-change-in-production", "your-super-secret-key", "your-super-secret-jwt-key", "super-secret-jwt-token-with-at-least-32-characters-long",
}

func accessWeakSecret() Scenario {
	return Scenario{
		ID: "access.secret", Title: "Access tokens are not signed with a published secret", Level: Must, Stage: 2,
		Refs: []Ref{requiredBy("RFC 7518", "§3.2"), recommendedBy("RFC 8725", "§3.5")},
		Why:  "whoever knows the secret signs a token for any user; tutorials' placeholders are the first that anybody tries",
		Hint: "refuse to start with a missing, short or placeholder secret; openssl rand -hex 32 makes a good one",
		Checks: []Check{
			{Slug: "not-published", Text: "no published fallback or placeholder made the signature"},
			{Slug: "not-empty", Text: "an empty key did not make the signature"},
		},
		Run: func(s *Scene) {
			s.Victim.SignIn()
			t, is := parseJWT(s.Victim.access.value)
			s.Control()
			s.Victim.Keep()
			alg, _ := t.header["alg"].(string)
			if _, hmac := hmacSign(alg, "", nil); !is || !hmac {
				s.Note("the access token has no HMAC signature: there is no shared secret to guess")
				return
			}
			signed := t.parts[0] + "." + t.parts[1]
			sig, _ := hmacSign(alg, signed, nil)
			s.Check("not-empty", s.Victim.last, sig != t.parts[2], "a key", "no key")
			found := ""
			for _, k := range knownSecrets {
				if sig, _ := hmacSign(alg, signed, []byte(k)); sig == t.parts[2] {
					found = k
				}
			}
			s.Check("not-published", s.Victim.last, found == "", "a random key", "the key is "+found)
			s.Control()
		},
	}
}

func accessRequired() Scenario {
	return Scenario{
		ID: "access.required", Title: "The protected endpoint wants a valid bearer token and says so", Level: Must, Stage: 2, Again: 3, Needs: NeedMe,
		Refs: []Ref{requiredBy("RFC 6750", "§3"), requiredBy("RFC 9110", "§15.5.2")},
		Why:  "a client tells “sign in again” from “you may not” by 401 and its challenge; anything else sends it in circles",
		Hint: "401 with WWW-Authenticate: Bearer, and error=\"invalid_token\" when a token was sent; FastAPI's HTTPBearer long answered 403 where there is none: auto_error=False, and a 401 of your own",
		Checks: []Check{
			{Slug: "works", Text: "the token of a login opens it"},
			{Slug: "refreshed-works", Text: "the token of a refresh opens it"},
			{Slug: "own-data", Text: "it shows each user something else"},
			{Slug: "no-secrets", Text: "it shows neither a password nor its hash"},
			{Slug: "none", Text: "no token is refused"},
			{Slug: "garbage", Text: "a garbage token is refused"},
			{Slug: "empty", Text: "an empty bearer value is refused"},
			{Slug: "basic", Text: "the token under another scheme is refused"},
			{Slug: "query", Text: "the token in the query string is refused"},
			{Slug: "status-401", Text: "each refusal is 401"},
			{Slug: "challenge", Text: "each 401 carries WWW-Authenticate: Bearer"},
			{Slug: "invalid-token", Text: `a refused token is answered with error="invalid_token"`, Level: Should},
			{Slug: "scheme-case", Text: "the scheme's case does not matter", Level: Should},
		},
		Run: func(s *Scene) {
			v := s.Victim.NewSession()
			mine := v.Me(v.access.value, "")
			s.Accepted("works", mine)
			clean := !strings.Contains(mine.text, v.user.Password) && !strings.Contains(mine.text, "$2a$") && !strings.Contains(mine.text, "$2b$")
			for name := range mine.json {
				clean = clean && !secretName(strings.ToLower(name))
			}
			s.Check("no-secrets", mine, clean, "no password, no hash", "one")
			if !s.noRefresh("refreshed-works") {
				v.Rotate()
				again := v.Me(v.access.value, "")
				s.Check("refreshed-works", again, again.accepted(), "200", "")
			}
			none, garbage := v.Me("", "no token"), v.Me("garbage", "garbage")
			s.deniedMe("none", none)
			s.deniedMe("garbage", garbage)
			s.bearerOnly(v, garbage)
			if slices.Contains(s.target.profile.Me.named("query"), "access_token") {
				s.Skip("query", "the profile says that it travels there")
			} else {
				s.Refused("query", v.query())
			}
			s.Control()
			other := s.target.stranger.as(s).Me(s.target.stranger.access.value, "")
			s.Check("own-data", other, other.accepted() && other.text != mine.text, "the other user's data", "the same answer for two users")
			s.Control()
			v.Keep()
		},
	}
}

// deniedMe judges a refusal of the protected endpoint.
func (s *Scene) deniedMe(slug string, e *exchange) {
	if !s.Refused(slug, e) {
		return
	}
	s.Check("status-401", e, e.named, asNamed, s.refusalGot(e))
	if s.target.profile.Me.Bearer {
		s.Check("challenge", e, e.status != http.StatusUnauthorized || hasChallenge(e), "WWW-Authenticate: Bearer …", e.answer.Get("WWW-Authenticate"))
	}
}

// bearerOnly judges what RFC 6750 says of the scheme, where the token travels under it.
func (s *Scene) bearerOnly(v *Actor, garbage *exchange) {
	if !s.target.profile.Me.Bearer {
		for _, slug := range []string{"empty", "basic", "challenge", "invalid-token", "scheme-case"} {
			s.Skip(slug, "the profile sends the access token in another way than as Bearer")
		}
		return
	}
	s.deniedMe("empty", v.bearer("Bearer ", "empty bearer"))
	s.deniedMe("basic", v.bearer("Basic "+v.access.value, "as Basic"))
	challenge := garbage.answer.Get("WWW-Authenticate")
	s.Check("invalid-token", garbage, strings.Contains(challenge, `invalid_token`), `error="invalid_token"`, challenge)
	lower := v.bearer("bearer "+v.access.value, "lower-case scheme")
	s.Check("scheme-case", lower, lower.accepted(), "200", "")
}

// as lets an actor of an earlier story act in this one.
func (a *Actor) as(s *Scene) *Actor { a.scene = s; return a }

func (a *Actor) bearer(authorization, note string) *exchange {
	e := a.call("me", note)
	e.header.Set("Authorization", authorization)
	return a.send(e)
}

func (a *Actor) query() *exchange {
	e := a.call("me", "token in the query")
	e.addQuery(url.Values{"access_token": {a.access.value}, "token": {a.access.value}}.Encode())
	return a.send(e)
}

func hasChallenge(e *exchange) bool {
	for _, v := range e.answer.Values("WWW-Authenticate") {
		if len(v) >= 6 && strings.EqualFold(v[:6], "bearer") {
			return true
		}
	}
	return false
}

func accessWrongKind() Scenario {
	return Scenario{
		ID: "access.wrong-kind", Title: "A refresh token is no access token", Level: Must, Stage: 4, Needs: NeedMe,
		Refs: []Ref{recommendedBy("RFC 8725", "§3.11–3.12"), motivatedBy("RFC 9068", "§5")},
		Why:  "a refresh token that opens the API is an access token of thirty days, and revocation does not end it",
		Hint: "give each kind a typ and a key or audience of its own, and check it",
		Checks: []Check{
			{Slug: "live", Text: "a live refresh token as bearer is refused"},
			{Slug: "rotated", Text: "a rotated one is refused"},
			{Slug: "harmless", Text: "trying does not hurt the session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			old := v.Rotate()
			s.Refused("live", s.Attacker.Me(v.refresh.value, "refresh token as bearer"))
			s.Refused("rotated", s.Attacker.Me(old.value, "rotated refresh token as bearer"))
			e := v.Refresh()
			s.Check("harmless", e, e.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}
