package faulty

import (
	"net"
	"net/http"
	"time"
)

const cookieName = "refresh_token"

// setCookie sets the refresh cookie, or deletes it where there is no life left. Set, rotation and deletion agree in every attribute,
// or a browser would keep two cookies of one name (RFC 6265bis section 5.7).
func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, on call, value string, life time.Duration) {
	c := &http.Cookie{
		Name:     cookieName,
		Value:    value,
		Path:     "/auth", // what login, refresh and logout have in common
		MaxAge:   max(1, int(life/time.Second)),
		HttpOnly: true,
		Secure:   s.secure,
		SameSite: http.SameSiteStrictMode,
	}
	s.spoilAttributes(c, r, on)
	s.spoilMaxAge(c, on, life)
	if on == onLogout {
		s.spoilDeletion(c)
		c.Value, c.MaxAge = "", -1 // sent as Max-Age=0
	}
	if s.has("cookie-set-twice") && on == onRefresh {
		old := *c
		old.Value, old.MaxAge = "", -1
		http.SetCookie(w, &old)
	}
	http.SetCookie(w, c)
}

// spoilAttributes has the faults of all cookies, or of those that a refresh sets.
func (s *Server) spoilAttributes(c *http.Cookie, r *http.Request, on call) {
	switch {
	case s.has("cookie-no-httponly"), s.has("cookie-no-httponly/on-refresh") && on == onRefresh:
		c.HttpOnly = false
	case s.has("cookie-no-secure"), s.has("cookie-no-secure/on-refresh") && on == onRefresh:
		c.Secure = false
	case s.has("cookie-secure-on-plain-http"):
		c.Secure = true
	case s.has("cookie-samesite-weak"):
		c.SameSite = 0
	case s.has("cookie-samesite-weak/none"):
		c.SameSite = http.SameSiteNoneMode
	case s.has("cookie-samesite-weak/lax"), s.has("family-state-lost-on-rotation") && on == onRefresh:
		c.SameSite = http.SameSiteLaxMode
	case s.has("cookie-path-too-broad"), s.has("cookie-path-too-broad/on-refresh") && on == onRefresh:
		c.Path = "/"
	case s.has("cookie-path-unreachable"):
		c.Path = "/api/auth"
	case s.has("cookie-renamed-on-refresh") && on == onRefresh:
		c.Name = "refreshToken"
	case s.has("cookie-domain-too-broad"):
		c.Domain = r.Host
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			c.Domain = host
		}
	}
}

// spoilMaxAge has the faults of how long the browser keeps the cookie, which should be as long as the server takes it.
func (s *Server) spoilMaxAge(c *http.Cookie, on call, life time.Duration) {
	switch {
	case s.has("exp-cookie-lifetime-of-access-token"), s.has("exp-cookie-lifetime-of-access-token/on-refresh") && on == onRefresh:
		c.MaxAge = int(s.accessTTL / time.Second)
	case s.has("exp-cookie-is-session-cookie"), s.has("exp-persistence-flag-lost") && on == onRefresh:
		c.MaxAge = 0 // not sent
	case s.has("exp-cookie-max-age-in-ms"):
		c.MaxAge = int(life / time.Millisecond)
	case s.has("exp-cookie-outlives-session"):
		c.MaxAge = int(s.refreshTTL / time.Second)
	case s.has("exp-datetime0-rounding"): // the column rounds up, and so does what is read back
		c.MaxAge = int(life/time.Second) + 1
	}
}

// spoilDeletion has the faults of deletions that do not fit the cookie.
func (s *Server) spoilDeletion(c *http.Cookie) {
	switch {
	case s.has("logout-clear-identity-mismatch"):
		c.Path = "/"
	case s.has("logout-clear-identity-mismatch/name"):
		c.Name = "refreshToken"
	case s.has("logout-clear-misses-secure-samesite"):
		c.SameSite = 0
	case s.has("logout-clear-misses-secure-samesite/httponly"):
		c.HttpOnly = false
	case s.has("logout-clear-misses-secure-samesite/secure"):
		c.Secure = false
	}
}

// writeTokens answers a login or a refresh: the refresh token as a cookie and nowhere else.
func (s *Server) writeTokens(w http.ResponseWriter, r *http.Request, on call, t tokens) {
	switch {
	case t.refresh == "", s.has("rt-new-cookie-not-delivered") && on == onRefresh:
	case s.has("rt-new-cookie-not-delivered/empty") && on == onRefresh:
		s.setCookie(w, r, on, "", t.life)
	default:
		s.setCookie(w, r, on, t.refresh, t.life)
	}
	if s.has("rt-bound-to-user-agent") {
		s.mu.Lock()
		s.agents[hashOf(t.refresh)] = r.UserAgent()
		s.mu.Unlock()
	}
	body := map[string]any{"access_token": t.access, "token_type": "Bearer", "expires_in": int64(s.accessTTL / time.Second)}
	contentType := "application/json"
	switch {
	case s.has("tx-token-response/no-expires-in") && on == onRefresh:
		delete(body, "expires_in")
	case s.has("tx-token-response/expires-in-text"):
		body["expires_in"] = s.accessTTL.String()
	case s.has("at-ttl-unit-error/expires-in-ms"):
		body["expires_in"] = s.accessTTL.Milliseconds()
	case s.has("tx-token-response/token-type"):
		body["token_type"] = "JWT"
	case s.has("tx-token-response/renamed-on-refresh") && on == onRefresh:
		delete(body, "access_token")
		body["accessToken"] = t.access
	case s.has("tx-token-response/content-type"):
		contentType = "text/html; charset=utf-8"
	case s.has("cookie-token-also-in-body"), s.has("cookie-token-also-in-body/on-refresh") && on == onRefresh:
		body["refresh_token"] = t.refresh
	case s.has("cookie-token-also-in-body/header"):
		w.Header().Set("X-Refresh-Token", t.refresh)
	case s.has("cookie-token-also-in-body/readable-cookie"):
		http.SetCookie(w, &http.Cookie{Name: "session", Value: t.refresh, Path: "/"})
	}
	answer(w, http.StatusOK, contentType, body)
}
