package conformance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// open is the preflight: the target answers, its login works, and from its first answer the run learns the refresh cookie's name and
// the lifetimes. One clear message instead of two hundred failures.
func (r *run) open(ctx context.Context, base string, replicas ...string) (*target, error) {
	var bases []*url.URL
	for _, b := range append([]string{base}, replicas...) {
		u, err := url.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
		bases = append(bases, u)
	}
	t := &target{
		client: newClient(bases, r.opts), profile: r.opts.Profile, users: r.opts.Users,
		cookieName: r.opts.Profile.Answer.Cookie, secureOverHTTP: (loopback(bases[0]) || r.opts.InsecureCookies) && !r.opts.PlainHTTP,
	}
	s := &Scene{ctx: ctx, run: r, target: t, scenario: Scenario{ID: "preflight"}}
	r.opts.Profile.hide(r.secrets)
	a := s.actor("preflight", r.opts.Users[0]).at(0)
	if !r.opts.skipPreflight {
		if err := orStopped(func() error { return r.provision(s) }); err != nil {
			return nil, r.unavailable(ctx, base, err.Error())
		}
	}
	e := a.attempt()
	if r.opts.skipPreflight {
		if t.cookieName == "" {
			t.cookieName = "refresh_token"
		}
		return t, nil
	}
	if r.opts.NoRefresh && e.err == nil && e.lacks == "" {
		r.notes = append(r.notes, "judged without a refresh, by logins alone")
		t.learnLogin(e)
		return t, nil
	}
	problem := t.learn(e)
	if c, _ := refreshCookie(e); e.refresh == nil && c.Value != "" {
		r.secrets.login(c.Value, "") // never shown, whatever it is called
	}
	if problem == "" {
		t.first = e
		problem = r.paths(a)
	}
	if problem == "" {
		return t, r.meet(ctx, t)
	}
	return nil, r.unavailable(ctx, base, problem)
}

func (r *run) unavailable(ctx context.Context, base, problem string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %s: %s", ErrUnavailable, base, r.secrets.redact(problem))
}

// attempt is a login that does not stop anything.
func (a *Actor) attempt() *exchange {
	e := &exchange{}
	if err := orStopped(func() error { e = a.Login(); return nil }); err != nil {
		e.err = err
	}
	return e
}

// orStopped runs what may stop a story, outside of any.
func orStopped(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stop); !ok {
				panic(p)
			}
			err = context.Canceled
		}
	}()
	return f()
}

// learn takes the cookie's name and the lifetimes from the first login, or says why it cannot.
func (t *target) learn(e *exchange) (problem string) {
	login, a := t.profile.Login, t.profile.Answer
	where := fmt.Sprintf("%s %s answered %d", login.Method, login.Path, e.status)
	if login.Command != "" {
		where = "login.command printed an answer"
	}
	switch {
	case e.lacks != "", e.err != nil && e.command != nil, e.step != nil && !e.named:
		return e.failure()
	case e.err != nil:
		return plainError(e.err) + "; is the server running, and is this its address?"
	case e.named || e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return fmt.Sprintf("%s %s refused %s with %d; do the accounts exist there? (the reference server makes them with seed-user; others are named with -user email:password)", e.method, e.path, t.users[0].Email, e.status)
	case !login.succeeds(e):
		return fmt.Sprintf("%s %s answered %s, so nobody can log in and nothing can be judged; %s", e.method, e.path, e.got(), unfit(e.status))
	case !e.ok:
		return fmt.Sprintf("%s, but %s is not %q, which the profile calls a success", where, a.SuccessAt, a.SuccessIs)
	case e.access == nil:
		return fmt.Sprintf("%s without a string at %s", where, a.noAccess())
	case !t.profile.inCookie() && e.refresh == nil:
		return fmt.Sprintf("%s without a string at %s, where the profile expects the refresh token", where, place(a.RefreshToken))
	}
	for _, word := range slices.Sorted(maps.Keys(login.Words)) {
		if w := login.Words[word]; e.refresh != nil && e.refresh.luggage.words[word] == "" {
			return fmt.Sprintf("%s without {%s}, which the profile reads from %s", where, word, w.From)
		}
	}
	if t.profile.inCookie() && t.cookieName == "" {
		c, problem := refreshCookie(e)
		if problem != "" {
			return where + " and " + problem
		}
		t.cookieName = c.Name
	}
	access, _ := parseJWT(e.access.value)
	t.alg, _ = access.header["alg"].(string)
	if life, ok := t.life(e); ok && life > 0 {
		t.refreshLife = life
	}
	t.accessLife = accessLife(e)
	return ""
}

// unfit says what to look at when a login gets such a status.
func unfit(status int) string {
	switch {
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "is that the path and the method? -login, -refresh and -logout name other paths, login.method in a -profile another method"
	case status == http.StatusTooManyRequests:
		return "is there a limit from before? Wait, or lift it while the suite runs"
	case status >= http.StatusInternalServerError:
		return "that is an error of the server's own, which its log should show: is its database there, and migrated?"
	case status >= http.StatusBadRequest:
		return "does its login want other members, or a form? It was sent {\"email\": …, \"password\": …}, or what the -profile says: login.body and login.encoding there; login.refused if that is how it refuses a password"
	}
	return "-profile names another shape: login.ok there the statuses of a success"
}

// paths refreshes the session of the preflight's login and opens the protected endpoint with it: where either answers that there is nothing, hundreds of
// checks would say no more. Whatever else is wrong, a story says.
func (r *run) paths(a *Actor) (problem string) {
	if a.refresh == nil {
		return ""
	}
	if r.opts.Building {
		a.Keep()
		return ""
	}
	stopped := orStopped(func() error {
		calls := []func() *exchange{a.Refresh}
		if a.scene.target.profile.hasMe() {
			calls = append(calls, func() *exchange { return a.Me(a.access.value, "") })
		}
		for i, call := range calls {
			e := call()
			if e.nowhere() {
				problem = "the login works, but " + e.askPath()
				return nil
			}
			if i == 0 && e.rotated() {
				a.Keep()
			}
		}
		return nil
	})
	if stopped != nil {
		return stopped.Error()
	}
	return problem
}

// accessLife is what the answer states, or else the token's own exp; 0: unknown.
func accessLife(e *exchange) time.Duration {
	if e.stated {
		return time.Duration(e.expires) * time.Second
	}
	tok, _ := parseJWT(e.access.value)
	exp, ok := tok.time("exp")
	if !ok {
		return 0
	}
	return max(0, time.Unix(int64(exp), 0).Sub(e.at).Round(time.Second))
}

// noAccess says what it means that nothing is where the profile looks for the access token.
func (a Answer) noAccess() string {
	return place(a.AccessToken) + ", where the profile expects the access token; another place is a matter of answer.access_token in a profile, which conformance probe drafts"
}

// place says where a place is.
func place(p string) string {
	if strings.HasPrefix(p, "/") {
		return p + " of a JSON body"
	}
	return p
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
		if name := strings.ToLower(c.Name); strings.Contains(name, "refresh") && !strings.HasSuffix(name, ".sig") {
			named = append(named, c)
		}
	}
	switch {
	case len(named) > 0:
		return named[0], ""
	case len(set) == 1:
		return set[0], ""
	case len(set) == 0:
		return setCookie{}, "set no cookie, so there is no refresh token to judge; if it is in the body, say so with -profile json-body or a profile of your own"
	}
	return setCookie{}, "set several cookies and none has refresh in its name: " + strings.Join(names, ", ")
}
