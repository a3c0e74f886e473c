package main

import (
	"net/http"
	"strings"
	"time"
)

// cookieName is the refresh token's cookie. It has no __Host- prefix, since that demands Path=/ and the browser would then
// send the token with every request, not only to /auth (RFC 6265bis section 4.1.3.2).
const cookieName = "refresh_token"

// cookiePath is what login, refresh and logout have in common.
const cookiePath = "/auth"

// refreshCookie is the one shape of the cookie. Set, rotation and deletion must agree in every attribute, or a browser
// keeps two cookies of one name (RFC 6265bis section 5.7). A life below one second rounds up, since zero would delete.
func refreshCookie(value string, life time.Duration, secure bool) *http.Cookie {
	return &http.Cookie{
		Name:     cookieName,
		Value:    value,
		Path:     cookiePath,
		MaxAge:   max(1, int(life/time.Second)),
		HttpOnly: true,
		Secure:   secure,
		SameSite: http.SameSiteStrictMode,
	}
}

// deletedCookie tells the browser to forget the refresh token.
func deletedCookie(secure bool) *http.Cookie {
	c := refreshCookie("", 0, secure)
	c.MaxAge = -1 // sent as Max-Age=0
	return c
}

// refreshTokens returns the values of all refresh cookies of a request, byte for byte as they came.
// [http.Request.CookiesNamed] is not used because it repairs: it strips quotes and drops values with odd bytes.
func refreshTokens(r *http.Request) []string {
	var tokens []string
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, ok := strings.Cut(strings.TrimLeft(pair, " \t"), "=")
			if ok && name == cookieName {
				tokens = append(tokens, value)
			}
		}
	}
	return tokens
}
