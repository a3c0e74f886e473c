package probe

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// nonsense is a refresh token that nobody gave out.
const nonsense = "certainly-not-a-refresh-token"

// maxUnclear is how many paths are tried of those that answer as if nothing were there.
const maxUnclear = 8

// findRefresh finds the two tokens in the login's answer, and what takes the second one.
func (p *prober) findRefresh() {
	tokens := p.login.tokens()
	access, ok := accessOf(tokens)
	if !ok {
		p.fail(fmt.Errorf("%w: %s %s is answered %s, and none of it looks like an access token", ErrNotFound, p.profile.Login.Method, where(p.profile.Login), p.login.got()))
		return
	}
	p.accessWhere, p.access = access.where, access.value
	p.measured("answer.access_token", access.where.String(), "%s", access.why())
	candidates := refreshesOf(tokens, access.where)
	if len(candidates) == 0 {
		p.fail(fmt.Errorf("%w: the login's answer holds an access token (%s) and nothing that looks like a refresh token; members: %s; cookies: %s. There is nothing to judge without one", ErrNotFound, access.where, strings.Join(memberNames(p.login), ", "), strings.Join(cookieNames(p.login), ", ")))
		return
	}
	for _, c := range candidates[:min(3, len(candidates))] {
		p.refreshWhere, p.refresh = c.where, c.value
		if p.searchRefresh(); p.err != nil {
			return
		}
		if p.profile.Refresh.Path != "" {
			p.measured("answer.refresh_token", c.where.String(), "%s; the refresh takes it", c.why())
			p.secondRefresh()
			return
		}
	}
	p.fail(p.nothingTakes(candidates[0].where))
}

func memberNames(a *answer) []string {
	var list []string
	for _, l := range leaves(a.body) {
		list = append(list, l.pointer)
	}
	return list
}

func cookieNames(a *answer) []string {
	var list []string
	for _, c := range a.cookies {
		list = append(list, c.Name)
	}
	if list == nil {
		return []string{"none"}
	}
	return list
}

// refreshCandidates lists where the refresh may be.
func (p *prober) refreshCandidates() []candidate {
	if p.opts.Refresh != "" {
		return []candidate{{p.call(http.MethodPost, p.opts.Refresh), "given"}}
	}
	list := p.doc.find(p, "refresh")
	login := p.profile.Login
	if strings.Contains(login.Path, "token") || login.Body["grant_type"] != nil {
		list = append(list, candidate{p.call(http.MethodPost, login.Path), "where the login is"})
	}
	for _, path := range beside(login.Path, refreshNames, refreshPaths) {
		list = append(list, candidate{p.call(http.MethodPost, path), "one of the usual places"})
	}
	if strings.Contains(login.Path, "session") {
		list = append(list, candidate{p.call(http.MethodPut, login.Path), "where the login is"}, candidate{p.call(http.MethodPatch, login.Path), "where the login is"})
	}
	return list
}

// searchRefresh presents the token at the candidates until one takes it.
func (p *prober) searchRefresh() {
	tried, unclears := map[string]bool{}, 0
	for _, c := range p.refreshCandidates() {
		call, a, o := c.call, &answer{}, present
		if c.why != "where the login is" {
			call, a, o = p.knock(c.call)
		}
		key := call.Method + where(call)
		if tried[key] && call.Body == nil {
			continue
		}
		tried[key] = true
		list := []conformance.Call{call}
		if o == otherMethod {
			list = nil
			for _, m := range methods(a, http.MethodGet, http.MethodPut) {
				other := call
				other.Method = m
				list = append(list, other)
			}
		}
		if o == unclear {
			unclears++
		}
		if o == absent || o == unclear && (a.html() || unclears > maxUnclear) {
			continue
		}
		for _, call := range list {
			if p.refreshAt(candidate{call, c.why}, a) || p.err != nil {
				return
			}
		}
	}
}

// refreshAt tries the spellings of a refresh at one path.
func (p *prober) refreshAt(c candidate, empty *answer) bool {
	refusedWithout := false
	list := p.refreshSpellings(c, empty)
	for i, call := range list {
		if i == maxSpellings || p.err != nil || call.Bearer && !refusedWithout {
			break
		}
		if p.asPage(call) && !p.forbidden {
			continue
		}
		a := p.present(call)
		if p.err == nil && a.ok() && a.fingerprint(pathOf(call)) != p.nothing[http.MethodPost] {
			if a.token(p.accessWhere) != "" {
				p.refreshed(call, a, c.why, refusedWithout)
				return true
			}
			if p.moved(call, a); p.err != nil {
				return false
			}
		}
		p.try(call, a)
		p.forbidden = p.forbidden || a.status == http.StatusForbidden
		if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
			return false
		}
		refusedWithout = refusedWithout || a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
	}
	return p.err == nil && p.refreshWithPack(c, list[0])
}

// asPage: the call has a header of a page's that the target was not seen to want.
func (p *prober) asPage(c conformance.Call) bool {
	return slices.ContainsFunc(p.pageHeaders(), func(h [2]string) bool {
		return c.Headers[h[0]] != "" && p.headers[h[0]] == "" && p.opts.Headers[h[0]] == ""
	})
}

// moved ends the probe where a refresh works and names its tokens otherwise than the login, for which a profile has no words.
func (p *prober) moved(c conformance.Call, a *answer) {
	if access, ok := accessOf(a.tokens()); ok {
		p.fail(fmt.Errorf("%w: the refresh at %s takes the token (%s), but its answer has the access token at %s, and the login's at %s; a profile names one place for both", ErrNotFound, where(c), spelling(c), access.where, p.accessWhere))
	}
}

// present makes a refresh or logout with the session's tokens.
func (p *prober) present(c conformance.Call) *answer { return p.presentToken(c, p.refresh) }

func (p *prober) presentToken(c conformance.Call, refresh string) *answer {
	v := values{refresh: refresh, access: p.access}
	v.cookie = p.companions()
	if c.Token == "cookie" {
		v.cookie = strings.TrimSuffix(p.refreshWhere.name+"="+refresh+"; "+v.cookie, "; ")
	}
	return p.send(c, v)
}

// refreshed writes down the call that worked.
func (p *prober) refreshed(call conformance.Call, a *answer, why string, refusedWithout bool) {
	p.profile.Refresh = call
	for _, h := range p.pageHeaders() {
		if call.Headers[h[0]] != "" && p.headers[h[0]] == "" {
			p.headers[h[0]] = h[1]
			p.measured("refresh.headers", h[0], "refused without it")
		}
	}
	p.yes = append(p.yes, a)
	p.measured("refresh.path", where(call), "%s; %s is answered %d with a new access token", why, call.Method, a.status)
	p.measured("refresh.token", call.Token, "%s works%s", spelling(call), map[bool]string{true: "; tried without and refused"}[call.Bearer && refusedWithout])
	if len(call.Body) > 0 {
		p.measured("refresh.encoding", call.Encoding, "a refresh so encoded works")
	}
	p.take(a)
}

// take makes the tokens of an answer the session's.
func (p *prober) take(a *answer) {
	p.keep(a)
	next := a.token(p.refreshWhere)
	p.rotates = next != "" && next != p.refresh
	if next != "" {
		p.refresh = next
	}
	if access := a.token(p.accessWhere); access != "" {
		p.access = access
	}
}

// refreshSpellings lists how a refresh may carry its token at a path.
func (p *prober) refreshSpellings(c candidate, empty *answer) []conformance.Call {
	list := p.declared(c)
	if p.refreshWhere.kind == "cookie" {
		return append(list, p.cookieSpellings(c.call)...)
	}
	words := empty.words()
	keys := unique([]string{p.refreshWhere.key(), "refresh_token", "refreshToken", "refresh", "token"})
	slices.SortStableFunc(keys, func(a, b string) int {
		return price(words[a], 1, 0) - price(words[b], 1, 0)
	})
	if c.call.Method == http.MethodGet { // has no body
		return append(list, p.headerSpellings(c.call)...)
	}
	grant := map[string]any{"grant_type": "refresh_token", "refresh_token": "{refresh_token}"}
	form := p.carrying(c.call, "form", grant)
	if p.profile.Login.Body["grant_type"] != nil {
		list = append(list, form)
	}
	if q := p.profile.Login.Query["grant_type"]; q != "" {
		c.call.Query = map[string]string{"grant_type": "refresh_token"}
	}
	for _, key := range keys {
		list = append(list, p.carrying(c.call, "json", map[string]any{key: "{refresh_token}"}))
	}
	list = append(list, form, p.carrying(c.call, "form", map[string]any{keys[0]: "{refresh_token}"}))
	list = append(list, p.headerSpellings(c.call)...)
	pair := map[string]any{p.refreshWhere.key(): "{refresh_token}", p.accessWhere.key(): "{access_token}"} // ASP.NET's tutorials
	list = append(list, p.carrying(c.call, "json", pair), p.carrying(c.call, "json", grant))
	for _, call := range list[:min(3, len(list))] {
		call.Bearer = true
		list = append(list, call)
	}
	return list
}

// declared is the spelling that an OpenAPI document gives, if there is one.
func (p *prober) declared(c candidate) []conformance.Call {
	if !strings.Contains(fmt.Sprint(c.call.Body, c.call.Query, c.call.Headers), "{refresh_token}") || p.refreshWhere.kind == "cookie" {
		return nil
	}
	call := p.with(c.call, c.call.Encoding, c.call.Body)
	call.Token = carrier(call)
	return []conformance.Call{call}
}

// carrier is what carries the refresh token, where that is no cookie.
func carrier(c conformance.Call) string {
	for _, part := range []struct {
		name string
		text any
	}{{"body", c.Body}, {"header", c.Headers}, {"query", c.Query}} {
		if strings.Contains(fmt.Sprint(part.text), "{refresh_token}") {
			return part.name
		}
	}
	return "none"
}

func (p *prober) carrying(c conformance.Call, encoding string, body map[string]any) conformance.Call {
	c = p.with(c, encoding, body)
	c.Token = "body"
	return c
}

func (p *prober) cookieSpellings(c conformance.Call) []conformance.Call {
	c.Body, c.Encoding, c.Token = nil, "", "cookie"
	if len(p.opts.Fields) > 0 && c.Method != http.MethodGet {
		c = p.with(c, "json", map[string]any{})
		c.Token = "cookie"
	}
	list := []conformance.Call{c}
	for _, h := range p.pageHeaders() {
		if c.Headers[h[0]] == "" && c.Method != http.MethodGet {
			list = append(list, withHeader(c, h[0], h[1]))
		}
	}
	bearer := c
	bearer.Bearer = true
	return append(list, bearer)
}

func (p *prober) headerSpellings(c conformance.Call) []conformance.Call {
	c.Body, c.Encoding, c.Token = nil, "", "header"
	query := c
	query.Token = "query"
	query.Query = map[string]string{"refresh_token": "{refresh_token}"}
	list := []conformance.Call{withHeader(c, "Authorization", "Bearer {refresh_token}"), withHeader(c, "X-Refresh-Token", "{refresh_token}"), query}
	if name := p.refreshWhere.name; p.refreshWhere.kind == "header" && !strings.EqualFold(name, "Authorization") {
		own := withHeader(c, name, "{refresh_token}")
		list = append([]conformance.Call{own}, list...)
	}
	return list
}

func withHeader(c conformance.Call, name, value string) conformance.Call {
	c.Headers = maps.Clone(c.Headers)
	if c.Headers == nil {
		c.Headers = map[string]string{}
	}
	c.Headers[name] = value
	return c
}

// secondRefresh refreshes once more and presents nonsense: what takes that, too, and answers as ever, is no refresh.
func (p *prober) secondRefresh() {
	a := p.present(p.profile.Refresh)
	switch {
	case p.err != nil:
		return
	case !a.ok() || a.token(p.accessWhere) == "":
		p.note("measured: the second refresh, with the token that the first one brought, got %s", a.got())
	default:
		p.yes = append(p.yes, a)
		p.take(a)
		p.note("measured: %s", map[bool]string{true: "every refresh brings a new refresh token", false: "a refresh brings no new refresh token; the old one goes on, and so does a thief's copy"}[p.rotates])
	}
	p.refusedRefresh()
}

// refusedRefresh learns how a refresh is refused.
func (p *prober) refusedRefresh() {
	a := p.presentToken(p.profile.Refresh, nonsense)
	got := a.token(p.accessWhere)
	switch {
	case p.err != nil:
	case a.err != nil || a.status >= 500:
		p.guessed("refresh.refused", "401", "a token that is none got %s, which says nothing", a.got())
	case a.ok() && got != "" && (got == p.access || !p.rotates):
		p.fail(fmt.Errorf("%w: %s answers with tokens whatever it is given, and always the same ones, so it is no refresh", ErrNotFound, where(p.profile.Refresh)))
	case a.ok() && got != "":
		p.guessed("refresh.refused", "401", "a token that nobody gave out was ACCEPTED (%d), and the run will say so", a.status)
	default:
		p.no = append(p.no, a)
		p.profile.Refresh.Refused = []int{a.status}
		p.measured("refresh.refused", fmt.Sprint(a.status), "a token that nobody gave out")
	}
}
