package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// documentPaths are where frameworks serve their OpenAPI document.
var documentPaths = []string{
	"/openapi.json", "/openapi.yaml", "/openapi.yml", "/swagger.json", "/v3/api-docs", "/api-docs", "/api-docs.json", "/api-json", "/docs-json", "/api/docs-json",
	"/api/openapi.json", "/api/v1/openapi.json", "/swagger/v1/swagger.json", "/openapi/v1.json", "/api/schema/", "/swagger/doc.json", "/docs/openapi.json", "/docs/api.json",
	"/server/specs/oas", "/v2/api-docs", "/.well-known/openid-configuration",
}

// document is what an OpenAPI document says that matters here.
type document struct {
	root       map[string]any
	from       string
	prefix     string // of all its paths
	operations []operation
}

type operation struct {
	method, path string
	text         string // ID, summary, tags, lower case
	encoding     string
	schema       map[string]any // of the request's body
	query        []any          // its parameters
	secured      bool
}

// findDocument reads the document that was named, or looks for one at the usual places.
func (p *prober) findDocument() {
	if named := p.opts.OpenAPI; named != "" {
		doc, err := p.namedDocument(named)
		if err != nil {
			p.fail(fmt.Errorf("%w: -openapi %s: %w", conformance.ErrUsage, named, err))
			return
		}
		p.doc = doc
		p.note("read: %s, %d operations", named, len(doc.operations))
		return
	}
	if p.opts.Login != "" && p.opts.Refresh != "" {
		return
	}
	for _, path := range documentPaths {
		a := p.send(p.call(http.MethodGet, path), values{})
		if p.err != nil {
			return
		}
		if !a.ok() || a.html() {
			continue
		}
		if doc, err := p.parse([]byte(a.text)); err == nil {
			doc.from = path
			p.doc = doc
			p.note("read: the OpenAPI document at %s, %d operations", path, len(doc.operations))
			return
		}
	}
}

// namedDocument reads a file or an address; the latter is sent nothing that belongs to the target.
func (p *prober) namedDocument(named string) (document, error) {
	var raw []byte
	var err error
	if strings.HasPrefix(named, "http://") || strings.HasPrefix(named, "https://") {
		req, rerr := http.NewRequestWithContext(p.ctx, http.MethodGet, named, nil)
		if rerr != nil {
			return document{}, rerr
		}
		a := p.do(req)
		if a.err != nil {
			return document{}, errors.New(plain(a.err))
		}
		if !a.ok() {
			return document{}, fmt.Errorf("it is answered %d", a.status)
		}
		raw = []byte(a.text)
	} else if raw, err = readFile(named); err != nil {
		return document{}, err
	}
	doc, err := p.parse(raw)
	doc.from = named
	return doc, err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	return io.ReadAll(io.LimitReader(f, maxBody))
}

// parse reads JSON or YAML, OpenAPI 3, Swagger 2, or the metadata of an OAuth server.
func (p *prober) parse(raw []byte) (document, error) {
	var root map[string]any
	if json.Unmarshal(raw, &root) != nil {
		var v any
		if err := yaml.Unmarshal(raw, &v); err != nil {
			return document{}, fmt.Errorf("it is neither JSON nor YAML: %w", err)
		}
		root, _ = textKeys(v).(map[string]any)
	}
	if endpoint, ok := root["token_endpoint"].(string); ok {
		return p.oauth(root, endpoint), nil
	}
	paths, ok := root["paths"].(map[string]any)
	if !ok || root["openapi"] == nil && root["swagger"] == nil {
		return document{}, errors.New("it has no openapi and paths, so it is no OpenAPI document")
	}
	d := document{root: root, prefix: p.prefix(root)}
	for path, item := range paths {
		ops, _ := d.resolve(item).(map[string]any)
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if op, ok := ops[method].(map[string]any); ok {
				d.operations = append(d.operations, d.operation(strings.ToUpper(method), path, op, ops["parameters"]))
			}
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int {
		return strings.Compare(a.path+" "+a.method, b.path+" "+b.method)
	})
	return d, nil
}

// textKeys makes the keys of YAML, such as the status 200, the text that JSON would have.
func textKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = textKeys(v[k])
		}
		return v
	case map[any]any:
		m := map[string]any{}
		for k, item := range v {
			m[fmt.Sprint(k)] = textKeys(item)
		}
		return m
	case []any:
		for i := range v {
			v[i] = textKeys(v[i])
		}
	}
	return v
}

// prefix is the path of the first server, without what the target's own path has of it.
func (p *prober) prefix(root map[string]any) string {
	prefix, _ := root["basePath"].(string)
	if servers, ok := root["servers"].([]any); ok && len(servers) > 0 {
		first, _ := servers[0].(map[string]any)
		text, _ := first["url"].(string)
		if u, err := url.Parse(text); err == nil && !strings.Contains(text, "{") {
			prefix = u.Path
		}
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" && strings.HasSuffix(strings.TrimSuffix(p.base.Path, "/"), prefix) {
		return ""
	}
	if prefix != "" && !strings.HasPrefix(prefix, "/") {
		prefix = "/" + prefix
	}
	return prefix
}

// oauth makes operations of the endpoints in an authorization server's metadata (RFC 8414).
func (p *prober) oauth(root map[string]any, token string) document {
	d := document{root: root}
	add := func(method, text, endpoint string, properties ...string) {
		u, err := url.Parse(endpoint)
		if err != nil || endpoint == "" {
			return
		}
		schema := map[string]any{}
		for _, name := range properties {
			schema[name] = map[string]any{"type": "string"}
		}
		d.operations = append(d.operations, operation{method: method, path: strings.TrimPrefix(u.Path, strings.TrimSuffix(p.base.Path, "/")), text: text, encoding: "form", schema: map[string]any{"properties": schema}, secured: text == "me"})
	}
	text := func(name string) string { s, _ := root[name].(string); return s }
	add(http.MethodPost, "login token", token, "grant_type", "username", "password")
	add(http.MethodPost, "refresh", token, "grant_type", "refresh_token")
	add(http.MethodPost, "logout revoke", text("revocation_endpoint"), "token")
	add(http.MethodPost, "logout", text("end_session_endpoint"), "refresh_token")
	add(http.MethodGet, "me", text("userinfo_endpoint"))
	return d
}

// resolve follows references inside the document.
func (d document) resolve(v any) any {
	for range 10 {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		ref, ok := m["$ref"].(string)
		if !ok || !strings.HasPrefix(ref, "#/") {
			return v
		}
		v = d.root
		for _, key := range strings.Split(ref[2:], "/") {
			in, _ := v.(map[string]any)
			v = in[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
		}
	}
	return nil
}

func (d document) operation(method, path string, op map[string]any, shared any) operation {
	o := operation{method: method, path: path, secured: op["security"] != nil && fmt.Sprint(op["security"]) != "[]" || op["security"] == nil && d.root["security"] != nil}
	o.text = strings.ToLower(fmt.Sprint(op["operationId"], " ", op["summary"], " ", op["tags"]))
	body, _ := d.resolve(op["requestBody"]).(map[string]any)
	content, _ := body["content"].(map[string]any)
	for media, m := range content {
		m, _ := m.(map[string]any)
		switch {
		case strings.Contains(media, "json") || media == "*/*":
			o.encoding, o.schema = "json", d.merged(m["schema"], 0)
		case strings.Contains(media, "x-www-form-urlencoded") && o.encoding == "":
			o.encoding, o.schema = "form", d.merged(m["schema"], 0)
		}
	}
	parameters, _ := op["parameters"].([]any)
	more, _ := shared.([]any)
	form := map[string]any{}
	for _, item := range append(slices.Clone(parameters), more...) {
		m, _ := d.resolve(item).(map[string]any)
		name, _ := m["name"].(string)
		switch m["in"] {
		case "body": // Swagger 2
			o.encoding, o.schema = "json", d.merged(m["schema"], 0)
		case "formData":
			form[name] = m
		case "query":
			o.query = append(o.query, name)
		}
	}
	if len(form) > 0 {
		o.encoding, o.schema = "form", map[string]any{"properties": form}
	}
	return o
}
