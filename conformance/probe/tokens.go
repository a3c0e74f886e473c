package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// place is where an answer holds a token.
type place struct {
	kind string // body, cookie or header
	name string // JSON pointer, or the name of the cookie or header
}

func (w place) String() string {
	if w.kind == "body" {
		return w.name
	}
	return "the " + w.kind + " " + w.name
}

// key is the last part of the name.
func (w place) key() string {
	if w.kind == "body" {
		return w.name[strings.LastIndexByte(w.name, '/')+1:]
	}
	return w.name
}

// token is what an answer holds at a place; "" if nothing, or a cookie that is deleted.
func (a *answer) token(w place) string {
	switch w.kind {
	case "body":
		s, _ := a.leaf(w.name).(string)
		return s
	case "header":
		return strings.TrimPrefix(a.header.Get(w.name), "Bearer ")
	}
	for _, c := range a.cookies {
		if c.Name == w.name && c.MaxAge >= 0 {
			return c.Value
		}
	}
	return ""
}

// claims are a JWT's, not verified; nil: it is none.
func claims(raw string) map[string]any {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil
	}
	var header, body map[string]any
	for i, into := range []*map[string]any{&header, &body} {
		text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "="))
		if err != nil {
			return nil
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(into) != nil || *into == nil {
			return nil
		}
	}
	if header["alg"] == nil {
		return nil
	}
	if typ, ok := header["typ"].(string); ok && body["typ"] == nil {
		body["typ"] = typ
	}
	return body
}

// life is how long a JWT lives by its own word.
func life(c map[string]any, now time.Time) (time.Duration, bool) {
	exp, ok := seconds(c["exp"])
	if !ok {
		return 0, false
	}
	iat, ok := seconds(c["iat"])
	if !ok {
		iat = float64(now.Unix())
	}
	return time.Duration((exp - iat) * float64(time.Second)).Round(time.Second), exp > iat
}

func seconds(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// kind is what a JWT says it is: access, refresh, id, or nothing.
func kind(c map[string]any) string {
	for _, claim := range []string{"token_type", "tokenType", "typ", "type", "token_use", "use", "scope"} {
		s, _ := c[claim].(string)
		switch s = strings.ToLower(s); s {
		case "access", "at+jwt", "access_token":
			return "access"
		case "refresh", "rt+jwt", "refresh_token", "offline":
			return "refresh"
		case "id", "id_token":
			return "id"
		}
	}
	return ""
}

// found is a string of an answer that may be a token.
type found struct {
	where           place
	value           string
	claims          map[string]any
	life            time.Duration
	access, refresh int // how much it looks like one or the other
}

var tokenLike = regexp.MustCompile(`^[\w.~+/=|:%-]{6,}$`)

// tokens lists what may be a token of an answer.
func (a *answer) tokens() []found {
	var list []found
	add := func(w place, cookie *http.Cookie) {
		f := found{where: w, value: a.token(w)}
		if f.value == "" || !tokenLike.MatchString(f.value) {
			return
		}
		f.claims = claims(f.value)
		f.life, _ = life(f.claims, a.at)
		f.judge(cookie)
		if f.access > 0 || f.refresh > 0 {
			list = append(list, f)
		}
	}
	for _, l := range leaves(a.body) {
		if _, ok := l.value.(string); ok {
			add(place{"body", l.pointer}, nil)
		}
	}
	for _, c := range a.cookies {
		add(place{"cookie", c.Name}, c)
	}
	for name := range a.header {
		lower := strings.ToLower(name)
		if lower == "authorization" || strings.Contains(lower, "token") {
			add(place{"header", name}, nil)
		}
	}
	// Of two that say nothing about themselves, the one that lives longer is for refreshing.
	for i := range list {
		longer := slices.ContainsFunc(list, func(o found) bool { return o.life > 0 && list[i].life > o.life })
		if longer && kind(list[i].claims) == "" {
			list[i].refresh += 4
			list[i].access -= 2
		}
	}
	return list
}

// judge scores by name, by what a JWT says of itself, and by place.
func (f *found) judge(cookie *http.Cookie) {
	name := strings.ToLower(f.where.key())
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	switch {
	case has("csrf", "xsrf", "client", "password", "email", "url", "uri", "scope") || name == "token_type" || name == "tokentype":
		return
	case has("refresh", "renew"), slices.Contains([]string{"rt", "jid", "jrt", "rtoken"}, name):
		f.refresh, f.access = 8, -8
	case has("id_token", "idtoken"):
		f.access = 2
	case has("access"):
		f.access, f.refresh = 8, -8
	case has("token", "jwt", "bearer", "authorization"):
		f.access, f.refresh = 5, 1
	}
	if f.claims != nil {
		f.access += 4
		switch kind(f.claims) {
		case "access":
			f.access, f.refresh = f.access+4, f.refresh-6
		case "refresh":
			f.access, f.refresh = f.access-10, f.refresh+8
		case "id":
			f.access -= 3
		}
	}
	if cookie != nil {
		f.access -= 3
		if cookie.HttpOnly {
			f.refresh += 3
		}
	}
}

// accessOf is the most likely access token of an answer.
func accessOf(list []found) (found, bool) {
	return bestOf(list, func(f found) int { return f.access })
}

// refreshesOf lists the likely refresh tokens of an answer, the likeliest first.
func refreshesOf(list []found, access place) []found {
	list = slices.DeleteFunc(slices.Clone(list), func(f found) bool { return f.where == access || f.refresh <= 0 })
	slices.SortStableFunc(list, func(a, b found) int { return b.refresh - a.refresh })
	return list
}

func bestOf(list []found, score func(found) int) (found, bool) {
	best := found{}
	for _, f := range list {
		if score(f) > 0 && (best.value == "" || score(f) > score(best)) {
			best = f
		}
	}
	return best, best.value != ""
}

// why says what speaks for a token, without the token.
func (f found) why() string {
	if f.claims == nil {
		return fmt.Sprintf("a string of %d characters, by its name", len(f.value))
	}
	s := "a JWT"
	if f.life > 0 {
		s += fmt.Sprintf(" of %v (exp and iat)", f.life)
	}
	if k := kind(f.claims); k != "" {
		s += ", calls itself " + k
	}
	return s
}
