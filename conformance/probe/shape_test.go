package probe_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// members are a JSON object, sent or answered.
type members = map[string]any

// query is a request to a server of another shape, which has the healthy server of the kit's shape behind it.
type query struct {
	w   http.ResponseWriter
	r   *http.Request
	in  members
	kit http.Handler
}

// got is what the server behind answered.
type got struct {
	status  int
	access  string
	refresh string
	cookie  *http.Cookie
	seconds float64
	body    members
}

// ask passes the request on in the kit's shape.
func (q query) ask(method, path, body, refresh string) got {
	r := httptest.NewRequestWithContext(q.r.Context(), method, "http://"+q.r.Host+path, strings.NewReader(body))
	r.Header = q.r.Header.Clone()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Del("Cookie")
	if refresh != "" {
		r.Header.Set("Cookie", "refresh_token="+refresh)
	}
	rec := httptest.NewRecorder()
	q.kit.ServeHTTP(rec, r)
	g := got{status: rec.Code, body: members{}}
	_ = json.Unmarshal(rec.Body.Bytes(), &g.body) // a 204 has none
	g.access, _ = g.body["access_token"].(string)
	g.seconds, _ = g.body["expires_in"].(float64)
	for _, c := range rec.Result().Cookies() {
		g.refresh, g.cookie = c.Value, c
	}
	for _, h := range []string{"WWW-Authenticate", "Content-Type"} {
		if v := rec.Header().Get(h); v != "" {
			q.w.Header().Set(h, v)
		}
	}
	return g
}

func (q query) login(user, password string) got {
	raw, _ := json.Marshal(members{"email": q.in[user], "password": q.in[password]})
	return q.ask("POST", "/auth/login", string(raw), "")
}

func (q query) refresh(token string) got { return q.ask("POST", "/auth/refresh", "", token) }
func (q query) logout(token string) got  { return q.ask("POST", "/auth/logout", "", token) }
func (q query) me() (int, any)           { g := q.ask("GET", "/me", "", ""); return g.status, g.body }

// text is a member of the request, or of an object in it.
func (q query) text(path ...string) string {
	var v any = q.in
	for _, key := range path {
		m, _ := v.(members)
		v = m[key]
	}
	s, _ := v.(string)
	return s
}

// pair answers with tokens under other names, or with the refusal as it came.
func (g got) pair(ok members) (int, any) {
	if g.status != http.StatusOK {
		return g.status, g.body
	}
	return http.StatusOK, ok
}

type route func(query) (int, any)

// server is one shape.
type server struct {
	name     string
	form     bool // bodies are forms
	routes   map[string]route
	document string // of OpenAPI, at /openapi.yaml
	guard    func(w http.ResponseWriter, r *http.Request) bool
	all      func(status int, body any) (int, any) // changes every answer

	profile string // that the probe must find, the server's name left out
	preset  string
	guessed []string // members that cannot be measured
	fails   []string // stories that such a server fails, as path.Match has it
}

// handler puts the shape before the healthy server.
func (s server) handler(kit http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if s.document != "" && r.URL.Path == "/openapi.yaml" {
			w.Header().Set("Content-Type", "application/yaml")
			_, _ = io.WriteString(w, s.document)
			return
		}
		if s.guard != nil && !s.guard(w, r) {
			return
		}
		status, body := s.answer(w, r, kit)
		if s.all != nil {
			status, body = s.all(status, body)
		}
		if w.Header().Get("Content-Type") == "" || status < 300 {
			w.Header().Set("Content-Type", "application/json")
		}
		if body == nil {
			w.Header().Del("Content-Type")
		}
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body)
		}
	})
}

func problem(status int) (int, any) {
	return status, members{"title": http.StatusText(status), "status": status, "detail": "no"}
}

func (s server) answer(w http.ResponseWriter, r *http.Request, kit http.Handler) (int, any) {
	w.Header().Set("Content-Type", "application/problem+json")
	handle := s.routes[r.Method+" "+r.URL.Path]
	if handle == nil {
		var allow []string
		for pattern := range s.routes {
			if method, path, _ := strings.Cut(pattern, " "); path == r.URL.Path {
				allow = append(allow, method)
			}
		}
		if allow == nil {
			return problem(http.StatusNotFound)
		}
		slices.Sort(allow)
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return problem(http.StatusMethodNotAllowed)
	}
	q := query{w: w, r: r, in: members{}, kit: kit}
	raw, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	kind := r.Header.Get("Content-Type")
	switch {
	case len(raw) == 0:
	case s.form && strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		values, _ := url.ParseQuery(string(raw))
		for k := range values {
			q.in[k] = values.Get(k)
		}
	case s.form:
	case !strings.HasPrefix(kind, "application/json"):
		return problem(http.StatusUnsupportedMediaType)
	case json.Unmarshal(raw, &q.in) != nil:
		return problem(http.StatusBadRequest)
	}
	return handle(q)
}

// clock is the healthy server's, moved by the suite.
type clock struct {
	stands time.Time // not zero: it moves only when it is advanced
	offset atomic.Int64
}

func (c *clock) now() time.Time {
	now := time.Now()
	if !c.stands.IsZero() {
		now = c.stands
	}
	return now.Add(time.Duration(c.offset.Load()))
}

func (c *clock) advance(_ context.Context, d time.Duration) error {
	c.offset.Add(int64(d))
	return nil
}

func healthy(t *testing.T, c *clock, faults ...string) http.Handler {
	t.Helper()
	s, err := faulty.New(faulty.Options{Faults: faults, Now: c.now, Secure: true})
	require.NoError(t, err)
	return s
}

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// in400 answers 400 where the kit answers 401.
func in400(status int, body any) (int, any) {
	if status == http.StatusUnauthorized {
		return http.StatusBadRequest, body
	}
	return status, body
}

func (g got) withRefresh(name string) members {
	return members{"access_token": g.access, "token_type": "Bearer", "expires_in": g.seconds, name: g.refresh}
}

func (g got) camel() members { return members{"accessToken": g.access, "refreshToken": g.refresh} }

func (g got) identity() members {
	return members{"accessToken": g.access, "refreshToken": g.refresh, "expiresIn": g.seconds, "tokenType": "Bearer"}
}

func (g got) directus() members {
	return members{"data": members{"access_token": g.access, "refresh_token": g.refresh, "expires": g.seconds * 1000}}
}

func (q query) jid(g got) (int, any) {
	if g.cookie != nil {
		g.cookie.Name, g.cookie.Path = "jid", "/"
		http.SetCookie(q.w, g.cookie)
	}
	return g.pair(members{"accessToken": g.access})
}

func (q query) cookie(name string) string {
	if c, err := q.r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// bearerOnly lets in who has an access token.
func bearerOnly(f route) route {
	return func(q query) (int, any) {
		if g := q.ask("GET", "/me", "", ""); g.status != http.StatusOK {
			return g.status, g.body
		}
		return f(q)
	}
}
