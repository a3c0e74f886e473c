package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance/history"
)

const (
	calm          = 5 * time.Second  // before the first fault
	freezeTime    = 25 * time.Second // longer than the others need to expel who does not answer
	resumeTimeout = 2 * time.Minute  // until all servers write again
	returnTimeout = 3 * time.Minute  // until all members are back
)

// try starts everything, lets the faults happen while clients use the servers, and reports, however it ends.
func try(ctx context.Context, s settings, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "jwt-toy-cluster-")
	if s.logs != "" {
		err = errors.Join(err, os.RemoveAll(dir), os.MkdirAll(s.logs, 0o755))
		dir = s.logs
	}
	if err != nil {
		return err
	}
	if s.logs == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	r := newReport(s)
	fmt.Fprintln(stderr, "starting three nodes of MySQL …")
	g, err := startGroup(ctx, dir)
	defer func() { err = errors.Join(err, g.close()) }()
	if err != nil {
		return fmt.Errorf("start the group: %w", err)
	}
	if err := r.askMySQL(ctx, g.nodes[0].root); err != nil {
		return err
	}
	servers, err := startServers(ctx, dir, g.url())
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	if err != nil {
		return err
	}
	err = r.soak(ctx, g, servers, stderr)
	r.text(stdout)
	if s.jsonFile != "" {
		err = errors.Join(err, r.writeJSON(s.jsonFile))
	}
	return err
}

// soak lets clients use the servers while the faults happen, and looks at what is left.
func (r *report) soak(ctx context.Context, g *group, servers []*server, stderr io.Writer) error {
	s := r.Settings
	o := history.Options{
		Clients: s.Clients, LoginRate: s.LoginRate, Duration: calm + time.Duration(s.Kills+s.Freezes)*(resumeTimeout+returnTimeout+s.Calm),
		Progress: func(p history.Progress) { fmt.Fprintln(stderr, p) },
	}
	o.Target.RequestTimeout = requestTimeout
	for _, server := range servers {
		o.Target.Replicas = append(o.Target.Replicas, server.url)
	}
	o.Target.Target, o.Target.Replicas = o.Target.Replicas[0], o.Target.Replicas[1:]

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	until, over := context.WithCancel(ctx)
	defer over()
	o.Until = until
	var faults error
	var happening sync.WaitGroup
	happening.Go(func() {
		if faults = r.faults(ctx, g, servers, stderr); faults != nil {
			cancel()
		}
		over()
	})
	result, err := history.Run(ctx, o)
	happening.Wait()
	if faults != nil {
		err = faults
	}
	if result != nil {
		r.take(result)
	}
	if err != nil {
		return err
	}
	for _, server := range servers {
		if !server.runs() {
			return fmt.Errorf("a server has ended by itself:\n%s", server.log())
		}
	}
	r.MySQLErrors, r.TokensAhead = mysqlErrors(servers), mentions(servers, "token_ahead")
	if r.Differences, err = g.differences(ctx); err != nil {
		return err
	}
	r.Complete = true
	return r.judge()
}

// faults lets one fault happen after another.
func (r *report) faults(ctx context.Context, g *group, servers []*server, stderr io.Writer) error {
	pause(ctx, calm)
	for i := range r.Settings.Kills + r.Settings.Freezes {
		f := fault{Kind: "kill", begin: kill, end: start}
		if i >= r.Settings.Kills {
			f = fault{Kind: "freeze", begin: freeze, end: thaw, lasts: freezeTime}
		}
		if err := f.happen(ctx, g, servers); err != nil {
			return fmt.Errorf("%s %d: %w", f.Kind, i+1, err)
		}
		r.Faults = append(r.Faults, f)
		fmt.Fprintf(stderr, "%s of %s: %s is the primary after %.1f s, all servers write again after %.1f s, all members were back after %.1f s\n",
			f.Kind, f.Member, f.NewPrimary, f.Elected, slices.Max(f.Resumed), f.Whole)
		pause(ctx, r.Settings.Calm)
	}
	return ctx.Err()
}

func kill(ctx context.Context, n *node) error {
	return docker(ctx, "kill", "--signal", "KILL", n.container)
}
func start(ctx context.Context, n *node) error  { return docker(ctx, "start", n.container) }
func freeze(ctx context.Context, n *node) error { return docker(ctx, "pause", n.container) }
func thaw(ctx context.Context, n *node) error   { return docker(ctx, "unpause", n.container) }

// happen strikes the primary, waits until all servers write again, lets it come back, and waits until the group is whole.
func (f *fault) happen(ctx context.Context, g *group, servers []*server) error {
	old := g.primary(ctx)
	if old == nil {
		return errors.New("the group has no primary")
	}
	f.Member = old.host
	begin := time.Now()
	if err := f.begin(ctx, old); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	f.Resumed = make([]float64, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		all.Go(func() { f.Resumed[i] = awaited(waiting, begin, func() bool { return s.writes(waiting) }) })
	}
	all.Go(func() {
		f.Elected = awaited(waiting, begin, func() bool {
			n := g.primaryWithout(waiting, old)
			if n != nil {
				f.NewPrimary = n.host
			}
			return n != nil
		})
	})
	all.Wait()
	if slices.Min(f.Resumed) == 0 || f.NewPrimary == "" {
		return fmt.Errorf("within %s not all servers wrote again: %v", resumeTimeout, f.Resumed)
	}
	pause(ctx, f.lasts-time.Since(begin))
	if err := f.end(ctx, old); err != nil {
		return err
	}
	back := time.Now()
	returning, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	for !g.whole(returning) {
		if returning.Err() != nil {
			return fmt.Errorf("%s did not come back within %s", old.host, returnTimeout)
		}
		pause(returning, 100*time.Millisecond)
	}
	f.Whole = seconds(time.Since(back))
	return nil
}

// awaited returns how many seconds after begin something came about, 0 if it did not.
func awaited(ctx context.Context, begin time.Time, done func() bool) float64 {
	for ctx.Err() == nil {
		if done() {
			return seconds(time.Since(begin))
		}
		pause(ctx, 50*time.Millisecond)
	}
	return 0
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// seconds has one digit behind the point: more would be the weather.
func seconds(d time.Duration) float64 {
	return max(0.1, float64(d.Round(100*time.Millisecond))/float64(time.Second))
}
