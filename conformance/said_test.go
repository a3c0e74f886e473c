package conformance_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// What is not in an answer is said in words.
func TestNothingIsSaidInWords(t *testing.T) {
	kit, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	srv := httptest.NewServer(kit)
	t.Cleanup(srv.Close)
	p, err := conformance.ParseProfile([]byte(`{"answer": {"token_type": "/kind", "expires_in": "/ttl"}}`))
	require.NoError(t, err)
	rep, err := conformance.Run(t.Context(), conformance.SkipPreflight(conformance.Options{Target: srv.URL, Profile: p, Run: []string{"login.success"}, Patience: time.Nanosecond}))
	require.NoError(t, err)
	got := map[string]string{}
	for _, c := range rep.Stories[0].Checks {
		got[c.ID] = c.Got
	}
	require.Equal(t, "nothing", got["login.success/token-type"])
	require.Equal(t, "nothing at /ttl", got["login.success/expires-in"])
}
