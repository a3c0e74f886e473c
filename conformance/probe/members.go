package probe

import (
	"fmt"
	"slices"
	"strings"
)

func (p *prober) tokenType() {
	p.profile.Answer.TokenType = "-"
	for _, l := range leaves(p.login.body) {
		if s, ok := l.value.(string); ok && strings.EqualFold(s, "bearer") {
			p.profile.Answer.TokenType = l.pointer
			p.measured("answer.token_type", l.pointer, "it says %s", s)
			return
		}
	}
	p.guessed("answer.token_type", "-", "no member says Bearer")
}

// predicateNames are members that usually say whether a call worked.
var predicateNames = []string{"status", "success", "ok", "code", "result", "succeeded", "error", "errno", "errorCode", "ret", "message", "msg"}

// findPredicate finds what tells a success where the status does not: a member that all successes share and no refusal has.
func (p *prober) findPredicate() {
	if !slices.ContainsFunc(p.no, (*answer).ok) {
		return
	}
	var best *leaf
	rank := len(predicateNames) + 1
	for _, l := range leaves(p.login.body) {
		value := fmt.Sprint(l.value)
		all := !slices.ContainsFunc(p.yes, func(a *answer) bool { return fmt.Sprint(a.leaf(l.pointer)) != value })
		none := !slices.ContainsFunc(p.no, func(a *answer) bool { return a.ok() && fmt.Sprint(a.leaf(l.pointer)) == value })
		if !all || !none || l.value == nil || len(value) > 40 {
			continue
		}
		r := slices.Index(predicateNames, l.key)
		if r < 0 {
			r = len(predicateNames)
		}
		if r < rank {
			best, rank = &l, r
		}
	}
	if best == nil {
		p.note("guessed: a refusal is answered with 2xx, and no member tells it from a success; the run goes by the tokens alone")
		return
	}
	p.profile.Answer.SuccessAt, p.profile.Answer.SuccessIs = best.pointer, fmt.Sprint(best.value)
	p.measured("answer.success_at", best.pointer, "refusals come with 2xx; only successes have %s there", p.profile.Answer.SuccessIs)
}
