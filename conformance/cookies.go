package conformance

import (
	"fmt"
	"strings"
	"time"
)

func cookieAttributes() Scenario {
	return Scenario{
		ID: "cookie.attributes", Title: "The refresh cookie is out of reach for scripts, other sites and other paths", Level: Must, Stage: 3, Needs: NeedCookie,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "3.3.2–3.3.5"), requiredBy("RFC 6265", "§4.1.2, §6.1")},
		Why:  "a script that an attacker injects reads what is not HttpOnly; a form on his page sends what is not SameSite",
		Hint: "HttpOnly; SameSite=Strict; Path=/auth; Max-Age: in one function that login, refresh and logout share",
		Checks: []Check{
			{Slug: "httponly", Text: "every refresh cookie that is set is HttpOnly"},
			{Slug: "samesite", Text: "every one says SameSite=Strict or Lax"},
			{Slug: "no-domain", Text: "none names a Domain"},
			{Slug: "persistent", Text: "every one has a Max-Age or Expires"},
			{Slug: "narrow-path", Text: "its Path is narrower than the whole site where refresh and logout share a folder, or it is a __Host- cookie", Level: Should},
			{Slug: "size", Text: "name and value have at most 4,096 bytes"},
			{Slug: "prefix", Text: "a __Host- or __Secure- name keeps its promise"},
			{Slug: "once", Text: "no answer sets it twice"},
		},
		Run: func(s *Scene) { s.Victim.SignIn().Rotate(); s.Control(); s.Victim.Keep() },
		Observe: func(s *Scene, e *exchange) {
			if !s.brought(e) {
				return
			}
			set := e.cookie(s.target.cookieName)
			s.Check("once", e, len(set) == 1, "one Set-Cookie "+s.target.cookieName, fmt.Sprintf("%d", len(set)))
			for _, c := range set {
				same := strings.ToLower(c.SameSite)
				s.Check("httponly", e, c.HTTPOnly, "HttpOnly", "without")
				s.Check("samesite", e, same == "strict" || same == "lax", "SameSite=Strict or Lax", "SameSite="+c.SameSite)
				s.Check("no-domain", e, !c.HasDomain, "no Domain", "Domain="+c.Domain)
				s.Check("persistent", e, c.HasMaxAge || c.HasExpires, "Max-Age", "a session cookie")
				s.Check("narrow-path", e, strings.HasPrefix(c.Name, "__Host-") || c.HasPath && c.Path != "/" || !s.commonFolder(), "Path="+s.target.profile.folder(), "Path="+c.Path)
				s.Check("size", e, len(c.Name)+len(c.Value) <= 4096, "at most 4096 bytes", fmt.Sprintf("%d bytes", len(c.Name)+len(c.Value)))
				host := strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.HasDomain || c.Path != "/")
				s.Check("prefix", e, !host && (!strings.HasPrefix(c.Name, "__Secure-") || c.Secure), "Secure (and Path=/, no Domain)", "a prefix that browsers refuse")
			}
		},
	}
}

// commonFolder: a path narrower than / can cover refresh and logout.
func (s *Scene) commonFolder() bool {
	first := func(p string) string { f, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/"); return f }
	return first(s.target.profile.Refresh.Path) == first(s.target.profile.Logout.Path)
}

func cookieSecure() Scenario {
	return Scenario{
		ID: "cookie.secure", Title: "The refresh cookie is Secure in production", Level: Must, Stage: 10, Needs: NeedCookie,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "3.3.1"), requiredBy("RFC 6265", "§4.1.2.5")},
		Why:  "one plain-http request on an open network gives the session of thirty days away",
		Hint: "Secure on set, rotation and deletion, by configuration; never guessed from the request behind a proxy",
		Checks: []Check{
			{Slug: "set", Text: "login and refresh set it with Secure"},
			{Slug: "deleted", Text: "logout deletes it with Secure, else browsers ignore the deletion"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			v.Rotate()
			out := v.Logout()
			set, del := v.last.cookie(s.target.cookieName), out.cookie(s.target.cookieName)
			s.Control()
			if s.target.client.base.Scheme != "https" && !s.run.opts.Production {
				s.Note("over plain http on this machine Secure is not judged; say -production when the target runs as in production")
				return
			}
			s.Check("set", v.last, len(set) > 0 && set[0].Secure, "Secure", "without")
			s.Check("deleted", out, len(del) > 0 && del[0].Secure, "Secure", "without")
			s.Control()
		},
	}
}

func cookieIdentity() Scenario {
	return Scenario{
		ID: "cookie.identity", Title: "Set, rotation and deletion speak of the same cookie", Level: Must, Stage: 9, Needs: NeedCookie,
		Refs: []Ref{requiredBy("RFC 6265", "§5.3 step 11"), motivatedBy("RFC 6265bis", "§5.7")},
		Why:  "a cookie with another Path or Domain is another cookie: the old one stays beside it, and logout deletes nothing",
		Hint: "one function makes the cookie; deletion is the same with an empty value and Max-Age=0",
		Checks: []Check{
			{Slug: "rotation-identity", Text: "rotation keeps name, Path and Domain"},
			{Slug: "rotation-policy", Text: "rotation keeps HttpOnly, Secure and SameSite"},
			{Slug: "rotation-lifetime", Text: "rotation keeps the kind of lifetime: a Max-Age stays, none appears"},
			{Slug: "deletion-identity", Text: "deletion has the same name, Path and Domain"},
			{Slug: "deletion-policy", Text: "deletion has the same Secure and SameSite", Level: Should},
		},
		Run: func(s *Scene) {
			v := s.Victim
			login := v.Login()
			s.Given("the login did not work", login, login.accepted() && login.refresh != nil)
			set := login.cookie(s.target.cookieName)[0]
			for range 3 {
				v.Rotate()
				if why := needsRotation(s.policy()); why != "" {
					for _, slug := range []string{"rotation-identity", "rotation-policy", "rotation-lifetime"} {
						s.Skip(slug, why)
					}
					break
				}
				c := v.last.cookie(s.target.cookieName)[0]
				s.Check("rotation-identity", v.last, c.identity() == set.identity(), set.identity(), c.identity())
				s.Check("rotation-policy", v.last, c.policy() == set.policy(), set.policy(), c.policy())
				s.Check("rotation-lifetime", v.last, (c.HasMaxAge || c.HasExpires) == (set.HasMaxAge || set.HasExpires), "as at login", "another kind")
			}
			out := v.Logout()
			if del := out.cookie(s.target.cookieName); len(del) > 0 {
				s.Check("deletion-identity", out, del[0].identity() == set.identity(), set.identity(), del[0].identity())
				same := del[0].Secure == set.Secure && strings.EqualFold(del[0].SameSite, set.SameSite)
				s.Check("deletion-policy", out, same, set.policy(), del[0].policy())
			}
			s.Control()
		},
	}
}

func cookieBrowser() Scenario {
	return Scenario{
		ID: "cookie.browser", Title: "A browser that only obeys the cookie's rules stays signed in and gets signed out", Level: Must, Stage: 9, Needs: NeedCookie,
		Refs: []Ref{requiredBy("RFC 6265", "§5.4"), motivatedBy("RFC 6265bis", "§5.7.3")},
		Why:  "with a Path that does not cover the route, or Secure where users come by plain http, the cookie never comes back, and no server log shows why",
		Hint: "Path must be a prefix of the routes as the browser sees them, behind proxies and mounts too; Secure by configuration, as the users come",
		Checks: []Check{
			{Slug: "reaches-refresh", Text: "the cookie of the login goes to the refresh address"},
			{Slug: "refreshes", Text: "a browser's refresh works, twice"},
			{Slug: "reaches-logout", Text: "the cookie goes to the logout address"},
			{Slug: "signed-out", Text: "after logout the browser sends it nowhere"},
		},
		Run: func(s *Scene) {
			v := s.Victim
			login := v.Login()
			s.Given("the login did not work", login, login.accepted() && login.refresh != nil)
			sends := func(call string) bool {
				u := s.target.client.url(v.call(call, "").path)
				return strings.Contains(v.jar.header(u, s.run.clock.now()), s.target.cookieName+"=")
			}
			got := "not sent"
			if login.cookie(s.target.cookieName)[0].Secure && !v.jar.insecure && s.target.client.base.Scheme != "https" {
				got += ": it is Secure, and browsers come by plain http"
			}
			if !s.Check("reaches-refresh", login, sends("refresh"), "sent to "+s.target.profile.Refresh.Path, got) {
				return
			}
			for range 2 {
				e := v.Browse("refresh")
				if !s.Check("refreshes", e, e.rotated(), "200 and a new cookie", "") {
					return
				}
			}
			if !s.Check("reaches-logout", v.last, sends("logout"), "sent to "+s.target.profile.Logout.Path, "not sent") {
				return
			}
			out := v.Browse("logout")
			s.Check("signed-out", out, !sends("refresh") && !sends("logout"), "the cookie deleted", "still there")
			s.Control()
		},
	}
}

func cookieRefusal() Scenario {
	return Scenario{
		ID: "cookie.refusal", Title: "A refused refresh of a foreign or garbage token deletes no cookie", Level: Must, Stage: 3, Needs: NeedCookie,
		Refs: []Ref{motivatedBy("the kit's contract", "a losing or failing refresh never deletes a cookie")},
		Why:  "answers overtake each other: the refusal of an old request wipes the cookie that a newer one has just brought",
		Hint: "answer 401 without Set-Cookie; a client that is told to sign in again overwrites the cookie anyway",
		Checks: []Check{
			{Slug: "garbage", Text: "the refusal of a garbage cookie sets no cookie"},
			{Slug: "missing", Text: "nor does that of a missing one"},
			{Slug: "duplicate", Text: "nor does that of two cookies, one of them live", Level: Should},
			{Slug: "still-lives", Text: "the session goes on"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			untouched := func(slug string, e *exchange) {
				s.Check(slug, e, len(e.cookie(s.target.cookieName)) == 0, "no Set-Cookie "+s.target.cookieName, "one that deletes or replaces it")
			}
			untouched("garbage", v.RefreshRaw("garbage", "garbage"))
			untouched("missing", v.send(v.call("refresh", "no cookie")))
			e := v.call("refresh", "genuine and garbage")
			e.presented = v.refresh
			withCookies(e, s.target.cookiePair(v.refresh.value), s.target.cookiePair("garbage"))
			if v.send(e); !e.accepted() {
				untouched("duplicate", e)
			}
			alive := v.Refresh()
			s.Check("still-lives", alive, alive.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}

func expiryStated() Scenario {
	return Scenario{
		ID: "expiry.stated", Title: "The refresh token's lifetime is stated, and the same everywhere", Level: Must, Stage: 8,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2"), requiredBy("RFC 6265", "§5.3 step 3")},
		Why:  "a cookie with the access token's lifetime signs everybody out after fifteen minutes; one without any, when the browser closes",
		Hint: "Max-Age is the remaining life of the refresh token: min(now + idle life, absolute end) − now",
		Checks: []Check{
			{Slug: "stated", Text: "the login states a positive lifetime of the refresh token: by its cookie, a member or its own exp"},
			{Slug: "longer", Text: "it is longer than the access token's"},
			{Slug: "rotation", Text: "a rotation states the same lifetime, or less where an absolute end is near"},
			{Slug: "agrees", Text: "a refresh token that is a JWT has the same exp as its cookie"},
			{Slug: "at-most-a-year", Text: "it is at most 400 days, where browsers cut it", Level: Should},
		},
		Run: func(s *Scene) {
			v := s.Victim
			login := v.Login()
			s.Given("the login did not work", login, login.accepted() && login.refresh != nil)
			life, stated := s.target.life(login)
			if !stated && !s.target.profile.inCookie() && s.target.profile.Answer.RefreshExpiresIn == "" {
				s.unjudged("no answer states the refresh token's lifetime, and where it is no cookie none has to")
				return
			}
			s.Check("stated", login, stated && life > 0, "Max-Age > 0", fmt.Sprint(life))
			if login.stated {
				s.Check("longer", login, life > time.Duration(login.expires)*time.Second, fmt.Sprintf("more than %d s", login.expires), fmt.Sprint(life))
			}
			v.Rotate()
			again, _ := s.target.life(v.last)
			s.Check("rotation", v.last, again > 0 && again <= life+2*time.Second && (again >= life-5*time.Second || again > life/2), fmt.Sprint(life), fmt.Sprint(again))
			s.Check("at-most-a-year", login, life <= 400*24*time.Hour, "at most 400 days", fmt.Sprint(life))
			if t, is := parseJWT(v.refresh.value); is {
				exp, _ := t.time("exp")
				clocks := v.last.clocks()
				end := time.Unix(int64(exp), 0).Add(-again)
				off := min(end.Sub(clocks[0]).Abs(), end.Sub(clocks[1]).Abs())
				s.Check("agrees", v.last, exp == 0 || off < 10*time.Second, "exp as Max-Age says", fmt.Sprintf("%v apart", off.Round(time.Second)))
			}
			s.Control()
			v.Keep()
		},
	}
}
