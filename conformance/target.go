package conformance

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Paths are the target's calls, below its base URL.
type Paths struct {
	Login   string `json:"login"`
	Refresh string `json:"refresh"`
	Logout  string `json:"logout"`
	Me      string `json:"me,omitempty"` // empty: there is none
}

// User is an account that exists at the target.
type User struct {
	Email    string
	Password string
}

// target is one running instance and what the run knows of it.
type target struct {
	client         *client
	paths          Paths
	users          []User
	cookieName     string // of the refresh token, learned from the first login
	secureOverHTTP bool
	accessLife     time.Duration // learned; 0: unknown
	refreshLife    time.Duration

	stranger *Actor // another user's session, for controls
	spares   []*Actor
}

// isRefreshCookie tells the refresh cookie from others; before the name is learned, by what it looks like.
func (t *target) isRefreshCookie(c setCookie) bool {
	if t.cookieName != "" {
		return c.Name == t.cookieName
	}
	return strings.Contains(strings.ToLower(c.Name), "refresh")
}

func (t *target) cookiePair(value string) string { return t.cookieName + "=" + value }

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
