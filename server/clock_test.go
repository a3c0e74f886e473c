package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// TestTortureClocks soaks two replicas while the clock of either is set, again and again, to an hour ahead or back or right: by as much as
// two hours at a time, and by as much as two hours from the other's. No request fails. Clients that do nothing wrong lose no session, in
// either dialect; and whatever clients do, no spent token works, and each that comes back ends its session, where no grace asks for the time.
func TestTortureClocks(t *testing.T) {
	for name, databaseURL := range map[string]func(*testing.T) string{"sqlite": sqliteURL, "mysql": func(t *testing.T) string { return mysqltest.URL(t) }} {
		t.Run(name+", gentle clients", func(t *testing.T) {
			urls, log := replicasWithClocks(t, databaseURL(t), defaultLifetimes)
			r, text := soakGently(t, tortureTime(t), conformance.Policy{}, urls...)
			requireUndisturbed(t, r, text, log)
		})
		t.Run(name+", gentle clients, grace", func(t *testing.T) {
			urls, log := replicasWithClocks(t, databaseURL(t), withGrace)
			r, text := soakGently(t, tortureTime(t), conformance.Policy{Rotation: "grace", GraceSeconds: 10}, urls...)
			requireUndisturbed(t, r, text, log)
		})
		t.Run(name+", any clients", func(t *testing.T) {
			urls, log := replicasWithClocks(t, databaseURL(t), defaultLifetimes)
			o := history.Options{Clients: 8, Duration: tortureTime(t), LoginRate: 50}
			o.Target.Target, o.Target.Replicas = urls[0], urls[1:]
			r, text := soaked(t, o)
			logged, steps := log()
			requireSound(t, r, text, "200", "204", "401")
			require.Contains(t, logged, "reuse_detected")
			record(t, r, steps)
		})
	}
}

func requireUndisturbed(t *testing.T, r *history.Result, text string, log func() (string, fault)) {
	t.Helper()
	logged, steps := log()
	requireSound(t, r, text, "200", "204", "401")
	require.Zero(t, r.Lost, text)
	require.NotContains(t, logged, "reuse_detected")
	requireNoneAhead(t, logged)
	record(t, r, steps)
}

// replicasWithClocks are two servers on one database, each with a clock that is set every now and then until the log is asked for.
func replicasWithClocks(t *testing.T, databaseURL string, l lifetimes) (urls []string, log func() (string, fault)) {
	t.Helper()
	j := startJudged(t, databaseURL, l, false)
	clocks := []*movedClock{j.clock, new(movedClock)}
	j.clock = clocks[1]
	stop := setAgain(clocks)
	return []string{j.url, j.replica()}, func() (string, fault) {
		steps := fault{Name: "clock set", Times: stop()}
		require.Greater(t, steps.Times, 10)
		b, err := os.ReadFile(j.log.Name())
		require.NoError(t, err)
		return string(b), steps
	}
}

// setAgain sets one of the clocks every now and then until stop is called, which returns how often that was.
func setAgain(clocks []*movedClock) (stop func() (times int)) {
	over, done := make(chan struct{}), make(chan int)
	offsets := []time.Duration{-time.Hour, 0, time.Hour}
	go func() {
		for times := 0; ; times++ {
			select {
			case <-over:
				done <- times
				return
			case <-time.After(rand.N(60 * time.Millisecond)):
				clocks[rand.N(len(clocks))].offset.Store(int64(offsets[rand.N(len(offsets))]))
			}
		}
	}()
	return func() int { close(over); return <-done }
}
