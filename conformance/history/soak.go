// Package history soaks a running target: many clients use it for a while, every call and answer is recorded, and each session's history
// is checked for linearizability against a sequential model of a token family ([porcupine]). It finds what no story races for: an answer
// that no order of the calls can explain.
//
// A session's history is checked when it ends and then forgotten, so that a soak can last. An answer that did not come, or was an error of
// the target's own, may have had its effect or not, then or later; the model allows for both.
//
// [porcupine]: https://github.com/anishathalye/porcupine
package history

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	neturl "net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/time/rate"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Options say what to soak and how. The zero value of a number is its default.
type Options struct {
	Target conformance.Options // where it is, its replicas, users and profile, and the guards

	Clients   int             // 0: 16
	Duration  time.Duration   // 0: 30 s
	Until     context.Context // ends the soak sooner, with its last sessions closed as at its end; nil: nothing does
	LoginRate float64         // logins per second, since they cost password hashes; 0: 2
	FailFast  bool            // end when the first session is impossible, unless it failed closed
	Recovery  time.Duration   // how long a target may take to serve again when it is all over; 0: 20 s
	Gentle    bool            // do nothing that a session may not survive, but log out: for targets in trouble, whose losses are counted
	Started   func()          // called when all targets have answered and the clients begin; nil: nobody listens
	Progress  func(Progress)
	_         struct{}
}

// Progress is where a soak stands.
type Progress struct {
	Elapsed    time.Duration
	Calls      int
	PerSecond  float64 // since the last report
	Sessions   int     // that ended and were checked
	Unknown    int     // calls without an answer that says something
	Violations int
}

const (
	progressEvery = 2 * time.Second
	closingTime   = 20 * time.Second // for the last calls of sessions that live when the time is up
	checkTimeout  = 10 * time.Second // of one history
)

// place is one of the targets.
type place struct {
	*conformance.Client
	name string // host and path; "" where there is only one
}

// soak is the state of one.
type soak struct {
	targets  []place
	dialect  dialect
	gentle   bool
	longest  time.Duration // a session may live; 0: no end in sight
	logins   *rate.Limiter
	start    time.Time
	finished chan *family
	families atomic.Int64
	racing   atomic.Bool // some session has raced, or is about to

	impossible func() // called when a session is; nil: nobody listens

	mu     sync.Mutex
	result *Result
}

// Run soaks the targets. An error means that nothing was established: it wraps conformance.ErrUsage or conformance.ErrUnavailable. When ctx
// ends, Run returns what is known by then, with ctx's cause as the error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s, err := open(ctx, o)
	defer s.close()
	if err != nil {
		return nil, err
	}
	working, stopWorking := context.WithTimeout(ctx, o.Duration)
	defer stopWorking()
	if o.Until != nil {
		defer context.AfterFunc(o.Until, stopWorking)()
	}
	if o.FailFast {
		s.impossible = stopWorking
	}
	var clients, checkers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		checkers.Go(s.check)
	}
	stop := s.report(o.Progress)
	closing, cancel := context.WithTimeout(ctx, o.Duration+closingTime)
	defer cancel()
	users := s.targets[0].Users()
	if o.Started != nil {
		o.Started()
	}
	for i := range o.Clients {
		c := &client{soak: s, user: users[i%len(users)]}
		clients.Go(func() { c.run(closing, working) })
	}
	clients.Wait()
	close(s.finished)
	checkers.Wait()
	s.result.Took = time.Since(s.start)
	s.result.Away = s.away(ctx, o.Recovery)
	stop()
	s.result.explain(ctx, s.dialect)
	if ctx.Err() != nil {
		s.result.Interrupted = true
		return s.result, context.Cause(ctx)
	}
	return s.result, nil
}

// complete fills in defaults and says what is wrong.
func (o *Options) complete() error {
	if o.Clients == 0 {
		o.Clients = 16
	}
	if o.Duration == 0 {
		o.Duration = 30 * time.Second
	}
	if o.LoginRate == 0 {
		o.LoginRate = 2
	}
	if o.Recovery == 0 {
		o.Recovery = 20 * time.Second
	}
	switch {
	case o.Clients < 1 || o.Clients > maxClients:
		return fmt.Errorf("%w: %d clients: want 1 to %d", conformance.ErrUsage, o.Clients, maxClients)
	case o.Duration < time.Second || o.Duration > maxDuration:
		return fmt.Errorf("%w: a soak of %v: want 1s to %v", conformance.ErrUsage, o.Duration, maxDuration)
	case o.Recovery < 0 || o.Recovery > time.Hour:
		return fmt.Errorf("%w: a recovery of %v: want at most 1h", conformance.ErrUsage, o.Recovery)
	case o.LoginRate <= 0 || o.LoginRate > maxLoginRate:
		return fmt.Errorf("%w: %v logins per second: want more than 0, at most %v", conformance.ErrUsage, o.LoginRate, maxLoginRate)
	}
	return nil
}

const (
	maxClients   = 500
	maxDuration  = 7 * 24 * time.Hour
	maxLoginRate = 1000
)

// open makes sure that each target answers. What it returns must be closed, with an error too.
func open(ctx context.Context, o Options) (*soak, error) {
	s := &soak{logins: rate.NewLimiter(rate.Limit(o.LoginRate), o.Clients), finished: make(chan *family, o.Clients), gentle: o.Gentle}
	var err error
	if s.dialect, err = dialectOf(o.Target.Profile.Policy); err != nil {
		return s, fmt.Errorf("%w: %w", conformance.ErrUsage, err)
	}
	urls := append([]string{o.Target.Target}, o.Target.Replicas...)
	var names []string
	for _, url := range urls {
		one := o.Target
		one.Target, one.Run = url, nil
		c, err := conformance.Dial(ctx, one)
		if err != nil {
			return s, err
		}
		p := place{Client: c}
		names = append(names, c.Target())
		if u, err := neturl.Parse(c.Target()); err == nil && len(urls) > 1 {
			p.name = u.Host + strings.TrimSuffix(u.Path, "/")
		}
		s.targets = append(s.targets, p)
	}
	s.longest = s.targets[0].RefreshLife() / 2
	if m := o.Target.SessionMaxTTL / 2; m > 0 && (s.longest == 0 || m < s.longest) {
		s.longest = m
	}
	s.result = newResult(names, o, s.dialect)
	s.start = time.Now()
	return s, nil
}

func (s *soak) close() {
	for _, t := range s.targets {
		t.Close()
	}
}

func (s *soak) anyTarget() place { return s.targets[rand.IntN(len(s.targets))] }

func (s *soak) nextFamily() int { return int(s.families.Add(1)) }

// call makes one call of a session and counts it.
func (s *soak) call(ctx context.Context, f *family, in input, why string) op {
	name := "refresh"
	if in.logout {
		name = "logout"
	}
	o, r := f.call(ctx, s.anyTarget(), in, why)
	s.count(ctx, name, r)
	if r.Kind == conformance.ConnectionRefused {
		time.Sleep(afterRefused)
	}
	return o
}

// afterRefused is how long a client waits that finds nobody.
const afterRefused = 20 * time.Millisecond

// race counts a token that several clients presented at once.
func (s *soak) race() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Races++
}

func (s *soak) raced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result.Races > 0
}

// count counts an answer, but not the lack of one that is our own doing.
func (s *soak) count(ctx context.Context, call string, r conformance.Reply) {
	if ctx.Err() != nil && r.Outcome == conformance.Undecided {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.count(call, r)
}

// away names the targets that do not serve when it is all over, and why: what is not answered is held against nobody, so a target that has
// died, or answers with errors alone, looks well otherwise.
func (s *soak) away(ctx context.Context, recovery time.Duration) (names []string) {
	working, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	found := make([]string, len(s.targets))
	var all sync.WaitGroup
	for i, t := range s.targets {
		all.Go(func() {
			for why := ""; ; time.Sleep(retryAfter) {
				kind, ok := t.serves(working)
				if ok || ctx.Err() != nil {
					return
				}
				if working.Err() == nil {
					why = kind
					continue
				}
				if why = cmp.Or(why, kind); !strings.HasSuffix(why, tooMany) {
					found[i] = t.Target() + " (" + why + ")"
				}
				return
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(found, func(s string) bool { return s == "" })
}

// A target that has had enough calls is tried again too, but serves.
const (
	retryAfter = 250 * time.Millisecond
	tooMany    = "429"
)

// serves reports whether a session can be begun, used and ended, or what came instead.
func (p place) serves(ctx context.Context) (kind string, ok bool) {
	login := p.Login(ctx, p.Users()[0])
	if login.Outcome != conformance.Accepted {
		return "login: " + login.Kind, false
	}
	refresh := p.Refresh(ctx, login.Refresh, login.Access)
	if refresh.Outcome != conformance.Accepted {
		return "refresh: " + refresh.Kind, false
	}
	if refresh.Refresh == "" { // it stays the same
		refresh.Refresh = login.Refresh
	}
	logout := p.Logout(ctx, refresh.Refresh, refresh.Access)
	return "logout: " + logout.Kind, logout.Outcome == conformance.Accepted
}

// check judges sessions as they end.
func (s *soak) check() {
	c := checker{s.dialect, checkTimeout}
	for f := range s.finished {
		h := s.dialect.whole(f.ops)
		judged := c.judge(h)
		closed := judged == porcupine.Illegal && c.failedClosed(h)
		s.mu.Lock()
		s.result.judged(f.number, h, judged, closed)
		if f.ended && judged != porcupine.Illegal {
			s.result.Lost++
		}
		s.mu.Unlock()
		if judged == porcupine.Illegal && !closed && s.impossible != nil {
			s.impossible()
		}
	}
}

// report calls back every two seconds until stop is called.
func (s *soak) report(progress func(Progress)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for before := (Progress{}); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s.mu.Lock()
			now := s.result.progress()
			s.mu.Unlock()
			now.Elapsed = time.Since(s.start)
			now.PerSecond = float64(now.Calls-before.Calls) / (now.Elapsed - before.Elapsed).Seconds()
			before = now
			progress(now)
		}
	})
	return func() { cancel(); wg.Wait() }
}

func (p Progress) String() string {
	return fmt.Sprintf("%v: %d calls, %.0f per second, %d sessions checked, %d unknown outcomes, %d violations",
		p.Elapsed.Round(time.Second), p.Calls, p.PerSecond, p.Sessions, p.Unknown, p.Violations)
}
