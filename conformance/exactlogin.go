package conformance

import (
	"fmt"
	"net/http"
	"strings"
)

func loginExact() Scenario {
	cases := []struct {
		slug, text   string
		email, alter func(string) string // nil: as it is
	}{
		{"tag-added", "the password with a tag behind it is refused", nil, func(p string) string { return p + "<b>" }},
		{"letter-added", "the password with a letter that is not ASCII behind it is refused", nil, func(p string) string { return p + "é" }},
		{"plus", "the e-mail with + and more before its @ is another user's", func(e string) string { return strings.Replace(e, "@", "+conformance@", 1) }, nil},
		{"wildcard", "the e-mail with _ for its first letter is nobody's", func(e string) string { return "_" + e[1:] }, nil},
		{"accent", "the e-mail with an accent on a letter is another user's", accented, nil},
	}
	sc := Scenario{
		ID: "login.exact", Title: "A password or an e-mail that is cleaned until it fits does not log in", Level: Must, Stage: 1, Needs: NeedPassword | NeedSlow,
		Refs: []Ref{motivatedBy("the kit's contract", "ASCII lower case, compared as bytes"), recommendedBy("OWASP ASVS 5.0", "6.2.8")},
		Why:  "whoever owns the address that a look-up takes for yours signs in as you, or resets your password; a password with characters taken out is a shorter one",
		Hint: "keep filters against scripts away from passwords; compare e-mails with =, never LIKE, in a binary collation (MySQL's default one equates á and a)",
	}
	for _, c := range cases {
		level := Must
		if c.slug == "plus" {
			level = Should // some services make one user of all these on purpose, as their mail does
		}
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text, Level: level})
	}
	sc.Run = func(s *Scene) {
		a := s.actor("guesser", s.wrongUser())
		for i, c := range cases {
			if i%wrongInARow == 0 {
				a.NewSession()
			}
			email, password := a.user.Email, a.user.Password
			if c.email != nil {
				email = c.email(email)
			} else {
				password = c.alter(password)
				s.run.secrets.hide(password, "‹password of "+a.user.Email+": "+c.slug+"›")
			}
			if email == a.user.Email && password == a.user.Password || len(password) > 72 {
				s.Skip(c.slug, "the e-mail or password of this user does not allow it")
				continue
			}
			s.Refused(c.slug, a.LoginAs(email, password, c.slug))
		}
		s.Control()
		a.Keep()
	}
	return sc
}

// accented puts an accent on the first letter of an e-mail that can have one.
func accented(email string) string {
	for _, pair := range []string{"aá", "eé", "ií", "oó", "uú", "cç", "nñ"} {
		if i := strings.IndexByte(email, pair[0]); i >= 0 {
			return email[:i] + pair[1:] + email[i+1:]
		}
	}
	return email
}

func loginBesides() Scenario {
	return Scenario{
		ID: "login.besides", Title: "What else a login brings changes nothing", Level: Must, Stage: 1, Needs: NeedPassword | NeedJSON | NeedSlow,
		Refs: []Ref{requiredBy("RFC 9112", "§7.1"), recommendedBy("OWASP ASVS 5.0", "15.3.3"), motivatedBy("OWASP ASVS 5.0", "6.3.8")},
		Why:  "clients send what they have: an old access token, a language, members that nobody asked for; a login that fails by it, or obeys it, is a riddle or a hole",
		Hint: "mount login outside the access-token middleware; copy named members out of the body and nothing else; let the HTTP library read the body; one text for both refusals in every language",
		Checks: []Check{
			{Slug: "stale-authorization", Text: "a garbage Authorization does not matter"},
			{Slug: "chunked", Text: "the body may come in chunks"},
			{Slug: "extra-members", Text: "a member that the body should not have is refused, or has no effect on the access token"},
			{Slug: "language", Text: "in another language too, a wrong password and an unknown user get the same refusal"},
			{Slug: "wrong-at-once", Text: "right and wrong passwords of one user that arrive at the same moment get an answer each"},
		},
		Run: func(s *Scene) {
			a := s.actor("guesser", s.wrongUser())
			with := func(password, note, name, value string) *exchange {
				e := a.login(a.user.Email, password, note)
				e.header.Set(name, value)
				return a.send(e)
			}
			e := with(a.user.Password, "garbage Authorization", "Authorization", "Bearer garbage")
			s.Check("stale-authorization", e, e.accepted(), "200", "")
			e = with(a.user.Password, "in chunks", "Transfer-Encoding", "chunked")
			s.Check("chunked", e, e.accepted(), "200", "")
			s.extraMembers(a)
			wrong := with(wrongPassword, "wrong password, in German", "Accept-Language", "de")
			unknown := a.login("nobody-"+a.user.Email, wrongPassword, "unknown user, in German")
			unknown.header.Set("Accept-Language", "de")
			s.Check("language", a.send(unknown), sameAnswer(wrong, unknown) && wrong.status == unknown.status, "the answer to the wrong password", "another one")
			held := []*exchange{a.login(a.user.Email, a.user.Password, "racing"), a.login(a.user.Email, wrongPassword, "racing, wrong password"), a.login(a.user.Email, a.user.Password, "racing")}
			s.race(held...)
			if right := betrayed(held); right != nil && a.send(a.login(a.user.Email, a.user.Password, "afterwards")).accepted() {
				s.Check("wrong-at-once", right, false, "what the right password earns", "")
			} else {
				s.Refused("wrong-at-once", held[1])
			}
			s.Control()
		},
	}
}

// betrayed is a right login that got the refusal of the wrong one in its midst; nil if there is none.
func betrayed(held []*exchange) *exchange {
	wrong := held[1]
	for _, right := range []*exchange{held[0], held[2]} {
		if wrong.refused() && right.refused() && right.status == wrong.status {
			return right
		}
	}
	return nil
}

// extraMembers sends what would be a privilege if the server believed it.
func (s *Scene) extraMembers(a *Actor) {
	const invented = "conformance-invented"
	e := a.login(a.user.Email, a.user.Password, "with more members")
	e.body = strings.TrimSuffix(strings.TrimSpace(e.body), "}") + `,"role":"` + invented + `","scope":"` + invented + `"}`
	e = a.send(e)
	if !e.accepted() || e.access == nil {
		s.Check("extra-members", e, e.clientError(), "200, or 4xx", "")
		return
	}
	t, is := parseJWT(e.access.value)
	if !is {
		s.Skip("extra-members", "the access token is not a JWT: its claims cannot be seen")
		return
	}
	s.Check("extra-members", e, !strings.Contains(fmt.Sprint(t.claims), invented), "claims that the server chose", "a claim that the request chose")
}

// meWith is the call of the protected endpoint with an access token, not yet sent.
func (a *Actor) meWith(access, note string) *exchange {
	e := a.call("me", note)
	if access == "" {
		return e
	}
	e.header.Del("Cookie")
	v := a.luggage(nil).values(a.user)
	v["access_token"] = access
	a.scene.target.profile.Me.fill(e, v)
	e.presented = a.scene.run.secrets.tokens[access]
	return e
}

func accessOnlyToken() Scenario {
	return Scenario{
		ID: "access.only-token", Title: "Nothing but the access token of this request says who is asking", Level: Must, Stage: 2, Again: 3, Needs: NeedMe,
		Refs: []Ref{requiredBy("RFC 6750", "§3"), motivatedBy("RFC 9110", "§9.3.2"), recommendedBy("OWASP ASVS 5.0", "8.3.1")},
		Why:  "a filter for one method or one spelling of the path, a header that only a proxy should set, a session or a global variable that outlives the request: each lets somebody in as somebody else",
		Hint: "verify the token where the user is read, in every request, and hand the user on as an argument; remove identity headers at the edge; no session beside the token",
		Checks: []Check{
			{Slug: "head", Text: "HEAD without a token is refused"},
			{Slug: "proxy-headers", Text: "headers that name a user are no token"},
			{Slug: "other-path", Text: "a forged token is refused at the path with a slash behind it too"},
			{Slug: "its-cookies", Text: "the cookies that it sets open nothing by themselves"},
			{Slug: "at-once", Text: "of requests of two users at the same moment each gets its own user's answer"},
			{Slug: "earlier-works", Text: "a refresh does not end the access token before it", Level: Should},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			mine := v.Me(v.access.value, "")
			s.Given("a fresh access token does not work", mine, mine.accepted())
			if !s.noRefresh("earlier-works") {
				old := v.access
				v.Rotate()
				e := v.Me(old.value, "the one before the refresh")
				s.Check("earlier-works", e, e.accepted(), "200", "")
			}
			if !s.target.profile.Me.Bearer || s.target.profile.Me.Method != http.MethodGet {
				for _, slug := range []string{"head", "proxy-headers", "other-path", "its-cookies"} {
					s.Skip(slug, "the profile asks in another way than by GET with a bearer token")
				}
			} else {
				s.withoutToken(v, mine)
			}
			s.Control()
			s.askAtOnce(v, mine)
			s.Control()
			v.Keep()
		},
	}
}

// withoutToken asks for the protected endpoint with something else than the token.
func (s *Scene) withoutToken(v *Actor, mine *exchange) {
	e := s.Attacker.meWith("", "HEAD without a token")
	e.method = http.MethodHead
	s.Refused("head", s.Attacker.send(e))
	e = s.Attacker.meWith("", "named in headers")
	t, _ := parseJWT(v.access.value)
	id := fmt.Sprint(t.claims["sub"])
	for name, value := range map[string]string{"X-User-Id": id, "X-User": id, "X-Authenticated-User": id, "X-Forwarded-User": v.user.Email, "Remote-User": v.user.Email} {
		e.header.Set(name, value)
	}
	s.Refused("proxy-headers", s.Attacker.send(e))
	forged := flipLast(v.access.value)
	s.run.secrets.hide(forged, "‹forged›")
	e = s.Attacker.meWith(forged, "forged, with a slash behind the path")
	path, query, more := strings.Cut(e.path, "?")
	e.path = strings.TrimSuffix(path, "/") + "/"
	if more {
		e.path += "?" + query
	}
	s.Refused("other-path", s.Attacker.send(e))
	if len(mine.cookies) == 0 {
		s.Check("its-cookies", mine, true, "", "")
		return
	}
	e = s.Attacker.meWith("", "its cookies without a token")
	for _, c := range mine.cookies {
		s.run.secrets.hideLong(c.Value, c.Name)
		addCookies(e, c.Name+"="+c.Value)
	}
	s.Refused("its-cookies", s.Attacker.send(e))
}

// askAtOnce asks for two users' data at the same moment.
func (s *Scene) askAtOnce(v *Actor, mine *exchange) {
	stranger := s.target.stranger.as(s)
	other := stranger.Me(stranger.access.value, "")
	if !other.accepted() || other.text == mine.text {
		s.Skip("at-once", "it shows both users the same")
		return
	}
	for range s.shortRace() {
		held := []*exchange{
			v.meWith(v.access.value, "racing"), stranger.meWith(stranger.access.value, "racing, another user"),
			v.meWith(v.access.value, "racing"), stranger.meWith(stranger.access.value, "racing, another user"),
		}
		s.race(held...)
		for i, e := range held {
			s.Check("at-once", e, e.accepted() && e.text != []*exchange{other, mine}[i%2].text, "this user's answer", "another one")
		}
	}
}
