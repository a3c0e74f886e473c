package probe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The units that profiles have; absolute is a moment: a number since 1970, or RFC 3339.
var unitNames = []string{"s", "ms", "absolute"}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond}

// member is a value of an answer that may be a lifetime, and its place as profiles have it.
type member struct {
	place string
	value any
}

// members lists the values of a body, and of the headers that are called like a lifetime.
func (a *answer) members() []member {
	var list []member
	for _, l := range leaves(a.body) {
		list = append(list, member{l.pointer, l.value})
	}
	for name := range a.header {
		if strings.HasPrefix(strings.ToLower(name), "x-") && lifetimeName(name) {
			list = append(list, member{"header:" + name, json.Number(a.header.Get(name))})
		}
	}
	return list
}

// span reads a value as a lifetime that began at a moment; false: it is none in that unit.
func (m member) span(unit string, began time.Time) (time.Duration, bool) {
	n, isNumber := number(m.value)
	if unit != "absolute" {
		const century = 100 * 365 * 24 * 3600
		return time.Duration(n) * units[unit], isNumber && n <= century*int64(time.Second/units[unit])
	}
	if text, ok := m.value.(string); ok {
		t, err := time.Parse(time.RFC3339, text)
		return t.Sub(began), err == nil
	}
	const year5000 = 95_617_584_000 // in seconds: what is more are milliseconds
	switch {
	case !isNumber || n < 1_000_000_000:
		return 0, false
	case n > year5000:
		return time.UnixMilli(n).Sub(began), true
	}
	return time.Unix(n, 0).Sub(began), true
}

// fits: in that unit the answer says there what the exp of its access token says, but for the second between signature and answer. An
// answer without the member does not speak against it.
func (p *prober) fits(a *answer, place, unit string) (fits, there bool) {
	jwt := claims(a.token(p.accessWhere))
	real, known := life(jwt, a.at)
	if !known {
		return true, false
	}
	exp, _ := seconds(jwt["exp"])
	began := time.UnixMilli(int64(exp * 1000)).Add(-real)
	for _, m := range a.members() {
		if m.place == place {
			d, ok := m.span(unit, began)
			return ok && (d-real).Abs() <= 2*time.Second, true
		}
	}
	return true, false
}

// agrees: the login's answer fits, or everywhere each one that has an access token. A refresh that says something else is for the run to judge.
func (p *prober) agrees(place, unit string, everywhere bool) bool {
	if fits, _ := p.fits(p.login, place, unit); !fits || !everywhere {
		return fits
	}
	return !slices.ContainsFunc(p.yes, func(a *answer) bool {
		if a.token(p.accessWhere) == "" {
			return false
		}
		fits, there := p.fits(a, place, unit)
		return !fits || !there
	})
}

// lifetimes finds where the login's answer states them, and the type of the access token.
func (p *prober) lifetimes() {
	p.tokenType()
	a := &p.profile.Answer
	a.ExpiresIn = "-"
	defer p.refreshLife()
	real, known := life(claims(p.login.token(p.accessWhere)), p.login.at)
	if known {
		if m, unit, ok := p.byValue(real); ok {
			a.ExpiresIn, a.Unit = m.place, unit
			p.measured("answer.expires_in", m.place, "fits exp and iat of the access token: %v", real)
			p.measured("answer.unit", unit, "%s", map[bool]string{true: "it is the moment of exp", false: fmt.Sprintf("%v is %v", m.value, real)}[unit == "absolute"])
			return
		}
	}
	if m, unit, ok := p.byName(); ok {
		a.ExpiresIn, a.Unit = m.place, unit
		d, _ := m.span(unit, p.login.at)
		p.guessed("answer.expires_in", m.place, "by its name; %s", map[bool]string{true: fmt.Sprintf("it does NOT fit exp and iat of the access token, which say %v", real), false: "no exp of the access token confirms it"}[known])
		p.guessed("answer.unit", unit, "%v would be %v", m.value, d.Round(time.Second))
		return
	}
	evidence := p.unreadable()
	if known {
		evidence += fmt.Sprintf("; by its exp the access token lives %v", real)
	} else {
		evidence += ", nor has the access token an exp, so nobody knows how long it lives"
	}
	p.guessed("answer.expires_in", "-", "%s", evidence)
}

// byValue finds the member that says what exp says: first among those that are called like a lifetime. Another one must be in every answer,
// and not so small that it may be anything.
func (p *prober) byValue(real time.Duration) (member, string, bool) {
	for _, named := range []bool{true, false} {
		if !named && real < time.Minute {
			break
		}
		for _, m := range p.login.members() {
			key := strings.ToLower(m.place[strings.LastIndexAny(m.place, "/:")+1:])
			if lifetimeName(m.place) != named || renewal(m.place) || !named && strings.HasSuffix(key, "id") {
				continue
			}
			for _, unit := range unitNames {
				if _, ok := m.span(unit, p.login.at); ok && p.agrees(m.place, unit, !named) {
					return m, unit, true
				}
			}
		}
	}
	return member{}, "", false
}

// byName finds a member that is called like the access token's lifetime, and may be one.
func (p *prober) byName() (member, string, bool) {
	for _, m := range p.login.members() {
		if !lifetimeName(m.place) || renewal(m.place) || inMinutes(m.place) {
			continue
		}
		if unit := p.likely(m); unit == "s" || unit == "ms" || unit == "absolute" && itsOwn(m.place) {
			return m, unit, true
		}
	}
	return member{}, "", false
}

// likely is the unit of a lifetime that nothing confirms; "": it is none.
func (p *prober) likely(m member) string {
	n, isNumber := number(m.value)
	d, moment := m.span("absolute", p.login.at)
	const decades = 20 * 365 * 24 * time.Hour
	lower := strings.ToLower(m.place)
	switch {
	case moment && d > 0 && d < decades:
		return "absolute"
	case !isNumber || n > 100*365*24*3600*1000:
		return ""
	case strings.HasSuffix(lower, "ms") || strings.Contains(lower, "milli"), n >= 100_000 && n%1000 == 0 && !renewal(m.place), n > 1_000_000_000:
		return "ms"
	}
	return "s"
}

// unreadable says why no member is taken, and which one comes near.
func (p *prober) unreadable() string {
	for _, m := range p.login.members() {
		if !lifetimeName(m.place) || renewal(m.place) {
			continue
		}
		if n, ok := number(m.value); ok && inMinutes(m.place) {
			return fmt.Sprintf("%s is %d min, and a profile has no unit for minutes", m.place, n)
		}
		if _, ok := m.value.(string); ok && itsOwn(m.place) {
			return m.place + " is text, and no date as RFC 3339 has it"
		}
	}
	return "no member states it"
}

func inMinutes(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "minute") || strings.HasSuffix(name, "min") || strings.HasSuffix(name, "mins")
}

func lifetimeName(name string) bool {
	name = strings.NewReplacer("validat", "", "invalid", "").Replace(strings.ToLower(name))
	return slices.ContainsFunc([]string{"expir", "ttl", "lifetime", "max_age", "maxage", "max-age", "valid", "/exp"}, func(w string) bool { return strings.Contains(name, w) })
}

// renewal: the name is about the refresh token.
func renewal(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "refresh") || strings.Contains(name, "renew")
}

// itsOwn: the name is about the access token, or about nothing else: passwords and subscriptions expire, too.
func itsOwn(place string) bool {
	key := strings.ToLower(place[strings.LastIndexAny(place, "/:")+1:])
	key = strings.NewReplacer("_", "", "-", "", "access", "", "token", "", "jwt", "", "x-", "").Replace(key)
	return slices.Contains([]string{"exp", "expires", "expire", "expiry", "expiration", "expiresat", "expireat", "expireson", "expiresin", "expirydate", "expirationdate", "validuntil", "validto"}, key)
}

// refreshLife says how long the refresh token lives and by whose word.
func (p *prober) refreshLife() {
	raw := p.login.token(p.refreshWhere)
	if p.refreshWhere.kind == "cookie" {
		p.cookieLife()
		return
	}
	if real, ok := life(claims(raw), p.login.at); ok {
		p.note("measured: the refresh token lives %v (its own exp)", real)
		return
	}
	a := &p.profile.Answer
	for _, m := range p.login.members() {
		unit := p.likely(m)
		if !lifetimeName(m.place) || !renewal(m.place) || unit == "" {
			continue
		}
		d, _ := m.span(unit, p.login.at)
		a.RefreshExpiresIn = m.place
		p.guessed("answer.refresh_expires_in", m.place, "by its name; %v would be %v", m.value, d.Round(time.Second))
		if a.Unit != unit && (a.Unit != "" || unit != "s") {
			a.RefreshUnit = unit
			p.guessed("answer.refresh_unit", unit, "as its size suggests")
		}
		return
	}
	p.note("guessed: nothing states how long the refresh token lives, so expiry cannot be judged")
}

func (p *prober) cookieLife() {
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
}
