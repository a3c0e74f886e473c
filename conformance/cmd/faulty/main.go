// Command faulty runs an authentication server that is wrong in exactly one way, or in none: to see what the conformance suite says
// of it, or to find the fault oneself. It keeps everything in memory and its secrets are published, so it listens on loopback only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faultydb"
)

const usage = `faulty runs an authentication server that is wrong in exactly one way, to see what the conformance suite says of it.

usage:
  faulty                             the healthy server
  faulty -fault reuse-plain-401      one fault
  faulty -fault NAME,NAME            several, which may hide each other
  faulty -list                       all faults, by area
  faulty -exercise 7                 one fault, which it does not name; docs/exercises.md asks which

Its users are alice@example.com (alice-demo-password) and bob@example.com (bob-demo-password).
Judge it with: go run ./conformance/cmd/conformance -target http://127.0.0.1:8081

With -operator 127.0.0.1:8082 -replica 127.0.0.1:8083 -log faulty.log the suite sees the rest too:
  -admin 'curl -fsS http://127.0.0.1:8082/users/$EMAIL/$ACTION -d "$PASSWORD"' -restart 'curl -fsS -X POST http://127.0.0.1:8082/restart'
  -target http://127.0.0.1:8081 -target http://127.0.0.1:8083 -logs faulty.log -jwks http://127.0.0.1:8082/jwks.json (with -rs256)

flags:
`

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1 // it could not listen or serve
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// config is what the flags say.
type config struct {
	addr     string
	replica  string
	operator string
	log      string
	list     bool
	exercise int
	solution bool
	db       string
	faulty   faulty.Options
}

// run serves until ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, fs := flags()
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(stdout)
		say(stdout, usage)
		fs.PrintDefaults()
		return exitOK
	case err != nil:
		return misused(stderr, err)
	case fs.NArg() > 0:
		return misused(stderr, fmt.Errorf("%q is no flag; a fault is named with -fault", fs.Arg(0)))
	case c.list:
		list(stdout)
		return exitOK
	}
	if err := c.exerciseFault(); err != nil {
		return misused(stderr, err)
	}
	if c.solution {
		describe(stdout, c.faulty)
		return exitOK
	}
	for i, addr := range []string{c.addr, c.replica, c.operator} {
		if err := loopback(addr); err != nil && (i == 0 || addr != "") {
			return misused(stderr, err)
		}
	}
	if c.log != "" {
		log, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return misused(stderr, err)
		}
		defer func() { _ = log.Close() }() // each line was written when it was logged
		c.faulty.Log = log
	}
	server, err := faulty.New(c.faulty)
	if err != nil {
		return misused(stderr, err)
	}
	var handler http.Handler = server
	if c.db != "" {
		db, err := faultydb.Open(ctx, c.db, server)
		if err != nil {
			say(stderr, "faulty: -db: %v\n", err)
			return exitFail
		}
		defer func() { _ = db.Close() }() // every answer has saved it
		handler = db.Handler()
	}
	if err := c.serveAll(ctx, server, handler, stdout); err != nil {
		say(stderr, "faulty: %v\n", err)
		return exitFail
	}
	return exitOK
}

// serveAll serves the server, its replica and its operator until ctx ends or one of them fails.
func (c *config) serveAll(ctx context.Context, server *faulty.Server, handler http.Handler, stdout io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error)
	running := 0
	for _, part := range []struct {
		what, addr string
		handler    http.Handler
	}{{"listening on http://%s, stop with Ctrl-C\n", c.addr, handler}, {"its replica: http://%s\n", c.replica, server.Replica()}, {"its operator: http://%s\n", c.operator, operator(server)}} {
		if part.addr == "" {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", part.addr)
		if err != nil {
			stop()
			err = fmt.Errorf("%w; is another one running? -addr 127.0.0.1:0 takes any free port", err)
			for range running {
				err = errors.Join(err, <-ended)
			}
			return err
		}
		if running == 0 {
			c.introduce(stdout)
		}
		say(stdout, part.what, listener.Addr())
		running++
		go func() { ended <- serve(ctx, part.handler, listener) }()
	}
	var first error
	for range running {
		if err := <-ended; first == nil {
			first = err
		}
		stop()
	}
	return first
}

// flags defines the flags, and where their values go.
func flags() (*config, *flag.FlagSet) {
	c := &config{}
	fs := flag.NewFlagSet("faulty", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Func("fault", "be wrong in this way; `NAME`[,NAME], see -list", func(names string) error {
		c.faulty.Faults = append(c.faulty.Faults, strings.Split(names, ",")...)
		return nil
	})
	fs.BoolVar(&c.list, "list", false, "list all faults and exit")
	fs.IntVar(&c.exercise, "exercise", 0, "be wrong in the way of this exercise, by its `number` in docs/exercises.md, and do not say how")
	fs.BoolVar(&c.solution, "solution", false, "with -exercise: say what is wrong, and exit")
	fs.StringVar(&c.db, "db", "", "also keep in this SQLite `FILE` what it would have in a database, for conformance -dsn FILE")
	fs.StringVar(&c.addr, "addr", "127.0.0.1:8081", "listen on this loopback `HOST:PORT`; port 0: any that is free")
	fs.StringVar(&c.replica, "replica", "", "also serve a second process on the same database, on this loopback `HOST:PORT`")
	fs.StringVar(&c.operator, "operator", "", "also do what an operator does, on this loopback `HOST:PORT`: users, restart, public keys")
	fs.StringVar(&c.log, "log", "", "log to this `file`")
	fs.BoolVar(&c.faulty.RS256, "rs256", false, "sign access tokens with a private key, instead of a secret")
	fs.DurationVar(&c.faulty.AccessTTL, "access-ttl", 15*time.Minute, "life of an access token, in whole seconds")
	fs.DurationVar(&c.faulty.RefreshTTL, "refresh-ttl", 30*24*time.Hour, "life of a refresh token since the last rotation")
	fs.DurationVar(&c.faulty.SessionMaxTTL, "session-max-ttl", 90*24*time.Hour, "life of a session since the login")
	fs.DurationVar(&c.faulty.Window, "window", 15*time.Millisecond, "how long the holes of races stay open")
	fs.DurationVar(&c.faulty.HashCost, "hash-cost", 0, "how long a password check takes")
	d := &c.faulty.Dialect
	fs.StringVar(&d.Rotation, "rotation", "strict", "speak another dialect: `strict`, grace, loser-rejected or none")
	fs.DurationVar(&d.Grace, "grace", 10*time.Second, "for how long a grace or a loser-rejected rotation forgives")
	fs.StringVar(&d.GraceAnswer, "grace-answer", "same", "what a grace answers: the `same` successor, a sibling or a displacing one")
	fs.StringVar(&d.Reuse, "reuse", "family", "what a replay ends: `family`, user or none")
	fs.StringVar(&d.Lifetime, "lifetime", "both", "what bounds a session: `both` an idle and an absolute end, sliding or absolute")
	fs.StringVar(&d.Logout, "logout", "family", "what a logout ends: `family`, user or token")
	fs.StringVar(&d.Access, "access", "lives", "what an access token does when its session ends: `lives` or dies")
	fs.StringVar(&d.Login, "login", "adds", "what a login does to the session whose cookie comes along: it `adds` another one, or replaces it")
	fs.IntVar(&d.LoginLimit, "login-limit", 0, "so many wrong passwords for an account from an address, then none for a minute; 0: no limit")
	fs.BoolVar(&c.faulty.Secure, "secure", false, "set Secure cookies, as in production")
	return c, fs
}

// loopback refuses to show known passwords and known holes to a network.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("-addr %s: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("-addr %s: only loopback, such as 127.0.0.1:8081: the passwords are published and the holes are real", addr)
}

func misused(stderr io.Writer, err error) int {
	say(stderr, "faulty: %v\nfaulty -h shows what there is.\n", err)
	return exitUsage
}

// list prints all faults by area.
func list(w io.Writer) {
	area := ""
	for _, f := range faulty.Faults() {
		if f.Area != area {
			area = f.Area
			say(w, "\n%s\n", area)
		}
		say(w, "  %-55s %s%s\n", f.Name, f.What, needs(f))
	}
}

// needs says what it takes to see a fault.
func needs(f faulty.Fault) string {
	switch f.Needs {
	case faulty.ShortLived:
		return " (tokens must expire: -access-ttl 2s -refresh-ttl 4s -session-max-ttl 10s)"
	case faulty.Production:
		return " (-secure)"
	case faulty.Claimed:
		return " (-rotation grace, or -access dies)"
	case faulty.Outage:
		return " (-operator)"
	case faulty.Storage:
		return " (its database must be read: -db FILE)"
	case faulty.Secret:
		return " (tokens must be forged with the secret, which is " + faulty.DemoSecret + ")"
	case faulty.PublicKey:
		return " (-rs256, and -operator for the public key)"
	case faulty.Admin, faulty.Restart:
		return " (-operator)"
	case faulty.Replicas:
		return " (-replica)"
	case faulty.Logs:
		return " (-log)"
	}
	return ""
}

// describe says what is wrong with the server that is about to start.
func describe(w io.Writer, o faulty.Options) {
	if len(o.Faults) == 0 {
		say(w, "no fault: the healthy server\n")
	}
	for _, f := range faulty.Faults() {
		for _, name := range o.Faults {
			if f.Name == name {
				say(w, "%s: %s%s\n", f.Name, f.What, needs(f))
			}
		}
	}
}

// serve answers until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(timeout); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// say prints. Nobody can be told that printing fails.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
