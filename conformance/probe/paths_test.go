package probe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// Paths of the later places are found without a word from the user, and within the bound; what is found last leaves enough for the rest.
func TestLatePaths(t *testing.T) {
	login := func(q query) (int, any) { g := q.login("email", "password"); return g.pair(g.camel()) }
	refresh := func(q query) (int, any) { g := q.refresh(q.text("refreshToken")); return g.pair(g.camel()) }
	logout := func(q query) (int, any) { g := q.logout(q.text("refreshToken")); return g.status, nil }
	for _, paths := range [][4]string{
		{"/api/v1/session", "/api/v1/session/renew", "/api/v1/session/end", "/api/v1/profile"},
		{"/v1/sessions", "/v1/sessions/refresh", "/v1/sessions/end", "/v1/me"},
		{"/api/v1/signin", "/api/v1/session/renew", "/api/v1/session/end", "/api/v1/me"},
		{"/api/sign_in", "/api/session/refresh", "/api/sign_out", "-"},
		{"/api/auth", "/api/auth/session/renew", "/api/auth/logout", "-"}, // both of them the last
	} {
		s := server{routes: map[string]route{"POST " + paths[0]: login, "POST " + paths[1]: refresh, "POST " + paths[2]: logout}}
		if paths[3] != "-" {
			s.routes["GET "+paths[3]] = query.me
		}
		r, err := find(t, s.handler(healthy(t, &clock{})), probe.Options{})
		require.NoError(t, err, paths)
		found := [4]string{r.Profile.Login.Path, r.Profile.Refresh.Path, r.Profile.Logout.Path, r.Profile.Me.Path}
		require.Equal(t, paths, found)
		require.Equal(t, conformance.Pass, r.Stories[2].Verdict)
		require.LessOrEqual(t, r.Requests, 200)
	}
}
