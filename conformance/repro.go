package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// script makes a story that failed into a shell script that plays it again with curl: the same exchanges in the same order, with whatever the
// target gives out this time, and what failed judged anew. It is made here, where the requests are still known byte for byte, and holds no
// secret: a token is a variable that an earlier answer of the script fills, a password one that the user does.
type script struct {
	scene *Scene
	show  func(string) string
	words *words
	wants []*want
	acts  []*act
}

// act is an exchange of the script.
type act struct {
	*exchange
	id string
}

// script returns "" for a story in which no exchange failed, and for one that curl cannot play; if something failed in it, why says which.
func (s *Scene) script(show func(string) string) (text, why string) {
	wrong := func(c *CheckResult) bool { return c.Verdict == Fail || c.Verdict == Warn }
	failed := func(c *CheckResult) bool { return c.Step > 0 && wrong(c) }
	switch login := s.target.profile.Login; {
	case !slices.ContainsFunc(s.results, wrong):
		return "", ""
	case !slices.ContainsFunc(s.results, failed):
		return "", "no request shows what failed"
	case login.Command != "":
		return "", "the login is a command of the profile"
	case login.First != nil:
		return "", "the login takes several requests"
	}
	sc := &script{scene: s, show: show, words: newWords(s.run, show)}
	for _, c := range s.results {
		if failed(c) {
			sc.wants = append(sc.wants, sc.judged(c, s.run.all[c.Step-1]))
		}
	}
	for _, e := range sc.chosen() {
		if e.dropped {
			return "", fmt.Sprintf("in step %d the suite hangs up before the answer comes, and curl does not", e.n)
		}
		if e.event != "" && operation(e) == nil {
			return "", fmt.Sprintf("step %d is an operator's: %s, with what only the run knew", e.n, e.call)
		}
		sc.acts = append(sc.acts, &act{exchange: e, id: number(e)})
	}
	sc.borrow()
	return sc.text(), ""
}

// chosen are the exchanges to be made again: of each story that a check points into, all up to there. Of a story that races, and repeats
// the race until it has seen enough, only the sessions of the round in question. Controls are left out; the script has its own.
func (sc *script) chosen() []*exchange {
	until, races := map[string]int{}, map[string]int{}
	var judged []*exchange
	for _, w := range sc.wants {
		for _, e := range append(slices.Clone(w.with), w.at) {
			until[e.story] = max(until[e.story], e.n)
			judged = append(judged, e)
			if r := sc.raceOf(e); r > 0 {
				races[e.story] = max(r, races[e.story])
			}
		}
	}
	var all []*exchange
	for _, e := range sc.scene.run.all {
		if e.n <= until[e.story] && (races[e.story] == 0 || sc.inRound(e, races[e.story])) || e.event != "" && until[e.story] > 0 {
			all = append(all, e) // an operator gives back what he took, whatever the story made of it
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(e *exchange) bool {
		return e.note == "control" && !slices.Contains(judged, e) && !sc.used(e, all)
	})
}

// operation is what an operator does, as a variable of the environment that holds a shell command, and what that command gets; nil: what a
// script cannot ask for, such as a password that only the run knew.
func operation(e *exchange) []string {
	action, of, _ := strings.Cut(e.call, " ")
	switch {
	case e.call == "restart":
		return []string{"RESTART"}
	case action == "disable" || action == "enable":
		return []string{"ADMIN", "ACTION=" + action, "EMAIL=" + of}
	case e.call == "the database is away":
		return []string{"OUTAGE", "OUTAGE=begin"}
	case e.call == "the database is back":
		return []string{"OUTAGE", "OUTAGE=end"}
	}
	return nil
}

// used: a later exchange carries what this one brought.
func (sc *script) used(e *exchange, later []*exchange) bool {
	return slices.ContainsFunc(later, func(l *exchange) bool {
		return l.n > e.n && l.note != "control" && slices.ContainsFunc(sc.words.tokens(l), func(t *token) bool { return t == e.refresh || t == e.access })
	})
}

// raceOf is the race that an exchange belongs to: its own, or the last one before it in its story.
func (sc *script) raceOf(e *exchange) int {
	r := 0
	for _, o := range sc.scene.run.all[:e.n] {
		if o.story == e.story {
			r = max(r, o.race)
		}
	}
	return r
}

// inRound: the exchange is of a family that is in the race.
func (sc *script) inRound(e *exchange, race int) bool {
	if e.race == race {
		return true
	}
	return slices.ContainsFunc(sc.scene.run.all, func(o *exchange) bool {
		return o.race == race && o.family() != 0 && o.family() == e.family()
	})
}

// family is the number of the family whose token the exchange carries or begins; 0: none.
func (e *exchange) family() int {
	for _, t := range []*token{e.presented, e.refresh, e.access} {
		if t != nil {
			return t.family
		}
	}
	return 0
}

// borrow puts a login in front for each session that the story has from an earlier one. What it brings takes the place of the token that the
// session was at.
func (sc *script) borrow() {
	brought := map[*token]bool{}
	logins := map[int]*act{} // by family
	var first []*act
	for _, a := range sc.acts {
		for _, t := range sc.words.tokens(a.exchange) {
			if brought[t] {
				continue
			}
			brought[t] = true
			l := logins[t.family]
			if l == nil {
				l = &act{exchange: sc.login(t), id: "login" + strings.Repeat("-again", len(first))}
				logins[t.family] = l
				first = append(first, l)
			}
			if t.kind == 'R' {
				l.refresh = t
			} else {
				l.access = t
			}
		}
		brought[a.refresh], brought[a.access] = true, true
	}
	sc.acts = append(first, sc.acts...)
}

// login is a login of the user to whom a token belongs.
func (sc *script) login(t *token) *exchange {
	all := sc.scene.run.all
	i := slices.IndexFunc(all, func(e *exchange) bool { return e.call == "login" && e.family() == t.family })
	if i < 0 {
		i = 0 // the preflight
	}
	was := all[i]
	s := &Scene{ctx: sc.scene.ctx, run: sc.scene.run, target: was.target, scenario: sc.scene.scenario}
	e := s.actor(map[bool]string{true: "victim", false: "other user"}[was.user == was.target.users[0]], was.user).login(was.user.Email, was.user.Password, "the suite had a session of an earlier story")
	s.prepare(e)
	return e
}
