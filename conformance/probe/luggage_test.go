package probe_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// derived is a value that belongs to a refresh token and to no other.
func derived(from, token string) string {
	sum := sha256.Sum256([]byte(from + token))
	return hex.EncodeToString(sum[:12])
}

// brings sets a cookie that a script can read, and the refresh cookie; what is deleted is deleted with it.
func (q query) brings(g got, refresh string, others map[string]string) {
	if g.cookie == nil {
		return
	}
	g.cookie.Name, g.cookie.Path = refresh, "/"
	http.SetCookie(q.w, g.cookie)
	for name, value := range others {
		c := *g.cookie
		c.Name, c.Value, c.HttpOnly = name, value, false
		http.SetCookie(q.w, &c)
	}
}

// doubleSubmit is a server whose refresh and logout want a cookie's value as a header.
func doubleSubmit(name, cookie, header, sent string) server {
	bring := func(q query, g got) (int, any) {
		q.brings(g, "sid", map[string]string{"sid.sig": derived("sig", g.refresh), cookie: derived("csrf", g.refresh), "theme": "dark-blue"})
		return g.pair(members{"accessToken": g.access})
	}
	guarded := func(f func(q query, token string) (int, any)) route {
		return func(q query) (int, any) {
			token := q.cookie("sid")
			value := q.cookie(cookie)
			if token != "" && (value == "" || value != q.r.Header.Get(header)) {
				return http.StatusForbidden, members{"error": "csrf"}
			}
			if q.cookie("sid.sig") != derived("sig", token) {
				token = ""
			}
			return f(q, token)
		}
	}
	return server{
		name: name,
		routes: map[string]route{
			"POST /api/auth/login":   func(q query) (int, any) { return bring(q, q.login("email", "password")) },
			"POST /api/auth/refresh": guarded(func(q query, token string) (int, any) { return bring(q, q.refresh(token)) }),
			"POST /api/auth/logout":  guarded(func(q query, token string) (int, any) { g := q.logout(token); bring(q, g); return g.status, nil }),
			"GET /api/me":            query.me,
		},
		profile: `{
			"login": {"path": "/api/auth/login", "words": {"csrf": {"from": "cookie:` + cookie + `"}}},
			"refresh": {"path": "/api/auth/refresh", "headers": {"` + sent + `": "{csrf}"}},
			"logout": {"path": "/api/auth/logout", "headers": {"` + sent + `": "{csrf}"}},
			"me": {"path": "/api/me"},
			"answer": {"access_token": "/accessToken", "cookie": "sid", "companions": ["` + cookie + `", "sid.sig"], "expires_in": "-", "token_type": "-"}}`,
		guessed: []string{"answer.token_type", "answer.expires_in"},
	}
}

// inBody is a server whose login and refresh bring a CSRF token in their bodies.
func inBody() server {
	var issued sync.Map
	bring := func(q query, g got) (int, any) {
		q.brings(g, "refresh_token", nil)
		value := derived("csrf", g.refresh)
		issued.Store(value, true)
		return g.pair(members{"access_token": g.access, "data": members{"csrfToken": value}})
	}
	guarded := func(f func(q query, token string) (int, any)) route {
		return func(q query) (int, any) {
			token := q.cookie("refresh_token")
			if _, ok := issued.Load(q.r.Header.Get("X-Csrf-Token")); token != "" && !ok {
				return http.StatusForbidden, members{"error": "csrf"}
			}
			return f(q, token)
		}
	}
	return server{
		name: "a CSRF token in the body",
		routes: map[string]route{
			"POST /login":   func(q query) (int, any) { return bring(q, q.login("email", "password")) },
			"POST /refresh": guarded(func(q query, token string) (int, any) { return bring(q, q.refresh(token)) }),
			"POST /logout": guarded(func(q query, token string) (int, any) {
				g := q.logout(token)
				q.brings(g, "refresh_token", nil)
				return g.status, nil
			}),
			"GET /me": query.me,
		},
		profile: `{
			"login": {"path": "/login", "words": {"csrf": {"from": "/data/csrfToken"}}},
			"refresh": {"path": "/refresh", "headers": {"X-CSRF-Token": "{csrf}"}},
			"logout": {"path": "/logout", "headers": {"X-CSRF-Token": "{csrf}"}},
			"answer": {"expires_in": "-", "token_type": "-"}}`,
		guessed: []string{"answer.token_type", "answer.expires_in"},
	}
}

// luggageServers want more than the refresh token, or have their tokens elsewhere than most.
func luggageServers() []server {
	return []server{
		doubleSubmit("Angular's double submit, and a signed cookie", "XSRF-TOKEN", "X-XSRF-TOKEN", "X-XSRF-TOKEN"),
		doubleSubmit("Django's double submit, and a signed cookie", "csrftoken", "X-CSRFToken", "X-CSRFToken"),
		doubleSubmit("a double submit under other names, and a signed cookie", "csrf", "X-CSRF-Token", "X-CSRF-Token"),
		inBody(),
		{
			name: "both tokens in headers, and a logout that redirects",
			routes: map[string]route{
				"POST /session":         func(q query) (int, any) { return q.inHeaders(q.login("email", "password")) },
				"POST /session/refresh": func(q query) (int, any) { return q.inHeaders(q.refresh(q.r.Header.Get("X-Refresh-Token"))) },
				"POST /session/end": func(q query) (int, any) {
					q.logout(q.r.Header.Get("X-Refresh-Token"))
					q.w.Header().Set("Location", "/")
					return 303, nil
				},
				"GET /me": func(q query) (int, any) {
					if access := q.r.Header.Get("X-Access-Token"); access != "" {
						q.r.Header.Set("Authorization", "Bearer "+access)
					} else {
						q.r.Header.Del("Authorization")
					}
					return q.me()
				},
			},
			profile: `{
				"login": {"path": "/session", "ok": [204]},
				"refresh": {"path": "/session/refresh", "headers": {"X-Refresh-Token": "{refresh_token}"}, "token": "header"},
				"logout": {"path": "/session/end", "headers": {"X-Refresh-Token": "{refresh_token}"}, "token": "header", "ok": [303]},
				"me": {"headers": {"X-Access-Token": "{access_token}"}},
				"answer": {"access_token": "header:X-Access-Token", "refresh_token": "header:X-Refresh-Token", "expires_in": "-", "token_type": "-"}}`,
			guessed: []string{"answer.token_type", "answer.expires_in"},
			fails:   []string{"*.cookie-only", "access.*"},
		},
		{
			name: "both tokens in cookies",
			routes: map[string]route{
				"POST /auth/login": func(q query) (int, any) { return q.inCookies(q.login("email", "password")) },
				"POST /auth/refresh": func(q query) (int, any) {
					return q.inCookies(q.refresh(q.cookie("refresh_token")))
				},
				"POST /auth/logout": func(q query) (int, any) {
					g := q.logout(q.cookie("refresh_token"))
					q.brings(g, "refresh_token", map[string]string{"access_token": ""})
					return g.status, nil
				},
				"GET /me": func(q query) (int, any) {
					q.r.Header.Del("Authorization")
					if access := q.cookie("access_token"); access != "" {
						q.r.Header.Set("Authorization", "Bearer "+access)
					}
					return q.me()
				},
			},
			profile: `{
				"me": {"headers": {"Cookie": "access_token={access_token}"}},
				"answer": {"access_token": "cookie:access_token", "expires_in": "-", "token_type": "-"}}`,
			guessed: []string{"answer.token_type", "answer.expires_in"},
			fails:   []string{"access.*"},
		},
	}
}

func (q query) inHeaders(g got) (int, any) {
	if g.status == 200 {
		q.w.Header().Set("X-Access-Token", g.access)
		q.w.Header().Set("X-Refresh-Token", g.refresh)
		return 204, nil
	}
	return g.status, g.body
}

func (q query) inCookies(g got) (int, any) {
	q.brings(g, "refresh_token", map[string]string{"access_token": g.access})
	return g.pair(members{"ok": true})
}

// Where nothing goes by what the login brings, the message says what to do instead, and does not ask for what was given.
func TestCSRFThatTheLoginDoesNotBring(t *testing.T) {
	s := doubleSubmit("", "odd", "X-Very-Odd", "")
	for _, o := range []probe.Options{{}, {Refresh: "/api/auth/refresh"}} {
		_, err := find(t, s.handler(healthy(t, &clock{})), o)
		require.ErrorIs(t, err, probe.ErrNotFound)
		require.ErrorContains(t, err, "CSRF")
		require.ErrorContains(t, err, "docs/profiles.md")
		require.Equal(t, o.Refresh == "", strings.Contains(err.Error(), "name the refresh with -refresh"), err)
	}
}
