package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is said of changing a setting that tokens depend on: which of them are refused then, and that nothing is revoked, so that
// changing it back brings all of it back.
func TestChangesThatEndTokens(t *testing.T) {
	env := devEnv(t)
	for _, c := range []struct {
		name, value     string
		access, refresh bool // are still accepted
	}{
		{"JWT_ALGORITHM", "HS512", false, false},
		{"JWT_ISSUER", "other", false, false},
		{"JWT_AUDIENCE", "other", false, true},
		{"JWT_SECRET_KEY", strings.Repeat("fedcba9876543210", 4), false, false},
		{"APP_NAME", "other", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			restart := func(value string) *server {
				changed := map[string]string{c.name: value}
				for name, value := range env {
					if _, ok := changed[name]; !ok {
						changed[name] = value
					}
				}
				return startServer(t, changed, "-seed")
			}
			stop := func(s *server) { s.stop(); require.Equal(t, 0, s.wait()) }
			s := restart(env[c.name])
			p := s.loggedIn()
			stop(s)

			status := map[bool]int{true: 200, false: 401}
			s = restart(c.value)
			require.Equal(t, status[c.access], s.send("GET", "/me", "", "Authorization: Bearer "+p.access).status)
			a := s.refresh(p.refresh)
			require.Equal(t, status[c.refresh], a.status)
			stop(s)
			if c.refresh {
				return
			}
			s = restart(env[c.name])
			s.alive(p.refresh)
		})
	}
}
