package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

// document is docs/openapi.yaml. Its maps are those of YAML, since the test reads only what it checks.
type document struct {
	t    *testing.T
	root map[string]any
	seen map[string]bool // "POST /auth/login 200"
}

func readDocument(t *testing.T) *document {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository(t), "docs", "openapi.yaml"))
	require.NoError(t, err)
	d := &document{t: t, seen: map[string]bool{}}
	require.NoError(t, yaml.Unmarshal(b, &d.root))
	return d
}

// at follows keys into v, and references on the way.
func (d *document) at(v any, keys ...string) any {
	m, _ := v.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		path, local := strings.CutPrefix(ref, "#/")
		require.True(d.t, local, ref)
		target := d.at(d.root, strings.Split(path, "/")...)
		require.NotNil(d.t, target, "%s leads nowhere", ref)
		return d.at(target, keys...)
	}
	if len(keys) == 0 {
		return v
	}
	return d.at(m[keys[0]], keys[1:]...)
}

// statuses lists every answer that the document promises.
func (d *document) statuses() []string {
	var list []string
	for path, operations := range d.at(d.root, "paths").(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			for status := range d.at(operation, "responses").(map[string]any) {
				list = append(list, strings.ToUpper(method)+" "+path+" "+status)
			}
		}
	}
	slices.Sort(list)
	return list
}

// judge compares an answer with what the document says of it.
func (d *document) judge(method, path string, a answer) {
	d.t.Helper()
	what := fmt.Sprintf("%s %s %d", method, path, a.status)
	response := d.at(d.root, "paths", path, strings.ToLower(method), "responses", fmt.Sprint(a.status))
	require.NotNil(d.t, response, "%s is not in docs/openapi.yaml: %s", what, a.body)
	d.seen[what] = true

	headers, _ := d.at(response, "headers").(map[string]any)
	for name := range headers {
		value := a.header.Get(name)
		if value == "" {
			require.NotEqual(d.t, true, d.at(headers[name], "required"), "%s: %s is missing", what, name)
			continue
		}
		d.valid(what+": "+name, d.at(headers[name], "schema"), value)
	}
	for _, name := range []string{"Set-Cookie", "WWW-Authenticate", "Retry-After"} {
		require.True(d.t, a.header.Get(name) == "" || headers[name] != nil, "%s: %s is not documented", what, name)
	}

	content, _ := d.at(response, "content").(map[string]any)
	if content == nil {
		require.Empty(d.t, a.body, what)
		return
	}
	contentType := a.header.Get("Content-Type")
	require.Contains(d.t, content, contentType, what)
	var body any
	require.NoError(d.t, json.Unmarshal([]byte(a.body), &body), what)
	d.valid(what, d.at(content[contentType], "schema"), body)
}

// valid is as much of JSON Schema as the document uses. A keyword that it does not know is an error, not a yes.
func (d *document) valid(what string, schema, value any) {
	d.t.Helper()
	object, isObject := value.(map[string]any)
	number, isNumber := value.(float64)
	text, isText := value.(string)
	for keyword, rule := range d.at(schema).(map[string]any) {
		switch keyword {
		case "description":
		case "type":
			kind := map[bool]string{isObject: "object", isText: "string", isNumber && number == float64(int64(number)): "integer"}[true]
			require.Equal(d.t, rule, kind, what)
		case "const":
			require.Equal(d.t, rule, value, what)
		case "enum":
			require.Contains(d.t, rule, value, what)
		case "pattern":
			require.Regexp(d.t, rule, text, what)
		case "format":
			require.Equal(d.t, "uuid", rule, what)
			require.Regexp(d.t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, text, what)
		case "minimum":
			require.GreaterOrEqual(d.t, number, float64(rule.(int)), what)
		case "maximum":
			require.LessOrEqual(d.t, number, float64(rule.(int)), what)
		case "required":
			for _, name := range rule.([]any) {
				require.Contains(d.t, object, name, what)
			}
		case "properties":
			for name, property := range rule.(map[string]any) {
				if member, ok := object[name]; ok {
					d.valid(what+": "+name, property, member)
				}
			}
		case "additionalProperties":
			require.Equal(d.t, false, rule, what)
			for name := range object {
				require.NotNil(d.t, d.at(schema, "properties", name), "%s: %s is not documented", what, name)
			}
		default:
			d.t.Fatalf("%s: the test does not know the keyword %s", what, keyword)
		}
	}
}

func routesOf(t *testing.T, h http.Handler) []string {
	t.Helper()
	var routes []string
	require.NoError(t, chi.Walk(h.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes = append(routes, method+" "+path)
		return nil
	}))
	slices.Sort(routes)
	return routes
}

// The document and the server have the same calls, and each answer that one of them promises, the other gives.
func TestOpenAPI(t *testing.T) {
	d := readDocument(t)
	w := newWorld(t)
	var documented []string
	for _, s := range d.statuses() {
		documented = append(documented, s[:strings.LastIndex(s, " ")])
	}
	require.Equal(t, routesOf(t, w.handler), slices.Compact(documented))

	ask := func(method, path, body string, headers ...string) answer {
		t.Helper()
		a := w.send(method, path, body, headers...)
		d.judge(method, path, a)
		return a
	}
	const good = `{"email":"alice@example.com","password":"alice-demo-password"}`
	large := strings.Repeat(" ", maxBody+1)
	foreign := "Origin: https://evil.test"
	p := w.tokens(ask("POST", "/auth/login", good, asJSON))
	for _, body := range []string{"{", "{}", good + large, `{"email":"a","password":"b"}`, `{"email":"a","password":"` + large[:73] + `"}`} {
		ask("POST", "/auth/login", body, asJSON)
	}
	ask("POST", "/auth/login", good)
	for _, path := range []string{"/auth/login", "/auth/refresh", "/auth/logout"} {
		ask("POST", path, good, asJSON, foreign)
		ask("POST", path, large, asJSON, cookieOf(p.refresh))
	}
	p = w.tokens(ask("POST", "/auth/refresh", "", cookieOf(p.refresh)))
	ask("POST", "/auth/refresh", "")
	d.judge("POST", "/auth/refresh", w.cutOff("/auth/refresh"))
	ask("GET", "/me", "")
	ask("GET", "/me", "", "Authorization: Bearer x")
	ask("GET", "/me", "", "Authorization: Bearer "+p.access)
	ask("GET", "/healthz", "")
	ask("GET", "/readyz", "")
	d.judge("POST", "/auth/logout", w.cutOff("/auth/logout"))
	ask("POST", "/auth/logout", "", cookieOf(p.refresh))
	ask("POST", "/auth/logout", "")

	p = w.loggedIn()
	w.store.down.Store(true)
	ask("POST", "/auth/login", good, asJSON)
	ask("POST", "/auth/refresh", "", cookieOf(p.refresh))
	ask("POST", "/auth/logout", "", cookieOf(p.refresh))
	ask("GET", "/me", "", "Authorization: Bearer "+p.access)
	unready := newWorld(t, func(d *deps) { d.ready = w.store.fails })
	d.judge("GET", "/readyz", unready.send("GET", "/readyz", ""))
	throttled := newWorld(t, func(d *deps) { d.logins = throttle.New(throttle.Config{PerAddress: 1}) })
	require.Equal(t, 401, throttled.login(credentials{"a", "b"}).status)
	d.judge("POST", "/auth/login", throttled.login(w.user(0)))

	require.Equal(t, d.statuses(), slices.Sorted(maps.Keys(d.seen)), "every documented answer was seen")
}

// Every request of docs/auth.http names a call that exists, and every call is in it.
func TestHTTPFile(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(repository(t), "docs", "auth.http"))
	require.NoError(t, err)
	var named []string
	for block := range strings.SplitSeq(string(b), "\n###") {
		request := regexp.MustCompile(`(?m)^([A-Z]+) (.+)$`).FindStringSubmatch(block)
		if request == nil {
			require.Contains(t, block, "@base = http://127.0.0.1:8080", "a block without a request")
			continue
		}
		path, ok := strings.CutPrefix(request[2], "{{base}}")
		require.True(t, ok, request[0])
		named = append(named, request[1]+" "+path)
		for _, variable := range regexp.MustCompile(`{{(\w+)\.response\.body\.(\w+)}}`).FindAllStringSubmatch(block, -1) {
			require.Contains(t, string(b), "# @name "+variable[1]+"\n")
			require.NotNil(t, readDocument(t).at(readDocument(t).root, "components", "schemas", "Tokens", "properties", variable[2]))
		}
	}
	slices.Sort(named)
	require.Equal(t, routesOf(t, newWorld(t).handler), slices.Compact(named))
}
