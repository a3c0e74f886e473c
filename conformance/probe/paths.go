package probe

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Where frameworks, their tutorials and ready-made servers put a login, the frequent places first.
var loginPaths = []string{
	"/auth/login", "/api/auth/login", "/api/v1/auth/login", "/login", "/api/login", "/api/v1/login", "/v1/auth/login",
	"/api/token/", "/token", "/auth/token", "/api/auth/token", "/oauth/token", "/oauth2/token", "/connect/token", "/api/token", // simplejwt, FastAPI, Passport, Doorkeeper, Duende
	"/api/v1/login/access-token", "/login/access-token", // FastAPI's template
	"/auth/signin", "/api/auth/signin", "/api/v1/auth/signin", "/signin", "/auth/sign-in", "/api/auth/sign-in", "/sign-in", // Spring, NestJS
	"/users/login", "/api/users/login", "/api/v1/users/login", "/user/login", "/api/user/login", // Express
	"/account/login", "/api/account/login", "/accounts/login/", "/api/accounts/login/", // ASP.NET, Django
	"/users/sign_in", "/api/users/sign_in", "/api/v1/users/sign_in", "/auth/sign_in", "/api/v1/sign_in", // Devise
	"/api/v1/auth/authenticate", "/auth/authenticate", "/authenticate", "/api/authenticate", // Spring
	"/auth/jwt/create/", "/api/auth/jwt/create/", "/auth/jwt/login", "/dj-rest-auth/login/", "/api/auth/login/", // djoser, fastapi-users, dj-rest-auth
	"/session", "/sessions", "/api/session", "/api/sessions", "/api/v1/session", "/api/v1/sessions", "/v1/session", "/v1/sessions", "/auth/session", "/api/auth/session",
	"/api/v1/token", "/v1/token", "/tokens", "/api/tokens", "/auth/tokens", "/v1/login", "/api/signin", "/api/v1/signin", "/api/sign-in", "/sign_in", "/api/sign_in",
	"/api/auth/local", "/auth/v1/token", "/protocol/openid-connect/token", "/realms/master/protocol/openid-connect/token", // Strapi, GoTrue, Keycloak
	"/identity/login", "/api/identity/login", "/auth", "/api/auth",
}

// What the other calls are called, beside the login or one folder up.
var (
	refreshNames = []string{"refresh", "refresh-token", "refresh_token", "refreshToken", "token/refresh", "refresh-tokens", "tokens/refresh", "refresh/token", "token", "renew", "session/refresh", "session/renew"}
	logoutNames  = []string{"logout", "signout", "sign-out", "sign_out", "log-out", "token/blacklist", "blacklist", "revoke", "token/revoke", "revoke-token", "end", "session/end", "logout/all"}
	meNames      = []string{"me", "users/me", "profile", "user", "userinfo", "account", "whoami", "current-user", "user/me", "manage/info"}
)

// And where they are whatever the login is called.
var (
	refreshPaths = []string{"/auth/refresh", "/api/auth/refresh", "/api/v1/auth/refresh", "/api/token/refresh/", "/refresh", "/refresh_token", "/refresh-token", "/api/refresh", "/token/refresh"}
	logoutPaths  = []string{"/auth/logout", "/api/auth/logout", "/logout", "/api/logout", "/api/v1/auth/logout", "/api/token/blacklist/", "/revoke", "/oauth/revoke", "/users/sign_out"}
	mePaths      = []string{"/me", "/api/me", "/users/me", "/api/users/me", "/api/v1/users/me", "/auth/me", "/api/auth/me", "/api/v1/me", "/user", "/api/user", "/profile", "/userinfo", "/api/users/me/", "/api/profile", "/auth/users/me/", "/api/account"}
)

// beside lists names in the folders that another call's path runs through, the nearest first, then fixed ones.
func beside(other string, names, fixed []string) []string {
	other, _, _ = strings.Cut(other, "?")
	slash := ""
	if strings.HasSuffix(other, "/") {
		slash = "/"
	}
	clean := strings.TrimSuffix(other, "/")
	folders := []string{path.Dir(clean), clean, path.Dir(path.Dir(clean)), "/"}
	var list []string
	for i, folder := range folders {
		if i > 0 && slices.Contains(folders[:i], folder) {
			continue
		}
		for _, name := range names {
			list = append(list, path.Join(folder, name)+slash)
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return known(fixed, a) - known(fixed, b) })
	return unique(append(list, fixed...))
}

// known puts the places first that are frequent.
func known(fixed []string, p string) int {
	if slices.Contains(fixed, p) {
		return 0
	}
	return 1
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// outcome is what a knock at a path told.
type outcome int

const (
	absent      outcome = iota // nothing is there, or not for this method
	otherMethod                // something is there for other methods
	unclear                    // it answers as it does where nothing is
	present
)

// knockAtNothing learns what the target says where nothing is, and whether it is there at all.
func (p *prober) knockAtNothing() {
	nowhere := "/" + strings.ToLower(rand.Text())
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		c := p.call(method, nowhere)
		a := p.empty(c)
		if a.status == http.StatusForbidden && method == http.MethodPost {
			_, a = p.wantsOrigin(c, a)
		}
		switch {
		case p.err != nil:
			return
		case a.err != nil:
			p.fail(fmt.Errorf("%w: %s: %s; is the server running, and is this its address?", conformance.ErrUnavailable, p.base.Redacted(), plain(a.err)))
			return
		}
		p.nothing[method] = a.fingerprint(nowhere)
		if method == http.MethodPost {
			p.plain = a.status
			p.redirected(a, nowhere)
		}
	}
}

// redirected says where else the target is, if it sends everybody there.
func (p *prober) redirected(a *answer, from string) {
	to, err := url.Parse(a.header.Get("Location"))
	if a.status < 300 || a.status > 399 || err != nil || to.Host == "" || to.Host == p.base.Host && to.Scheme == p.base.Scheme || !strings.Contains(to.Path, from) {
		return
	}
	p.fail(fmt.Errorf("%w: %s redirects everything to %s://%s; give that as -target", conformance.ErrUnavailable, p.base.Redacted(), to.Scheme, to.Host))
}

// knock sends a call with nothing in it. It follows a redirect that only adds or takes a slash, and finds out whether an Origin is wanted;
// the call that it returns has both.
func (p *prober) knock(c conformance.Call) (conformance.Call, *answer, outcome) {
	a := p.empty(c)
	if other, ok := slash(c.Path, a); ok {
		c.Path = other
		a = p.empty(c)
	}
	if a.status == http.StatusForbidden && c.Method != http.MethodGet && p.plain != http.StatusForbidden {
		c, a = p.wantsOrigin(c, a)
	}
	mark := a.fingerprint(pathOf(c))
	switch {
	case a.err != nil, a.status == http.StatusNotFound && (a.html() || a.body == nil), a.status == http.StatusNotImplemented:
		return c, a, absent
	case a.status == http.StatusMethodNotAllowed && mark == p.nothing[http.MethodPost]:
		return c, a, absent
	case a.status == http.StatusMethodNotAllowed:
		return c, a, otherMethod
	case mark == p.nothing[http.MethodPost] && p.plain == http.StatusNotFound:
		return c, a, absent
	case mark == p.nothing[http.MethodPost]:
		return c, a, unclear
	}
	return c, a, present
}

// slash recognises the answers of frameworks that want a slash at the end of a path, or want none.
func slash(p string, a *answer) (string, bool) {
	bare, query, has := strings.Cut(p, "?")
	if has {
		query = "?" + query
	}
	other := bare + "/"
	if strings.HasSuffix(bare, "/") {
		other = strings.TrimSuffix(bare, "/")
	}
	switch {
	case a.err != nil:
		return p, false
	case a.status >= 300 && a.status <= 399:
		to, err := url.Parse(a.header.Get("Location"))
		return other + query, err == nil && other != "" && strings.HasSuffix(to.Path, other) && path.Base(to.Path) == path.Base(other) && strings.HasSuffix(to.Path, "/") == strings.HasSuffix(other, "/")
	case a.status == http.StatusInternalServerError: // Django with DEBUG cannot redirect a POST
		return other + query, strings.Contains(a.text, "APPEND_SLASH")
	}
	return p, false
}

// wantsOrigin tries what a browser's page would send besides, where a request was forbidden.
func (p *prober) wantsOrigin(c conformance.Call, forbidden *answer) (conformance.Call, *answer) {
	for _, h := range p.pageHeaders() {
		if p.headers[h[0]] != "" {
			continue
		}
		with := withHeader(c, h[0], h[1])
		if a := p.empty(with); a.err == nil && a.status != http.StatusForbidden {
			p.headers[h[0]] = h[1]
			p.note("measured: %s %s is forbidden (403) without the header %s, so every call that changes something sends it", c.Method, where(c), h[0])
			return with, a
		}
	}
	return c, forbidden
}

// pageHeaders are what a page of the target's own would send, and servers that fear other pages want to see.
func (p *prober) pageHeaders() [][2]string {
	return [][2]string{{"Origin", p.base.Scheme + "://" + p.base.Host}, {"X-Requested-With", "XMLHttpRequest"}}
}

// methods lists what else a path may want, by the Allow of a 405.
func methods(a *answer, usual ...string) []string {
	allow := a.header.Get("Allow")
	if allow == "" {
		return usual
	}
	var list []string
	for _, m := range strings.Split(allow, ",") {
		if m = strings.ToUpper(strings.TrimSpace(m)); slices.Contains([]string{"GET", "PUT", "PATCH", "DELETE"}, m) {
			list = append(list, m)
		}
	}
	return list
}

func pathOf(c conformance.Call) string {
	bare, _, _ := strings.Cut(c.Path, "?")
	return bare
}

// where is a call's path and the names in its query.
func where(c conformance.Call) string {
	s := c.Path
	for k, v := range c.Query {
		s += "?" + k + "=" + v
	}
	return s
}
