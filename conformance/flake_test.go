package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// asAUser starts the healthy server as its users do: no clock is moved, what expires is waited for at an instance with short lives, and every
// other hook is there.
func asAUser(t *testing.T) conformance.Options {
	serve := func(h http.Handler) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	s, err := faulty.New(faulty.Options{Secure: true, Log: log, HashCost: 5 * time.Millisecond})
	require.NoError(t, err)
	o := conformance.Options{
		Target: serve(s), Replicas: []string{serve(s.Replica())}, JWTSecret: faulty.DemoSecret, Production: true, Logs: []string{log.Name()}, Audit: auditOf(t, s),
		Admin: func(_ context.Context, a conformance.AdminAction) error {
			return s.Admin(a.Action, a.Email, a.Password)
		},
		Outage:  func(_ context.Context, begin bool) error { s.Outage(begin); return nil },
		Restart: func(context.Context) error { s.Restart(); return nil },
	}
	if os.Getenv("FLAKE") != "" { // what takes a while
		short, err := faulty.New(faulty.Options{Secure: true, AccessTTL: 2 * time.Second, RefreshTTL: 6 * time.Second, SessionMaxTTL: 15 * time.Second})
		require.NoError(t, err)
		o.ExpiryTarget, o.SessionMaxTTL, o.Slow = serve(short), 15*time.Second, true
	}
	return o
}

// TestFlake judges the healthy server a few times, or as often as $FLAKE says; make flake does so a hundred times, beside the same in another process.
func TestFlake(t *testing.T) {
	runs := 3
	if n := os.Getenv("FLAKE"); n != "" {
		var err error
		runs, err = strconv.Atoi(n)
		require.NoError(t, err, "FLAKE=%s", n)
	}
	conformancetest.Repeat(t, conformancetest.Repetition{Runs: runs, Dir: filepath.Join(os.TempDir(), "flake-memory"), Most: 20 * time.Minute, Options: asAUser})
}
