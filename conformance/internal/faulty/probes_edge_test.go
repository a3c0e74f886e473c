package faulty

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// attributes prints what f says of the cookies of a login, a refresh and a logout.
func attributes(f func(*http.Cookie) any) func(*world) string {
	return func(w *world) string {
		a, b := w.rotated()
		return fmt.Sprint(f(a.set()), " ", f(b.set()), " ", f(w.logout(b.refresh).set()))
	}
}

// shows says in which parts of a login's and a refresh's answers the refresh token is, beside the cookie.
func shows(w *world) string {
	a, b := w.rotated()
	var where []string
	for _, r := range []reply{a, b} {
		token := r.cookies[0].Value
		if strings.Contains(r.raw, token) {
			where = append(where, "body")
		}
		if r.header.Get("X-Refresh-Token") == token {
			where = append(where, "header")
		}
		if len(r.cookies) > 1 && r.cookies[1].Value == token && !r.cookies[1].HttpOnly {
			where = append(where, "second cookie")
		}
	}
	return strings.Join(where, " ")
}

func cookieProbes() map[string]probe {
	httpOnly := attributes(func(c *http.Cookie) any { return c.HttpOnly })
	secure := attributes(func(c *http.Cookie) any { return c.Secure })
	sameSite := attributes(func(c *http.Cookie) any { return c.SameSite })
	path := attributes(func(c *http.Cookie) any { return c.Path })
	refused := func(request func(*world) reply) func(*world) string {
		return func(w *world) string { return fmt.Sprint(request(w), len(request(w).cookies)) }
	}
	return map[string]probe{
		"cookie-no-httponly":               {"true true true", "false false false", httpOnly},
		"cookie-no-httponly/on-refresh":    {"true true true", "true false true", httpOnly},
		"cookie-no-secure":                 {"true true true", "false false false", secure},
		"cookie-no-secure/on-refresh":      {"true true true", "true false true", secure},
		"cookie-secure-on-plain-http":      {"false false false", "true true true", secure},
		"cookie-samesite-weak":             {"3 3 3", "0 0 0", sameSite},
		"cookie-samesite-weak/none":        {"3 3 3", "4 4 4", sameSite},
		"cookie-samesite-weak/lax":         {"3 3 3", "2 2 2", sameSite},
		"cookie-path-too-broad":            {"/auth /auth /auth", "/ / /", path},
		"cookie-path-too-broad/on-refresh": {"/auth /auth /auth", "/auth / /auth", path},
		"cookie-path-unreachable":          {"/auth /auth /auth", "/api/auth /api/auth /api/auth", path},
		"cookie-renamed-on-refresh": {"refresh_token refresh_token refresh_token", "refresh_token refreshToken refresh_token",
			attributes(func(c *http.Cookie) any { return c.Name })},
		"cookie-domain-too-broad":                   {`"" "" ""`, `"example.com" "example.com" "example.com"`, attributes(func(c *http.Cookie) any { return fmt.Sprintf("%q", c.Domain) })},
		"cookie-set-twice":                          {"1 1", "1 2", func(w *world) string { a, b := w.rotated(); return fmt.Sprint(len(a.cookies), len(b.cookies)) }},
		"cookie-token-also-in-body":                 {"", "body body", shows},
		"cookie-token-also-in-body/on-refresh":      {"", "body", shows},
		"cookie-token-also-in-body/header":          {"", "header header", shows},
		"cookie-token-also-in-body/readable-cookie": {"", "second cookie second cookie", shows},
		"cookie-cleared-on-refusal":                 {"401 0", "401 1", refused(func(w *world) reply { return w.refresh("bad") })},
		"cookie-cleared-on-refusal/login":           {"401 0", "401 1", refused(wrong)},
		"cookie-cleared-by-csrf-failure":            {"403 0", "403 1", refused(func(w *world) reply { return w.refresh("bad", crossSite()) })},
		"cookie-csrf-check-unsatisfiable": {"200 204", "403 403", func(w *world) string {
			a := w.login()
			return fmt.Sprint(w.refresh(a.refresh), w.logout(a.refresh))
		}},
	}
}

// cacheControl says what a login, a refresh and a refusal say of caches.
func cacheControl(w *world) string {
	a, b := w.rotated()
	var all []string
	for _, r := range []reply{a, b, wrong(w)} {
		all = append(all, r.header.Get("Cache-Control"))
	}
	return strings.Join(all, ", ")
}

// by refreshes in an odd way and says what that said, and what the token says then.
func by(method string, options ...option) func(*world) string {
	return func(w *world) string {
		a := w.login()
		return fmt.Sprint(w.do(method, "/auth/refresh", "", append(options, cookie(a.refresh))...), w.refresh(a.refresh))
	}
}

func transportProbes() map[string]probe {
	const noStore = "no-store, no-store, no-store"
	malformed := func(w *world) string { return w.refresh("bad").String() }
	rotatedToken := func(w *world) string { a, _ := w.rotated(); return w.refresh(a.refresh).String() }
	absent := func(w *world) string { return w.do("POST", "/auth/refresh", "").String() }
	fromElsewhere := func(w *world) string {
		r := w.do("GET", "/me", "", header("Origin", "https://evil.example"))
		return fmt.Sprint(r.header.Get("Access-Control-Allow-Origin"), r.header.Get("Access-Control-Allow-Credentials"), r.header.Get("Vary"))
	}
	refusal := func(text string) func(*world) string {
		return func(w *world) string { return fmt.Sprint(strings.Contains(w.refresh("secret-value").raw, text)) }
	}
	sum := sha256.Sum256([]byte("secret-value"))
	return map[string]probe{
		"tx-no-store-missing":               {noStore, ", , ", cacheControl},
		"tx-no-store-missing/refresh":       {noStore, "no-store, , no-store", cacheControl},
		"tx-no-store-missing/errors":        {noStore, "no-store, no-store, ", cacheControl},
		"tx-no-store-missing/weakened":      {noStore, "no-cache, private, no-cache, private, no-cache, private", cacheControl},
		"tx-token-response/no-expires-in":   {"10 10", "10 <nil>", bodyMember("expires_in")},
		"tx-token-response/expires-in-text": {"10 10", "10s 10s", bodyMember("expires_in")},
		"tx-token-response/token-type":      {"Bearer Bearer", "JWT JWT", bodyMember("token_type")},
		"tx-token-response/renamed-on-refresh": {"true true", "true false", func(w *world) string {
			a, b := w.rotated()
			return fmt.Sprint(a.body["access_token"] != nil, b.body["access_token"] != nil)
		}},
		"tx-token-response/content-type":     {"application/json", "text/html; charset=utf-8", func(w *world) string { return w.login().header.Get("Content-Type") }},
		"tx-500-on-bad-refresh":              {"401, 401", "500, 401", both(malformed, rotatedToken)},
		"tx-500-on-bad-refresh/rotated":      {"401, 401", "401, 500", both(malformed, rotatedToken)},
		"tx-500-on-bad-refresh/long":         {"401, 401", "401, 500", both(malformed, func(w *world) string { return w.refresh(strings.Repeat("x", 5000)).String() })},
		"tx-500-on-bad-refresh/percent":      {"401, 401", "500, 401", both(func(w *world) string { return w.refresh("%zz").String() }, func(w *world) string { return w.refresh("%ff").String() })},
		"tx-500-on-bad-refresh/not-utf8":     {"401, 401", "401, 500", both(func(w *world) string { return w.refresh("%zz").String() }, func(w *world) string { return w.refresh("%ff").String() })},
		"tx-credential-echoed-in-error":      {"false", "true", refusal("secret-value")},
		"tx-credential-echoed-in-error/hash": {"false", "true", refusal(hex.EncodeToString(sum[:]))},
		"tx-credential-echoed-in-error/sql":  {"false", "true", refusal("SELECT")},
		"tx-credential-echoed-in-error/password": {"false", "true", func(w *world) string {
			return fmt.Sprint(strings.Contains(w.loginAs(alice, "my-wrong-password").raw, "my-wrong-password"))
		}},
		"tx-refusal-tells-why": {"true", "false", func(w *world) string {
			a, _ := w.rotated()
			return fmt.Sprint(w.refresh("bad").raw == w.refresh(a.refresh).raw)
		}},
		"tx-wrong-status/refresh-200": {"401", "200", malformed},
		"tx-wrong-status/refresh-302": {"401", "302", malformed},
		"tx-wrong-status/refresh-400": {"401", "400", malformed},
		"tx-wrong-status/refresh-403": {"401", "403", malformed},
		"tx-wrong-status/missing-400": {"401, 401", "400, 401", both(absent, malformed)},
		"tx-wrong-status/unknown-404": {"401, 401", "404, 401", both(malformed, rotatedToken)},
		"tx-wrong-status/login-400":   {"401", "400", func(w *world) string { return wrong(w).String() }},
		"tx-wrong-status/logout-200":  {"204", "200", func(w *world) string { return w.logout(w.login().refresh).String() }},
		"tx-401-without-challenge": {"true true", "false false", func(w *world) string {
			return fmt.Sprint(wrong(w).header["Www-Authenticate"] != nil, w.refresh("bad").header["Www-Authenticate"] != nil)
		}},
		"tx-error-not-problem-json":      {"application/problem+json", "text/plain; charset=utf-8", func(w *world) string { return wrong(w).header.Get("Content-Type") }},
		"tx-error-without-detail":        {"4", "3", func(w *world) string { return fmt.Sprint(len(wrong(w).body)) }},
		"tx-refresh-csrf":                {"403 200", "200 401", by("POST", crossSite())},
		"tx-refresh-csrf/checked-late":   {"403 200", "403 401", by("POST", crossSite())},
		"tx-cors-any-origin":             {"", "https://evil.exampletrueOrigin", fromElsewhere},
		"tx-cors-no-vary":                {"", "https://evil.example", fromElsewhere},
		"tx-get-refresh":                 {"405 200, 405 200", "200 401, 200 401", both(by("GET"), by("DELETE"))},
		"tx-get-refresh/get":             {"405 200, 405 200, 405 200", "200 401, 200 401, 405 200", both(by("GET"), both(by("HEAD"), by("DELETE")))},
		"tx-get-refresh/method-override": {"405 200, 405 200", "200 401, 405 200", both(by("GET", header("X-HTTP-Method-Override", "POST")), by("GET"))},
		"tx-405-without-allow": {"405 POST", "405 ", func(w *world) string {
			r := w.do("GET", "/auth/login", "")
			return fmt.Sprint(r, " ", r.header.Get("Allow"))
		}},
		"tx-405-is-404": {"405", "404", func(w *world) string { return w.do("GET", "/auth/login", "").String() }},
		"tx-rate-limit-shared-bucket": {"200", "429 60", func(w *world) string {
			all := w.chain(21)
			return strings.TrimSpace(fmt.Sprint(all[21], " ", all[21].header.Get("Retry-After")))
		}},
	}
}

func bodyMember(name string) func(*world) string {
	return func(w *world) string {
		a, b := w.rotated()
		return fmt.Sprint(a.body[name], " ", b.body[name])
	}
}
