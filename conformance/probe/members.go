package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lifetimes finds where the login's answer states them, and the type of the access token.
func (p *prober) lifetimes() {
	p.tokenType()
	jwt := claims(p.login.token(p.accessWhere))
	real, known := life(jwt, p.login.at)
	p.profile.Answer.ExpiresIn = "-"
	switch at, value, unit := p.stated(real, known); {
	case at == "" && known:
		p.guessed("answer.expires_in", "-", "no member states it; by its exp the access token lives %v", real)
	case at == "":
		p.guessed("answer.expires_in", "-", "no member states it, nor has the access token an exp, so nobody knows how long it lives")
	case known && fits(value, real, unit):
		p.profile.Answer.ExpiresIn, p.profile.Answer.Unit = at, unit
		p.measured("answer.expires_in", at, "fits exp and iat of the access token: %v", real)
		p.measured("answer.unit", unit, "%d is %v", value, real)
	default:
		p.profile.Answer.ExpiresIn, p.profile.Answer.Unit = at, unit
		p.guessed("answer.expires_in", at, "by its name; %s", map[bool]string{true: fmt.Sprintf("it does NOT fit exp and iat of the access token, which say %v", real), false: "no exp of the access token confirms it"}[known])
		p.guessed("answer.unit", unit, "%d would be %v", value, time.Duration(value)*units[unit])
	}
	p.refreshLife()
}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond}

// fits allows for the second that passes between the signature and the answer.
func fits(value int64, real time.Duration, unit string) bool {
	d := time.Duration(value)*units[unit] - real
	return d >= -2*time.Second && d <= 2*time.Second
}

// stated is the member with the access token's lifetime; "" if there is none. A point in time is no lifetime.
func (p *prober) stated(real time.Duration, known bool) (at string, value int64, unit string) {
	for _, l := range leaves(p.login.body) {
		n, ok := number(l.value)
		if !ok || !lifetimeName(l.pointer) || strings.Contains(strings.ToLower(l.pointer), "refresh") {
			continue
		}
		for _, u := range []string{"s", "ms"} {
			if known && fits(n, real, u) {
				return l.pointer, n, u
			}
		}
		if n < 1_000_000_000 && at == "" {
			at, value, unit = l.pointer, n, "s"
			if n >= 100_000 && n%1000 == 0 {
				unit = "ms"
			}
		}
	}
	return at, value, unit
}

func lifetimeName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"expire", "ttl", "lifetime", "max_age", "maxage", "validity"}, func(w string) bool { return strings.Contains(name, w) })
}

// refreshLife says how long the refresh token lives and by whose word.
func (p *prober) refreshLife() {
	raw := p.login.token(p.refreshWhere)
	if p.refreshWhere.kind == "cookie" {
		for _, c := range p.login.cookies {
			switch {
			case c.Name != p.refreshWhere.name:
			case c.MaxAge > 0:
				p.note("measured: the refresh cookie lives %v (Max-Age)", time.Duration(c.MaxAge)*time.Second)
			case !c.Expires.IsZero():
				p.note("measured: the refresh cookie lives %v (Expires)", c.Expires.Sub(p.login.at).Round(time.Second))
			default:
				p.note("measured: the refresh cookie states no lifetime, so expiry cannot be judged")
			}
		}
		return
	}
	if real, ok := life(claims(raw), p.login.at); ok {
		p.note("measured: the refresh token lives %v (its own exp)", real)
		return
	}
	for _, l := range leaves(p.login.body) {
		if n, ok := number(l.value); ok && n < 10_000_000_000 && lifetimeName(l.pointer) && strings.Contains(strings.ToLower(l.pointer), "refresh") {
			p.profile.Answer.RefreshExpiresIn = l.pointer
			p.guessed("answer.refresh_expires_in", l.pointer, "by its name; %d in the unit of expires_in", n)
			return
		}
	}
	p.note("guessed: nothing states how long the refresh token lives, so expiry cannot be judged")
}

func (p *prober) tokenType() {
	p.profile.Answer.TokenType = "-"
	for _, l := range leaves(p.login.body) {
		if s, ok := l.value.(string); ok && strings.EqualFold(s, "bearer") {
			p.profile.Answer.TokenType = l.pointer
			p.measured("answer.token_type", l.pointer, "it says %s", s)
			return
		}
	}
	p.guessed("answer.token_type", "-", "no member says Bearer")
}

// predicateNames are members that usually say whether a call worked.
var predicateNames = []string{"status", "success", "ok", "code", "result", "succeeded", "error", "errno", "errorCode", "ret", "message", "msg"}

// findPredicate finds what tells a success where the status does not: a member that all successes share and no refusal has.
func (p *prober) findPredicate() {
	if !slices.ContainsFunc(p.no, (*answer).ok) {
		return
	}
	var best *leaf
	rank := len(predicateNames) + 1
	for _, l := range leaves(p.login.body) {
		value := fmt.Sprint(l.value)
		all := !slices.ContainsFunc(p.yes, func(a *answer) bool { return fmt.Sprint(a.leaf(l.pointer)) != value })
		none := !slices.ContainsFunc(p.no, func(a *answer) bool { return a.ok() && fmt.Sprint(a.leaf(l.pointer)) == value })
		if !all || !none || l.value == nil || len(value) > 40 {
			continue
		}
		r := slices.Index(predicateNames, l.key)
		if r < 0 {
			r = len(predicateNames)
		}
		if r < rank {
			best, rank = &l, r
		}
	}
	if best == nil {
		p.note("guessed: a refusal is answered with 2xx, and no member tells it from a success; the run goes by the tokens alone")
		return
	}
	p.profile.Answer.SuccessAt, p.profile.Answer.SuccessIs = best.pointer, fmt.Sprint(best.value)
	p.measured("answer.success_at", best.pointer, "refusals come with 2xx; only successes have %s there", p.profile.Answer.SuccessIs)
}
