package conformance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
)

// A server that does nothing right earns not one MUST, whether the preflight stops the run or the stories are let loose on it.
func TestNullTargetsEarnNothing(t *testing.T) {
	require.GreaterOrEqual(t, len(nulltarget.All()), 10)
	for _, target := range nulltarget.All() {
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			url, stop, err := target.Start()
			require.NoError(t, err)
			t.Cleanup(stop)
			o := conformance.Options{Target: url, RequestTimeout: 100 * time.Millisecond, RaceRounds: 1, Patience: time.Nanosecond}

			rep, err := conformance.Run(t.Context(), o)
			if err != nil {
				require.ErrorIs(t, err, conformance.ErrUnavailable)
				rep, err = conformance.Run(t.Context(), conformance.SkipPreflight(o))
				require.NoError(t, err)
			}
			require.NotEqual(t, conformance.Pass, rep.Verdict)
			require.NotEqual(t, conformance.Warn, rep.Verdict)
			for _, s := range rep.Stories {
				for _, c := range s.Checks {
					if c.Level == conformance.Must {
						require.NotEqual(t, conformance.Pass, c.Verdict, c.ID)
					}
				}
			}
		})
	}
}

func TestUsageErrors(t *testing.T) {
	for want, o := range map[string]conformance.Options{
		"no target":               {},
		"is not an http":          {Target: "ftp://127.0.0.1"},
		"-allow-remote":           {Target: "http://192.0.2.1"},
		"demonstration users are": {Target: "http://192.0.2.1", AllowRemote: true},
		"one user is not enough":  {Target: "http://127.0.0.1:1", Users: conformance.DemoUsers()[:1]},
		"Alice@example.com is given twice as a user: two different accounts are needed": {
			Target: "http://127.0.0.1:1", Users: []conformance.User{{Email: "alice@example.com", Password: "x"}, {Email: "Alice@example.com", Password: "x"}},
		},
		"no story matches \"nope\"": {Target: "http://127.0.0.1:1", Run: []string{"nope"}},
	} {
		_, err := conformance.Run(t.Context(), o)
		require.ErrorIs(t, err, conformance.ErrUsage)
		require.ErrorContains(t, err, want)
	}
	_, err := conformance.Run(t.Context(), conformance.Options{Target: "http://127.0.0.1:1"})
	require.ErrorIs(t, err, conformance.ErrUnavailable)
	require.ErrorContains(t, err, "connection refused")
}
