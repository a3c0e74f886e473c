package conformance

func logoutEnds() Scenario {
	return Scenario{
		ID: "logout.ends", Title: "A logout ends the session at the server", Level: Must, Stage: 9,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.4.1"), motivatedBy("RFC 7009", "§2.2")},
		Why:  "a logout that only deletes the cookie leaves every copy of the token alive for thirty days",
		Hint: "revoke the family, then answer; 503 if it could not be made durable; by the refresh token alone, as the access token has mostly ended by then",
		Checks: []Check{
			{Slug: "accepted", Text: "it is answered with 2xx"},
			{Slug: "token-dead", Text: "the token is refused afterwards"},
			{Slug: "older-dead", Text: "so is the one before it"},
			{Slug: "no-tokens", Text: "the answer brings no new token"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			old := v.Rotate()
			e := v.Logout()
			s.Accepted("accepted", e)
			s.Check("no-tokens", e, e.refresh == nil && e.access == nil, "no token", "")
			s.Refused("token-dead", s.Attacker.RefreshWith(v.refresh, "after logout"))
			s.Refused("older-dead", s.Attacker.RefreshWith(old, "after logout"))
			s.Control()
		},
	}
}

func logoutAlone() Scenario {
	return Scenario{
		ID: "logout.cookie-only", Title: "A logout needs no access token", Level: Must, Stage: 9,
		Refs: []Ref{motivatedBy("the kit's contract", "logout needs no access token")},
		Why:  "the access token has mostly ended by the time that someone signs out; then the session cannot be ended at all",
		Hint: "mount logout outside the access-token middleware",
		Checks: []Check{
			{Slug: "garbage-authorization", Text: "with a garbage Authorization it is answered with 2xx"},
			{Slug: "effective", Text: "and ends the session"},
			{Slug: "any-body", Text: "a body that nobody asked for does not matter"},
			{Slug: "claimed", Text: "where the profile claims that it needs the access token: without one it is refused, and ends nothing"},
		},
		Run: func(s *Scene) {
			if s.target.profile.Logout.needsAccess() {
				s.logoutWithoutAccess()
				return
			}
			s.Skip("claimed", "the profile does not claim that a logout needs the access token")
			if s.target.profile.Logout.authorizes() {
				s.unjudged("the profile says what a logout sends as Authorization")
				return
			}
			v := s.Victim.SignIn()
			e := v.held("logout", v.refresh)
			e.note = "garbage Authorization"
			e.header.Set("Authorization", "Bearer garbage")
			s.Accepted("garbage-authorization", v.send(e))
			s.Refused("effective", v.Refresh())
			s.Control()
			if len(s.target.profile.Logout.Body) > 0 {
				s.Skip("any-body", "the profile says what the body is")
				return
			}
			v.SignIn()
			e = v.held("logout", v.refresh)
			e.note, e.body = "with a body", "{}"
			e.header.Set("Content-Type", "application/json")
			s.Check("any-body", v.send(e), e.accepted(), "2xx", "")
			s.Control()
		},
	}
}

// logoutWithoutAccess measures the claim that a logout needs the access token.
func (s *Scene) logoutWithoutAccess() {
	for _, slug := range []string{"garbage-authorization", "effective", "any-body"} {
		s.Skip(slug, "the profile claims that a logout needs the access token")
	}
	v := s.Victim.SignIn()
	e := v.withoutAccess("logout", v.refresh)
	if s.Refused("claimed", v.send(e)) {
		alive := v.Refresh()
		s.Check("claimed", alive, alive.rotated(), "200: nothing ended", "")
	}
	s.Control()
}

func logoutIdempotent() Scenario {
	return Scenario{
		ID: "logout.idempotent", Title: "A logout always succeeds", Level: Must, Stage: 9,
		Refs: []Ref{motivatedBy("RFC 7009", "§2.2"), motivatedBy("the kit's contract", "idempotent; also for a stale or garbage cookie")},
		Why:  "the second tab signs out too and gets an error, with a dead cookie that nothing removes",
		Hint: "whatever token came: answer 204, and delete the cookie where there is one",
		Checks: []Check{
			{Slug: "twice", Text: "a second logout with the same token is answered with 2xx"},
			{Slug: "no-cookie", Text: "so is one without a cookie"},
			{Slug: "garbage", Text: "and one with a garbage cookie"},
			{Slug: "forged", Text: "and one with a forged token", Level: Should},
			{Slug: "twice-deletes", Text: "the second logout deletes the cookie"},
			{Slug: "garbage-deletes", Text: "the logout of a garbage cookie deletes it"},
			{Slug: "no-cookie-deletes", Text: "the logout without a cookie deletes it as well", Level: Should},
			{Slug: "harmless", Text: "a forged token ends nobody's session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			first := v.Logout()
			s.Given("the logout did not work", first, first.accepted())
			bySession := s.logoutBySession()
			yes := func(slug, deletes string, e *exchange) {
				if bySession && e.refused() {
					s.Skip(slug, "what the logout needs ended with the session")
					s.Skip(deletes, "likewise")
					return
				}
				s.Check(slug, e, e.accepted(), "2xx", "")
				if deletes != "" {
					s.checkDeleted(deletes, e)
				}
			}
			yes("twice", "twice-deletes", v.LogoutWith(v.refresh, "once more"))
			if bySession {
				for _, slug := range []string{"no-cookie", "no-cookie-deletes", "garbage", "garbage-deletes", "forged", "harmless"} {
					s.Skip(slug, "the profile's logout does not go by the refresh token alone")
				}
				s.Control()
				return
			}
			if s.target.profile.inCookie() {
				yes("no-cookie", "no-cookie-deletes", v.send(v.call("logout", "no cookie")))
			} else {
				s.Skip("no-cookie", "a body without a token is malformed")
				s.Skip("no-cookie-deletes", "the refresh token does not travel in a cookie")
			}
			yes("garbage", "garbage-deletes", v.logoutRaw("garbage", "garbage"))
			b := s.Bystander.SignIn()
			forged := flipLast(b.refresh.value)
			s.run.secrets.hide(forged, "‹forged›")
			yes("forged", "", s.Attacker.logoutRaw(forged, "forged"))
			e := b.Refresh()
			s.Check("harmless", e, e.accepted(), "200", "")
			s.Control()
			b.Keep()
		},
	}
}

// logoutBySession: a logout names its session by something else than the refresh token alone.
func (s *Scene) logoutBySession() bool {
	c := s.target.profile.Logout
	return c.needsAccess() || c.Token == "none"
}

func (a *Actor) logoutRaw(value, note string) *exchange {
	return a.send(a.present(a.call("logout", note), value))
}

// flipLast changes a character near the end, which a decoder cannot throw away, into one that has no other case.
func flipLast(s string) string {
	i := len(s) - 3
	if s[i] == '0' {
		return s[:i] + "1" + s[i+1:]
	}
	return s[:i] + "0" + s[i+1:]
}

func logoutStale() Scenario {
	return Scenario{
		ID: "logout.stale", Title: "A logout with a token that was just rotated ends the session", Level: Must, Stage: 9, NotFor: needsLogoutOfFamily,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.4.1"), motivatedBy("the kit's contract", "logout from any generation")},
		Why:  "the other tab refreshed a moment ago; the user sees “signed out” and is not",
		Hint: "a genuine token of any generation names its family; end that",
		Checks: []Check{
			{Slug: "accepted", Text: "it is answered with 2xx"},
			{Slug: "current-dead", Text: "the current token is refused afterwards"},
			{Slug: "older-accepted", Text: "a token three generations old is answered with 2xx as well"},
			{Slug: "older-dead", Text: "and ends the session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			old := v.Rotate()
			s.Accepted("accepted", s.SecondTab.LogoutWith(old, "rotated"))
			s.Refused("current-dead", v.Refresh())
			s.Control()
			v.SignIn()
			old = v.Rotate()
			v.Rotate()
			v.Rotate()
			s.Accepted("older-accepted", s.SecondTab.LogoutWith(old, "rotated three times"))
			s.Refused("older-dead", v.Refresh())
			s.Control()
		},
	}
}

func logoutIsolation() Scenario {
	return Scenario{
		ID: "logout.isolation", Title: "A logout ends this session and no other", Level: Must, Stage: 9,
		Refs: []Ref{motivatedBy("the kit's contract", "family isolation")},
		Why:  "signing out at a borrowed computer signs out the telephone at home",
		Hint: "revoke by family; signing out everywhere is another button",
		Checks: []Check{
			{Slug: "same-user", Text: "another session of the same user goes on"},
			{Slug: "other-user", Text: "a session of another user goes on"},
			{Slug: "foreign-bearer", Text: "although its access token came along as Authorization", Level: Should},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			other := s.actor("other user's device", s.target.users[1]).SignIn()
			out := v.Logout()
			s.Given("the logout did not work", out, out.accepted())
			e := b.Refresh()
			if s.policy().Logout == "user" {
				s.Skip("same-user", "the profile claims that a logout ends all sessions of the user")
				b.NewSession().Rotate()
				e = b.last
			} else {
				s.Check("same-user", e, e.accepted(), "200", "")
			}
			o := other.Refresh()
			s.Check("other-user", o, o.accepted(), "200", "")
			s.Control()
			if !e.rotated() || !o.rotated() {
				return
			}
			if s.target.profile.Logout.authorizes() {
				s.Skip("foreign-bearer", "the profile says what a logout sends as Authorization")
				b.Keep()
				other.Keep()
				return
			}
			mixed := b.held("logout", b.refresh)
			mixed.note = "with the other user's access token"
			mixed.header.Set("Authorization", "Bearer "+other.access.value)
			b.send(mixed)
			o = other.Refresh()
			s.Check("foreign-bearer", o, o.accepted(), "200", "")
			s.Control()
			if o.rotated() {
				other.Keep()
			}
		},
	}
}

func logoutClears() Scenario {
	return Scenario{
		ID: "logout.clears", Title: "A logout deletes the cookie that the login set", Level: Must, Stage: 9, Needs: NeedCookie,
		Refs: []Ref{requiredBy("RFC 6265", "§5.3 step 11"), motivatedBy("the kit's contract", "cookie deleted")},
		Why:  "a cookie that stays is sent with every visit, and every visit begins with an error",
		Hint: "Set-Cookie with the same name, Path and Domain, an empty value and Max-Age=0",
		Checks: []Check{
			{Slug: "deletes", Text: "the answer deletes the refresh cookie by Max-Age=0 or a past Expires"},
			{Slug: "empty", Text: "the deletion carries no token"},
			{Slug: "jar-empty", Text: "a browser's jar is empty afterwards"},
			{Slug: "same-path", Text: "it names the Path that the login set"},
		},
		Run: func(s *Scene) {
			v := s.Victim
			login := v.Login()
			s.Given("the login did not work", login, login.accepted() && login.refresh != nil)
			out := v.Logout()
			s.Given("the logout did not work", out, out.accepted())
			s.Check("deletes", out, s.deleted(out), "Max-Age=0", "no deletion")
			if del := out.cookie(s.target.cookieName); len(del) > 0 {
				s.Check("empty", out, s.run.secrets.tokens[del[0].Value] == nil, "no token", "the token")
				set := login.cookie(s.target.cookieName)[0]
				s.Check("same-path", out, del[0].Path == set.Path, "Path="+set.Path, "Path="+del[0].Path)
			}
			left := 0
			for _, c := range v.jar.cookies {
				if c.Name == s.target.cookieName {
					left++
				}
			}
			s.Check("jar-empty", out, left == 0, "no refresh cookie", "one is left")
			s.Control()
		},
	}
}

func logoutFinal() Scenario {
	return Scenario{
		ID: "logout.final", Title: "Nothing revives a session that was logged out", Level: Must, Stage: 9,
		Refs: []Ref{motivatedBy("the kit's contract", "revoked beats grace"), recommendedBy("OWASP ASVS 5.0", "7.4.1")},
		Why:  "a grace window or a cache of answers gives the session back to whoever asks at once",
		Hint: "look at the family's revocation before any grace or cache",
		Checks: []Check{
			{Slug: "parent-refused", Text: "the token before the last, presented at once, is refused"},
			{Slug: "current-refused", Text: "the last one is refused"},
			{Slug: "still-refused", Text: "and again, in any order"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			parent := v.Rotate()
			out := v.Logout()
			s.Given("the logout did not work", out, out.accepted())
			s.Refused("parent-refused", s.Attacker.RefreshWith(parent, "at once after logout"))
			s.Refused("current-refused", s.Attacker.RefreshWith(v.refresh, "at once after logout"))
			for _, t := range []*token{parent, v.refresh, parent} {
				s.Refused("still-refused", s.Attacker.RefreshWith(t, "again"))
			}
			s.Control()
		},
	}
}

func logoutDuplicates() Scenario {
	return Scenario{
		ID: "logout.duplicates", Title: "A logout with two refresh cookies ends every genuine session", Level: Should, Stage: 9, Needs: NeedCookie,
		Refs: []Ref{motivatedBy("the kit's contract", "logout ends every genuine one"), motivatedBy("RFC 6265", "§8.6")},
		Why:  "after a change of Path browsers send two cookies; ending whichever comes first leaves the user signed in",
		Hint: "go through all cookies of the name",
		Checks: []Check{
			{Slug: "accepted", Text: "it is answered with 2xx"},
			{Slug: "first-dead", Text: "the first cookie's session is over"},
			{Slug: "second-dead", Text: "so is the second's"},
		},
		Run: func(s *Scene) {
			if s.logoutBySession() {
				s.unjudged("the profile's logout does not go by the refresh token alone")
				return
			}
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			e := v.call("logout", "two genuine cookies")
			e.presented = v.refresh
			v.send(withCookies(e, s.target.cookiePair(v.refresh.value), s.target.cookiePair(b.refresh.value)))
			s.Check("accepted", e, e.accepted(), "2xx", "")
			s.Refused("first-dead", v.Refresh())
			s.Refused("second-dead", b.Refresh())
			s.Control()
		},
	}
}
