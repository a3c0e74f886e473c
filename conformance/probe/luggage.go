package probe

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// pack is what may have to go along with a refresh token: other cookies of its answer, and a value of that answer as a header.
type pack struct {
	cookies []string
	from    string // the value's place, as profiles have it; empty: there is none
	header  string
}

const (
	csrf     = "csrf" // the word that the value gets in the profile
	maxPacks = 14     // at one path
)

// keep remembers what an answer brought beside the tokens.
func (p *prober) keep(a *answer) {
	for _, c := range a.cookies {
		if p.brought["cookie:"+c.Name] = c.Value; c.MaxAge < 0 {
			p.brought["cookie:"+c.Name] = ""
		}
	}
	for _, l := range leaves(a.body) {
		if s, ok := l.value.(string); ok && csrfName(l.key) {
			p.brought[l.pointer] = s
		}
	}
	for name := range a.header {
		if csrfName(name) {
			p.brought["header:"+name] = a.header.Get(name)
		}
	}
}

func csrfName(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "csrf") || strings.Contains(name, "xsrf")
}

// packs lists what the login's answer gives reason to try, the likeliest first.
func (p *prober) packs() []pack {
	var all, named, others []string
	for _, c := range p.login.cookies {
		if spelled(p.refreshWhere) == "cookie:"+c.Name || c.Value == "" || c.MaxAge < 0 {
			continue
		}
		all = append(all, c.Name)
		switch {
		case csrfName(c.Name):
			named = append(named, "cookie:"+c.Name)
		case !c.HttpOnly: // a page's script can read it
			others = append(others, "cookie:"+c.Name)
		}
	}
	slices.Sort(all)
	slices.Sort(others)
	for place := range p.brought {
		if csrfName(place) && !strings.HasPrefix(place, "cookie:") {
			named = append(named, place)
		}
	}
	slices.SortFunc(named, func(a, b string) int { // of several, the refresh token's
		return cmp.Or(price(strings.Contains(a, "refresh"), 1, 0)-price(strings.Contains(b, "refresh"), 1, 0), strings.Compare(a, b))
	})
	var list []pack
	if len(all) > 0 {
		list = append(list, pack{cookies: all})
	}
	for _, from := range named {
		for _, h := range csrfHeaders(from) {
			list = append(list, pack{all, from, h})
		}
	}
	for _, from := range others {
		for _, h := range usualHeaders[:2] {
			list = append(list, pack{all, from, h})
		}
	}
	return list[:min(len(list), maxPacks)]
}

// usualHeaders are where double submits want their value: Rails and most, Angular and axios, Django, and others.
var usualHeaders = []string{"X-CSRF-Token", "X-XSRF-TOKEN", "X-CSRFToken", "X-CSRF", "X-XSRF"}

// csrfHeaders lists the headers in which the value at a place may be wanted: the one that is called as it is comes first.
func csrfHeaders(from string) []string {
	kind, name, _ := strings.Cut(from, ":")
	if strings.HasPrefix(from, "/") {
		name = from[strings.LastIndexByte(from, '/')+1:]
	}
	name = strings.Trim(strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "__Secure-"), "_-.")
	own := strings.NewReplacer("_", "-", ".", "-").Replace(name)
	if kind != "header" && !strings.HasPrefix(strings.ToLower(own), "x-") {
		own = "X-" + own
	}
	own = http.CanonicalHeaderKey(own)
	if i := slices.IndexFunc(usualHeaders, func(h string) bool { return strings.EqualFold(h, own) }); i >= 0 {
		own = usualHeaders[i]
	}
	return unique(append([]string{own}, usualHeaders...))
}

// carry makes every later call bring the pack along.
func (p *prober) carry(k pack) {
	p.profile.Answer.Companions, p.profile.Login.Words = k.cookies, nil
	if k.from != "" {
		p.profile.Login.Words = map[string]conformance.Word{csrf: {From: k.from}}
	}
}

func (k pack) on(c conformance.Call) conformance.Call {
	if k.header == "" {
		return c
	}
	return withHeader(c, k.header, "{"+csrf+"}")
}

// companions is the Cookie header of what goes along.
func (p *prober) companions() string {
	var pairs []string
	for _, name := range p.profile.Answer.Companions {
		if v := p.brought["cookie:"+name]; v != "" {
			pairs = append(pairs, name+"="+v)
		}
	}
	return strings.Join(pairs, "; ")
}

// refreshWithPack tries what may have to go along with the token, where it was refused alone.
func (p *prober) refreshWithPack(c candidate, alone conformance.Call) bool {
	for _, k := range p.packs() {
		p.carry(k)
		call := k.on(alone)
		a := p.present(call)
		if p.err != nil {
			return false
		}
		if a.ok() && a.token(p.accessWhere) != "" {
			p.refreshed(call, a, c.why, false)
			if k.from != "" {
				p.measured("login.words", csrf+" from "+k.from, "refused without it in the header %s", k.header)
			}
			p.narrow()
			return true
		}
		p.try(call, a)
	}
	p.carry(pack{})
	return false
}

// narrow leaves out the companions that the refresh works without.
func (p *prober) narrow() {
	for _, name := range p.profile.Answer.Companions {
		all := p.profile.Answer.Companions
		p.profile.Answer.Companions = slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == name })
		a := p.present(p.profile.Refresh)
		if p.err != nil {
			return
		}
		if a.ok() && a.token(p.accessWhere) != "" {
			p.take(a)
			continue
		}
		p.profile.Answer.Companions = all
		p.measured("answer.companions", name, "the refresh is answered %s without this cookie", a.got())
	}
	if len(p.profile.Answer.Companions) == 0 {
		p.profile.Answer.Companions = nil
	}
}

// logoutWithPack does the same for a logout that is guarded alone.
func (p *prober) logoutWithPack(c candidate) bool {
	if p.profile.Login.Words != nil {
		return false // they are in the spelling already
	}
	companions := p.profile.Answer.Companions
	alone := p.like(c.call)
	for _, k := range p.packs() {
		if p.client.left < kept {
			break
		}
		p.carry(k)
		call := k.on(alone)
		if over, _ := p.ended(call, p.present(call), c, true); over {
			return true
		}
		if p.err != nil {
			return false
		}
	}
	p.carry(pack{cookies: companions})
	return false
}

// nothingTakes is the end where no refresh was found, and says what to do.
func (p *prober) nothingTakes(token place) error {
	what := fmt.Sprintf("the login at %s works and brings what looks like a refresh token (%s), but nothing takes it", where(p.profile.Login), token)
	todo := "; name the refresh with -refresh PATH, or give an OpenAPI document with -openapi FILE"
	if p.opts.Refresh != "" {
		todo = fmt.Sprintf(" at %s; write down by hand how the refresh is made, as docs/profiles.md shows", p.opts.Refresh)
	}
	if p.forbidden {
		todo += ". It was forbidden (403) somewhere: if that is CSRF protection, its value is none of the login's cookies and members, or goes into another header than the usual ones; docs/profiles.md shows how a profile says so, with words and companions"
	}
	return fmt.Errorf("%w: %s%s%s", ErrNotFound, what, todo, p.attempts())
}
