package conformance

import (
	"encoding/json"
	"fmt"
	"net"
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

	stranger *Actor // another user's session, for controls
	spares   []*Actor
}

// isRefreshCookie tells the refresh cookie from others; before the name is learned, by what it looks like.
func (t *target) isRefreshCookie(c setCookie) bool {
	if !t.profile.inCookie() {
		return false
	}
	if t.cookieName != "" {
		return c.Name == t.cookieName
	}
	return strings.Contains(strings.ToLower(c.Name), "refresh")
}

func (t *target) cookiePair(value string) string { return t.cookieName + "=" + value }

// call is the profile's entry of a call.
func (t *target) call(name string) Call {
	return map[string]Call{"login": t.profile.Login, "refresh": t.profile.Refresh, "logout": t.profile.Logout, "me": t.profile.Me}[name]
}

// read takes out of an answer what the profile says that it holds: whether it is a success, its tokens as text, and the lifetime.
func (t *target) read(e *exchange) (access, refresh string) {
	a := t.profile.Answer
	e.ok = e.err == nil && e.status >= 200 && e.status <= 299 && (a.SuccessAt == "" || e.call == "raw" || fmt.Sprint(at(e.json, a.SuccessAt)) == a.SuccessIs)
	access, _ = at(e.json, a.AccessToken).(string)
	if t.profile.inCookie() {
		for _, c := range e.cookies {
			if t.isRefreshCookie(c) && c.Value != "" && !c.deletes(e.now()) {
				refresh = c.Value
			}
		}
	} else {
		refresh, _ = at(e.json, a.RefreshToken).(string)
	}
	if n, ok := at(e.json, a.ExpiresIn).(json.Number); ok {
		i, err := n.Int64()
		e.expires, e.stated = i, err == nil && i > 0
		if a.Unit == "ms" {
			e.expires /= 1000
		}
	}
	return access, refresh
}

// life is how long the refresh token of an answer lives, by its cookie, the profile's place, or its own exp.
func (t *target) life(e *exchange) (time.Duration, bool) {
	if t.profile.inCookie() {
		for _, c := range e.cookie(t.cookieName) {
			return c.life(e.now())
		}
		return 0, false
	}
	if n, ok := at(e.json, t.profile.Answer.RefreshExpiresIn).(json.Number); ok {
		i, err := n.Int64()
		unit := map[string]time.Duration{"s": time.Second, "ms": time.Millisecond}[t.profile.Answer.Unit]
		return time.Duration(i) * unit, err == nil
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
