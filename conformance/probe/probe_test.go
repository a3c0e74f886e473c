package probe_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// The probe finds each shape by itself, says of each member how it knows, and the suite accepts the healthy server behind it.
func TestFindsShapes(t *testing.T) {
	for _, s := range append(servers(), luggageServers()...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := &clock{}
			target := start(t, s.handler(healthy(t, c)))
			o := probe.Options{Run: conformance.Options{Target: target, Advance: c.advance}}
			if s.name == "GoTrue" {
				o.Headers = map[string]string{"Apikey": "anon"}
			}
			r, err := probe.Run(t.Context(), o)
			require.NoError(t, err)

			var found map[string]any
			require.NoError(t, json.Unmarshal(r.JSON, &found))
			require.NotEmpty(t, found["$schema"])
			delete(found, "$schema")
			delete(found, "name")
			minimal, err := json.Marshal(found)
			require.NoError(t, err)
			require.JSONEq(t, strings.ReplaceAll(s.profile, "$ORIGIN", target), string(minimal))
			require.Less(t, strings.Count(string(r.JSON), "\n"), 40)
			require.Equal(t, s.preset, r.Preset)
			require.LessOrEqual(t, r.Requests, 200)
			require.LessOrEqual(t, r.PasswordChecks, 20)
			var guessed []string
			for _, f := range r.Findings {
				if !f.Measured && f.Member != "policy.lifetime" { // an absolute end cannot be seen in time
					guessed = append(guessed, f.Member)
				}
				require.NotEmpty(t, f.Evidence, f.Member)
				require.NotContains(t, f.Evidence, "demo-password")
				require.NotContains(t, f.Evidence, "eyJ")
			}
			require.ElementsMatch(t, s.guessed, guessed)

			c.offset.Store(0)
			rep, err := conformance.Run(t.Context(), conformance.Options{
				Target: target, Profile: r.Profile, JWTSecret: faulty.DemoSecret, RaceRounds: 2, Patience: time.Nanosecond,
				Advance: c.advance,
			})
			require.NoError(t, err)
			for _, story := range rep.Stories {
				if slices.ContainsFunc(s.fails, func(pattern string) bool { ok, _ := path.Match(pattern, story.ID); return ok }) {
					continue
				}
				for _, check := range story.Checks {
					assert.False(t, check.Level == conformance.Must && check.Verdict > conformance.Warn, "%s: want %s, got %s %s", check.ID, check.Want, check.Got, story.Reason)
				}
			}
		})
	}
}
