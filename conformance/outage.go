package conformance

import (
	"context"
	"time"
)

// recovery is how long a target may take to answer again once its database is back.
const recovery = 30 * time.Second

// withoutDatabase does something while the target has no database, and waits until it answers again, whatever happened meanwhile.
func (s *Scene) withoutDatabase(f func()) {
	hook, before := s.run.opts.Outage, s.ctx
	end := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(before), hookTime) // although the run was stopped
		defer func() { cancel(); s.ctx = before }()
		s.ctx, s.outage = ctx, false
		return s.event("the database is back", func(ctx context.Context) error { return hook(ctx, false) })
	}
	if err := s.event("the database is away", func(ctx context.Context) error { return hook(ctx, true) }); err != nil {
		_ = end() // the first error says it
		s.stop(Inconclusive, "the outage hook failed to take the database away: %v", err)
	}
	s.outage = true
	func() {
		defer func() {
			p := recover() // a story that stops in here must not leave the target without a database
			if err := end(); err != nil && p == nil {
				s.stop(Inconclusive, "the outage hook failed to give the database back: %v", err)
			}
			if p != nil {
				panic(p)
			}
		}()
		f()
	}()
	s.recovered()
}

// recovered waits until the other user's session can be refreshed: it proves that the target is back.
func (s *Scene) recovered() {
	deadline := time.Now().Add(recovery)
	for {
		if e := s.target.control(s); e != nil && e.rotated() {
			return
		} else if s.ctx.Err() != nil || time.Now().After(deadline) {
			s.stop(Inconclusive, "the target did not recover within %v after its database was back", recovery)
		}
		time.Sleep(tick / 4)
	}
}

// unavailable checks that an answer neither accepts nor blames the client. A closed connection is as good as a 503.
func (s *Scene) unavailable(slug string, e *exchange) bool {
	if s.ctx.Err() != nil {
		s.stop(Inconclusive, "stopped: %v", context.Cause(s.ctx))
	}
	ok := e.err != nil || e.status >= 500
	if ok {
		return s.record(slug, Pass, e, "", "")
	}
	return s.record(slug, Fail, e, "503, and the client tries again", "")
}

// keepsCookie checks that an answer without a database touches no cookie.
func (s *Scene) keepsCookie(slug string, e *exchange) {
	if !s.target.profile.inCookie() {
		s.Skip(slug, "the refresh token does not travel in a cookie")
		return
	}
	holds := len(e.cookie(s.target.cookieName)) == 0
	s.record(slug, map[bool]Verdict{true: Pass, false: Fail}[holds], e, "no Set-Cookie "+s.target.cookieName, "one that deletes or replaces it")
}

func outageRefresh() Scenario {
	return Scenario{
		ID: "outage.refresh", Title: "Without its database the server signs nobody out and lets nobody in", Level: Must, Stage: 11, Needs: NeedOutage,
		Refs: []Ref{requiredBy("RFC 9110", "§15.6.4"), motivatedBy("the kit's contract", "503 + Retry-After; a fault of ours never ends a session")},
		Why:  "an error that is answered 401, with the cookie deleted, signs out every user who is active during one hiccup of the database",
		Hint: "tell “no such row” from “no answer”: 503 with Retry-After, no Set-Cookie; commit before you answer 200",
		Checks: []Check{
			{Slug: "unavailable", Text: "a refresh is answered with 5xx, neither accepted nor refused"},
			{Slug: "is-503", Text: "namely with 503 and Retry-After", Level: Should},
			{Slug: "keeps-cookie", Text: "the answer touches no cookie"},
			{Slug: "login", Text: "a login is answered with 5xx as well"},
			{Slug: "token-lives", Text: "afterwards the same token works: it was not consumed"},
			{Slug: "goes-on", Text: "and the session goes on"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			held := v.refresh
			s.withoutDatabase(func() {
				e := v.RefreshWith(held, "no database")
				s.unavailable("unavailable", e)
				is503 := e.err == nil && e.status == 503 && e.answer.Get("Retry-After") != ""
				s.record("is-503", map[bool]Verdict{true: Pass, false: Fail}[is503], e, "503 and Retry-After", "")
				s.keepsCookie("keeps-cookie", e)
				s.unavailable("login", s.SecondTab.Login())
			})
			e := v.RefreshWith(held, "the database is back")
			s.Check("token-lives", e, e.rotated(), "200", "")
			if e.rotated() {
				e = v.Refresh()
				s.Check("goes-on", e, e.rotated(), "200", "")
			}
			s.Control()
			if e.rotated() {
				v.Keep()
			}
		},
	}
}

func outageLogout() Scenario {
	return Scenario{
		ID: "outage.logout", Title: "A logout that says yes has ended the session", Level: Must, Stage: 11, Needs: NeedOutage,
		Refs: []Ref{motivatedBy("the kit's contract", "503 with the cookie untouched when it could not be made durable"), recommendedBy("OWASP ASVS 5.0", "7.4.1")},
		Why:  "the user reads “signed out”, his cookie is gone, and the copy that somebody else has works on: nobody can end it any more",
		Hint: "revoke first; answer 2xx and delete the cookie only when that is durable, 503 otherwise",
		Checks: []Check{
			{Slug: "honest", Text: "a logout that was answered with 2xx is durable: the token is refused once the database is back"},
			{Slug: "keeps-cookie", Text: "one that was not answered with 2xx leaves the cookie where it is"},
			{Slug: "repeatable", Text: "once the database is back, a logout ends the session"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			held := v.refresh
			var out *exchange
			s.withoutDatabase(func() { out = v.LogoutWith(held, "no database") })
			if out.accepted() {
				s.Refused("honest", s.Attacker.RefreshWith(held, "after a logout that said yes"))
				s.Skip("keeps-cookie", "the logout was answered with 2xx")
			} else {
				s.record("honest", Pass, out, "", "")
				s.keepsCookie("keeps-cookie", out)
			}
			again := v.LogoutWith(held, "the database is back")
			s.Check("repeatable", again, again.accepted(), "2xx", "")
			s.Refused("repeatable", s.Attacker.RefreshWith(held, "after the second logout"))
			s.Control()
		},
	}
}

func outageReplay() Scenario {
	return Scenario{
		ID: "outage.replay", Title: "What was revoked stays revoked without the database", Level: Must, Stage: 11, Needs: NeedOutage,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "16.5.3"), motivatedBy("the kit's contract", "no life after revocation")},
		Why:  "a look-up that fails open makes an outage the best time to use a stolen token",
		Hint: "an error of the look-up is an error, not “not revoked”",
		Checks: []Check{
			{Slug: "logged-out", Text: "a token that was logged out gets nothing while there is no database"},
			{Slug: "rotated", Text: "nor does one that was rotated"},
			{Slug: "still-dead", Text: "both are refused afterwards as well"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			out := v.Logout()
			s.Given("the logout did not work", out, out.accepted())
			spent := b.refresh
			if s.policy().rotates() {
				b.Spend()
			} else {
				b.Logout()
			}
			s.withoutDatabase(func() {
				for slug, t := range map[string]*token{"logged-out": v.refresh, "rotated": spent} {
					e := s.Attacker.RefreshWith(t, "no database")
					holds := e.refresh == nil && e.access == nil
					s.record(slug, map[bool]Verdict{true: Pass, false: Fail}[holds], e, "no token", "")
				}
			})
			if s.Attacker.refresh != nil {
				s.Refused("still-dead", s.Attacker.Refresh()) // what the outage gave away
			}
			s.Refused("still-dead", s.Attacker.RefreshWith(v.refresh, "the database is back"))
			s.Refused("still-dead", s.Attacker.RefreshWith(spent, "the database is back"))
			s.Control()
		},
	}
}
