package conformance_test

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// IDs are an API: other people's filters, exceptions and dashboards name them.
func TestCatalogueSnapshot(t *testing.T) {
	var b bytes.Buffer
	for _, s := range conformance.Scenarios() {
		fmt.Fprintf(&b, "%s %s\n", s.ID, s.Level)
		for _, c := range s.Checks {
			level := c.Level
			if level == "" {
				level = s.Level
			}
			fmt.Fprintf(&b, "  %s/%s %s\n", s.ID, c.Slug, level)
		}
	}
	golden(t, "catalogue.golden", b.Bytes())
}

func TestCatalogueIsWhole(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$`)
	slug := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen, checks := map[string]bool{}, 0
	for _, s := range conformance.Scenarios() {
		require.Regexp(t, id, s.ID)
		require.False(t, seen[s.ID], s.ID)
		seen[s.ID] = true
		require.NotEmpty(t, s.Title, s.ID)
		require.NotEmpty(t, s.Why, s.ID)
		require.NotEmpty(t, s.Hint, s.ID)
		require.NotEmpty(t, s.Refs, s.ID)
		require.NotNil(t, s.Run, s.ID)
		require.True(t, s.Stage >= 1 && s.Stage <= 11, s.ID)
		for _, r := range s.Refs {
			require.Contains(t, []string{"required by", "recommended by", "motivated by"}, r.Strength, s.ID)
		}
		for _, c := range s.Checks {
			checks++
			require.Regexp(t, slug, c.Slug, s.ID)
			require.NotEmpty(t, c.Text, s.ID)
			require.False(t, seen[s.ID+"/"+c.Slug], s.ID+"/"+c.Slug)
			seen[s.ID+"/"+c.Slug] = true
		}
	}
	require.GreaterOrEqual(t, len(conformance.Scenarios()), 25)
	require.GreaterOrEqual(t, checks, 100)
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		patterns []string
		want     []string
	}{
		{[]string{"reuse.replay"}, []string{"reuse.replay"}},
		{[]string{"race"}, []string{"race.refresh", "race.replay", "race.logout", "race.sessions"}},
		{[]string{"*.isolation", "reuse.replay"}, []string{"reuse.replay", "family.isolation", "logout.isolation"}},
	} {
		got, err := conformance.Select(tt.patterns)
		require.NoError(t, err)
		var ids []string
		for _, s := range got {
			ids = append(ids, s.ID)
		}
		require.Equal(t, tt.want, ids)
	}
	_, err := conformance.Select([]string{"reuse.replay", "reuse.revoke-family"})
	require.ErrorContains(t, err, `no story matches "reuse.revoke-family"; nearest: reuse.revokes-family,`)
	_, err = conformance.Select([]string{"["})
	require.Error(t, err)
}
