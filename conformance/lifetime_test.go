package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two lifetimes that differ are both named, with the unit that is suspected.
func TestLifetimesThatDiffer(t *testing.T) {
	const now = 1793803533
	for want, tt := range map[string]struct {
		exp, iat float64
		expires  int64
	}{
		"expires_in 900, exp − iat 60":                                                                             {now + 60, now, 900},
		"expires_in 3600, exp − iat 7200":                                                                          {now + 7200, now, 3600},
		"expires_in 900, exp − iat 1792010629467; an exp this large is in milliseconds":                            {(now + 900) * 1000, now, 900},
		"expires_in 900, exp − iat 900000; an exp this large is in milliseconds":                                   {(now + 900) * 1000, now * 1000, 900},
		"expires_in 900, exp − iat -1792009728567; an iat this large is in milliseconds":                           {now + 900, now * 1000, 900},
		"expires_in 900000, exp − iat 900; one is a thousand times the other: is it in milliseconds?":              {now + 900, now, 900000},
		"expires_in 900, exp − iat 900000; one is a thousand times the other: is it in milliseconds?":              {now + 900000, now, 900},
		"expires_in 900, exp − iat -31500; they are whole hours apart: was UTC read as local time in one of them?": {now - 31500, now, 900},
	} {
		require.Equal(t, want, lifetimes(tt.exp, tt.iat, tt.expires))
	}
}

func TestWinnersPerRound(t *testing.T) {
	require.Equal(t, "1 winner in 6 rounds, 3 in 1 round, 8 in 1 round", winnersPerRound(map[int]int{1: 6, 8: 1, 3: 1}))
	require.Equal(t, "8 winners in 1 round", winnersPerRound(map[int]int{8: 1}))
	require.Equal(t, "0 winners in 2 rounds, 1 in 6 rounds", winnersPerRound(map[int]int{1: 6, 0: 2}))
}
