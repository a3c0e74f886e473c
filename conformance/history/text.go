package history

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Text writes the result for a reader. pictures names the files of the violations' pictures, if they were written.
func (r *Result) Text(w io.Writer, pictures []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "soak of %s for %v: %d clients that wait for their answers, %s\n\n", strings.Join(r.Targets, ", "), r.Took.Round(100*time.Millisecond), r.Clients, r.Dialect)
	r.table(&b)
	for i, v := range r.Violations {
		fmt.Fprintf(&b, "\nVIOLATION %d  %s\n  means  %s\n  more   conformance explain %s\n", i+1, v.What, v.Means, v.Story)
		fmt.Fprintf(&b, "  session %d, call %d; in no order do these answers fit a token family, whatever the others were:\n%s", v.Session, v.Calls, v.Drawing)
		if v.Like > 0 {
			fmt.Fprintf(&b, "  other sessions with the same finding: %d or more\n", v.Like)
		}
		if i < len(pictures) {
			fmt.Fprintf(&b, "  picture: %s\n", pictures[i])
		}
	}
	if r.FailedClosed > 0 {
		fmt.Fprintf(&b, "\n%d of the impossible sessions failed closed: calls met, all were refused, and no token worked any more. It is excusable only while the target's database is in trouble; else whoever loses a race ends the session before the winner has his answer\n", r.FailedClosed)
	}
	if r.Lost > 0 {
		fmt.Fprintf(&b, "\n%d of %d sessions were lost: a call was not answered, or with an error, and then the refresh with the newest token was refused. A strict server does that when the call had been carried out; within a grace it may not happen\n", r.Lost, r.Sessions)
	}
	if r.Unchecked > 0 {
		fmt.Fprintf(&b, "\n%d sessions have too many unknown outcomes to be searched; nothing is said of them\n", r.Unchecked)
	}
	if len(r.Away) > 0 {
		fmt.Fprintf(&b, "\nwhen it was over, these did not serve: %s\n", strings.Join(r.Away, ", "))
	}
	if r.Errors > 0 {
		fmt.Fprintf(&b, "\n%d answers were a 5xx other than 502, 503 and 504: the target's log should say why\n", r.Errors)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Sentence())
	_, err := io.WriteString(w, b.String())
	return err
}

// table is a line for each kind of call.
func (r *Result) table(b *strings.Builder) {
	fmt.Fprintf(b, "%-8s %9s %8s %9s %9s %9s %9s  %s\n", "", "calls", "per s", "p50", "p99", "p99.9", "max", "answers")
	for _, c := range r.Calls {
		n := c.Count()
		fmt.Fprintf(b, "%-8s %9d %8.1f", c.Call, n, float64(n)/r.Took.Seconds())
		for _, part := range []float64{0.5, 0.99, 0.999, 1} {
			fmt.Fprintf(b, " %9s", short(c.Latency(part)))
		}
		kinds := slices.SortedFunc(maps.Keys(c.Kinds), func(x, y string) int {
			return cmp.Or(c.Kinds[y]-c.Kinds[x], strings.Compare(x, y))
		})
		for i, k := range kinds {
			fmt.Fprintf(b, "%s%d × %s", [...]string{"  ", ", "}[min(i, 1)], c.Kinds[k], k)
		}
		b.WriteString("\n")
	}
}

// short is a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < 100*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// Sentence is the verdict.
func (r *Result) Sentence() string {
	calls := r.progress().Calls
	verdict, why := r.Verdict()
	target := strings.Join(r.Targets, ", ")
	interrupted := ""
	if r.Interrupted {
		interrupted = "interrupted: "
	}
	says := ""
	switch verdict {
	case NotLinearizable:
		says = fmt.Sprintf("%d of %d sessions are impossible (%d calls)", r.Impossible, r.Sessions, calls)
	case NotServing:
		says = "at the end, " + why
	case NotEstablished:
		says = why
	case Faulty:
		says = fmt.Sprintf("%d of %d answers are errors: %s", r.Errors, calls, why)
	default:
		races := fmt.Sprintf("%d races for a token", r.Races)
		if r.Gentle {
			races = "gentle clients, so no races"
		}
		says = fmt.Sprintf("each answer of %d sessions (%d calls, %s) is one that a single token family gives", r.Sessions, calls, races)
	}
	return fmt.Sprintf("%s%s: %s: %s", interrupted, target, verdict, says)
}
