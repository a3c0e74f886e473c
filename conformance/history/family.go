package history

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// family is one login as its client sees it, and everything that was asked of it. Tokens are numbers; their values stay in here.
type family struct {
	number int
	start  time.Time // of the soak
	born   time.Time

	mu     sync.Mutex
	tokens []token
	known  map[string]int // value → number
	twins  map[int]int    // how many tokens there are of a generation
	lanes  []bool         // which are busy
	ops    []op           // in the order of their answers
	calls  int
	lost   int  // calls whose outcome is unknown
	ended  bool // by a refused refresh with the newest token, after such calls
}

type token struct {
	value, access string
	generation    int    // rotations since the login
	from          string // the target that gave it out first
	name          string // R3; R3′: another one of that generation
	presented     bool   // ever
}

// op is one call and its answer. It holds no secret.
type op struct {
	in    input
	out   output
	lane  int
	why   string // what the client was up to
	kind  string // the status, or what there was instead
	token string // name
	child string // name, or ""
	at    string // the target, where there are several
	from  string // the target that gave the token out
}

func newFamily(number int, start time.Time, from string, login conformance.Reply) *family {
	f := &family{number: number, start: start, born: time.Now(), known: map[string]int{}, twins: map[int]int{}}
	f.learn(none, from, login)
	return f
}

// learn numbers the token of an answer; fresh: nobody had received it before.
func (f *family) learn(parent int, from string, r conformance.Reply) (number int, fresh bool) {
	if r.Refresh == "" {
		return none, false
	}
	if n, ok := f.known[r.Refresh]; ok {
		if r.Access != "" {
			f.tokens[n].access = r.Access
		}
		return n, false
	}
	t := token{value: r.Refresh, access: r.Access, from: from}
	if parent >= 0 {
		t.generation = f.tokens[parent].generation + 1
	}
	t.name = fmt.Sprintf("R%d", t.generation) + strings.Repeat("′", f.twins[t.generation])
	f.twins[t.generation]++
	f.tokens = append(f.tokens, t)
	f.known[r.Refresh] = len(f.tokens) - 1
	return len(f.tokens) - 1, true
}

// call presents a token and records what came. Calls may overlap.
func (f *family) call(ctx context.Context, target place, in input, why string) (op, conformance.Reply) {
	f.mu.Lock()
	t := &f.tokens[in.token]
	t.presented = true
	value, access, name, from := t.value, t.access, t.name, t.from
	lane := f.takeLane()
	in.number = f.calls
	f.calls++
	f.mu.Unlock()

	in.called = int64(time.Since(f.start))
	var r conformance.Reply
	if in.logout {
		r = target.Logout(ctx, value, access)
	} else {
		r = target.Refresh(ctx, value, access)
	}
	returned := int64(time.Since(f.start))

	f.mu.Lock()
	defer f.mu.Unlock()
	o := op{in: in, out: output{outcome: r.Outcome, child: none, returned: returned}, lane: lane, why: why, kind: r.Kind, token: name, at: target.name, from: from}
	if r.Kind == conformance.ConnectionRefused { // it never arrived
		f.lanes[lane] = false
		return o, r
	}
	if r.Outcome == conformance.Accepted && !in.logout {
		if o.out.child, o.out.fresh = f.learn(in.token, target.name, r); o.out.child >= 0 {
			o.child = f.tokens[o.out.child].name
		}
	}
	if r.Outcome == conformance.Undecided {
		f.lost++ // its lane stays busy, for its effect may be still to come
	} else {
		f.lanes[lane] = false
	}
	f.ops = append(f.ops, o)
	return o, r
}

func (f *family) takeLane() int {
	for i, busy := range f.lanes {
		if !busy {
			f.lanes[i] = true
			return i
		}
	}
	f.lanes = append(f.lanes, true)
	return len(f.lanes) - 1
}

// old reports whether the session has lived for that long, if that is a limit.
func (f *family) old(longest time.Duration) bool { return longest > 0 && time.Since(f.born) > longest }

// newest is the token that came last.
func (f *family) newest() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.tokens) - 1
}

// leaves are the tokens that were never presented, and the newest.
func (f *family) leaves() (found []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, t := range f.tokens {
		if !t.presented || i == len(f.tokens)-1 {
			found = append(found, i)
		}
	}
	return found
}

// lostAfter: the newest token was refused, after so many calls whose outcome is unknown. After none, the history is impossible.
func (f *family) lostAfter(unknown int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = unknown > 0
}

// size is how many calls there were, and how many have an unknown outcome.
func (f *family) size() (calls, lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, f.lost
}
