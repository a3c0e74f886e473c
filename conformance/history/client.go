package history

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// client is one of many that use the target: it logs in, refreshes for a long time, then does something that a session may not survive,
// looks whether it has, and begins anew. It waits for each answer, or for those of one race (closed loop).
type client struct {
	*soak
	user   conformance.User
	permit bool // to log in, when this session has ended
}

// Of a hundred steps of a client that may log in again, this many are an event; the others are refreshes. Every other session has one among its
// first steps, although its client has to wait for the next login then: where answers get lost, few sessions live long enough for a late one.
const (
	eventPercent = 25
	earlySteps   = 10
)

// A session ends after so many calls, so that its history can be searched, or so many lost answers, each of which doubles what it
// could have become.
const (
	maxCalls = 2000
	maxLost  = 3
)

// event is what a session may not survive.
type event struct {
	name      string
	survives  bool // where the dialect forgives
	needsPast bool // a spent token
	run       func(c *client, ctx context.Context, f *family)
}

func events(gentle bool) []event {
	logout := event{"logout", false, false, (*client).logout}
	if gentle {
		return []event{logout}
	}
	burst := event{"burst", true, false, (*client).burst}
	return []event{
		logout,
		{"replay", true, true, (*client).replay},
		burst, burst, burst, // most real servers fall there, and a login buys one event
		{"refresh meets replay", true, true, (*client).refreshMeetsReplay},
		{"refresh meets logout", false, false, (*client).refreshMeetsLogout},
		{"logout with a spent token", false, true, (*client).logoutSpent},
	}
}

// run lives one session after another until working ends; the last one is closed while ctx lasts.
func (c *client) run(ctx, working context.Context) {
	for working.Err() == nil {
		if !c.permit && c.logins.Wait(working) != nil {
			return
		}
		c.permit = false
		f := c.login(ctx)
		if f == nil {
			continue
		}
		c.live(ctx, working, f)
		c.finished <- f
	}
}

func (c *client) login(ctx context.Context) *family {
	t := c.anyTarget()
	r := t.Login(ctx, c.user)
	c.count(ctx, "login", r)
	if r.Outcome != conformance.Accepted || r.Refresh == "" {
		return nil
	}
	return newFamily(c.nextFamily(), c.start, t.name, r)
}

// live uses a session until it has ended.
func (c *client) live(ctx, working context.Context, f *family) {
	early, possible := 0, events(c.gentle)
	first := !c.gentle && c.racing.CompareAndSwap(false, true) // one session sees to it that there is a race at all
	if first {
		possible = []event{{"burst", true, false, (*client).burst}}
		defer func() { c.racing.Store(c.raced()) }()
	}
	if first || !c.gentle && rand.IntN(2) == 0 {
		early = 1 + rand.IntN(earlySteps)
	}
	for step := 0; working.Err() == nil; step++ {
		calls, lost := f.size()
		if calls >= maxCalls || lost >= maxLost || f.old(c.longest) {
			break
		}
		now := step > 0 && step == early
		if !now && (rand.IntN(100) >= eventPercent || !c.permit && !c.logins.Allow()) {
			if c.refresh(ctx, f, f.newest(), "").out.outcome == conformance.Refused {
				f.lostAfter(lost)
				break
			}
			continue
		}
		c.permit = c.permit || !now
		e := possible[rand.IntN(len(possible))]
		if e.needsPast && f.newest() == 0 {
			continue
		}
		e.run(c, ctx, f)
		if !c.aftermath(ctx, f) || !e.survives || !c.dialect.forgives() {
			return
		}
	}
	if ctx.Err() == nil {
		c.logout(ctx, f)
		c.aftermath(ctx, f)
	}
}

// aftermath presents every token that could still be alive, several times, since an end must last, and then those before the newest: a
// rotation that was lost would have brought them back. It reports whether one is.
func (c *client) aftermath(ctx context.Context, f *family) (alive bool) {
	for range 3 {
		leaves := f.leaves()
		rand.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
		for _, t := range leaves {
			if ctx.Err() == nil && c.refresh(ctx, f, t, "still alive?").out.outcome == conformance.Accepted {
				alive = true
			}
		}
		if alive {
			return true
		}
	}
	for t := f.newest() - 1; t >= 0 && t >= f.newest()-2 && ctx.Err() == nil && !c.gentle; t-- {
		if c.refresh(ctx, f, t, "back again?").out.outcome == conformance.Accepted {
			return true
		}
	}
	return false
}

func (c *client) refresh(ctx context.Context, f *family, token int, why string) op {
	return c.call(ctx, f, input{token: token}, why)
}

// spent is a token that was rotated: the newest's parent or any ancestor.
func spent(f *family) int {
	n := f.newest()
	if n == 0 {
		return 0
	}
	if rand.IntN(2) == 0 {
		return n - 1
	}
	return rand.IntN(n)
}

func (c *client) replay(ctx context.Context, f *family) {
	c.refresh(ctx, f, spent(f), "replay")
}

// burst presents one token several times at once. It is a race if at least two of the calls are answered.
func (c *client) burst(ctx context.Context, f *family) {
	t := f.newest()
	var calls []func()
	var answered atomic.Int64
	for range 2 + rand.IntN(7) {
		calls = append(calls, func() {
			if c.refresh(ctx, f, t, "burst").out.outcome != conformance.Undecided {
				answered.Add(1)
			}
		})
	}
	together(calls...)
	if answered.Load() > 1 {
		c.race()
	}
}

func (c *client) refreshMeetsReplay(ctx context.Context, f *family) {
	t := spent(f)
	together(
		func() { c.chain(ctx, f) },
		func() { c.refresh(ctx, f, t, "replay") },
	)
}

func (c *client) refreshMeetsLogout(ctx context.Context, f *family) {
	t := f.newest()
	together(
		func() { c.chain(ctx, f) },
		func() { c.call(ctx, f, input{logout: true, token: t}, "logout") },
	)
}

// chain rotates as fast as it can, a few times.
func (c *client) chain(ctx context.Context, f *family) {
	t := f.newest()
	for range 4 {
		o := c.refresh(ctx, f, t, "")
		if o.out.outcome != conformance.Accepted || o.out.child < 0 {
			return
		}
		t = o.out.child
	}
}

func (c *client) logout(ctx context.Context, f *family) {
	c.call(ctx, f, input{logout: true, token: f.newest()}, "logout")
}

func (c *client) logoutSpent(ctx context.Context, f *family) {
	c.call(ctx, f, input{logout: true, token: spent(f)}, "logout with a spent token")
}

// together makes calls at once, half of the time staggered a little, so that each can come first.
func together(calls ...func()) {
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for _, call := range calls {
		var pause time.Duration
		if rand.IntN(2) == 0 {
			pause = rand.N(3 * time.Millisecond)
		}
		wg.Go(func() {
			<-gate
			time.Sleep(pause)
			call()
		})
	}
	close(gate)
	wg.Wait()
}
