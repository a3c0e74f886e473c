package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

func TestExitCode(t *testing.T) {
	report := func(v conformance.Verdict, unjudged bool) *conformance.Report {
		r := &conformance.Report{Verdict: v}
		if unjudged {
			r.Stories = []conformance.StoryResult{{Checks: []conformance.CheckResult{{Verdict: conformance.NotJudged}}}}
		}
		return r
	}
	for _, tt := range []struct {
		rep        *conformance.Report
		err        error
		requireAll bool
		want       int
	}{
		{report(conformance.Pass, true), nil, false, 0},
		{report(conformance.Warn, false), nil, true, 0},
		{report(conformance.Pass, true), nil, true, 4},
		{report(conformance.Fail, true), nil, true, 1},
		{report(conformance.Inconclusive, false), nil, false, 4},
		{report(conformance.Broken, false), nil, false, 4},
		{report(conformance.NotJudged, true), nil, false, 4},
		{nil, fmt.Errorf("%w: x", conformance.ErrUsage), false, 2},
		{nil, fmt.Errorf("%w: x", conformance.ErrUnavailable), false, 3},
		{report(conformance.Pass, false), errors.New("interrupted"), false, 130},
	} {
		require.Equal(t, tt.want, exitCode(tt.rep, tt.err, tt.requireAll))
	}
}
