package conformance

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// replicas is how many instances of the target there are.
func (t *target) replicas() int { return len(t.client.bases) }

// route chooses the replica that shall answer, in turn unless the story has chosen. A page's own origin is that of the replica that it speaks to.
func (s *Scene) route(e *exchange) {
	t := s.target
	if t.replicas() == 1 {
		return
	}
	if e.replica == 0 {
		e.replica = int(s.turn.Add(1)-1)%t.replicas() + 1
	}
	if e.header.Get("Origin") == origin(t.client.base) {
		e.header.Set("Origin", origin(t.client.at(e)))
	}
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// at sends the actor's requests to one replica, counted from 0 and round and round.
func (a *Actor) at(replica int) *Actor {
	if n := a.scene.target.replicas(); n > 1 {
		a.pin = replica%n + 1
	}
	return a
}

// apart says how the replicas disagree, where an answer was not what it should have been: who issued or exchanged what, and who knows
// nothing of it. With one instance it says nothing.
func (s *Scene) apart(e *exchange) string {
	if e == nil || e.replica == 0 || e.presented == nil {
		return ""
	}
	t := e.presented
	var exchanged []string
	for _, o := range s.exchanges {
		if name := fmt.Sprint(o.replica); o.presented == t && o.call == "refresh" && o.accepted() && !slices.Contains(exchanged, name) {
			exchanged = append(exchanged, name)
		}
	}
	switch {
	case len(exchanged) > 1:
		return fmt.Sprintf("replicas %s each exchanged %s", strings.Join(exchanged, " and "), t)
	case !e.accepted() && len(exchanged) == 0 && t.from != 0 && t.from != e.replica:
		return fmt.Sprintf("replica %d issued %s, and replica %d does not take it", t.from, t, e.replica)
	}
	for i := len(s.exchanges) - 1; i >= 0; i-- {
		if o := s.exchanges[i]; o.n < e.n && o.replica != e.replica && o.presented != nil && o.presented.family == t.family {
			return fmt.Sprintf("replica %d had answered %s with %s in step %d, and replica %d answered %s with %s", o.replica, o.presented, o.got(), o.n, e.replica, t, e.got())
		}
	}
	return ""
}

// settle is how long the preflight lets a replica come to know a session that it refused at first.
const settle = time.Second

// meet looks whether a session of the first replica goes on at every other. Where one does not, the run knows why, and
// judges nothing but that: all else would fail for the same reason.
func (r *run) meet(ctx context.Context, t *target) error {
	s := &Scene{ctx: ctx, run: r, target: t, scenario: Scenario{ID: "preflight"}}
	var problem error
	s.guard(func() {
		for i := 1; i < t.replicas(); i++ {
			if problem = r.meets(s, i); problem != nil || r.split != nil {
				return
			}
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return problem
}

func (r *run) meets(s *Scene, i int) error {
	base := s.target.client.bases[i]
	for _, pause := range []time.Duration{0, settle} {
		a := s.actor("preflight", s.target.users[0]).at(0)
		login := a.Login()
		s.Given("the login did not work", login, login.accepted() && login.refresh != nil)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
		e := a.at(i).Refresh()
		switch {
		case e.err != nil:
			return fmt.Errorf("%w: %s: %s; is this replica running, and is this its address?", ErrUnavailable, base.Redacted(), plainError(e.err))
		case e.rotated():
			if pause > 0 {
				r.notes = append(r.notes, fmt.Sprintf("replica %d refuses a session that is younger than %v: does it read a copy that is late?", i+1, settle))
			}
			return nil
		case pause > 0:
			r.split = &split{e, s.strangers(a, i, e)}
		}
	}
	return nil
}

// split is that the replicas are strangers: the refused refresh that shows it, and why.
type split struct {
	shown *exchange
	why   string
}

// strangers says why a replica refuses a session of the first one.
func (s *Scene) strangers(a *Actor, i int, e *exchange) string {
	text := fmt.Sprintf("a login at replica 1 cannot be refreshed at replica %d, which answers %s", i+1, e.got())
	access := a.access
	login := s.actor("preflight", a.user).at(i).Login()
	if !login.accepted() {
		return text + fmt.Sprintf("; nor can the user log in there (%s): it has another database, or is another service", login.got())
	}
	text += "; the user can log in there"
	if !s.target.profile.hasMe() {
		return text + ": each replica keeps its sessions by itself, or they sign with different secrets"
	}
	if me := a.Me(access.value, ""); !me.accepted() {
		return text + fmt.Sprintf(", but the access token of replica 1 opens nothing (%s): they sign with different secrets, or each keeps its sessions by itself", me.got())
	}
	return text + ", and the access token of replica 1 works, so users and secret are shared: each replica keeps its sessions by itself"
}

func operationsReplicas() Scenario {
	return Scenario{
		ID: "operations.replicas", Title: "What one replica did, every other knows at once", Level: Must, Stage: 11, Needs: NeedReplicas,
		Refs: []Ref{motivatedBy("the kit's contract", "a session is the same session on every replica"), recommendedBy("OWASP ASVS 5.0", "7.4.1")},
		Why:  "behind a load balancer users are signed out at random; worse, a token that one process has spent or revoked works at the next",
		Hint: "keep sessions, and above all what ends them, in one database that decides; no map, lock or cache of the process, no read replica",
		Checks: []Check{
			{Slug: "shared", Text: "a session that began at one replica goes on at every other"},
			{Slug: "alternates", Text: "twenty refreshes, each at the next replica at once, all succeed"},
			{Slug: "access", Text: "an access token of one opens the protected endpoint at the next"},
			{Slug: "spent", Text: "a token that one has rotated is refused by the next at once"},
			{Slug: "ended", Text: "a family that ended at one is over at the next at once, although that had just refreshed it"},
			{Slug: "logged-out", Text: "so is one that was logged out"},
		},
		Run: func(s *Scene) {
			if s.run.split != nil {
				s.Check("shared", s.run.split.shown, false, "new tokens", s.run.split.why)
				return
			}
			v := s.Victim.at(0).NewSession()
			for i := range 20 {
				e := v.at(i + 1).Refresh()
				s.Accepted("alternates", e)
				s.Check("shared", e, e.rotated(), "new tokens", "")
				if s.target.profile.hasMe() {
					me := v.at(i+2).Me(v.access.value, "")
					s.Check("access", me, me.accepted(), "200", "")
				}
			}
			for i := range max(4, s.target.replicas()) {
				v = s.actor("victim", s.Victim.user).SignIn().at(i)
				old := v.Spend()
				if why := needsRotation(s.policy()); why != "" {
					s.Skip("spent", why)
					s.Skip("ended", why)
				} else {
					s.Refused("spent", s.Attacker.at(i+1).RefreshWith(old, "rotated"))
					s.Ended("ended", v.Refresh())
				}
				v = s.actor("victim", s.Victim.user).SignIn().at(i)
				v.Rotate()
				out := s.SecondTab.at(i+1).LogoutWith(v.refresh, "")
				s.Given("the logout did not work", out, out.accepted())
				s.Refused("logged-out", v.Refresh())
			}
			s.Control()
		},
	}
}
