package history

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Violation is one session that no order of its calls explains.
type Violation struct {
	Session int    // its number in the soak
	Calls   int    // that it made until then
	What    string // in words
	Like    int    // how many other sessions that were explained say the same
	Drawing string // the calls that cannot be together, over time
	checker checker
	history history // shortest, needless answers hidden
}

// explain finds the shortest part of each of the shortest impossible histories that is still impossible, and keeps the best of each kind.
func (r *Result) explain(c checker) {
	began, all := time.Now(), []*Violation(nil)
	for _, s := range r.suspects {
		if len(all) > 0 && time.Since(began) > explainTime {
			break
		}
		v := &Violation{Session: s.number, checker: c, history: c.hideNeedless(c.shortest(s.history))}
		v.Calls = v.history.before + len(v.history.ops)
		v.What, v.Drawing = v.what(), v.draw()
		all = append(all, v)
	}
	slices.SortStableFunc(all, func(a, b *Violation) int { return len(a.needed()) - len(b.needed()) })
	kinds := map[string]*Violation{}
	for _, v := range all {
		kind := tokenName.ReplaceAllString(v.What, "")
		if like := kinds[kind]; like != nil {
			like.Like++
		} else if len(kinds) < shownViolations {
			kinds[kind] = v
			r.Violations = append(r.Violations, v)
		}
	}
	r.suspects = nil
}

var tokenName = regexp.MustCompile(`R\d+′*`)

// needed are the calls whose answers cannot be together.
func (v *Violation) needed() []op { return v.chosen(func(o op) bool { return !o.out.hidden }) }

// chosen are some of the last calls, those that were tried for need.
func (v *Violation) chosen(which func(op) bool) (chosen []op) {
	ops := v.history.ops
	for _, o := range ops[max(0, len(ops)-hideable):] {
		if which(o) {
			chosen = append(chosen, o)
		}
	}
	return chosen
}

// shown are the calls that are needed, and those that brought a token which one of them presents.
func (v *Violation) shown() []op {
	needed := v.needed()
	return v.chosen(func(o op) bool {
		return !o.out.hidden || o.child != "" && slices.ContainsFunc(needed, func(n op) bool { return n.token == o.child })
	})
}

// what says in words what is wrong, by the last answer that makes the history impossible.
func (v *Violation) what() string {
	needed := v.needed()
	if len(needed) == 0 {
		return "no order of the calls explains the answers"
	}
	last := slices.MaxFunc(needed, func(a, b op) int { return int(a.out.returned - b.out.returned) })
	spentBy := func(o op) bool {
		return o.out.outcome == conformance.Accepted && !o.in.logout && o.token == last.token && o.in.number != last.in.number
	}
	switch {
	case last.out.outcome == conformance.Refused && last.in.logout:
		return "a logout with the live token " + last.token + " was refused"
	case last.out.outcome == conformance.Refused:
		return "the live token " + last.token + " was refused"
	case last.out.outcome == conformance.Accepted && last.child == "" && !v.checker.dialect.static:
		return "the refresh with " + last.token + " brought no token"
	case slices.ContainsFunc(needed, spentBy):
		return last.token + " was exchanged twice"
	case slices.ContainsFunc(needed, func(o op) bool { return o.out.outcome == conformance.Refused && o.token == last.token }):
		return last.token + " was exchanged after it had been refused"
	case slices.ContainsFunc(needed, func(o op) bool { return o.in.logout }):
		return last.token + " was exchanged after the logout"
	case slices.ContainsFunc(needed, func(o op) bool { return o.out.outcome == conformance.Refused }):
		return last.token + " was exchanged after the return of a spent token had been refused, which ends the session"
	case last.child == last.token:
		return last.token + " was not replaced"
	}
	return last.token + " was exchanged although it was not the live token"
}

// width of the drawing of time.
const width = 44

// draw shows the calls line by line, and beside each from when to when it lasted. Time is drawn so that its order shows, not its length.
func (v *Violation) draw() string {
	shown := v.shown()
	var instants []int64
	for _, o := range shown {
		instants = append(instants, o.in.called, o.out.returned)
	}
	slices.Sort(instants)
	instants = slices.Compact(instants)
	column := func(t int64) int { return slices.Index(instants, t) * (width - 1) / max(1, len(instants)-1) }

	var b strings.Builder
	if others := v.Calls - len(shown); others > 0 {
		fmt.Fprintf(&b, "  (its other calls until then do not matter: %d)\n", others)
	}
	fmt.Fprintf(&b, "  %9s  %-4s %-14s %s\n", "ms", "who", "call", "answer")
	for _, o := range shown {
		from, to := column(o.in.called), column(o.out.returned)
		bar := strings.Repeat(" ", from) + "├" + strings.Repeat("─", max(0, to-from-1)) + "┤"
		if o.out.outcome == conformance.Undecided {
			bar = strings.Repeat(" ", from) + "├" + strings.Repeat("╌", max(0, width-from-1))
		}
		mark := ""
		if o.out.hidden {
			mark = "  (for orientation)"
		}
		line := fmt.Sprintf("  %9.3f  %-4s %-14s %-12s %-*s %s%s", float64(o.in.called)/float64(time.Millisecond), lane(o.lane), o.asked(), o.answered(), width, bar, o.why, mark)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (o op) asked() string {
	if o.in.logout {
		return "logout " + o.token
	}
	return "refresh " + o.token
}

func (o op) answered() string { return strings.TrimSpace(o.kind + " " + o.child) }

// lane names one of a session's calls that overlap.
func lane(n int) string {
	if n < 26 {
		return string(rune('A' + n))
	}
	return fmt.Sprint(n)
}

// HTML writes porcupine's own picture of the session: every call, and how far each order of them leads.
func (v *Violation) HTML(w io.Writer) error {
	h := v.history
	h.ops = slices.Clone(h.ops)
	model := v.checker.dialect.model(h.from)
	names := map[int]op{}
	for i := range h.ops {
		h.ops[i].out.hidden = false
		names[h.ops[i].in.number] = h.ops[i]
	}
	model.DescribeOperation = func(in, _ any) string {
		o := names[in.(input).number]
		return o.asked() + " → " + o.answered()
	}
	tokens := map[int]string{none: "none", unseen: "one that nobody received"}
	for _, o := range h.ops {
		tokens[o.in.token], tokens[o.out.child] = o.token, cmp.Or(o.child, tokens[o.out.child])
	}
	model.DescribeState = func(s any) string {
		var all []string
		for _, s := range s.([]any) {
			if s := s.(state); s.over {
				all = append(all, "over")
			} else {
				all = append(all, "live: "+tokens[s.live])
			}
		}
		return strings.Join(all, ", or ")
	}
	_, info := porcupine.CheckOperationsVerbose(model, h.operations(), v.checker.timeout)
	return porcupine.Visualize(model, info, w)
}
