package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// wanted is how many kills there shall be: a few, or $KILLS, as make torture sets it.
func wanted(t *testing.T) int {
	t.Helper()
	v := os.Getenv("KILLS")
	if v == "" {
		return 5
	}
	n, err := strconv.Atoi(v)
	require.NoError(t, err)
	require.Positive(t, n)
	return n
}

// forever is longer than any soak that something else is to end.
const forever = 24 * time.Hour

// TestKilled kills the server again and again while clients use it, and starts it anew. What it had acknowledged holds, and within
// the grace nobody is logged out.
func TestKilled(t *testing.T) {
	for name, databaseURL := range map[string]func(*testing.T) string{"sqlite": sqliteURL, "mysql": func(t *testing.T) string { return mysqltest.URL(t) }} {
		t.Run(name, func(t *testing.T) {
			p := startKilled(t, "REFRESH_REUSE_GRACE=60s", "DATABASE_URL="+databaseURL(t))
			kills, many := fault{Name: "server killed"}, wanted(t)
			until, enough := context.WithCancel(t.Context())
			defer enough()
			pause := func() time.Duration { return 50*time.Millisecond + rand.N(300*time.Millisecond) }
			strikes := every(t, pause, enough, func(context.Context, <-chan struct{}) error {
				if kills.Times++; kills.Times >= many {
					enough()
				}
				return p.bounce(syscall.SIGKILL)
			})
			o := gently(withMinute, p.url)
			o.Duration, o.Until, o.Started = forever, until, strikes.begin
			r, text := soaked(t, o)
			strikes.stop(t)
			require.GreaterOrEqual(t, kills.Times, many)
			requireSound(t, r, text, "200", "204", "401", "connection lost", conformance.ConnectionRefused)
			require.Zero(t, r.Lost, text)
			require.Contains(t, kinds(r), "connection lost", "no call was under way when the server was killed")
			p.requireSound(t)
			record(t, r, kills)
		})
	}
}

// TestDatabaseKilled does so to the database, a twentieth as often, while two servers stay.
func TestDatabaseKilled(t *testing.T) {
	database := mysqltest.NewOwn(t)
	env := mysqlEnv(database.URL(t))
	env["REFRESH_REUSE_GRACE"] = "60s"
	servers := []*server{startServer(t, env, "-seed"), startServer(t, env, "-seed")}
	kills, many := fault{Name: "database killed"}, max(2, wanted(t)/20)
	until, enough := context.WithCancel(t.Context())
	defer enough()
	strikes := every(t, func() time.Duration { return rand.N(2 * time.Second) }, enough, func(ctx context.Context, _ <-chan struct{}) error {
		err := bounceDatabase(ctx, database)
		if kills.Times++; kills.Times >= many {
			enough()
		}
		return err
	})
	o := gently(withMinute, servers[0].url, servers[1].url)
	o.Duration, o.Until, o.Started = forever, until, strikes.begin
	r, text := soaked(t, o)
	strikes.stop(t)
	require.GreaterOrEqual(t, kills.Times, many)
	requireSound(t, r, text, "200", "204", "401", "503")
	require.Zero(t, r.Lost, text)
	for _, s := range servers {
		requireRecovers(t, s.world)
		requireNoneAhead(t, s.stderr.String())
	}
	record(t, r, kills)
}

func bounceDatabase(ctx context.Context, database *mysqltest.Own) error {
	if err := database.Kill(ctx); err != nil {
		return err
	}
	return database.Start(ctx)
}

// TestRollingRestart restarts three servers, one after another, as a deployment does. A client may have to connect anew, and that is all.
func TestRollingRestart(t *testing.T) {
	databaseURL := "DATABASE_URL=" + mysqltest.URL(t)
	servers := []*killed{startKilled(t, databaseURL), startKilled(t, databaseURL), startKilled(t, databaseURL)}
	restarts, atLeast := fault{Name: "server restarted"}, tortureTime(t)
	until, enough := context.WithCancel(t.Context())
	defer enough()
	begun := time.Now()
	strikes := every(t, func() time.Duration { return 100 * time.Millisecond }, enough, func(context.Context, <-chan struct{}) error {
		err := servers[restarts.Times%len(servers)].bounce(syscall.SIGTERM)
		if restarts.Times++; restarts.Times >= len(servers) && time.Since(begun) > atLeast {
			enough()
		}
		return err
	})
	o := gently(conformance.Policy{}, servers[0].url, servers[1].url, servers[2].url)
	o.Duration, o.Until, o.Started = forever, until, strikes.begin
	r, text := soaked(t, o)
	strikes.stop(t)
	require.GreaterOrEqual(t, restarts.Times, len(servers))
	requireSound(t, r, text, "200", "204", "401", "connection lost", conformance.ConnectionRefused)
	require.Zero(t, r.Lost, text)
	for _, p := range servers {
		p.requireSound(t)
	}
	record(t, r, restarts)
}

// killed is a server in a process of its own, which is ended and started again where it was.
type killed struct {
	url  string
	addr string
	dir  string
	log  string // file
	env  []string
	cmd  *exec.Cmd
}

// startKilled starts one. It ends with the test.
func startKilled(t *testing.T, env ...string) *killed {
	t.Helper()
	p := &killed{addr: freeAddr(t), dir: t.TempDir(), env: append(env, "BE_THE_SERVER=1", "BCRYPT_COST=4", "JWT_SECRET_KEY="+goodKey)}
	p.url, p.log = "http://"+p.addr, filepath.Join(p.dir, "server.log")
	t.Cleanup(func() {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill() // if it lives
			_ = p.cmd.Wait()
		}
	})
	require.NoError(t, p.start())
	return p
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
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own copy
	cmd := exec.Command(os.Args[0], "serve", "-seed", "-addr", p.addr)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
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

// bounce ends the process by a signal and starts it anew. It must have lived, and end as told.
func (p *killed) bounce(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return err
	}
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait() // how it ended is looked at
	late.Stop()
	how := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if as := how.Signaled() && how.Signal() == signal; signal == syscall.SIGKILL && !as || signal == syscall.SIGTERM && how.ExitStatus() != 0 {
		log, _ := os.ReadFile(p.log)
		return fmt.Errorf("the server was sent %v and ended with %v:\n%s", signal, p.cmd.ProcessState, log[max(0, len(log)-4000):])
	}
	return p.start()
}

// requireSound: it serves, and has lost nothing that it acknowledged.
func (p *killed) requireSound(t *testing.T) {
	t.Helper()
	requireRecovers(t, &world{t: t, url: p.url, secrets: map[string]string{}})
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	requireNoneAhead(t, string(log))
}
