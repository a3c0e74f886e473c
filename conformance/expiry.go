package conformance

import (
	"fmt"
	"time"
)

// tick is added to every wait for an end: expiries are stated in whole seconds.
const tick = time.Second

func expiryAccess() Scenario {
	return Scenario{
		ID: "expiry.access", Title: "An expired access token opens nothing, and the session goes on", Level: Must, Stage: 8, Needs: NeedMe | NeedTime,
		Refs: []Ref{requiredBy("RFC 7519", "§4.1.4"), requiredBy("RFC 6750", "§3.1")},
		Why:  "the short life of the access token is all that limits a copied one, since nothing revokes it",
		Hint: "require exp, check it against the clock, allow no leeway that you did not state",
		Checks: []Check{
			{Slug: "before", Text: "the token works before its end"},
			{Slug: "after", Text: "it is refused after its end (plus the stated leeway)"},
			{Slug: "logout-remembered", Text: "a session that was logged out before is still over then"},
			{Slug: "refresh-after", Text: "the session can still be refreshed then"},
			{Slug: "new-works", Text: "the new access token works"},
		},
		Run: func(s *Scene) {
			v := s.Victim.NewSession()
			login := v.since
			e := v.Me(v.access.value, "")
			s.Accepted("before", e)
			b, out := s.Bystander, (*exchange)(nil)
			if s.policy().Logout != "user" { // that would end the victim's session
				out = b.SignIn().Logout()
			}
			s.wait(login, s.target.accessLife+s.run.opts.Leeway+tick)
			s.Refused("after", v.Me(v.access.value, "expired"))
			s.inTime(login.Add(s.target.refreshLife - tick/2))
			s.Accepted("refresh-after", v.Refresh())
			e = v.Me(v.access.value, "")
			s.Check("new-works", e, e.accepted(), "200", "")
			switch {
			case out == nil:
				s.Skip("logout-remembered", "the profile claims that a logout ends every session of the user")
			case out.accepted():
				s.Refused("logout-remembered", s.Attacker.RefreshWith(b.refresh, "logged out before")) // last, as it may end more than its family
			default:
				s.Skip("logout-remembered", "the logout did not work")
			}
			s.Control()
		},
	}
}

func expiryRefresh() Scenario {
	return Scenario{
		ID: "expiry.refresh", Title: "A refresh token that was not used in time is refused", Level: Must, Stage: 8, Needs: NeedTime,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2"), recommendedBy("OWASP ASVS 5.0", "7.3.1")},
		Why:  "a session that nobody uses waits for a thief",
		Hint: "the row's expiry is a condition of the rotating UPDATE",
		Checks: []Check{
			{Slug: "after", Text: "it is refused after the lifetime that its cookie stated"},
			{Slug: "again", Text: "and stays refused"},
			{Slug: "no-cookie", Text: "the refusal brings no refresh cookie"},
		},
		Run: func(s *Scene) {
			v := s.Victim.NewSession()
			s.wait(v.since, s.target.refreshLife+s.run.opts.Leeway+tick)
			e := v.RefreshWith(v.refresh, "expired")
			s.Refused("after", e)
			s.Check("no-cookie", e, !s.brought(e), "no Set-Cookie with a value", "")
			s.Refused("again", v.RefreshWith(v.refresh, "expired, once more"))
			s.Control()
		},
	}
}

func expirySliding() Scenario {
	return Scenario{
		ID: "expiry.sliding", Title: "A session that is used lives on", Level: Should, Stage: 8, Needs: NeedTime, NotFor: needsSliding,
		Refs: []Ref{motivatedBy("the kit's contract", "sliding idle life"), motivatedBy("OWASP ASVS 5.0", "7.3.1")},
		Why:  "users who are active every day are signed out all the same",
		Hint: "each rotation sets the idle end anew, up to the absolute end",
		Checks: []Check{
			{Slug: "used", Text: "the token works after six tenths of its life", Level: Must},
			{Slug: "renewed", Text: "its successor works after the first token's end"},
		},
		Run: func(s *Scene) {
			v, life := s.Victim.NewSession(), s.target.refreshLife
			login := v.since
			s.wait(login, life*6/10)
			s.inTime(login.Add(life - tick))
			s.Accepted("used", v.Refresh())
			renewed := v.since
			s.wait(login, life+tick)
			s.inTime(renewed.Add(life - tick))
			e := v.Refresh()
			s.Check("renewed", e, e.accepted(), "200", "")
			s.Control()
		},
	}
}

func expiryReplay() Scenario {
	return Scenario{
		ID: "expiry.replay", Title: "A rotated token ends its family although its own life is over", Level: Must, Stage: 8, Needs: NeedTime, NotFor: needsRotation,
		Refs: []Ref{motivatedBy("the kit's contract", "a rotated token, presented again at any age, ends the whole family"), recommendedBy("RFC 9700", "§4.14.2")},
		Why:  "a check of exp before the look-up hides the replay: the thief's session goes on",
		Hint: "exp is never a reason to skip the row; expiry is the row's",
		Checks: []Check{
			{Slug: "refused", Text: "the rotated and expired token is refused"},
			{Slug: "family-dead", Text: "and its replay ended the session that had gone on"},
		},
		Run: func(s *Scene) {
			v, life := s.Victim.NewSession(), s.target.refreshLife
			login, old := v.since, v.refresh
			s.wait(login, life*6/10)
			s.inTime(login.Add(life - tick))
			v.Spend()
			renewed := v.since
			s.wait(login, life+tick)
			s.Refused("refused", s.Attacker.RefreshWith(old, "rotated and expired"))
			if s.policy().Lifetime == "absolute" {
				s.Skip("family-dead", "the session has ended by itself")
				s.Control()
				return
			}
			s.inTime(renewed.Add(life - tick))
			s.Ended("family-dead", v.Refresh())
			s.Control()
		},
	}
}

func expiryLogout() Scenario {
	return Scenario{
		ID: "expiry.logout", Title: "An expired session can be logged out", Level: Must, Stage: 9, Needs: NeedTime,
		Refs: []Ref{motivatedBy("the kit's contract", "logout is idempotent"), motivatedBy("RFC 7009", "§2.2")},
		Why:  "the user comes back after a month, presses sign out, and gets an error",
		Hint: "logout judges neither expiry nor rotation: it ends the family that a genuine token names, and always deletes the cookie",
		Checks: []Check{
			{Slug: "accepted", Text: "a logout with an expired token is answered with 2xx"},
			{Slug: "deletes-cookie", Text: "and deletes the cookie"},
			{Slug: "dead", Text: "the token is refused afterwards"},
		},
		Run: func(s *Scene) {
			if s.target.profile.Logout.needsAccess() {
				s.unjudged("the profile says that logout needs the access token, which has ended long before")
				return
			}
			v := s.Victim.NewSession()
			if s.target.profile.Logout.Bearer {
				s.Control()
				s.Note("the profile claims that a logout needs an access token, which has ended by then")
				return
			}
			s.wait(v.since, s.target.refreshLife+s.run.opts.Leeway+tick)
			e := v.LogoutWith(v.refresh, "expired")
			s.Accepted("accepted", e)
			s.checkDeleted("deletes-cookie", e)
			s.Refused("dead", v.Refresh())
			s.Control()
		},
	}
}

// deleted reports whether an answer tells the browser to drop the refresh cookie.
func (s *Scene) deleted(e *exchange) bool {
	set := e.cookie(s.target.cookieName)
	return len(set) > 0 && set[len(set)-1].deletes(e.now())
}

// checkDeleted judges the deletion where the refresh token travels in a cookie.
func (s *Scene) checkDeleted(slug string, e *exchange) {
	if !s.target.profile.inCookie() {
		s.Skip(slug, "the refresh token does not travel in a cookie")
		return
	}
	s.Check(slug, e, s.deleted(e), "Set-Cookie that deletes "+s.target.cookieName, "none")
}

// mostRotations bounds the story of the absolute end.
const mostRotations = 40

func expiryAbsolute() Scenario {
	return Scenario{
		ID: "expiry.absolute", Title: "Rotation never moves the absolute end of a session", Level: Must, Stage: 8, Needs: NeedTime | NeedAbsolute, NotFor: needsAbsoluteEnd,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.3.2, 10.4.8")},
		Why:  "a stolen session that is refreshed in time lives for ever",
		Hint: "write the absolute end at login, never again; a successor ends at min(now + idle life, absolute end)",
		Checks: []Check{
			{Slug: "lives-until", Text: "a session that is used lives until near its absolute end"},
			{Slug: "bounded", Text: "no cookie outlives the absolute end"},
			{Slug: "ended", Text: "after the absolute end the newest token is refused"},
		},
		Run: func(s *Scene) {
			v, life, whole := s.Victim.NewSession(), s.target.refreshLife, s.run.opts.SessionMaxTTL
			if whole > mostRotations*life/2 {
				s.Control()
				s.Note("a session of %v would have to be refreshed more than %d times to see its end", whole, mostRotations)
				return
			}
			end := v.since.Add(whole)
			for s.run.clock.now().Add(life / 2).Before(end.Add(-tick)) {
				s.wait(v.since, life/2)
				s.inTime(v.since.Add(life - tick/2))
				e := v.Refresh()
				s.Accepted("lives-until", e)
				s.Given("the refresh brought no new token", e, e.rotated())
				max, _ := s.target.life(e)
				left := end.Sub(s.run.clock.now())
				s.Check("bounded", e, max <= left+2*tick, fmt.Sprintf("at most %v", left.Round(tick)), fmt.Sprint(max))
			}
			s.wait(end, s.run.opts.Leeway+tick)
			s.Refused("ended", v.RefreshWith(v.refresh, "after the absolute end"))
			s.Control()
		},
	}
}
