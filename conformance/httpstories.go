package conformance

import (
	"net/http"
	"slices"
	"strings"
)

func httpAnswers() Scenario {
	return Scenario{
		ID: "http.answers", Title: "Every answer is one of the contract's", Level: Must, Stage: 10,
		Refs: []Ref{requiredBy("RFC 9110", "§15"), motivatedBy("RFC 9457", "§3")},
		Why:  "a client can only act on what it was promised; a 500 for its own mistake makes it try again for ever",
		Hint: "one table from the domain's errors to statuses; everything unknown is logged and answered 503",
		Checks: []Check{
			{Slug: "no-5xx", Text: "no request of the run is answered with 5xx, but 503"},
			{Slug: "answered", Text: "every request is answered within the time-out"},
			{Slug: "retry-after", Text: "every 503 and 429 carries Retry-After", Level: Should, Seen: "where the target had to answer 503 or 429, but for an outage that was asked for"},
			{Slug: "status-401", Text: "every refused refresh token is answered with 401"},
			{Slug: "challenge", Text: "every 401 carries WWW-Authenticate", Level: Should},
			{Slug: "no-redirect", Text: "no call is answered with a redirect"},
			{Slug: "error-type", Text: "every 4xx of the three calls is application/problem+json or application/json", Level: Should},
			{Slug: "no-tokens", Text: "no refusal carries a token"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			v.RefreshRaw("garbage", "garbage")
			v.Rotate()
			s.Control()
			v.Keep()
		},
		Observe: func(s *Scene, e *exchange) {
			if e.dropped || e.outage {
				return
			}
			if e.err != nil {
				if len(e.body) < 1<<16 && e.call != "raw" {
					s.record("answered", Fail, e, "an answer", "")
				}
				return
			}
			s.Check("answered", e, true, "", "")
			unknownMethod := e.status == http.StatusNotImplemented && e.method != http.MethodPost // RFC 9110 section 15.6.2
			s.Check("no-5xx", e, e.status < 500 || e.status == http.StatusServiceUnavailable || unknownMethod, "below 500", "")
			if e.status == http.StatusServiceUnavailable || e.status == http.StatusTooManyRequests {
				s.Check("retry-after", e, e.answer.Get("Retry-After") != "", "Retry-After", "none")
			}
			if e.call == "raw" || e.call == "options" {
				return
			}
			s.Check("no-redirect", e, e.status < 300 || e.status > 399 || e.named || e.ok, "no redirect", "")
			if e.status == http.StatusUnauthorized {
				s.Check("challenge", e, e.answer.Get("WWW-Authenticate") != "", "WWW-Authenticate", "none")
			}
			if e.call == "refresh" && e.method == s.target.profile.Refresh.Method && !e.odd && (s.target.profile.inCookie() || !e.bare) && !e.accepted() && e.refused() {
				s.Check("status-401", e, e.named || e.bare && slices.Contains(s.target.profile.Refresh.Missing, e.status), asNamed, s.refusalGot(e))
			}
			if e.clientError() {
				s.Check("no-tokens", e, e.refresh == nil && e.access == nil, "no token", "")
				if e.status >= 400 && e.call != "me" && e.method == s.target.call(e.call).Method && len(e.body) < 1<<16 {
					t, _, _ := strings.Cut(e.answer.Get("Content-Type"), ";")
					s.Check("error-type", e, strings.HasSuffix(t, "json"), "application/problem+json", t)
				}
			}
		},
	}
}

func httpSecrecy() Scenario {
	return Scenario{
		ID: "http.secrecy", Title: "Tokens are only where they belong", Level: Must, Stage: 10,
		Refs: []Ref{motivatedBy("OWASP ASVS 5.0", "3.3.4, 16.2.5"), motivatedBy("the kit's contract", "tokens never travel in a URL, nor in a body")},
		Why:  "an HttpOnly cookie is for nothing when the same token stands in the body, where any script reads it",
		Hint: "put the refresh token into Set-Cookie and nowhere else; never echo input in an error",
		Checks: []Check{
			{Slug: "not-in-body", Text: "no refresh token stands in a body"},
			{Slug: "not-in-header", Text: "no refresh token stands in a header but Set-Cookie"},
			{Slug: "not-readable", Text: "no refresh token stands in a second cookie"},
			{Slug: "no-echo", Text: "no refusal repeats the token or password that it refuses"},
			{Slug: "no-internals", Text: "no refusal shows SQL, a stack trace or a file"},
		},
		Run: func(s *Scene) { s.Victim.SignIn().Rotate(); s.Control(); s.Victim.Keep() },
		Observe: func(s *Scene, e *exchange) {
			if e.err != nil {
				return
			}
			body, headers, cookies := true, true, true
			if !s.target.profile.inCookie() {
				e = s.withoutPlace(e)
			}
			for _, t := range []*token{e.refresh, e.presented} {
				if t == nil || t.kind != 'R' {
					continue
				}
				body = body && !strings.Contains(e.text, t.value)
				for name, values := range e.answer {
					headers = headers && (name == "Set-Cookie" || s.placeHeader(name) || !strings.Contains(strings.Join(values, "\n"), t.value))
				}
				for _, c := range e.cookies {
					cookies = cookies && (c.Name == s.target.cookieName || !strings.Contains(c.Value, t.value))
				}
			}
			s.Check("not-in-body", e, body || e.status >= 400 || e.refused(), "in its place only", "elsewhere in the body")
			s.Check("not-in-header", e, headers, "in its place only", "in another header")
			s.Check("not-readable", e, cookies, "in its place only", "in another cookie")
			if e.status < 400 && !e.refused() {
				return
			}
			echo := e.presented != nil && strings.Contains(e.text, e.presented.value)
			for _, u := range s.target.users {
				echo = echo || len(u.Password) > 5 && strings.Contains(e.text, u.Password)
			}
			if _, value, ok := strings.Cut(e.header.Get("Cookie"), "="); ok && len(value) > 20 {
				echo = echo || strings.Contains(e.text, value)
			}
			s.Check("no-echo", e, !echo, "nothing of the request's secrets", "the token or password")
			s.Check("no-internals", e, !internals(e.text), "nothing of the inside", "SQL, a stack trace or a file")
		},
	}
}

// placeHeader: the profile expects the refresh token in that header.
func (s *Scene) placeHeader(name string) bool {
	kind, place, _ := strings.Cut(s.target.profile.Answer.RefreshToken, ":")
	return kind == "header" && strings.EqualFold(place, name)
}

// withoutPlace is the answer without the place where the profile expects the refresh token: nowhere else may it stand.
func (s *Scene) withoutPlace(e *exchange) *exchange {
	if e.refresh == nil || !strings.HasPrefix(s.target.profile.Answer.RefreshToken, "/") {
		return e
	}
	c := *e
	c.text = strings.Replace(e.text, e.refresh.value, "", 1)
	return &c
}

// internals finds what only an unhandled error shows.
func internals(text string) bool {
	for _, mark := range []string{"Traceback (most recent", "goroutine ", "SQLSTATE", "SELECT ", "INSERT INTO", "UPDATE ", "Exception in thread", "\tat ", "    at ", "node_modules", ".go:", ".py\"", ".java:", "site-packages", "duplicate key", "Duplicate entry"} {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

func httpCaching() Scenario {
	return Scenario{
		ID: "http.caching", Title: "No cache keeps an answer with tokens", Level: Must, Stage: 10,
		Refs: []Ref{requiredBy("RFC 6749", "§5.1"), requiredBy("RFC 9111", "§5.2.2.5")},
		Why:  "a proxy, or the browser's back button, hands out somebody's tokens",
		Hint: "Cache-Control: no-store on every answer below /auth",
		Checks: []Check{
			{Slug: "tokens", Text: "every answer with tokens says Cache-Control: no-store"},
			{Slug: "logout", Text: "so does that of a logout", Level: Should},
			{Slug: "refusals", Text: "so does every refusal of login and refresh", Level: Should},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			v.RefreshRaw("garbage", "garbage")
			v.Rotate()
			v.logoutRaw("garbage", "garbage")
			s.Control()
			v.Keep()
		},
		Observe: func(s *Scene, e *exchange) {
			if e.err != nil || e.outage || e.method != s.target.call(e.call).Method {
				return
			}
			noStore := strings.Contains(strings.ToLower(strings.Join(e.answer.Values("Cache-Control"), ",")), "no-store")
			slug := ""
			switch {
			case e.access != nil || e.refresh != nil:
				slug = "tokens"
			case e.call == "logout" && e.accepted():
				slug = "logout"
			case (e.call == "login" || e.call == "refresh") && e.clientError() && len(e.body) < 1<<16:
				slug = "refusals"
			default:
				return
			}
			s.Check(slug, e, noStore, "Cache-Control: no-store", e.answer.Get("Cache-Control"))
		},
	}
}

func httpOneAnswer() Scenario {
	return Scenario{
		ID: "http.one-answer", Title: "Every refresh token that is no good gets the same answer", Level: Should, Stage: 10,
		Refs: []Ref{motivatedBy("the kit's contract", "one answer for missing, unknown, rotated, revoked, expired, malformed")},
		Why:  "an answer that says “reused” tells the thief that he was noticed, and one that says “unknown” that a guess was none",
		Hint: "one error for all; the reason goes to the log",
		Checks: []Check{
			{Slug: "status", Text: "missing, malformed, rotated and revoked have the same status", Level: Must},
			{Slug: "rotated", Text: "a rotated token gets the answer of a malformed one"},
			{Slug: "revoked", Text: "so does the token of a family that was ended"},
			{Slug: "logged-out", Text: "so does one that was logged out"},
			{Slug: "missing", Text: "so does a request without a cookie"},
			{Slug: "browser", Text: "a client that takes HTML gets the status of one that does not, no redirect to a page"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			malformed := v.RefreshRaw("garbage", "malformed")
			missing := v.send(v.call("refresh", "no cookie"))
			html := v.call("refresh", "malformed, from a browser")
			html.header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
			v.send(v.present(html, "garbage"))
			s.Check("browser", html, html.status == malformed.status, malformed.got(), "")
			old := v.Spend()
			rotated := v.RefreshWith(old, "rotated")
			revoked := v.RefreshWith(v.refresh, "revoked")
			b.Logout()
			out := b.RefreshWith(b.refresh, "logged out")
			for slug, e := range map[string]*exchange{"missing": missing, "rotated": rotated, "revoked": revoked, "logged-out": out} {
				if !e.refused() {
					s.Skip(slug, "it was not refused")
					continue
				}
				if slug == "missing" && (!s.target.profile.inCookie() || s.target.profile.Refresh.Missing != nil) {
					s.Skip(slug, "a request without a token is malformed there")
					continue
				}
				s.Check("status", e, e.status == malformed.status, malformed.got(), "")
				s.Check(slug, e, sameAnswer(malformed, e), "the answer to a malformed token", "another body")
			}
			s.Control()
		},
	}
}

func httpMethods() Scenario {
	cases := []struct {
		slug, call, method, text string
		level                    Level
	}{
		{"refresh-get", "refresh", "GET", "GET does not refresh", Must},
		{"refresh-head", "refresh", "HEAD", "HEAD does not refresh", Must},
		{"refresh-put", "refresh", "PUT", "PUT does not refresh", Should},
		{"refresh-delete", "refresh", "DELETE", "DELETE does not refresh", Should},
		{"logout-get", "logout", "GET", "GET does not log out", Must},
		{"login-get", "login", "GET", "GET does not log in", Must},
	}
	sc := Scenario{
		ID: "http.methods", Title: "Only POST changes anything", Level: Must, Stage: 10,
		Refs: []Ref{requiredBy("RFC 9110", "§9.2.1, §15.5.6")},
		Why:  "browsers, proxies and link previews repeat and prefetch GET: each consumes a token, or signs somebody out",
		Hint: "register the routes for POST alone; answer the rest with 405 and Allow",
		Checks: []Check{
			{Slug: "login-query", Text: "e-mail and password in the URL do not log in"},
			{Slug: "override", Text: "X-HTTP-Method-Override does not turn GET into POST"},
			{Slug: "allow", Text: "a 405 names POST in Allow", Level: Should},
			{Slug: "untouched", Text: "after all of it the session lives and the token was not consumed"},
		},
	}
	for _, c := range cases {
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text, Level: c.level})
	}
	sc.Run = func(s *Scene) {
		v := s.Victim.SignIn()
		send := func(call, method, override string) *exchange {
			e := v.held(call, v.refresh)
			if call == "login" {
				e = v.login(v.user.Email, v.user.Password, "")
			}
			e.method, e.note, e.alone = method, method, true
			if override != "" {
				e.note += " with X-HTTP-Method-Override"
				e.header.Set("X-HTTP-Method-Override", override)
			}
			return s.Attacker.send(e)
		}
		for _, c := range cases {
			if right := s.target.call(c.call); right.Method == c.method || c.call == "login" && !right.names("password") {
				s.Skip(c.slug, "that is its method, or the call carries no password")
				continue
			}
			e := send(c.call, c.method, "")
			s.Refused(c.slug, e)
			if e.status == http.StatusMethodNotAllowed {
				right := s.target.call(c.call).Method
				s.Check("allow", e, strings.Contains(e.answer.Get("Allow"), right), "Allow: "+right, e.answer.Get("Allow"))
			}
		}
		if s.target.profile.lacks(NeedPassword) != "" {
			s.Skip("login-query", s.target.profile.lacks(NeedPassword))
		} else {
			e := s.Attacker.call("login", "GET with e-mail and password in the URL")
			e.method, e.alone = http.MethodGet, true
			e.addQuery(s.target.profile.Login.credentials(v.user).Encode())
			s.Refused("login-query", s.Attacker.send(e))
		}
		if right := s.target.profile.Refresh.Method; right == http.MethodGet {
			s.Skip("override", "GET is its method")
		} else {
			s.Refused("override", send("refresh", "GET", right))
		}
		alive := v.Refresh()
		s.Check("untouched", alive, alive.accepted(), "200", "")
		s.Control()
		v.Keep()
	}
	return sc
}
