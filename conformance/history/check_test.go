package history

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// at makes an op that lasts from one millisecond to another.
func at(from, to int64, token, child int, outcome conformance.Outcome) op {
	o := op{
		in:  input{token: token, called: from * int64(time.Millisecond)},
		out: output{outcome: outcome, child: child, fresh: child >= 0, returned: to * int64(time.Millisecond)},
	}
	o.token = string(rune('a' + token))
	if child >= 0 {
		o.child = string(rune('a' + child))
	}
	return o
}

func yes(from, to int64, token, child int) op {
	return at(from, to, token, child, conformance.Accepted)
}
func no(from, to int64, token int) op   { return at(from, to, token, none, conformance.Refused) }
func lost(from, to int64, token int) op { return at(from, to, token, none, conformance.Undecided) }
func again(o op) op                     { o.out.fresh = false; return o }
func logout(o op) op                    { o.in.logout = true; o.out.child, o.child = none, ""; return o }

// The tokens of a history are numbered: 0 came with the login.
func TestModel(t *testing.T) {
	strict := dialect{}
	grace := dialect{grace: time.Second}
	spares := dialect{spares: time.Second}
	late := int64((time.Second + skew) / time.Millisecond)
	for _, c := range []struct {
		name    string
		dialect dialect
		ops     []op
		want    porcupine.CheckResult
	}{
		{"rotations", strict, []op{yes(0, 1, 0, 1), yes(2, 3, 1, 2)}, porcupine.Ok},
		{"the live token refused", strict, []op{yes(0, 1, 0, 1), no(2, 3, 1)}, porcupine.Illegal},
		{"no successor", strict, []op{yes(0, 1, 0, none)}, porcupine.Illegal},
		{"the same token", strict, []op{again(yes(0, 1, 0, 0))}, porcupine.Illegal},
		{"spent accepted", strict, []op{yes(0, 1, 0, 1), yes(2, 3, 0, 2)}, porcupine.Illegal},
		{"double spend at once", strict, []op{yes(0, 5, 0, 1), yes(1, 4, 0, 2)}, porcupine.Illegal},
		{"one successor for two", strict, []op{yes(0, 5, 0, 1), again(yes(1, 4, 0, 1))}, porcupine.Illegal},
		{"a race: winner, loser, end", strict, []op{yes(0, 5, 0, 1), no(1, 4, 0), no(6, 7, 1)}, porcupine.Ok},
		{"a race: the loser ends nothing", strict, []op{yes(0, 5, 0, 1), no(1, 4, 0), yes(6, 7, 1, 2)}, porcupine.Illegal},
		{"a replay meets the next rotation", strict, []op{yes(0, 1, 0, 1), no(2, 9, 0), yes(3, 5, 1, 2), no(10, 11, 2)}, porcupine.Ok},
		{"a replay ends what came before it", strict, []op{yes(0, 1, 0, 1), no(2, 3, 0), yes(4, 5, 1, 2)}, porcupine.Illegal},
		{"a logout ends", strict, []op{logout(yes(0, 1, 0, 1)), no(2, 3, 0)}, porcupine.Ok},
		{"a logout that does not", strict, []op{logout(yes(0, 1, 0, 1)), yes(2, 3, 0, 1)}, porcupine.Illegal},
		{"a logout meets a refresh", strict, []op{logout(yes(0, 9, 0, 1)), yes(1, 2, 0, 1), no(10, 11, 1)}, porcupine.Ok},
		{"logouts repeat", strict, []op{logout(yes(0, 1, 0, 1)), logout(yes(2, 3, 0, 1))}, porcupine.Ok},
		{"a logout of the live token refused", strict, []op{logout(no(0, 1, 0))}, porcupine.Illegal},

		{"lost, and did not happen", strict, []op{lost(0, 1, 0), yes(2, 3, 0, 1)}, porcupine.Ok},
		{"lost, and happened", strict, []op{lost(0, 1, 0), no(2, 3, 0), no(4, 5, 0)}, porcupine.Ok},
		{"lost, and happens late", strict, []op{lost(0, 1, 0), yes(2, 3, 0, 1), yes(4, 5, 1, 2), no(6, 7, 2)}, porcupine.Ok},
		{"lost, and explains no double spend", strict, []op{lost(0, 1, 0), yes(2, 3, 0, 1), yes(4, 5, 0, 2)}, porcupine.Illegal},
		{"a lost logout, and did not happen", strict, []op{logout(lost(0, 1, 0)), yes(2, 3, 0, 1)}, porcupine.Ok},
		{"a lost logout, and happens late", strict, []op{logout(lost(0, 1, 0)), yes(2, 3, 0, 1), no(4, 5, 1)}, porcupine.Ok},

		{"grace: the same successor", grace, []op{yes(0, 1, 0, 1), again(yes(2, 3, 0, 1)), yes(4, 5, 1, 2)}, porcupine.Ok},
		{"grace: the replay is heard first", grace, []op{again(yes(0, 9, 0, 1)), yes(1, 2, 0, 1), yes(3, 4, 1, 2)}, porcupine.Ok},
		{"grace: another successor", grace, []op{yes(0, 1, 0, 1), yes(2, 3, 0, 2)}, porcupine.Illegal},
		{"grace: for the parent alone", grace, []op{yes(0, 1, 0, 1), yes(2, 3, 1, 2), again(yes(4, 5, 0, 1))}, porcupine.Illegal},
		{"grace: over", grace, []op{yes(0, 1, 0, 1), no(2, 3, 0), no(4, 5, 1)}, porcupine.Ok},
		{"grace: over, and ends nothing", grace, []op{yes(0, 1, 0, 1), no(2, 3, 0), yes(4, 5, 1, 2)}, porcupine.Illegal},
		{"grace: just in time", grace, []op{yes(0, 1, 0, 1), again(yes(late, late+1, 0, 1))}, porcupine.Ok},
		{"grace: never closes", grace, []op{yes(0, 1, 0, 1), again(yes(late+2, late+3, 0, 1))}, porcupine.Illegal},
		{"grace: brings what was lost", grace, []op{lost(0, 1, 0), yes(2, 3, 0, 1), yes(4, 5, 1, 2)}, porcupine.Ok},
		{"grace: not after the end", grace, []op{yes(0, 1, 0, 1), logout(yes(2, 3, 1, 1)), again(yes(4, 5, 0, 1))}, porcupine.Illegal},

		{"loser-rejected: spared", spares, []op{yes(0, 1, 0, 1), no(2, 3, 0), yes(4, 5, 1, 2)}, porcupine.Ok},
		{"loser-rejected: a grandparent is not", spares, []op{yes(0, 1, 0, 1), yes(2, 3, 1, 2), no(4, 5, 0), yes(6, 7, 2, 3)}, porcupine.Illegal},
		{"loser-rejected: over", spares, []op{yes(0, 1, 0, 1), no(late+2, late+3, 0), yes(late+4, late+5, 1, 2)}, porcupine.Illegal},
		{"no rotation", dialect{static: true}, []op{again(yes(0, 1, 0, 0)), yes(2, 3, 0, none)}, porcupine.Ok},
		{"no rotation, but a new token", dialect{static: true}, []op{yes(0, 1, 0, 1)}, porcupine.Illegal},
		{"no rotation, after a logout", dialect{static: true}, []op{logout(yes(0, 1, 0, 0)), again(yes(2, 3, 0, 0))}, porcupine.Illegal},
		{"no reuse detection", dialect{unpunished: true}, []op{yes(0, 1, 0, 1), no(2, 3, 0), yes(4, 5, 1, 2)}, porcupine.Ok},
		{"a logout of one token", dialect{spentStays: true}, []op{yes(0, 1, 0, 1), logout(yes(2, 3, 0, 1)), yes(4, 5, 1, 2)}, porcupine.Ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.ops {
				c.ops[i].in.number = i
			}
			judge := checker{c.dialect, 5 * time.Second}
			require.Equal(t, c.want, judge.judge(c.dialect.whole(c.ops)))
			hidden := c.dialect.whole(c.ops)
			for i := range hidden.ops {
				hidden.ops[i].out.hidden = true
			}
			require.Equal(t, porcupine.Ok, judge.judge(hidden), "with every answer hidden nothing is impossible")
		})
	}
}

// Where calls meet, all may be refused if nothing comes of the session any more: that is impossible, and harmless.
func TestFailedClosed(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []op
		want bool
	}{
		{"all of a race are refused", []op{yes(0, 1, 0, 1), no(2, 5, 1), no(3, 4, 1), no(6, 7, 1)}, true},
		{"a refresh alone is refused", []op{yes(0, 1, 0, 1), no(2, 3, 1)}, false},
		{"all of a race are refused, and the session goes on", []op{yes(0, 1, 0, 1), no(2, 5, 1), no(3, 4, 1), yes(6, 7, 1, 2)}, false},
		{"all of a race are refused, and then spent works", []op{yes(0, 1, 0, 1), no(2, 5, 1), no(3, 4, 1), yes(6, 7, 0, 2)}, false},
		{"logouts that meet are refused", []op{logout(no(2, 5, 0)), logout(no(3, 4, 0))}, false},
		{"an acknowledged rotation is gone, and its parent is back", []op{yes(0, 1, 0, 1), no(2, 5, 1), no(3, 4, 1), yes(6, 7, 0, 2)}, false},
		{"a race with two winners", []op{yes(0, 5, 0, 1), yes(1, 4, 0, 2)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.ops {
				c.ops[i].in.number = i
			}
			checker := checker{timeout: time.Minute}
			h := checker.dialect.whole(c.ops)
			require.Equal(t, porcupine.Illegal, checker.judge(h))
			require.Equal(t, c.want, checker.failedClosed(h))
		})
	}
}

// chain is a quiet life: n rotations from the first token on.
func chain(n int) (ops []op) {
	for i := range n {
		ops = append(ops, yes(int64(10*i), int64(10*i+5), i, i+1))
	}
	return ops
}

// TestShortest: of a long life what matters is left.
func TestShortest(t *testing.T) {
	c := checker{dialect{}, 5 * time.Second}
	ops := chain(1000)
	ops = append(ops,
		yes(20000, 20005, 1000, 1001), no(20001, 20006, 500), // a rotation meets a replay
		yes(20010, 20015, 1001, 1002), // which ended nothing
		yes(20020, 20025, 1002, 1003), // and it goes on
		logout(yes(20030, 20035, 1003, none)), no(20040, 20045, 1003))
	for i := range ops {
		ops[i].in.number = i
	}
	h := c.dialect.whole(ops)
	require.Equal(t, porcupine.Illegal, c.judge(h))
	require.Less(t, len(h.ops), hideable)
	require.Equal(t, len(ops), h.before+len(h.ops))

	short := c.shortest(h)
	require.EqualValues(t, 20015, short.ops[len(short.ops)-1].out.returned/int64(time.Millisecond))
	v := &Violation{checker: c, history: c.hideNeedless(t.Context(), short)}
	needed := v.needed()
	require.Len(t, needed, 2)
	require.Equal(t, 500, needed[0].in.token)
	require.Equal(t, 1001, needed[1].in.token)
	require.Len(t, v.shown(), 3, "and the call that brought the token")
}

// TestUnderWay: at the moment that is looked at, later answers are not known.
func TestUnderWay(t *testing.T) {
	c := checker{dialect{}, 5 * time.Second}
	ops := []op{yes(0, 50, 0, 1), yes(1, 10, 0, 2), yes(20, 30, 2, 3)}
	h := c.dialect.whole(ops)
	require.Equal(t, porcupine.Ok, c.judge(h.upTo(2)))
	require.Equal(t, porcupine.Illegal, c.judge(h.upTo(3)))
	require.Len(t, c.shortest(h).ops, 3)
}

// Each finding says what it means, and which story of the suite is about it.
func TestFindings(t *testing.T) {
	known := map[string]bool{}
	for _, s := range conformance.Scenarios() {
		known[s.ID] = true
	}
	elsewhere := func(o op) op { o.from, o.at = "one:1", "other:2"; return o }
	static, grace, unpunished := dialect{static: true}, dialect{grace: time.Second}, dialect{unpunished: true}
	for _, c := range []struct {
		dialect     dialect
		ops         []op
		what, story string
	}{
		{dialect{}, []op{yes(0, 1, 0, 1), yes(2, 3, 0, 2)}, "a was exchanged twice", "reuse.replay"},
		{dialect{}, []op{yes(0, 5, 0, 1), yes(1, 4, 0, 2)}, "a was exchanged twice", "race.refresh"},
		{dialect{}, []op{yes(0, 1, 0, 1), again(yes(2, 3, 0, 1))}, "a was exchanged again, for the same successor b", "grace.answer"},
		{dialect{}, []op{yes(0, 1, 0, 1), yes(2, 3, 1, 2), again(yes(4, 5, 0, 2))}, "a was exchanged for c, which was not new", "reuse.replay"},
		{grace, []op{yes(0, 1, 0, 1), yes(2, 3, 1, 2), again(yes(4, 5, 0, 1))}, "a was exchanged for b, which was not new", "reuse.replay"},
		{dialect{}, []op{again(yes(0, 1, 0, 0))}, "a was not replaced", "rotation.rotates"},
		{dialect{}, []op{yes(0, 1, 0, none)}, "the refresh with a brought no token", "rotation.rotates"},
		{static, []op{yes(0, 1, 0, 1)}, "a was replaced", "policy.rotation"},
		{static, []op{again(yes(0, 1, 0, 0)), logout(yes(2, 3, 0, 0)), again(yes(4, 5, 0, 0))}, "a was exchanged after the logout", "logout.ends"},
		{dialect{}, []op{yes(0, 1, 0, 1), no(2, 3, 1)}, "the live token b was refused", "rotation.chain"},
		{unpunished, []op{no(0, 5, 0), no(1, 4, 0)}, "the live token a was refused", "race.refresh"},
		{dialect{}, []op{no(0, 5, 0), no(1, 4, 0)}, "the live token a was refused", "race.refresh"}, // failed closed
		{dialect{}, []op{elsewhere(no(0, 5, 0)), elsewhere(no(1, 4, 0))}, "the live token a was refused", "race.refresh"},
		{dialect{}, []op{elsewhere(no(0, 1, 0))}, "the live token a, which came from one:1, was refused by other:2", "operations.replicas"},
		{dialect{}, []op{logout(no(0, 1, 0))}, "a logout with the live token a was refused", "logout.idempotent"},
		{dialect{}, []op{logout(yes(0, 1, 0, 1)), yes(2, 3, 0, 1)}, "a was exchanged after the logout", "logout.ends"},
		{dialect{}, []op{yes(0, 5, 0, 1), logout(yes(1, 4, 0, none)), yes(6, 7, 1, 2)}, "b was exchanged after the logout", "race.logout"},
		{dialect{}, []op{yes(0, 1, 0, 1), no(2, 3, 0), yes(4, 5, 1, 2)}, "b was exchanged after the return of a spent token had been refused, which ends the session", "reuse.revokes-family"},
		{dialect{}, []op{yes(0, 1, 0, 1), yes(2, 9, 1, 2), no(3, 8, 0), yes(10, 11, 2, 3)}, "c was exchanged after the return of a spent token had been refused, which ends the session", "race.replay"},
		{dialect{}, []op{yes(0, 1, 0, 1), no(2, 3, 0), no(4, 5, 1), yes(6, 7, 1, 2)}, "b was exchanged after it had been refused", "reuse.stays-dead"},
	} {
		check := checker{c.dialect, time.Minute}
		for i := range c.ops {
			c.ops[i].in.number = i
		}
		h := check.dialect.whole(c.ops)
		require.Equal(t, porcupine.Illegal, check.judge(h), c.what)
		r := &Result{}
		r.judged(1, h, porcupine.Illegal, check.failedClosed(h))
		r.explain(t.Context(), c.dialect)
		require.Len(t, r.Violations, 1)
		v := r.Violations[0]
		require.Equal(t, c.what, v.What)
		require.Equal(t, c.story, v.Story, c.what)
		require.True(t, known[v.Story], v.Story)
		require.NotEmpty(t, v.Means)
		require.Contains(t, v.Drawing, "answer", c.what)
	}
}

// A session that is impossible is not lost as well.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		ops              []op
		lost, impossible int
	}{
		{[]op{yes(0, 1, 0, 1), lost(2, 3, 1), no(4, 5, 1)}, 1, 0},
		{[]op{yes(0, 1, 0, 1), yes(2, 3, 0, 2)}, 0, 1},
	} {
		s := &soak{finished: make(chan *family, 1), result: newResult(nil, Options{}, dialect{})}
		f := &family{ops: c.ops}
		f.lostAfter(1)
		s.finished <- f
		close(s.finished)
		s.check()
		require.Equal(t, c.lost, s.result.Lost)
		require.Equal(t, c.impossible, s.result.Impossible)
	}
}

// A verdict is the worst that applies, and good only where there was something to see.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		want   Verdict
		change func(*Result)
	}{
		{Linearizable, func(*Result) {}},
		{Linearizable, func(r *Result) { r.Races, r.Gentle = 0, true }},
		{Linearizable, func(r *Result) { r.Lost = 9 }},
		{NotLinearizable, func(r *Result) { r.Impossible, r.Away, r.Errors = 1, []string{"here"}, 1 }},
		{NotServing, func(r *Result) { r.Away, r.Errors = []string{"here"}, 1 }},
		{Faulty, func(r *Result) { r.Errors, r.Races = 1, 0 }},
		{NotEstablished, func(r *Result) { r.Races = 0 }},
		{NotEstablished, func(r *Result) { r.Sessions, r.Unchecked = 1, 2 }},
		{NotEstablished, func(r *Result) { r.stats("login").Outcomes[conformance.Accepted] = 0 }},
		{NotEstablished, func(r *Result) { r.stats("refresh").Outcomes[conformance.Accepted] = 0 }},
		{NotEstablished, func(r *Result) { r.stats("refresh").Outcomes[conformance.Refused] = 0 }},
	} {
		r := newResult([]string{"http://here"}, Options{}, dialect{})
		r.Sessions, r.Races = 1, 1
		r.stats("login").Outcomes[conformance.Accepted] = 1
		r.stats("refresh").Outcomes[conformance.Accepted], r.stats("refresh").Outcomes[conformance.Refused] = 1, 1
		c.change(r)
		v, _ := r.Verdict()
		require.Equal(t, c.want, v)
		require.Contains(t, r.Sentence(), "http://here: "+string(v)+": ")
	}
	r := newResult(nil, Options{}, dialect{})
	for _, kind := range []string{"200", "401", "429", "502", "503", "504", conformance.ConnectionRefused, "500", "501"} {
		r.count("refresh", conformance.Reply{Kind: kind})
	}
	require.Equal(t, 2, r.Errors)
}

func TestTokenNames(t *testing.T) {
	f := newFamily(1, time.Now(), "", conformance.Reply{Refresh: "r", Access: "a"})
	child, fresh := f.learn(0, "", conformance.Reply{Refresh: "s"})
	require.True(t, fresh)
	twin, _ := f.learn(0, "", conformance.Reply{Refresh: "t"})
	_, fresh = f.learn(twin, "", conformance.Reply{Refresh: "s"})
	require.False(t, fresh)
	nothing, _ := f.learn(twin, "", conformance.Reply{})
	require.Equal(t, none, nothing)
	grandchild, _ := f.learn(twin, "", conformance.Reply{Refresh: "u"})
	var names []string
	for _, n := range []int{0, child, twin, grandchild} {
		names = append(names, f.tokens[n].name)
	}
	require.Equal(t, []string{"R0", "R1", "R1′", "R2"}, names)
}
