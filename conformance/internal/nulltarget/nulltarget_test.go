package nulltarget

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// observed is what the contract's requests get: a good login, a login with a wrong password, a refresh with a cookie that is none,
// a look at /me.
func observed(t *testing.T, url string) []string {
	t.Helper()
	client := &http.Client{
		Timeout:       300 * time.Millisecond,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var all []string
	for _, request := range []struct{ method, path, body, cookie string }{
		{"POST", "/auth/login", `{"email":"alice@example.com","password":"alice-demo-password"}`, ""},
		{"POST", "/auth/login", `{"email":"alice@example.com","password":"wrong"}`, ""},
		{"POST", "/auth/refresh", "", "garbage"},
		{"GET", "/me", "", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), request.method, url+request.path, strings.NewReader(request.body))
		if err != nil {
			t.Fatal(err)
		}
		if request.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "refresh_token", Value: request.cookie})
		}
		all = append(all, ask(client, r))
	}
	return all
}

// ask says what an answer is: its status, and whether it brings an access token and a refresh cookie.
func ask(client *http.Client, r *http.Request) string {
	answer, err := client.Do(r)
	if err != nil {
		return "no answer"
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "cut off"
	}
	said := fmt.Sprint(answer.StatusCode)
	var tokens struct {
		Access string `json:"access_token"`
	}
	if json.Unmarshal(body, &tokens) == nil && tokens.Access != "" {
		said += " access"
	}
	for _, c := range answer.Cookies() {
		if c.Name == "refresh_token" {
			said += " cookie"
		}
	}
	return said
}

func TestTargetsDoWhatTheySay(t *testing.T) {
	want := map[string]string{
		"close":                  "no answer, no answer, no answer, no answer",
		"hang":                   "no answer, no answer, no answer, no answer",
		"half":                   "cut off, cut off, cut off, cut off",
		"200-object":             "200, 200, 200, 200",
		"200-empty":              "200, 200, 200, 200",
		"204":                    "204, 204, 204, 204",
		"400":                    "400, 400, 400, 400",
		"401":                    "401, 401, 401, 401",
		"403":                    "403, 403, 403, 403",
		"404":                    "404, 404, 404, 404",
		"405":                    "405, 405, 405, 405",
		"429":                    "429, 429, 429, 429",
		"500":                    "500, 500, 500, 500",
		"503":                    "503, 503, 503, 503",
		"echo":                   "200, 200, 200 cookie, 200",
		"redirect":               "302, 302, 302, 302",
		"page":                   "200, 200, 200, 200",
		"files":                  "404, 404, 404, 404",
		"random":                 "429, 409, 429, 500",
		"tokens":                 "200 access, 200 access, 200 access, 200 access",
		"tokens-and-cookie":      "200 access cookie, 200 access cookie, 200 access cookie, 200 access cookie",
		"login-then-401":         "200 access cookie, 401, 401, 401",
		"login-then-204":         "200 access cookie, 401, 204, 204",
		"login-then-200":         "200 access cookie, 401, 200, 200",
		"login-then-500":         "200 access cookie, 401, 500, 500",
		"login-then-same-tokens": "200 access cookie, 401, 200 access cookie, 200 access cookie",
		"any-login-then-401":     "200 access cookie, 200 access cookie, 401, 401",
	}
	for _, target := range All() {
		expected, ok := want[target.Name]
		delete(want, target.Name)
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			if !ok || target.What == "" {
				t.Fatal("unknown, listed twice, or not described")
			}
			url, stop, err := target.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			if got := strings.Join(observed(t, url), ", "); got != expected {
				t.Errorf("got %q, want %q", got, expected)
			}
		})
	}
	for name := range want {
		t.Errorf("%q is missing", name)
	}
}

// Refusals are as well formed as the contract wants them, or a suite could dismiss them for their form.
func TestRefusalsAreWellFormed(t *testing.T) {
	needs := map[string]string{"401": "Www-Authenticate", "405": "Allow", "429": "Retry-After", "503": "Retry-After"}
	for _, target := range All() {
		header, ok := needs[target.Name]
		if !ok {
			continue
		}
		url, stop, err := target.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.Header.Get(header) == "" || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v", target.Name, answer.Header)
		}
	}
}

// Stop returns although a client is still waiting for an answer, and nobody listens afterwards.
func TestStop(t *testing.T) {
	for _, target := range All() {
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			url, stop, err := target.Start()
			if err != nil {
				t.Fatal(err)
			}
			address := strings.TrimPrefix(url, "http://")
			if !strings.HasPrefix(address, "127.0.0.1:") {
				t.Errorf("listens on %s", address)
			}
			client, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := io.WriteString(client, "POST /auth/login HTTP/1.1\r\n"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			stopped := make(chan struct{})
			go func() {
				stop()
				stop()
				close(stopped)
			}()
			select {
			case <-stopped:
			case <-ctx.Done():
				t.Fatal("stop does not return")
			}
			if c, err := net.Dial("tcp", address); err == nil {
				c.Close()
				t.Error("it still listens")
			}
		})
	}
}
