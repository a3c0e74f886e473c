package history

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/anishathalye/porcupine"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Result is what a soak found. It holds no token.
type Result struct {
	Targets     []string
	Clients     int
	Dialect     string // as it was claimed
	Gentle      bool
	Took        time.Duration
	Interrupted bool
	Calls       []*CallStats // login, refresh, logout
	Races       int          // in which several clients presented one live token at once
	Sessions    int          // that were checked
	Unchecked   int          // whose history could not be searched in time
	Impossible  int          // that no order of their calls explains

	// FailedClosed are those of the impossible sessions that were lost, but to nobody: of calls that met, all were refused, and from then on
	// neither the newest token nor those before it worked. Without trouble behind the target that is a fault all the same.
	FailedClosed int

	Lost       int          // that ended by a refused refresh with their newest token, after a call whose outcome is unknown: its successor got lost
	Errors     int          // answers that were a 5xx and no excuse: others than 502, 503 and 504
	Away       []string     // the targets that did not serve when it was over, and what they did instead; unknown after an interruption
	Violations []*Violation // the clearest of each kind
	suspects   []suspect
}

// CallStats is what came of the calls of one kind.
type CallStats struct {
	Call      string
	Outcomes  map[conformance.Outcome]int
	Kinds     map[string]int // statuses, or what there was instead of an answer
	latencies *hdrhistogram.Histogram
}

// suspect is an impossible history that is still to be explained.
type suspect struct {
	number, rank int
	history
}

// Bounds on what is kept of impossible histories, the shortest, how many kinds are shown, and on the time that it takes to explain them.
const (
	keptSuspects    = 20
	shownViolations = 3
	explainTime     = 10 * time.Second
	explainAtOnce   = time.Second // after an interruption
)

func newResult(targets []string, o Options, d dialect) *Result {
	r := &Result{Targets: targets, Clients: o.Clients, Dialect: d.description, Gentle: o.Gentle}
	for _, name := range []string{"login", "refresh", "logout"} {
		r.Calls = append(r.Calls, &CallStats{
			Call: name, Outcomes: map[conformance.Outcome]int{}, Kinds: map[string]int{},
			latencies: hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3),
		})
	}
	return r
}

func (r *Result) stats(call string) *CallStats {
	return r.Calls[slices.IndexFunc(r.Calls, func(c *CallStats) bool { return c.Call == call })]
}

func (r *Result) count(call string, reply conformance.Reply) {
	c := r.stats(call)
	c.Outcomes[reply.Outcome]++
	c.Kinds[reply.Kind]++
	if len(reply.Kind) == 3 && reply.Kind[0] == '5' && !slices.Contains(excuses, reply.Kind) {
		r.Errors++
	}
	_ = c.latencies.RecordValue(reply.Took.Microseconds()) // above the histogram's range, and above any time-out
}

// excuses are the answers of a server, or of what stands before it, that is in trouble and says so.
var excuses = []string{"502", "503", "504"}

// Count is how many calls there were.
func (c *CallStats) Count() (n int) {
	for _, k := range c.Outcomes {
		n += k
	}
	return n
}

// Latency is how long that part of the calls took at most, 0.99 for instance.
func (c *CallStats) Latency(part float64) time.Duration {
	return time.Duration(c.latencies.ValueAtQuantile(100*part)) * time.Microsecond
}

func (r *Result) judged(number int, h history, v porcupine.CheckResult, closed bool) {
	switch v {
	case porcupine.Ok:
		r.Sessions++
	case porcupine.Illegal:
		r.Sessions++
		r.Impossible++
		rank := 0
		if closed { // shown where there is nothing worse
			r.FailedClosed++
			rank = 1
		}
		r.suspects = append(r.suspects, suspect{number, rank, h})
		slices.SortFunc(r.suspects, func(a, b suspect) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(a.ops), len(b.ops)))
		})
		r.suspects = r.suspects[:min(len(r.suspects), keptSuspects)]
	default:
		r.Unchecked++
	}
}

func (r *Result) progress() (p Progress) {
	for _, c := range r.Calls {
		p.Calls += c.Count()
		p.Unknown += c.Outcomes[conformance.Undecided]
	}
	p.Sessions, p.Violations = r.Sessions+r.Unchecked, r.Impossible
	return p
}

// Verdict is what a soak establishes.
type Verdict string

// The verdicts, the worst that applies. Linearizable means that nothing else was found in the sessions that were seen, not that nothing else can
// happen. Faulty is a target that answered with errors of its own which say nothing, as 500 does.
const (
	Linearizable    Verdict = "linearizable"
	NotLinearizable Verdict = "not linearizable"
	Faulty          Verdict = "faulty"
	NotServing      Verdict = "not serving"
	NotEstablished  Verdict = "not established"
)

// Verdict is the result in two words, and why if nothing was established.
func (r *Result) Verdict() (v Verdict, why string) {
	refresh := r.stats("refresh").Outcomes
	switch {
	case r.Impossible > 0:
		return NotLinearizable, ""
	case len(r.Away) > 0:
		return NotServing, strings.Join(r.Away, ", ")
	case r.Errors > 0:
		return Faulty, "500 and its like say nothing, and the contract knows only 503"
	case r.stats("login").Outcomes[conformance.Accepted] == 0:
		return NotEstablished, "no login succeeded"
	case refresh[conformance.Accepted] == 0:
		return NotEstablished, "no refresh succeeded"
	case refresh[conformance.Refused] == 0:
		return NotEstablished, "no refresh was ever refused, so no session was seen to end"
	case r.Sessions == 0, r.Unchecked > r.Sessions:
		return NotEstablished, "most sessions have too many unknown outcomes to be searched"
	case r.Races == 0 && !r.Gentle:
		return NotEstablished, "no token was presented by several clients at once and answered to more than one; a longer -duration brings more such races, or a higher -login-rate where the target allows it"
	}
	return Linearizable, ""
}
