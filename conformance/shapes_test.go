package conformance_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// shape puts a server of the kit's contract behind another wire shape: ask makes the kit's request out of one of the shape's, tell the
// shape's answer out of the kit's. What neither mentions stays as it is, faults included.
type shape struct {
	profile string                 // a preset, JSON, or the name of a file in testdata/profiles
	new     func(world) translator // one for each server, since some remember what they gave out
}

// world is what a translator may need of the server behind it.
type world struct {
	inner http.Handler
	now   func() time.Time
}

type translator interface {
	ask(w http.ResponseWriter, r *http.Request, a *asked) // to answer by itself, it writes
	tell(r *http.Request, a *asked, t *told)
}

// asked is a request to the kit's server in the making.
type asked struct {
	call    string // login, refresh, logout, me; "": there is nothing
	method  string
	body    string
	json    map[string]any // the body, if it is an object
	tokens  []string       // refresh cookies
	origin  string         // the path that was asked for
	written bool
}

// told is the kit's answer, and becomes the shape's.
type told struct {
	status  int
	header  http.Header // without the refresh cookie
	json    map[string]any
	text    string   // of a body that is no object
	refresh string   // the refresh token that was set; "": none
	life    int      // seconds that its cookie lives; 0: not stated
	sets    []string // Set-Cookie lines of other cookies
	own     []string // and those of the refresh cookie, for shapes that have one
}

// recorder notices that something was written.
type recorder struct {
	http.ResponseWriter
	wrote *bool
}

func (r recorder) WriteHeader(status int) { *r.wrote = true; r.ResponseWriter.WriteHeader(status) }

func (s shape) handler(inner http.Handler, now func() time.Time) http.Handler {
	return translated(s.new(world{inner, now}), inner)
}

func translated(t translator, inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(io.LimitReader(r.Body, 4<<20)) // what is cut off is malformed
		a := &asked{method: r.Method, body: string(raw), origin: r.URL.Path}
		if json.Unmarshal(raw, &a.json) != nil {
			a.json = map[string]any{}
		}
		if t.ask(recorder{w, &a.written}, r, a); a.written {
			return
		}
		path := map[string]string{"login": "/auth/login", "refresh": "/auth/refresh", "logout": "/auth/logout", "me": "/me"}[a.call]
		in := httptest.NewRequestWithContext(r.Context(), a.method, "http://"+r.Host+path+"?"+r.URL.RawQuery, strings.NewReader(a.body))
		in.Header = r.Header.Clone()
		in.Header.Del("Cookie")
		for _, token := range a.tokens {
			in.Header["Cookie"] = append(in.Header["Cookie"], "refresh_token="+token)
		}
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, in)
		out := read(rec)
		t.tell(r, a, out)
		out.write(w)
	})
}

func read(rec *httptest.ResponseRecorder) *told {
	t := &told{status: rec.Code, header: rec.Header().Clone(), text: rec.Body.String()}
	if json.Unmarshal(rec.Body.Bytes(), &t.json) == nil && t.json != nil {
		t.text = ""
	}
	t.header.Del("Set-Cookie")
	for _, c := range rec.Result().Cookies() {
		if c.Name == "refresh_token" && c.MaxAge >= 0 && c.Value != "" {
			t.refresh, t.life = c.Value, c.MaxAge
		}
	}
	for _, line := range rec.Header().Values("Set-Cookie") {
		if strings.HasPrefix(line, "refresh_token=") {
			t.own = append(t.own, line)
		} else {
			t.sets = append(t.sets, line)
		}
	}
	return t
}

func (t *told) write(w http.ResponseWriter) {
	for name, values := range t.header {
		w.Header()[name] = values
	}
	for _, line := range t.sets {
		w.Header().Add("Set-Cookie", line)
	}
	body := []byte(t.text)
	if t.json != nil {
		body, _ = json.Marshal(t.json)
	}
	if t.json != nil && t.header.Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(t.status)
	_, _ = w.Write(body) // a test's client reads it or not
}

// move renames a member, into an object where the new name has a dot.
func (t *told) move(from, to string) {
	v, ok := t.json[from]
	if !ok {
		return
	}
	delete(t.json, from)
	outer, inner, nested := strings.Cut(to, ".")
	if !nested {
		t.json[to] = v
		return
	}
	m, _ := t.json[outer].(map[string]any)
	if m == nil {
		m = map[string]any{}
		t.json[outer] = m
	}
	m[inner] = v
}

// renamed is a JSON text with other names for its keys, everything else as it was: also what is malformed, or comes twice.
func renamed(body string, names map[string]string) string {
	for from, to := range names {
		body = regexp.MustCompile(`"`+from+`"(\s*):`).ReplaceAllString(body, `"`+to+`"$1:`)
	}
	return body
}

func text(m map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		m, _ = m[key].(map[string]any)
	}
	s, _ := m[path[len(path)-1]].(string)
	return s
}

// take makes a member of the body, if it is there, the refresh cookie.
func (a *asked) take(path ...string) {
	m := a.json
	for _, key := range path[:len(path)-1] {
		m, _ = m[key].(map[string]any)
	}
	if v, ok := m[path[len(path)-1]].(string); ok {
		a.tokens = []string{v}
	}
}

// cookies returns the request's cookies of one name, as they were sent.
func cookies(r *http.Request, name string) []string {
	var values []string
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			if n, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && n == name {
				values = append(values, value)
			}
		}
	}
	return values
}

// startShape serves the healthy server, or one with faults, in another shape, and returns options that judge all of it.
func startShape(t *testing.T, sh shape, faults ...string) conformance.Options {
	t.Helper()
	var tr translator // one for all replicas
	o := startAs(t, func(inner http.Handler, now func() time.Time) http.Handler {
		if tr == nil {
			tr = sh.new(world{inner, now})
		}
		return translated(tr, inner)
	}, faults...)
	o.Profile = sh.load(t)
	return o
}

func (s shape) load(t *testing.T) conformance.Profile {
	t.Helper()
	raw := []byte(s.profile)
	switch {
	case strings.HasSuffix(s.profile, ".json"):
		var err error
		raw, err = os.ReadFile("testdata/profiles/" + s.profile)
		require.NoError(t, err)
	case !strings.HasPrefix(s.profile, "{"):
		p, err := conformance.Preset(s.profile)
		require.NoError(t, err)
		return p
	}
	p, err := conformance.ParseProfile(raw)
	require.NoError(t, err)
	return p
}

// oauth2 is RFC 6749's token endpoint and RFC 7009's revocation, form-encoded.
type oauth2 struct{}

func (oauth2) ask(_ http.ResponseWriter, r *http.Request, a *asked) {
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ = url.ParseQuery(a.body)
		a.body = ""
	}
	switch {
	case a.origin == "/token" && (form.Get("grant_type") == "password" || r.URL.Query().Has("password")):
		a.call = "login"
		b, _ := json.Marshal(map[string]string{"email": form.Get("username"), "password": form.Get("password")})
		a.body = string(b)
		r.Header.Set("Content-Type", "application/json")
	case a.origin == "/token":
		a.call = "refresh"
		a.tokens = form["refresh_token"]
	case a.origin == "/revoke":
		a.call = "logout"
		a.tokens = form["token"]
	case a.origin == "/userinfo":
		a.call = "me"
	}
}

func (oauth2) tell(_ *http.Request, a *asked, t *told) {
	switch {
	case t.status == 401 && a.call != "me":
		t.status, t.json = 400, map[string]any{"error": "invalid_grant", "error_description": t.json["detail"]}
	case t.status == 204:
		t.status = 200
	case t.refresh != "":
		t.json["refresh_token"] = t.refresh
	}
}

// renamedJSON has other names, other methods, 400 for refusals, milliseconds and nested places.
type renamedJSON struct{}

const renamedProfile = `{
	"login": {"path": "/api/session", "body": {"user": "{email}", "pass": "{password}"}, "refused": [400]},
	"refresh": {"path": "/api/session", "method": "PUT", "body": {"with": {"renew": "{refresh_token}"}}, "refused": [400]},
	"logout": {"path": "/api/session/end", "body": {"with": {"renew": "{refresh_token}"}}},
	"me": {"path": "/api/me"},
	"answer": {"access_token": "/data/jwt", "refresh_token": "/data/renew", "expires_in": "/data/ttl", "refresh_expires_in": "/data/renew_ttl", "unit": "ms", "token_type": "/data/type"}
}`

func (renamedJSON) ask(_ http.ResponseWriter, r *http.Request, a *asked) {
	switch {
	case a.origin == "/api/session" && (r.Method == http.MethodPost || text(a.json, "user") != "" || r.URL.Query().Has("pass")):
		a.call = "login"
		a.body = renamed(a.body, map[string]string{"user": "email", "pass": "password"})
		q := r.URL.Query()
		q.Set("email", q.Get("user"))
		q.Set("password", q.Get("pass"))
		if q.Has("pass") {
			r.URL.RawQuery = q.Encode()
		}
	case a.origin == "/api/session":
		a.call = "refresh"
		a.method = map[string]string{"PUT": "POST", "POST": "PUT"}[r.Method]
		if a.method == "" {
			a.method = r.Method
		}
		if r.Header.Get("X-HTTP-Method-Override") == "PUT" {
			r.Header.Set("X-HTTP-Method-Override", "POST")
		}
		a.take("with", "renew")
	case a.origin == "/api/session/end":
		a.call = "logout"
		a.take("with", "renew")
	case a.origin == "/api/me":
		a.call = "me"
	}
}

func (renamedJSON) tell(_ *http.Request, a *asked, t *told) {
	if t.status == 401 && a.call != "me" {
		t.status = 400
	}
	if allow := t.header.Get("Allow"); a.call == "refresh" && allow != "" {
		t.header.Set("Allow", strings.ReplaceAll(allow, "POST", "PUT"))
	}
	if t.refresh != "" {
		t.json["renew"] = t.refresh
		t.move("renew", "data.renew")
		if t.life > 0 {
			t.json["renew_ttl"] = t.life * 1000
			t.move("renew_ttl", "data.renew_ttl")
		}
	}
	if ttl, ok := t.json["expires_in"].(float64); ok {
		t.json["expires_in"] = ttl * 1000
	}
	t.move("access_token", "data.jwt")
	t.move("token_type", "data.type")
	t.move("expires_in", "data.ttl")
}

// statusInBody answers everything that it understood with 200 and says in the body what it means.
type statusInBody struct{}

const statusInBodyProfile = `{
	"login": {"refused": [200]},
	"refresh": {"body": {"refresh_token": "{refresh_token}"}, "refused": [200], "refused_is": ["DENIED"]},
	"logout": {"body": {"refresh_token": "{refresh_token}"}},
	"me": {"refused": [200]},
	"answer": {"refresh_token": "/refresh_token", "refresh_expires_in": "/refresh_expires_in", "success_at": "/status", "success_is": "OK", "refused_at": "/status"}
}`

func (statusInBody) ask(_ http.ResponseWriter, r *http.Request, a *asked) {
	a.call = strings.TrimPrefix(strings.TrimPrefix(a.origin, "/auth"), "/")
	if a.call == "refresh" || a.call == "logout" {
		a.take("refresh_token")
	}
}

func (statusInBody) tell(_ *http.Request, _ *asked, t *told) {
	if t.json == nil {
		t.json = map[string]any{}
	}
	switch {
	case t.status < 300:
		t.status, t.json["status"] = 200, "OK"
		if t.refresh != "" {
			t.json["refresh_token"] = t.refresh
			if t.life > 0 {
				t.json["refresh_expires_in"] = t.life
			}
		}
	case t.status == 401:
		t.status, t.json["status"] = 200, "DENIED"
	default:
		t.json["status"] = "FAILED"
	}
}
