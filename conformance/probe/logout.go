package probe

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// searchBudget is how many requests the search for a logout or a protected endpoint may take; without them there is still a profile. The
// last of all requests are kept for what comes after the search.
const (
	searchBudget = 60
	kept         = 8
)

// logoutCandidates lists where the logout may be.
func (p *prober) logoutCandidates() []candidate {
	if p.opts.Logout != "" {
		return []candidate{{p.call(http.MethodPost, p.opts.Logout), "given"}}
	}
	list := p.doc.find(p, "logout")
	for _, path := range unique(append(beside(p.profile.Login.Path, logoutNames, logoutPaths), beside(p.profile.Refresh.Path, logoutNames, nil)...)) {
		list = append(list, candidate{p.call(http.MethodPost, path), "one of the usual places"})
	}
	if strings.Contains(p.profile.Login.Path, "session") {
		list = append(list, candidate{p.call(http.MethodDelete, p.profile.Login.Path), "where the login is"})
	}
	return list
}

// findLogout looks for the call after which the refresh token is refused. One that says yes and ends nothing is the second choice.
func (p *prober) findLogout() {
	tried, unclears := map[string]bool{}, 0
	enough := max(p.client.left-searchBudget, kept)
	for _, c := range p.logoutCandidates() {
		call, a, o := p.knock(c.call)
		key := call.Method + where(call)
		if p.err != nil || p.client.left < enough {
			break
		}
		if o == unclear {
			unclears++
		}
		if tried[key] && call.Body == nil || o == absent || o == unclear && (a.html() || unclears > maxUnclear) {
			continue
		}
		tried[key] = true
		ways := []string{call.Method}
		if o == otherMethod {
			ways = methods(a, http.MethodDelete, http.MethodGet)
		}
		for _, m := range ways {
			call.Method = m
			if p.logoutAt(candidate{call, c.why}) || p.err != nil {
				return
			}
		}
	}
	if p.err != nil {
		return
	}
	if p.profile.Logout.Path == "" {
		p.noLogout()
		return
	}
	p.guessed("logout.path", where(p.profile.Logout), "%s is answered with 2xx, but the refresh token works afterwards: another path, or a server whose logout ends nothing", p.profile.Logout.Method)
	p.guessed("logout.token", p.profile.Logout.Token, "%s", spelling(p.profile.Logout))
}

// noLogout leaves a logout in the profile that is not there, since a profile must have one.
func (p *prober) noLogout() {
	path := p.opts.Logout
	if path == "" {
		path = beside(p.profile.Login.Path, logoutNames[:1], nil)[0]
	}
	p.profile.Logout = p.like(p.call(http.MethodPost, path))
	p.guessed("logout.path", path, "no logout was found; the stories of logout will fail. If there is one, name it with -logout PATH")
}

// logoutAt tries the spellings of a logout at one path; true: it ended the session.
func (p *prober) logoutAt(c candidate) bool {
	refused := false
	for i, call := range p.logoutSpellings(c) {
		if i == maxSpellings || p.err != nil || p.client.left < kept {
			break
		}
		a := p.present(call)
		if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
			return false
		}
		if done, yes := p.ended(call, a, c, refused); done {
			return true
		} else if !yes {
			refused = true
		}
	}
	return refused && p.err == nil && p.logoutWithPack(c)
}

// ended looks what came of a logout: whether it was answered with a yes, and whether the session is over.
func (p *prober) ended(call conformance.Call, a *answer, c candidate, refused bool) (over, yes bool) {
	if a.err == nil && a.status >= 300 && a.status <= 399 { // to where the signed-out go
		call.OK = []int{a.status}
	} else if !a.ok() {
		return false, false
	}
	if p.err == nil && !p.alive() && p.err == nil {
		p.yes = append(p.yes, a)
		p.profile.Logout = call
		p.measured("logout.path", where(call), "%s; %s is answered %d, and the refresh token is refused afterwards", c.why, call.Method, a.status)
		p.measured("logout.token", call.Token, "%s works%s", spelling(call), map[bool]string{true: "; refused without the bearer"}[call.Bearer && refused])
		return true, true
	}
	if p.profile.Logout.Path == "" && call.OK == nil {
		p.profile.Logout = call
	}
	return false, true
}

// alive refreshes the session, and learns how an ended one is refused.
func (p *prober) alive() bool {
	a := p.present(p.profile.Refresh)
	if a.ok() && a.token(p.accessWhere) != "" {
		p.take(a)
		return true
	}
	if a.err != nil || a.status >= 500 {
		return true // it says nothing
	}
	p.no = append(p.no, a)
	if r := &p.profile.Refresh.Refused; !slices.Contains(*r, a.status) {
		*r = append(*r, a.status)
		p.measured("refresh.refused", fmt.Sprint(a.status), "a token whose session was ended by logout")
	}
	return false
}

// like makes a call carry the refresh token as the refresh does.
func (p *prober) like(c conformance.Call) conformance.Call {
	refresh := p.profile.Refresh
	body := maps.Clone(refresh.Body)
	delete(body, "grant_type")
	if len(body) > 0 && c.Method != http.MethodGet {
		c = p.with(c, refresh.Encoding, body)
	}
	for k, v := range refresh.Headers {
		if strings.Contains(v, "{") {
			c = withHeader(c, k, v)
		}
	}
	for k, v := range refresh.Query {
		if strings.Contains(v, "{") {
			c.Query = map[string]string{k: v}
		}
	}
	if c.Token = refresh.Token; c.Token != "cookie" {
		c.Token = carrier(c)
	}
	return c
}

func (p *prober) logoutSpellings(c candidate) []conformance.Call {
	bearer := func(c conformance.Call) conformance.Call { c.Bearer = true; return c }
	like := p.like(c.call)
	list := append(p.declared(c), like, bearer(like))
	if p.profile.Refresh.Token != "cookie" && c.call.Method != http.MethodGet {
		revoke := p.carrying(c.call, "form", map[string]any{"token": "{refresh_token}", "token_type_hint": "refresh_token"}) // RFC 7009
		list = append(list, revoke)
		for _, key := range []string{"refresh_token", "refreshToken", "refresh", "token"} {
			list = append(list, p.carrying(c.call, "json", map[string]any{key: "{refresh_token}"}))
		}
	}
	for _, call := range list {
		if !call.Bearer {
			list = append(list, bearer(call))
		}
	}
	return list
}
