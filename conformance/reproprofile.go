package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// How a script reads the answers of a target, out of its profile.

// spelling are the functions that know where this target's answers hold what, and which statuses mean what.
func (sc *script) spelling() string {
	p := sc.wants[0].at.target.profile
	refresh := `cookie_value "$1"`
	if !p.inCookie() {
		refresh = `place "$1" ` + quoteShell(p.Answer.RefreshToken) + " string"
	}
	return fmt.Sprintf(`# Where this target's answers hold the tokens, which of them are a yes, and which a no that the profile names.
refresh_in() { %s; }

access_in() { place "$1" %s string; }

success() {
%s}

refusal() {
%s}
`, refresh, quoteShell(p.Answer.AccessToken), successShell(p), refusalShell(p))
}

// calls are those whose statuses a profile names.
func calls(p Profile) map[string]Call {
	return map[string]Call{"login": p.Login, "refresh": p.Refresh, "logout": p.Logout, "me": p.Me}
}

func successShell(p Profile) string {
	var b strings.Builder
	b.WriteString("  case $(cat \"$work/$1.call\")/$(status \"$1\") in\n")
	for _, name := range slices.Sorted(maps.Keys(calls(p))) {
		if ok := calls(p)[name].OK; ok != nil {
			fmt.Fprintf(&b, "    %s) ;;\n    %s/*) return 1 ;;\n", statusPatterns(name, ok), name)
		}
	}
	b.WriteString("    */2??) ;;\n    *) return 1 ;;\n  esac\n")
	if p.Answer.SuccessAt != "" {
		fmt.Fprintf(&b, "  [ \"$(place \"$1\" %s)\" = %s ]\n", quoteShell(p.Answer.SuccessAt), quoteShell(p.Answer.SuccessIs))
	}
	return b.String()
}

func refusalShell(p Profile) string {
	var b strings.Builder
	b.WriteString("  success \"$1\" && return 1\n  case $(cat \"$work/$1.call\")/$(status \"$1\") in\n")
	for _, name := range slices.Sorted(maps.Keys(calls(p))) {
		c := calls(p)[name]
		then := ""
		if c.RefusedIs != nil {
			patterns := make([]string, len(c.RefusedIs))
			for i, code := range c.RefusedIs {
				patterns[i] = quoteShell(code)
			}
			then = fmt.Sprintf(" case $(place \"$1\" %s) in %s) ;; *) return 1 ;; esac", quoteShell(p.Answer.RefusedAt), strings.Join(patterns, " | "))
		}
		fmt.Fprintf(&b, "    %s)%s ;;\n", statusPatterns(name, c.Refused), then)
	}
	b.WriteString("    *) return 1 ;;\n  esac\n")
	return b.String()
}

func statusPatterns(call string, statuses []int) string {
	patterns := make([]string, len(statuses))
	for i, s := range statuses {
		patterns[i] = call + "/" + strconv.Itoa(s)
	}
	return strings.Join(patterns, " | ")
}

// luggageSecrets are the values that came along with tokens and go along with them again: words of the profile and companion cookies. The script
// takes them out of the answer that brought the token, or of the one before.
func (w *words) luggageSecrets() []*secret {
	known := map[string]bool{}
	var all []*secret
	add := func(value, from, match string) {
		if len(value) >= shortestSecret && !known[value] && w.run.secrets.tokens[value] == nil {
			known[value] = true
			all = append(all, &secret{value: value, luggage: quoteShell(from) + " " + quoteShell(match)})
		}
	}
	for _, t := range w.run.secrets.tokens {
		if t.luggage == nil {
			continue
		}
		for _, e := range w.run.all {
			if e.refresh != t {
				continue
			}
			for name, word := range e.target.call(e.call).Words {
				add(t.luggage.words[name], word.From, word.Match)
			}
		}
		for _, c := range t.luggage.cookies {
			add(c.Value, "cookie:"+c.Name, "")
		}
	}
	slices.SortFunc(all, func(a, b *secret) int { return strings.Compare(a.value, b.value) })
	return all
}

// owner is the token with which a value goes along in an exchange: the one that is presented, else the newest that has it.
func (w *words) owner(value string, e *exchange) *token {
	has := func(t *token) bool {
		if t == nil || t.luggage == nil {
			return false
		}
		for _, v := range t.luggage.words {
			if v == value {
				return true
			}
		}
		return slices.ContainsFunc(t.luggage.cookies, func(c setCookie) bool { return c.Value == value })
	}
	if has(e.presented) {
		return e.presented
	}
	var newest *token
	for _, o := range w.run.all {
		if (o.n < e.n || e.n == 0) && has(o.refresh) {
			newest = o.refresh
		}
	}
	return newest
}
