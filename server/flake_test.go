package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// TestFlakeMySQL judges this server on MySQL as its users do, with no clock but the real one and three processes: once, or a fifth as often as
// $FLAKE says. make flake does so beside another process that judges another server.
func TestFlakeMySQL(t *testing.T) {
	runs := 1
	if n := os.Getenv("FLAKE"); n != "" {
		all, err := strconv.Atoi(n)
		require.NoError(t, err, "FLAKE=%s", n)
		runs = max(1, all/5)
	}
	conformancetest.Repeat(t, conformancetest.Repetition{
		Runs: runs, Dir: filepath.Join(os.TempDir(), "flake-mysql"), Most: 20 * time.Minute,
		Options: func(t *testing.T) conformance.Options {
			databaseURL := mysqltest.URL(t)
			j := startJudged(t, databaseURL, defaultLifetimes, true)
			o := j.everything()
			o.Advance, o.Slow, o.Replicas = nil, false, []string{j.replica(), j.replica()}
			if os.Getenv("FLAKE") != "" { // what takes a while
				o.ExpiryTarget, o.SessionMaxTTL, o.Slow = startJudged(t, mysqltest.URL(t), shortLifetimes, true).url, shortLifetimes.session, true
			}
			return o
		},
	})
}
