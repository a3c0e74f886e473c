package conformance

import (
	"fmt"
	"net/http"
	"time"
)

func policyLogin() Scenario {
	return Scenario{
		ID: "policy.login", Title: "A login takes the place of the session that the browser had, as claimed", Level: Must, Stage: 6, Needs: NeedCookie | NeedLogin,
		NotFor: unlessClaimed("that a login ends the session that the browser had", func(p Policy) bool { return p.Login == "replaces" }),
		Refs:   []Ref{recommendedBy("OWASP ASVS 5.0", "7.2.4")},
		Why:    "the cookie that the login overwrites stays good for weeks, in a backup or in a thief's hands, and no logout reaches it any more",
		Hint:   "end the family of each genuine refresh cookie that comes with a login that succeeds, and no other",
		Checks: []Check{
			{Slug: "new-works", Text: "the session of the new login refreshes"},
			{Slug: "old-over", Text: "the session whose cookie came along with the login is over"},
			{Slug: "other-device", Text: "the user's session in another browser lives"},
		},
		Run: func(s *Scene) {
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			old := v.refresh
			e := v.login(v.user.Email, v.user.Password, "in the same browser")
			addCookies(e, s.target.cookiePair(old.value))
			v.send(e)
			s.Given("the login did not work", e, e.accepted() && e.refresh != nil)
			again := v.Refresh()
			s.Check("new-works", again, again.rotated(), "200", "")
			other := b.Refresh()
			s.Check("other-device", other, other.rotated(), "200", "")
			s.Refused("old-over", s.Attacker.RefreshWith(old, "of before the login"))
			s.Control()
		},
	}
}

func operationsLimit() Scenario {
	return Scenario{
		ID: "operations.limit", Title: "Who guesses passwords is slowed down, as claimed", Level: Must, Stage: 11, Needs: NeedPassword | NeedLast,
		NotFor: unlessClaimed("a limit on wrong passwords", func(p Policy) bool { return p.LoginLimit > 0 }),
		Refs:   []Ref{recommendedBy("OWASP ASVS 5.0", "6.3.1, 15.3.4"), motivatedBy("RFC 6749", "§10.10"), motivatedBy("RFC 6585", "§4")},
		Why:    "a list of leaked passwords is tried in an hour, and a limit that its client can talk itself out of is none",
		Hint:   "count failures by account and by the address of the connection; behind a proxy of your own by the last entry of X-Forwarded-For, which the proxy wrote, and never by the first, which anybody did",
		Checks: []Check{
			{Slug: "throttled", Text: "after as many wrong passwords for one account as are claimed, the next one is answered 429"},
			{Slug: "retry-after", Text: "the 429 says how long to wait"},
			{Slug: "forwarded", Text: "who begins X-Forwarded-For with another address each time has no more guesses than anybody"},
			{Slug: "ends", Text: "after the wait that was asked for, the right password logs in"},
		},
		Run: func(s *Scene) {
			s.Control()
			n, a := s.policy().LoginLimit, s.actor("guesser", s.wrongUser())
			last := a.guesses(n+1, "")
			if !s.recordLimit("throttled", last) {
				s.Skip("forwarded", "there is no limit that it could lift")
				s.Control()
				return
			}
			stated := last.answer.Get("Retry-After") != ""
			s.record("retry-after", map[bool]Verdict{true: Pass, false: Fail}[stated], last, "Retry-After", map[bool]string{false: "429 without"}[stated])
			spoofed := a.guesses(n+1, "behind a proxy")
			s.recordLimit("forwarded", spoofed)
			s.Control()
			wait := max(last.asksToWait(), spoofed.asksToWait())
			s.waitOut(wait)
			right := a.Login()
			if right.status == http.StatusTooManyRequests {
				s.record("ends", Fail, right, fmt.Sprintf("200, %v later", wait), "")
			} else {
				s.Check("ends", right, right.accepted(), fmt.Sprintf("200, %v later", wait), "")
			}
			s.Control()
		},
	}
}

// guesses sends wrong passwords until one is throttled, n at most, and returns the last. Behind a proxy each comes with another address in
// front of the one that the proxy would have added, so a server that trusts a proxy sees one client all the same.
func (a *Actor) guesses(n int, note string) (e *exchange) {
	for i := range n {
		e = a.login(a.user.Email, wrongPassword, note)
		e.guess = true
		if note != "" {
			e.header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d, 203.0.113.7", i+1))
		}
		if a.send(e); e.status == http.StatusTooManyRequests {
			a.scene.Note("throttled after %d wrong passwords %s", i, note)
			break
		}
	}
	return e
}

// asksToWait is how long the client shall wait, as seconds or until a moment (RFC 9110 section 10.2.3); 0: the answer does not say.
func (e *exchange) asksToWait() time.Duration {
	if d, ok := retryAfter(e); ok {
		return d
	}
	if t, err := http.ParseTime(e.answer.Get("Retry-After")); err == nil {
		return t.Sub(e.now())
	}
	return 0
}

// recordLimit judges whether the last guess was throttled.
func (s *Scene) recordLimit(slug string, last *exchange) bool {
	throttled := last.err == nil && last.status == http.StatusTooManyRequests
	switch {
	case throttled:
		return s.record(slug, Pass, last, "", "")
	case s.unknown(slug, last):
		return false
	}
	return s.record(slug, Fail, last, "429", "")
}

// waitOut waits as long as the target asks to, on its clock, and leaves "ends" open where that is longer than the run may wait.
func (s *Scene) waitOut(d time.Duration) {
	switch o := s.run.opts; {
	case d <= 0:
		s.Skip("ends", "the target does not say how long to wait")
	case o.Advance == nil && d > o.MaxWait:
		s.Skip("ends", fmt.Sprintf("the target asks to wait %v, longer than -max-wait %v: raise that, or move the clock with -advance", d, o.MaxWait))
	default:
		s.waited(s.run.clock.waitUntil(s.ctx, s.run.clock.now().Add(d)))
		return
	}
	panic(stop{})
}
