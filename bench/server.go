package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	serverPackage = "github.com/jwt-toy/jwt-toy/server"
	startTimeout  = time.Minute      // until the server listens
	stopTimeout   = 20 * time.Second // until it has ended
)

// The server's demonstration users, which -seed adds.
var demoUsers = [...]struct{ email, password string }{
	{"alice@example.com", "alice-demo-password"},
	{"bob@example.com", "bob-demo-password"},
}

// server is the server under test, a process of its own.
type server struct {
	addr      string
	startedIn time.Duration // from its start until it listened
	logName   string
	cmd       *exec.Cmd
	ended     chan struct{} // closed when it has
}

// buildServer builds the server into dir.
func buildServer(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "server")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, serverPackage).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return program, nil
}

// startServer starts a server where its program is. Stop it with stop, also after ctx has ended.
func startServer(ctx context.Context, program, databaseURL string, bcryptCost int, args ...string) (*server, error) {
	dir := filepath.Dir(program)
	log, err := os.CreateTemp(dir, "server-*.log") // a file, since reading a pipe would cost our processors
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the server has its own copy
	s := &server{logName: log.Name(), ended: make(chan struct{})}
	s.cmd = exec.Command(program, args...) //nolint:noctx // stop ends it, politely
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, log, log
	s.cmd.Env = []string{ // and not ours, which may configure another server
		"ENV=dev", "ADDR=127.0.0.1:0", "DATABASE_URL=" + databaseURL, "BCRYPT_COST=" + strconv.Itoa(bcryptCost),
		"JWT_SECRET_KEY=" + rand.Text() + rand.Text(), "GOMAXPROCS=" + strconv.Itoa(runtime.GOMAXPROCS(0)),
	}
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its log
		close(s.ended)
	}()
	if err := s.awaitListening(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("the server did not start: %w\n%s", err, s.lastWords())
	}
	s.startedIn = time.Since(start)
	return s, nil
}

// run runs another of the program's verbs in the environment of this server, and returns what it printed.
func (s *server) run(ctx context.Context, verb string) (string, error) {
	cmd := exec.CommandContext(ctx, s.cmd.Path, verb)
	cmd.Dir, cmd.Env = s.cmd.Dir, s.cmd.Env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("server %s: %w\n%s", verb, err, &complaints)
	}
	return string(out), nil
}

var listening = regexp.MustCompile(`msg=listening addr=(127\.0\.0\.1:\d+)`)

func (s *server) awaitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		log, err := os.ReadFile(s.logName)
		if err != nil {
			return err
		}
		if found := listening.FindSubmatch(log); found != nil {
			s.addr = string(found[1])
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// lastWords returns the end of the server's log, for whoever looks for the cause of a failure.
func (s *server) lastWords() string {
	log, err := os.ReadFile(s.logName)
	if err != nil {
		return err.Error()
	}
	lines := bytes.SplitAfter(log, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], nil))
}

// stop ends the server and waits for its end. Ctrl-C in a terminal may have ended it before.
func (s *server) stop() {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		_ = s.cmd.Process.Kill()
	}
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}
