package conformance

import (
	"net/http"
	"net/url"
	"strings"
)

func rotationRotates() Scenario {
	return Scenario{
		ID: "rotation.rotates", Title: "A refresh answers with a new pair", Level: Must, Stage: 3,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2"), motivatedBy("RFC 6749", "§6")},
		Why:  "a token that stays the same cannot tell its thief from its owner",
		Hint: "make the successor, put its hash where the old one stood, set it as the cookie of the same answer",
		Checks: []Check{
			{Slug: "accepted", Text: "a live token is answered with 200 and an access token"},
			{Slug: "new-cookie", Text: "the answer brings the new refresh token, once"},
			{Slug: "different", Text: "the new refresh token is another one"},
			{Slug: "different-access", Text: "the new access token is another one"},
			{Slug: "successor-works", Text: "the new refresh token works"},
			{Slug: "same-members", Text: "the answer has the members of the login's"},
			{Slug: "token-type", Text: "token_type and expires_in are as at login"},
		},
		Run: func(s *Scene) {
			login := s.Victim.Login()
			s.Given("the login did not work", login, login.accepted() && login.refresh != nil)
			e := s.Victim.Refresh()
			s.Accepted("accepted", e)
			if why := needsRotation(s.policy()); why != "" {
				for _, slug := range []string{"new-cookie", "different", "successor-works"} {
					s.Skip(slug, why)
				}
			} else {
				s.Check("new-cookie", e, s.broughtOnce(e), "one refresh token", "")
				s.Check("different", e, e.refresh != login.refresh, "another refresh token", "the same one")
			}
			s.Check("different-access", e, e.access != login.access, "another access token", "the same one")
			s.Check("same-members", e, s.sameMembers(login, e), members(login), members(e))
			place := s.target.profile.Answer.TokenType
			s.Check("token-type", e, s.sameLife(login, e) && login.find(place) == e.find(place), "as at login", "")
			if e.refresh != nil && s.policy().rotates() {
				next := s.Victim.RefreshWith(e.refresh, "")
				s.Check("successor-works", next, next.accepted(), "200", "")
			}
			s.Control()
			s.Victim.Keep()
		},
	}
}

func members(e *exchange) string { return jwt{claims: e.json}.claimNames() }

// sameMembers: the refresh has the login's access token, type and lifetime, and no member that the login had not. What only the login brings,
// the user's data for example, is no matter.
func (s *Scene) sameMembers(login, refresh *exchange) bool {
	a := s.target.profile.Answer
	for _, place := range []string{a.AccessToken, a.TokenType, a.ExpiresIn} {
		if (login.find(place) == nil) != (refresh.find(place) == nil) {
			return false
		}
	}
	for name := range refresh.json {
		if _, ok := login.json[name]; !ok {
			return false
		}
	}
	return true
}

// sameLife: both state the same lifetime; a moment is rounded to seconds, so one may be lost.
func (s *Scene) sameLife(login, refresh *exchange) bool {
	off := login.expires - refresh.expires
	return off == 0 || s.target.profile.Answer.Unit == "absolute" && off >= -1 && off <= 1
}

func rotationChain() Scenario {
	return Scenario{
		ID: "rotation.chain", Title: "A session can be refreshed many times in a row", Level: Must, Stage: 5, NotFor: needsRotation,
		Refs: []Ref{motivatedBy("the kit's contract", "rotation"), motivatedBy("RFC 6265", "§4.1.1")},
		Why:  "a token that its own cookie or a second within the same second breaks signs users out at random",
		Hint: "make a token of cookie-safe characters, and never derive it from the clock",
		Checks: []Check{
			{Slug: "twelve", Text: "twelve refreshes in a row, each with what the last one set, all succeed"},
			{Slug: "hundreds", Text: "so do three hundred, which a counter of one byte does not survive (-slow)", Seen: "with -slow"},
			{Slug: "all-different", Text: "no token comes twice"},
			{Slug: "access-works", Text: "every access token on the way opens the protected endpoint"},
			{Slug: "octets", Text: "each token is made of characters that a cookie may hold"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			seen := map[*token]bool{v.refresh: true}
			for range 12 {
				e := v.Refresh()
				s.Accepted("twelve", e)
				if !s.Check("all-different", e, e.refresh != nil && !seen[e.refresh], "a token that was not there before", "one that came before") {
					return
				}
				seen[e.refresh] = true
				if s.target.profile.inCookie() {
					s.Check("octets", e, cookieOctets(e.refresh.value), "cookie octets", "characters that a cookie must not hold")
				} else {
					s.Skip("octets", "the refresh token does not travel in a cookie")
				}
				if s.target.profile.hasMe() {
					me := v.Me(v.access.value, "")
					s.Check("access-works", me, me.accepted(), "200", "")
				}
			}
			for range 300 {
				if !s.run.opts.Slow {
					s.Skip("hundreds", "takes three hundred requests: -slow")
					break
				}
				e := v.Refresh()
				if !s.Check("hundreds", e, e.rotated(), "200", "") {
					return
				}
			}
			s.Control()
			v.Keep()
		},
	}
}

// cookieOctets: RFC 6265 section 4.1.1.
func cookieOctets(v string) bool {
	return !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`",;\`, r) || r == '%' })
}

func rotationCredential() Scenario {
	cases := []struct{ slug, text, value string }{
		{"empty", "an empty cookie is refused", ""},
		{"undefined", "the cookie undefined is refused", "undefined"},
		{"null", "the cookie null is refused", "null"},
		{"one-byte", "a cookie of one character is refused", "x"},
		{"random", "a random value of the usual length is refused", "Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2VkLWZvcmd"},
		{"random-jwt", "a JWT of nobody is refused", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjozMjUwMzY4MDAwMH0.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmUtc2k"},
		{"uuid", "a UUID is refused", "00000000-0000-0000-0000-000000000000"},
	}
	sc := Scenario{
		ID: "rotation.credential", Title: "Nothing is refreshed without a refresh token", Level: Must, Stage: 3,
		Refs:   []Ref{requiredBy("RFC 6749", "§6"), motivatedBy("the kit's contract", "tokens never travel in a URL")},
		Why:    "an endpoint that mints tokens for anybody is a login without a password",
		Hint:   "refuse a missing cookie first, by the refusal that all others get (where the framework demands the cookie, as FastAPI's Cookie(...) does, it answers 422 of its own: make it optional); then verify before any look-up",
		Checks: []Check{{Slug: "none", Text: "a refresh without a cookie is refused"}},
	}
	for _, c := range cases {
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text})
	}
	sc.Checks = append(sc.Checks,
		Check{Slug: "query", Text: "a token in the query string is refused"},
		Check{Slug: "user-id", Text: "naming a user instead of a token is refused"},
		Check{Slug: "untouched", Text: "none of it touches a live session"})
	sc.Run = func(s *Scene) {
		v := s.Victim.SignIn()
		s.Refused("none", s.Attacker.send(s.Attacker.call("refresh", "no cookie")))
		for _, c := range cases {
			s.Refused(c.slug, s.Attacker.RefreshRaw(c.value, c.slug))
		}
		e := s.Attacker.call("refresh", "token in the query")
		e.odd = true
		e.addQuery(url.Values{"refresh_token": {v.refresh.value}, "token": {v.refresh.value}}.Encode())
		if s.target.profile.Refresh.Token == "query" {
			s.Skip("query", "the profile says that it travels there")
		} else {
			s.Refused("query", s.Attacker.send(e))
		}
		e = s.Attacker.call("refresh", "user in the body")
		e.odd = true
		e.body = `{"email":` + quote(v.user.Email) + `,"user_id":1}`
		e.header.Set("Content-Type", "application/json")
		s.Refused("user-id", s.Attacker.send(e))
		alive := v.Refresh()
		s.Check("untouched", alive, alive.accepted(), "200", "")
		s.Control()
		v.Keep()
	}
	return sc
}

func rotationAccessToken() Scenario {
	return Scenario{
		ID: "rotation.wrong-kind", Title: "An access token is no refresh token", Level: Must, Stage: 4,
		Refs: []Ref{recommendedBy("RFC 8725", "§3.11–3.12")},
		Why:  "an access token travels to every service; one that refreshes makes a session of thirty days out of fifteen minutes",
		Hint: "check typ, audience or key of the kind; read the cookie and nothing else",
		Checks: []Check{
			{Slug: "as-cookie", Text: "an access token as refresh cookie is refused"},
			{Slug: "as-bearer", Text: "an access token as bearer, without a cookie, is refused"},
			{Slug: "in-body", Text: "an access token in the body is refused"},
			{Slug: "untouched", Text: "none of it touches the session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			s.Refused("as-cookie", s.Attacker.RefreshRaw(v.access.value, "access token as cookie"))
			e := s.Attacker.call("refresh", "access token as bearer")
			e.odd = true
			e.header.Set("Authorization", "Bearer "+v.access.value)
			s.Refused("as-bearer", s.Attacker.send(e))
			e = s.Attacker.call("refresh", "access token in the body")
			e.odd = true
			e.header.Set("Content-Type", "application/json")
			e.body = `{"refresh_token":` + quote(v.access.value) + `}`
			s.Refused("in-body", s.Attacker.send(e))
			alive := v.Refresh()
			s.Check("untouched", alive, alive.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}

func rotationCookieOnly() Scenario {
	return Scenario{
		ID: "rotation.cookie-only", Title: "The refresh cookie alone is enough", Level: Must, Stage: 3,
		Refs: []Ref{motivatedBy("the kit's contract", "refresh needs no access token")},
		Why:  "a refresh is needed exactly when the access token has ended; behind its middleware nobody can ever refresh",
		Hint: "mount refresh outside the access-token middleware, and ignore Authorization there",
		Checks: []Check{
			{Slug: "no-authorization", Text: "a refresh without Authorization works"},
			{Slug: "garbage-authorization", Text: "a garbage Authorization does not matter"},
			{Slug: "other-cookies", Text: "other cookies beside it do not matter"},
			{Slug: "odd-cookies", Text: "nor does a cookie with quotes and braces, as scripts set it"},
			{Slug: "like-named", Text: "nor does one whose name ends like its own"},
			{Slug: "empty-json", Text: "Content-Type: application/json without a body does not matter"},
			{Slug: "other-browser", Text: "another User-Agent does not matter: browsers are updated", Level: Should},
			{Slug: "same-origin", Text: "Origin and Sec-Fetch-Site of the page itself do not matter"},
		},
		Run: func(s *Scene) {
			if s.target.profile.Refresh.authorizes() {
				s.unjudged("the profile says what a refresh sends as Authorization")
				return
			}
			v := s.Victim.SignIn()
			s.Accepted("no-authorization", v.Refresh())
			with := func(note string, set func(h http.Header)) *exchange {
				e := v.held("refresh", v.refresh)
				e.note = note
				set(e.header)
				return v.send(e)
			}
			s.Accepted("garbage-authorization", with("garbage Authorization", func(h http.Header) { h.Set("Authorization", "Bearer garbage") }))
			s.Accepted("other-cookies", with("other cookies beside it", func(h http.Header) {
				h.Set("Cookie", strings.ReplaceAll("theme=dark; "+h.Get("Cookie")+"; _ga=GA1.1.1", "; ;", ";"))
			}))
			s.refreshBesides(v, with)
			s.Accepted("same-origin", with("from the page itself", func(h http.Header) {
				h.Set("Origin", s.target.client.base.Scheme+"://"+s.target.client.base.Host)
				h.Set("Sec-Fetch-Site", "same-origin")
			}))
			s.Control()
			v.Keep()
		},
	}
}

// refreshBesides refreshes with what browsers and their scripts send along.
func (s *Scene) refreshBesides(v *Actor, with func(note string, set func(h http.Header)) *exchange) {
	yes := func(slug, note string, set func(h http.Header)) {
		e := with(note, set)
		if s.Check(slug, e, e.accepted(), "200", ""); !e.rotated() {
			v.SignIn()
		}
	}
	cookie := func(h http.Header, more string) {
		h.Set("Cookie", strings.TrimSuffix(more+"; "+h.Get("Cookie"), "; "))
	}
	yes("odd-cookies", "a cookie in JSON before it", func(h http.Header) { cookie(h, `prefs={"theme":"dark","size":[1,2]}`) })
	if s.target.profile.inCookie() {
		yes("like-named", "a cookie of a like name before it", func(h http.Header) { cookie(h, "my_"+s.target.cookieName+"=garbage") })
	} else {
		s.Skip("like-named", "the refresh token does not travel in a cookie")
	}
	if len(s.target.profile.Refresh.Body) > 0 {
		s.Skip("empty-json", "the profile says what the body is")
	} else {
		yes("empty-json", "JSON without a body", func(h http.Header) { h.Set("Content-Type", "application/json") })
	}
	yes("other-browser", "another browser", func(h http.Header) { h.Set("User-Agent", "Mozilla/5.0 (conformance; after an update)") })
}

func rotationExactBytes() Scenario {
	cases := []struct {
		slug, text string
		alter      func(string) string
	}{
		{"case-flipped", "the token with its case flipped is refused", func(t string) string { return strings.Map(flipCase, t) }},
		{"last-character", "a last character that decodes to the same bytes is refused", sameBytes},
		{"padded", "base64 padding behind it is refused", func(t string) string { return t + "=" }},
		{"cut", "the token without its last characters is refused", func(t string) string { return t[:len(t)-3] }},
		{"extended", "the token with a character more is refused", func(t string) string { return t + "A" }},
		{"prefixed", "the token with a character in front is refused", func(t string) string { return "A" + t }},
		{"quoted", "the token in quotation marks is refused", func(t string) string { return `"` + t + `"` }},
		{"first-character", "another first character is refused", flipFirst},
	}
	sc := Scenario{
		ID: "rotation.exact-bytes", Title: "Only the exact bytes of a token refresh, and near misses are harmless", Level: Must, Stage: 5,
		Refs: []Ref{motivatedBy("the kit's contract", "byte-exact comparison"), motivatedBy("RFC 7515", "§2 base64url")},
		Why:  "a column that folds case or a lax decoder gives one token many spellings; a near miss that counts as reuse lets anybody end a session",
		Hint: "compare a hash of the bytes in a binary column; decode strictly; garbage never reaches the family",
		Checks: []Check{
			{Slug: "harmless", Text: "after all of them the session still lives"},
		},
	}
	for _, c := range cases {
		level := Must
		if c.slug == "quoted" {
			level = May // some cookie libraries unquote, and RFC 6265 lets them
		}
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text, Level: level})
	}
	sc.Run = func(s *Scene) {
		v := s.Victim.SignIn()
		for _, c := range cases {
			altered := c.alter(v.refresh.value)
			s.run.secrets.hide(altered, v.refresh.pseudonym()+" ("+c.slug+")")
			e := v.RefreshRaw(altered, c.slug)
			if !s.Refused(c.slug, e) && e.rotated() {
				continue // the actor goes on with what came
			}
		}
		alive := v.Refresh()
		s.Check("harmless", alive, alive.accepted(), "200", "")
		s.Control()
		v.Keep()
	}
	return sc
}

func rotationDuplicates() Scenario {
	return Scenario{
		ID: "rotation.duplicates", Title: "Two refresh cookies in one request are refused without effect", Level: Should, Stage: 5, Needs: NeedCookie,
		Refs: []Ref{motivatedBy("RFC 6265", "§8.6 weak integrity"), motivatedBy("RFC 6265bis", "§4.1.3 name prefixes")},
		Why:  "a sibling host can plant a cookie of the same name; a server that takes whichever comes first lets it choose the session",
		Hint: "count the cookies of the name; more than one: 401, no look-up, no revocation",
		Checks: []Check{
			{Slug: "genuine-first", Text: "a genuine and a garbage one are refused"},
			{Slug: "garbage-first", Text: "so are they the other way round"},
			{Slug: "no-effect", Text: "the genuine one still works afterwards", Level: Must},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			send := func(note string, values ...string) *exchange {
				e := v.call("refresh", note)
				e.presented = v.refresh
				return v.send(withCookies(e, s.target.cookiePair(values[0]), s.target.cookiePair(values[1])))
			}
			s.Refused("genuine-first", send("genuine, then garbage", v.refresh.value, "garbage"))
			s.Refused("garbage-first", send("garbage, then genuine", "garbage", v.refresh.value))
			alive := v.Refresh()
			s.Check("no-effect", alive, alive.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}
