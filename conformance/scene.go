package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Scene is the only thing that a story touches: its actors, the exchanges that they make, and what the story says of them.
//
// There are four kinds of expectation. A precondition (SignIn, Rotate, Given) that fails blocks the story: inconclusive, since another
// story judges it. Accepted is a check for a yes, and stops the story on a no. Refused is a check for a no. Control is a yes
// that means something, from another family, after the refusals: without it they prove nothing, for a target that refuses everything.
type Scene struct {
	ctx      context.Context
	run      *run
	target   *target
	scenario Scenario

	Victim    *Actor // the owner of the session
	SecondTab *Actor // the same user and browser
	Attacker  *Actor // has copied a token
	Bystander *Actor // another login of the same user

	exchanges  []*exchange
	results    []*CheckResult
	refusals   int  // checks for a no since the last control
	controlled bool // a control succeeded
	unproven   int  // results before this index are proven by a control
	notes      []string
	skipped    bool // the run was not given what the story needs
	reason     string
	verdict    Verdict // beside the checks': blocked, broken
	park       func(until time.Time) error
	outage     bool          // the target has no database now
	turn       atomic.Int64  // requests that went to one replica after the other
	meanwhile  *[]*exchange  // events while sessions refresh all the time; nil: they do not
	paused     time.Duration // since the last exchange
}

// stop ends a story early; the reason is in the scene.
type stop struct{}

func (s *Scene) stop(v Verdict, format string, args ...any) {
	s.verdict, s.reason = max(s.verdict, v), fmt.Sprintf(format, args...)
	panic(stop{})
}

// send makes one exchange and records it.
func (s *Scene) send(e *exchange) *exchange {
	if s.ctx.Err() != nil {
		s.stop(Inconclusive, "stopped: %v", context.Cause(s.ctx))
	}
	if e.done {
		return e // a login that failed before its last call
	}
	s.prepare(e)
	if e.command != nil {
		e.command(s.ctx, e)
	} else {
		s.target.client.do(s.ctx, e)
	}
	s.learn(e)
	return e
}

func (s *Scene) prepare(e *exchange) {
	e.story, e.outage, e.target = s.scenario.ID, s.outage, s.target
	if s.paused > 0 { // never while several exchanges are prepared at once, as the first of the story took it
		e.paused, s.paused = s.paused, 0
	}
	if t := e.presented; t != nil && e.call == "refresh" {
		t.replay = t.replay || t.spent
	}
	if e.header == nil {
		e.header = http.Header{}
	}
	s.route(e)
}

// number gives an exchange its place in the run.
func (s *Scene) number(e *exchange) {
	if s.meanwhile != nil {
		*s.meanwhile = append(*s.meanwhile, e)
		return
	}
	s.exchanges = append(s.exchanges, e)
	s.run.all = append(s.run.all, e)
	e.n = len(s.run.all)
}

// learn numbers the exchange, gives its tokens their pseudonyms, and counts what it cost.
func (s *Scene) learn(e *exchange) {
	s.run.exchanges++
	s.number(e)
	e.at, e.moved, e.done = s.run.clock.now(), s.run.clock.offset > 0, true
	access, refresh := s.target.read(e)
	for _, c := range e.cookies {
		if s.target.companion(c) {
			s.run.secrets.hideLong(c.Value, c.Name)
		}
	}
	if e.password && s.target.checked(e) {
		s.run.passwordChecks++
	}
	proof := refresh // of a refresh that did its work: a token that the run has not seen before
	if !s.policy().rotates() && e.call == "refresh" {
		proof = access
	}
	e.fresh = proof != "" && s.run.secrets.tokens[proof] == nil
	if e.call == "login" {
		e.refresh, e.access = s.run.secrets.login(refresh, access)
	} else {
		e.refresh, e.access = s.run.secrets.rotation(e.presented, refresh, access)
	}
	for _, t := range []*token{e.refresh, e.access} {
		if t != nil && t.from == 0 {
			t.from = e.replica
		}
	}
	s.unpack(e)
}

// unpack keeps what came along with a refresh token. An answer with an access token alone belongs to the token that was presented.
func (s *Scene) unpack(e *exchange) {
	owner, old := e.refresh, (*luggage)(nil)
	if e.presented != nil {
		old = e.presented.luggage
	}
	if owner == nil && e.call == "refresh" && e.accepted() {
		owner = e.presented
	}
	if owner == nil {
		return
	}
	owner.luggage = s.target.pack(old, e)
	for name, value := range owner.luggage.words {
		s.run.secrets.hideLong(value, name)
	}
	s.target.last = owner.luggage
}

// record keeps the outcome of a check. A check that failed once stays failed.
func (s *Scene) record(slug string, v Verdict, e *exchange, want, got string) bool {
	c, ok := s.scenario.check(slug)
	if !ok {
		s.stop(Broken, "the story has no check %q", slug)
	}
	if v == Fail {
		v = s.scenario.level(c).violated()
	}
	r := &CheckResult{ID: s.scenario.ID + "/" + slug, Text: s.say(c.Text), Level: s.scenario.level(c), Verdict: v, Want: want, Got: got}
	if e != nil {
		r.Step = e.n
		if got == "" {
			r.Got = e.got()
		}
		if why := s.apart(e); v > Pass && why != "" {
			r.Got += "; " + why
		}
	}
	for _, old := range s.results {
		if old.ID == r.ID {
			if v > old.Verdict {
				*old = *r
			}
			return v == Pass
		}
	}
	s.results = append(s.results, r)
	return v == Pass
}

// Check records whether something holds; e is the exchange that shows it, got and want in a few words.
func (s *Scene) Check(slug string, e *exchange, holds bool, want, got string) bool {
	if !holds && e != nil && (e.err != nil || e.status == http.StatusTooManyRequests) {
		return s.record(slug, Inconclusive, e, want, e.got()) // that it was not answered, or throttled, is a check of its own
	}
	if !holds {
		return s.record(slug, Fail, e, want, got)
	}
	return s.record(slug, Pass, e, "", "")
}

// Accepted checks for a yes, and stops the story on a no: what follows would make no sense.
func (s *Scene) Accepted(slug string, e *exchange) {
	if !s.unknown(slug, e) && s.Check(slug, e, e.accepted(), "2xx"+map[bool]string{true: " with tokens"}[e.call == "login" || e.call == "refresh"], "") {
		return
	}
	if tokens := e.call == "login" || e.call == "refresh"; tokens && e.err == nil && e.ok && e.access == nil {
		s.explain(slug, "there is no string at "+s.target.profile.Answer.noAccess())
	}
	panic(stop{})
}

// Refused checks for a no, and asks for a control to follow.
func (s *Scene) Refused(slug string, e *exchange) bool {
	s.refusals++
	if s.unknown(slug, e) {
		return false
	}
	return s.Check(slug, e, e.refused(), "refused, no token", "")
}

// ClientError checks for a no of 4xx: what Refused leaves open, this demands. It asks for a control too.
func (s *Scene) ClientError(slug string, e *exchange) bool {
	s.refusals++
	return s.Check(slug, e, e.clientError() && e.refresh == nil && e.access == nil, "4xx, no token", "")
}

// unknown is an exchange that says neither yes nor no. Throttling, errors and closed connections are judged by the http stories.
func (s *Scene) unknown(slug string, e *exchange) bool {
	switch {
	case e.err != nil && s.ctx.Err() != nil:
		s.stop(Inconclusive, "stopped: %v", context.Cause(s.ctx))
	case e.undecided():
		s.record(slug, Inconclusive, e, "an answer", e.got())
		if s.reason == "" {
			s.reason = fmt.Sprintf("step %d: %s", e.n, e.got())
		}
		return true
	}
	return false
}

// Given is a precondition: an exchange that another story judges.
func (s *Scene) Given(what string, e *exchange, ok bool) {
	if !ok {
		got := e.got()
		if why := s.apart(e); why != "" {
			got += "; " + why
		}
		s.stop(Inconclusive, "blocked: %s (step %d: %s)", what, e.n, got)
	}
}

// Control gets a yes that means something: the current token of another user's family rotates to a different one. All that was
// judged before it in this story is established by it.
func (s *Scene) Control() {
	if s.run.opts.NoRefresh {
		s.loginControl()
		return
	}
	e := s.target.control(s)
	if e == nil || !e.rotated() {
		got := "the other user cannot log in"
		if e != nil {
			got = e.got()
		}
		s.stop(Inconclusive, "the control failed: another user's live session could not refresh either (%s), so the refusals prove nothing", got)
	}
	s.proven()
}

// proven: what was judged so far is established.
func (s *Scene) proven() { s.refusals, s.unproven, s.controlled = 0, len(s.results), true }

// rotated: a refresh that did its work, with a token that the run has not seen before: a refresh token, or an access token where the claim is
// that refresh tokens stay the same.
func (e *exchange) rotated() bool { return e.accepted() && e.fresh }

// Note states a measurement in the report.
func (s *Scene) Note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// explain adds to what a check that failed shows.
func (s *Scene) explain(slug, text string) {
	for _, r := range s.results {
		if r.ID == s.scenario.ID+"/"+slug && r.Verdict > Pass {
			r.Got += ": " + text
		}
	}
}

// unjudged ends a story that the profile leaves nothing of.
func (s *Scene) unjudged(why string) {
	s.Control()
	s.Note("%s", why)
}

// Skip records that a check cannot be judged here, and why.
func (s *Scene) Skip(slug, why string) { s.record(slug, NotJudged, nil, "", why) }

// wait parks the story until d after from, on the target's clock; other stories go on meanwhile.
func (s *Scene) wait(from time.Time, d time.Duration) {
	err, paused := s.park(from.Add(d)), s.paused
	if n := len(s.exchanges); n > 0 { // as long as it was: other stories' waits may have been longer
		paused = max(paused, s.run.clock.now().Sub(s.exchanges[n-1].at))
	}
	s.paused = 0 // what waited asks is no part of the story
	s.waited(err)
	s.paused = paused
}

// inTime stops the story when the margin that it needed was eaten by a slow machine.
func (s *Scene) inTime(limit time.Time) {
	if now := s.run.clock.now(); now.After(limit) {
		s.stop(Inconclusive, "this came %v too late to mean anything: the lifetimes are too short for this machine", now.Sub(limit).Round(time.Millisecond))
	}
}

// finish applies what holds for every story: a refusal wants a control, a pass wants one after it, a check that did not come to be judged
// is inconclusive.
func (s *Scene) finish() {
	if s.refusals > 0 && s.verdict < Inconclusive && !s.failed() {
		s.verdict, s.reason = Broken, "the story ends with a refusal and no control after it"
	}
	for i, r := range s.results {
		if r.Verdict == Pass && i >= s.unproven {
			r.Verdict, r.Got = Inconclusive, "seen, but no control after it succeeded"
		}
	}
	for _, c := range s.scenario.Checks {
		id := s.scenario.ID + "/" + c.Slug
		if slices.ContainsFunc(s.results, func(r *CheckResult) bool { return r.ID == id }) {
			continue
		}
		r := &CheckResult{ID: id, Text: s.say(c.Text), Level: s.scenario.level(c), Verdict: Inconclusive, Got: "not reached"}
		failed := slices.ContainsFunc(s.results, func(r *CheckResult) bool { return r.Verdict == Fail })
		if s.verdict < Inconclusive && (!failed || s.scenario.Observe != nil) { // a warning ends no story, and nothing an observer
			r.Verdict, r.Got = NotJudged, "nothing to judge it by"
			if c.Seen != "" {
				r.Got = "is seen only " + c.Seen
			}
		}
		s.results = append(s.results, r)
	}
	slices.SortStableFunc(s.results, func(a, b *CheckResult) int { return s.order(a) - s.order(b) })
}

func (s *Scene) order(r *CheckResult) int {
	slug := r.ID[strings.IndexByte(r.ID, '/')+1:]
	return slices.IndexFunc(s.scenario.Checks, func(c Check) bool { return c.Slug == slug })
}

func (s *Scene) failed() bool {
	return slices.ContainsFunc(s.results, func(r *CheckResult) bool { return r.Verdict == Fail || r.Verdict == Warn })
}
