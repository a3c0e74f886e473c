package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// story is the function that plays the story.
func (sc *script) story() string {
	var b strings.Builder
	b.WriteString("story() {\n")
	if names := sc.captured(); names != nil {
		b.WriteString("  " + strings.Join(names, "='' ") + "=''\n")
	}
	first := sc.firstJudged() // from then on a healthy target may go another way
	for i := 0; i < len(sc.acts); i++ {
		a := sc.acts[i]
		if a.paused > 0 {
			fmt.Fprintf(&b, "  pause %d%s\n", seconds(a.paused), sc.lifeBefore(i))
		}
		group := sc.acts[i : i+1]
		for a.race > 0 && i+1 < len(sc.acts) && sc.acts[i+1].race == a.race {
			i++
			group = append(group, sc.acts[i])
		}
		switch {
		case len(group) > 1:
			b.WriteString(sc.together(group))
		case a.event != "":
			fmt.Fprintf(&b, "  operator %s %s", a.id, quoteShell(comment(a.call)))
			for _, word := range operation(a.exchange) {
				b.WriteString(" " + quoteShell(word))
			}
			b.WriteString("\n")
		default:
			b.WriteString(sc.one(a, i >= first))
		}
		for _, w := range sc.wants {
			if sc.last(w) == sc.acts[i].exchange {
				b.WriteString("  " + sc.want(w) + "\n")
			}
		}
		if i < len(sc.acts)-1 {
			b.WriteString("\n")
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// lifeBefore is the login that stated how long the session lives which waits, and how long that was: at a target with other lifetimes the script
// waits accordingly.
func (sc *script) lifeBefore(i int) string {
	for _, a := range sc.acts[:i] {
		if a.call != "login" || a.n == 0 || a.family() != sc.acts[i].family() || !a.target.profile.inCookie() {
			continue
		}
		if life, ok := a.target.life(a.exchange); ok && life > 0 {
			return fmt.Sprintf(" %s %d", a.id, int(life.Seconds()))
		}
	}
	return ""
}

// one is a step by itself.
func (sc *script) one(a *act, judged bool) string {
	var b strings.Builder
	step := fmt.Sprintf("step %s %s", a.id, quoteShell(sc.title(a)))
	lines := []string{sc.send(a.id, a.exchange)}
	if gen := a.borrowed(); gen > 0 && gen <= oldest {
		lines = append(lines, fmt.Sprintf("age %s %d", a.id, gen))
	}
	lines = append(lines, fmt.Sprintf("saw %s %s", a.id, quoteShell(sc.then(a))))
	for _, t := range []*token{a.refresh, a.access} {
		if sc.usedAfter(a, t) {
			name := sc.words.variable(t)
			lines = append(lines, fmt.Sprintf("%s=$(%s %s)", name, map[byte]string{'R': "refresh", 'A': "access"}[t.kind], a.id))
			if !judged {
				lines = append(lines, fmt.Sprintf(`need %s "$%s"`, a.id, name))
			}
		}
	}
	needs := ""
	if judged {
		needs = sc.needs(a)
	}
	for _, s := range sc.words.in(requestParts(a.exchange)) {
		if s.unknown {
			needs += ` "${` + s.env + `:-}"`
		}
	}
	if needs == "" {
		b.WriteString("  " + step + "\n")
		for _, l := range lines {
			b.WriteString("  " + l + "\n")
		}
		return b.String()
	}
	b.WriteString("  if " + step + needs + "; then\n")
	for _, l := range lines {
		b.WriteString("    " + strings.ReplaceAll(l, "\n", "\n  ") + "\n")
	}
	b.WriteString("  fi\n")
	return b.String()
}

// together are the steps of a race.
func (sc *script) together(group []*act) string {
	var b strings.Builder
	b.WriteString("  echo\n")
	for _, a := range group {
		fmt.Fprintf(&b, "  racer %s %s\n", a.id, quoteShell(sc.title(a)))
	}
	for _, a := range group {
		send := sc.send(a.id, a.exchange)
		if a.delay > 0 {
			send = fmt.Sprintf("{ sleep %.3f; %s; }", a.delay.Seconds(), send)
		}
		b.WriteString("  " + send + " &\n")
	}
	b.WriteString("  wait\n")
	for _, a := range group {
		fmt.Fprintf(&b, "  saw %s %s %s\n", a.id, quoteShell(sc.then(a)), a.id)
	}
	for _, kind := range []struct{ all, each string }{{"brought", "refresh"}, {"accessed", "access"}} {
		b.WriteString(sc.spoils(group, kind.all, kind.each == "refresh"))
	}
	return b.String()
}

// spoils takes the tokens that a race brought: who of those that presented the same token won is chance.
func (sc *script) spoils(group []*act, function string, refresh bool) string {
	var b strings.Builder
	ids := map[*token]string{}
	names := map[*token][]*token{}
	var order []*token
	for _, a := range group {
		t := a.access
		if refresh {
			t = a.refresh
		}
		if !slices.Contains(order, a.presented) {
			order = append(order, a.presented)
		}
		ids[a.presented] += " " + a.id
		if t != nil && !slices.Contains(names[a.presented], t) {
			names[a.presented] = append(names[a.presented], t)
		}
	}
	for _, presented := range order {
		for i, t := range names[presented] {
			if sc.usedAfter(group[len(group)-1], t) {
				fmt.Fprintf(&b, "  %s=$(%s%s | sed -n %dp)\n", sc.words.variable(t), function, ids[presented], i+1)
			}
		}
	}
	return b.String()
}

// title is who does what.
func (sc *script) title(a *act) string {
	text := a.who + ": " + sc.show(a.did())
	if a.story != sc.scene.scenario.ID {
		text += " (in " + a.story + ")"
	}
	return comment(text)
}

// then is what the suite got.
func (sc *script) then(a *act) string {
	if a.n == 0 {
		return sc.show(a.of().pseudonym())
	}
	return comment(sc.show(a.got()))
}

// of is the token whose place a login takes that stands for an old session.
func (a *act) of() *token {
	if a.refresh != nil {
		return a.refresh
	}
	return a.access
}

// borrowed is how often the session had been refreshed for which the act stands; 0 for any other act.
func (a *act) borrowed() int {
	if a.n > 0 || a.of() == nil {
		return 0
	}
	return a.of().gen
}

// oldest is the number of refreshes to which a session is brought that stands for an old one.
const oldest = 60

// needs are the values that a step cannot do without, as further words of its announcement.
func (sc *script) needs(a *act) string {
	words := ""
	for _, t := range sc.words.tokens(a.exchange) {
		words += ` "$` + sc.words.variable(t) + `"`
	}
	return words
}

// usedAfter: a later act carries the token.
func (sc *script) usedAfter(a *act, t *token) bool {
	if t == nil {
		return false
	}
	return slices.ContainsFunc(sc.acts[slices.Index(sc.acts, a)+1:], func(l *act) bool { return slices.Contains(sc.words.tokens(l.exchange), t) })
}

// captured are the variables that the story sets.
func (sc *script) captured() []string {
	var names []string
	for _, a := range sc.acts {
		for _, t := range sc.words.tokens(a.exchange) {
			if name := sc.words.variable(t); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// firstJudged is the position of the first act that a check is about.
func (sc *script) firstJudged() int {
	return slices.IndexFunc(sc.acts, func(a *act) bool {
		return slices.ContainsFunc(sc.wants, func(w *want) bool { return w.at == a.exchange || slices.Contains(w.with, a.exchange) })
	})
}

// last is the last of the exchanges that a want looks at.
func (sc *script) last(w *want) *exchange {
	return slices.MaxFunc(append(slices.Clone(w.with), w.at), func(a, b *exchange) int { return a.n - b.n })
}

// shared: by then the story presents a token that two logins brought. Which of the two sessions is meant cannot be told, and at a target without
// the bug they are two.
func (sc *script) shared(w *want) bool {
	return slices.ContainsFunc(sc.acts, func(a *act) bool {
		return a.n <= sc.last(w).n && slices.ContainsFunc(sc.words.tokens(a.exchange), func(t *token) bool {
			return slices.ContainsFunc(sc.scene.run.all, func(e *exchange) bool { return e.call == "login" && e.refresh == t && !e.fresh })
		})
	})
}

// want is the command that judges.
func (sc *script) want(w *want) string {
	if sc.shared(w) {
		return "pass_over " + w.slug + " 'two logins brought the same token then, and this story presents it'"
	}
	ids := []string{number(w.at)}
	for _, e := range w.with {
		if id := number(e); w.any && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	words := []string{"want", w.slug, quoteShell(comment(sc.show(sc.scene.say(w.Want)))), quoteShell(strings.Join(ids, " "))}
	for _, word := range w.judge {
		if !strings.HasPrefix(word, `"$`) {
			word = quoteShell(word)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
