package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// policy lets the suite measure what the target does where servers legitimately differ.
func (p *prober) policy(ctx context.Context, draft conformance.Profile) error {
	if p.opts.NoPolicy {
		if !p.rotates {
			p.profile.Policy.Rotation = "none"
			p.measured("policy.rotation", "none", "a refresh brought no other refresh token")
		}
		p.note("not measured: the rest of the policy; the profile claims the kit's")
		return nil
	}
	p.progress("measuring the policy: some seconds, and as long as a grace lasts")
	o := p.suite(draft)
	m, err := conformance.Measure(ctx, o)
	if err != nil {
		return p.notStarted(ctx, err)
	}
	p.profile.Policy, p.checks = m.Policy, p.checks+m.PasswordChecks
	values := map[string]any{}
	if raw, err := json.Marshal(m.Policy); err != nil || json.Unmarshal(raw, &values) != nil {
		return fmt.Errorf("read the policy: %w", err)
	}
	kit := kitPolicy()
	if m.Policy.Reuse == "none" {
		p.profile.Policy.Reuse = kit.Reuse
	}
	p.profile.Policy.Logout, p.profile.Policy.Login = cmp.Or(m.Policy.Logout, kit.Logout), kit.Login // which is not measured
	for _, seen := range m.Seen {
		member, text, _ := strings.Cut(seen, ": ")
		if what := defect(member, text); what != "" {
			p.unclaimed = append(p.unclaimed, what)
			continue
		}
		value, known := values[member]
		if !known {
			p.note("policy: %s", seen)
			continue
		}
		text = strings.TrimPrefix(text, fmt.Sprint(value)+": ")
		p.findings = append(p.findings, Finding{"policy." + member, fmt.Sprint(value), !strings.Contains(text, "guess"), strings.TrimLeft(strings.TrimPrefix(text, "guessed"), ":, ")})
	}
	if p.profile.Policy != kit {
		p.note("the policy claims what was seen, not what is meant: where the server should do otherwise, correct the profile, and the run will say so")
	}
	return nil
}

// defect says what was measured that no draft may claim for its server; "": it is none.
func defect(member, text string) string {
	value, seen, _ := strings.Cut(text, ": ")
	switch {
	case member == "reuse" && value == "none":
		return `a spent token revoked nothing: ` + seen + `. Left unclaimed, as this is a defect unless you mean it; to claim it write "policy": {"reuse": "none"}`
	case value == "unclear":
		return "policy." + member + ": " + seen + ". Left unclaimed, as this is a defect"
	}
	return ""
}

// kitPolicy is the policy of a profile that says nothing.
func kitPolicy() conformance.Policy {
	kit, err := conformance.ParseProfile([]byte("{}"))
	if err != nil {
		panic(err) // an empty profile is one
	}
	return kit.Policy
}

// stories are those that show whether a profile works: five password checks.
var stories = []string{"login.success", "rotation.rotates", "logout.ends"}

// validate lets the suite play a few stories with the profile, so that what is handed out is what a run will do.
func (p *prober) validate(ctx context.Context, r *Result) error {
	p.progress("trying the profile")
	o := p.suite(r.Profile)
	o.Run = stories
	rep, err := conformance.Run(ctx, o)
	if err != nil {
		return p.notStarted(ctx, err)
	}
	r.Stories = rep.Stories
	p.checks += rep.Run.PasswordChecks
	return nil
}

// suite are the options of a run with the profile, and with the patience that is left.
func (p *prober) suite(profile conformance.Profile) conformance.Options {
	o := p.opts.Run
	o.Profile, o.Patience = profile, max(p.client.patience, 1)
	o.Expect, o.Progress, o.Waiting = nil, nil, nil
	return o
}

func (p *prober) notStarted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, conformance.ErrUnavailable):
		return fmt.Errorf("%w: the suite cannot start with the profile that was drafted: %w", ErrNotFound, err)
	}
	return err
}
