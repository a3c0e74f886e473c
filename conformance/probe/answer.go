package probe

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// answer is what a request got. It holds raw secrets; only names and statuses of it are ever shown.
type answer struct {
	status  int
	header  http.Header
	text    string
	body    any // if it is JSON; numbers as json.Number
	cookies []*http.Cookie
	at      time.Time
	err     error // no answer
}

func (a *answer) ok() bool { return a.err == nil && a.status >= 200 && a.status <= 299 }

// got says in a few words what came, without a value of it.
func (a *answer) got() string {
	if a.err != nil {
		return plain(a.err)
	}
	s := fmt.Sprint(a.status)
	if m, ok := a.body.(map[string]any); ok && a.ok() {
		s += " with " + strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	}
	return s
}

// leaf is a value of a JSON answer that is no object.
type leaf struct {
	pointer, key string
	value        any
}

// leaves lists the values of a JSON object, in the order of their pointers. What stands in an array has no place that a profile can name.
func leaves(v any) []leaf {
	var list []leaf
	var walk func(v any, pointer, key string)
	walk = func(v any, pointer, key string) {
		m, ok := v.(map[string]any)
		if !ok {
			list = append(list, leaf{pointer, key, v})
			return
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			walk(m[k], pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k), k)
		}
	}
	if m, ok := v.(map[string]any); ok {
		walk(m, "", "")
	}
	return list
}

// leaf is the value at a JSON pointer; nil if there is none.
func (a *answer) leaf(pointer string) any {
	for _, l := range leaves(a.body) {
		if l.pointer == pointer {
			return l.value
		}
	}
	return nil
}

// number reads a positive whole number.
func number(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil && i > 0
}

var (
	changing = regexp.MustCompile(`[A-Za-z_+/=.-]*\d[\w+/=.:-]*`) // times, numbers, identifiers, tokens
	wording  = regexp.MustCompile(`[A-Za-z][A-Za-z_]*`)
)

// fingerprint is what stays the same when the same thing is answered again: status, kind, members and wording, but nothing that changes.
func (a *answer) fingerprint(path string) string {
	if a.err != nil {
		return "no answer"
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")) // none is a kind, too
	steady := func(s string) string {
		s = strings.ReplaceAll(s, strings.TrimSuffix(path, "/"), "")
		return changing.ReplaceAllString(s[:min(len(s), 1000)], "")
	}
	if a.body == nil {
		return fmt.Sprintf("%d %s %s", a.status, kind, steady(a.text))
	}
	var parts []string
	for _, l := range leaves(a.body) {
		parts = append(parts, l.pointer+"="+steady(fmt.Sprint(l.value)))
	}
	return fmt.Sprintf("%d %s %s", a.status, kind, strings.Join(parts, " "))
}

// words is the vocabulary of an answer, such as the names of the members that a validation missed.
func (a *answer) words() map[string]bool {
	set := map[string]bool{}
	if a.err == nil && len(a.text) < 1<<16 {
		for _, w := range wording.FindAllString(a.text, -1) {
			set[w] = true
		}
	}
	return set
}

func (a *answer) html() bool {
	return a.err == nil && strings.Contains(a.header.Get("Content-Type"), "html")
}
