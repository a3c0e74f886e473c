package faulty

import (
	"fmt"
	"time"
)

// idle waits so long after a login and refreshes.
func idle(d time.Duration) func(*world) string {
	return func(w *world) string {
		a := w.login()
		w.wait(d)
		return w.refresh(a.refresh).String()
	}
}

// busy refreshes every 40 seconds and says what the last of n refreshes was.
func busy(n int) func(*world) string {
	return func(w *world) string {
		a := w.login()
		for range n {
			w.wait(40 * time.Second)
			a = w.refresh(a.refresh)
		}
		return a.String()
	}
}

func maxAges(w *world) string {
	a, b := w.rotated()
	return fmt.Sprint(a.set().MaxAge, b.set().MaxAge)
}

func expiryProbes() map[string]probe {
	return map[string]probe{
		"exp-refresh-never-checked":                      {"401, 401", "200, 401", both(idle(100*time.Second), idle(150*time.Second))},
		"exp-refresh-never-checked/leeway-60s":           {"401, 401", "200, 401", both(idle(100*time.Second), idle(121*time.Second))},
		"exp-no-absolute-cap":                            {"401, 401", "200, 401", both(busy(9), idle(time.Minute))},
		"exp-no-absolute-cap/moved-by-rotation":          {"401, 401", "200, 401", both(busy(9), idle(time.Minute))},
		"exp-inherited-when-sliding-promised":            {"200, 200", "401, 200", both(busy(2), busy(1))},
		"exp-datetime0-rounding":                         {"60 60", "61 61", maxAges},
		"exp-cookie-lifetime-of-access-token":            {"60 60", "10 10", maxAges},
		"exp-cookie-lifetime-of-access-token/on-refresh": {"60 60", "60 10", maxAges},
		"exp-cookie-is-session-cookie":                   {"60 60", "0 0", maxAges},
		"exp-persistence-flag-lost":                      {"60 60", "60 0", maxAges},
		"exp-cookie-max-age-in-ms":                       {"60 60", "60000 60000", maxAges},
		"exp-cookie-outlives-session": {"30", "60", func(w *world) string {
			a := w.login()
			for range 3 {
				w.wait(40 * time.Second)
				a = w.refresh(a.refresh)
			}
			return fmt.Sprint(a.set().MaxAge)
		}},
	}
}

func logoutProbes() map[string]probe {
	// out logs out and says what that said, and what the token says then.
	out := func(w *world) string {
		a := w.login()
		return fmt.Sprint(w.logout(a.refresh), w.refresh(a.refresh))
	}
	stale := func(w *world) string {
		a, b := w.rotated()
		return fmt.Sprint(w.logout(a.refresh), w.refresh(b.refresh))
	}
	again := func(w *world) string {
		a := w.login()
		return fmt.Sprint(w.logout(a.refresh), w.logout(a.refresh))
	}
	noCookie := func(w *world) string { return w.do("POST", "/auth/logout", "").String() }
	garbage := func(w *world) string { return w.logout("garbage").String() }
	twoCookies := func(w *world) string {
		a, b := w.login(), w.loginAs(bob, bobPassword)
		w.logout(a.refresh, cookie(b.refresh))
		return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
	}
	deletion := func(w *world) string {
		c := w.logout(w.login().refresh).set()
		return fmt.Sprint(c.Name, c.Path, " ", c.MaxAge, c.HttpOnly, c.SameSite, c.Secure)
	}
	return map[string]probe{
		"at-outlives-session": {"401", "200", func(w *world) string {
			a := w.login()
			w.logout(a.refresh)
			return w.me(a.access).String()
		}},
		"logout-server-noop": {"204 401", "204 200", out},
		"logout-refresh-path-ignores-revocation": {"204 401, 200", "204 200, 401", both(out, func(w *world) string {
			a := w.login()
			w.logout(a.refresh)
			return w.me(a.access).String()
		})},
		"logout-effect-is-late": {"204 401, 401", "204 200, 401", both(out, func(w *world) string {
			a := w.login()
			w.logout(a.refresh)
			w.wait(time.Second)
			return w.refresh(a.refresh).String()
		})},
		"logout-revokes-one-token-not-family": {"204 401, 204 401", "204 200, 204 401", both(stale, out)},
		"logout-kills-all-devices": {"200 200", "401 200", func(w *world) string {
			a, second, stranger := w.login(), w.login(), w.loginAs(bob, bobPassword)
			w.logout(a.refresh)
			return fmt.Sprint(w.refresh(second.refresh), w.refresh(stranger.refresh))
		}},
		"logout-foreign-token": {"401 200", "401 401", func(w *world) string {
			a, b := w.login(), w.loginAs(bob, bobPassword)
			w.logout(a.refresh, bearer(b.access))
			return fmt.Sprint(w.refresh(a.refresh), w.refresh(b.refresh))
		}},
		"logout-needs-access-token":       {"204", "401", func(w *world) string { return w.logout(w.login().refresh).String() }},
		"logout-not-idempotent":           {"204 204, 204", "204 401, 204", both(again, noCookie)},
		"logout-not-idempotent/no-cookie": {"204 204, 204", "204 204, 401", both(again, noCookie)},
		"logout-not-idempotent/garbage":   {"204, 204", "500, 204", both(garbage, noCookie)},
		"logout-not-idempotent/percent":   {"204, 204", "500, 204", both(func(w *world) string { return w.logout("%zz").String() }, garbage)},
		"logout-not-idempotent/stale":     {"204 401, 204 401", "401 200, 204 401", both(stale, out)},
		"logout-not-idempotent/expired":   {"204", "401", func(w *world) string { a := w.login(); w.wait(time.Minute); return w.logout(a.refresh).String() }},
		"logout-two-cookies/first":        {"401 401", "401 200", twoCookies},
		"logout-two-cookies/none":         {"401 401", "200 200", twoCookies},
		"logout-cookie-not-cleared":       {"1", "0", func(w *world) string { return fmt.Sprint(len(w.logout(w.login().refresh).cookies)) }},
		"logout-cookie-not-cleared/only-if-sent": {"1 1", "1 0", func(w *world) string {
			return fmt.Sprint(len(w.logout(w.login().refresh).cookies), len(w.do("POST", "/auth/logout", "").cookies))
		}},
		"logout-clear-identity-mismatch":               {"refresh_token/auth -1 true 3 false", "refresh_token/ -1 true 3 false", deletion},
		"logout-clear-identity-mismatch/name":          {"refresh_token/auth -1 true 3 false", "refreshToken/auth -1 true 3 false", deletion},
		"logout-clear-misses-secure-samesite":          {"refresh_token/auth -1 true 3 false", "refresh_token/auth -1 true 0 false", deletion},
		"logout-clear-misses-secure-samesite/httponly": {"refresh_token/auth -1 true 3 false", "refresh_token/auth -1 false 3 false", deletion},
		"logout-clear-misses-secure-samesite/secure":   {"refresh_token/auth -1 true 3 true", "refresh_token/auth -1 true 3 false", deletion},
		"logout-csrf": {"403 200", "204 401", func(w *world) string {
			a := w.login()
			return fmt.Sprint(w.logout(a.refresh, crossSite()), w.refresh(a.refresh))
		}},
		"logout-by-get": {"405 200", "204 401", func(w *world) string {
			a := w.login()
			return fmt.Sprint(w.do("GET", "/auth/logout", "", cookie(a.refresh)), w.refresh(a.refresh))
		}},
	}
}

func storageProbes() map[string]probe {
	// tokens says how long the tokens of five logins are, and how many of them differ.
	tokens := func(w *world) string {
		seen, length := map[string]bool{}, 0
		for range 5 {
			a := w.login()
			seen[a.refresh] = true
			length = len(a.refresh)
			if w.refresh(a.refresh).status != 200 {
				return "does not work"
			}
		}
		return fmt.Sprint(len(seen), " different, long: ", length > 100)
	}
	return map[string]probe{
		"st-low-entropy-token/counter": {"5 different, long: true", "5 different, long: false", tokens},
		"st-low-entropy-token/time":    {"5 different, long: true", "5 different, long: false", tokens},
		"st-low-entropy-token/short":   {"5 different, long: true", "5 different, long: false", tokens},
		"st-cleanup-kills-live":        {"200, 200", "401, 200", both(idle(10*time.Second), idle(9*time.Second))},

		"st-plaintext-token":                {tokensKept, "token_families.token_hash: the token; users.password_hash: 10000 rounds", kept},
		"st-plaintext-token/hex":            {tokensKept, "token_families.token_hash: the token in hex; users.password_hash: 10000 rounds", kept},
		"st-plaintext-token/base64":         {tokensKept, "token_families.token_hash: the token in base64; users.password_hash: 10000 rounds", kept},
		"st-plaintext-token/signature":      {tokensKept, "token_families.token_hash: its signature; users.password_hash: 10000 rounds", kept},
		"st-plaintext-token/hmac":           {tokensKept, "users.password_hash: 10000 rounds", kept},
		"st-plaintext-token/log":            {tokensKept, "log.entry: the token before; " + tokensKept, kept},
		"st-successor-stored-raw-for-grace": {tokensKept, "successors.successor: the token; successors.successor: the token before; " + tokensKept, kept},
		"st-access-token-stored":            {tokensKept, "token_families.access_token: the access token; " + tokensKept, kept},
		"st-password-plaintext":             {tokensKept, "token_families.token_hash: its SHA-256; users.password_hash: the password", kept},
		"st-password-plaintext/log":         {tokensKept, "log.entry: the password; " + tokensKept, kept},
		"st-password-fast-hash":             {tokensKept, "token_families.token_hash: its SHA-256; users.password_hash: MD5", kept},
		"st-password-fast-hash/salted":      {tokensKept, "token_families.token_hash: its SHA-256; users.password_hash: salted SHA-256", kept},
		"st-password-cheap-hash":            {tokensKept, "token_families.token_hash: its SHA-256; users.password_hash: 64 rounds", kept},
	}
}

// outage refreshes, or does something else, while there is no state, and says what that was and what the token is afterwards.
func outage(during func(*world, reply) reply) func(*world) string {
	return func(w *world) string {
		_, b := w.rotated()
		w.s.Outage(true)
		got := during(w, b)
		w.s.Outage(false)
		return fmt.Sprintf("%s %d, %s", got, got.set().MaxAge, w.refresh(b.refresh))
	}
}

func outageProbes() map[string]probe {
	refresh := outage(func(w *world, b reply) reply { return w.refresh(b.refresh) })
	return map[string]probe{
		"cookie-cleared-on-transient-error":            {"503 0, 200", "401 -1, 200", refresh},
		"cookie-cleared-on-transient-error/everywhere": {"503 0, 200", "401 -1, 200", refresh},
		"op-revocation-fails-open/revives":             {"503 0, 200", "200 60, 401", refresh},
		"op-revocation-fails-open":                     {"503 0, 200", "200 60, 200", refresh},
		"rt-success-before-commit":                     {"503 0, 200", "200 60, 200", refresh},
		"rt-burned-before-late-check":                  {"503 0, 200", "503 0, 401", refresh},
		"rt-half-commit":                               {"503 0, 200", "503 0, 401", refresh},
		"logout-deletes-only-copy-on-failure":          {"503 0, 200", "204 -1, 200", outage(func(w *world, b reply) reply { return w.logout(b.refresh) })},
		"tx-500-without-database":                      {"503 0, 200", "500 0, 200", refresh},
	}
}
