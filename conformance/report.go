package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of a run. It holds no secret: every token and password stands there as a pseudonym. Its JSON form is
// versioned by Schema.
type Report struct {
	Schema    int           `json:"schema"`    // 1
	Suite     string        `json:"suite"`     // version
	Catalogue string        `json:"catalogue"` // digest of the stories and checks
	Target    string        `json:"target"`
	Expiry    string        `json:"expiry_target,omitempty"`
	Claims    []string      `json:"claims,omitempty"` // of the profile, where they differ from the kit's contract
	Verdict   Verdict       `json:"verdict"`
	Counts    Counts        `json:"counts"`
	Stories   []StoryResult `json:"stories"`
	Stale     []string      `json:"stale,omitempty"` // expectations that no longer hold; any makes the run fail
	Run       RunInfo       `json:"run"`             // what differs between two runs of the same thing
}

// Counts say how much a report holds, so that nothing can be lost from it unseen.
type Counts struct {
	Stories      int `json:"stories"`
	Checks       int `json:"checks"`
	Pass         int `json:"pass"` // checks with that verdict, here and below
	Warn         int `json:"warn"`
	Inconclusive int `json:"inconclusive"`
	Fail         int `json:"fail"`
	Broken       int `json:"broken"`
	NotJudged    int `json:"not_judged"`
	Known        int `json:"known"` // checks that fail, warn or are not judged as expected
}

// RunInfo is the volatile part of a report.
type RunInfo struct {
	Started        time.Time `json:"started"`
	Seconds        float64   `json:"seconds"`
	Requests       int       `json:"requests"`
	Events         int       `json:"events,omitempty"` // what an operator did beside them; steps are numbered through both
	PasswordChecks int       `json:"password_checks"`
	Notes          []string  `json:"notes,omitempty"`
	Rerun          string    `json:"rerun,omitempty"` // the command that repeats a story of the run when its ID is added; without secrets. The command sets it
}

// StoryResult is the outcome of a story.
type StoryResult struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Level   Level         `json:"level"`
	Stage   int           `json:"stage"`
	Verdict Verdict       `json:"verdict"`
	Reason  string        `json:"reason,omitempty"` // why it is n/a, inconclusive or broken
	Checks  []CheckResult `json:"checks"`
	Refs    []string      `json:"refs,omitempty"`
	Why     string        `json:"why,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	Steps   []Step        `json:"steps,omitempty"` // of a story that is not green, or of all: Options.Steps
	Lineage []string      `json:"lineage,omitempty"`
	Notes   []string      `json:"notes,omitempty"` // what was measured
	Seconds float64       `json:"seconds"`
	Script  string        `json:"-"`               // bash and curl: plays the story again and judges what failed; empty if nothing did
	Without string        `json:"-"`               // why a story that failed has no script
	Repro   string        `json:"repro,omitempty"` // the file that the script was written to
}

// CheckResult is the outcome of a check.
type CheckResult struct {
	ID       string  `json:"id"`
	Text     string  `json:"text"`
	Level    Level   `json:"level"`
	Verdict  Verdict `json:"verdict"`
	Want     string  `json:"want,omitempty"`
	Got      string  `json:"got,omitempty"`
	Step     int     `json:"step,omitempty"`     // the exchange that shows it
	Expected string  `json:"expected,omitempty"` // the reason for which this failure, or this gap, is known
	Until    string  `json:"until,omitempty"`    // the last day on which it is
	Link     string  `json:"link,omitempty"`     // where it is discussed
}

func (r *run) report(main, expiry *target, started time.Time) *Report {
	rep := &Report{
		Schema: 1, Suite: Version(), Catalogue: CatalogueDigest(), Target: main.client.base.Redacted(),
		Run: RunInfo{
			Started: started.UTC(), Seconds: time.Since(started).Seconds(),
			Requests: r.exchanges, Events: len(r.all) - r.exchanges, PasswordChecks: r.passwordChecks,
		},
	}
	rep.Claims = main.profile.Policy.claims()
	if expiry != main {
		rep.Expiry = expiry.client.base.Redacted()
	}
	secure := slices.ContainsFunc(r.all, func(e *exchange) bool {
		return slices.ContainsFunc(e.cookies, func(c setCookie) bool { return c.Secure })
	})
	if secure && main.client.base.Scheme == "http" && main.secureOverHTTP {
		rep.Run.Notes = append(rep.Run.Notes, "the suite's browser sent Secure cookies over plain http")
	}
	for i, base := range main.client.bases {
		if len(main.client.bases) > 1 {
			rep.Run.Notes = append(rep.Run.Notes, fmt.Sprintf("replica @%d: %s", i+1, base.Redacted()))
		}
	}
	rep.Run.Notes = append(rep.Run.Notes, r.notes...)
	if note := r.silence(); note != "" {
		rep.Run.Notes = append(rep.Run.Notes, note)
	}
	for _, s := range r.scenes {
		rep.Stories = append(rep.Stories, s.result())
	}
	rep.expect(r.opts.Expect, time.Now(), len(r.opts.Run) > 0)
	rep.Counts = rep.Tally()
	rep.Verdict = rep.Judge()
	return rep
}

// Judge is the run's verdict, out of what it holds: a failed MUST fails it, and so does a stale expectation; else something broken, a MUST that
// is not established, or an interruption leaves it open. What fails as expected counts as a warning; what a target may do otherwise counts for nothing.
func (rep *Report) Judge() Verdict {
	v := NotJudged
	if len(rep.Stale) > 0 {
		v = Fail
	}
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if c.Verdict == Fail && c.Expected != "" {
				v = max(v, Warn)
				continue
			}
			if c.Level == Must || c.Level == Should && c.Verdict == Warn {
				v = max(v, c.Verdict)
			}
		}
		if s.Verdict == Broken {
			return Broken
		}
	}
	if rep.Stopped() {
		v = max(v, Inconclusive)
	}
	return v
}

const stopped = "the run was stopped before its end"

// Stopped reports whether the run was stopped before its end.
func (rep *Report) Stopped() bool { return slices.Contains(rep.Run.Notes, stopped) }

// silence says from which step on the target answered nothing any more; "": it did.
func (r *run) silence() string {
	var first *exchange
	n := 0
	for _, e := range slices.Backward(r.all) {
		if e.event != "" || e.command != nil {
			continue
		}
		if e.err == nil || e.dropped || errors.Is(e.err, context.Canceled) {
			break
		}
		first, n = e, n+1
	}
	if n < 3 { // a request or two may end badly by themselves
		return ""
	}
	return fmt.Sprintf("the target stopped answering at step %d (%s %s: %s); nothing after it was answered, so start the target again before you read what failed from there on", first.n, first.story, first.call, plainError(first.err))
}

// interrupt: what was not reached is not established, whatever passed until then; nor is what is stale.
func (rep *Report) interrupt() {
	rep.Stale = nil
	rep.Run.Notes = append(rep.Run.Notes, stopped)
	rep.Verdict = rep.Judge()
}

// Known reports whether every failure of the story is an expected one, and there is one.
func (s StoryResult) Known() bool {
	known := false
	for _, c := range s.Checks {
		if c.Verdict >= Inconclusive && c.Expected == "" && c.Got != "not reached" {
			return false
		}
		known = known || c.Expected != "" && c.Verdict > Pass
	}
	return known
}

// Count returns how many checks have the verdict.
func (rep *Report) Count(v Verdict) int {
	n := 0
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if c.Verdict == v {
				n++
			}
		}
	}
	return n
}

// Tally counts anew what the report holds.
func (rep *Report) Tally() Counts {
	c := Counts{
		Stories: len(rep.Stories), Pass: rep.Count(Pass), Warn: rep.Count(Warn), Inconclusive: rep.Count(Inconclusive),
		Fail: rep.Count(Fail), Broken: rep.Count(Broken), NotJudged: rep.Count(NotJudged),
	}
	for _, s := range rep.Stories {
		c.Checks += len(s.Checks)
		for _, check := range s.Checks {
			if check.Expected != "" {
				c.Known++
			}
		}
	}
	return c
}

func (s *Scene) result() StoryResult {
	sc := s.scenario
	names := aliases{}
	show := func(text string) string { return names.apply(s.run.secrets.redact(text)) }
	res := StoryResult{
		ID: sc.ID, Title: s.say(sc.Title), Level: sc.Level, Stage: sc.Stage, Verdict: s.verdict, Seconds: s.took().Seconds(),
	}
	res.Why, res.Hint = s.advised()
	for _, ref := range sc.Refs {
		res.Refs = append(res.Refs, ref.String())
	}
	for _, c := range s.results {
		res.Verdict = max(res.Verdict, c.Verdict)
	}
	if res.Verdict == NotJudged && s.reason == "" {
		s.reason = strings.Join(s.notes, "; ")
	}
	if res.Verdict > Pass || s.run.opts.Steps && res.Verdict == Pass {
		res.Steps = s.steps(show)
		for _, line := range lineage(s.tokens()) {
			res.Lineage = append(res.Lineage, show(line))
		}
	}
	for _, c := range s.results {
		shown := *c
		shown.Got, shown.Want = show(c.Got), show(s.say(c.Want))
		res.Checks = append(res.Checks, shown)
	}
	for _, n := range s.notes {
		res.Notes = append(res.Notes, show(n))
	}
	res.Reason = show(s.reason)
	res.Script, res.Without = s.script(show)
	return res
}

// steps are the story's exchanges, and those of other stories that its checks point at, in order.
func (s *Scene) steps(show func(string) string) []Step {
	all := slices.Clone(s.exchanges)
	for _, c := range s.results {
		if c.Step > 0 && c.Verdict > Pass {
			if e := s.run.all[c.Step-1]; !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *exchange) int { return a.n - b.n })
	var steps []Step
	for _, e := range all {
		st := Step{
			N: e.n, Who: e.who, Did: show(e.did()), Got: show(e.got()), Mark: show(s.say(s.mark(e))),
			Request: show(e.requestText()), Answer: show(e.answerText()), Took: float64(e.took.Microseconds()) / 1000,
		}
		if e.story != s.scenario.ID {
			st.Story = e.story
		}
		steps = append(steps, st)
	}
	return steps
}

// mark says what the checks made of an exchange.
func (s *Scene) mark(e *exchange) string {
	mark := ""
	for _, c := range s.results {
		if c.Step != e.n {
			continue
		}
		switch {
		case c.Verdict > Pass && c.Want != "":
			slug := c.ID[strings.IndexByte(c.ID, '/')+1:]
			return "want " + c.Want + "  (" + slug + ")"
		case c.Verdict == Pass:
			mark = "ok"
		}
	}
	return mark
}

func (s *Scene) tokens() []*token {
	var seen []*token
	add := func(t *token) {
		if t != nil && !slices.Contains(seen, t) {
			seen = append(seen, t)
		}
	}
	for _, e := range s.exchanges {
		if e.who == "other user" {
			continue
		}
		add(e.presented)
		add(e.refresh)
	}
	return seen
}

func (s *Scene) took() time.Duration {
	var d time.Duration
	for _, e := range s.exchanges {
		d += e.took
	}
	return d
}
