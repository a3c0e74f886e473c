package conformance

import (
	"context"
	"time"
)

// SkipPreflight lets the stories loose on a target that would not get that far.
func SkipPreflight(o Options) Options { o.skipPreflight = true; return o }

// CommandTime bounds the profile's commands.
func CommandTime(o Options, d time.Duration) Options { o.commandTime = d; return o }

// Play judges a target with stories of a test's own.
func Play(ctx context.Context, o Options, stories ...Scenario) (*Report, error) {
	o, _, err := o.complete()
	if err != nil {
		return nil, err
	}
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	defer r.logs.close()
	t, err := r.open(ctx, o.Target)
	if err != nil {
		return nil, err
	}
	defer t.client.close()
	r.play(ctx, t, t, stories)
	return r.report(t, t, time.Now()), nil
}

// Advice is the advice of single checks.
func Advice() map[string][2]string { return advice() }
