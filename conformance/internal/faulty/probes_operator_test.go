package faulty

import (
	"fmt"
	"time"
)

// admin changes alice, and fails the test if that is not possible.
func (w *world) admin(action, password string) {
	w.t.Helper()
	if err := w.s.Admin(action, alice, password); err != nil {
		w.t.Fatal(err)
	}
}

// replica is the same world seen through a second process.
func (w *world) replica() *world {
	return &world{t: w.t, s: w.s.Replica(), now: w.now}
}

func adminProbes() map[string]probe {
	disabled := func(f func(w *world, before reply) string) func(*world) string {
		return func(w *world) string {
			before := w.login()
			w.admin("disable", "")
			return f(w, before)
		}
	}
	changed := func(f func(w *world, before reply) string) func(*world) string {
		return func(w *world) string {
			before := w.login()
			w.admin("passwd", "another-password")
			return f(w, before)
		}
	}
	inFlight := func(action string) func(*world) string {
		return func(w *world) string {
			a := w.login()
			got := w.race(func() reply { return w.refresh(a.refresh) }, func() reply {
				w.admin(action, "another-password")
				return reply{}
			})
			last := got[len(got)-1]
			return fmt.Sprint(w.refresh(last.refresh))
		}
	}
	alsoNow := func(w *world, before reply) string {
		return fmt.Sprint(w.refresh(before.refresh), " ", w.refresh(w.loginAs(alice, "another-password").refresh))
	}
	return map[string]probe{
		"login-disabled-user-allowed":          {"401", "200", disabled(func(w *world, _ reply) string { return w.login().String() })},
		"login-enum-locked-or-disabled":        {"401", "403", disabled(func(w *world, _ reply) string { return w.login().String() })},
		"login-enum-locked-or-disabled/timing": {"1", "0", disabled(hashesOfLogin)},
		"rt-user-state-not-rechecked":          {"401", "200", disabled(func(w *world, b reply) string { return w.refresh(b.refresh).String() })},
		"rt-revoke-rolled-back-on-reject": {"401 401", "401 200", disabled(func(w *world, b reply) string {
			first := w.refresh(b.refresh)
			w.admin("enable", "")
			return fmt.Sprint(first, " ", w.refresh(b.refresh))
		})},
		"op-enable-revives-sessions":  {"401", "200", disabled(func(w *world, b reply) string { w.admin("enable", ""); return w.refresh(b.refresh).String() })},
		"at-user-state-not-rechecked": {"401", "200", disabled(func(w *world, b reply) string { return w.me(b.access).String() })},
		"op-sweep-crosses-users": {"200", "401", func(w *world) string {
			other := w.loginAs(bob, bobPassword)
			w.admin("disable", "")
			return w.refresh(other.refresh).String()
		}},
		"op-password-change-keeps-sessions":        {"401", "200", changed(func(w *world, b reply) string { return w.refresh(b.refresh).String() })},
		"op-password-change-keeps-sessions/newest": {"401", "200", changed(func(w *world, b reply) string { return w.refresh(b.refresh).String() })},
		"op-password-change-keeps-old-password": {"401 200", "200 200", changed(func(w *world, _ reply) string {
			return fmt.Sprint(w.login(), " ", w.loginAs(alice, "another-password"))
		})},
		"op-password-change-vs-inflight-refresh":         {"401", "200", inFlight("passwd")},
		"op-password-change-vs-inflight-refresh/disable": {"401", "200", inFlight("disable")},
		"at-cutoff-same-second":                          {"401 200", "401 401", changed(alsoNow)},
		"at-cutoff-same-second/survives":                 {"401 200", "200 200", changed(alsoNow)},
	}
}

// hashesOfLogin counts the hashes that a login costs.
func hashesOfLogin(w *world, _ reply) string {
	n := 0
	w.s.sleep = func(time.Duration) { n++ }
	w.login()
	return fmt.Sprint(n)
}

func processProbes() map[string]probe {
	restarted := func(f func(w *world) func() string) func(*world) string {
		return func(w *world) string {
			then := f(w)
			w.s.Restart()
			return then()
		}
	}
	return map[string]probe{
		"op-process-local-state": {"200", "401", restarted(func(w *world) func() string {
			a := w.login()
			return func() string { return w.refresh(a.refresh).String() }
		})},
		"op-process-local-state/signing-key": {"200", "401", restarted(func(w *world) func() string {
			a := w.login()
			return func() string { return w.me(a.access).String() }
		})},
		"op-process-local-state/rotations": {"401", "200", restarted(func(w *world) func() string {
			a, _ := w.rotated()
			return func() string { return w.refresh(a.refresh).String() }
		})},
		"op-process-local-state/logouts": {"401", "200", restarted(func(w *world) func() string {
			a := w.login()
			w.logout(a.refresh)
			return func() string { return w.refresh(a.refresh).String() }
		})},
		"op-process-local-state/evidence": {"401", "200", restarted(func(w *world) func() string {
			a, b := w.rotated()
			return func() string { w.refresh(a.refresh); return w.refresh(b.refresh).String() }
		})},
		"family-revocation-not-persistent/restart": {"401", "200", restarted(func(w *world) func() string {
			a, b := w.rotated()
			w.refresh(a.refresh)
			return func() string { return w.refresh(b.refresh).String() }
		})},
		"op-process-local-state/revocations": {"401 401", "200 200", func(w *world) string {
			r := w.replica()
			a := w.login()
			w.refresh(a.refresh)
			out := w.login()
			w.logout(out.refresh)
			return fmt.Sprint(r.refresh(out.refresh), " ", r.refresh(a.refresh))
		}},
		"op-revocation-cache-stale": {"200 401 401", "200 200 401", func(w *world) string {
			r := w.replica()
			a := w.login()
			b := r.refresh(a.refresh)
			w.logout(b.refresh)
			return fmt.Sprint(b, " ", r.refresh(b.refresh), " ", w.refresh(b.refresh))
		}},
		"op-replica-lag-unknown-token": {"200", "401", func(w *world) string { return w.replica().refresh(w.login().refresh).String() }},
		"op-mixed-version-rollout": {"200 200", "401 401", func(w *world) string {
			a := w.login()
			b := w.replica().refresh(a.refresh)
			if b.refresh == "" { // refused, and the session?
				b.refresh = a.refresh
			}
			return fmt.Sprint(b, " ", w.refresh(b.refresh))
		}},
		"conc-process-local-lock": {"200 401", "200 200", func(w *world) string {
			r, a := w.replica(), w.login()
			got := w.race(func() reply { return w.refresh(a.refresh) }, func() reply { return r.refresh(a.refresh) })
			return fmt.Sprint(got[0], " ", got[1])
		}},
		"at-nbf-iat-in-future/skewed-replica": {"200", "401", func(w *world) string { return w.replica().me(w.login().access).String() }},
	}
}
