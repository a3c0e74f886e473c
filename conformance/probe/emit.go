package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// schema is what editors complete a profile by.
const schema = "https://raw.githubusercontent.com/jwt-toy/jwt-toy/main/conformance/profile.schema.json"

// places writes down where the tokens stand.
func (p *prober) places() {
	a := &p.profile.Answer
	a.AccessToken = spelled(p.accessWhere)
	switch p.refreshWhere.kind {
	case "body", "header":
		a.RefreshToken = spelled(p.refreshWhere)
	case "cookie":
		a.Cookie = p.refreshWhere.name
		named := 0
		for _, c := range p.login.cookies {
			if strings.Contains(strings.ToLower(c.Name), "refresh") {
				named++
			}
		}
		if named == 1 && strings.Contains(strings.ToLower(a.Cookie), "refresh") {
			a.Cookie = "" // the run finds it by itself
		}
	}
}

// spelled is a place as profiles have it.
func spelled(w place) string {
	if w.kind == "body" {
		return w.name
	}
	return w.kind + ":" + w.name
}

// emit writes the profile: what differs from the kit's contract, and nothing else.
func (p *prober) emit() ([]byte, conformance.Profile, error) {
	p.places()
	kit, err := conformance.ParseProfile([]byte("{}"))
	if err != nil {
		return nil, kit, err
	}
	d := p.profile
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"$schema\": %q,\n  \"name\": %q", schema, p.base.Host)
	for _, m := range []struct {
		name  string
		value any
	}{
		{"login", differing(d.Login, kit.Login)}, {"refresh", differing(d.Refresh, kit.Refresh)}, {"logout", differing(d.Logout, kit.Logout)},
		{"me", differing(d.Me, kit.Me)}, {"answer", differing(d.Answer, kit.Answer)}, {"policy", differing(d.Policy, kit.Policy)},
	} {
		text, err := line(m.value)
		if err != nil {
			return nil, kit, fmt.Errorf("write the profile: %w", err)
		}
		if text != "{}" {
			fmt.Fprintf(&b, ",\n  %q: %s", m.name, text)
		}
	}
	b.WriteString("\n}\n")
	complete, err := conformance.ParseProfile([]byte(b.String()))
	if err != nil {
		return nil, complete, fmt.Errorf("%w: what was found makes no profile: %w", ErrNotFound, err)
	}
	return []byte(b.String()), complete, nil
}

// differing returns v without the fields that are as the defaults have them.
func differing[T any](v, defaults T) T {
	to, def := reflect.ValueOf(&v).Elem(), reflect.ValueOf(defaults)
	for i := range to.NumField() {
		if f := to.Field(i); reflect.DeepEqual(f.Interface(), def.Field(i).Interface()) {
			f.SetZero()
		}
	}
	return v
}

// line is a value as JSON on one line, with a blank behind colons and commas.
func line(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	var out strings.Builder
	quoted, escaped := false, false
	for _, r := range strings.TrimSpace(b.String()) {
		out.WriteRune(r)
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ':' || r == ','):
			out.WriteByte(' ')
		}
	}
	return out.String(), nil
}

// sameAs names the embedded profile that says the same, as far as a probe can see: what it claims of the storage does not matter, nor do
// statuses that it allows besides.
func sameAs(found conformance.Profile) string {
	for _, name := range conformance.Presets() {
		preset, err := conformance.Preset(name)
		if err != nil {
			continue
		}
		same := found
		same.Schema, same.Name, same.About, same.Storage = preset.Schema, preset.Name, preset.About, preset.Storage
		for _, c := range [][2]*conformance.Call{{&same.Login, &preset.Login}, {&same.Refresh, &preset.Refresh}, {&same.Logout, &preset.Logout}, {&same.Me, &preset.Me}} {
			if !slices.ContainsFunc(c[0].Refused, func(status int) bool { return !slices.Contains(c[1].Refused, status) }) {
				c[0].Refused = c[1].Refused
			}
		}
		if reflect.DeepEqual(same, preset) {
			return name
		}
	}
	return ""
}
