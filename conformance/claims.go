package conformance

// The stories that judge claims which the kit's own contract does not make. What it does make is judged by the other stories.

func policyRotation() Scenario {
	return Scenario{
		ID: "policy.rotation", Title: "A refresh token that is claimed to stay the same does", Level: Must, Stage: 5,
		NotFor: unlessClaimed("that refresh tokens stay the same", func(p Policy) bool { return !p.rotates() }),
		Refs:   []Ref{motivatedBy("RFC 6749", "§6"), motivatedBy("RFC 9700", "§4.14.2")},
		Why:    "without rotation a copied refresh token works until it expires, and nobody notices; a client that keeps the first token of a server that does rotate is signed out",
		Hint:   "claim what the server does: policy.rotation; for public clients RFC 9700 asks for rotation or sender-constrained tokens",
		Checks: []Check{
			{Slug: "same", Text: "a refresh brings no other refresh token"},
			{Slug: "works-again", Text: "the same token refreshes again, and again"},
			{Slug: "other-access", Text: "each refresh brings another access token"},
		},
		Run: func(s *Scene) {
			v := s.Victim.NewSession()
			first, access := v.refresh, v.access
			for range 3 {
				e := v.RefreshWith(first, "")
				s.Accepted("works-again", e)
				s.Check("same", e, e.refresh == nil || e.refresh == first, "no refresh token, or the same", "")
				s.Check("other-access", e, e.access != access, "another access token", "the same one")
				access = e.access
			}
			s.Control()
		},
	}
}

func policyReuse() Scenario {
	return Scenario{
		ID: "policy.reuse", Title: "The return of a spent token ends what is claimed, and nothing else", Level: Must, Stage: 6,
		NotFor: unlessClaimed("another reach of a replay than the family", func(p Policy) bool { return p.rotates() && p.Reuse != "family" }),
		Refs:   []Ref{recommendedBy("RFC 9700", "§4.14.2"), motivatedBy("OWASP ASVS 5.0", "10.4.5")},
		Why:    "where a replay ends nothing, the thief who refreshed first keeps the session; where it ends everything, each replay signs every device out",
		Hint:   "claim what the server does: policy.reuse; RFC 9700 asks for the end of the family",
		Checks: []Check{
			{Slug: "refused", Text: "the spent token is refused"},
			{Slug: "same-family", Text: "the session that it belongs to ends, or lives, as claimed"},
			{Slug: "same-user", Text: "the user's other session ends, or lives, as claimed"},
			{Slug: "other-user", Text: "another user's session lives"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			other := s.actor("other user's device", s.target.users[1]).SignIn()
			s.Refused("refused", s.Attacker.RefreshWith(v.Spend(), ""))
			if s.policy().Reuse == "user" {
				s.Refused("same-family", v.Refresh())
				s.Refused("same-user", b.Refresh())
			} else {
				mine, his := v.Refresh(), b.Refresh()
				s.Check("same-family", mine, mine.rotated(), "200, as claimed", "")
				s.Check("same-user", his, his.rotated(), "200", "")
			}
			e := other.Refresh()
			s.Check("other-user", e, e.rotated(), "200", "")
			s.Control()
			if e.rotated() {
				other.Keep()
			}
		},
	}
}

func policyLogout() Scenario {
	return Scenario{
		ID: "policy.logout", Title: "A logout ends what is claimed", Level: Must, Stage: 9,
		NotFor: unlessClaimed("another reach of a logout than the session", func(p Policy) bool { return p.Logout != "family" && p.rotates() }),
		Refs:   []Ref{recommendedBy("OWASP ASVS 5.0", "7.4.1"), motivatedBy("RFC 7009", "§2.1")},
		Why:    "a user who signs out must know of which devices",
		Hint:   "claim what the server does: policy.logout",
		Checks: []Check{
			{Slug: "accepted", Text: "it is answered with 2xx"},
			{Slug: "session", Text: "the session whose current token it was given is over"},
			{Slug: "reach", Text: "the user's other session is over too (user), or a spent token ended nothing (token), as claimed"},
			{Slug: "other-user", Text: "another user's session lives"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			other := s.actor("other user's device", s.target.users[1]).SignIn()
			if s.policy().Logout == "token" {
				s.SecondTab.LogoutWith(b.Spend(), "spent")
				e := b.Refresh()
				s.Check("reach", e, e.rotated(), "200: a spent token ended nothing, as claimed", "")
			}
			s.Accepted("accepted", v.Logout())
			s.Refused("session", v.RefreshWith(v.refresh, "after logout"))
			if s.policy().Logout == "user" {
				s.Refused("reach", b.Refresh())
			}
			e := other.Refresh()
			s.Check("other-user", e, e.rotated(), "200", "")
			s.Control()
			if e.rotated() {
				other.Keep()
			}
		},
	}
}

func policyAccess() Scenario {
	return Scenario{
		ID: "policy.access", Title: "An access token dies with its session, as claimed", Level: Must, Stage: 9, Needs: NeedMe,
		NotFor: unlessClaimed("that access tokens die with their session", func(p Policy) bool { return p.Access == "dies" }),
		Refs:   []Ref{motivatedBy("OWASP ASVS 5.0", "7.4.1"), motivatedBy("RFC 7009", "§2.1")},
		Why:    "who relies on the claim believes that a sign-out locks a stolen access token out at once",
		Hint:   "look the session up on each request, or claim that access tokens live on: policy.access",
		Checks: []Check{
			{Slug: "before", Text: "the token opens the protected endpoint before"},
			{Slug: "after-logout", Text: "it is refused after the logout"},
			{Slug: "after-reuse", Text: "it is refused after a replay has ended the session"},
			{Slug: "bystander", Text: "the access token of another session still works"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			s.Accepted("before", v.Me(v.access.value, ""))
			out := v.Logout()
			s.Given("the logout did not work", out, out.accepted())
			s.Refused("after-logout", s.Attacker.Me(v.access.value, "after logout"))
			if s.policy().Logout != "user" {
				e := b.Me(b.access.value, "another session's")
				s.Check("bystander", e, e.accepted(), "200", "")
			} else {
				b.NewSession().Rotate()
			}
			s.Control()
			if why := needsPunishment(s.policy()); why != "" {
				s.Skip("after-reuse", why)
				return
			}
			replay := s.Attacker.RefreshWith(b.Spend(), "")
			s.Given("the spent token was not refused", replay, !replay.accepted())
			s.Refused("after-reuse", s.Attacker.Me(b.access.value, "after a replay"))
			s.Control()
		},
	}
}

func expiryFixed() Scenario {
	return Scenario{
		ID: "expiry.fixed", Title: "A refresh does not prolong a session that is claimed not to be", Level: Must, Stage: 8, Needs: NeedTime,
		NotFor: unlessClaimed("that a refresh does not prolong the session", func(p Policy) bool { return p.Lifetime == "absolute" }),
		Refs:   []Ref{recommendedBy("OWASP ASVS 5.0", "7.3.2, 10.4.8")},
		Why:    "the end that a policy promises is moved by each refresh, a thief's too",
		Hint:   "the successor inherits its parent's end",
		Checks: []Check{
			{Slug: "used", Text: "the token works after six tenths of its life"},
			{Slug: "stated", Text: "what a refresh brings states no longer life than is left"},
			{Slug: "ended", Text: "after the first token's end no token of the session works"},
		},
		Run: func(s *Scene) {
			v, life := s.Victim.NewSession(), s.target.refreshLife
			login := v.since
			s.wait(login, life*6/10)
			s.inTime(login.Add(life - tick))
			e := v.Refresh()
			s.Accepted("used", e)
			if again, ok := s.target.life(e); ok && e.refresh != nil {
				left := login.Add(life).Sub(e.at)
				s.Check("stated", e, again <= left+2*tick, "at most "+left.Round(tick).String(), again.String())
			}
			s.wait(login, life+s.run.opts.Leeway+tick)
			s.Refused("ended", v.RefreshWith(v.refresh, "after the first token's end"))
			s.Control()
		},
	}
}
