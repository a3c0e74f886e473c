package conformance

import (
	"fmt"
	"time"
)

// leastMove is a move of the clock that shows in tokens, which state their times in whole seconds.
const leastMove = 3 * time.Second

// waited blocks the story where its wait failed, or where the clock hook did not bring the target to its end.
func (s *Scene) waited(err error) {
	if err != nil {
		s.stop(Inconclusive, "%s: %v", map[bool]string{true: "blocked", false: "the wait ended early"}[s.run.clock.stuck != nil], err)
	}
	s.clockMoved()
}

// clockMoved establishes, once for each target, that the clock hook moved its clock: a new token tells the time. A command that ends well and
// does nothing would let an expired token be accepted, and one that never expired be refused for another reason.
func (s *Scene) clockMoved() {
	c, t := s.run.clock, s.target
	if c.advance == nil || t.first == nil || t.moved || c.offset < leastMove {
		return
	}
	e := t.control(s)
	if e == nil || !e.accepted() {
		return // then the story's own control fails as well
	}
	t.moved = true
	went, by := t.first.until(e, c.offset)
	switch {
	case went >= c.offset/2:
	case by == "":
		s.run.notes = append(s.run.notes, "no token says when it was made, and no Date moved: that the clock hook moves the target's clock is taken on trust")
	default:
		c.stuck = fmt.Errorf("the clock did not move: it was to go on by %v, and the %s of a new token says %v: does the clock hook's command reach the server?",
			c.offset, by, went.Round(time.Second))
		c.offset = 0
		s.stop(Inconclusive, "blocked: %v", c.stuck)
	}
}

// until is how far the target's clock went from one answer to another beside real time, by whatever says the most; by is a claim that the
// tokens state, "" if there is none.
func (e *exchange) until(later *exchange, offset time.Duration) (most time.Duration, by string) {
	real := later.at.Sub(e.at) - offset
	before, after := e.stamps(), later.stamps()
	for _, name := range []string{"iat", "nbf", "exp", "Date", "Expires"} {
		if before[name].IsZero() || after[name].IsZero() {
			continue
		}
		most = max(most, after[name].Sub(before[name])-real)
		if by == "" && name != "Date" && name != "Expires" { // a framework's Date is often the machine's own, and so is what it makes of Max-Age
			by = name
		}
	}
	return most, by
}

// stamps are the times that an answer states.
func (e *exchange) stamps() map[string]time.Time {
	stamps := map[string]time.Time{}
	for _, t := range []*token{e.refresh, e.access} {
		if t == nil {
			continue
		}
		parsed, _ := parseJWT(t.value)
		for _, claim := range []string{"iat", "nbf", "exp"} {
			if at, ok := parsed.time(claim); ok {
				stamps[claim] = time.Unix(int64(at), 0)
			}
		}
	}
	for _, c := range e.cookies {
		if c.HasExpires && !c.deletes(e.now()) {
			stamps["Expires"] = c.Expires
		}
	}
	stamps["Date"] = e.now()
	return stamps
}
