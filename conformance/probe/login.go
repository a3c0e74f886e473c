package probe

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

const (
	maxRefusedLogins = 5  // wrong spellings that may have cost a password check
	maxSpellings     = 16 // of one call at one path
)

// wrongPassword is nobody's, and short enough that no server has another reason to refuse it.
const wrongPassword = "certainly-not-the-password"

// candidate is a call that may be the one that is looked for; its body, if any, is the document's.
type candidate struct {
	call conformance.Call
	why  string
}

// loginCandidates lists where the login may be.
func (p *prober) loginCandidates() []candidate {
	if p.opts.Login != "" {
		return []candidate{{p.call(http.MethodPost, p.opts.Login), "given"}}
	}
	list := p.doc.find(p, "login")
	for _, path := range loginPaths {
		list = append(list, candidate{p.call(http.MethodPost, path), "one of the usual places"})
	}
	return list
}

// findLogin knocks at the candidates and logs in at what is there. What cannot be told from nothing comes last.
func (p *prober) findLogin() {
	var later []candidate
	tried := map[string]bool{}
	for _, c := range p.loginCandidates() {
		if p.err != nil || p.login != nil || p.checks >= maxRefusedLogins {
			break
		}
		call, a, o := p.knock(c.call)
		key := call.Method + where(call)
		if tried[key] {
			continue
		}
		tried[key], c.call = true, call
		switch {
		case o == present, o == unclear && c.why != "one of the usual places":
			p.logInAt(c, a)
		case o == unclear && !a.html() && (a.status < 300 || a.status > 399):
			later = append(later, c)
		case p.opts.Login != "":
			p.fail(fmt.Errorf("%w: there is no login at %s: POST answered %s", ErrNotFound, p.opts.Login, a.got()))
		}
	}
	for _, c := range later {
		if p.err == nil && p.login == nil && p.checks < maxRefusedLogins {
			p.logInAt(c, &answer{})
		}
	}
	if p.err == nil && p.login == nil {
		p.fail(p.noLogin())
	}
}

// noLogin says what was tried, and what to do.
func (p *prober) noLogin() error {
	u := p.opts.Run.Users[0].Email
	switch {
	case p.indifferent > 0 && p.indifferent == len(p.tried):
		return fmt.Errorf("%w: a login is answered as a path that does not exist (%d), so it is elsewhere, or says no to %s in the same words; name it with -login PATH, or give an OpenAPI document with -openapi FILE%s", ErrNotFound, p.plain, u, p.attempts())
	case p.checks > 0:
		return fmt.Errorf("%w: no login worked for %s; does the account exist there, and is its password right (-user email:password)? If the login is elsewhere, name it with -login PATH or -openapi FILE%s", ErrNotFound, u, p.attempts())
	case len(p.tried)+len(p.misspelt) > 0:
		return fmt.Errorf("%w: nothing took a login of %s; name its path with -login PATH, or give an OpenAPI document with -openapi FILE%s", ErrNotFound, u, p.attempts())
	case p.plain == http.StatusForbidden:
		return fmt.Errorf("%w: every POST is forbidden (403), as it is behind CSRF protection or a firewall; name the login with -login PATH, and a header that is always the same with -header NAME=VALUE; a value that a request before the login brings is for a profile by hand: docs/profiles.md, logins of several steps", ErrNotFound)
	}
	document := "no OpenAPI document"
	if p.doc.from != "" {
		document = "none in the document " + p.doc.from
	}
	return fmt.Errorf("%w: no login at any of %d usual places, and %s: a POST to a path that does not exist is answered %d, and so are they all, as by a server of files or pages; if this is the right server, name its login with -login PATH, as it may be an unusual one, or give a document with -openapi FILE", ErrNotFound, len(loginPaths), document, p.plain)
}

// logInAt tries the spellings of a login at one path.
func (p *prober) logInAt(c candidate, empty *answer) {
	user := p.opts.Run.Users[0]
	for i, call := range p.loginSpellings(c, empty) {
		if i == maxSpellings || p.checks >= maxRefusedLogins || p.err != nil {
			return
		}
		a := p.send(call, values{email: user.Email, password: user.Password})
		if a.err == nil && a.status != http.StatusUnsupportedMediaType && a.status != http.StatusUnprocessableEntity && a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			p.checks++
		}
		if other, ok := slash(call.Path, a); ok { // some redirect only what they understand
			call.Path = other
			a = p.send(call, values{email: user.Email, password: user.Password})
		}
		same := a.fingerprint(pathOf(call)) == p.nothing[http.MethodPost]
		if p.err == nil && a.ok() && len(a.tokens()) > 0 && !same {
			p.loggedIn(call, a, c.why)
			return
		}
		p.try(call, a)
		if same {
			p.indifferent++
		}
		if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
			return
		}
	}
}

func (p *prober) loggedIn(call conformance.Call, a *answer, why string) {
	p.login, p.profile.Login = a, call
	p.yes = append(p.yes, a)
	p.keep(a)
	p.measured("login.path", where(call), "%s; POST is answered %d with tokens", why, a.status)
	if a.status != http.StatusOK {
		p.profile.Login.OK = []int{a.status}
		p.measured("login.ok", fmt.Sprint(a.status), "where the kit says 200")
	}
	p.measured("login.encoding", call.Encoding, "a login so encoded works")
	p.measured("login.body", strings.Join(names(call.Body), ", "), "%s works", spelling(call))
}

// Names of what a login identifies the user by, the frequent ones first; the later ones are ordinary words in messages, too.
var identifiers = []string{"email", "username", "identifier", "login", "user", "userName", "user_name", "usernameOrEmail", "username_or_email", "emailAddress", "email_address", "emailOrUsername", "mail", "account", "name", "phone"}

// telling are those that no message mentions by chance.
var telling = []string{"email", "username", "identifier", "userName", "user_name", "usernameOrEmail", "username_or_email", "emailAddress", "email_address", "emailOrUsername"}

// loginSpellings lists how a login may be written at a path, the likeliest first: as the document has it, as the answer to an empty one
// suggests, as the path suggests, as most do.
func (p *prober) loginSpellings(c candidate, empty *answer) []conformance.Call {
	words := empty.words()
	password := "password"
	for _, name := range []string{"passwd", "pass", "pwd"} {
		if words[name] && !words["password"] {
			password = name
		}
	}
	type entry struct {
		call conformance.Call
		cost int
	}
	var list []entry
	add := func(cost int, encoding string, body map[string]any) {
		if encoding == "json" && empty.status == http.StatusUnsupportedMediaType {
			cost += 1000
		}
		list = append(list, entry{p.with(c.call, encoding, body), cost})
	}
	if c.call.Body != nil {
		list = append(list, entry{p.with(c.call, c.call.Encoding, c.call.Body), -1000})
	}
	grant := words["grant_type"] || words["invalid_grant"] || words["unsupported_grant_type"] || words["invalid_client"] || words["invalid_request"]
	oauth := grant || strings.Contains(c.call.Path, "oauth") || strings.Contains(c.call.Path, "connect/")
	for i, id := range identifiers {
		cost := 10 * i
		if words[id] && slices.Contains(telling, id) {
			cost -= 200
		}
		add(cost, "json", map[string]any{id: "{email}", password: "{password}"})
		if id == "email" || id == "username" {
			add(cost+15, "form", map[string]any{id: "{email}", password: "{password}"})
			add(cost+60, "json", map[string]any{"user": map[string]any{id: "{email}", password: "{password}"}})
		}
	}
	form := map[string]any{"grant_type": "password", "username": "{email}", "password": "{password}"}
	add(price(oauth, 12, -300), "form", form)
	add(price(oauth, 70, -50), "json", form)
	if strings.Contains(c.call.Path, "/v1/token") || c.call.Path == "/token" { // GoTrue has the grant in the query
		q := c
		q.call.Query = map[string]string{"grant_type": "password"}
		list = append(list, entry{p.with(q.call, "json", map[string]any{"email": "{email}", "password": "{password}"}), price(grant || strings.Contains(c.call.Path, "/v1/token"), 90, -250)})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.cost, b.cost) })
	calls := make([]conformance.Call, len(list))
	for i, e := range list {
		calls[i] = e.call
	}
	return calls
}

func price(likely bool, no, yes int) int {
	if likely {
		return yes
	}
	return no
}

// wrongPassword learns how a login is refused: one wrong password, for the third user if there is one.
func (p *prober) wrongPassword() {
	u := p.opts.Run.Users[min(2, len(p.opts.Run.Users)-1)]
	a := p.send(p.profile.Login, values{email: u.Email, password: wrongPassword})
	p.checks++
	if p.err != nil {
		return
	}
	switch got := a.token(p.accessWhere); {
	case a.err != nil || a.status >= 500:
		p.guessed("login.refused", "401", "a wrong password got %s, which says nothing", a.got())
		return
	case a.ok() && got != "" && got == p.login.token(p.accessWhere):
		p.fail(fmt.Errorf("%w: %s answers a wrong password with the same token as the right one, so this is no login", ErrNotFound, p.profile.Login.Path))
		return
	case a.ok() && got != "":
		p.guessed("login.refused", "401", "a wrong password was ACCEPTED (%d), and the run will say so", a.status)
		return
	}
	p.no = append(p.no, a)
	p.profile.Login.Refused = []int{a.status}
	p.measured("login.refused", fmt.Sprint(a.status), "one wrong password for %s", u.Email)
}

func names(body map[string]any) []string { return slices.Sorted(maps.Keys(body)) }

// spelling says how a call carries what it carries, without values.
func spelling(c conformance.Call) string {
	var parts []string
	if c.Token == "cookie" {
		parts = append(parts, "the cookie")
	}
	if len(c.Body) > 0 {
		parts = append(parts, c.Encoding+" "+strings.Join(nested(c.Body, ""), ", "))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Headers)) {
		parts = append(parts, "header "+k)
	}
	for k, v := range c.Query {
		if strings.Contains(v, "{") {
			parts = append(parts, "query "+k)
		}
	}
	if c.Bearer {
		parts = append(parts, "the access token as bearer")
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, " and ")
}

func nested(body map[string]any, in string) []string {
	var list []string
	for _, k := range names(body) {
		if m, ok := body[k].(map[string]any); ok {
			list = append(list, nested(m, in+k+".")...)
		} else {
			list = append(list, in+k)
		}
	}
	return list
}
