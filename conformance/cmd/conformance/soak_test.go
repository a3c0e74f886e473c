package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

func TestSoakExitCodes(t *testing.T) {
	serve := func(faults ...string) string {
		s, err := faulty.New(faulty.Options{Faults: faults})
		require.NoError(t, err)
		srv := httptest.NewServer(s)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	healthy, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	loginOnly := func(status int, begins time.Duration) string { // for so long after the first login
		var first atomic.Pointer[time.Time]
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			now := time.Now()
			first.CompareAndSwap(nil, &now)
			if r.URL.Path == "/auth/login" || time.Since(*first.Load()) > begins {
				healthy.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/refresh" && rand.IntN(10) == 0 {
			healthy.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		healthy.ServeHTTP(w, r)
	}))
	t.Cleanup(lossy.Close)
	result := filepath.Join(t.TempDir(), "soak.json")

	for _, c := range []struct {
		name, target string
		args         []string
		interrupted  bool
		want         int
	}{
		{"linearizable", serve(), nil, false, exitConforms},
		{"impossible", serve("rt-old-still-valid"), []string{"-fail-fast", "-duration", "20s"}, false, exitFails},
		{"usage", serve(), []string{"-login-rate", "0.0001", "-duration", "1ms"}, false, exitUsage},
		{"unavailable", "http://127.0.0.1:1", nil, false, exitUnavailable},
		{"not established", loginOnly(503, 4*time.Second), nil, false, exitOpen},
		{"not serving", loginOnly(503, time.Hour), []string{"-recovery", "1s"}, false, exitUnavailable},
		{"errors", loginOnly(500, 4*time.Second), nil, false, exitFails},
		{"sessions lost", lossy.URL, nil, false, exitConforms},
		{"too many lost", lossy.URL, []string{"-max-lost", "0"}, false, exitFails},
		{"no clients", serve(), []string{"-clients", "0"}, false, exitUsage},
		{"nowhere to write", serve(), []string{"-json", t.TempDir()}, false, exitUsage},
		{"for programs", serve(), []string{"-json", result}, false, exitConforms},
		{"interrupted", serve(), []string{"-duration", "1h"}, true, exitInterrupted},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if c.interrupted {
			time.AfterFunc(300*time.Millisecond, cancel)
		}
		var stdout, stderr bytes.Buffer
		args := append([]string{"soak", "-target", c.target, "-clients", "4", "-login-rate", "100", "-duration", "1s"}, c.args...)
		require.Equal(t, c.want, run(ctx, args, func(string) string { return "" }, &stdout, &stderr), "%s\n%s%s", c.name, &stdout, &stderr)
		cancel()
	}
	b, err := os.ReadFile(result)
	require.NoError(t, err)
	var written struct{ Verdict string }
	require.NoError(t, json.Unmarshal(b, &written))
	require.Equal(t, "linearizable", written.Verdict)
}

func TestProgressLine(t *testing.T) {
	now := history.Progress{Elapsed: 2 * time.Second, Calls: 10}
	for inPlace, want := range map[bool]string{
		true:  "\r\033[K" + now.String() + "\r\033[K",
		false: now.String() + "\n",
	} {
		var b bytes.Buffer
		p := progressLine{w: &b, inPlace: inPlace}
		p.show(now)
		p.end()
		require.Equal(t, want, b.String())
	}
}
