package conformance

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// words finds the secrets in a request, and says how a script spells each: as a variable, or as what a function makes of one.
type words struct {
	run     *run
	show    func(string) string
	secrets []*secret
	marks   *strings.Replacer // every spelling of a secret → its number between two marks
	carried map[*exchange][]*token
	packed  bool // something goes along with the tokens
}

// secret is a value that stands in no script.
type secret struct {
	value    string
	shell    string   // "$A_R1"; "": not known yet
	tokens   []*token // that the script must have for it
	env      string   // the environment variable that the script asks for
	what     string   // … and what it is
	password bool
	luggage  string // where the answer holds it that brought the token with which it goes along
	unknown  bool   // how it is made: only who runs the script can give it
}

// Marks that no request holds: private use.
const (
	markBegin = "\ue000"
	markRaw   = "\ue001" // ends a mark of a value as it is
	markForm  = "\ue002" // … of one that is spelled for a form
	markJSON  = "\ue003" // … of one that is spelled for JSON
)

var notName = regexp.MustCompile(`[^A-Za-z0-9]+`)

var marked = regexp.MustCompile(markBegin + `(\d+)([` + markRaw + markForm + markJSON + `])`)

func newWords(r *run, show func(string) string) *words {
	w := &words{run: r, show: show, carried: map[*exchange][]*token{}}
	for i, u := range r.opts.Users {
		env := fmt.Sprintf("PASSWORD_%d", i+1)
		w.secrets = append(w.secrets, &secret{value: u.Password, shell: "$" + env, env: env, what: "the password of " + u.Email, password: true})
	}
	if r.opts.JWTSecret != "" {
		w.secrets = append(w.secrets, &secret{value: r.opts.JWTSecret, shell: "$JWT_SECRET", env: "JWT_SECRET", what: "the secret that signs access tokens"})
	}
	fixed := r.opts.Profile.secrets()
	for _, value := range slices.Sorted(maps.Keys(fixed)) {
		env := strings.ToUpper(notName.ReplaceAllString(fixed[value], "_"))
		w.secrets = append(w.secrets, &secret{value: value, shell: "$" + env, env: env, what: "the profile's " + fixed[value]})
	}
	var parts []*secret
	for _, value := range slices.Sorted(maps.Keys(r.secrets.tokens)) {
		t := r.secrets.tokens[value]
		name := "$" + w.variable(t)
		w.secrets = append(w.secrets, &secret{value: value, shell: name, tokens: []*token{t}})
		if p := strings.Split(value, "."); len(p) == 3 {
			for i := range 2 {
				parts = append(parts, &secret{value: p[i+1], shell: fmt.Sprintf(`$(segment %d "%s")`, i+2, name), tokens: []*token{t}})
			}
		}
	}
	w.secrets = append(w.secrets, &secret{value: controlRefresh, shell: "$CONTROL_REFRESH"}, &secret{value: controlAccess, shell: "$CONTROL_ACCESS"})
	luggage := w.luggageSecrets()
	w.packed = luggage != nil
	w.secrets = append(w.secrets, luggage...)
	w.index()
	for _, value := range slices.Sorted(maps.Keys(r.secrets.altered)) {
		if w.marks.Replace(value) == value { // else it is a known one with something around it
			w.secrets = append(w.secrets, &secret{value: value, what: show(r.secrets.altered[value])})
		}
	}
	w.secrets = append(w.secrets, parts...)
	w.index()
	return w
}

// index makes the marks: longer values first.
func (w *words) index() {
	type spelling struct{ text, mark string }
	var all []spelling
	known := map[string]bool{}
	for i, s := range w.secrets {
		for _, sp := range []spelling{{s.value, markRaw}, {url.QueryEscape(s.value), markForm}, {jsonInner(s.value), markJSON}} {
			if len(sp.text) >= shortestSecret && !known[sp.text] {
				known[sp.text] = true
				all = append(all, spelling{sp.text, markBegin + strconv.Itoa(i) + sp.mark})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b spelling) int { return cmp.Compare(len(b.text), len(a.text)) })
	pairs := make([]string, 0, 2*len(all))
	for _, sp := range all {
		pairs = append(pairs, sp.text, sp.mark)
	}
	w.marks = strings.NewReplacer(pairs...)
}

// variable is the name of a token in the script: ‹a.R1′› is A_R1_2.
func (w *words) variable(t *token) string {
	name := strings.Trim(w.show(t.pseudonym()), "‹›")
	if twins := strings.Count(name, "′"); twins > 0 {
		name = strings.TrimRight(name, "′") + "_" + strconv.Itoa(twins+1)
	}
	return strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// tokens are those that a script must have to make the request.
func (w *words) tokens(e *exchange) []*token {
	if known, ok := w.carried[e]; ok {
		return known
	}
	var all []*token
	for _, s := range w.in(requestParts(e)) {
		w.derive(s, e)
		for _, t := range s.tokens {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	w.carried[e] = all
	return all
}

func requestParts(e *exchange) string {
	if e.forged != nil {
		return e.forged.of.value
	}
	var b strings.Builder
	b.WriteString(e.path + "\n" + e.body)
	for name, values := range e.header {
		if name == "Cookie" && e.note == browsing {
			continue // whatever the jar holds then
		}
		b.WriteString("\n" + strings.Join(values, "\n"))
	}
	return b.String()
}

// in are the secrets in a text.
func (w *words) in(text string) []*secret {
	var found []*secret
	for _, m := range marked.FindAllStringSubmatch(w.marks.Replace(text), -1) {
		i, _ := strconv.Atoi(m[1]) // index wrote it
		found = append(found, w.secrets[i])
	}
	return found
}

// spot is where in a request a text stands, which decides how a value is spelled there.
type spot int

const (
	inHeader spot = iota
	inForm
	inJSON
)

// shell is the text as one word of the shell.
func (w *words) shell(text string, where spot) string {
	text = w.marks.Replace(text)
	places := marked.FindAllStringSubmatchIndex(text, -1)
	if places == nil && !longRun(text) {
		return quoteShell(text)
	}
	var b strings.Builder
	at := 0
	for _, m := range places {
		i, _ := strconv.Atoi(text[m[2]:m[3]]) // index wrote it
		b.WriteString(doubleQuoted(text[at:m[0]]))
		b.WriteString(w.secrets[i].spelled(where, text[m[4]:m[5]], text[m[1]:]))
		at = m[1]
	}
	b.WriteString(doubleQuoted(text[at:]))
	return `"` + b.String() + `"`
}

// spelled is the secret within double quotes; next is what follows it.
func (s *secret) spelled(where spot, mark, next string) string {
	switch {
	case where == inForm && (s.password || mark == markForm):
		return `$(form_text "` + s.shell + `")`
	case where == inJSON && (s.password || mark == markJSON):
		return `$(json_text "` + s.shell + `")`
	case strings.HasPrefix(s.shell, "$(") || next == "" || !nameByte(next[0]):
		return s.shell
	}
	return "${" + s.shell[1:] + "}"
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// longestRun of one byte that is written out.
const longestRun = 64

func longRun(s string) bool {
	n := 0
	for i := range len(s) {
		if i > 0 && s[i] == s[i-1] {
			n++
		} else {
			n = 1
		}
		if n > longestRun {
			return true
		}
	}
	return false
}

// doubleQuoted escapes a text for double quotes; what cannot stand there stands in $'…' between them, and long runs are made by a function.
func doubleQuoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		run := 1
		for i+run < len(s) && s[i+run] == s[i] {
			run++
		}
		if run > longestRun && s[i] > ' ' && s[i] < 0x7f {
			fmt.Fprintf(&b, "$(repeat %d %s)", run, quoteShell(s[i:i+1]))
			i += run
			continue
		}
		switch c := s[i]; {
		case strings.IndexByte("\\\"$`", c) >= 0:
			b.WriteString(`\` + string(c))
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `"$'\x%02x'"`, c)
		default:
			b.WriteByte(c)
		}
		i++
	}
	return b.String()
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quoteShell is the text as one word without variables.
func quoteShell(s string) string {
	switch {
	case plainWord.MatchString(s):
		return s
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		return `"` + doubleQuoted(s) + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
