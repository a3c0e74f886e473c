package conformance

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// token is a secret that the target gave out, under the pseudonym that reports show: family, kind, generation.
type token struct {
	value  string
	family int
	kind   byte // 'R' refresh, 'A' access
	gen    int
	twin   int // the second, third … child of one token: R1, then R1′
	parent *token
	spent  bool // a refresh token that was rotated
	replay bool // and then presented again
	from   int  // the replica that gave it out; 0: there are none

	luggage *luggage // what came along
}

// pseudonym names the token uniquely in the run: ‹#3.R1›. [aliases] turns the family's number into a letter of the story.
func (t *token) pseudonym() string {
	if t == nil {
		return "‹none›"
	}
	return fmt.Sprintf("‹#%d.%c%d%s›", t.family, t.kind, t.gen, strings.Repeat("′", t.twin))
}

func (t *token) String() string { return t.pseudonym() }

// secrets knows every secret value of a run. Reports replace the values wherever they occur, in any field, so that nothing
// leaks through a place that nobody thought of, and a reader can still follow who presented what.
type secrets struct {
	tokens   map[string]*token
	twins    map[token]int     // how many tokens there are of a family, kind and generation
	names    map[string]string // secret value → pseudonym, parts of tokens and other spellings included
	altered  map[string]string // what stories made of secrets, or made up, → pseudonym
	families int
	redactor *strings.Replacer // of names; nil: stale
}

func newSecrets() *secrets {
	return &secrets{tokens: map[string]*token{}, twins: map[token]int{}, names: map[string]string{}, altered: map[string]string{}}
}

// What is shorter would hide ordinary words.
const (
	shortestSecret = 4
	shortestID     = 8
)

// hide registers a value that must never appear in a report, and that no answer brought.
func (s *secrets) hide(value, pseudonym string) {
	if len(value) >= shortestSecret && s.names[value] == "" {
		s.altered[value] = pseudonym
	}
	s.name(value, pseudonym)
}

// name gives a value its pseudonym, however it is spelled.
func (s *secrets) name(value, pseudonym string) {
	if len(value) < shortestSecret || s.names[value] != "" {
		return
	}
	for _, spelling := range spellings(value) {
		if s.names[spelling] == "" {
			s.names[spelling] = pseudonym
		}
	}
	s.redactor = nil
}

// spellings are the value as it is, as a form, a URL, JSON and base64 spell it.
func spellings(value string) []string {
	form, inner := url.QueryEscape(value), jsonInner(value)
	all := []string{value, base64.RawStdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value))}
	if form != value {
		all = append(all, form, percentLower(form), url.PathEscape(value), strings.ReplaceAll(form, "+", "%20"))
	}
	for _, other := range []string{inner, strings.ReplaceAll(inner, "/", `\/`), asciiOnly(inner), strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(inner)} {
		if other != value {
			all = append(all, other)
		}
	}
	return all
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

func percentLower(s string) string { return percent.ReplaceAllStringFunc(s, strings.ToLower) }

// jsonInner is the value between the quotes of a JSON string.
func jsonInner(value string) string {
	text := jsonText(value)
	return text[1 : len(text)-1]
}

// asciiOnly is a JSON text with an escape for every character beyond ASCII.
func asciiOnly(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < 0x80 {
			b.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// hideLong hides a value that is long enough to be a secret.
func (s *secrets) hideLong(value, name string) {
	if len(value) >= 8 {
		s.hide(value, "‹"+name+"›")
	}
}

func (s *secrets) learn(t token) *token {
	if known := s.tokens[t.value]; known != nil {
		return known
	}
	place := token{family: t.family, kind: t.kind, gen: t.gen}
	t.twin = s.twins[place]
	s.twins[place]++
	p := &t
	s.tokens[t.value] = p
	s.name(t.value, p.pseudonym())
	part := func(name string) string { return strings.TrimSuffix(p.pseudonym(), "›") + ":" + name + "›" }
	if parts := strings.Split(t.value, "."); len(parts) == 3 { // a JWT's claims and signature leak as well as the whole
		s.name(parts[1], part("claims"))
		s.name(parts[2], part("signature"))
	}
	if j, is := parseJWT(t.value); is { // and so does the name by which a server finds it
		if id, _ := j.claims["jti"].(string); len(id) >= shortestID {
			s.name(id, part("jti"))
		}
	}
	return p
}

// login learns the tokens of a new family.
func (s *secrets) login(refresh, access string) (r, a *token) {
	s.families++
	if refresh != "" {
		r = s.learn(token{value: refresh, family: s.families, kind: 'R'})
	}
	if access != "" {
		a = s.learn(token{value: access, family: s.families, kind: 'A'})
	}
	return r, a
}

// rotation learns the tokens that presenting parent earned; parent nil: a family of their own.
func (s *secrets) rotation(parent *token, refresh, access string) (r, a *token) {
	if parent == nil {
		return s.login(refresh, access)
	}
	if refresh != "" {
		r = s.learn(token{value: refresh, family: parent.family, kind: 'R', gen: parent.gen + 1, parent: parent})
	}
	if access != "" {
		a = s.learn(token{value: access, family: parent.family, kind: 'A', gen: parent.gen + 1})
	}
	if r != nil && r != parent {
		parent.spent = true
	}
	return r, a
}

// redact replaces every secret by its pseudonym, longer ones first.
func (s *secrets) redact(text string) string {
	if s.redactor == nil {
		values := make([]string, 0, len(s.names))
		for v := range s.names {
			values = append(values, v)
		}
		slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
		pairs := make([]string, 0, 2*len(values))
		for _, v := range values {
			pairs = append(pairs, v, s.names[v])
		}
		s.redactor = strings.NewReplacer(pairs...)
	}
	return s.redactor.Replace(text)
}

// lineage draws the families that occur in a story: a: R0 ─ R1 ─ R2 (live)   presented again: R0.
func lineage(tokens []*token) []string {
	children := map[*token][]*token{}
	var roots, again []*token
	for _, t := range tokens {
		if t.kind != 'R' {
			continue
		}
		if t.parent == nil || !slices.Contains(tokens, t.parent) {
			roots = append(roots, t)
		} else {
			children[t.parent] = append(children[t.parent], t)
		}
		if t.replay {
			again = append(again, t)
		}
	}
	var lines []string
	for _, root := range roots {
		line := fmt.Sprintf("#%d: %s", root.family, branch(root, children))
		var names []string
		for _, t := range again {
			if t.family == root.family {
				names = append(names, short(t))
			}
		}
		if names != nil {
			line += "   presented again: " + strings.Join(names, ", ")
		}
		lines = append(lines, line)
	}
	return lines
}

func branch(t *token, children map[*token][]*token) string {
	kids := children[t]
	switch len(kids) {
	case 0:
		return short(t)
	case 1:
		return short(t) + " ─ " + branch(kids[0], children)
	}
	parts := make([]string, len(kids))
	for i, k := range kids {
		parts[i] = branch(k, children)
		if strings.Contains(parts[i], "┬") {
			parts[i] = "(" + parts[i] + ")" // so that it is clear where each branch belongs
		}
	}
	return short(t) + " ─┬ " + strings.Join(parts, "  └ ")
}

func short(t *token) string {
	return fmt.Sprintf("%c%d%s", t.kind, t.gen, strings.Repeat("′", t.twin))
}

var familyNumber = regexp.MustCompile(`#(\d+)([.:])`)

// aliases turns the run-wide family numbers into the letters of one story, in order of appearance.
type aliases map[string]string

func (a aliases) apply(text string) string {
	return familyNumber.ReplaceAllStringFunc(text, func(m string) string {
		sub := familyNumber.FindStringSubmatch(m)
		if a[sub[1]] == "" {
			a[sub[1]] = letters(len(a))
		}
		return a[sub[1]] + sub[2]
	})
}

func letters(n int) string {
	s := string(rune('a' + n%26))
	if n >= 26 {
		return letters(n/26-1) + s
	}
	return s
}
