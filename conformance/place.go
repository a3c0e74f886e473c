package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// placeProblem says what is wrong with a place; "": nothing. Beside JSON pointers it may be of these kinds.
func placeProblem(place string, kinds ...string) string {
	if strings.HasPrefix(place, "/") {
		return ""
	}
	want := "a JSON pointer such as /data/token"
	for _, k := range kinds {
		kind, name, found := strings.Cut(place, ":")
		if kind == k && (k == "body" || found && name != "") {
			return ""
		}
		if k != "body" {
			k += ":NAME"
		}
		want += ", " + k
	}
	return "want " + want
}

// find returns what stands at a place of an answer; nil: nothing.
func (e *exchange) find(place string) any {
	if strings.HasPrefix(place, "/") {
		return at(e.json, place)
	}
	kind, name, _ := strings.Cut(place, ":")
	value := ""
	switch kind {
	case "header":
		value = e.answer.Get(name)
		if scheme, token, two := strings.Cut(value, " "); two && strings.EqualFold(name, "Authorization") && strings.EqualFold(scheme, "Bearer") {
			value = token
		}
	case "cookie":
		for _, c := range e.cookie(name) {
			if !c.deletes(e.now()) {
				value = c.Value
			}
		}
	case "location":
		if u, err := url.Parse(e.answer.Get("Location")); err == nil {
			value = u.Query().Get(name)
		}
	case "body":
		value = e.text
	}
	if value == "" {
		return nil
	}
	return value
}

// said is a value in a report's words.
func said(v any) string {
	if v == nil || v == "" {
		return "nothing"
	}
	return fmt.Sprint(v)
}

// textAt returns the string at a place; "": there is none.
func (e *exchange) textAt(place string) string {
	s, _ := e.find(place).(string)
	return s
}

// at follows a JSON pointer (RFC 6901).
func at(doc map[string]any, pointer string) any {
	var v any = doc
	for _, key := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(inner) {
				return nil
			}
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}

// word returns the value of a word, if the answer brings it.
func (e *exchange) word(w Word) (string, bool) {
	found := e.find(w.From)
	value, ok := found.(string)
	if n, is := found.(json.Number); is {
		value, ok = n.String(), true
	}
	if !ok || w.Match == "" {
		return value, ok
	}
	m := regexp.MustCompile(w.Match).FindStringSubmatch(value) // it was tried when the profile was read
	if len(m) < 2 {
		return "", false
	}
	return m[1], true
}

// lifetime reads a lifetime in the unit of the profile; false: none is stated, or not as the unit wants it.
func (e *exchange) lifetime(place, unit string) (time.Duration, bool) {
	found := e.find(place)
	text, isText := found.(string)
	if isText && unit == "absolute" {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t.Sub(e.clock()).Round(time.Second), true
		}
	}
	number, ok := found.(json.Number)
	if isText && !strings.HasPrefix(place, "/") { // a header has nothing but text
		number, ok = json.Number(text), true
	}
	n, err := number.Int64()
	if !ok || err != nil {
		return 0, false
	}
	switch {
	case unit == "ms":
		return time.Duration(n) * time.Millisecond, true
	case unit == "absolute" && n > year5000:
		return time.UnixMilli(n).Sub(e.clock()).Round(time.Second), true
	case unit == "absolute":
		return time.Unix(n, 0).Sub(e.clock()).Round(time.Second), true
	}
	return time.Duration(n) * time.Second, true
}

// year5000 in seconds since 1970: what is more must be milliseconds.
const year5000 = 95_617_584_000

// clock is the moment of the answer on the target's clock: a clock that the run has moved knows it better than the Date header.
func (e *exchange) clock() time.Time {
	if e.moved {
		return e.at
	}
	return e.now()
}
