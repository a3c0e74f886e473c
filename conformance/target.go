package conformance

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// User is an account that exists at the target.
type User struct {
	Email    string
	Password string
}

// target is one running instance and what the run knows of it.
type target struct {
	client         *client
	profile        Profile
	users          []User
	cookieName     string // of the refresh token, learned from the first login
	secureOverHTTP bool
	alg            string        // of the access tokens, learned; "": they are no JWTs
	accessLife     time.Duration // learned; 0: unknown
	refreshLife    time.Duration

	first    *exchange // the preflight's login
	moved    bool      // the clock hook has been seen to move its clock, or nothing shows it
	last     *luggage  // what came with the newest refresh token
	stranger *Actor    // another user's session, for controls
	spares   []*Actor
}

// isRefreshCookie tells the refresh cookie from others.
func (t *target) isRefreshCookie(c setCookie) bool {
	return t.profile.inCookie() && c.Name == t.cookieName
}

func (t *target) cookiePair(value string) string { return t.cookieName + "=" + value }

// call is the profile's entry of a call.
func (t *target) call(name string) Call {
	return map[string]Call{"login": t.profile.Login, "refresh": t.profile.Refresh, "logout": t.profile.Logout, "me": t.profile.Me}[name]
}

// read takes out of an answer what the profile says that it holds: whether it is a success, its tokens as text, and the lifetime.
func (t *target) read(e *exchange) (access, refresh string) {
	a, c := t.profile.Answer, t.call(e.call)
	if e.step != nil {
		c = *e.step
	}
	e.ok = e.err == nil && c.succeeds(e)
	if e.step != nil {
		return "", ""
	}
	if a.SuccessAt != "" && e.call != "raw" {
		e.ok = e.ok && fmt.Sprint(e.find(a.SuccessAt)) == a.SuccessIs
	}
	e.named = !e.ok && t.refuses(c, e)
	access = e.textAt(a.AccessToken)
	if t.profile.inCookie() {
		refresh = t.cookieToken(e)
	} else {
		refresh = e.textAt(a.RefreshToken)
	}
	if d, ok := e.lifetime(a.ExpiresIn, a.Unit); ok {
		e.expires, e.stated = int64(d/time.Second), d > 0
	}
	return access, refresh
}

// cookieToken is the refresh token that an answer sets as a cookie; before the cookie's name is learned, by what it looks like.
func (t *target) cookieToken(e *exchange) (value string) {
	if t.cookieName == "" {
		c, _ := refreshCookie(e)
		return c.Value
	}
	for _, c := range e.cookies {
		if t.isRefreshCookie(c) && c.Value != "" && !c.deletes(e.now()) {
			value = c.Value
		}
	}
	return value
}

// succeeds: the answer has a status of a success.
func (c Call) succeeds(e *exchange) bool {
	if c.OK != nil {
		return slices.Contains(c.OK, e.status)
	}
	most := http.StatusMultipleChoices
	if e.call == "step" {
		most = http.StatusBadRequest
	}
	return e.status >= http.StatusOK && e.status < most
}

// refuses: the answer has a status, and a code where there are codes, that the profile names for a refusal of the call.
func (t *target) refuses(c Call, e *exchange) bool {
	if e.err != nil || !slices.Contains(c.Refused, e.status) {
		return false
	}
	return len(c.RefusedIs) == 0 || slices.Contains(c.RefusedIs, fmt.Sprint(e.find(t.profile.Answer.RefusedAt)))
}

// checked: the target has compared a password for this answer, as far as it shows. A 400 for an odd body says that it was not read, where no
// code says more.
func (t *target) checked(e *exchange) bool {
	login := t.profile.Login
	unread := e.odd && e.status == http.StatusBadRequest && login.RefusedIs == nil
	return e.command != nil || e.err == nil && (e.ok || t.refuses(login, e) && !unread)
}

// life is how long the refresh token of an answer lives, by the profile's place, its cookie, or its own exp.
func (t *target) life(e *exchange) (time.Duration, bool) {
	if a := t.profile.Answer; a.RefreshExpiresIn != "" {
		unit := a.RefreshUnit
		setDefault(&unit, a.Unit)
		return e.lifetime(a.RefreshExpiresIn, unit)
	}
	if t.profile.inCookie() {
		for _, c := range e.cookie(t.cookieName) {
			return c.life(e.now())
		}
		return 0, false
	}
	if e.refresh == nil {
		return 0, false
	}
	tok, _ := parseJWT(e.refresh.value)
	exp, ok := tok.time("exp")
	return time.Unix(int64(exp), 0).Sub(e.at).Round(time.Second), ok
}

// takeSpare hands out a session of the user that an earlier story left alive, if it will live long enough.
func (t *target) takeSpare(u User, now time.Time) *Actor {
	for i, a := range t.spares {
		if a.user == u && (t.refreshLife == 0 || now.Before(a.since.Add(t.refreshLife/2))) {
			t.spares = slices.Delete(t.spares, i, i+1)
			return a
		}
	}
	return nil
}

// keep makes a session available to later stories: the actor's current token works and nobody else uses it.
func (t *target) keep(a *Actor) {
	if a != nil && a.refresh != nil {
		t.spares = append(t.spares, a)
		a.refresh.spent = false
	}
}

// control refreshes the other user's session; a dead one is replaced once by a new login. A new session is refreshed twice: a server that
// answers everything with one and the same token passes the first time.
func (t *target) control(s *Scene) *exchange {
	for range 2 {
		if t.stranger == nil {
			a := s.actor("other user", t.users[1])
			if e := a.Login(); !e.accepted() || e.refresh == nil {
				return e
			}
			if e := a.RefreshWith(a.refresh, "control"); !e.rotated() {
				return e
			}
			t.stranger = a
		}
		t.stranger.scene = s
		e := t.stranger.RefreshWith(t.stranger.refresh, "control")
		if e.rotated() {
			return e
		}
		t.stranger = nil
		if s.ctx.Err() != nil || e.accepted() {
			return e
		}
	}
	return nil
}

// loopback reports whether the URL's host is this machine.
func loopback(u *url.URL) bool {
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
