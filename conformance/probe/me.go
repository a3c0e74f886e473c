package probe

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

func (p *prober) meCandidates() []candidate {
	if p.opts.Me != "" {
		return []candidate{{p.call(http.MethodGet, p.opts.Me), "given"}}
	}
	list := p.doc.find(p, "me")
	for _, path := range beside(p.profile.Login.Path, meNames, mePaths) {
		list = append(list, candidate{p.call(http.MethodGet, path), "one of the usual places"})
	}
	return list
}

// findMe looks for what the access token opens, and nothing else does.
func (p *prober) findMe() {
	enough := max(p.client.left-searchBudget, p.client.left/2, kept)
	if p.opts.Me != "-" {
		for _, c := range p.meCandidates() {
			if p.err != nil || p.client.left < enough || p.meAt(c) {
				break
			}
		}
	}
	switch {
	case p.err != nil || p.profile.Me.Path != "":
	case p.opts.Me != "" && p.opts.Me != "-":
		p.profile.Me = p.call(http.MethodGet, p.opts.Me)
		p.guessed("me.path", p.opts.Me, "given, but it did not tell the access token from nothing")
	default:
		p.profile.Me = conformance.Call{Path: "-"}
		p.guessed("me.path", "-", "nothing was found that the access token opens; the stories of access tokens are not judged. If there is something, name it with -me PATH")
	}
}

func (p *prober) meAt(c candidate) bool {
	for _, call := range p.meSpellings(c.call) {
		if p.opens(candidate{call, c.why}) {
			return true
		}
	}
	return false
}

// meSpellings lists how the access token may be presented: as bearer, or as it came.
func (p *prober) meSpellings(c conformance.Call) []conformance.Call {
	list := []conformance.Call{c}
	switch name := p.accessWhere.name; {
	case p.accessWhere.kind == "cookie":
		list = append(list, withHeader(c, "Cookie", name+"={access_token}"))
	case p.accessWhere.kind == "header" && !strings.EqualFold(name, "Authorization"):
		list = append(list, withHeader(c, name, "{access_token}"))
	}
	return list
}

// opens: the access token opens what is there, and nothing else does.
func (p *prober) opens(c candidate) bool {
	own := strings.Contains(fmt.Sprint(c.call.Headers), "{access_token}")
	ask := func(access string) *answer {
		call := c.call
		call.Bearer = access != "" && !own
		return p.send(call, values{access: access})
	}
	with := ask(p.access)
	if other, ok := slash(c.call.Path, with); ok {
		c.call.Path = other
		with = ask(p.access)
	}
	path := pathOf(c.call)
	opened := with.fingerprint(path)
	if !with.ok() || with.html() || with.status == http.StatusNoContent || opened == p.nothing[http.MethodGet] {
		return false
	}
	p.client.close() // a server that remembers who came on a connection must not look like an open door
	without := ask("")
	if p.err != nil || without.err != nil || without.status >= 500 || without.fingerprint(path) == opened {
		return false // it is open to all
	}
	p.client.close()
	wrong := ask("garbage")
	if p.err != nil || wrong.err != nil || wrong.status >= 500 {
		return false
	}
	p.yes, p.no = append(p.yes, with), append(p.no, without, wrong)
	c.call.Refused = []int{without.status}
	if !slices.Contains(c.call.Refused, wrong.status) {
		c.call.Refused = append(c.call.Refused, wrong.status)
	}
	p.profile.Me = c.call
	whose := ""
	if email := p.opts.Run.Users[0].Email; strings.Contains(with.text, email) {
		whose = " and the user's e-mail"
	}
	p.measured("me.path", where(c.call), "%s; answered %d%s with the access token, %d without, %d with another", c.why, with.status, whose, without.status, wrong.status)
	p.measured("me.refused", strings.Trim(fmt.Sprint(c.call.Refused), "[]"), "without and with a wrong access token")
	return true
}
