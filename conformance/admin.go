package conformance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

func adminDisable() Scenario {
	return Scenario{
		ID: "admin.disable", Title: "A user who is disabled is out at once, and in again only by his password", Level: Must, Stage: 11, Needs: NeedAdmin | NeedLogin,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.4.2"), motivatedBy("the kit's contract", "disabling a user ends his sessions")},
		Why:  "somebody leaves the company, his account is closed, and his telephone goes on refreshing for thirty days",
		Hint: "update the user and revoke his families in one transaction; a login checks the user again when it inserts its family",
		Checks: []Check{
			{Slug: "sessions-end", Text: "his live refresh tokens are refused, of every session"},
			{Slug: "login-refused", Text: "he cannot log in with the right password"},
			{Slug: "same-answer", Text: "that is answered like a wrong password", Level: Should},
			{Slug: "not-recognised", Text: "a wrong password is answered as before, so that nobody sees that the account is disabled"},
			{Slug: "access-ends", Text: "his access token opens nothing any more", Level: Should},
			{Slug: "other-user", Text: "another user notices nothing"},
			{Slug: "enabled-login", Text: "when he is enabled he can log in"},
			{Slug: "stays-ended", Text: "a session that was refused meanwhile stays ended"},
			{Slug: "no-revival", Text: "a session that was quiet meanwhile is ended too"},
		},
		Run: func(s *Scene) {
			a := s.borrow()
			defer a.giveBack()
			v, tab, quiet := s.actor("disabled user", a.user).SignIn(), s.actor("his telephone", a.user).SignIn(), s.actor("his tablet", a.user).SignIn()
			other := s.actor("other user's device", s.target.users[1]).SignIn()
			usual := v.LoginAs(a.user.Email, wrongPassword, "wrong password")
			alike := func(e *exchange) bool { return e.status == usual.status && sameAnswer(usual, e) }
			a.disable()
			s.Refused("sessions-end", v.Refresh())
			s.Refused("sessions-end", tab.Refresh())
			right, wrong := v.Login(), v.LoginAs(a.user.Email, wrongPassword, "wrong password")
			if s.Refused("login-refused", right) {
				s.Check("same-answer", right, alike(right), "the answer to a wrong password", "")
			}
			s.Check("not-recognised", wrong, alike(wrong), "the answer of before", "")
			if s.target.profile.hasMe() {
				s.Refused("access-ends", v.Me(v.access.value, "of the disabled user"))
			} else {
				s.Skip("access-ends", "needs a protected endpoint: name one with -me PATH")
			}
			e := other.Refresh()
			s.Check("other-user", e, e.accepted(), "200", "")
			s.Control()
			a.enable()
			s.Refused("stays-ended", v.RefreshWith(v.refresh, "of before"))
			s.Refused("no-revival", quiet.RefreshWith(quiet.refresh, "of before"))
			again := v.Login()
			s.Accepted("enabled-login", again)
			s.Control()
			v.Keep()
			other.Keep()
		},
	}
}

func adminPassword() Scenario {
	return Scenario{
		ID: "admin.password", Title: "A new password ends every session of the user, and the old password", Level: Must, Stage: 11, Needs: NeedAdmin | NeedLogin,
		Refs: []Ref{motivatedBy("the kit's contract", "changing a password sweeps the user's families"), motivatedBy("OWASP ASVS 5.0", "7.4.3")},
		Why:  "a password is changed because somebody else knows it; he is signed in already, and stays",
		Hint: "write the new hash and revoke the user's families in one transaction; compare no issue time with the moment of the change",
		Checks: []Check{
			{Slug: "sessions-end", Text: "his live refresh tokens are refused, of every session, after a new login too"},
			{Slug: "old-refused", Text: "the old password does not log in"},
			{Slug: "new-works", Text: "the new password does"},
			{Slug: "new-session", Text: "a session of the same second as the change lives: its refresh token works"},
			{Slug: "new-access", Text: "and its access token opens the protected endpoint"},
			{Slug: "other-user", Text: "another user notices nothing"},
			{Slug: "changed-back", Text: "a second change works like the first"},
		},
		Run: func(s *Scene) {
			a := s.borrow()
			defer a.giveBack()
			v, tab := s.actor("user", a.user).SignIn(), s.actor("his telephone", a.user).SignIn()
			other := s.actor("other user's device", s.target.users[1]).SignIn()
			before := []*token{v.refresh, tab.refresh}
			p := a.newPassword()
			s.Refused("sessions-end", s.Attacker.RefreshWith(before[0], "of before"))
			v.enters("new-works", p, "new password")
			for _, t := range before {
				s.Refused("sessions-end", s.Attacker.RefreshWith(t, "of before"))
			}
			s.Refused("old-refused", s.Attacker.LoginAs(a.user.Email, a.user.Password, "old password"))
			e := other.Refresh()
			s.Check("other-user", e, e.accepted(), "200", "")
			s.Control()

			second := v.refresh
			a.setPassword(a.user.Password)
			v.enters("changed-back", a.user.Password, "the password that it was")
			s.Refused("sessions-end", s.Attacker.RefreshWith(second, "of before"))
			s.Refused("old-refused", s.Attacker.LoginAs(a.user.Email, p, "the password of before"))
			s.Control()
			v.Keep()
			other.Keep()
		},
	}
}

// enters logs in right after a change, and shows that this session lives although it is of the same second.
func (a *Actor) enters(slug, password, note string) {
	s := a.scene
	s.Accepted(slug, a.LoginAs(a.user.Email, password, note))
	if s.target.profile.hasMe() {
		me := a.Me(a.access.value, "")
		s.Check("new-access", me, me.accepted(), "200", "")
	} else {
		s.Skip("new-access", "needs a protected endpoint: name one with -me PATH")
	}
	e := a.Refresh()
	s.Check("new-session", e, e.rotated(), "200 and a new token", "")
}

func adminUnderWay() Scenario {
	return Scenario{
		ID: "admin.under-way", Title: "No refresh that is under way survives its user's end", Level: Must, Stage: 11, Needs: NeedAdmin | NeedLogin,
		Refs: []Ref{motivatedBy("the kit's contract", "no life after revocation"), recommendedBy("OWASP ASVS 5.0", "7.4.2, 15.4.2")},
		Why:  "a sweep of the rows that are there misses the one that a refresh is just inserting: that session goes on for ever",
		Hint: "keep validity in one row of the family, or count a generation of the user that a rotation must find unchanged",
		Checks: []Check{
			{Slug: "password", Text: "no session that refreshes all the time survives a password change"},
			{Slug: "disabled", Text: "nor its user's being disabled"},
		},
		Run: func(s *Scene) {
			a := s.borrow()
			defer a.giveBack()
			between := a.user
			s.survivors("password", a.user, func() { between.Password = a.newPassword() })
			s.survivors("password", between, func() { a.setPassword(a.user.Password) })
			s.survivors("disabled", a.user, a.disable)
			a.enable()
			s.Control()
		},
	}
}

// refreshers is how many sessions refresh all the time while their user is changed.
const refreshers = 4

// survivors lets sessions of the user refresh one after the other without a pause, changes the user meanwhile, and judges that each of them is
// refused in the end.
func (s *Scene) survivors(slug string, u User, change func()) {
	loops := make([]*loop, refreshers)
	for i := range loops {
		a := s.actor(fmt.Sprint("session ", i+1), u).NewSession()
		loops[i] = &loop{actor: a, value: a.refresh.value, warm: make(chan struct{})}
	}
	changed := make(chan struct{})
	var wg sync.WaitGroup
	for i, l := range loops {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 2 * time.Millisecond) // out of step, so that there is always one under way
			l.run(s.ctx, changed)
		})
	}
	for _, l := range loops {
		<-l.warm
	}
	s.meanwhile = &[]*exchange{}
	func() {
		defer func() { // also if the hook fails and ends the story
			close(changed)
			wg.Wait()
			s.learnLoops(loops)
		}()
		change()
	}()
	if s.ctx.Err() != nil {
		s.stop(Inconclusive, "stopped: %v", context.Cause(s.ctx))
	}
	for _, l := range loops {
		s.Given("a live token did not rotate", l.exchanges[0], l.exchanges[0].rotated())
		last := l.exchanges[len(l.exchanges)-1]
		if last.rotated() {
			last = l.actor.RefreshWith(s.run.secrets.tokens[l.value], "still alive?")
		}
		s.Refused(slug, last)
	}
}

// learnLoops enters into the run's books what happened while the loops ran, in the order in which it began.
func (s *Scene) learnLoops(loops []*loop) {
	all := *s.meanwhile
	s.meanwhile = nil
	for _, l := range loops {
		all = append(all, l.exchanges...)
	}
	slices.SortStableFunc(all, func(a, b *exchange) int { return a.sent.Compare(b.sent) })
	for _, e := range all {
		if e.event != "" {
			s.number(e)
			continue
		}
		e.presented = s.run.secrets.tokens[e.raw]
		s.learn(e)
	}
}

// loop is a session that refreshes all the time. It learns nothing while it runs, since the run's books are not for several at once.
type loop struct {
	actor     *Actor
	value     string        // of the current token
	warm      chan struct{} // closed after the second refresh, or at the end
	exchanges []*exchange
}

// run refreshes until it is refused, or a few times more after the change was made.
func (l *loop) run(ctx context.Context, changed <-chan struct{}) {
	warm := sync.OnceFunc(func() { close(l.warm) })
	defer warm()
	t := l.actor.scene.target
	for more := 3; more > 0 && ctx.Err() == nil; {
		e := l.actor.call("refresh", "all the time")
		e.raw, e.genuine = l.value, true
		l.actor.scene.prepare(l.actor.present(e, l.value))
		t.client.do(ctx, e)
		l.exchanges = append(l.exchanges, e)
		access, next := t.read(e)
		switch {
		case next != "":
			l.value = next
		case access == "" || t.profile.Policy.rotates():
			return
		}
		if len(l.exchanges) == 2 {
			warm()
		}
		select {
		case <-changed:
			more--
		case <-time.After(time.Duration(len(l.exchanges)/50) * time.Millisecond): // a hook that takes its time shall not cost thousands
		}
	}
}
