package main

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
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
	return n
}

// TestKilled kills the server again and again while clients use it, and starts it anew. What it had acknowledged holds, and within
// the grace nobody is logged out.
func TestKilled(t *testing.T) {
	for name, databaseURL := range map[string]func(*testing.T) string{"sqlite": sqliteURL, "mysql": func(t *testing.T) string { return mysqltest.URL(t) }} {
		t.Run(name, func(t *testing.T) {
			p := startKilled(t, "REFRESH_REUSE_GRACE=60s", "DATABASE_URL="+databaseURL(t))
			kills := fault{Name: "server killed"}
			until, enough := context.WithCancel(t.Context())
			defer enough()
			pause := func() time.Duration { return 50*time.Millisecond + rand.N(300*time.Millisecond) }
			stop := every(t, pause, func(<-chan struct{}) error {
				err := p.bounce(syscall.SIGKILL)
				if kills.Times++; kills.Times == wanted(t) || err != nil {
					enough()
				}
				return err
			})
			o := gently(withMinute, p.url)
			o.Duration, o.Until = time.Hour, until
			r, text := soaked(t, o)
			stop()
			record(t, r, kills)
			requireSound(t, r, text, "200", "204", "401", "connection lost", conformance.ConnectionRefused)
			require.Zero(t, r.Lost, text)
			require.Contains(t, kinds(r), "connection lost", "no call was under way when the server was killed")
		})
	}
}

// TestDatabaseKilled does so to the database, a twentieth as often, while two servers stay.
func TestDatabaseKilled(t *testing.T) {
	database := mysqltest.NewOwn(t)
	env := mysqlEnv(database.URL(t))
	env["REFRESH_REUSE_GRACE"] = "60s"
	servers := []*server{startServer(t, env, "-seed"), startServer(t, env, "-seed")}
	kills := fault{Name: "database killed"}
	until, enough := context.WithCancel(t.Context())
	defer enough()
	ctx := context.WithoutCancel(t.Context())
	stop := every(t, func() time.Duration { return rand.N(2 * time.Second) }, func(<-chan struct{}) error {
		err := bounceDatabase(ctx, database)
		if kills.Times++; kills.Times == max(2, wanted(t)/20) || err != nil {
			enough()
		}
		return err
	})
	o := gently(withMinute, servers[0].url, servers[1].url)
	o.Duration, o.Until = time.Hour, until
	r, text := soaked(t, o)
	stop()
	record(t, r, kills)
	requireSound(t, r, text, "200", "204", "401", "503")
	require.Zero(t, r.Lost, text)
	for _, s := range servers {
		requireRecovers(t, s)
	}
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
	restarts := fault{Name: "server restarted"}
	until, enough := context.WithCancel(t.Context())
	defer enough()
	begun := time.Now()
	stop := every(t, func() time.Duration { return 100 * time.Millisecond }, func(<-chan struct{}) error {
		err := servers[restarts.Times%len(servers)].bounce(syscall.SIGTERM)
		if restarts.Times++; restarts.Times >= len(servers) && time.Since(begun) > tortureTime(t) || err != nil {
			enough()
		}
		return err
	})
	o := gently(conformance.Policy{}, servers[0].url, servers[1].url, servers[2].url)
	o.Duration, o.Until = time.Hour, until
	r, text := soaked(t, o)
	stop()
	record(t, r, restarts)
	requireSound(t, r, text, "200", "204", "401", "connection lost", conformance.ConnectionRefused)
	require.Zero(t, r.Lost, text)
}

// killed is a server in a process of its own, which is ended and started again where it was.
type killed struct {
	url  string
	addr string
	dir  string
	env  []string
	cmd  *exec.Cmd
}

// startKilled starts one. It ends with the test.
func startKilled(t *testing.T, env ...string) *killed {
	t.Helper()
	p := &killed{addr: freeAddr(t), dir: t.TempDir(), env: append(env, "BE_THE_SERVER=1", "BCRYPT_COST=4", "JWT_SECRET_KEY="+goodKey)}
	p.url = "http://" + p.addr
	require.NoError(t, p.start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // if it lives
		_ = p.cmd.Wait()
	})
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
	p.cmd = exec.Command(os.Args[0], "serve", "-seed", "-addr", p.addr) //nolint:noctx // the test ends it
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

// bounce ends the process by a signal and starts it anew.
func (p *killed) bounce(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it was told to
	return p.start()
}
