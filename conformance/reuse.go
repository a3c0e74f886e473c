package conformance

import "fmt"

func reuseReplay() Scenario {
	return Scenario{
		ID: "reuse.replay", Title: "A rotated token is refused", Level: Must, Stage: 5, NotFor: needsRotation,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2"), recommendedBy("OWASP ASVS 5.0", "10.4.5")},
		Why:  "an old token that still works makes every copy of it a key that never changes",
		Hint: "rotation replaces the live token in the same statement that checks it",
		Checks: []Check{
			{Slug: "refused", Text: "the token that was rotated is refused"},
			{Slug: "no-cookie", Text: "the refusal brings no refresh cookie"},
			{Slug: "again", Text: "it is refused a second time as well"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			old := v.Spend()
			e := s.Attacker.RefreshWith(old, "")
			s.Refused("refused", e)
			s.Check("no-cookie", e, !s.brought(e), "no Set-Cookie with a value", "")
			s.Refused("again", s.Attacker.RefreshWith(old, "once more"))
			if e.accepted() {
				s.explain("refused", s.forgiven(v, e))
			}
			s.Control()
		},
	}
}

// forgiven says what became of a spent token that was accepted, and what a profile can claim of that.
func (s *Scene) forgiven(v *Actor, answer *exchange) string {
	if s.policy().forgives() {
		return "the grandparent of the live token was accepted; the grace that the profile claims is for the direct parent, and no profile can claim more"
	}
	switch grace := s.graceOf(v, answer); grace {
	case "same", "displacing":
		return graces[grace] + "; if that is meant, the profile must claim it: policy.rotation"
	case "sibling":
		return graces[grace] + "; policy.rotation can claim a grace, but no profile two live tokens of one family (reuse.one-leaf)"
	default:
		return graces[grace]
	}
}

func reuseRevokesFamily() Scenario {
	return Scenario{
		ID: "reuse.revokes-family", Title: "A replay ends the whole family", Level: Must, Stage: 6, NotFor: needsPunishment,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2"), recommendedBy("OWASP ASVS 5.0", "10.4.5")},
		Why:  "two parties hold one token, and one is a thief; if the newest token goes on, so does he",
		Hint: "revoke in a statement of its own that is committed before the 401 is sent; a rollback by the error undoes it",
		Checks: []Check{
			{Slug: "alive-before", Text: "the newest token is the live one until then"},
			{Slug: "family-dead", Text: "after the replay the newest token is refused"},
			{Slug: "dead-again", Text: "and a second time"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			v.Rotate()
			old := v.refresh
			e := v.Refresh()
			s.Accepted("alive-before", e)
			if s.policy().forgives() {
				s.Accepted("alive-before", v.Refresh())
			}
			replay := s.Attacker.RefreshWith(old, "")
			s.Given("the rotated token was not refused", replay, !replay.accepted())
			s.Refused("family-dead", v.Refresh())
			s.Refused("dead-again", v.RefreshWith(v.refresh, "once more"))
			s.Control()
		},
	}
}

func reuseThief() Scenario {
	return Scenario{
		ID: "reuse.thief-first", Title: "A thief who refreshes first is thrown out when the owner comes", Level: Must, Stage: 6, NotFor: needsRotation,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2")},
		Why:  "this is the theft that rotation is for: the thief has the live token, the owner the rotated one",
		Hint: "it does not matter who replays: a rotated token ends its family",
		Checks: []Check{
			{Slug: "owner-refused", Text: "the owner, who comes second with the same token, is refused"},
			{Slug: "thief-out", Text: "the thief's new token is dead"},
			{Slug: "owner-back", Text: "the owner can sign in again, and that session lives"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			stolen := v.refresh
			theft := s.Attacker.RefreshWith(stolen, "stolen")
			s.Given("a live token did not rotate", theft, theft.rotated())
			if s.policy().forgives() {
				s.Attacker.Rotate()
			}
			if !s.Refused("owner-refused", v.RefreshWith(stolen, "")) {
				return
			}
			s.Ended("thief-out", s.Attacker.Refresh())
			v.NewSession()
			e := v.Refresh()
			s.Check("owner-back", e, e.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}

func reuseDepth() Scenario {
	depths, far := []int{2, 3, 4, 10}, 25
	sc := Scenario{
		ID: "reuse.depth", Title: "A replay is noticed however old the token is", Level: Must, Stage: 6, NotFor: needsRotation,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2"), motivatedBy("the kit's contract", "a rotated token, presented again at any age, ends the whole family")},
		Why:  "a thief's copy is rarely the last one; a server that remembers one generation, or deletes old rows, lets him in or lets him stay unnoticed",
		Hint: "carry family and generation in the signed token: then a genuine token behind its row needs no row of its own",
	}
	for _, d := range depths {
		sc.Checks = append(sc.Checks,
			Check{Slug: fmt.Sprintf("depth-%d-refused", d), Text: fmt.Sprintf("a token that is %d generations old is refused", d)},
			Check{Slug: fmt.Sprintf("depth-%d-family-dead", d), Text: fmt.Sprintf("its replay ends the family that went on for %d rotations", d)})
	}
	sc.Checks = append(sc.Checks, Check{Slug: "far-family-dead", Text: fmt.Sprintf("so does that of one that is %d generations old (-slow)", far), Seen: "with -slow"})
	sc.Run = func(s *Scene) {
		for _, d := range depths {
			v := s.actor("victim", s.Victim.user).SignIn()
			old := v.refresh
			for range d {
				v.Rotate()
			}
			if !s.Refused(fmt.Sprintf("depth-%d-refused", d), s.Attacker.RefreshWith(old, "")) {
				continue
			}
			s.Ended(fmt.Sprintf("depth-%d-family-dead", d), v.Refresh())
			s.Control()
		}
		if !s.run.opts.Slow {
			s.Skip("far-family-dead", "takes a login more: -slow")
			return
		}
		v := s.actor("victim", s.Victim.user).SignIn()
		old := v.refresh
		for range far {
			v.Rotate()
		}
		replay := s.Attacker.RefreshWith(old, "")
		s.Given("the rotated token was not refused", replay, !replay.accepted())
		s.Ended("far-family-dead", v.Refresh())
		s.Control()
	}
	return sc
}

func reuseStaysDead() Scenario {
	return Scenario{
		ID: "reuse.stays-dead", Title: "A family that was ended stays dead", Level: Must, Stage: 6, NotFor: needsPunishment,
		Refs: []Ref{motivatedBy("the kit's contract", "no life after revocation")},
		Why:  "a grace window or a cache that forgets the revocation gives the thief his session back",
		Hint: "revoked beats grace; look at the family before any cache",
		Checks: []Check{
			{Slug: "every-token", Text: "no token that the family ever had works again"},
			{Slug: "no-access", Text: "none of the refusals brings an access token"},
			{Slug: "new-login", Text: "a new login is a new family and lives"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			tokens := []*token{v.refresh}
			for range 2 {
				v.Rotate()
				tokens = append(tokens, v.refresh)
			}
			replay := s.Attacker.RefreshWith(tokens[0], "")
			s.Given("the rotated token was not refused", replay, !replay.accepted())
			for range 2 {
				for i := range tokens {
					e := s.Attacker.RefreshWith(tokens[len(tokens)-1-i], "")
					s.Refused("every-token", e)
					s.Check("no-access", e, e.access == nil, "no access token", "")
				}
			}
			v.NewSession()
			e := v.Refresh()
			s.Check("new-login", e, e.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}

func reuseForgery() Scenario {
	return Scenario{
		ID: "reuse.forgery", Title: "Only a genuine token can end a family", Level: Must, Stage: 6,
		Refs: []Ref{recommendedBy("RFC 8725", "§3.10"), motivatedBy("the kit's contract", "a forged generation cannot end anyone's session")},
		Why:  "if a guess or an unsigned copy counts as reuse, anybody who knows an ID signs anybody out",
		Hint: "verify the signature before you believe the family in it",
		Checks: []Check{
			{Slug: "unsigned", Text: "an old token without its signature is refused"},
			{Slug: "tampered", Text: "an old token with one bit of its signature changed is refused"},
			{Slug: "alg-none", Text: "an old token under alg none is refused"},
			{Slug: "random", Text: "twenty random values are refused"},
			{Slug: "harmless", Text: "after all that the session still lives"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			old := v.Rotate().value
			try := func(slug, value string) {
				s.run.secrets.hide(value, "‹forged: "+slug+"›")
				s.Refused(slug, s.Attacker.RefreshRaw(value, slug))
			}
			if t, is := parseJWT(old); is {
				try("unsigned", t.parts[0]+"."+t.parts[1]+".")
				try("tampered", t.parts[0]+"."+t.parts[1]+"."+flipFirst(t.parts[2]))
				try("alg-none", t.with(map[string]any{"alg": "none"}, nil)+".")
			} else {
				try("unsigned", old[:len(old)/2])
				try("tampered", flipFirst(old))
				s.Skip("alg-none", "the refresh token is not a JWT")
			}
			for i := range 20 {
				try("random", fmt.Sprintf("%s%02d", old[:len(old)-8], i)+"zzzzzz")
			}
			alive := v.Refresh()
			s.Check("harmless", alive, alive.accepted(), "200", "")
			s.Control()
			v.Keep()
		},
	}
}

func reuseLeaves() Scenario {
	return Scenario{
		ID: "reuse.one-leaf", Title: "A family never has two live tokens", Level: Must, Stage: 5, NotFor: needsRotation,
		Refs: []Ref{motivatedBy("the kit's contract", "never two live leaves"), recommendedBy("RFC 9700", "§4.14.2")},
		Why:  "a second branch never meets the first: thief and owner refresh side by side, and nobody ever notices",
		Hint: "within a grace window answer the same successor again; never make a second one",
		Checks: []Check{
			{Slug: "one-live", Text: "after a token was presented twice, at most one token of its family works"},
			{Slug: "collides", Text: "when both parties go on, one of them is refused within three rounds"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			old := v.refresh
			v.Rotate()
			second := s.Attacker.RefreshWith(old, "at once")
			if !second.rotated() || second.refresh == v.refresh {
				s.Check("one-live", second, true, "", "")
				s.Check("collides", second, true, "", "")
				s.Control()
				return
			}
			both, last := 0, second
			for range 3 {
				mine, his := v.Refresh(), s.Attacker.Refresh()
				if last = his; mine.rotated() && his.rotated() {
					both++
				}
			}
			s.Check("one-live", last, both == 0, "one of the two refused", "both branches were refreshed side by side")
			s.Check("collides", last, both < 3, "a refusal within three rounds", "none")
			if both > 0 {
				s.explain("one-live", graces["sibling"]+"; no profile can claim that away, since the two branches never meet")
			}
			s.Control()
		},
	}
}

func familyIsolation() Scenario {
	return Scenario{
		ID: "family.isolation", Title: "What happens to one family touches no other", Level: Must, Stage: 6, NotFor: needsPunishment,
		Refs: []Ref{motivatedBy("the kit's contract", "family isolation")},
		Why:  "a revocation by user, or without a WHERE, signs out every device, or everybody",
		Hint: "revoke by the family's key and nothing else",
		Checks: []Check{
			{Slug: "same-user", Text: "another session of the same user survives a replay"},
			{Slug: "same-user-later", Text: "and goes on rotating"},
			{Slug: "other-user", Text: "a session of another user survives it"},
			{Slug: "distinct", Text: "an earlier token of the survivor still ends only the survivor"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			other := s.actor("other user's device", s.target.users[1]).SignIn()
			old, spent := v.Spend(), b.Spend()
			s.Attacker.RefreshWith(old, "")
			e := other.Refresh()
			s.Check("other-user", e, e.accepted(), "200", "")
			if s.policy().Reuse == "user" {
				for _, slug := range []string{"same-user", "same-user-later", "distinct"} {
					s.Skip(slug, "the profile claims that the return of a spent token ends all sessions of the user")
				}
				s.Control()
				return
			}
			e = b.Refresh()
			alive := s.Check("same-user", e, e.accepted(), "200", "")
			if alive {
				e = b.Refresh()
				s.Check("same-user-later", e, e.accepted(), "200", "")
			}
			third := s.actor("third device", v.user).SignIn()
			s.Attacker.RefreshWith(spent, "")
			e = third.Refresh()
			s.Check("distinct", e, e.accepted(), "200", "")
			s.Control()
			if e.rotated() {
				third.Keep()
			}
		},
	}
}

func familyState() Scenario {
	return Scenario{
		ID: "family.inherits", Title: "A rotated session stays what it was", Level: Must, Stage: 6, NotFor: needsRotation,
		Refs: []Ref{motivatedBy("the kit's contract", "identical attributes on set and rotation")},
		Why:  "a family, a subject or a lifetime that starts anew with each rotation is lost to revocation",
		Hint: "the successor inherits family, user and absolute end",
		Checks: []Check{
			{Slug: "subject", Text: "after three rotations the access token names the same user"},
			{Slug: "family", Text: "a refresh token that names its family names the same one"},
			{Slug: "end", Text: "a refresh token that states an absolute end never moves it", Seen: "where a refresh token is a JWT that states its session's end"},
			{Slug: "first-token-ends-it", Text: "the token that they began with, presented again, still ends the session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			first := v.refresh
			a, _ := parseJWT(v.access.value)
			ra, isJWT := parseJWT(first.value)
			for range 3 {
				v.Rotate()
			}
			b, isAccess := parseJWT(v.access.value)
			rb, _ := parseJWT(v.refresh.value)
			if isAccess {
				s.Check("subject", v.last, fmt.Sprint(a.claims["sub"]) == fmt.Sprint(b.claims["sub"]), "the same sub", "another one")
			}
			if isJWT {
				s.inherited("family", ra, rb, "family", "family_id", "fid", "fam", "sid", "session_id")
				s.inherited("end", ra, rb, "absolute_exp", "abs_exp", "abs", "aexp", "session_exp", "max_exp")
			}
			s.Attacker.RefreshWith(first, "from before the three rotations")
			s.Ended("first-token-ends-it", v.Refresh())
			s.Control()
		},
	}
}

// inherited checks a claim of the refresh token under the names that it usually has.
func (s *Scene) inherited(slug string, a, b jwt, names ...string) {
	for _, n := range names {
		if was, ok := a.claims[n]; ok {
			s.Check(slug, s.Victim.last, fmt.Sprint(was) == fmt.Sprint(b.claims[n]), "the same "+n, "another one")
			return
		}
	}
}
