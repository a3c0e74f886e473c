package main

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// output can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		name, args     string
		code           int
		stdout, stderr string // what must be in there; "": must be empty
	}{
		{"help", "-h", 0, "faulty -list", ""},
		{"list", "-list", 0, "a rotated token is refused, and nothing else happens", ""},
		{"unknown flag", "-faults x", 2, "", "not defined: -faults"},
		{"argument", "reuse-plain-401", 2, "", `"reuse-plain-401" is no flag; a fault is named with -fault`},
		{"unknown fault", "-fault rt-not-rotate", 2, "", "nearest: rt-not-rotated,"},
		{"empty fault", "-fault rt-not-rotated,", 2, "", `no fault is called ""`},
		{"bad duration", "-access-ttl 2", 2, "", "access-ttl"},
		{"negative duration", "-refresh-ttl -1s", 2, "", "negative"},
		{"half seconds", "-access-ttl 500ms", 2, "", "whole seconds"},
		{"every address", "-addr :8081", 2, "", "only loopback"},
		{"a network", "-addr 192.0.2.1:8081", 2, "", "only loopback"},
		{"no port", "-addr 127.0.0.1", 2, "", "missing port"},
		{"solution", "-exercise 11 -solution", 0, "reuse-revocation-rolled-back: the family's end is undone", ""},
		{"solution of nothing", "-solution", 2, "", "1 to 20"},
		{"no such exercise", "-exercise 21", 2, "", "1 to 20"},
		{"exercise and fault", "-exercise 1 -fault reuse-plain-401", 2, "", "-fault cannot"},
		{"port taken", "-addr " + taken.Addr().String(), 1, "", "is another one running?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var stdout, stderr output
			if code := run(ctx, strings.Fields(tc.args), &stdout, &stderr); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, s := range []struct{ name, got, want string }{{"stdout", stdout.String(), tc.stdout}, {"stderr", stderr.String(), tc.stderr}} {
				if !strings.Contains(s.got, s.want) || s.want == "" && s.got != "" {
					t.Errorf("%s: got %q, want %q", s.name, s.got, s.want)
				}
			}
		})
	}
}

func TestListNamesEveryFault(t *testing.T) {
	var out output
	list(&out)
	for _, f := range faulty.Faults() {
		if !strings.Contains(out.String(), "\n  "+f.Name+" ") || !strings.Contains(out.String(), "\n"+f.Area+"\n") {
			t.Errorf("%s is not listed", f.Name)
		}
	}
}

// start runs the command until the test ends, and returns its base URL and what it prints. Stop returns its exit code.
func start(t *testing.T, args ...string) (url string, stdout *output, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stdout = &output{}
	var stderr output
	code := make(chan int, 1)
	go func() { code <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), stdout, &stderr) }()
	listening := regexp.MustCompile(`listening on (http://\S+),`)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if m := listening.FindStringSubmatch(stdout.String()); m != nil {
			return m[1], stdout, func() int {
				cancel()
				return <-code
			}
		}
	}
	cancel()
	t.Fatalf("it does not start: %s", stderr.String())
	return "", nil, nil
}

func login(t *testing.T, url string) *http.Cookie {
	t.Helper()
	answer, err := http.Post(url+"/auth/login", "application/json", strings.NewReader(`{"email":"bob@example.com","password":"bob-demo-password"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 || len(answer.Cookies()) != 1 {
		t.Fatalf("login: %d %v", answer.StatusCode, answer.Header)
	}
	return answer.Cookies()[0]
}

func TestServesUntilStopped(t *testing.T) {
	url, stdout, stop := start(t)
	c := login(t, url)
	if !c.HttpOnly || c.Secure || c.MaxAge != 30*24*60*60 {
		t.Errorf("cookie: %v", c)
	}
	if !strings.Contains(stdout.String(), "no fault: the healthy server") {
		t.Errorf("got %q", stdout)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("it still serves")
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	url, stdout, stop := start(t, "-fault", "cookie-no-httponly,cookie-samesite-weak/lax", "-fault", "cookie-path-too-broad/on-refresh",
		"-secure", "-refresh-ttl", "40s", "-session-max-ttl", "30s", "-access-ttl", "2s", "-window", "1ms", "-hash-cost", "1ms")
	c := login(t, url)
	if c.HttpOnly || !c.Secure || c.MaxAge < 29 || c.MaxAge > 30 {
		t.Errorf("cookie: %v", c)
	}
	for _, want := range []string{"cookie-no-httponly: scripts can read the cookie\n", "cookie-samesite-weak/lax: ", "cookie-path-too-broad/on-refresh: "} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("got %q, want %q in it", stdout, want)
		}
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestKeepsADatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faulty.db")
	url, _, stop := start(t, "-fault", "st-plaintext-token", "-db", file)
	c := login(t, url)
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var kept string
	if err := db.QueryRowContext(t.Context(), "SELECT token_hash FROM token_families").Scan(&kept); err != nil || kept != c.Value {
		t.Errorf("the file does not hold the token: %v", err)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	var stdout, stderr output
	if code := run(t.Context(), []string{"-db", "/nonesuch/x.db"}, &stdout, &stderr); code != exitFail || !strings.Contains(stderr.String(), "-db") {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}

func TestSaysWhatAFaultNeeds(t *testing.T) {
	for name, want := range map[string]string{
		"exp-no-absolute-cap": "-refresh-ttl 4s", "cookie-no-secure": "(-secure)", "at-typ-not-checked": faulty.DemoSecret, "st-plaintext-token": "-db FILE",
	} {
		var out output
		describe(&out, faulty.Options{Faults: []string{name}})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %q, want %q in it", name, out.String(), want)
		}
	}
}

// An exercise whose server names the fault would be none.
func TestExercisesDoNotTell(t *testing.T) {
	url, stdout, stop := start(t, "-exercise", "8")
	defer stop()
	answer, err := http.Post(url+"/auth/refresh", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if len(answer.Cookies()) != 1 || answer.Cookies()[0].MaxAge >= 0 {
		t.Errorf("it has not the fault of exercise 8: %v", answer.Header)
	}
	fault := faulty.Exercises()[7]
	if out := stdout.String(); !strings.HasPrefix(out, "exercise 8: ") || strings.Contains(out, fault) || strings.Contains(out, "cookie") {
		t.Errorf("it tells: %q", out)
	}
}
