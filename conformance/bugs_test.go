package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/bugs"
)

// TestBugs holds the catalogue of bugs to the kill matrix: a bug that the faulty server has is caught by the checks that its faults are
// primarily killed by, each check exists, and what is not caught says why.
func TestBugs(t *testing.T) {
	checks := map[string]bool{}
	for _, s := range conformance.Scenarios() {
		for _, c := range s.Checks {
			checks[s.ID+"/"+c.Slug] = true
		}
	}
	primary, ids := primaries(t), map[string]bool{}
	for _, b := range bugs.All() {
		require.False(t, ids[b.ID], "%s stands there twice", b.ID)
		ids[b.ID] = true
		assert.Contains(t, []string{"Critical", "High", "Medium", "Low", "Info", "Info/Medium"}, b.Severity, b.ID)
		assert.NotEmpty(t, b.Bug+b.Symptom+b.Violates, b.ID)
		assert.NotEqual(t, len(b.Checks) == 0, b.Unseen == "", "%s: bugs.json names the checks that catch it, or says why none does", b.ID)
		for _, c := range b.Checks {
			assert.True(t, checks[c], "%s: there is no check %s", b.ID, c)
		}
		for fault, check := range primary {
			if fault == b.ID || strings.HasPrefix(fault, b.ID+"/") {
				assert.True(t, slices.Contains(b.Checks, check), "%s: its fault %s is caught by %s, which bugs.json does not name", b.ID, fault, check)
			}
		}
	}
	require.Greater(t, len(ids), 100)
}
