package conformance

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// derive finds out how an altered value is made of a genuine one, so that the script can do the same to what it gets. Each guess is tried: what
// is found yields exactly the bytes that were sent. Without what cannot be found the script leaves the step out.
func (w *words) derive(s *secret, e *exchange) {
	if s.luggage != "" {
		switch t := w.owner(s.value, e); {
		case t != nil && t.value == controlRefresh:
			s.shell, s.tokens = `$(luggage "$CONTROL_REFRESH" `+s.luggage+`)`, nil
		case t != nil:
			s.shell, s.tokens = `$(luggage "$`+w.variable(t)+`" `+s.luggage+`)`, []*token{t}
		}
	}
	if s.shell != "" {
		return
	}
	for _, base := range w.bases() {
		if shell := alteration(s.value, base.value, base.shell); shell != "" {
			s.shell, s.tokens, s.env, s.what = shell, base.tokens, base.env, base.what
			return
		}
	}
	if base, shell := w.forgery(s.value, e); base != nil {
		s.shell, s.tokens = shell, base.tokens
		if strings.Contains(shell, "$JWT_SECRET") {
			s.env, s.what = "JWT_SECRET", "the secret that signs access tokens"
		}
		return
	}
	s.env, s.unknown = fmt.Sprintf("VALUE_%d", slices.Index(w.secrets, s)), true
	s.shell = "$" + s.env
}

// bases are the genuine values: passwords, and tokens from the newest on.
func (w *words) bases() []*secret {
	var all []*secret
	for _, s := range w.secrets {
		if s.password || len(s.tokens) == 1 && s.tokens[0].value == s.value {
			all = append(all, s)
		}
	}
	slices.Reverse(all)
	return all
}

// alteration is what makes value of base, as shell; "": nothing that is known here.
func alteration(value, base, shell string) string {
	call := func(f string) string { return `$(` + f + ` "` + shell + `")` }
	name := strings.TrimPrefix(shell, "$")
	switch value {
	case strings.Map(flipCase, base):
		return call("flip_case")
	case flipFirst(base):
		return call("flip_first")
	case sameBytes(base):
		return call("same_bytes")
	}
	if len(base) >= 3 && value == flipLast(base) {
		return call("flip_last")
	}
	same := 0
	for same < len(value) && same < len(base) && value[same] == base[same] {
		same++
	}
	rest := value[same:]
	missing := len(base) - same
	switch {
	case same < shortestSecret || strings.ContainsAny(rest, "\"$`\\"):
		return ""
	case rest == "" && same == len(base)/2:
		return "${" + name + ":0:${#" + name + "}/2}"
	case missing <= 12 && len(rest) <= 12 && same >= 2*missing:
		return fmt.Sprintf("${%s:0:${#%s}-%d}%s", name, name, missing, rest)
	case rest == "":
		return fmt.Sprintf("${%s:0:%d}", name, same)
	}
	return ""
}

// forgery finds the JWT of which another one was made, and how.
func (w *words) forgery(value string, e *exchange) (*secret, string) {
	parts := strings.Split(value, ".")
	var best *secret
	var header, claims map[string]any
	for _, base := range w.bases() {
		t, is := parseJWT(base.value)
		var h, c map[string]any
		if !is || len(parts) < 2 || !decodeSegment(parts[0], &h) || !decodeSegment(parts[1], &c) {
			continue
		}
		h, c = changes(t.header, h), changes(t.claims, c)
		if best == nil || len(c) < len(claims) {
			best, header, claims = base, h, c
		}
	}
	if best == nil || len(claims) > 2 {
		return nil, ""
	}
	how := w.signature(best, parts)
	if t, _ := parseJWT(best.value); how == "" || part(t.parts[0], t.header, header) != parts[0] || part(t.parts[1], t.claims, claims) != parts[1] {
		return nil, "" // such as one in which a claim comes twice
	}
	return best, forgeShell(best.shell, header, claims, e.at, how)
}

// part is a part of a JWT with changes, as forge makes it.
func part(genuine string, members, changes map[string]any) string {
	if len(changes) == 0 {
		return genuine
	}
	edited, _, _ := strings.Cut(jwt{header: members}.with(changes, nil), ".")
	return edited
}

// forgeShell is the command that makes a token of another one; times near the exchange's are told by their distance.
func forgeShell(of string, header, claims map[string]any, now time.Time, how string) string {
	claims = maps.Clone(claims)
	for name, v := range claims {
		at, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		if _, text := v.(string); err == nil && !text && time.Unix(at, 0).Sub(now).Abs() < 48*time.Hour {
			claims[name] = fmt.Sprintf("@%+d", at-now.Unix())
		}
	}
	return fmt.Sprintf(`$(forge "%s" %s %s %s)`, of, quoteShell(object(header)), quoteShell(object(claims)), how)
}

// bearer is the header of an exchange whose token the story signed anew with the target's own secret.
func (w *words) bearer(e *exchange) string {
	t, _ := parseJWT(e.forged.of.value)
	alg, _ := t.header["alg"].(string)
	if a, ok := e.forged.header["alg"].(string); ok {
		alg = a
	}
	return `"Authorization: Bearer ` + forgeShell("$"+w.variable(e.forged.of), e.forged.header, e.forged.claims, e.at, alg+` "$JWT_SECRET"`) + `"`
}

func object(m map[string]any) string {
	if len(m) == 0 {
		return ""
	}
	return jsonText(m)
}

// changes are the members in which b differs from a; nil: a has one that b has not.
func changes(a, b map[string]any) map[string]any {
	diff := map[string]any{}
	for name, v := range b {
		if old, ok := a[name]; !ok || !reflect.DeepEqual(old, v) {
			diff[name] = v
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			diff[name] = nil
		}
	}
	return diff
}

// signature says what stands in the third part, as forge takes it; "": something unknown.
func (w *words) signature(base *secret, parts []string) string {
	genuine := strings.Split(base.value, ".")[2]
	if len(parts) == 2 {
		return "none"
	}
	sig := parts[2]
	for name, s := range map[string]string{"empty": "", "keep": genuine, "flip": flipFirst(genuine), "half": genuine[:len(genuine)/8*4], "same-bytes": sameBytes(genuine)} {
		if sig == s {
			return name
		}
	}
	if len(sig) < 16 || strings.Count(sig, sig[:1]) == len(sig) {
		return "is " + quoteShell(sig)
	}
	keys := map[string]string{}
	for _, key := range attackersKeys() {
		keys[key] = quoteShell(key)
	}
	if w.run.opts.JWTSecret != "" {
		keys[w.run.opts.JWTSecret] = `"$JWT_SECRET"`
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			if made, _ := hmacSign(alg, parts[0]+"."+parts[1], []byte(key)); made == sig {
				return alg + " " + keys[key]
			}
		}
	}
	return ""
}
