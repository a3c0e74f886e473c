package conformance

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// open is the preflight: the target answers, its login works, and from its first answer the run learns the refresh cookie's name and
// the lifetimes. One clear message instead of two hundred failures.
func (r *run) open(ctx context.Context, base string) (*target, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	t := &target{
		client: newClient(u, r.opts.RequestTimeout, r.opts.Patience), paths: r.opts.Paths, users: r.opts.Users,
		secureOverHTTP: loopback(u) || r.opts.InsecureCookies,
	}
	s := &Scene{ctx: ctx, run: r, target: t, scenario: Scenario{ID: "preflight"}}
	a := s.actor("preflight", r.opts.Users[0])
	e := a.attempt()
	if r.opts.skipPreflight {
		t.cookieName = "refresh_token"
		return t, nil
	}
	problem := t.learn(e)
	if c, _ := refreshCookie(e); e.refresh == nil && c.Value != "" {
		r.secrets.login(c.Value, "") // never shown, whatever it is called
	}
	if problem == "" {
		if a.refresh != nil {
			a.Keep()
		}
		return t, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("%w: %s: %s", ErrUnavailable, base, r.secrets.redact(problem))
}

// attempt is a login that does not stop anything.
func (a *Actor) attempt() (e *exchange) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stop); !ok {
				panic(p)
			}
			e = &exchange{err: context.Canceled}
		}
	}()
	return a.Login()
}

// learn takes the cookie's name and the lifetimes from the first login, or says why it cannot.
func (t *target) learn(e *exchange) (problem string) {
	where := "POST " + t.paths.Login
	switch {
	case e.err != nil:
		return plainError(e.err) + "; is the server running, and is this its address?"
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return fmt.Sprintf("%s refused %s with %d; do the accounts exist there? (the reference server makes them with seed-user; others are named with -user email:password)", where, t.users[0].Email, e.status)
	case e.status < 200 || e.status > 299:
		return fmt.Sprintf("%s answered %d, so nobody can log in and nothing can be judged; -login, -refresh, -logout name other paths", where, e.status)
	case e.member("access_token") == "":
		return fmt.Sprintf("%s answered %d without a string access_token in a JSON body, so nothing can be judged", where, e.status)
	}
	c, problem := refreshCookie(e)
	if problem != "" {
		return where + " " + problem
	}
	t.cookieName = c.Name
	if life, ok := c.life(e.now()); ok && life > 0 {
		t.refreshLife = life
	}
	if in, ok := e.expiresIn(); ok {
		t.accessLife = time.Duration(in) * time.Second
	}
	return ""
}

// refreshCookie finds the cookie that holds the refresh token: the one with refresh in its name, or the only one that is set.
func refreshCookie(e *exchange) (setCookie, string) {
	var set, named []setCookie
	var names []string
	for _, c := range e.cookies {
		if c.Value == "" || c.deletes(e.now()) {
			continue
		}
		set, names = append(set, c), append(names, c.Name)
		if strings.Contains(strings.ToLower(c.Name), "refresh") {
			named = append(named, c)
		}
	}
	switch {
	case len(named) > 0:
		return named[0], ""
	case len(set) == 1:
		return set[0], ""
	case len(set) == 0:
		return setCookie{}, "set no cookie, so there is no refresh token to judge (this version reads it from a cookie only)"
	}
	return setCookie{}, "set several cookies and none has refresh in its name: " + strings.Join(names, ", ")
}
