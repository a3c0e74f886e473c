package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// wordPattern is a word in a template.
var wordPattern = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// wordsOf lists the words of templates.
func wordsOf(templates ...string) []string {
	var names []string
	for _, t := range templates {
		for _, m := range wordPattern.FindAllStringSubmatch(t, -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// stringsIn lists the strings in a JSON value.
func stringsIn(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, stringsIn(item)...)
		}
		return all
	case map[string]any:
		return stringsIn(slices.Collect(maps.Values(v)))
	}
	return nil
}

// named lists the words in a part of a call: path, query, headers or body.
func (c Call) named(part string) []string {
	switch part {
	case "path":
		return wordsOf(c.Path)
	case "query":
		return wordsOf(slices.Collect(maps.Values(c.Query))...)
	case "headers":
		return wordsOf(slices.Collect(maps.Values(c.Headers))...)
	}
	return wordsOf(stringsIn(c.Body)...)
}

func callParts() []string { return []string{"path", "query", "headers", "body"} }

// names reports whether the word stands anywhere in the call.
func (c Call) names(word string) bool {
	return slices.ContainsFunc(callParts(), func(part string) bool { return slices.Contains(c.named(part), word) })
}

func namedIn(calls []Call, word string) bool {
	return slices.ContainsFunc(calls, func(c Call) bool { return c.names(word) })
}

// bodyNamesOthers: words other than these stand in the body.
func (c Call) bodyNamesOthers(words ...string) bool {
	return slices.ContainsFunc(c.named("body"), func(w string) bool { return !slices.Contains(words, w) })
}

// values are what the words of a template stand for. In a JSON body a word that is a whole string may stand for any JSON value.
type values map[string]any

// text fills in a template; false: one of its words has no value.
func (v values) text(template string, escape func(string) string) (string, bool) {
	whole := true
	filled := wordPattern.ReplaceAllStringFunc(template, func(m string) string {
		value, ok := v[m[1:len(m)-1]]
		if !ok {
			whole = false
			return ""
		}
		return escape(fmt.Sprint(value))
	})
	return filled, whole
}

func asIs(s string) string { return s }

// json fills in a template of a JSON value; what lacks a value is left out.
func (v values) json(template any) (any, bool) {
	switch t := template.(type) {
	case string:
		if name := wordPattern.FindString(t); name == t && t != "" {
			value, ok := v[t[1:len(t)-1]]
			return value, ok
		}
		return v.text(t, asIs)
	case map[string]any:
		m := map[string]any{}
		for k, item := range t {
			if value, ok := v.json(item); ok {
				m[k] = value
			}
		}
		return m, len(m) > 0 || len(t) == 0
	case []any:
		list := []any{}
		for _, item := range t {
			if value, ok := v.json(item); ok {
				list = append(list, value)
			}
		}
		return list, len(list) > 0 || len(t) == 0
	}
	return template, true
}

// fill makes the request of a call out of the profile. What names a word without a value is left out.
func (c Call) fill(e *exchange, v values) {
	e.method = c.Method
	escape := url.PathEscape
	if strings.HasPrefix(c.Path, "{") || strings.Contains(c.Path, "://") {
		escape = asIs // a URL that an answer brought
	}
	e.path, _ = v.text(c.Path, escape)
	query := url.Values{}
	for k, t := range c.Query {
		if s, ok := v.text(t, asIs); ok {
			query.Set(k, s)
		}
	}
	if len(query) > 0 {
		e.addQuery(query.Encode())
	}
	for k, t := range c.Headers {
		if s, ok := v.text(t, asIs); !ok {
			continue
		} else if strings.EqualFold(k, "Cookie") {
			addCookies(e, s)
		} else {
			e.header.Set(k, s)
		}
	}
	if access, ok := v["access_token"]; ok && c.Bearer {
		e.header.Set("Authorization", fmt.Sprint("Bearer ", access))
	}
	if c.Encoding == "form" {
		if form := c.flat(v); len(form) > 0 {
			e.body = form.Encode()
			e.header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return
	}
	if body, ok := v.json(c.Body); ok && len(c.Body) > 0 {
		e.body = jsonText(body)
		e.header.Set("Content-Type", "application/json")
	}
}

// flat is the body as a form, or as a query.
func (c Call) flat(v values) url.Values {
	form := url.Values{}
	for k, t := range c.Body {
		if s, ok := v.text(fmt.Sprint(t), asIs); ok {
			form.Set(k, s)
		}
	}
	return form
}

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // it was decoded from JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// addQuery adds to a request's query, whatever the profile has there.
func (e *exchange) addQuery(q string) {
	if strings.Contains(e.path, "?") {
		e.path += "&" + q
	} else {
		e.path += "?" + q
	}
}

// takesEmail: the field of the login that the user's e-mail goes into is called so, and not user name or login.
func (c Call) takesEmail() bool {
	isMail := func(name string) bool { return strings.Contains(strings.ToLower(name), "mail") }
	for name, t := range c.Query {
		if t == "{email}" && isMail(name) {
			return true
		}
	}
	return fieldFor(c.Body, "{email}", isMail) || slices.ContainsFunc(c.First, Call.takesEmail)
}

// fieldFor reports whether a field with such a name holds the template, at any depth.
func fieldFor(body map[string]any, template string, named func(string) bool) bool {
	for name, t := range body {
		inner, _ := t.(map[string]any)
		if t == template && named(name) || fieldFor(inner, template, named) {
			return true
		}
	}
	return false
}
