package conformance

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setCookie is one Set-Cookie line, every attribute as it was sent (RFC 6265 section 5.2): net/http's parser would drop
// what it does not like, and what it drops is what we judge.
type setCookie struct {
	Name, Value  string
	Path, Domain string
	HasPath      bool
	HasDomain    bool
	MaxAge       int // seconds
	HasMaxAge    bool
	Expires      time.Time
	HasExpires   bool
	Secure       bool
	HTTPOnly     bool
	SameSite     string // as sent; "" if absent
}

func parseSetCookie(line string) setCookie {
	parts := strings.Split(line, ";")
	name, value, _ := strings.Cut(parts[0], "=")
	c := setCookie{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
	for _, part := range parts[1:] {
		key, val, _ := strings.Cut(strings.TrimSpace(part), "=")
		val = strings.TrimSpace(val)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "path":
			c.Path, c.HasPath = val, true
		case "domain":
			c.Domain, c.HasDomain = strings.ToLower(strings.TrimPrefix(val, ".")), val != ""
		case "max-age":
			if n, err := strconv.Atoi(val); err == nil {
				c.MaxAge, c.HasMaxAge = n, true
			}
		case "expires":
			c.Expires, c.HasExpires = parseCookieDate(val)
		case "secure":
			c.Secure = true
		case "httponly":
			c.HTTPOnly = true
		case "samesite":
			c.SameSite = val
		}
	}
	return c
}

func parseCookieDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST", time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// deletes reports whether a user agent would drop the cookie at once.
func (c setCookie) deletes(now time.Time) bool {
	if c.HasMaxAge {
		return c.MaxAge <= 0
	}
	return c.HasExpires && !c.Expires.After(now)
}

// life is how long a user agent keeps the cookie; false: until the browser closes.
func (c setCookie) life(now time.Time) (time.Duration, bool) {
	switch {
	case c.HasMaxAge:
		return time.Duration(c.MaxAge) * time.Second, true
	case c.HasExpires:
		return c.Expires.Sub(now).Round(time.Second), true
	}
	return 0, false
}

// identity is what a user agent replaces a cookie by (RFC 6265 section 5.3, step 11), and prefix rules aside all that a deletion must repeat.
func (c setCookie) identity() string { return c.Name + "; Path=" + c.Path + "; Domain=" + c.Domain }

// policy is what must stay the same on set, rotation and deletion beside the identity.
func (c setCookie) policy() string {
	s := "SameSite=" + strings.ToLower(c.SameSite)
	if c.Secure {
		s += "; Secure"
	}
	if c.HTTPOnly {
		s += "; HttpOnly"
	}
	return s
}

// jar is a browser's: RFC 6265bis with host-only and domain cookies, paths, Secure and the name prefixes.
type jar struct {
	cookies  []jarCookie
	insecure bool // Secure cookies may go over plain http (loopback where nothing else is said, or asked for)
}

type jarCookie struct {
	setCookie
	path     string
	hostOnly bool
	host     string
	expires  time.Time // zero: session
}

func (j *jar) store(u *url.URL, c setCookie, now time.Time) {
	host := strings.ToLower(u.Hostname())
	trusted := u.Scheme == "https" || j.insecure
	if c.Name == "" || c.Secure && !trusted {
		return
	}
	if c.HasDomain && c.Domain != host && !strings.HasSuffix(host, "."+c.Domain) {
		return
	}
	lower := strings.ToLower(c.Name)
	if strings.HasPrefix(lower, "__secure-") && !c.Secure ||
		strings.HasPrefix(lower, "__host-") && (!c.Secure || c.HasDomain || c.Path != "/") {
		return
	}
	n := jarCookie{setCookie: c, path: c.Path, host: host, hostOnly: !c.HasDomain}
	if !strings.HasPrefix(n.path, "/") {
		n.path = defaultPath(u.Path)
	}
	if c.HasDomain {
		n.host = c.Domain
	}
	if d, ok := c.life(now); ok {
		n.expires = now.Add(d)
	}
	j.put(n, now)
}

// put stores a cookie, or drops the one that it deletes.
func (j *jar) put(n jarCookie, now time.Time) {
	j.cookies = slices.DeleteFunc(j.cookies, func(o jarCookie) bool {
		return o.Name == n.Name && o.path == n.path && o.host == n.host && o.hostOnly == n.hostOnly
	})
	if !n.deletes(now) {
		j.cookies = append(j.cookies, n)
	}
}

// header is the Cookie header for a request to u, longest path first; "" if there is none.
func (j *jar) header(u *url.URL, now time.Time) string {
	var send []jarCookie
	host := strings.ToLower(u.Hostname())
	for _, c := range j.cookies {
		domain := c.host == host || !c.hostOnly && strings.HasSuffix(host, "."+c.host)
		secure := !c.Secure || u.Scheme == "https" || j.insecure
		if domain && secure && pathMatch(u.Path, c.path) && (c.expires.IsZero() || c.expires.After(now)) {
			send = append(send, c)
		}
	}
	slices.SortStableFunc(send, func(a, b jarCookie) int { return len(b.path) - len(a.path) })
	pairs := make([]string, len(send))
	for i, c := range send {
		pairs[i] = c.Name + "=" + c.Value
	}
	return strings.Join(pairs, "; ")
}

func pathMatch(request, cookie string) bool {
	return request == cookie || strings.HasPrefix(request, cookie) && (strings.HasSuffix(cookie, "/") || request[len(cookie)] == '/')
}

func defaultPath(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}
