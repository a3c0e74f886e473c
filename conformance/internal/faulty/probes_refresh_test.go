package faulty

import (
	"fmt"
	"strings"
	"time"
)

func refreshProbes() map[string]probe {
	altered := func(alter func(string) string) func(*world) string {
		return func(w *world) string { return w.refresh(alter(w.login().refresh)).String() }
	}
	twoCookies := func(w *world) string {
		a, b := w.login(), w.loginAs(bob, bobPassword)
		w.refresh(a.refresh, cookie(b.refresh))
		return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
	}
	inBody := func(token string) string { return `{"refresh_token":"` + token + `"}` }
	return map[string]probe{
		"rt-not-rotated": {"false 401", "true 200", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(a.refresh == b.refresh, " ", w.refresh(a.refresh))
		}},
		"rt-not-rotated/none": {"1 401", "0 200", func(w *world) string { a, b := w.rotated(); return fmt.Sprint(len(b.cookies), w.refresh(a.refresh)) }},
		"rt-old-still-valid": {"401 401", "200 200", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
		}},
		"rt-new-cookie-not-delivered":       {"1 401", "0 401", func(w *world) string { a, b := w.rotated(); return fmt.Sprint(len(b.cookies), w.refresh(a.refresh)) }},
		"rt-new-cookie-not-delivered/empty": {"false", "true", func(w *world) string { _, b := w.rotated(); return fmt.Sprint(b.refresh == "") }},
		"rt-cookie-encoding-mangled": {"8", "6", func(w *world) string {
			for i, r := range w.chain(8) {
				if r.status != 200 {
					return fmt.Sprint(i - 1)
				}
			}
			return "8"
		}},
		"rt-no-credential-needed":          {"401 401", "200 401", func(w *world) string { return fmt.Sprint(w.do("POST", "/auth/refresh", ""), w.refresh("garbage")) }},
		"rt-no-credential-needed/garbage":  {"401 401", "401 200", func(w *world) string { return fmt.Sprint(w.do("POST", "/auth/refresh", ""), w.refresh("garbage")) }},
		"rt-signature-not-verified":        {"401", "200", altered(flip)},
		"rt-lax-comparison/case":           {"401 401", "200 401", func(w *world) string { return altered(strings.ToUpper)(w) + " " + altered(flip)(w) }},
		"rt-lax-comparison/padding":        {"401 401", "200 401", func(w *world) string { return altered(pad)(w) + " " + altered(flip)(w) }},
		"rt-lax-comparison/last-character": {"401 401", "200 401", func(w *world) string { return altered(otherSpelling)(w) + " " + altered(flip)(w) }},
		"rt-two-cookies/first":             {"200 200", "401 200", twoCookies},
		"rt-two-cookies/last":              {"200 200", "200 401", twoCookies},
		"rt-accepted-in-url": {"401", "200", func(w *world) string {
			return w.do("POST", "/auth/refresh?refresh_token="+w.login().refresh, "").String()
		}},
		"rt-accepted-in-body":           {"401", "200", func(w *world) string { return w.do("POST", "/auth/refresh", inBody(w.login().refresh)).String() }},
		"rt-accepted-as-bearer":         {"401", "200", func(w *world) string { return w.do("POST", "/auth/refresh", "", bearer(w.login().refresh)).String() }},
		"at-accepted-as-refresh":        {"401", "200", func(w *world) string { return w.refresh(w.login().access).String() }},
		"at-accepted-as-refresh/body":   {"401", "200", func(w *world) string { return w.do("POST", "/auth/refresh", inBody(w.login().access)).String() }},
		"at-accepted-as-refresh/bearer": {"401", "200", func(w *world) string { return w.do("POST", "/auth/refresh", "", bearer(w.login().access)).String() }},
		"rt-needs-live-access-token":    {"200", "401", func(w *world) string { return w.refresh(w.login().refresh).String() }},
		"rt-needs-live-access-token/if-sent": {"200 200", "200 401", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(b, w.refresh(b.refresh, bearer(flip(a.access))))
		}},
	}
}

func pad(token string) string { return token + "=" }

// replay logs in, refreshes n times, shows the token of a generation, and says whether that and then the live one were accepted.
func replay(n, generation int) func(*world) string {
	return func(w *world) string {
		all := w.chain(n)
		return fmt.Sprint(w.refresh(all[generation].refresh), w.refresh(all[n].refresh))
	}
}

func both(a, b func(*world) string) func(*world) string {
	return func(w *world) string { return a(w) + ", " + b(w) }
}

// neighbours says what a replay does to another session of the user, and to one of another user.
func neighbours(w *world) string {
	a, _ := w.rotated()
	second, stranger := w.login(), w.loginAs(bob, bobPassword)
	w.refresh(a.refresh)
	return fmt.Sprint(w.refresh(second.refresh), w.refresh(stranger.refresh))
}

func reuseProbes() map[string]probe {
	graceAfter := func(pauses ...time.Duration) func(*world) string {
		return func(w *world) string {
			a, _ := w.rotated()
			var all []any
			for _, d := range pauses {
				w.wait(d)
				all = append(all, w.refresh(a.refresh))
			}
			return fmt.Sprint(all...)
		}
	}
	return map[string]probe{
		"reuse-plain-401":                 {"401 401", "401 200", replay(1, 0)},
		"reuse-plain-401/direct-parent":   {"401 401, 401 401", "401 200, 401 401", both(replay(2, 1), replay(2, 0))},
		"reuse-ends-presented-token-only": {"401 401", "401 200", replay(1, 0)},
		"reuse-evidence-destroyed": {"401 401, 401", "401 200, 200", both(replay(1, 0), func(w *world) string {
			a, b := w.rotated()
			w.logout(a.refresh)
			return w.refresh(b.refresh).String()
		})},
		"reuse-evidence-destroyed/keeps-one-generation": {"401 401, 401 401", "401 401, 401 200", both(replay(2, 1), replay(2, 0))},
		"reuse-evidence-purged-early":                   {"401 401, 401 401", "401 200, 401 401", both(replayAfter(3*time.Second), replay(1, 0))},
		"reuse-masked-by-expiry":                        {"401 401, 401 401", "401 200, 401 401", both(replayExpired, replay(1, 0))},
		"reuse-revocation-rolled-back":                  {"401 401", "401 200", replay(1, 0)},
		"reuse-unauthenticated-trigger": {"200", "401", func(w *world) string {
			a := w.login()
			w.refresh(flip(a.refresh))
			return w.refresh(a.refresh).String()
		}},
		"reuse-grace-undeclared":            {"401 401, 401 401", "200 200, 401 401", both(replay(1, 0), replay(2, 0))},
		"reuse-grace-undeclared/displacing": {"401 401, 401 401", "200 401, 401 401", both(replay(1, 0), replay(2, 0))},
		"reuse-grace-forks-chain":           {"401 401, 401 401", "200 200, 401 401", both(replay(1, 0), graceAfter(11*time.Second, 0))},
		"reuse-grace-slides":                {"401 401 401", "200 200 401", graceAfter(9*time.Second, 9*time.Second, 11*time.Second)},
		"reuse-grace-never-closes":          {"401 401", "200 200", graceAfter(20*time.Second, 20*time.Second)},
		"reuse-grace-covers-any-ancestor":   {"401 401", "200 401", replay(3, 0)},
		"reuse-grace-not-kept":              {"200 200", "401 401", replay(1, 0)},
		"reuse-grace-unbounded":             {"401", "200", flood},
		"reuse-grace-extends-life": {"200, 401", "200, 200", func(w *world) string {
			a, b := w.rotated()
			w.wait(9 * time.Second)
			again := w.refresh(a.refresh)
			w.wait(55 * time.Second)
			return fmt.Sprintf("%s, %s", again, w.refresh(b.refresh))
		}},
		"reuse-grace-revives-revoked-family": {"401 401, 401", "200 200, 401", both(afterLogout, func(w *world) string {
			a, b := w.rotated()
			w.logout(b.refresh)
			w.wait(11 * time.Second)
			return w.refresh(a.refresh).String()
		})},
		"family-kill-is-user-wide":  {"200 200", "401 200", neighbours},
		"family-kill-crosses-users": {"200 200", "401 401", neighbours},
		"family-id-not-inherited":   {"401 401, 401 401", "401 200, 401 200", both(replay(2, 0), replay(3, 1))},
		"family-revocation-not-persistent": {"401 401 401", "401 401 200", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh), w.refresh(b.refresh))
		}},
		"family-cap-evicts-live-session": {"200", "401", func(w *world) string {
			a := w.login()
			for range 4 {
				a = w.refresh(a.refresh)
				w.login()
			}
			return w.refresh(a.refresh).String()
		}},
		"family-shared-by-logins": {"200", "401", func(w *world) string {
			a, b := w.login(), w.login()
			w.logout(a.refresh)
			return w.refresh(b.refresh).String()
		}},
		"family-state-lost-on-rotation": {"true", "false", func(w *world) string { a, b := w.rotated(); return fmt.Sprint(a.set().SameSite == b.set().SameSite) }},
	}
}

// afterLogout logs out with the live token, shows its parent, and then what that brought.
func afterLogout(w *world) string {
	a, b := w.rotated()
	w.logout(b.refresh)
	again := w.refresh(a.refresh)
	return fmt.Sprint(again, w.refresh(again.refresh))
}

func replayAfter(d time.Duration) func(*world) string {
	return func(w *world) string {
		a, b := w.rotated()
		w.wait(d)
		return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
	}
}

// replayExpired shows a rotated token that is past its own exp, in a family that is not.
func replayExpired(w *world) string {
	a := w.login()
	w.wait(50 * time.Second)
	b := w.refresh(a.refresh)
	w.wait(50 * time.Second)
	return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
}

func concurrencyProbes() map[string]probe {
	again := func(w *world, token string) func() reply { return func() reply { return w.refresh(token) } }
	// twice refreshes twice at once and says what both said, and whether what the winner got still works.
	twice := func(w *world) string {
		a := w.login()
		r := w.race(again(w, a.refresh), again(w, a.refresh))
		return fmt.Sprint(r[0], r[1], w.refresh(r[0].refresh))
	}
	return map[string]probe{
		"conc-double-spend": {"200 401 401", "200 200 200", twice},
		"conc-loser-clears-winner-cookie": {"200 401 0", "200 401 -1", func(w *world) string {
			a := w.login()
			r := w.race(again(w, a.refresh), again(w, a.refresh))
			return fmt.Sprint(r[0], r[1], r[1].set().MaxAge)
		}},
		"conc-loser-not-punished": {"200 401 401, 401 401", "200 401 200, 401 401", both(twice, replay(1, 0))},
		"conc-logout-vs-refresh-resurrects": {"200 204 401, 401", "200 204 200, 401", both(func(w *world) string {
			a := w.login()
			r := w.race(again(w, a.refresh), func() reply { return w.logout(a.refresh) })
			return fmt.Sprint(r[0], r[1], w.refresh(r[0].refresh))
		}, afterLogoutLive)},
		"conc-revocation-misses-child": {"200 401 401, 401 401", "200 401 200, 401 401", both(func(w *world) string {
			a, b := w.rotated()
			r := w.race(again(w, b.refresh), again(w, a.refresh))
			return fmt.Sprint(r[0], r[1], w.refresh(r[0].refresh))
		}, replay(1, 0))},
		"conc-deadlock-or-duplicate-500": {"200 401 401", "200 500 200", twice},
		"conc-deadlock-or-duplicate-500/user": {"200 200, 200 401 401", "200 500, 200 401 401", both(func(w *world) string {
			a, b := w.login(), w.login()
			r := w.race(again(w, a.refresh), again(w, b.refresh))
			return fmt.Sprint(r[0], r[1])
		}, twice)},
		"conc-replay-cache-outlives-revocation": {"401 401, 401 401", "200 401, 401 401", both(afterLogout, replay(1, 0))},
	}
}

func afterLogoutLive(w *world) string {
	a := w.login()
	w.logout(a.refresh)
	return w.refresh(a.refresh).String()
}

// flood presents a spent token twenty times and says what the last one said.
func flood(w *world) string {
	a, _ := w.rotated()
	var last reply
	for range 20 {
		last = w.refresh(a.refresh)
	}
	return last.String()
}
