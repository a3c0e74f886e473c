package faulty

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func nobody(w *world) reply { return w.loginAs("nobody@example.com", "wrong") }
func wrong(w *world) reply  { return w.loginAs(alice, "wrong") }

// guessed sends ten wrong passwords and one more, each from another address as its header says, and then the right one from elsewhere.
func guessed(w *world, behind string) string {
	var r reply
	for i := range 11 {
		r = w.loginAs(alice, "wrong", header("X-Forwarded-For", fmt.Sprintf("198.51.100.%d%s", i, behind)))
	}
	return fmt.Sprintf("%v %s %v", r, r.header.Get("Retry-After"), w.loginAs(alice, alicePassword, func(r *http.Request) { r.RemoteAddr = "203.0.113.9:1" }))
}

func loginProbes() map[string]probe {
	inexact := func(password string) func(w *world) string {
		return func(w *world) string { return w.loginAs(alice, password).String() }
	}
	return map[string]probe{
		"login-enum-by-response/status": {"401 401", "404 401", func(w *world) string { return fmt.Sprint(nobody(w), wrong(w)) }},
		"login-enum-by-response/body":   {"true", "false", func(w *world) string { return fmt.Sprint(nobody(w).raw == wrong(w).raw) }},
		"login-enum-by-response/header": {"true", "false", func(w *world) string { return fmt.Sprint(len(nobody(w).header) == len(wrong(w).header)) }},
		"login-enum-by-response/cookie": {"0 0", "0 1", func(w *world) string { return fmt.Sprint(len(nobody(w).cookies), len(wrong(w).cookies)) }},
		"login-enum-by-timing": {"true", "false", func(w *world) string {
			slept := func(f func(*world) reply) (sum time.Duration) {
				w.s.sleep = func(d time.Duration) { sum += d }
				f(w)
				return sum
			}
			return fmt.Sprint(slept(wrong) == slept(nobody))
		}},
		"login-password-not-checked":            {"401", "200", inexact("wrong")},
		"login-password-inexact/first-8":        {"401", "200", inexact(alicePassword[:8])},
		"login-password-inexact/nul":            {"401", "200", inexact(alicePassword + "\x00tail")},
		"login-password-inexact/case":           {"401", "200", inexact(strings.ToUpper(alicePassword))},
		"login-password-inexact/trimmed":        {"401", "200", inexact(alicePassword + " ")},
		"login-password-truncated-72":           {"422", "401", inexact(strings.Repeat("x", 73))},
		"login-long-password-500":               {"422", "500", inexact(strings.Repeat("x", 73))},
		"login-unbounded-password-dos":          {"413", "401", inexact(strings.Repeat("x", 20<<10))},
		"login-empty-password-accepted":         {"401", "200", inexact("")},
		"login-empty-password-accepted/missing": {"422 422", "200 200", bodies(`{"email":"`+alice+`"}`, `{"email":"`+alice+`","password":null}`)},
		"login-email-not-normalized": {"200 200", "401 401", func(w *world) string {
			return fmt.Sprint(w.loginAs("ALICE@example.com", alicePassword), w.loginAs(" "+alice, alicePassword))
		}},
		"login-old-session-not-superseded": {"401", "200", func(w *world) string {
			a := w.login()
			w.loginAs(alice, alicePassword, cookie(a.refresh))
			return w.refresh(a.refresh).String()
		}},
		"login-no-throttle":        {"429 60 200", "401  200", func(w *world) string { return guessed(w, "") }},
		"login-throttle-xff-spoof": {"429 60 200", "401  200", func(w *world) string { return guessed(w, ", 203.0.113.7") }},
		"login-lockout-as-dos": {"200", "401", func(w *world) string {
			for range 5 {
				wrong(w)
			}
			return w.login().String()
		}},
		"login-same-second-collision": {"200 200", "200 500", func(w *world) string { return fmt.Sprint(w.login(), w.login()) }},
		"login-same-second-collision/same-token": {"false false", "true false", func(w *world) string {
			a, b := w.login(), w.login()
			w.wait(time.Second)
			return fmt.Sprint(a.refresh == b.refresh, b.refresh == w.login().refresh)
		}},
		"login-reuses-refresh-token": {"false", "true", func(w *world) string {
			a, b := w.login(), w.login()
			return fmt.Sprint(a.refresh == b.refresh)
		}},
		"login-ends-other-sessions": {"200 200", "401 200", func(w *world) string {
			a, b := w.login(), w.loginAs(bob, bobPassword)
			w.login()
			return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
		}},
		"login-ends-presented-session": {"200 200", "401 200", func(w *world) string {
			a, b := w.login(), w.login()
			w.loginAs(alice, alicePassword, cookie(a.refresh))
			return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
		}},
	}
}

// bodies logs in with each body.
func bodies(all ...string) func(*world) string {
	return func(w *world) string {
		var statuses []string
		for _, body := range all {
			statuses = append(statuses, w.loginWith(body).String())
		}
		return strings.Join(statuses, " ")
	}
}

func loginBodyProbes() map[string]probe {
	good := `{"email":"` + alice + `","password":"` + alicePassword + `"}`
	form := url.Values{"email": {alice}, "password": {alicePassword}}.Encode()
	as := func(method, target, contentType, body string) func(*world) string {
		return func(w *world) string { return w.do(method, target, body, header("Content-Type", contentType)).String() }
	}
	return map[string]probe{
		"login-malformed-body-500":                {"400 400 400 422", "500 500 500 422", bodies("", "{", good+"x", "[]")},
		"login-malformed-body-500/not-an-object":  {"422 422 400", "500 500 400", bodies("[]", "null", "{")},
		"login-malformed-body-500/half-character": {"401 422", "500 422", bodies(`{"email":"a","password":"\ud800"}`, `{"email":1}`)},
		"login-malformed-body-500/missing-field":  {"422 422 422", "500 500 422", bodies("{}", `{"email":"a"}`, `{"email":1}`)},
		"login-json-duplicate-keys":               {"400", "200", bodies(`{"email":"x",` + good[1:])},
		"login-json-trailing-data":                {"400", "200", bodies(good + "{}")},
		"login-csrf-simple-content-type":          {"415", "200", as("POST", "/auth/login", "text/plain", good)},
		"login-csrf-simple-content-type/form":     {"415", "200", as("POST", "/auth/login", "application/x-www-form-urlencoded", form)},
		"login-csrf-simple-content-type/cross-site": {"403", "200", func(w *world) string {
			return w.do("POST", "/auth/login", good, header("Content-Type", "text/plain"), crossSite()).String()
		}},
		"login-credentials-in-url": {"405", "200", as("GET", "/auth/login?"+form, "", "")},
	}
}
