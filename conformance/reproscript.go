package conformance

import (
	"embed"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed repro/*.sh
var shellFiles embed.FS

// text is the script: what it is, the story, how the target spells things, the functions that it uses, and the verdict.
func (sc *script) text() string {
	story := sc.story()
	control := sc.control()
	code := story + sc.spelling() + control + "verdict\n"
	var b strings.Builder
	b.WriteString(sc.head())
	b.WriteString("\n" + story + "\n# What else it needs.\n\n" + sc.spelling() + "\n" + control + "\n" + shellFunctions(code))
	b.WriteString("\n" + sc.course())
	return b.String()
}

// head says what the script is and what it takes.
func (sc *script) head() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	s := sc.scene
	p("#!/usr/bin/env bash\n# %s: %s\n#\n", s.scenario.ID, s.say(s.scenario.Title))
	for _, w := range sc.wants {
		p("#   %s %s: %s\n#     wanted %s; the suite got %s at step %d\n", w.Level, w.slug, w.Text, comment(sc.show(s.say(w.Want))), comment(sc.show(w.Got)), w.at.n)
	}
	p("#\n# Plays the story again with curl, as the conformance suite %s played it, and judges again what failed then.\n", Version())
	p("# Exit 1: the bug shows. 0: it does not. 2: cannot tell, and why.\n#\n")
	p("# No token and no password stands here: tokens come out of the answers, and this out of the environment.\n")
	for _, a := range sc.asked() {
		p("#   %-12s %s\n", a[0], a[1])
	}
	for _, s := range sc.unknown() {
		p("#   %-12s %s, which this script cannot make; without it the step is left out\n", s.env, comment(s.what))
	}
	for i, base := range sc.bases() {
		env, _ := baseNames(i)
		p("#   %-12s instead of %s\n", env, base)
	}
	for _, command := range []string{"ADMIN", "RESTART", "OUTAGE"} {
		if slices.ContainsFunc(sc.acts, func(a *act) bool { return a.event != "" && operation(a.exchange)[0] == command }) {
			p("#   %-12s a shell command, as the suite's -%s takes it; without it the script waits for somebody to do it\n", command, strings.ToLower(command))
		}
	}
	if slices.ContainsFunc(sc.acts, func(a *act) bool { return a.paused > 0 }) {
		p("#\n# It waits for tokens to expire. The suite had other stories wait at the same time; if the bug does not show here, they had a part in it.\n#\n")
		p("#   ADVANCE      a shell command that moves the target's clock by $SECONDS_TO_ADVANCE; without it the script waits\n")
	}
	return b.String()
}

// comment is a text that cannot leave its line.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// baseNames are the environment variable and the script's own for each of the targets.
func baseNames(i int) (env, name string) {
	if i == 0 {
		return "TARGET", "base"
	}
	return fmt.Sprintf("TARGET_%d", i+1), fmt.Sprintf("base_%d", i+1)
}

// bases are the targets of the script's exchanges, replicas and a target for expiry included.
func (sc *script) bases() []string {
	var all []string
	for _, a := range sc.acts {
		if a.event != "" {
			continue
		}
		if base := baseOf(a.exchange); !slices.Contains(all, base) {
			all = append(all, base)
		}
	}
	return all
}

func baseOf(e *exchange) string { return strings.TrimSuffix(e.target.client.at(e).Redacted(), "/") }

// asked are the environment variables that the script must be given, with what they are.
func (sc *script) asked() [][2]string {
	what := map[string]string{}
	for _, e := range append(sc.controls(), sc.exchanges()...) {
		for _, s := range sc.words.in(requestParts(e)) {
			if s.env != "" && !s.unknown {
				what[s.env] = s.what
			}
		}
		if e.forged != nil {
			what["JWT_SECRET"] = "the secret that signs access tokens"
		}
	}
	var all [][2]string
	for _, name := range slices.Sorted(maps.Keys(what)) {
		all = append(all, [2]string{name, what[name]})
	}
	return all
}

// unknown are the values of which nobody knows how they were made.
func (sc *script) unknown() []*secret {
	var all []*secret
	for _, e := range sc.exchanges() {
		for _, s := range sc.words.in(requestParts(e)) {
			if s.unknown && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

func (sc *script) exchanges() []*exchange {
	var all []*exchange
	for _, a := range sc.acts {
		all = append(all, a.exchange)
	}
	return all
}

// course is what the script does when it has said everything.
func (sc *script) course() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	for _, a := range sc.asked() {
		p("ask %s %s\n", a[0], quoteShell(a[1]))
	}
	for i, base := range sc.bases() {
		env, name := baseNames(i)
		p("%s=${%s:-%s}\n", name, env, quoteShell(base))
	}
	t := sc.wants[0].at.target
	cookie := t.cookieName
	if !t.profile.inCookie() {
		cookie = ""
	}
	p("cookie=%s agent=%s\n", quoteShell(cookie), quoteShell("conformance ("+sc.scene.scenario.ID+", again)"))
	p("shown='' fine='' unclear='' keep=''\n")
	p("command -v curl >/dev/null || cannot 'curl is not installed'\n")
	p("command -v python3 >/dev/null || cannot 'python3 is not installed, and reads the JSON of the answers'\n")
	p("work=$(mktemp -d)\ntrap '[ -n \"$keep\" ] || rm -rf \"$work\"' EXIT\n\n")
	if !slices.ContainsFunc(sc.acts, func(a *act) bool { return a.race > 0 }) {
		p("story\nverdict\n")
		return b.String()
	}
	p("# A race is chance: it is run until the bug shows, at most $ATTEMPTS times.\n")
	p("for attempt in $(seq \"${ATTEMPTS:-%d}\"); do\n  printf '\\nattempt %%s\\n' \"$attempt\"\n  rm -f \"$work\"/*\n  story\n  [ -z \"$shown\" ] || break\ndone\nverdict\n", attempts)
	return b.String()
}

const attempts = 12

// Tokens of the control, which no target gives out.
const (
	controlRefresh = "control-refresh-token-\ue004"
	controlAccess  = "control-access-token-\ue004"
)

// controls are a login of another user and a refresh.
func (sc *script) controls() []*exchange {
	t := sc.wants[len(sc.wants)-1].at.target
	s := &Scene{ctx: sc.scene.ctx, run: sc.scene.run, target: t, scenario: sc.scene.scenario}
	a := s.actor("other user", t.users[1])
	login := a.login(a.user.Email, a.user.Password, "")
	a.access = &token{value: controlAccess}
	refresh := a.call("refresh", "")
	refresh.presented = &token{value: controlRefresh, luggage: &luggage{access: a.access}}
	if t.last != nil {
		refresh.presented.luggage.words, refresh.presented.luggage.cookies = t.last.words, t.last.cookies
	}
	a.present(refresh, controlRefresh)
	s.prepare(login)
	s.prepare(refresh)
	return []*exchange{login, refresh}
}

func (sc *script) control() string {
	pair := sc.controls()
	return fmt.Sprintf(`# turn ID REFRESH ACCESS refreshes a session.
turn() {
  # shellcheck disable=SC2034 # not every target wants both
  CONTROL_REFRESH=$2 CONTROL_ACCESS=$3
  %s
}

# control: refusals prove nothing at a target that refuses everybody.
control() {
  step control 'other user: login, and a refresh'
  %s
  need control "$(refresh control)"
  turn control "$(refresh control)" "$(access control)"
  accepted control || cannot "the control failed: another user cannot refresh either (status $(status control))"
}
`, sc.send(`"$1"`, pair[1]), sc.send("control", pair[0]))
}

var (
	shellString = regexp.MustCompile(`'[^']*'`)
	shellWord   = regexp.MustCompile(`[a-z][a-z0-9_]*`)
	shellNote   = regexp.MustCompile(`(?m)^ *#.*$`)
	shellPython = regexp.MustCompile(`(?s)<<'PYTHON'.*?\nPYTHON\n`)
)

// shellFunctions are those that the code calls, and those that they call.
func shellFunctions(code string) string {
	blocks := map[string]string{}
	var order []string
	for _, f := range []string{"play.sh", "judge.sh", "cookie.sh", "token.sh"} {
		raw, _ := shellFiles.ReadFile("repro/" + f) // embedded
		for _, block := range strings.Split(strings.TrimSpace(string(raw)), "\n\n") {
			name, _, _ := strings.Cut(shellNote.ReplaceAllString(block, ""), "(")
			name = strings.TrimSpace(name)
			blocks[name] = block
			order = append(order, name)
		}
	}
	used := map[string]bool{}
	var use func(string)
	use = func(code string) {
		code = strings.ReplaceAll(code, `'\''`, "")
		code = shellString.ReplaceAllString(shellPython.ReplaceAllString(shellNote.ReplaceAllString(code, ""), ""), "")
		for _, word := range shellWord.FindAllString(code, -1) {
			if blocks[word] != "" && !used[word] {
				used[word] = true
				use(blocks[word])
			}
		}
	}
	use(code + "\nask cannot step send\n")
	var b strings.Builder
	for _, name := range order {
		if used[name] {
			b.WriteString(blocks[name] + "\n\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// send is the command that makes a request.
func (sc *script) send(id string, e *exchange) string {
	if e.call == "raw" {
		return sc.raw(id, e)
	}
	for _, s := range sc.words.in(requestParts(e)) {
		sc.words.derive(s, e) // what goes along with a token depends on the token
	}
	args := []string{"send", id, e.call, e.method, sc.address(e)}
	for _, name := range slices.Sorted(maps.Keys(e.header)) {
		for _, v := range e.header[name] {
			switch {
			case name == "User-Agent":
			case name == "Authorization" && e.forged != nil:
				args = append(args, "-H", sc.words.bearer(e))
			case name == "Cookie" && e.note == browsing:
				args = append(args, "-H", sc.jar(e))
			default:
				args = append(args, "-H", sc.words.shell(name+": "+v, inHeader))
			}
		}
	}
	first := ""
	if e.body != "" {
		if e.header.Get("Content-Type") == "" {
			args = append(args, "-H", "'Content-Type:'")
		}
		where := inJSON
		if strings.HasPrefix(e.header.Get("Content-Type"), "application/x-www-form-urlencoded") && !strings.HasPrefix(e.body, "{") {
			where = inForm
		}
		body := sc.words.shell(e.body, where)
		if len(e.body) > largeBody || e.body[0] == '@' {
			first = `printf %s ` + body + ` >"$work/body-` + id + "\"\n  "
			body = `@"$work/body-` + id + `"`
		}
		args = append(args, "--data-binary", body)
	}
	if e.presented != nil && sc.words.packed {
		args = slices.Insert(args, 0, `presented="$`+sc.presenting(e)+`"`)
	}
	return first + strings.Join(args, " ")
}

// presenting is the variable of the token that an exchange presents.
func (sc *script) presenting(e *exchange) string {
	if e.presented.value == controlRefresh {
		return "CONTROL_REFRESH"
	}
	return sc.words.variable(e.presented)
}

// jar is the Cookie header that a browser sends after the actor's answers until then.
func (sc *script) jar(e *exchange) string {
	ids := ""
	for _, a := range sc.acts {
		if a.exchange == e {
			break
		}
		if a.who == e.who && a.event == "" {
			ids += " " + a.id
		}
	}
	return `"Cookie: $(jar ` + quoteShell(e.path) + ids + `)"`
}

// largeBody is more than a command line may hold.
const largeBody = 60_000

// raw is the command that sends what curl would not: a format of printf.
func (sc *script) raw(id string, e *exchange) string {
	wire := string(e.target.client.wire(e))
	var b strings.Builder
	for i := range len(wire) {
		switch c := wire[i]; {
		case c == '%':
			b.WriteString("%%")
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\'' || c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "raw " + id + " " + e.call + " '" + b.String() + "'"
}

// address is the URL as a word of the shell.
func (sc *script) address(e *exchange) string {
	_, name := baseNames(max(0, slices.Index(sc.bases(), baseOf(e))))
	u := e.target.client.to(e)
	rest := strings.TrimPrefix(u.EscapedPath(), strings.TrimSuffix((&url.URL{Path: e.target.client.at(e).Path}).EscapedPath(), "/"))
	if u.RawQuery != "" {
		rest += "?" + u.RawQuery
	}
	word := sc.words.shell(rest, inForm)
	if strings.HasPrefix(word, `"`) {
		return `"$` + name + word[1:]
	}
	return `"$` + name + `"` + word
}

// seconds rounds a wait up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
