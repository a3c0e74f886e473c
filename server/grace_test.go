package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
)

// A replay within the grace brings the same cookie for the rest of its life, and a fresh access token; afterwards it ends the session.
func TestGrace(t *testing.T) {
	w := newWorld(t)
	w.config.Grace = 10 * time.Second
	srv := httptest.NewServer(newHandler(deps{sessions: session.New(w.config), logins: defaultLogins(t), log: w.config.Log, realm: "jwt-toy", secureCookie: true}))
	t.Cleanup(srv.Close)
	w.url = srv.URL

	parent := w.loggedIn()
	child := w.alive(parent.refresh)
	w.clock.advance(9 * time.Second)
	a := w.refresh(parent.refresh)
	again := w.tokens(a)
	require.Equal(t, child.refresh, again.refresh)
	require.NotEqual(t, child.access, again.access)
	require.Equal(t, "refresh_token="+child.refresh+"; Path=/auth; Max-Age=2591991; HttpOnly; Secure; SameSite=Strict", a.header.Get("Set-Cookie"))
	require.Equal(t, 200, w.send("GET", "/me", "", "Authorization: Bearer "+again.access).status)

	w.clock.advance(time.Second)
	w.dead(parent.refresh)
	w.dead(child.refresh)
	require.Contains(t, w.log.String(), "msg=refresh_replayed")
	w.requireNoSecrets(w.log.String())
}
