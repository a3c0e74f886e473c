package history

import (
	"encoding/json"
	"io"
	"time"
)

// JSON writes the result for a program. Members are only ever added.
func (r *Result) JSON(w io.Writer) error {
	type call struct {
		Call    string         `json:"call"`
		Count   int            `json:"count"`
		Answers map[string]int `json:"answers"` // by status, or by what there was instead
		P50     float64        `json:"p50_ms"`
		P99     float64        `json:"p99_ms"`
		P999    float64        `json:"p999_ms"`
		Max     float64        `json:"max_ms"`
	}
	type violation struct {
		What    string `json:"what"`
		Means   string `json:"means"`
		Story   string `json:"story"`
		Session int    `json:"session"`
		Call    int    `json:"call"`
		Like    int    `json:"like"`
		Drawing string `json:"drawing"`
	}
	verdict, why := r.Verdict()
	x := struct {
		Verdict      Verdict     `json:"verdict"`
		Why          string      `json:"why,omitempty"`
		Interrupted  bool        `json:"interrupted"`
		Targets      []string    `json:"targets"`
		Dialect      string      `json:"dialect"`
		Clients      int         `json:"clients"`
		Gentle       bool        `json:"gentle"`
		Seconds      float64     `json:"seconds"`
		Calls        []call      `json:"calls"`
		Races        int         `json:"races"`
		Sessions     int         `json:"sessions"`
		Impossible   int         `json:"impossible"`
		FailedClosed int         `json:"failed_closed"` // of the impossible
		Unchecked    int         `json:"unchecked"`
		Lost         int         `json:"lost"`
		Errors       int         `json:"errors"`
		Away         []string    `json:"away"`
		Violations   []violation `json:"violations"`
	}{
		Verdict: verdict, Why: why, Interrupted: r.Interrupted, Targets: r.Targets, Dialect: r.Dialect, Clients: r.Clients, Gentle: r.Gentle, Seconds: r.Took.Seconds(),
		Races: r.Races, Sessions: r.Sessions, Impossible: r.Impossible, FailedClosed: r.FailedClosed, Unchecked: r.Unchecked, Lost: r.Lost, Errors: r.Errors,
		Away: append([]string{}, r.Away...), Violations: []violation{},
	}
	for _, c := range r.Calls {
		ms := func(part float64) float64 { return float64(c.Latency(part)) / float64(time.Millisecond) }
		x.Calls = append(x.Calls, call{c.Call, c.Count(), c.Kinds, ms(0.5), ms(0.99), ms(0.999), ms(1)})
	}
	for _, v := range r.Violations {
		x.Violations = append(x.Violations, violation{v.What, v.Means, v.Story, v.Session, v.Calls, v.Like, v.Drawing})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(x)
}
