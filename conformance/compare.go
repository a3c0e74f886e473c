package conformance

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// volatile names members and headers that differ between any two answers, whatever was asked.
var volatile = []string{"date", "x-request-id", "request_id", "requestid", "request-id", "trace_id", "traceid", "traceparent", "timestamp", "instance", "age", "etag", "content-length", "connection", "keep-alive", "server-timing", "x-runtime", "x-response-time", "cf-ray"}

// sameAnswer compares two refusals as a client sees them: status and body, volatile members aside.
func sameAnswer(a, b *exchange) bool {
	if a.status != b.status {
		return false
	}
	if a.json == nil || b.json == nil {
		return a.text == b.text
	}
	return reflect.DeepEqual(stable(a.json), stable(b.json))
}

func stable(m map[string]any) map[string]any {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(k string, _ any) bool { return slices.Contains(volatile, strings.ToLower(k)) })
	return m
}

// headerNames lists the names of an answer's headers, volatile ones and rate-limit counters aside.
func headerNames(e *exchange) string {
	var names []string
	for name := range e.answer {
		lower := strings.ToLower(name)
		if !slices.Contains(volatile, lower) && !strings.Contains(lower, "ratelimit") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(b)
}
