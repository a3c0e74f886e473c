package conformance

import (
	"context"
	"fmt"
	"time"
)

// Measurement is what a target was seen to do where servers legitimately differ.
type Measurement struct {
	Policy Policy
	Seen   []string // one line for each member: what was measured, or guessed and why

	PasswordChecks int // that it cost
}

// Measure finds out a target's policy, for a draft of its profile; whether that is what the target should do is not its question. It costs
// about eight logins, and the time until the grace ends, at most o.MaxWait. The errors are those of [Run].
func Measure(ctx context.Context, o Options) (Measurement, error) {
	o, _, err := o.complete()
	if err != nil {
		return Measurement{}, err
	}
	r := &run{opts: o, clock: &clock{advance: o.Advance}, secrets: newSecrets()}
	t, err := r.open(ctx, o.Target)
	if err != nil {
		return Measurement{}, err
	}
	defer t.client.close()
	m := &measuring{Scene: &Scene{ctx: ctx, run: r, target: t, scenario: Scenario{ID: "measure"}}}
	m.setUp()
	m.guard(func() {
		m.rotation()
		m.reuse()
		m.logout()
		m.lifetime()
	})
	if m.reason != "" {
		m.saw("the measuring ended early: %s", r.secrets.redact(m.reason))
	}
	m.PasswordChecks = r.passwordChecks
	if ctx.Err() != nil {
		return m.Measurement, context.Cause(ctx)
	}
	return m.Measurement, nil
}

type measuring struct {
	*Scene
	Measurement
}

func (m *measuring) saw(format string, args ...any) {
	m.Seen = append(m.Seen, fmt.Sprintf(format, args...))
}

// rotation presents a spent token at once, and says what came of it.
func (m *measuring) rotation() {
	p, v := &m.Policy, m.Victim.NewSession()
	parent := v.refresh
	first := v.Refresh()
	m.Given("a live token was not accepted", first, first.accepted())
	if first.refresh == nil || first.refresh == parent {
		p.Rotation = "none"
		m.target.profile.Policy.Rotation = "none" // what follows goes by it
		m.saw("rotation: none: a refresh brought no other refresh token")
		return
	}
	again := m.SecondTab.RefreshWith(parent, "at once")
	if again.accepted() {
		p.Rotation, p.GraceAnswer = "grace", m.graceOf(v, again)
		m.saw("rotation: grace: a spent token was presented again at once, and %s", graces[p.GraceAnswer])
		m.graceSeconds(true)
		return
	}
	alive := v.Refresh()
	if !alive.rotated() {
		p.Rotation = "strict"
		m.saw("rotation: strict: a spent token was refused at once, and its session ended")
		return
	}
	v.Rotate()
	m.Attacker.RefreshWith(parent, "an older ancestor")
	if v.Refresh().rotated() {
		p.Rotation, p.Reuse = "strict", "none"
		m.saw("rotation: strict: a spent token was refused at once; its session lived on, then and after an older ancestor came")
		return
	}
	p.Rotation = "loser-rejected"
	m.saw("rotation: loser-rejected: a spent token was refused at once and its session lived on, until an older ancestor came")
	m.graceSeconds(false)
}

// graceSeconds asks again and again until the grace has ended.
func (m *measuring) graceSeconds(answered bool) {
	m.target.profile.Policy.Rotation, m.target.profile.Policy.GraceSeconds = m.Policy.Rotation, 1 // what follows spends twice
	v := m.SecondTab.NewSession()
	parent := v.Rotate()
	start, last := m.run.clock.now(), time.Duration(0)
	for _, after := range []time.Duration{1, 2, 3, 5, 8, 11, 16, 21, 31, 46, 61, 91, 121} {
		d := after * time.Second
		if d > m.run.opts.MaxWait {
			break
		}
		if err := m.run.clock.waitUntil(m.ctx, start.Add(d-tick/4)); err != nil {
			m.stop(Inconclusive, "%v", err)
		}
		e := m.Attacker.RefreshWith(parent, "is the grace over?")
		over := !e.accepted()
		if !answered { // the refusal says nothing; whether the session lives does, but only once
			over = m.lapsed(d)
		}
		if over {
			m.Policy.GraceSeconds = usualBetween(last, d)
			m.saw("grace_seconds: the grace ended between %v and %v after the rotation; %d is the usual value there", last, d, m.Policy.GraceSeconds)
			return
		}
		last = d
	}
	m.Policy.GraceSeconds = max(60, int(last.Seconds()))
	m.saw("grace_seconds: guessed: the grace had not ended %v after the rotation, and -max-wait ended the question", last)
}

// lapsed reports, with a session of its own, whether a spent token ends its session d after its rotation.
func (m *measuring) lapsed(d time.Duration) bool {
	v := m.actor("victim", m.Victim.user).NewSession()
	parent := v.Rotate()
	if err := m.run.clock.waitUntil(m.ctx, m.run.clock.now().Add(d)); err != nil {
		m.stop(Inconclusive, "%v", err)
	}
	m.Attacker.RefreshWith(parent, "is the grace over?")
	return !v.Refresh().rotated()
}

// usualBetween is the number of seconds that people choose within (after, until].
func usualBetween(after, until time.Duration) int {
	for _, n := range []int{10, 30, 60, 5, 15, 20, 120, 45, 90, 2, 3} {
		if d := time.Duration(n) * time.Second; d > after && d <= until {
			return n
		}
	}
	return max(1, int(until.Seconds()))
}

// reuse replays a token that no grace covers, and looks who is still alive.
func (m *measuring) reuse() {
	if m.Policy.Rotation == "none" {
		return
	}
	v, b := m.actor("victim", m.Victim.user).NewSession(), m.Bystander.NewSession()
	v.Rotate()
	b.Rotate()
	m.Attacker.RefreshWith(v.Spend(), "reuse")
	mine, his := v.Refresh().rotated(), b.Refresh().rotated()
	switch {
	case mine && his:
		m.Policy.Reuse = "none"
		m.saw("reuse: none: after the replay the session lived on")
	case his:
		m.Policy.Reuse = "family"
		m.saw("reuse: family: the replay ended its session, and the user's other session lived on")
	case mine:
		m.saw("reuse: unclear: the replay ended another session than its own")
	default:
		m.Policy.Reuse = "user"
		m.saw("reuse: user: the replay ended the user's other session as well")
	}
}

// logout logs out one of two sessions, with a spent token if that works, and looks at the rest.
func (m *measuring) logout() {
	v, b := m.actor("victim", m.Victim.user).NewSession(), m.actor("bystander", m.Victim.user).NewSession()
	v.Rotate()
	b.Rotate()
	access := v.access
	out := v.Logout()
	m.Given("the logout did not work", out, out.accepted())
	if m.target.profile.hasMe() {
		m.Policy.Access = map[bool]string{true: "lives", false: "dies"}[m.Attacker.Me(access.value, "after logout").accepted()]
		m.saw("access: %s: the access token was presented after the logout", m.Policy.Access)
	}
	if m.Attacker.RefreshWith(v.refresh, "after logout").accepted() {
		m.saw("logout: unclear: the logout is answered with a yes, and the refresh token works on; a logout that ends no session is no claim")
		return
	}
	if !b.Refresh().rotated() {
		m.Policy.Logout = "user"
		m.saw("logout: user: the user's other session ended as well")
		return
	}
	m.Policy.Logout = "family"
	if m.Policy.Rotation == "none" {
		m.saw("logout: family: the user's other session lived on")
		return
	}
	m.SecondTab.LogoutWith(b.Rotate(), "spent")
	if b.Refresh().rotated() {
		m.Policy.Logout = "token"
		m.saw("logout: token: a logout with a spent token ended nothing")
		return
	}
	m.saw("logout: family: one with a spent token ended its session, and the user's other session lived on")
}

// lifetime compares what a login and a later refresh state.
func (m *measuring) lifetime() {
	v := m.actor("victim", m.Victim.user).NewSession()
	login := v.last
	if err := m.run.clock.waitUntil(m.ctx, m.run.clock.now().Add(3*tick)); err != nil {
		m.stop(Inconclusive, "%v", err)
	}
	e := v.Refresh()
	first, stated := m.target.life(login)
	second, again := m.target.life(e)
	m.Policy.Lifetime = "both"
	switch {
	case m.Policy.Rotation == "none":
		m.Policy.Lifetime = "absolute"
		m.saw("lifetime: absolute: guessed, since the refresh token stays the same")
	case !stated || !again:
		m.saw("lifetime: both: guessed, since no lifetime of refresh tokens is stated")
	case first-second >= 2*tick:
		m.Policy.Lifetime = "absolute"
		m.saw("lifetime: absolute: the refresh, 3 s later, states an end that did not move")
	default:
		m.saw("lifetime: both: the refresh, 3 s later, states a new end; that there is an absolute end as well is a guess")
	}
}
