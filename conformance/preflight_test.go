package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Where no member states how long an access token lives, its own exp does; where neither does, its end cannot be waited for.
func TestLifeOfAccessTokensNotStated(t *testing.T) {
	silent, err := conformance.ParseProfile([]byte(`{"answer": {"expires_in": "-", "token_type": "-"}}`))
	require.NoError(t, err)
	for fault, want := range map[string]conformance.Verdict{"": conformance.Pass, "at-exp-absent-or-optional": conformance.NotJudged} {
		var faults []string
		if fault != "" {
			faults = []string{fault}
		}
		o := start(t, faults...)
		o.Profile, o.Run = silent, []string{"expiry.access", "login.success"}
		rep, err := conformance.Run(t.Context(), o)
		require.NoError(t, err)
		for _, s := range rep.Stories {
			if s.ID == "expiry.access" {
				require.Equal(t, want, s.Verdict, s.Reason)
			} else {
				require.Equal(t, conformance.Pass, s.Verdict)
			}
		}
	}
}
