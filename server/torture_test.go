package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// tortureTime is how long each torture lasts: a few seconds, or $TORTURE, as make torture sets it.
func tortureTime(t *testing.T) time.Duration {
	t.Helper()
	if v := os.Getenv("TORTURE"); v != "" {
		d, err := time.ParseDuration(v)
		require.NoError(t, err)
		return d
	}
	return 2 * time.Second
}

// torture is something that happens to a database, again and again.
type torture struct {
	name       string
	begin, end func(ctx context.Context, w *tortured) error
	lasts      time.Duration // each time
	harms      bool          // some requests cannot be served meanwhile, whatever the server does
}

// tortured is a database in trouble.
type tortured struct {
	chaos  *chaos
	root   *sql.DB
	name   string // of the database
	locks  *sql.Tx
	struck atomic.Int64 // how often it was tortured by statements
}

// inTheWay is a torture by the proxy before the database.
func inTheWay(name string, kind trouble, lasts time.Duration, harms bool) torture {
	return torture{
		name:  name,
		begin: func(_ context.Context, w *tortured) error { w.chaos.begin(kind); return nil },
		end:   func(_ context.Context, w *tortured) error { w.chaos.end(); return nil },
		lasts: lasts, harms: harms,
	}
}

// set is a torture by a global variable.
func set(begin, end string) (b, e func(context.Context, *tortured) error) {
	run := func(statement string) func(context.Context, *tortured) error {
		return func(ctx context.Context, w *tortured) error {
			w.struck.Add(1)
			_, err := w.root.ExecContext(ctx, statement)
			return err
		}
	}
	return run("SET GLOBAL " + begin), run("SET GLOBAL " + end)
}

func tortures() []torture {
	readOnly, writable := set("super_read_only = 1", "read_only = 0")
	crowded, roomy := set("max_connections = 1", "max_connections = DEFAULT")
	return []torture{
		inTheWay("requests lost", cutRequest, time.Second, false),
		inTheWay("answers lost", cutAnswer, time.Second, false),
		inTheWay("answers reset", resetAnswer, time.Second, false),
		inTheWay("delays", delay, time.Second, false),
		inTheWay("half-open connections", halfOpen, 500*time.Millisecond, true),
		inTheWay("short outages", down, 500*time.Millisecond, false),
		inTheWay("outages longer than a request", down, 6*time.Second, true),
		{"connections killed", killConnections, func(context.Context, *tortured) error { return nil }, 300 * time.Millisecond, false},
		{"read-only", readOnly, writable, time.Second, false},
		{"too many connections", func(ctx context.Context, w *tortured) error {
			return errors.Join(crowded(ctx, w), killConnections(ctx, w))
		}, roomy, time.Second, true},
		{"rows locked", lockRows, func(_ context.Context, w *tortured) error { return w.locks.Rollback() }, 3 * time.Second, true},
	}
}

func killConnections(ctx context.Context, w *tortured) error {
	w.struck.Add(1)
	rows, err := w.root.QueryContext(ctx, `SELECT id FROM information_schema.processlist WHERE db = ?`, w.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		_, _ = w.root.ExecContext(ctx, fmt.Sprintf("KILL %d", id)) // it may have ended meanwhile
	}
	return rows.Err()
}

func lockRows(ctx context.Context, w *tortured) (err error) {
	w.struck.Add(1)
	if w.locks, err = w.root.BeginTx(ctx, nil); err != nil {
		return err
	}
	_, err = w.locks.ExecContext(ctx, "SELECT 1 FROM "+w.name+".token_families FOR UPDATE SKIP LOCKED")
	return err
}

// TestTorture soaks two replicas while their database gets into trouble again and again. Their clients only refresh and log out, and repeat
// what was not answered. Whatever happens: no session is impossible, so no rotation that was acknowledged is lost and no spent token works;
// every call is answered, with no server error but 503; no session is lost; and afterwards all works without a restart.
//
// A strict server keeps all sessions as long as it can wait the trouble out. Where it cannot, a client learns of a 503 and repeats a
// refresh that may have been committed: there it takes a grace to keep them.
func TestTorture(t *testing.T) {
	for _, torture := range tortures() {
		t.Run(torture.name, func(t *testing.T) {
			databaseURL := mysqltest.URL(t)
			chaos, through := newChaos(t, databaseURL)
			w := &tortured{chaos: chaos, root: mysqltest.Root(t), name: mysqltest.Name(databaseURL)}
			patient, impatient := set("max_connect_errors = 1000000", "max_connect_errors = DEFAULT") // or it would shut us out for good
			require.NoError(t, patient(t.Context(), w))
			t.Cleanup(func() { require.NoError(t, impatient(context.Background(), w)) })
			w.struck.Store(0)
			env := mysqlEnv(through)
			policy := conformance.Policy{}
			if torture.harms {
				policy, env["REFRESH_REUSE_GRACE"] = withMinute, "60s"
			}
			servers := []*server{startServer(t, env, "-seed"), startServer(t, env, "-seed")}

			d := max(tortureTime(t), torture.lasts*3/2)
			stop := again(t, w, torture)
			r, text := soakGently(t, d, policy, servers[0].url, servers[1].url)
			stop()
			t.Log(text)
			requireSound(t, r, text, "200", "204", "401", "503")
			require.Zero(t, r.Lost, text)
			require.Positive(t, w.struck.Load()+chaos.strikes.Load(), "nothing happened")
			if !torture.harms {
				require.NotContains(t, kinds(r), "503", "a short trouble is waited out: %s", text)
			}
			for _, s := range servers {
				requireRecovers(t, s)
			}
		})
	}
}

// again lets a torture happen every now and then until stop is called.
func again(t *testing.T, w *tortured, torture torture) (stop func()) {
	t.Helper()
	over, done := make(chan struct{}), make(chan error)
	ctx := context.WithoutCancel(t.Context()) // what was begun is ended
	go func() {
		var err error
		for wait := 200 * time.Millisecond; err == nil; wait = rand.N(time.Second) {
			select {
			case <-over:
				done <- nil
				return
			case <-time.After(wait):
			}
			err = torture.begin(ctx, w)
			select {
			case <-over:
			case <-time.After(torture.lasts):
			}
			err = errors.Join(err, torture.end(ctx, w))
		}
		done <- err
	}()
	return func() { close(over); require.NoError(t, <-done) }
}

var withMinute = conformance.Policy{Rotation: "grace", GraceSeconds: 60}

// soakGently soaks with clients that do nothing which a session may not survive, but log out.
func soakGently(t *testing.T, d time.Duration, policy conformance.Policy, targets ...string) (*history.Result, string) {
	t.Helper()
	o := history.Options{Clients: 8, Duration: d, LoginRate: 20, Gentle: true}
	o.Target.Target, o.Target.Replicas, o.Target.Profile.Policy = targets[0], targets[1:], policy
	o.Target.RequestTimeout = 30 * time.Second // longer than a server may take
	r, err := history.Run(t.Context(), o)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, r.Text(&text, nil))
	return r, text.String()
}

// kinds are all the answers that there were.
func kinds(r *history.Result) (all []string) {
	for _, c := range r.Calls {
		for kind := range c.Kinds {
			all = append(all, kind)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func requireSound(t *testing.T, r *history.Result, text string, allowed ...string) {
	t.Helper()
	v, _ := r.Verdict()
	require.Equal(t, history.Linearizable, v, text)
	require.Zero(t, r.Unchecked, text)
	require.Subset(t, allowed, kinds(r), text)
}

// requireRecovers: soon after the trouble the server serves as before.
func requireRecovers(t *testing.T, s *server) {
	t.Helper()
	require.Eventually(t, func() bool { return s.send("GET", "/readyz", "").status == 200 }, 10*time.Second, 50*time.Millisecond)
	p := s.loggedIn()
	require.Equal(t, 204, s.logout(s.alive(p.refresh).refresh).status)
}

// TestKilled kills the server again and again while clients use it, and starts it anew. What it had acknowledged holds, and within
// the grace nobody is logged out.
func TestKilled(t *testing.T) {
	for name, databaseURL := range map[string]func(*testing.T) string{"sqlite": sqliteURL, "mysql": func(t *testing.T) string { return mysqltest.URL(t) }} {
		t.Run(name, func(t *testing.T) {
			p := &killed{t: t, addr: freeAddr(t), dir: t.TempDir(), env: []string{
				"BE_THE_SERVER=1", "BCRYPT_COST=4", "REFRESH_REUSE_GRACE=60s", "JWT_SECRET_KEY=" + goodKey, "DATABASE_URL=" + databaseURL(t),
			}}
			require.NoError(t, p.start())
			stop := p.again()
			r, text := soakGently(t, max(tortureTime(t), 3*time.Second), withMinute, "http://"+p.addr)
			kills := stop()
			t.Logf("%d kills\n%s", kills, text)
			requireSound(t, r, text, "200", "204", "401", "connection lost", "connection refused")
			require.Zero(t, r.Lost, text)
			require.Greater(t, kills, 1)
			require.Contains(t, kinds(r), "connection lost", "no call was under way when the server was killed")
		})
	}
}

// killed is a server in a process of its own.
type killed struct {
	t    *testing.T
	addr string
	dir  string
	env  []string
	cmd  *exec.Cmd
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// start starts the process and waits until it listens.
func (p *killed) start() error {
	p.cmd = exec.CommandContext(p.t.Context(), os.Args[0], "serve", "-seed", "-addr", p.addr) // killed with the test, if not before
	p.cmd.Env, p.cmd.Dir = p.env, p.dir
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			return conn.Close() // it was only a knock
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// again kills the process and starts it anew until stop is called, which returns how often that was, and leaves none.
func (p *killed) again() (stop func() (kills int)) {
	over, done := make(chan struct{}), make(chan error)
	kills := 0
	go func() {
		for {
			last := false
			select {
			case <-over:
				last = true
			case <-time.After(100*time.Millisecond + rand.N(500*time.Millisecond)):
			}
			kills++
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait() // it was killed
			if last {
				done <- nil
				return
			}
			if err := p.start(); err != nil {
				<-over
				done <- err
				return
			}
		}
	}()
	return func() int {
		close(over)
		require.NoError(p.t, <-done)
		return kills
	}
}
