package conformance

import (
	"net/http"
	"strings"
)

const evil = "https://evil.example"

// foreign makes a call as a browser sends it from a page of another site.
func (a *Actor) foreign(call, note string, set func(http.Header)) *exchange {
	e := a.call(call, note)
	if a.refresh != nil {
		e.presented = a.refresh
		a.present(e, a.refresh.value)
	}
	e.odd = true
	a.scene.foreignHeaders(e, set)
	return e
}

// foreignHeaders leaves of a request what a foreign page can send: cookies go along by themselves, headers of one's own want a preflight, and so
// does a body that calls itself JSON. As text/plain a form sends it, and fetch without asking.
func (s *Scene) foreignHeaders(e *exchange, set func(http.Header)) {
	for name := range s.target.call(e.call).Headers {
		if !strings.EqualFold(name, "Cookie") {
			e.header.Del(name)
		}
	}
	e.header.Del("Authorization")
	if e.header.Get("Content-Type") == "application/json" {
		e.header.Set("Content-Type", "text/plain")
	}
	set(e.header)
}

func crossSite(h http.Header) { h.Set("Origin", evil); h.Set("Sec-Fetch-Site", "cross-site") }

func httpCrossSite() Scenario {
	return Scenario{
		ID: "http.cross-site", Title: "Another site's page can neither refresh nor log out", Level: Must, Stage: 10, Needs: NeedCookie,
		Refs: []Ref{motivatedBy("OWASP ASVS 5.0", "3.5.1"), motivatedBy("Fetch Standard", "Origin; Sec-Fetch-Site")},
		Why:  "a form on another site consumes the victim's token, and his tabs are signed out; or it signs him out at will",
		Hint: "SameSite on the cookie, and refuse a foreign Origin or Sec-Fetch-Site before anything is read (Go: http.CrossOriginProtection)",
		Checks: []Check{
			{Slug: "protected", Text: "the cookie is SameSite=Strict or Lax, or cross-site requests are refused"},
			{Slug: "refresh", Text: "a cross-site refresh is refused", Level: Should},
			{Slug: "refresh-origin", Text: "so is one that only its Origin gives away", Level: Should},
			{Slug: "refresh-null", Text: "so is one with Origin: null", Level: Should},
			{Slug: "logout", Text: "a cross-site logout is refused", Level: Should},
			{Slug: "login", Text: "a cross-site login, as a form can send it, is refused", Level: Should},
			{Slug: "no-cookie", Text: "no such refusal sets or deletes the cookie"},
			{Slug: "untouched", Text: "no such refusal consumes the token or ends the session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			sent := v.refresh
			all := map[string]*exchange{
				"refresh":        v.foreign("refresh", "from another site", crossSite),
				"refresh-origin": v.foreign("refresh", "Origin of another site", func(h http.Header) { h.Set("Origin", evil) }),
				"refresh-null":   v.foreign("refresh", "Origin: null", func(h http.Header) { h.Set("Origin", "null"); h.Set("Sec-Fetch-Site", "cross-site") }),
				"logout":         v.foreign("logout", "from another site", crossSite),
			}
			refusing, refusedAll := true, true
			for _, slug := range []string{"refresh", "refresh-origin", "refresh-null", "logout"} {
				e := v.send(all[slug])
				refusedAll = s.Refused(slug, e) && refusedAll
				refusing = refusing && e.refused()
				if e.refused() {
					s.Check("no-cookie", e, len(e.cookie(s.target.cookieName)) == 0, "no Set-Cookie "+s.target.cookieName, "one")
				}
			}
			set := v.last.cookie(s.target.cookieName)
			same := len(set) > 0 && (strings.EqualFold(set[0].SameSite, "Strict") || strings.EqualFold(set[0].SameSite, "Lax"))
			s.Check("protected", v.last, refusing || same, "SameSite, or a refusal", "neither")
			if refusedAll {
				alive := v.RefreshWith(sent, "")
				s.Check("untouched", alive, alive.accepted(), "200", "")
				v.Keep()
			}
			if why := s.target.profile.lacks(NeedLogin); why != "" {
				s.Skip("login", why)
			} else {
				s.foreignLogin()
			}
			s.Control()
		},
	}
}

// foreignLogin logs in with what a form can send: JSON as text/plain, and where that is refused the fields of a real form.
func (s *Scene) foreignLogin() {
	a := s.actor("attacker's form", s.Attacker.user)
	e := a.login(a.user.Email, a.user.Password, "from another site")
	asJSON := e.header.Get("Content-Type") == "application/json"
	s.foreignHeaders(e, crossSite)
	e.odd, e.alone = asJSON, asJSON
	if !s.Refused("login", a.send(e)) || !asJSON || s.target.profile.Login.First != nil {
		return // several requests would cost their password checks once more
	}
	e = a.login(a.user.Email, a.user.Password, "from another site, as a real form")
	e.body, e.odd, e.alone = s.target.profile.Login.credentials(a.user).Encode(), true, true
	s.run.secrets.hide(e.body, "email=…&password=…")
	e.header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.foreignHeaders(e, crossSite)
	s.Refused("login", a.send(e))
}

func httpCORS() Scenario {
	return Scenario{
		ID: "http.cors", Title: "No foreign page may read an answer", Level: Must, Stage: 10,
		Refs: []Ref{requiredBy("Fetch Standard", "CORS protocol and credentials"), motivatedBy("RFC 9110", "§12.5.5")},
		Why:  "an origin that is reflected with credentials lets every page on the web read the access token",
		Hint: "a list of trusted origins, compared whole; Vary: Origin whenever the answer depends on it",
		Checks: []Check{
			{Slug: "not-reflected", Text: "an unknown origin is not allowed to read with credentials"},
			{Slug: "preflight", Text: "nor by a preflight"},
			{Slug: "null", Text: "nor is the origin null"},
			{Slug: "vary", Text: "an answer that names an allowed origin says Vary: Origin", Level: Should, Seen: "where the target allows an origin"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			judge := func(slug string, e *exchange) {
				origin := e.answer.Get("Access-Control-Allow-Origin")
				open := origin == e.header.Get("Origin") || origin == "*" && e.answer.Get("Access-Control-Allow-Credentials") == "true"
				s.Check(slug, e, e.err != nil || !open, "no Access-Control-Allow-Origin for it", origin)
				if origin != "" && origin != "*" {
					s.Check("vary", e, strings.Contains(strings.Join(e.answer.Values("Vary"), ","), "Origin"), "Vary: Origin", e.answer.Get("Vary"))
				}
			}
			raw := func(method, origin string) *exchange {
				e := v.call("refresh", method+" from "+origin)
				e.call, e.method = "options", method
				e.header.Set("Origin", origin)
				e.header.Set("Access-Control-Request-Method", "POST")
				return s.Attacker.send(e)
			}
			judge("not-reflected", raw("POST", evil))
			judge("null", raw("POST", "null"))
			judge("preflight", raw("OPTIONS", evil))
			alive := v.Refresh()
			s.Given("a live token did not rotate", alive, alive.rotated())
			s.Control()
			v.Keep()
		},
	}
}

func httpOddCookies() Scenario {
	cases := []struct{ slug, text, value string }{
		{"eight-kilobytes", "8,000 characters are refused", strings.Repeat("A", 8000)},
		{"sql", "SQL is refused", "' OR '1'='1' -- "},
		{"percent", "percent-encoding is refused", "%00%0d%0a%22"},
		{"percent-broken", "percent signs that encode nothing are refused", "%zz%"},
		{"percent-bytes", "percent-encoded bytes that are not UTF-8 are refused", "%ff%fe"},
		{"utf8", "characters beyond ASCII are refused", "리프레시-토큰-🍪"},
		{"latin1", "bytes that are not UTF-8 are refused", "caf\xe9"},
		{"dots", "dots alone are refused", "..."},
		{"json", "JSON is refused", `{"alg":"none"}`},
		{"number", "a huge number is refused", strings.Repeat("9", 400)},
	}
	sc := Scenario{
		ID: "http.odd-cookies", Title: "A cookie of garbage is refused, whatever the garbage", Level: Must, Stage: 10,
		Refs: []Ref{requiredBy("RFC 9110", "§15.5"), motivatedBy("RFC 6265", "§4.2.2")},
		Why:  "browsers send what some other page stored under that name; an error of the server for it is an outage for that user",
		Hint: "limit the length, then decode strictly; whatever fails is one refusal",
		Checks: []Check{
			{Slug: "nul", Text: "a NUL byte is answered with 4xx, or the connection closed"},
			{Slug: "newline", Text: "a bare newline is answered with 4xx, or the connection closed"},
			{Slug: "at-logout", Text: "a logout with one is no error of the server"},
			{Slug: "untouched", Text: "the session lives on"},
		},
	}
	for _, c := range cases {
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text})
	}
	sc.Run = func(s *Scene) {
		v := s.Victim.SignIn()
		for _, c := range cases {
			s.ClientError(c.slug, s.Attacker.RefreshRaw(c.value, c.slug))
		}
		for slug, odd := range map[string]string{"nul": "a\x00b", "newline": "a\nb"} {
			if carrier := s.target.profile.Refresh.Token; carrier == "body" || carrier == "query" {
				s.ClientError(slug, s.Attacker.RefreshRaw(odd, slug))
				continue
			}
			e := s.Attacker.present(s.Attacker.call("refresh", slug), odd)
			e.call = "raw"
			s.sendRaw(e)
			s.Check(slug, e, e.err != nil && s.ctx.Err() == nil || e.clientError(), "4xx", "")
		}
		if s.logoutBySession() {
			s.Skip("at-logout", "the profile's logout does not go by the refresh token alone")
		} else {
			out := s.Attacker.logoutRaw("%ff%zz%", "odd cookie")
			if out.status != http.StatusServiceUnavailable || !s.unknown("at-logout", out) { // which a logout may be answered
				s.Check("at-logout", out, out.err == nil && out.status < 500, "an answer below 500", "")
			}
		}
		alive := v.Refresh()
		s.Check("untouched", alive, alive.accepted(), "200", "")
		s.Control()
		v.Keep()
	}
	return sc
}

// sendRaw sends what net/http would refuse to send.
func (s *Scene) sendRaw(e *exchange) {
	s.prepare(e)
	e.who = "attacker"
	s.target.client.raw(s.ctx, e)
	s.learn(e)
}

func httpSteady() Scenario {
	return Scenario{
		ID: "http.steady", Title: "An ordinary client is not throttled", Level: Should, Stage: 10,
		Refs: []Ref{motivatedBy("RFC 6585", "§4")},
		Why:  "a limit against guessing that counts refreshes signs out whole offices behind one address",
		Hint: "limit logins by account and address; refreshes, if at all, by family",
		Checks: []Check{
			{Slug: "thirty", Text: "thirty refreshes of one session are all answered"},
			{Slug: "login-after", Text: "a login is still possible afterwards"},
			{Slug: "no-loss", Text: "a refresh that was throttled did not lose its token", Level: Must},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			var e *exchange
			for range 30 {
				if e = v.Refresh(); !e.rotated() {
					break
				}
			}
			if e.status == http.StatusTooManyRequests {
				s.record("thirty", Fail, e, "200", "")
				s.Skip("no-loss", "the limit is still in force")
			} else {
				s.Check("thirty", e, e.rotated(), "200", "")
				s.Check("no-loss", e, e.rotated(), "200", "")
			}
			login := s.SecondTab.Login()
			s.Check("login-after", login, login.accepted(), "200", "")
			s.Control()
			if e.rotated() {
				v.Keep()
			}
		},
	}
}
