package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	serverPackage = "github.com/jwt-toy/jwt-toy/server"
	listenTimeout = time.Minute
	stopTimeout   = 20 * time.Second
)

// server is a process of its own.
type server struct {
	url     string
	logName string
	cmd     *exec.Cmd
	ended   chan struct{} // closed when it has
}

// startServers builds the server into dir and starts several on one database. Stop them also after an error.
func startServers(ctx context.Context, dir, databaseURL string) (all []*server, err error) {
	program := filepath.Join(dir, "server")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, serverPackage).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	secret := rand.Text() + rand.Text()
	for i := range members {
		s := &server{logName: filepath.Join(dir, fmt.Sprintf("server%d.log", i+1)), ended: make(chan struct{})}
		log, err := os.Create(s.logName)
		if err != nil {
			return all, err
		}
		s.cmd = exec.Command(program, "serve", "-seed") //nolint:noctx // stop ends it, politely
		s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, log, log
		s.cmd.Env = []string{ // and not ours, which may configure another server
			"ENV=dev", "ADDR=127.0.0.1:0", "DATABASE_URL=" + databaseURL, "BCRYPT_COST=4", "JWT_SECRET_KEY=" + secret,
		}
		err = s.cmd.Start()
		_ = log.Close() // the server has its own copy
		if err != nil {
			return all, fmt.Errorf("start a server: %w", err)
		}
		all = append(all, s)
		go func() {
			_ = s.cmd.Wait() // how it ended is in its log
			close(s.ended)
		}()
		if err := s.awaitListening(ctx); err != nil {
			return all, fmt.Errorf("a server did not start: %w\n%s", err, s.log())
		}
	}
	return all, nil
}

var listening = regexp.MustCompile(`msg=listening addr=(127\.0\.0\.1:\d+)`)

func (s *server) awaitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	for {
		if found := listening.FindSubmatch(s.log()); found != nil {
			s.url = "http://" + string(found[1])
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// log returns what the server has logged so far.
func (s *server) log() []byte {
	log, err := os.ReadFile(s.logName)
	if err != nil {
		return []byte(err.Error())
	}
	return log
}

// runs reports whether the process is still the one that was started.
func (s *server) runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// stop ends the process. Ctrl-C in a terminal may have ended it before.
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

// requestTimeout is more than a server takes for an answer of any kind.
const requestTimeout = 30 * time.Second

// writes logs a user in, which is a transaction, and reports whether that succeeded.
func (s *server) writes(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body := strings.NewReader(`{"email":"alice@example.com","password":"alice-demo-password"}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/auth/login", body)
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // its status is all
	return answer.StatusCode == http.StatusOK
}

var mysqlError = regexp.MustCompile(`Error (\d{4})`)

// mysqlErrors counts the errors of MySQL because of which a request was answered with 503.
func mysqlErrors(servers []*server) map[string]int {
	found := map[string]int{}
	for _, s := range servers {
		for line := range bytes.Lines(s.log()) {
			if !bytes.Contains(line, []byte("msg=unavailable")) {
				continue
			}
			for _, m := range mysqlError.FindAllSubmatch(line, -1) {
				if _, err := strconv.Atoi(string(m[1])); err == nil {
					found[string(m[1])]++
				}
			}
		}
	}
	return found
}

// mentions counts the lines of the logs with that message.
func mentions(servers []*server, message string) (n int) {
	for _, s := range servers {
		n += bytes.Count(s.log(), []byte("msg="+message+" "))
	}
	return n
}
