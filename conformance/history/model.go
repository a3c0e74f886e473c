package history

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// dialect is what a family may do where servers legitimately differ. The zero value is the kit's own contract, strict.
type dialect struct {
	grace       time.Duration // how long the parent of the live token gets the same successor again; 0: never
	spares      time.Duration // how long the parent of the live token is refused without effect; 0: never
	static      bool          // a refresh brings no other refresh token
	unpunished  bool          // the return of a spent token ends nothing
	spentStays  bool          // a logout with a spent token ends nothing
	failsClosed bool          // where calls meet, the live token may be refused too, if nothing comes of it any more
	description string
}

// ErrNoModel refuses a policy that this package does not know how to check.
var ErrNoModel = errors.New("no model")

// dialectOf is the dialect that a profile claims.
func dialectOf(p conformance.Policy) (dialect, error) {
	d := dialect{description: cmp.Or(p.Rotation, "strict") + " rotation"}
	grace := time.Duration(p.GraceSeconds) * time.Second
	switch {
	case p.Reuse == "user", p.Logout == "user":
		return d, fmt.Errorf("%w: a soak checks each session by itself, so it cannot judge a profile in which one session ends another (policy reuse or logout is user)", ErrNoModel)
	case p.Rotation == "grace" && cmp.Or(p.GraceAnswer, "same") != "same":
		return d, fmt.Errorf("%w: a soak knows the grace that answers with the same successor, not %s", ErrNoModel, p.GraceAnswer)
	case p.Rotation == "grace":
		d.grace = grace
	case p.Rotation == "loser-rejected":
		d.spares = grace
	case p.Rotation == "none":
		d.static = true
	}
	if p.GraceSeconds > 0 {
		d.description += fmt.Sprintf(" (%v)", grace)
	}
	d.unpunished = p.Reuse == "none" || p.Reuse == "token"
	d.spentStays = p.Logout == "token"
	return d, nil
}

// forgives: a family can outlive a race.
func (d dialect) forgives() bool { return d.grace > 0 || d.spares > 0 || d.static || d.unpunished }

// state is a token family: the one live token, where it came from, and whether it is all over.
type state struct {
	live, parent int   // tokens; unseen: one that nobody has received
	made         int64 // when live was, at the latest; kept only where a while counts from then
	over         bool
}

const (
	none   = -1
	unseen = -2
	never  = math.MaxInt64
)

// input and output are a call and its answer. Times are nanoseconds of the soak.
type input struct {
	number int // of the session's calls
	logout bool
	token  int
	called int64
}

type output struct {
	outcome  conformance.Outcome
	child    int  // the token that came, or none
	fresh    bool // nobody had received it before
	returned int64
	hidden   bool // judge as if the answer were unknown, to find out whether it matters
	met      bool // another call of the session was under way meanwhile
}

// skew is what clocks and queues of the target may add to a while.
const skew = 6 * time.Second

// next is the whole specification: what a family in state s can become by a call with that answer. None: it cannot have been.
func (d dialect) next(s state, in input, out output) []state {
	ended := state{over: true}
	isLive, isParent := !s.over && in.token == s.live, !s.over && in.token == s.parent
	within := func(while time.Duration) bool {
		return while > 0 && (s.made == never || in.called <= s.made+int64(while+skew))
	}
	switch {
	case out.hidden || out.outcome == conformance.Undecided:
		yes, no := out, out
		yes.hidden, yes.outcome, yes.fresh, no.hidden, no.outcome = false, conformance.Accepted, true, false, conformance.Refused
		if out.child == none {
			yes.child = unseen
		}
		if out.outcome == conformance.Undecided {
			yes.returned = never
		}
		return append(append(d.next(s, in, yes), d.next(s, in, no)...), s) // or it did not happen
	case in.logout && out.outcome == conformance.Accepted:
		if !isLive && d.spentStays {
			return []state{s}
		}
		return []state{ended}
	case s.over && out.outcome == conformance.Refused:
		return []state{s}
	case s.over:
		return nil
	case isLive && out.outcome == conformance.Refused:
		return keepIf(d.failsClosed && out.met && !in.logout, ended)
	case out.outcome == conformance.Refused: // of a token that was spent
		switch {
		case in.logout:
			return []state{s, ended}
		case d.unpunished:
			return []state{s}
		case isParent && within(d.spares):
			return []state{s, ended}
		}
		return []state{ended}
	case d.static:
		return keepIf(isLive && (out.child == in.token || out.child < 0), s)
	case isLive:
		child := state{live: out.child, parent: in.token}
		if d.grace+d.spares > 0 {
			child.made = out.returned
		}
		return keepIf(out.fresh && out.child != none, child)
	case isParent && within(d.grace) && (out.child == s.live || out.child == unseen || s.live == unseen):
		if out.child != unseen {
			s.live = out.child
		}
		return []state{s}
	}
	return nil
}

func keepIf(ok bool, s state) []state {
	if !ok {
		return nil
	}
	return []state{s}
}
