package probe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// What a fault changes in what is found: everything else is the kit's contract, whatever is wrong with the server.
var strays = map[string]string{
	"login-password-not-checked":                "guessed login.refused",
	"at-exp-absent-or-optional":                 "guessed answer.expires_in, answer.unit",
	"at-exp-absent-or-optional/text":            "guessed answer.expires_in, answer.unit",
	"at-ttl-unit-error/minutes-as-seconds":      "guessed answer.expires_in, answer.unit",
	"at-ttl-unit-error/milliseconds-as-seconds": "guessed answer.expires_in, answer.unit",
	"at-nbf-iat-in-future":                      "guessed answer.expires_in, answer.unit",
	"at-ttl-unit-error/expires-in-ms":           `"answer": {"unit": "ms"}`,
	"at-jti-derived-collides/denied":            `"me": {"path": "-"} guessed me.path`,
	"at-401-without-challenge-or-403/403":       `"me": {"refused": [403]}`,
	"at-401-without-challenge-or-403/400":       `"me": {"refused": [400]}`,
	"rt-no-credential-needed/garbage":           "guessed refresh.refused",
	"rt-needs-live-access-token":                `"refresh": {"bearer": true}`,
	"rt-not-rotated":                            `"policy": {"rotation": "none"}`,
	"rt-not-rotated/none":                       `"policy": {"rotation": "none"}`,
	"rt-new-cookie-not-delivered":               `"policy": {"rotation": "none"}`,
	"rt-new-cookie-not-delivered/empty":         `"policy": {"rotation": "none"}`,
	"cookie-renamed-on-refresh":                 `"policy": {"rotation": "none"}`,
	"logout-server-noop":                        "guessed logout.path, logout.token",
	"logout-refresh-path-ignores-revocation":    "guessed logout.path, logout.token",
	"logout-effect-is-late":                     "guessed logout.path, logout.token",
	"logout-needs-access-token":                 `"logout": {"bearer": true}`,
	"tx-token-response/expires-in-text":         `"answer": {"expires_in": "-"} guessed answer.expires_in`,
	"tx-token-response/token-type":              `"answer": {"token_type": "-"} guessed answer.token_type`,
	"tx-500-on-bad-refresh":                     "guessed refresh.refused",
	"tx-wrong-status/refresh-200":               `"refresh": {"refused": [200]}`,
	"tx-wrong-status/refresh-302":               `"refresh": {"refused": [302]}`,
	"tx-wrong-status/refresh-400":               `"refresh": {"refused": [400]}`,
	"tx-wrong-status/refresh-403":               `"refresh": {"refused": [403]}`,
	"tx-wrong-status/unknown-404":               `"refresh": {"refused": [404, 401]}`,
	"tx-wrong-status/login-400":                 `"login": {"refused": [400]}`,
	"login-same-second-collision":               "error the suite cannot start",
	"cookie-csrf-check-unsatisfiable":           "error CSRF",
	"tx-token-response/renamed-on-refresh":      "error /accessToken",
}

// No single fault leads the probe astray, or makes it ask for more than it may.
func TestFaultyServers(t *testing.T) {
	for _, f := range faulty.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			c := &clock{}
			if f.Name == "login-same-second-collision" {
				c.stands = time.Now() // or two logins may meet the turn of a second between them
			}
			target := start(t, healthy(t, c, f.Name))
			r, err := probe.Run(t.Context(), probe.Options{NoPolicy: true, Run: conformance.Options{Target: target, Patience: time.Nanosecond}})
			if want, ok := strings.CutPrefix(strays[f.Name], "error "); ok {
				require.ErrorIs(t, err, probe.ErrNotFound)
				require.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			lines := strings.Split(string(r.JSON), "\n")
			got := strings.TrimSpace(strings.Join(lines[3:len(lines)-2], ""))
			var guessed []string
			for _, f := range r.Findings {
				if !f.Measured {
					guessed = append(guessed, f.Member)
				}
			}
			if guessed != nil {
				got = strings.TrimSpace(got + " guessed " + strings.Join(guessed, ", "))
			}
			assert.Equal(t, strays[f.Name], got)
			assert.LessOrEqual(t, r.PasswordChecks, 12)
			assert.LessOrEqual(t, r.Requests, 200)
		})
	}
}

// A server that does nothing right earns no profile.
func TestNullTargets(t *testing.T) {
	for _, target := range nulltarget.All() {
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			url, stop, err := target.Start()
			require.NoError(t, err)
			t.Cleanup(stop)
			r, err := probe.Run(t.Context(), probe.Options{Run: conformance.Options{Target: url, RequestTimeout: 200 * time.Millisecond, Patience: time.Nanosecond}})
			require.Nil(t, r)
			switch target.Name {
			case "close", "hang", "half", "429", "random": // random begins with a 429
				require.ErrorIs(t, err, conformance.ErrUnavailable)
			default:
				require.ErrorIs(t, err, probe.ErrNotFound)
			}
		})
	}
}
