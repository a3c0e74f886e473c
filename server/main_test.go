package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// TestMain lets the test binary be the server, for tests that need a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_SERVER") != "" {
		main()
	}
	mysqltest.Main(m)
}

// patience is how long a test waits for what takes milliseconds. Nothing is expected to take this long.
const patience = 30 * time.Second

// result is how a run of the program ended.
type result struct {
	code           int
	stdout, stderr string
}

// runCommand runs the program to its end.
func runCommand(t *testing.T, env map[string]string, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr syncBuffer
	code := run(ctx, args, func(name string) string { return env[name] }, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// server is the program while it serves.
type server struct {
	*world // for its verbs
	stop   context.CancelFunc
	ended  chan int
	stderr *syncBuffer
	stdout *syncBuffer
}

var listening = regexp.MustCompile(`"?addr"?[=:]"?(127\.0\.0\.1:\d+)`)

// launch runs the program on a port of its own. It is stopped with the test, unless it was before.
func launch(t *testing.T, env map[string]string, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{stop: cancel, ended: make(chan int, 1), stderr: new(syncBuffer), stdout: new(syncBuffer)}
	s.world = &world{t: t, secrets: map[string]string{}}
	go func() {
		s.ended <- run(ctx, append([]string{"serve", "-addr", "127.0.0.1:0"}, args...), func(name string) string { return env[name] },
			strings.NewReader(""), s.stdout, s.stderr)
	}()
	t.Cleanup(func() {
		if cancel(); s.ended != nil {
			require.Equal(t, 0, s.wait(), s.stderr)
		}
	})
	return s
}

// startServer runs the program until it listens.
func startServer(t *testing.T, env map[string]string, args ...string) *server {
	t.Helper()
	return launch(t, env, args...).listens()
}

func (s *server) listens() *server {
	s.t.Helper()
	var found []string
	require.Eventually(s.t, func() bool {
		found = listening.FindStringSubmatch(s.stderr.String())
		return found != nil || len(s.ended) > 0
	}, patience, 5*time.Millisecond, "neither listening nor ended")
	require.NotNil(s.t, found, "the server ended: %s", s.stderr)
	s.url = "http://" + found[1]
	return s
}

// wait returns the exit code of a server that was told to stop.
func (s *server) wait() int {
	s.t.Helper()
	select {
	case code := <-s.ended:
		s.ended = nil
		return code
	case <-time.After(patience):
		s.t.Fatalf("the server does not stop: %s", s.stderr)
		return -1
	}
}

func sqliteURL(t *testing.T) string {
	return "sqlite:////" + strings.TrimPrefix(filepath.ToSlash(filepath.Join(t.TempDir(), "test.db")), "/")
}

// devEnv is a configuration for tests: fast hashes, a database of its own.
func devEnv(t *testing.T) map[string]string {
	return map[string]string{"BCRYPT_COST": "4", "JWT_SECRET_KEY": goodKey, "DATABASE_URL": sqliteURL(t)}
}

// In an empty folder and without any configuration it serves, says where, and says how to get users.
func TestServeOutOfTheBox(t *testing.T) {
	t.Chdir(t.TempDir())
	env := map[string]string{"BCRYPT_COST": "4"}
	s := startServer(t, env)
	log := s.stderr.String()
	require.Contains(t, log, "go run ./server seed-user")
	require.Contains(t, log, "JWT_SECRET_KEY is not set: made one for this run")
	require.Regexp(t, `msg=listening addr=127\.0\.0\.1:\d+ env=dev database="sqlite 3\.\S+ at /\S+/jwt-toy\.db" app=jwt-toy`, log)
	require.Equal(t, 401, s.login(s.user(0)).status)
	require.Equal(t, 200, s.send("GET", "/readyz", "").status)

	seeded := runCommand(t, env, "", "seed-user")
	require.Equal(t, result{0, "alice@example.com added, password alice-demo-password\nbob@example.com added, password bob-demo-password\n", ""}, seeded)
	require.Equal(t, result{0, "alice@example.com is there already\nbob@example.com is there already\n", ""}, runCommand(t, env, "", "seed-user"))
	s.loggedIn()
	a := s.login(s.user(1))
	require.NotContains(t, a.header.Get("Set-Cookie"), "Secure")

	s.stop()
	require.Equal(t, 0, s.wait())
	require.Contains(t, s.stderr.String(), "msg=stopped")
	info, err := os.Stat("jwt-toy.db")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	s = startServer(t, env)
	require.NotContains(t, s.stderr.String(), "seed-user", "there are users now")
}

func TestServeSeeds(t *testing.T) {
	s := startServer(t, devEnv(t), "-seed")
	require.Contains(t, s.stdout.String(), "alice@example.com added, password alice-demo-password")
	s.loggedIn()
	require.NotContains(t, s.stderr.String(), "seed-user")
}

func TestServeInProduction(t *testing.T) {
	env := devEnv(t)
	env["ENV"], env["BCRYPT_COST"], env["APP_NAME"] = "production", "10", "shop"
	require.Equal(t, 0, runCommand(t, env, "correct horse\n", "users", "add", "carol@example.com").code)
	s := startServer(t, env)
	a := s.login(credentials{"carol@example.com", "correct horse"})
	p := s.tokens(a)
	require.Contains(t, a.header.Get("Set-Cookie"), "; Secure")
	require.Equal(t, `Bearer realm="shop"`, s.refresh("x").header.Get("WWW-Authenticate"))
	require.Equal(t, 204, s.logout(p.refresh).status)
	s.stop()
	require.Equal(t, 0, s.wait())
	for line := range strings.Lines(s.stderr.String()) {
		require.True(t, json.Valid([]byte(line)), line)
	}
}

// Sessions outlive the process, and a key that was changed is accepted while it is named as the previous one.
func TestRestartAndKeyChange(t *testing.T) {
	env := devEnv(t)
	s := startServer(t, env, "-seed")
	p, other := s.loggedIn(), s.loggedIn()
	s.stop()
	require.Equal(t, 0, s.wait())

	env["JWT_SECRET_KEY"], env["JWT_SECRET_KEY_PREVIOUS"] = strings.Repeat("fedcba9876543210", 4), goodKey
	s = startServer(t, env)
	require.Equal(t, 200, s.send("GET", "/me", "", "Authorization: Bearer "+p.access).status)
	p = s.alive(p.refresh)
	s.stop()
	require.Equal(t, 0, s.wait())

	env["JWT_SECRET_KEY_PREVIOUS"] = ""
	s = startServer(t, env)
	s.dead(other.refresh)
	s.alive(p.refresh)
}

func TestFailures(t *testing.T) {
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer occupied.Close()
	noDatabase := filepath.Join(t.TempDir(), "no.db")
	require.NoError(t, os.WriteFile(noDatabase, []byte(strings.Repeat("this is no database ", 100)), 0o600))
	tests := []struct {
		name string
		env  map[string]string
		args []string
		code int
		want string
	}{
		{"port occupied", nil, []string{"-addr", occupied.Addr().String()}, 1, "cannot listen on " + occupied.Addr().String() + ": another program does already\n    End it, or choose another"},
		{"address of another machine", nil, []string{"-addr", "192.0.2.1:8080"}, 1, "cannot listen on 192.0.2.1:8080"},
		{"database refuses", map[string]string{"DATABASE_URL": "mysql://app:hunter2@127.0.0.1:1/x"}, nil, 1, "cannot open the database"},
		{"file is no database", map[string]string{"DATABASE_URL": "sqlite:////" + noDatabase[1:]}, nil, 1, "is no SQLite file"},
		{"folder is missing", map[string]string{"DATABASE_URL": "sqlite:////nowhere/at/all.db"}, nil, 1, "its directory does not exist"},
		{"other engine", map[string]string{"DATABASE_URL": "postgresql://app:hunter2@127.0.0.1/x"}, nil, 2, "DATABASE_URL"},
		{"not a URL", map[string]string{"DATABASE_URL": "hunter2"}, nil, 2, "DATABASE_URL"},
		{"placeholder", map[string]string{"JWT_SECRET_KEY": "CHANGE_ME_TO_A_LONG_RANDOM_SECRET"}, nil, 2, "openssl rand -hex 32"},
		{"no key in production", map[string]string{"JWT_SECRET_KEY": "", "ENV": "production"}, nil, 2, "JWT_SECRET_KEY is not set\n    Make one: openssl rand -hex 32"},
		{"audience of refresh tokens", map[string]string{"JWT_AUDIENCE": "jwt-toy-refresh"}, nil, 2, "JWT_AUDIENCE in the environment"},
		{"seed in production", map[string]string{"ENV": "production", "BCRYPT_COST": "10"}, []string{"-seed"}, 2, "-seed is for ENV=dev"},
		{"no such settings file", nil, []string{"-env-file", "/nowhere/.env"}, 2, "/nowhere/.env"},
		{"unknown flag", nil, []string{"-port", "80"}, 2, "-port; see: go run ./server serve -h"},
		{"secret as a flag", nil, []string{"-jwt-secret-key", "x"}, 2, "-jwt-secret-key"},
		{"argument", nil, []string{"serve", "now"}, 2, "serve takes no arguments"},
		{"unknown command", nil, []string{"server"}, 2, `there is no command "server"`},
		{"group alone", nil, []string{"users"}, 2, "users needs one of the verbs below"},
		{"unknown verb", nil, []string{"migrate", "sideways"}, 2, "migrate status"},
		{"no e-mail", nil, []string{"users", "add"}, 2, "users add takes EMAIL, flags first"},
		{"password as an argument", nil, []string{"users", "add", "a@example.com", "hunter2"}, 2, "users add takes EMAIL"},
		{"seed-user in production", map[string]string{"ENV": "production", "BCRYPT_COST": "10"}, []string{"seed-user"}, 2, "seed-user is for ENV=dev, not production"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := devEnv(t)
			for k, v := range tt.env {
				env[k] = v
			}
			r := runCommand(t, env, "", tt.args...)
			require.Equal(t, tt.code, r.code, r.stderr)
			require.Contains(t, r.stderr, tt.want)
			require.Equal(t, 1, strings.Count(r.stderr, "jwt-toy: "), "one message: %s", r.stderr)
			require.NotContains(t, r.stderr, "hunter2")
			require.Empty(t, r.stdout)
		})
	}
}

func TestHelp(t *testing.T) {
	for _, c := range commands() {
		for _, flag := range []string{"-h", "--help"} {
			r := runCommand(t, nil, "", append(strings.Fields(c.name), flag)...)
			require.Equal(t, 0, r.code)
			require.Empty(t, r.stderr)
			require.Contains(t, r.stdout, c.about+".\n"+c.more)
			require.Contains(t, r.stdout, "Example:\n  "+c.example)
			require.Contains(t, c.example, "go run ./server "+c.name)
		}
	}
	for _, u := range demoUsers() {
		require.Contains(t, runCommand(t, nil, "", "seed-user", "-h").stdout, u.Email+" with "+u.Password)
	}
	requireGolden(t, "help.txt", runCommand(t, nil, "", "-h").stdout)
	require.Equal(t, runCommand(t, nil, "", "serve", "-h"), runCommand(t, nil, "", "-h"))
	for _, args := range [][]string{{"help"}, {"users", "-h"}, {"migrate", "--help"}} {
		r := runCommand(t, nil, "", args...)
		require.Equal(t, 0, r.code, args)
		require.Contains(t, r.stdout, "commands:")
	}
	require.NotContains(t, runCommand(t, nil, "", "users", "-h").stdout, "migrate")
	require.Regexp(t, `^jwt-toy \S+ \(.*, go1\.`, runCommand(t, nil, "", "version").stdout)
}

func TestUsers(t *testing.T) {
	env := devEnv(t)
	carol := credentials{"carol@example.com", "correct horse"}
	r := runCommand(t, env, carol.Password+"\r\nand more", "users", "add", " Carol@Example.com ")
	require.Equal(t, 0, r.code, r.stderr)
	require.Regexp(t, `^carol@example\.com added, id [0-9a-f-]{36}\n$`, r.stdout)
	s := startServer(t, env)
	p := s.tokens(s.login(carol))

	for name, tt := range map[string]struct {
		stdin, want string
		args        []string
	}{
		"taken":              {"x\n", "already in use", []string{"add", carol.Email}},
		"no password":        {"", "password is empty", []string{"add", "dave@example.com"}},
		"long password":      {strings.Repeat("x", 73), "72 bytes", []string{"add", "dave@example.com"}},
		"not UTF-8":          {"\xff\n", "not UTF-8", []string{"add", "dave@example.com"}},
		"no address":         {"x", "no @", []string{"add", "dave"}},
		"passwd of nobody":   {"x", "no such user", []string{"passwd", "dave@example.com"}},
		"passwd to nothing":  {"", "password is empty", []string{"passwd", carol.Email}},
		"disable nobody":     {"", "no such user", []string{"disable", "dave@example.com"}},
		"enable nobody":      {"", "no such user", []string{"enable", "dave@example.com"}},
		"unreadable address": {"", "no @", []string{"disable", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			r := runCommand(t, env, tt.stdin, append([]string{"users"}, tt.args...)...)
			require.Equal(t, 1, r.code)
			require.Contains(t, r.stderr, tt.want)
			require.Empty(t, r.stdout)
		})
	}
	p = s.alive(p.refresh)

	require.Equal(t, "password changed, 1 sessions ended\n", runCommand(t, env, "battery staple", "users", "passwd", carol.Email).stdout)
	s.dead(p.refresh)
	require.Equal(t, 401, s.login(carol).status)
	carol.Password = "battery staple"
	p = s.tokens(s.login(carol))

	require.Equal(t, "disabled, 1 sessions ended\n", runCommand(t, env, "", "users", "disable", carol.Email).stdout)
	s.dead(p.refresh)
	require.Equal(t, 401, s.login(carol).status)
	require.Equal(t, 401, s.send("GET", "/me", "", "Authorization: Bearer "+p.access).status)
	require.Equal(t, "enabled\n", runCommand(t, env, "", "users", "enable", carol.Email).stdout)
	s.dead(p.refresh)
	s.tokens(s.login(carol))
	require.Equal(t, result{0, "0 ended sessions deleted\n", ""}, runCommand(t, env, "", "cleanup"))
}

func TestMigrate(t *testing.T) {
	env := devEnv(t)
	status := func() string { return runCommand(t, env, "", "migrate", "status").stdout }
	require.Contains(t, status(), "pending")
	up := runCommand(t, env, "", "migrate", "up")
	require.Equal(t, 0, up.code, up.stderr)
	require.Contains(t, up.stdout, "applied 00001")
	require.NotContains(t, status(), "pending")
	require.Equal(t, result{0, "0 migrations applied\n", ""}, runCommand(t, env, "", "migrate", "up"))
	require.Contains(t, runCommand(t, env, "", "migrate", "down").stdout, "taken back: 0000")
	require.Contains(t, status(), "pending")
	for range strings.Count(up.stdout, "applied 0") - 1 {
		require.Equal(t, 0, runCommand(t, env, "", "migrate", "down").code)
	}
	require.Equal(t, result{0, "taken back: nothing, no migration was applied\n", ""}, runCommand(t, env, "", "migrate", "down"))
}

// A request that is under way when the signal comes is answered; new ones find nobody.
func TestGracefulShutdown(t *testing.T) {
	s := startServer(t, devEnv(t), "-seed")
	conn, body := s.halfLogin()
	s.stop()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	}, patience, 5*time.Millisecond, "it still listens")
	require.Empty(t, s.ended, "it must wait")
	_, err := fmt.Fprint(conn, body)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, 0, s.wait())
}

// halfLogin sends a login but for its last byte, which it returns, and knows that the handler is reading it.
func (s *server) halfLogin() (conn net.Conn, rest string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	body := `{"email":"alice@example.com","password":"alice-demo-password"}`
	_, err = fmt.Fprintf(conn, "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	require.NoError(s.t, err)
	line, err := bufio.NewReader(conn).ReadString('\n') // sent when the handler begins to read
	require.NoError(s.t, err)
	require.Equal(s.t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = fmt.Fprint(conn, body[:len(body)-1])
	require.NoError(s.t, err)
	return conn, body[len(body)-1:]
}

// The first signal waits for the request that is under way, the second for nothing.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	cmd := exec.Command(os.Args[0], "serve", "-addr", "127.0.0.1:0")
	cmd.Env = []string{"BE_THE_SERVER=1", "BCRYPT_COST=4", "DATABASE_URL=" + sqliteURL(t)}
	cmd.Dir = t.TempDir()
	log := new(syncBuffer)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	sees := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(log.String(), text) }, patience, 5*time.Millisecond, text)
	}
	sees("msg=listening")
	s := &server{world: &world{t: t, url: "http://" + listening.FindStringSubmatch(log.String())[1]}}
	s.halfLogin()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	sees("shutting down")
	require.Empty(t, ended)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	select {
	case err := <-ended:
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, syscall.SIGINT, exit.Sys().(syscall.WaitStatus).Signal())
	case <-time.After(5 * time.Second): // less than the time that a request may take
		t.Fatal("the second signal did not end it")
	}
}

// No secret is in the log of a run that uses every endpoint and every way to fail.
func TestLogHasNoSecrets(t *testing.T) {
	for _, environment := range []string{"dev", "production"} {
		t.Run(environment, func(t *testing.T) {
			env := devEnv(t)
			env["ENV"], env["JWT_SECRET_KEY_PREVIOUS"] = environment, strings.Repeat("fedcba9876543210", 4)
			if environment == "production" {
				env["BCRYPT_COST"] = "10"
			}
			for _, u := range demoUsers() {
				require.Equal(t, 0, runCommand(t, env, u.Password, "users", "add", u.Email).code)
			}
			s := startServer(t, env)
			s.secret("key", goodKey)
			s.secret("previous key", env["JWT_SECRET_KEY_PREVIOUS"])
			for _, c := range append(demoUsers(), credentials{"alice@example.com", "wrong-password-1"}, credentials{"x@example.com", "wrong-password-2"},
				credentials{"alice@example.com", strings.Repeat("wrong-password-3", 5)}) {
				s.secret("password", c.Password)
				s.login(c)
			}
			s.send("POST", "/auth/login", `{"email":"alice@example.com","password":"alice-demo-password"`, asJSON)
			s.send("POST", "/auth/login", `{"password":"alice-demo-password","password":"alice-demo-password"}`, asJSON)
			s.send("POST", "/auth/login?password=alice-demo-password", "password=alice-demo-password")
			p := s.loggedIn()
			next := s.alive(p.refresh)
			for _, token := range []string{p.refresh, next.refresh, p.refresh + "x", p.access, next.refresh + " " + p.access} {
				s.refresh(token)
				s.refresh(token, token)
				s.send("GET", "/me", "", "Authorization: Bearer "+token)
				s.send("GET", "/me?access_token="+strings.ReplaceAll(token, " ", "+"), "", "Authorization: "+token)
				s.send("GET", "/"+strings.ReplaceAll(token, " ", "/"), "")
				s.send("POST", "/auth/refresh", token, "Origin: https://evil.test", cookieOf(token))
				s.logout(token)
			}
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")) // what net/http itself refuses
			require.NoError(t, err)
			_, err = fmt.Fprintf(conn, "GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nCookie: refresh_token=%s\r\n%s\r\n\r\n", p.access, p.refresh, p.access)
			require.NoError(t, err)
			_, err = http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			s.stop()
			require.Equal(t, 0, s.wait())
			s.secret("database", env["DATABASE_URL"])
			s.requireNoSecrets(s.stderr.String())
		})
	}
}
