package probe

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// merged is a schema with its references followed and allOf put together; of oneOf and anyOf, the first.
func (d document) merged(v any, depth int) map[string]any {
	s, ok := d.resolve(v).(map[string]any)
	if !ok || depth > 8 {
		return nil
	}
	out := maps.Clone(s)
	properties, _ := s["properties"].(map[string]any)
	all := map[string]any{}
	maps.Copy(all, properties)
	required, _ := s["required"].([]any)
	parts, _ := s["allOf"].([]any)
	for _, key := range []string{"oneOf", "anyOf"} {
		if list, ok := s[key].([]any); ok && len(list) > 0 {
			parts = append(slices.Clone(parts), list[0])
		}
	}
	for _, part := range parts {
		m := d.merged(part, depth+1)
		p, _ := m["properties"].(map[string]any)
		maps.Copy(all, p)
		r, _ := m["required"].([]any)
		required = append(slices.Clone(required), r...)
	}
	out["properties"], out["required"] = all, required
	return out
}

// template makes a body out of a schema: the members that pick has a word for, and those that are required and say their only value.
func (d document) template(schema map[string]any, depth int, pick func(name string) string) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	body := map[string]any{}
	for name, v := range properties {
		s := d.merged(v, 0)
		if word := pick(name); word != "" {
			body[name] = word
			continue
		}
		if inner, _ := s["properties"].(map[string]any); len(inner) > 0 && depth < 4 {
			if m := d.template(s, depth+1, pick); len(m) > 0 {
				body[name] = m
			}
			continue
		}
		if only := onlyValue(s); only != nil && slices.Contains(required, any(name)) {
			body[name] = only
		}
	}
	return body
}

// onlyValue is what a schema leaves no choice about.
func onlyValue(s map[string]any) any {
	if v := s["const"]; v != nil {
		return v
	}
	if list, ok := s["enum"].([]any); ok && len(list) > 0 {
		return list[0]
	}
	return s["default"]
}

func plainName(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

func isPassword(name string) bool {
	return slices.Contains([]string{"password", "pass", "passwd", "pwd", "passphrase"}, plainName(name))
}

// loginBody is the body of a login by its schema; nil: it is none.
func (d document) loginBody(o operation) map[string]any {
	identifier := ""
	for _, id := range identifiers {
		if identifier == "" && d.has(o.schema, 0, func(n string) bool { return plainName(n) == plainName(id) }) {
			identifier = plainName(id)
		}
	}
	if identifier == "" || !d.has(o.schema, 0, isPassword) {
		return nil
	}
	return d.template(o.schema, 0, func(name string) string {
		switch n := plainName(name); {
		case isPassword(name):
			return "{password}"
		case n == identifier:
			return "{email}"
		case n == "granttype":
			return "password"
		}
		return ""
	})
}

// tokenBody is the body of a refresh or logout by its schema; nil: it takes no refresh token.
func (d document) tokenBody(o operation) map[string]any {
	isToken := func(name string) bool {
		n := plainName(name)
		return strings.Contains(n, "refresh") || strings.Contains(n, "renew")
	}
	if !d.has(o.schema, 0, isToken) {
		isToken = func(name string) bool { return plainName(name) == "token" }
	}
	if !d.has(o.schema, 0, isToken) {
		return nil
	}
	return d.template(o.schema, 0, func(name string) string {
		switch n := plainName(name); {
		case isToken(name):
			return "{refresh_token}"
		case n == "accesstoken":
			return "{access_token}"
		case n == "granttype":
			return "refresh_token"
		}
		return ""
	})
}

// has reports whether a schema has a member, at any depth, that is no object itself.
func (d document) has(schema map[string]any, depth int, is func(string) bool) bool {
	properties, _ := schema["properties"].(map[string]any)
	for name, v := range properties {
		s := d.merged(v, 0)
		inner, _ := s["properties"].(map[string]any)
		if len(inner) == 0 && is(name) || depth < 4 && d.has(s, depth+1, is) {
			return true
		}
	}
	return false
}

// find lists the operations that may be the login, the refresh, the logout or the protected endpoint, the likeliest first.
func (d document) find(p *prober, what string) []candidate {
	type scored struct {
		candidate
		score int
	}
	var list []scored
	for _, o := range d.operations {
		score, body, query := d.score(what, o)
		if score <= 0 {
			continue
		}
		c := p.call(o.method, d.prefix+o.path)
		c.Query = query
		if len(body) > 0 {
			c.Body, c.Encoding = body, o.encoding
		}
		list = append(list, scored{candidate{c, "in the document " + d.from}, score})
	}
	slices.SortStableFunc(list, func(a, b scored) int { return b.score - a.score })
	var out, bare []candidate
	for _, s := range list[:min(6, len(list))] {
		out = append(out, s.candidate)
		if c := s.candidate; d.prefix != "" { // a server's address in a document is often another deployment's
			c.call.Path = strings.TrimPrefix(c.call.Path, d.prefix)
			bare = append(bare, c)
		}
	}
	return append(out, bare...)
}

// score says how much an operation looks like a call, and what it sends.
func (d document) score(what string, o operation) (score int, body map[string]any, query map[string]string) {
	path := strings.ToLower(o.path)
	names := func(words ...string) int {
		n := 0
		for _, w := range words {
			if strings.Contains(path, w) {
				n += 3
			}
			if strings.Contains(o.text, w) {
				n++
			}
		}
		return min(n, 6)
	}
	if strings.Contains(path, "{") {
		return 0, nil, nil
	}
	others := names("register", "signup", "sign-up", "sign_up", "reset", "forgot", "change", "confirm", "verify", "invite")
	switch what {
	case "login":
		if o.method == http.MethodPost {
			body = d.loginBody(o)
			score = names("login", "signin", "sign-in", "sign_in", "token", "session", "auth") + price(body != nil, 0, 4) - 2*others
		}
		if body == nil && names("login", "signin", "sign-in", "sign_in") == 0 {
			score = 0
		}
	case "refresh":
		body = d.tokenBody(o)
		for _, name := range o.query {
			if n, _ := name.(string); body == nil && strings.Contains(plainName(n), "refreshtoken") {
				query = map[string]string{n: "{refresh_token}"}
			}
		}
		end := names("logout", "signout", "sign-out", "revoke", "blacklist", "verify", "/end")
		score = names("refresh", "renew") + price(body != nil, 0, 2) - 3*end - others
	case "logout":
		body = d.tokenBody(o)
		score = names("logout", "signout", "sign-out", "sign_out", "log-out", "revoke", "blacklist", "/end")
		if o.method == http.MethodDelete {
			score += names("session", "token")
		}
		score -= price(strings.Contains(path, "all"), 0, 2)
	case "me":
		if o.method == http.MethodGet {
			last := path[strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')+1:]
			score = price(slices.Contains([]string{"me", "profile", "userinfo", "whoami", "user", "account", "current", "self"}, strings.Trim(last, "/")), 0, 5) + price(o.secured, 0, 1) + price(o.text == "me", 0, 5)
		}
	}
	return score, body, query
}
