package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
)

func TestProbeExitCodes(t *testing.T) {
	t.Parallel()
	kit, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	interrupted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 10 {
			cancel()
		}
		kit.ServeHTTP(w, r)
	}))
	t.Cleanup(interrupted.Close)
	healthy := httptest.NewServer(kit)
	t.Cleanup(healthy.Close)
	i := 0
	for ; nulltarget.All()[i].Name != "404"; i++ {
	}
	nothing, stop, err := nulltarget.All()[i].Start()
	require.NoError(t, err)
	t.Cleanup(stop)
	for _, tt := range []struct {
		name string
		ctx  context.Context
		args []string
		want int
	}{
		{"found", t.Context(), []string{"-target", healthy.URL, "-policy=false"}, exitConforms},
		{"usage", t.Context(), []string{"-target", healthy.URL, "-openapi", filepath.Join(t.TempDir(), "none.json")}, exitUsage},
		{"unwritable", t.Context(), []string{"-target", healthy.URL, "-policy=false", "-o", t.TempDir()}, exitUsage},
		{"unavailable", t.Context(), []string{"-target", "http://127.0.0.1:1"}, exitUnavailable},
		{"not found", t.Context(), []string{"-target", nothing}, exitOpen},
		{"interrupted", ctx, []string{"-target", interrupted.URL}, exitInterrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := run(tt.ctx, append([]string{"probe"}, tt.args...), func(string) string { return "" }, &stdout, &stderr)
			require.Equal(t, tt.want, code, stderr.String())
			require.Equal(t, tt.want == exitConforms, stdout.Len() > 0)
		})
	}
}
