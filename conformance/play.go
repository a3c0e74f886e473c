package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Lifetimes that the stories need: the ordinary ones a session that outlives them, the expiry ones an end that can be waited for.
const (
	ordinaryRefreshLife = 60 * time.Second
	ordinaryAccessLife  = 5 * time.Second
)

// play runs the ordinary stories one after the other, then those that wait, all at once around shared waits, then those that read
// the database, when there are tokens of every fate, and the one that is throttled; last come the observers, which judge every exchange of the run.
func (r *run) play(ctx context.Context, main, expiry *target, selected []Scenario) {
	var waiting, last []*Scene
	if r.split != nil && !slices.ContainsFunc(selected, func(sc Scenario) bool { return sc.Needs&NeedReplicas != 0 }) {
		selected = append(selected, operationsReplicas())
	}
	for i, sc := range selected {
		t := main
		if sc.Needs&(NeedTime|NeedAbsolute) != 0 {
			t = expiry
		}
		waits := sc.Needs&(NeedTime|NeedAbsolute|NeedGrace) != 0
		s := &Scene{ctx: ctx, run: r, target: t, scenario: sc}
		r.scenes = append(r.scenes, s)
		switch why := r.unjudgeable(t, sc); {
		case ctx.Err() != nil:
			s.skip("the run was stopped before")
		case why != "":
			s.skip(why)
			r.tell(s)
		case waits:
			waiting = append(waiting, s)
		case sc.Needs&(NeedStorage|NeedLast) != 0:
			last = append(last, s)
		default:
			if r.opts.Starting != nil {
				r.opts.Starting(sc.ID, i+1, len(selected))
			}
			s.play()
			if !sc.later() {
				r.tell(s)
			}
		}
	}
	if p := main.profile.Policy; p.Reuse == "user" || p.Logout == "user" { // then one story's end is that of the others' sessions
		for _, s := range waiting {
			r.playWaiting([]*Scene{s})
		}
	} else {
		r.playWaiting(waiting)
	}
	r.playLast(ctx, last)
	if ctx.Err() != nil {
		for _, s := range r.scenes {
			if s.scenario.later() {
				s.results = nil
				s.skip("the run was stopped before")
			}
		}
		return
	}
	for _, s := range r.scenes {
		if s.scenario.later() && !s.skipped {
			s.observe(ctx)
			r.tell(s)
		}
	}
}

func (r *run) tell(s *Scene) {
	if r.opts.Progress == nil {
		return
	}
	res := s.result()
	for _, e := range r.opts.Expect {
		if !e.ended(time.Now()) {
			res.mark(e)
		}
	}
	r.opts.Progress(res)
}

// unjudgeable says what the run would need to judge a story; "" if it has it.
func (r *run) unjudgeable(t *target, sc Scenario) string {
	timed := sc.Needs&(NeedTime|NeedAbsolute) != 0
	access, refresh := t.accessLife, t.refreshLife
	switch {
	case sc.NotFor != nil && sc.NotFor(t.profile.Policy) != "":
		return sc.NotFor(t.profile.Policy)
	case r.opts.NoRefresh && sc.Stage > LoginStages:
		return noRefreshYet
	case sc.Needs&NeedStorage != 0 && r.opts.Audit == nil:
		return "needs the target's database: -dsn URL, or $CONFORMANCE_DSN"
	case r.opts.skipPreflight:
		return ""
	case t.profile.lacks(sc.Needs) != "":
		return t.profile.lacks(sc.Needs)
	case sc.Needs&NeedSlow != 0 && !r.opts.Slow:
		return "costs many logins more: ask for it with -slow"
	case r.unhooked(t, sc) != "":
		return r.unhooked(t, sc)
	case sc.Needs&NeedMe != 0 && !t.profile.hasMe():
		return "needs a protected endpoint: name one with -me PATH"
	case !timed && (refresh != 0 && refresh < ordinaryRefreshLife || access != 0 && access < ordinaryAccessLife):
		return fmt.Sprintf("this target's tokens live only %v and %v, too short for this story: judge an instance with ordinary lifetimes, and give this one as -expiry-target", access, refresh)
	case timed && refresh == 0:
		return "no answer states the refresh token's lifetime, so there is nothing to wait for"
	case timed && sc.Needs&NeedMe != 0 && access == 0:
		return "neither a member of the answer nor the access token's own exp says how long it lives"
	case sc.Needs&NeedAbsolute != 0 && r.opts.SessionMaxTTL == 0:
		return "needs the absolute life of a session: state it with -session-max-ttl"
	case sc.Needs&NeedGrace != 0 && r.opts.Advance == nil && 2*t.profile.Policy.grace() > r.opts.MaxWait:
		return fmt.Sprintf("needs to wait for the end of the grace, longer than -max-wait %v: raise that, or move the clock with -advance", r.opts.MaxWait)
	case timed && r.opts.Advance != nil:
		return ""
	case sc.Needs&NeedAbsolute != 0 && r.opts.SessionMaxTTL+r.opts.Leeway > r.opts.MaxWait,
		timed && 2*refresh+r.opts.Leeway > r.opts.MaxWait:
		if r.opts.ExpiryTarget != "" {
			return fmt.Sprintf("needs tokens that expire within -max-wait %v, and at the -expiry-target a refresh token lives %v and an access token %v: shorten those, or raise -max-wait", r.opts.MaxWait, refresh, access)
		}
		return fmt.Sprintf("needs tokens that expire within -max-wait %v: give a second instance with short lifetimes as -expiry-target (the reference server: ACCESS_TOKEN_TTL=2s REFRESH_TOKEN_TTL=6s SESSION_MAX_TTL=15s)", r.opts.MaxWait)
	}
	return ""
}

func (s *Scene) skip(why string) {
	s.skipped, s.reason = true, why
	for _, c := range s.scenario.Checks {
		s.results = append(s.results, &CheckResult{ID: s.scenario.ID + "/" + c.Slug, Text: s.say(c.Text), Level: s.scenario.level(c), Verdict: NotJudged})
	}
}

// play runs the story to its end, whatever ends it.
func (s *Scene) play() {
	timeout := s.run.opts.StoryTimeout
	if s.scenario.Needs&NeedStorage != 0 {
		timeout += time.Hour // a reading of the database has a limit of its own
	}
	if s.scenario.Needs&(NeedAdmin|NeedRestart|NeedOutage) != 0 {
		timeout += hookTime
	}
	if s.park != nil || s.scenario.Needs&NeedLast != 0 {
		timeout += s.run.opts.MaxWait
	}
	if s.park == nil {
		s.park = func(time.Time) error { return errors.New("a story that waits must say so in Needs") }
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, timeout, errors.New("the story took too long"))
	defer cancel()
	s.ctx = ctx
	s.setUp()
	s.guard(func() { s.scenario.Run(s) })
	if !s.scenario.later() {
		s.finish()
	}
}

// setUp brings the actors on.
func (s *Scene) setUp() {
	u := s.target.users[0]
	s.Victim, s.SecondTab = s.actor("victim", u), s.actor("second tab", u)
	s.Attacker, s.Bystander = s.actor("attacker", u), s.actor("bystander", u)
}

// guard ends a story at its stop; any other panic is the suite's own fault and makes the story broken, not the run.
func (s *Scene) guard(f func()) {
	defer func() {
		switch p := recover().(type) {
		case nil, stop:
		default:
			s.verdict, s.reason = Broken, fmt.Sprintf("the story panicked: %v", p)
		}
	}()
	f()
}

// observe lets the story judge every exchange of the run, or what else there is when all others are over. What other stories showed is proven by
// their controls and its own.
func (s *Scene) observe(ctx context.Context) {
	proven := s.controlled && s.verdict < Inconclusive
	for _, e := range s.run.all {
		if s.scenario.Observe != nil && e.event == "" && !e.aside {
			s.guard(func() { s.scenario.Observe(s, e) })
		}
	}
	if s.scenario.Last != nil {
		s.guard(func() { s.scenario.Last(s, ctx) })
	}
	if proven {
		s.unproven = len(s.results)
	}
	s.finish()
}

// playWaiting runs the stories that wait as coroutines: each runs until it parks, then the next; when all are parked, time moves on to
// the earliest moment that one waits for. So the run waits once, not once per story.
func (r *run) playWaiting(scenes []*Scene) {
	type coroutine struct {
		scene  *Scene
		until  time.Time
		resume chan error
		parked chan bool // false: ended
	}
	var parked []*coroutine
	step := func(c *coroutine, err error) {
		c.resume <- err
		if <-c.parked {
			parked = append(parked, c)
		} else {
			r.tell(c.scene)
		}
	}
	for _, s := range scenes {
		c := &coroutine{scene: s, resume: make(chan error), parked: make(chan bool)}
		s.park = func(until time.Time) error {
			c.until = until
			c.parked <- true
			return <-c.resume
		}
		go func() {
			if err := <-c.resume; err == nil {
				s.play()
			}
			c.parked <- false
		}()
		step(c, nil)
	}
	for len(parked) > 0 {
		slices.SortStableFunc(parked, func(a, b *coroutine) int { return a.until.Compare(b.until) })
		next := parked[0]
		parked = parked[1:]
		if d := next.until.Sub(r.clock.now()); r.opts.Waiting != nil && d > time.Second && r.opts.Advance == nil {
			r.opts.Waiting(len(parked)+1, d)
		}
		step(next, r.clock.waitUntil(next.scene.ctx, next.until))
	}
}

// clock is the target's time as the run knows it: ours, plus what the clock hook moved it by.
type clock struct {
	advance func(context.Context, time.Duration) error
	offset  time.Duration
	stuck   error // the hook does not move the target's clock
}

func (c *clock) now() time.Time { return time.Now().Add(c.offset) }

func (c *clock) waitUntil(ctx context.Context, t time.Time) error {
	d := t.Sub(c.now())
	if c.stuck != nil {
		return c.stuck
	}
	if d <= 0 {
		return nil
	}
	if c.advance == nil {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return nil
		}
	}
	d = d.Truncate(time.Second) + time.Second
	if err := c.advance(ctx, d); err != nil {
		return fmt.Errorf("the clock hook failed: %w", err)
	}
	c.offset += d
	return nil
}
