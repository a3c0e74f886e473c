// Package nulltarget serves the servers that do nothing right: those that refuse everything, grant everything, hang, echo, or log in
// and then do one thing for ever. A suite is worth its name only if not one of them earns a MUST, so each check for a refusal has to
// be kept honest by a yes that such a server cannot give.
package nulltarget

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Target is one such server.
type Target struct {
	Name string // in kebab case, never changes
	What string // it does, in one sentence

	// Start serves it on a free port of 127.0.0.1 and returns its base URL. Stop closes the port and all connections, whoever may
	// be waiting on them; calling it twice does no harm.
	Start func() (url string, stop func(), err error)
}

// All returns every target, always in the same order.
func All() []Target {
	targets := []Target{
		{"close", "accepts a connection and closes it", connections(func(context.Context, net.Conn) {})},
		{"hang", "accepts a connection and never says a word", connections(func(ctx context.Context, _ net.Conn) { <-ctx.Done() })},
		{"half", "announces more than it sends, and closes", connections(half)},
		{"200-object", "answers 200 {}", always(200, "application/json", "{}")},
		{"200-empty", "answers 200 without a body", always(200, "", "")},
		{"204", "answers 204", always(204, "", "")},
	}
	for _, status := range []int{400, 401, 403, 404, 405, 429, 500, 503} {
		targets = append(targets, Target{strconv.Itoa(status), fmt.Sprintf("answers %d with a problem", status), web(func() http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status) }
		})})
	}
	return append(targets,
		Target{"echo", "answers 200 with the body and the cookies that it got", web(func() http.HandlerFunc { return echo })},
		Target{"redirect", "redirects to /login, from there too", web(func() http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }
		})},
		Target{"page", "answers 200 with an HTML page, as servers of single-page applications do", always(200, "text/html; charset=utf-8", page)},
		Target{"files", "serves files: an HTML page at /, 404 elsewhere", web(func() http.HandlerFunc { return files })},
		Target{"random", "answers with a status by chance", web(random)},
		Target{"tokens", "answers 200 with the same access token, without a cookie", always(200, "application/json", tokenBody)},
		Target{"tokens-and-cookie", "answers 200 with the same access token and the same cookie", web(func() http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { sameTokens(w) }
		})},
		Target{"login-then-401", "logs in, and answers 401 to all else", afterLogin(checked, func(w http.ResponseWriter) { refuse(w, 401) })},
		Target{"login-then-204", "logs in, and answers 204 to all else", afterLogin(checked, func(w http.ResponseWriter) { w.WriteHeader(204) })},
		Target{"login-then-200", "logs in, and answers 200 {} to all else", afterLogin(checked, func(w http.ResponseWriter) { reply(w, 200, "application/json", "{}") })},
		Target{"login-then-500", "logs in, and answers 500 to all else", afterLogin(checked, func(w http.ResponseWriter) { refuse(w, 500) })},
		Target{"login-then-same-tokens", "logs in, and answers 200 with the same tokens to all else", afterLogin(checked, sameTokens)},
		Target{"any-login-then-401", "logs in with any password, and answers 401 to all else", afterLogin(unchecked, func(w http.ResponseWriter) { refuse(w, 401) })},
	)
}

const page = "<!doctype html><title>Welcome</title><p>It works!</p>\n"

func always(status int, contentType, body string) func() (string, func(), error) {
	return web(func() http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, status, contentType, body) }
	})
}

func reply(w http.ResponseWriter, status int, contentType, body string) {
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // a client that has hung up changes nothing
}

// refuse answers with an error that is as well formed as an error can be.
func refuse(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="null", error="invalid_token"`)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "POST")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Cache-Control", "no-store")
	reply(w, status, "application/problem+json",
		fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":"no"}`+"\n", http.StatusText(status), status))
}

// echo gives back what it got. More than 1 MiB is cut off.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	for _, c := range r.Cookies() {
		w.Header().Add("Set-Cookie", c.Name+"="+c.Value)
	}
	reply(w, http.StatusOK, r.Header.Get("Content-Type"), string(body))
}

func files(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader([]byte(page)))
}

// random has the same chances in every run.
func random() http.HandlerFunc {
	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(1, 2))
	statuses := []int{200, 201, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503}
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		status := statuses[chance.IntN(len(statuses))]
		mu.Unlock()
		if status < 400 {
			reply(w, status, "application/json", "{}")
			return
		}
		refuse(w, status)
	}
}

// half begins an answer that it does not end.
func half(_ context.Context, c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(time.Second)) // errors change nothing: the connection ends in any case
	_, _ = c.Read(make([]byte, 1024))
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"access_token\":")
}

// web serves a handler that is made anew for each start.
func web(newHandler func() http.HandlerFunc) func() (string, func(), error) {
	return func() (string, func(), error) {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, fmt.Errorf("start a null target: %w", err)
		}
		server := &http.Server{Handler: newHandler(), ReadHeaderTimeout: 10 * time.Second}
		done := make(chan struct{})
		go func() {
			_ = server.Serve(listener) // says that it was closed
			close(done)
		}()
		return "http://" + listener.Addr().String(), sync.OnceFunc(func() {
			_ = server.Close() // of the listener, which nobody needs any more
			<-done
		}), nil
	}
}

// connections handles bare connections, each of which is closed when handle returns.
func connections(handle func(context.Context, net.Conn)) func() (string, func(), error) {
	return func() (string, func(), error) {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, fmt.Errorf("start a null target: %w", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				c, err := listener.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil { // too many open files, perhaps: let some be closed
					time.Sleep(time.Millisecond)
					continue
				}
				wg.Go(func() {
					defer func() { _ = c.Close() }() // which the other side sees, and nobody else
					handle(ctx, c)
				})
			}
		})
		return "http://" + listener.Addr().String(), sync.OnceFunc(func() {
			cancel()
			_ = listener.Close() // ends Accept
			wg.Wait()
		}), nil
	}
}
