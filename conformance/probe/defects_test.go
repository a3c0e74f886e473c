package probe_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// A defect is not drafted as a claim: it is said aloud, and a run with the draft fails.
func TestDefectsAreNotClaimed(t *testing.T) {
	for _, tt := range []struct {
		fault, story, want string
	}{
		{"reuse-plain-401", "reuse.revokes-family", `to claim it write "policy": {"reuse": "none"}`},
		{"logout-server-noop", "logout.ends", "the logout is answered with a yes, and the refresh token works on"},
		{"logout-refresh-path-ignores-revocation", "logout.ends", "the logout is answered with a yes, and the refresh token works on"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			c := &clock{}
			target := start(t, healthy(t, c, tt.fault))
			r, err := probe.Run(t.Context(), probe.Options{Run: conformance.Options{Target: target, Advance: c.advance}})
			require.NoError(t, err)
			assert.NotContains(t, string(r.JSON), `"reuse"`)
			assert.NotContains(t, string(r.JSON), `"policy": {"logout"`)
			require.Len(t, r.Unclaimed, 1)
			require.Contains(t, r.Unclaimed[0], tt.want)
			for _, f := range r.Findings {
				assert.NotContains(t, []string{"policy.reuse none", "policy.logout token"}, f.Member+" "+f.Value)
			}

			rep, err := conformance.Run(t.Context(), conformance.Options{Target: target, Profile: r.Profile, Run: []string{tt.story}, Patience: time.Nanosecond, Advance: c.advance})
			require.NoError(t, err)
			require.Equal(t, conformance.Fail, rep.Verdict)
		})
	}
	r, err := find(t, healthy(t, &clock{}), probe.Options{})
	require.NoError(t, err)
	require.Empty(t, r.Unclaimed)
}
