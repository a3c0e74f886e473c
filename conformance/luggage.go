package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// luggage is what came in the same answers as a refresh token, and what a call that presents the token may have to bring along: the access
// token, companion cookies, and the words that the profile names. A thief who copies a token copies it too.
type luggage struct {
	access  *token
	cookies []setCookie // oldest first, one of a name
	words   map[string]string
}

// pack adds to the luggage of a token what a later answer brought.
func (t *target) pack(old *luggage, e *exchange) *luggage {
	l := &luggage{words: map[string]string{}}
	if old != nil {
		l.access, l.cookies = old.access, slices.Clone(old.cookies)
		maps.Copy(l.words, old.words)
	}
	maps.Copy(l.words, e.words)
	if e.access != nil {
		l.access = e.access
	}
	for _, c := range e.before {
		l.keep(t, c.setCookie, e)
	}
	for _, c := range e.cookies {
		l.keep(t, c, e)
	}
	for name, w := range t.call(e.call).Words {
		if value, ok := e.word(w); ok {
			l.words[name] = value
		}
	}
	return l
}

// companion: the profile says that the cookie goes along with the refresh token.
func (t *target) companion(c setCookie) bool {
	names := t.profile.Answer.Companions
	return !t.isRefreshCookie(c) && (slices.Contains(names, "*") || slices.Contains(names, c.Name))
}

// keep puts a companion cookie into the luggage, or takes a deleted one out.
func (l *luggage) keep(t *target, c setCookie, e *exchange) {
	if !t.companion(c) {
		return
	}
	l.cookies = slices.DeleteFunc(l.cookies, func(o setCookie) bool { return o.Name == c.Name })
	if !c.deletes(e.now()) {
		l.cookies = append(l.cookies, c)
	}
}

// values are the words of a call that brings the luggage, but for the refresh token.
func (l *luggage) values(u User) values {
	v := values{"email": u.Email}
	for name, value := range l.words {
		v[name] = value
	}
	if l.access != nil {
		v["access_token"] = l.access.value
	}
	return v
}

// cookie is the Cookie header of the companions.
func (l *luggage) cookie() string {
	var pairs []string
	for _, c := range l.cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// luggage is what goes along with a token, or with what is none: then the actor's own, the victim's, or what the run saw last, so that a
// refusal is about the token and not about what is missing beside it.
func (a *Actor) luggage(t *token) *luggage {
	for _, owner := range []*Actor{a, a.scene.Victim} {
		if t == nil && owner != nil {
			t = owner.refresh
		}
	}
	switch {
	case t != nil && t.luggage != nil:
		return t.luggage
	case a.scene.target.last != nil:
		return a.scene.target.last
	}
	return &luggage{}
}

// call makes a call without a refresh token, that a story completes and sends by itself.
func (a *Actor) call(call, note string) *exchange {
	e := &exchange{call: call, note: note, who: a.name, user: a.user, header: http.Header{}, replica: a.pin, bare: true}
	v := values{}
	if call == "refresh" || call == "logout" {
		v = a.luggage(nil).values(a.user)
		addCookies(e, a.luggage(nil).cookie())
	}
	a.scene.target.call(call).fill(e, v)
	return e
}

// present puts a refresh token where the profile says that this call carries it, with what goes along.
func (a *Actor) present(e *exchange, value string) *exchange {
	return a.carry(e, value, a.luggage(e.presented).values(a.user))
}

// carry does so with other words.
func (a *Actor) carry(e *exchange, value string, v values) *exchange {
	t := a.scene.target
	c := t.call(e.call)
	v["refresh_token"] = value
	e.bare = value == ""
	e.header.Del("Cookie")
	if c.Token == "cookie" {
		addCookies(e, t.cookiePair(value))
	}
	addCookies(e, a.luggage(e.presented).cookie())
	c.fill(e, v)
	return e
}

// withoutAccess is a call with a known refresh token, and without the access token that the profile says goes along.
func (a *Actor) withoutAccess(call string, t *token) *exchange {
	e := &exchange{call: call, note: "without the access token", who: a.name, user: a.user, header: http.Header{}, replica: a.pin, presented: t, genuine: true}
	v := a.luggage(t).values(a.user)
	delete(v, "access_token")
	return a.carry(e, t.value, v)
}

// withCookies gives a bare request these pairs as its refresh cookies.
func withCookies(e *exchange, pairs ...string) *exchange {
	addCookies(e, pairs...)
	e.bare = false
	return e
}

// addCookies adds to a request's Cookie header.
func addCookies(e *exchange, pairs ...string) {
	all := slices.DeleteFunc(append([]string{e.header.Get("Cookie")}, pairs...), func(s string) bool { return s == "" })
	if len(all) > 0 {
		e.header.Set("Cookie", strings.Join(all, "; "))
	}
}
