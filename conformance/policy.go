package conformance

import (
	"fmt"
	"slices"
	"time"
)

// Policy is what a target claims to do where the servers of the field legitimately differ. Each claim is measured and judged: a target
// that does otherwise than it claims does not conform, be it more or less strict. What is not said is as in the kit's own contract.
//
// What no claim allows stays a MUST: two live tokens of one family, life after the family's end, a grace that its own replays
// prolong, and a grace for an ancestor older than the direct parent.
type Policy struct {
	// Rotation says what a refresh does to the token that it was given: strict (default: spent at once; its return is reuse), grace (its return
	// is answered for GraceSeconds), loser-rejected (its return is refused for GraceSeconds, without further effect), none (it stays the same).
	Rotation string `json:"rotation,omitempty"`

	GraceSeconds int    `json:"grace_seconds,omitempty"` // 1 to 3600, from the rotation on
	GraceAnswer  string `json:"grace_answer,omitempty"`  // same (default: the same successor again), sibling (another one beside it), displacing (another one in its place)

	Reuse    string `json:"reuse,omitempty"`    // what the return of a spent token ends: family (default), user (all his sessions), token or none (nothing that goes on)
	Lifetime string `json:"lifetime,omitempty"` // both (default: a refresh prolongs the session, up to an absolute end), sliding (without such an end), absolute (a refresh prolongs nothing)
	Logout   string `json:"logout,omitempty"`   // what it ends: family (default: the session, from a spent token too), user (all his sessions), token (a spent one ends nothing)
	Access   string `json:"access,omitempty"`   // what the end of a session does to its access tokens: lives (default: nothing is demanded), dies

	Login      string `json:"login,omitempty"`       // what a login does to the session that the browser has already: adds (default: nothing is demanded), replaces (it ends)
	LoginLimit int    `json:"login_limit,omitempty"` // 3 to 100: so many wrong passwords for one account, then logins are answered 429 with Retry-After for a while; default: nothing is demanded
}

// words are the members that are words, the default first.
func (p *Policy) words() []policyWord {
	return []policyWord{
		{"rotation", &p.Rotation, []string{"strict", "grace", "loser-rejected", "none"}},
		{"grace_answer", &p.GraceAnswer, []string{"same", "sibling", "displacing"}},
		{"reuse", &p.Reuse, []string{"family", "user", "token", "none"}},
		{"lifetime", &p.Lifetime, []string{"both", "sliding", "absolute"}},
		{"logout", &p.Logout, []string{"family", "user", "token"}},
		{"access", &p.Access, []string{"lives", "dies"}},
		{"login", &p.Login, []string{"adds", "replaces"}},
	}
}

type policyWord struct {
	name  string
	value *string
	known []string
}

// complete fills in the kit's contract and returns what is wrong.
func (p *Policy) complete() (wrong []string) {
	if p.GraceAnswer != "" && p.Rotation != "grace" {
		wrong = append(wrong, `policy.grace_answer goes with "rotation": "grace"`)
	}
	for _, w := range p.words() {
		if w.name == "grace_answer" && p.Rotation != "grace" {
			continue // there is none
		}
		if *w.value == "" {
			*w.value = w.known[0]
		}
		if !slices.Contains(w.known, *w.value) {
			wrong = append(wrong, fmt.Sprintf("policy.%s is %q; want one of %q; nearest: %s", w.name, *w.value, w.known, nearestOf(*w.value, w.known)))
		}
	}
	if forgives := p.forgives(); forgives && (p.GraceSeconds < 1 || p.GraceSeconds > 3600) {
		wrong = append(wrong, fmt.Sprintf("policy.grace_seconds is %d; with rotation %s want 1 to 3600", p.GraceSeconds, p.Rotation))
	} else if !forgives && p.GraceSeconds != 0 {
		wrong = append(wrong, `policy.grace_seconds goes with "rotation": "grace" or "loser-rejected"`)
	}
	if p.LoginLimit != 0 && (p.LoginLimit < wrongInARow || p.LoginLimit > 100) {
		wrong = append(wrong, fmt.Sprintf("policy.login_limit is %d; want %d (so many wrong passwords in a row do the other stories send) to 100", p.LoginLimit, wrongInARow))
	}
	return wrong
}

// claims lists what differs from the kit's contract, for reports.
func (p Policy) claims() []string {
	var said []string
	for _, w := range p.words() {
		if *w.value == w.known[0] || *w.value == "" {
			continue
		}
		claim := w.name + " " + *w.value
		if w.name == "rotation" && p.forgives() {
			claim += fmt.Sprintf(" (%v)", p.grace())
		}
		said = append(said, claim)
	}
	if p.LoginLimit > 0 {
		said = append(said, fmt.Sprintf("login_limit %d", p.LoginLimit))
	}
	return said
}

func (p Policy) grace() time.Duration { return time.Duration(p.GraceSeconds) * time.Second }

// forgives: the direct parent of the live token is spared for a while.
func (p Policy) forgives() bool { return p.Rotation == "grace" || p.Rotation == "loser-rejected" }

// rotates: a refresh brings another refresh token.
func (p Policy) rotates() bool { return p.Rotation != "none" }

// punishes: the return of a spent token ends its family, or more.
func (p Policy) punishes() bool { return p.rotates() && (p.Reuse == "family" || p.Reuse == "user") }

// Reasons for which a story or a check does not apply to what is claimed; "" where it does.

func needsRotation(p Policy) string {
	if !p.rotates() {
		return "the profile claims that refresh tokens are not rotated"
	}
	return ""
}

func needsPunishment(p Policy) string {
	if why := needsRotation(p); why != "" || p.punishes() {
		return why
	}
	return "the profile claims that the return of a spent token ends nothing"
}

func needsGrace(p Policy) string {
	if !p.forgives() {
		return "the profile claims no grace"
	}
	return ""
}

func needsSliding(p Policy) string {
	if p.Lifetime == "absolute" {
		return "the profile claims that a refresh does not prolong the session"
	}
	return ""
}

func needsAbsoluteEnd(p Policy) string {
	if p.Lifetime != "both" {
		return "the profile claims no absolute end beside the sliding one"
	}
	return ""
}

func needsLogoutOfFamily(p Policy) string {
	if why := needsRotation(p); why != "" || p.Logout != "token" {
		return why
	}
	return "the profile claims that a logout ends nothing but the token that it is given"
}

// unlessClaimed is for stories that judge a claim which the kit's contract does not make.
func unlessClaimed(what string, claimed func(Policy) bool) func(Policy) string {
	return func(p Policy) string {
		if claimed(p) {
			return ""
		}
		return "the profile does not claim " + what
	}
}

func (s *Scene) policy() Policy { return s.target.profile.Policy }

// Spend rotates the actor's token until the one that it returns is beyond what any declared dialect forgives: once, or twice where
// the direct parent is spared for a while.
func (a *Actor) Spend() (spent *token) {
	spent = a.Rotate()
	if a.scene.policy().forgives() {
		a.Rotate()
	}
	return spent
}

// Ended is Refused for a session that the return of a spent token should have ended; not judged where the claim is that it ends nothing.
func (s *Scene) Ended(slug string, e *exchange) bool {
	if why := needsPunishment(s.policy()); why != "" {
		s.Skip(slug, why)
		return e.refused()
	}
	return s.Refused(slug, e)
}
