package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

// The suite finds the limit on failed logins that this server claims, whether or not it believes the proxy that the suite plays.
func TestLimitIsAsClaimed(t *testing.T) {
	for _, proxies := range [][]string{nil, {"127.0.0.1/32"}} {
		t.Run(fmt.Sprint(proxies), func(t *testing.T) {
			var w *world
			w = newWorld(t, func(d *deps) {
				d.trustedProxies = proxies
				d.logins = throttle.New(throttle.Config{PerAccount: 5, PerAddress: 100, Now: func() time.Time { return w.clock.now() }})
			})
			rep := conformancetest.Run(t, conformance.Options{
				Target: w.url, Production: true, Run: []string{"rotation.rotates", "operations.limit"}, Patience: time.Nanosecond,
				Profile: conformance.Profile{Policy: conformance.Policy{LoginLimit: 5}},
				Advance: func(_ context.Context, d time.Duration) error { w.clock.advance(d); return nil },
			})
			require.Equal(t, conformance.Pass, rep.Verdict)
			require.Zero(t, rep.Count(conformance.NotJudged))
		})
	}
}
