package main

import (
	"context"
	"fmt"
	"time"
)

const (
	partQuiet   = "refresh, no cleanup"
	partCleanup = "refresh during cleanup"
)

// cleanup lets clients refresh while the server's own verb removes expired families, and without.
func cleanup(ctx context.Context, l *lab, st *study) error {
	return l.withServer(ctx, l.db.url, sessionCost, func(ctx context.Context, s *server) error {
		browsers, err := l.newBrowsers(ctx, s.addr, many)
		if err != nil {
			return err
		}
		removed := figure{Name: "families removed", Unit: "per second"}
		busy := func(ctx context.Context, d time.Duration) (sample, error) {
			n, short := l.settings.expired(), d < l.settings.Duration
			if short {
				n /= 10
			}
			if err := l.addExpired(ctx, n); err != nil {
				return sample{}, err
			}
			hangUp, err := connect(ctx, s.addr, browsers) // only now, as adding takes its time
			if err != nil {
				return sample{}, err
			}
			defer hangUp()
			fmt.Fprintf(l.stderr, "cleanup of %d families …\n", n)
			got, took, err := duringCleanup(ctx, s, n, refreshes(browsers))
			if err == nil && !short {
				removed.add(float64(n) / took.Seconds())
			}
			return got, err
		}
		err = l.takeTurns(ctx, []part{refreshing(partQuiet, s.addr, browsers), {partCleanup, many, busy}}, &st.Parts)
		if len(removed.Rounds) > 0 {
			st.Figures = append(st.Figures, removed)
		}
		return err
	})
}

// addExpired adds families whose absolute life ended a day ago.
func (l *lab) addExpired(ctx context.Context, n int) error {
	var user []byte
	if err := l.db.pool.QueryRowContext(ctx, `SELECT id FROM users LIMIT 1`).Scan(&user); err != nil {
		return fmt.Errorf("find a user: %w", err)
	}
	return l.fill(ctx, "token_families", n, user, time.Now().Add(-24*time.Hour))
}

// duringCleanup measures clients from the start of a cleanup to its end, however long it takes.
func duringCleanup(ctx context.Context, s *server, families int, clients []operation) (got sample, took time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	var cleanupErr error
	go func() {
		defer close(ended)
		start := time.Now()
		out, err := s.run(ctx, "cleanup")
		took = time.Since(start)
		if want := fmt.Sprintf("%d ended sessions deleted\n", families); err == nil && out != want {
			err = fmt.Errorf("cleanup printed %q, not %q", out, want)
		}
		if cleanupErr = err; err != nil {
			cancel(err)
		}
	}()
	running := func(time.Duration) bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	}
	got, err = loopWhile(ctx, running, clients)
	cancel(err)
	<-ended
	if err == nil {
		err = cleanupErr
	}
	return got, took, err
}
