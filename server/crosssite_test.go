package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page of another site can make a browser send these, and a browser says so.
func TestCrossSiteMatrix(t *testing.T) {
	const trusted = "https://app.example.com"
	plain := newWorld(t)
	open := newWorld(t, func(d *deps) { d.trustedOrigins = []string{trusted, "http://localhost:3000"} })
	own := func(w *world) string { return "Origin: " + w.url }
	tests := []struct {
		name    string
		headers func(*world) []string
		plain   bool // allowed without trusted origins
		open    bool // allowed with them
	}{
		{"no browser", func(*world) []string { return nil }, true, true},
		{"own page", func(w *world) []string { return []string{own(w), "Sec-Fetch-Site: same-origin"} }, true, true},
		{"own page, old browser", func(w *world) []string { return []string{own(w)} }, true, true},
		{"typed by the user", func(*world) []string { return []string{"Sec-Fetch-Site: none"} }, true, true},
		{"trusted page", func(*world) []string { return []string{"Origin: " + trusted, "Sec-Fetch-Site: same-site"} }, false, true},
		{"trusted page, old browser", func(*world) []string { return []string{"Origin: " + trusted} }, false, true},
		{"sibling", func(*world) []string {
			return []string{"Origin: https://evil.example.com", "Sec-Fetch-Site: same-site"}
		}, false, false},
		{"other site", func(*world) []string { return []string{"Origin: https://evil.test", "Sec-Fetch-Site: cross-site"} }, false, false},
		{"other site, old browser", func(*world) []string { return []string{"Origin: https://evil.test"} }, false, false},
		{"other site without origin", func(*world) []string { return []string{"Sec-Fetch-Site: cross-site"} }, false, false},
		{"sandboxed page", func(*world) []string { return []string{"Origin: null"} }, false, false},
		{"trusted host with another scheme", func(*world) []string { return []string{"Origin: http://app.example.com"} }, false, false},
		{"trusted host with a port", func(*world) []string { return []string{"Origin: " + trusted + ":8443"} }, false, false},
		{"trusted host as a prefix", func(*world) []string { return []string{"Origin: " + trusted + ".evil.test"} }, false, false},
		{"own host as a prefix", func(w *world) []string { return []string{own(w) + "1"} }, false, false},
	}
	for _, tt := range tests {
		for kind, w := range map[string]*world{"plain": plain, "open": open} {
			t.Run(tt.name+"/"+kind, func(t *testing.T) {
				w.t = t
				allowed := map[string]bool{"plain": tt.plain, "open": tt.open}[kind]
				p := w.loggedIn()
				headers := append(tt.headers(w), cookieOf(p.refresh))
				login := w.send("POST", "/auth/login", `{"email":"alice@example.com","password":"alice-demo-password"}`, append(headers, asJSON)...)
				refresh := w.send("POST", "/auth/refresh", "", headers...)
				if !allowed {
					logout := w.send("POST", "/auth/logout", "", headers...)
					for _, a := range []answer{login, refresh, logout} {
						require.Equal(t, 403, a.status) // and no cookie, which send checks
						require.Contains(t, a.problem(t).Detail, "another site")
						require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
						require.Equal(t, kind == "open", a.header.Get("Vary") == "Origin", "where the answer depends on it")
					}
					w.alive(p.refresh)
					return
				}
				w.tokens(login)
				p = w.tokens(refresh)
				logout := w.send("POST", "/auth/logout", "", append(tt.headers(w), cookieOf(p.refresh))...)
				require.Equal(t, 204, logout.status)
				w.dead(p.refresh)
			})
		}
	}
}

func TestCORS(t *testing.T) {
	const trusted = "http://localhost:3000"
	w := newWorld(t, func(d *deps) { d.trustedOrigins = []string{trusted} })
	from := "Origin: " + trusted

	for _, a := range []answer{ // errors too, or the page could not read why
		w.send("POST", "/auth/refresh", "", from), w.send("GET", "/me", "", from), w.send("GET", "/nowhere", "", from),
		w.send("PUT", "/me", "", from), w.send("POST", "/auth/login", "{", from, asJSON), w.send("GET", "/healthz", "", from),
	} {
		require.Equal(t, []string{trusted}, a.header.Values("Access-Control-Allow-Origin"))
		require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
		require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Retry-After")
		require.Equal(t, []string{"Origin"}, a.header.Values("Vary"))
	}
	for _, headers := range [][]string{nil, {"Origin: https://evil.test"}, {"Origin: null"}, {"Origin: " + w.url}, {"Origin: HTTP://LOCALHOST:3000"}} {
		a := w.send("GET", "/healthz", "", headers...)
		require.Equal(t, 200, a.status)
		require.Equal(t, []string{"Origin"}, a.header.Values("Vary"), "or a cache would give this answer to the trusted page")
		requireNoCORS(t, a)
	}

	preflight := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,authorization"}
	for _, path := range []string{"/auth/login", "/auth/refresh", "/auth/logout", "/me"} {
		a := w.send("OPTIONS", path, "", append(preflight, from)...)
		require.Equal(t, 204, a.status)
		require.Equal(t, trusted, a.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, "GET, POST", a.header.Get("Access-Control-Allow-Methods"))
		require.Equal(t, "Authorization, Content-Type", a.header.Get("Access-Control-Allow-Headers"))
		for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} {
			require.Contains(t, strings.Join(a.header.Values("Vary"), ", "), name)
		}
	}
	require.Equal(t, 405, w.send("OPTIONS", "/me", "", from).status, "no preflight")
	a := w.send("OPTIONS", "/me", "", append(preflight, "Origin: https://evil.test")...)
	require.Equal(t, 405, a.status)
	requireNoCORS(t, a)

	closed := newWorld(t)
	a = closed.send("OPTIONS", "/me", "", append(preflight, from)...)
	require.Equal(t, 405, a.status)
	require.Empty(t, a.header.Values("Vary"))
	requireNoCORS(t, a)
}

func requireNoCORS(t *testing.T, a answer) {
	t.Helper()
	for name := range a.header {
		require.False(t, strings.HasPrefix(name, "Access-Control-"), fmt.Sprint(a.header))
	}
}
