package main

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// TestEndurance lets many clients do what they like, replays and races and all, with three strict servers on one database, while one thing after
// another befalls them: whatever TestTorture knows, and servers and database are killed. It ends when each has happened, and $ENDURE, if there
// is one, has passed. No session may be impossible, unless it failed closed, and no call without an answer of the contract's, a
// 503 or a connection that ended.
func TestEndurance(t *testing.T) {
	database := mysqltest.NewOwn(t)
	databaseURL := database.URL(t)
	chaos, through := newChaos(t, databaseURL)
	w := &tortured{chaos: chaos, root: database.Root(), name: mysqltest.Name(databaseURL)}
	_, err := w.root.ExecContext(t.Context(), "SET PERSIST max_connect_errors = 1000000") // or it would shut us out for good
	require.NoError(t, err)
	servers := []*killed{startKilled(t, "DATABASE_URL="+through), startKilled(t, "DATABASE_URL="+through), startKilled(t, "DATABASE_URL="+through)}

	nothing := func(context.Context, *tortured) error { return nil }
	strike := func(f func(ctx context.Context) error) func(context.Context, *tortured) error {
		return func(ctx context.Context, w *tortured) error { w.struck.Add(1); return f(ctx) }
	}
	bounced := func(signal syscall.Signal) func(context.Context, *tortured) error {
		return strike(func(context.Context) error { return servers[rand.N(len(servers))].bounce(signal) })
	}
	all := append(tortures(),
		torture{name: "server killed", begin: bounced(syscall.SIGKILL), end: nothing},
		torture{name: "server restarted", begin: bounced(syscall.SIGTERM), end: nothing},
		torture{name: "database killed", begin: strike(func(ctx context.Context) error { return bounceDatabase(ctx, database) }), end: nothing})

	until, over := context.WithCancel(t.Context())
	defer over()
	least, round := endurance(t), make(chan struct{})
	strikes, faults := again(t, w, sync.OnceFunc(func() { close(round) }), all...)
	o := history.Options{Clients: 64, LoginRate: 50, Duration: forever, Until: until, Started: func() {
		strikes.begin()
		time.AfterFunc(least, func() { <-round; over() })
	}}
	o.Target.Target, o.Target.Replicas, o.Target.RequestTimeout = servers[0].url, []string{servers[1].url, servers[2].url}, 30*time.Second
	r, text := soaked(t, o)
	strikes.stop(t)
	require.Equal(t, r.FailedClosed, r.Impossible, text)
	require.LessOrEqual(t, r.FailedClosed, 1+r.Sessions/50, "that many are no accident: %s", text)
	require.Zero(t, r.Unchecked, text)
	require.Subset(t, []string{"200", "204", "401", "503", "connection lost", conformance.ConnectionRefused}, kinds(r), text)
	for _, f := range faults {
		require.Positive(t, f.Times, "%s: it never happened", f.Name)
	}
	for _, p := range servers {
		p.requireSound(t)
	}
	record(t, r, faults...)
}

// endurance is how long it shall take at least, as make torture sets it.
func endurance(t *testing.T) time.Duration {
	t.Helper()
	v := os.Getenv("ENDURE")
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	require.NoError(t, err)
	return d
}

// What TestEndurance asks is no matter of course: wrong stores do not pass half a minute of it, even without trouble.
func TestSoakFindsFaultyStores(t *testing.T) {
	found := 0
	for _, f := range faultyStores() {
		switch f.name {
		case "lost commit", "lost revocation", "read then write", "row per token, counted and added", "row per token, an old snapshot", "row per token, swept without a lock":
			found++
			t.Run(f.name, func(t *testing.T) {
				o := history.Options{Clients: 16, Duration: 30 * time.Second, LoginRate: 50, FailFast: true}
				o.Target.Target = f.start(t).Target
				r, text := soaked(t, o)
				v, _ := r.Verdict()
				require.Equal(t, history.NotLinearizable, v, text)
				require.Greater(t, r.Impossible, r.FailedClosed, text)
			})
		}
	}
	require.Equal(t, 6, found)
}
