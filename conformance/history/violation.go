package history

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html"
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
	Means   string // for whom, and what to look at
	Story   string // of the suite, that is about it
	Like    int    // how many other sessions that were explained say the same
	Drawing string // the calls that cannot be together, over time
	checker checker
	history history // shortest, needless answers hidden
	closed  bool    // it failed closed
}

// explain finds the shortest part of each of the shortest impossible histories that is still impossible, and keeps the best of each kind.
// When it is in a hurry, since ctx has ended, it finds less.
func (r *Result) explain(ctx context.Context, d dialect) {
	budget := explainTime
	if ctx.Err() != nil {
		budget = explainAtOnce
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	hasty := checker{d, explainAtOnce}
	var all []*Violation
	for _, s := range r.suspects {
		if len(all) > 0 && ctx.Err() != nil {
			break
		}
		v := &Violation{Session: s.number, checker: checker{d, checkTimeout}, history: hasty.hideNeedless(ctx, hasty.shortest(s.history)), closed: s.rank > 0}
		v.Calls = v.history.before + len(v.history.ops)
		v.describe()
		v.Drawing = v.draw()
		all = append(all, v)
	}
	slices.SortStableFunc(all, func(a, b *Violation) int { return len(a.needed()) - len(b.needed()) })
	kinds := map[string]*Violation{}
	for _, v := range all {
		kind := ofOne.ReplaceAllString(v.What, "") + v.Story
		if like := kinds[kind]; like != nil {
			like.Like++
		} else if len(kinds) < shownViolations {
			kinds[kind] = v
			r.Violations = append(r.Violations, v)
		}
	}
	r.suspects = nil
}

// ofOne is what a finding says of one session alone: tokens and targets.
var ofOne = regexp.MustCompile(`R\d+′*|(from|by) \S+`)

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

// shown are the calls that are needed, and those that brought a token which one of them presents, or brought before.
func (v *Violation) shown() []op {
	needed := v.needed()
	return v.chosen(func(o op) bool {
		return !o.out.hidden || o.child != "" && slices.ContainsFunc(needed, func(n op) bool { return n.token == o.child || n.child == o.child })
	})
}

// describe says in words what is wrong, by the last answer that makes the history impossible, what follows from it, and where to read on.
func (v *Violation) describe() {
	needed := v.needed()
	if len(needed) == 0 {
		v.What, v.Means, v.Story = "no order of the calls explains the answers", "the picture shows how far each order leads", "race.refresh"
		return
	}
	last := slices.MaxFunc(needed, func(a, b op) int { return cmp.Compare(a.out.returned, b.out.returned) })
	if last.out.outcome == conformance.Refused {
		v.describeRefused(last)
	} else {
		v.describeAccepted(last, needed)
	}
}

// story is which of two is about it: the one where calls met, that which makes it impossible or that which brought its token.
func (v *Violation) story(last op, met, otherwise string) string {
	overlap := func(a, b op) bool {
		return a.in.number != b.in.number && a.in.called <= b.out.returned && b.in.called <= a.out.returned
	}
	if slices.ContainsFunc(v.needed(), func(n op) bool {
		return overlap(last, n) || slices.ContainsFunc(v.history.ops, func(o op) bool { return o.child == last.token && overlap(o, n) })
	}) {
		return met
	}
	return otherwise
}

func (v *Violation) describeRefused(last op) {
	v.What = "the live token " + last.token + " was refused"
	switch {
	case last.in.logout:
		v.What, v.Story = "a logout with the live token "+last.token+" was refused", "logout.idempotent"
		v.Means = "whoever wants to leave stays signed in"
	case v.closed:
		v.Story = "race.refresh"
		v.Means = "calls met, and nobody won: the user is signed out. Does the loser of a race end the session before the winner has his answer?"
	case last.from != last.at:
		v.What, v.Story = fmt.Sprintf("the live token %s, which came from %s, was refused by %s", last.token, last.from, last.at), "operations.replicas"
		v.Means = "users are signed out. If it happens between targets alone: do all of them have the same signing secret, and the same database?"
	default:
		v.Story = v.story(last, "race.refresh", "rotation.chain")
		v.Means = "a user who did nothing wrong is signed out; something else ended the session, or its token was never kept"
	}
}

func (v *Violation) describeAccepted(last op, needed []op) {
	static := v.checker.dialect.static
	known := last.child != "" && !last.out.fresh && !static // a token that had come before
	some := func(ops []op, which func(op) bool) bool {
		return slices.ContainsFunc(ops, func(o op) bool { return o.in.number != last.in.number && which(o) })
	}
	exchanged := func(o op) bool { return o.out.outcome == conformance.Accepted && !o.in.logout }
	refused := func(o op) bool { return o.out.outcome == conformance.Refused }
	switch {
	case static && last.out.fresh:
		v.What, v.Story = last.token+" was replaced", "policy.rotation"
		v.Means = "the profile claims that refresh tokens stay the same, and these rotate; leave policy.rotation out of it"
	case last.child == "" && !static:
		v.What, v.Story = "the refresh with "+last.token+" brought no token", "rotation.rotates"
		v.Means = "either the token stays good, which the profile has to claim (\"policy\": {\"rotation\": \"none\"}), or its client is left without one"
	case last.child == last.token && !static:
		v.What, v.Story = last.token+" was not replaced", "rotation.rotates"
		v.Means = "a stolen token works as long as the session; a server that means it has to claim it in its profile: \"policy\": {\"rotation\": \"none\"}"
	case known && some(v.history.ops, func(o op) bool { return o.token == last.token && o.child == last.child }) &&
		!some(v.history.ops, func(o op) bool { return exchanged(o) && o.token == last.child }):
		v.What, v.Story = last.token+" was exchanged again, for the same successor "+last.child, "grace.answer"
		v.Means = "a grace for who asks twice, longer than the profile claims or not claimed at all: \"policy\": {\"rotation\": \"grace\", \"grace_seconds\": 10} claims ten seconds (-profile)"
	case known:
		v.What, v.Story = last.token+" was exchanged for "+last.child+", which was not new", "reuse.replay"
		v.Means = "a spent token works, so a copy of it does; no grace goes further back than to the parent of the live token"
	case some(needed, func(o op) bool { return exchanged(o) && o.token == last.token }):
		v.What, v.Story = last.token+" was exchanged twice", v.story(last, "race.refresh", "reuse.replay")
		v.Means = "two clients hold a live token of one session, so a thief stays beside the owner; only one statement that compares and swaps the token lets one win"
	case some(needed, func(o op) bool { return refused(o) && o.token == last.token }):
		v.What, v.Story = last.token+" was exchanged after it had been refused", "reuse.stays-dead"
		v.Means = "a refusal did not last: the end of the session was not kept, was undone, or is not known everywhere"
	case some(needed, func(o op) bool { return o.in.logout }):
		v.What, v.Story = last.token+" was exchanged after the logout", v.story(last, "race.logout", "logout.ends")
		v.Means = "who has logged out is still signed in, on a shared computer for instance; a refresh under way has to look at the end of the session in the statement that rotates"
	case some(needed, refused):
		v.What, v.Story = last.token+" was exchanged after the return of a spent token had been refused, which ends the session", v.story(last, "race.replay", "reuse.revokes-family")
		v.Means = "a theft was noticed, and the thief stays in: the revocation was not committed, missed the newest token, or is not claimed (\"policy\": {\"reuse\": \"none\"})"
	default:
		v.What, v.Story = last.token+" was exchanged although it was not the live token", "reuse.replay"
		v.Means = "a spent token works, so a copy of it does"
	}
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
	at, target := 0, "" // a column for the targets, where there are several
	for _, o := range shown {
		if o.at != "" {
			at, target = max(at, len(o.at)+len(" "), len("target ")), "target"
		}
	}
	fmt.Fprintf(&b, "  %9s  %-4s %-14s %-*s%s\n", "ms", "who", "call", at, target, "answer")
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
		line := fmt.Sprintf("  %9.3f  %-4s %-14s %-*s%-12s %-*s %s%s", float64(o.in.called)/float64(time.Millisecond), lane(o.lane), o.asked(), at, o.at, o.answered(), width, bar, o.why, mark)
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

// HTML writes the finding, and porcupine's own picture of the session below it: every call, and how far each order of them leads.
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
	var picture bytes.Buffer
	if err := porcupine.Visualize(model, info, &picture); err != nil {
		return err
	}
	page := strings.Replace(picture.String(), "<title>Porcupine</title>", "<title>"+html.EscapeString(v.What)+"</title>", 1)
	page = strings.Replace(page, "<body>", "<body>\n"+v.heading(), 1)
	_, err := io.WriteString(w, page)
	return err
}

func (v *Violation) heading() string {
	return fmt.Sprintf(`<div style="font-family: sans-serif; margin: 4em 1em 1em">
<h1 style="font-size: 1.3em">%s</h1>
<p>%s</p>
<p><code>conformance explain %s</code> says more.</p>
<p>Session %d, until its call %d. These answers fit no order, whatever the others were:</p>
<pre>%s</pre>
<p>Below are all of its last calls, a line for each that were under way together; &ldquo;jump to first error&rdquo; goes to the end of the longest order that is
possible, and pointing at a call shows the state after it.</p>
</div>
`, html.EscapeString(v.What), html.EscapeString(v.Means), html.EscapeString(v.Story), v.Session, v.Calls, html.EscapeString(v.Drawing))
}
