package faulty

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing/iotest"
	"time"
)

// Probes of what goes wrong around the three calls: what else a request brings, who else is served, and what was served before.

func furtherLoginProbes() map[string]probe {
	as := func(email, password string) func(*world) string {
		return func(w *world) string { return w.loginAs(email, password).String() }
	}
	sent := func(options ...option) func(*world) string {
		return func(w *world) string { return w.loginAs(alice, alicePassword, options...).String() }
	}
	fiveWrong := func(last func(*world) string) func(*world) string {
		return func(w *world) string {
			a := w.login()
			for range 5 {
				wrong(w)
				nobody(w)
			}
			return fmt.Sprint(last(w), " ", w.refresh(a.refresh), " ", w.login())
		}
	}
	refusals := func(w *world) string { return fmt.Sprint(wrong(w), " ", nobody(w)) }
	return map[string]probe{
		"login-password-not-checked/after-login": {"401 401 401", "401 200 401", func(w *world) string {
			before := wrong(w)
			w.login()
			during := wrong(w)
			w.wait(time.Minute)
			return fmt.Sprint(before, " ", during, " ", wrong(w))
		}},
		"login-password-inexact/tags":            {"401", "200", as(alice, "alice<b>"+alicePassword[5:])},
		"login-password-inexact/ascii":           {"401", "200", as(alice, alicePassword+"é")},
		"login-password-truncated-72/characters": {"422 422", "401 422", both2(as(alice, strings.Repeat("é", 40)), as(alice, strings.Repeat("x", 73)))},
		"login-email-inexact/plus":               {"401", "200", as("alice+x@example.com", alicePassword)},
		"login-email-inexact/wildcard":           {"401 401", "200 200", both2(as("_lice@example.com", alicePassword), as("al%", alicePassword))},
		"login-email-inexact/accents":            {"401", "200", as("álice@example.com", alicePassword)},
		"login-enum-by-response/language": {"true true", "true false", func(w *world) string {
			body := `{"email":"%s","password":"wrong"}`
			said := func(language string) bool {
				unknown := w.loginWith(fmt.Sprintf(body, "nobody@example.com"), header("Accept-Language", language))
				return unknown.raw == w.loginWith(fmt.Sprintf(body, alice), header("Accept-Language", language)).raw
			}
			return fmt.Sprint(said("en-GB,en"), " ", said("de,en;q=0.5"))
		}},
		"login-enum-by-response/limit":  {"401 401 200 200", "429 401 200 200", fiveWrong(refusals)},
		"login-lockout-as-dos/sessions": {"401 401 200 200", "401 401 401 200", fiveWrong(refusals)},
		"login-ends-presented-session/refused": {"401 200", "401 401", func(w *world) string {
			a := w.login()
			return fmt.Sprint(w.loginAs(bob, "wrong", cookie(a.refresh)), " ", w.refresh(a.refresh))
		}},
		"login-refused-for-stale-token": {"200 200", "401 200", both2(sent(bearer("stale")), sent())},
		"login-content-type-as-text": {"200", "415", func(w *world) string {
			return w.do("POST", "/auth/login", aliceBody, header("Content-Type", "application/json; charset=utf-8")).String()
		}},
		"login-chunked-body-ignored": {"200 200", "400 200", both2(sent(chunked()), sent())},
		"login-mass-assignment": {"<nil>", "admin", func(w *world) string {
			return fmt.Sprint(w.loginWith(`{"role":"admin",` + aliceBody[1:]).claims["role"])
		}},
		"login-malformed-body-500/nul": {"401 401 422", "500 500 422", bodies(`{"email":"a\u0000","password":"x"}`, `{"email":"a","password":"x\u0000"}`, "{}")},
	}
}

const aliceBody = `{"email":"` + alice + `","password":"` + alicePassword + `"}`

// both2 joins what two looks saw.
func both2(a, b func(*world) string) func(*world) string {
	return func(w *world) string { return a(w) + " " + b(w) }
}

// chunked sends the body without saying how long it is.
func chunked() option {
	return func(r *http.Request) {
		r.ContentLength = -1
		r.Body = io.NopCloser(iotest.HalfReader(r.Body))
	}
}

func furtherAccessProbes() map[string]probe {
	plain := func(method, target string, options ...option) func(*world) string {
		return func(w *world) string { return w.do(method, target, "", options...).String() }
	}
	return map[string]probe{
		"at-signature-not-verified/first-half": {"401 401", "200 401", func(w *world) string {
			good := w.login().access
			i := strings.LastIndexByte(good, '.') + 1
			tail := good[:len(good)-10] + map[bool]string{true: "1", false: "2"}[good[len(good)-10] != '1'] + good[len(good)-9:]
			return fmt.Sprint(w.me(tail), " ", w.me(good[:i]+strings.Repeat("A", 43)))
		}},
		"at-signature-not-verified/seen-before": {"401 401", "401 200", func(w *world) string {
			good := w.login().access
			before := w.me(flip(good))
			w.me(good)
			return fmt.Sprint(before, " ", w.me(flip(good)))
		}},
		"at-expired-accepted/used-before": {"401 401", "200 401", func(w *world) string {
			used, unused := w.login().access, w.login().access
			w.me(used)
			w.wait(11 * time.Second)
			return fmt.Sprint(w.me(used), " ", w.me(unused))
		}},
		"at-sensitive-claims/refresh-token": {"", "rt rt", claimNames},
		"at-ttl-unit-error/on-refresh": {"10 10", "10 600", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(a.claims["exp"].(float64)-a.claims["iat"].(float64), " ", b.claims["exp"].(float64)-b.claims["iat"].(float64))
		}},
		"me-answers-other-user/concurrent": {"alice bob", "bob bob", func(w *world) string {
			a, b := w.login(), w.loginAs(bob, bobPassword)
			var who []string
			for _, r := range w.race(func() reply { return w.me(a.access) }, func() reply { return w.me(b.access) }) {
				name, _, _ := strings.Cut(fmt.Sprint(r.body["email"]), "@")
				who = append(who, name)
			}
			slices.Sort(who)
			return strings.Join(who, " ")
		}},
		"me-opens-web-session": {"200 0 401", "200 1 200", func(w *world) string {
			r := w.me(w.login().access)
			w.wait(time.Hour)
			return fmt.Sprint(r, " ", len(r.cookies), " ", w.do("GET", "/me", "", header("Cookie", "SESSIONID="+r.set().Value)))
		}},
		"at-remembered-by-connection": {"401 401 401", "401 200 401", func(w *world) string {
			before := plain("GET", "/me")(w)
			w.me(w.login().access)
			return before + " " + plain("GET", "/me")(w) + " " + plain("GET", "/me", func(r *http.Request) { r.RemoteAddr = "192.0.2.2:1" })(w)
		}},
		"at-trusts-proxy-header": {"alice@example.com 401", "bob@example.com 200", func(w *world) string {
			id := fmt.Sprint(w.me(w.loginAs(bob, bobPassword).access).body["id"])
			named := w.do("GET", "/me", "", bearer(w.login().access), header("X-User-Id", id))
			return fmt.Sprint(named.body["email"], " ", plain("GET", "/me", header("X-Forwarded-User", bob))(w))
		}},
		"at-filter-by-path": {"404 404", "200 401", func(w *world) string {
			return fmt.Sprint(w.do("GET", "/me/", "", bearer(flip(w.login().access))), " ", w.do("GET", "/me/", ""))
		}},
		"at-filter-by-method": {"401 401", "200 401", both2(plain("HEAD", "/me"), plain("GET", "/me"))},
		"at-malformed-500":    {"401 401", "500 401", both2(plain("GET", "/me", bearer("W10.W10.x")), plain("GET", "/me", bearer("x.y.z")))},
		"at-dies-on-refresh": {"200 200", "401 200", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(w.me(a.access), " ", w.me(b.access))
		}},
	}
}

func furtherRefreshProbes() map[string]probe {
	refreshed := func(options ...option) func(*world) string {
		return func(w *world) string { return w.refresh(w.login().refresh, options...).String() }
	}
	beside := func(before string) func(*world) string {
		return func(w *world) string {
			return w.do("POST", "/auth/refresh", "", header("Cookie", before+cookieName+"="+w.login().refresh)).String()
		}
	}
	statuses := func(all []reply) string {
		var said []string
		for _, r := range all {
			said = append(said, r.String())
		}
		return strings.Join(said, " ")
	}
	return map[string]probe{
		"rt-generation-overflows": {"200 200", "200 500", func(w *world) string {
			all := w.chain(128)
			return statuses(all[127:])
		}},
		"rt-grows": {"true", "false", func(w *world) string {
			all := w.chain(9)
			return fmt.Sprint(len(all[1].refresh) == len(all[9].refresh))
		}},
		"rt-bound-to-user-agent":   {"200 200", "401 200", both2(refreshed(header("User-Agent", "Other/1")), refreshed())},
		"rt-foreign-cookie-breaks": {"200 200", "401 200", both2(beside(`prefs={"a":1}; `), beside("prefs=1; "))},
		"rt-cookie-name-by-suffix": {"200 200", "401 200", both2(beside("my_"+cookieName+"=1; "), beside("prefs=1; "))},
		"reuse-evidence-destroyed/keeps-ten-generations": {"401 401", "401 200", func(w *world) string {
			seen := func(n int) string {
				all := w.chain(n)
				w.refresh(all[0].refresh)
				return w.refresh(all[n].refresh).String()
			}
			return seen(10) + " " + seen(11)
		}},
		"family-cap-evicts-live-session/any-user": {"200", "401", func(w *world) string {
			b := w.loginAs(bob, bobPassword)
			for range maxSessions + 1 {
				w.login()
			}
			return w.refresh(b.refresh).String()
		}},
		"conc-deadlock-or-duplicate-500/login": {"200 200", "200 500", func(w *world) string { return statuses(w.race(w.login, w.login)) }},
		"conc-deadlock-or-duplicate-500/logout": {"204 204", "204 500", func(w *world) string {
			a := w.login()
			out := func() reply { return w.logout(a.refresh) }
			return statuses(w.race(out, out))
		}},
		"conc-outcome-shared/login": {"200 401", "200 200", func(w *world) string {
			return statuses(w.race(w.login, func() reply { return wrong(w) }))
		}},
		"conc-outcome-shared/refresh": {"200 200 false", "200 200 true", func(w *world) string {
			a, b := w.login(), w.login()
			all := w.race(func() reply { return w.refresh(a.refresh) }, func() reply { return w.refresh(b.refresh) })
			return fmt.Sprint(statuses(all), " ", all[0].refresh == all[1].refresh)
		}},
		"logout-needs-access-token/if-sent": {"204 204", "401 204", func(w *world) string {
			a := w.login()
			return fmt.Sprint(w.logout(a.refresh, bearer("stale")), " ", w.logout(a.refresh))
		}},
		"logout-forgotten-early": {"401 401", "401 200", func(w *world) string {
			a := w.login()
			w.logout(a.refresh)
			now := w.refresh(a.refresh)
			w.wait(11 * time.Second)
			return fmt.Sprint(now, " ", w.refresh(a.refresh))
		}},
		"tx-credential-echoed-in-error/challenge": {"false", "true", func(w *world) string {
			return fmt.Sprint(strings.Contains(w.me("secret-value").header.Get("WWW-Authenticate"), "secret-value"))
		}},
		"tx-500-on-bad-refresh/not-ascii": {"401 401", "500 401", func(w *world) string {
			return fmt.Sprint(w.refresh("é"), " ", w.refresh("bad"))
		}},
		"tx-wrong-status/browser-302": {"401 401", "302 401", func(w *world) string {
			return fmt.Sprint(w.refresh("bad", header("Accept", "text/html,*/*")), " ", w.refresh("bad"))
		}},
		"tx-empty-json-refused": {"200 200", "400 200", both2(refreshed(header("Content-Type", "application/json")), refreshed())},
	}
}
