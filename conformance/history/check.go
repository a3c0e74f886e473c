package history

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// checker judges histories of one dialect.
type checker struct {
	dialect dialect
	timeout time.Duration // of one judgement
}

// model is the family as porcupine wants it.
func (d dialect) model(from state) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{from} },
		Step: func(s, in, out any) []any {
			var all []any
			for _, next := range d.next(s.(state), in.(input), out.(output)) {
				all = append(all, next)
			}
			return all
		},
	}
	return m.ToModel()
}

// history is a part of a family's life: the state in which it begins, and the calls after that.
type history struct {
	from   state
	before int // calls before it
	ops    []op
}

// whole is the history of a family from its login on, sorted by calls. The calls of a long quiet beginning, which did not overlap and
// rotated one after the other, are taken into account and left out, but for the last of them: what is left is what has to be searched.
func (d dialect) whole(ops []op) history {
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b op) int { return cmp.Compare(a.in.called, b.in.called) })
	h := history{from: state{live: 0, parent: none}, ops: ops}
	quiet := 0
	for quiet+1 < len(ops) && ops[quiet].out.outcome == conformance.Accepted && ops[quiet].out.returned < ops[quiet+1].in.called {
		quiet++
	}
	for range quiet - hideable/2 {
		next := d.next(h.from, h.ops[0].in, h.ops[0].out)
		if len(next) != 1 {
			break
		}
		h.from, h.before, h.ops = next[0], h.before+1, h.ops[1:]
	}
	return h
}

// operations is the history for porcupine. What was not answered may take effect until the end.
func (h history) operations() []porcupine.Operation {
	var end int64
	for _, o := range h.ops {
		end = max(end, o.in.called, o.out.returned)
	}
	all := make([]porcupine.Operation, len(h.ops))
	for i, o := range h.ops {
		returned := o.out.returned
		if o.out.outcome == conformance.Undecided {
			returned = end + 1
		}
		all[i] = porcupine.Operation{ClientId: o.lane, Input: o.in, Call: o.in.called, Output: o.out, Return: returned}
	}
	return all
}

func (c checker) judge(h history) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(c.dialect.model(h.from), h.operations(), c.timeout)
}

// failedClosed: an impossible history may be one in which a refresh had its effect and was refused nevertheless, since another call had ended
// the session meanwhile. A server does so that loses the answer of its database, asks again, and finds the session over.
func (c checker) failedClosed(h history) bool {
	if c.dialect.unpunished { // a call that meets another ends nothing
		return false
	}
	c.dialect.failsClosed = true
	h.ops = slices.Clone(h.ops)
	for i := range h.ops {
		o := &h.ops[i]
		o.out.met = slices.ContainsFunc(h.ops, func(other op) bool {
			return other.in.number != o.in.number && other.in.called <= o.out.returned && o.in.called <= other.out.returned
		})
	}
	return c.judge(h) == porcupine.Ok
}

// upTo is the history as it was known when its n-th answer had come: what was under way then is unknown.
func (h history) upTo(n int) history {
	answers := make([]int64, len(h.ops))
	for i, o := range h.ops {
		answers[i] = o.out.returned
	}
	slices.Sort(answers)
	now := answers[n-1]
	cut := h
	cut.ops = nil
	for _, o := range h.ops {
		if o.in.called > now {
			continue
		}
		if o.out.returned > now {
			o.out, o.kind, o.child = output{outcome: conformance.Undecided, child: none, returned: now}, "under way", ""
		}
		cut.ops = append(cut.ops, o)
	}
	return cut
}

// shortest is the earliest moment at which the history was already impossible.
func (c checker) shortest(h history) history {
	n := sort.Search(len(h.ops), func(i int) bool { return c.judge(h.upTo(i+1)) == porcupine.Illegal })
	return h.upTo(min(n+1, len(h.ops)))
}

// hideable is how many of the last calls are tried one by one; what came before is taken as it was.
const hideable = 60

// hideNeedless hides the answers that do not matter: without knowing them the history is impossible too. What is left cannot be together,
// whatever the others did. It is less when ctx ends.
func (c checker) hideNeedless(ctx context.Context, h history) history {
	h.ops = slices.Clone(h.ops)
	first := max(0, len(h.ops)-hideable)
	for size := len(h.ops) - first; size > 0; size /= 2 {
		for at := first; at < len(h.ops) && ctx.Err() == nil; at += size {
			tried := h
			tried.ops = slices.Clone(h.ops)
			for i := at; i < min(at+size, len(h.ops)); i++ {
				tried.ops[i].out.hidden = true
			}
			if c.judge(tried) == porcupine.Illegal {
				h = tried
			}
		}
	}
	return h
}
