package conformance

import (
	"errors"
	"fmt"
	"time"
)

// graces are the ways in which servers answer a spent token that comes back, in words for a reader.
var graces = map[string]string{
	"same":       "it is answered with the same successor again, a grace",
	"sibling":    "it is exchanged for a second successor beside the first, a sibling grace",
	"displacing": "it is exchanged for a second successor that displaces the first, a displacing grace",
	"useless":    "it is exchanged for a token that does not work",
}

// graceOf says which grace an answer to a spent token was; the actor's token is its first successor. The session does not survive the question,
// unless the answer is the same successor.
func (s *Scene) graceOf(v *Actor, answer *exchange) string {
	first := v.refresh
	if answer.refresh == nil || answer.refresh == first {
		return "same"
	}
	second := s.Attacker.RefreshWith(answer.refresh, "does the second successor work?")
	mine := s.Victim.RefreshWith(first, "does the first one?")
	switch {
	case second.rotated() && mine.rotated():
		return "sibling"
	case second.rotated():
		return "displacing"
	}
	return "useless"
}

func graceAnswer() Scenario {
	return Scenario{
		ID: "grace.answer", Title: "Within the grace, the direct parent gets what the profile claims", Level: Must, Stage: 7, NotFor: needsGrace,
		Refs: []Ref{motivatedBy("FAPI 2.0 Security Profile", "§5.3.2.1"), motivatedBy("RFC 9700", "§4.14.2")},
		Why:  "a second tab, or a client whose answer was lost, presents the token that was just rotated; a grace that is not there signs an honest user out",
		Hint: "derive the same successor again from the token that is presented; make no second one",
		Checks: []Check{
			{Slug: "parent", Text: "the direct parent, presented again at once, is answered, or refused without effect, as claimed"},
			{Slug: "answer", Text: "the answer is the one that is claimed: the same successor, a sibling, or one that displaces the first"},
			{Slug: "lives", Text: "the session goes on afterwards"},
			{Slug: "lost-answer", Text: "a refresh whose answer was lost can be repeated, and the session goes on"},
			{Slug: "bounded", Text: "thirty replays of one token are not all answered", Level: May},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			parent := v.Rotate()
			again := s.SecondTab.RefreshWith(parent, "at once")
			if s.policy().Rotation == "loser-rejected" {
				s.Refused("parent", again)
				for _, slug := range []string{"answer", "lost-answer", "bounded"} {
					s.Skip(slug, "the profile claims that the direct parent is refused")
				}
				e := v.Refresh()
				s.Check("lives", e, e.rotated(), "200", "")
				s.Control()
				return
			}
			s.Accepted("parent", again)
			got, claimed := s.graceOf(v, again), s.policy().GraceAnswer
			s.Check("answer", again, got == claimed, claimed, got+": "+graces[got])
			if got == "same" {
				e := v.Refresh()
				s.Check("lives", e, e.rotated(), "200", "")
			} else if s.Given("the answer brought no token that works", again, s.Attacker.last != nil); true {
				s.Check("lives", s.Attacker.last, s.Attacker.last.rotated(), "200", "")
			}
			s.Control()
			s.loseAnswer(v.SignIn())
			s.Control()
			s.floodGrace(v.NewSession())
			s.Control()
		},
	}
}

// loseAnswer sends a refresh, hangs up before the answer, and repeats it.
func (s *Scene) loseAnswer(v *Actor) {
	lost := v.held("refresh", v.refresh)
	lost.note, lost.dropped = "the client hangs up before the answer", true
	s.drop(lost)
	e := v.RefreshWith(v.refresh, "again, since the answer was lost")
	if s.unknown("lost-answer", e) || !s.Check("lost-answer", e, e.rotated(), "200 with tokens", "") {
		return
	}
	e = v.Refresh()
	s.Check("lost-answer", e, e.rotated(), "200: the session goes on", "")
}

// drop sends a request and hangs up a moment later without reading the answer.
func (s *Scene) drop(e *exchange) {
	s.prepare(e)
	e.sent = time.Now()
	e.err = errors.New("the suite hung up before the answer")
	if conn, err := s.target.client.dial(s.ctx, e); err != nil {
		e.err = err
	} else {
		if _, err := conn.Write(s.target.client.wire(e)); err != nil {
			e.err = err
		}
		time.Sleep(droppedAfter)
		_ = conn.Close() // that is what this is about
	}
	e.took = time.Since(e.sent)
	s.learn(e)
}

// droppedAfter is long enough for the target to begin, and mostly to finish, what it was asked for.
const droppedAfter = 100 * time.Millisecond

func (s *Scene) floodGrace(v *Actor) {
	parent := v.Rotate()
	answered, last := 0, v.last
	for range 30 {
		if last = s.Attacker.RefreshWith(parent, "flood"); !last.accepted() {
			break
		}
		answered++
	}
	s.Check("bounded", last, answered < 30, "a refusal within 30", fmt.Sprintf("%d answers", answered))
}

func graceTheft() Scenario {
	return Scenario{
		ID: "grace.theft", Title: "A theft within the grace is noticed at the next rotation", Level: Must, Stage: 7, NotFor: needsGrace,
		Refs: []Ref{recommendedBy("RFC 9700", "§4.14.2")},
		Why:  "a thief who is quick gets the successor as the owner does; the grace may delay that he is noticed, not prevent it",
		Hint: "there is one chain only: the grace answers for the direct parent, and an older ancestor ends the family",
		Checks: []Check{
			{Slug: "noticed", Text: "when owner and thief go on, one of them is refused"},
			{Slug: "both-out", Text: "and then neither holds a token that works"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			stolen := v.Rotate()
			theft := s.Attacker.RefreshWith(stolen, "stolen, within the grace")
			held := stolen
			if theft.accepted() {
				held = v.refresh
				if theft.refresh != nil {
					held = theft.refresh
				}
			}
			refused := v.Refresh()
			if refused.accepted() {
				v.Rotate()
				refused = s.Attacker.RefreshWith(held, "the thief goes on")
			}
			if !s.Refused("noticed", refused) {
				return
			}
			s.Ended("both-out", v.Refresh())
			s.Ended("both-out", s.Attacker.RefreshWith(held, "does the thief still get in?"))
			s.Control()
		},
	}
}

// shortestGrace is what the stories that wait can measure: requests and the clock hook take seconds themselves.
const shortestGrace = 4

func graceCloses() Scenario {
	return Scenario{
		ID: "grace.closes", Title: "The grace ends when it is claimed to, whatever happens within it", Level: Must, Stage: 7, Needs: NeedGrace, NotFor: needsGrace,
		Refs: []Ref{motivatedBy("the kit's contract", "a grace is anchored at the rotation"), recommendedBy("RFC 9700", "§4.14.2")},
		Why:  "a window that each replay opens anew never closes for a thief who keeps asking",
		Hint: "store when the token was rotated, and compare with that",
		Checks: []Check{
			{Slug: "inside", Text: "within the grace the direct parent is answered, or refused without effect, as claimed"},
			{Slug: "not-extended", Text: "such an answer states no longer life than the rotation left", Level: Should},
			{Slug: "closed", Text: "after it the direct parent is refused"},
			{Slug: "family-dead", Text: "and its return ends the family"},
			{Slug: "anchored", Text: "replays within the grace do not prolong it"},
		},
		Run: func(s *Scene) {
			g, p := s.policy().grace(), s.policy()
			if p.GraceSeconds < shortestGrace {
				s.Control()
				s.Note("a grace of %v is too short to be measured", g)
				return
			}
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			parent, quiet := v.Rotate(), b.Rotate()
			start, life := v.since, v.last
			replay := func(tenths time.Duration, note string) *exchange {
				s.wait(start, g*tenths/10)
				s.inTime(start.Add(g - tick/2))
				return s.SecondTab.RefreshWith(parent, note)
			}
			inside := replay(3, "within the grace")
			if p.Rotation == "loser-rejected" {
				s.Refused("inside", inside)
				s.Skip("not-extended", "the profile claims that the direct parent is refused")
			} else {
				s.Accepted("inside", inside)
				s.notExtended(life, inside)
				if p.GraceAnswer == "same" {
					s.Accepted("inside", replay(6, "within the grace, once more"))
				}
			}
			s.wait(start, g*13/10+tick)
			s.Refused("anchored", s.SecondTab.RefreshWith(parent, "after the grace"))
			s.Refused("closed", s.Attacker.RefreshWith(quiet, "for the first time, after the grace"))
			s.Ended("family-dead", b.Refresh())
			s.Control()
		},
	}
}

// notExtended compares the life that an answer within the grace states with what the rotation left of it.
func (s *Scene) notExtended(rotation, replay *exchange) {
	before, stated := s.target.life(rotation)
	now, again := s.target.life(replay)
	passed := replay.at.Sub(rotation.at)
	if !stated || !again || passed < 3*tick {
		s.Skip("not-extended", "no life is stated, or too little time has passed")
		return
	}
	s.Check("not-extended", replay, now <= before-passed+2*tick, fmt.Sprintf("at most %v", (before-passed+tick).Round(tick)), fmt.Sprint(now))
}

func graceLife() Scenario {
	return Scenario{
		ID: "grace.life", Title: "An answer within the grace prolongs no session", Level: Must, Stage: 8, Needs: NeedTime, NotFor: needsGrace,
		Refs: []Ref{motivatedBy("the kit's contract", "a replay moves no expiry"), recommendedBy("OWASP ASVS 5.0", "7.3.1")},
		Why:  "a session that nobody uses but by replays lives on for whoever replays",
		Hint: "answer from the row as it is; write nothing but the count of replays",
		Checks: []Check{
			{Slug: "ended", Text: "the session ends its idle life after the rotation, although a replay was answered meanwhile"},
		},
		Run: func(s *Scene) {
			g, life := s.policy().grace(), s.target.refreshLife
			if g < 5*tick || g > life {
				s.Control()
				s.Note("a grace of %v is too short, or longer than the session's life of %v, to be told apart", g, life)
				return
			}
			v := s.Victim.NewSession()
			parent := v.Rotate()
			start := v.since
			s.wait(start, g*7/10)
			s.inTime(start.Add(g - tick/2))
			replay := s.SecondTab.RefreshWith(parent, "within the grace")
			last := v.refresh
			if replay.accepted() && replay.refresh != nil {
				last = replay.refresh
			}
			s.wait(start, life+s.run.opts.Leeway+tick)
			s.inTime(start.Add(life + g*7/10 - tick/2))
			s.Refused("ended", v.RefreshWith(last, "after its idle life"))
			s.Control()
		},
	}
}
