package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/jwt-toy/jwt-toy/internal/store"
)

// Every setting, unlike its default, reaches what it sets.
func TestSettingsTakeEffect(t *testing.T) {
	const origin = "http://localhost:3000"
	env := devEnv(t)
	env["BCRYPT_COST"], env["APP_NAME"], env["TRUSTED_ORIGINS"] = "5", "shop", origin
	env["JWT_ALGORITHM"], env["JWT_ISSUER"], env["JWT_AUDIENCE"] = "HS384", "issuer", "audience"
	env["ACCESS_TOKEN_TTL"], env["REFRESH_TOKEN_TTL"], env["SESSION_MAX_TTL"] = "7m", "48h", "72h"
	s := startServer(t, env, "-seed")

	a := s.login(s.user(0))
	require.Equal(t, 200, a.status)
	c, _ := a.cookie()
	require.Equal(t, 48*60*60, c.MaxAge)
	var body struct {
		Access    string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	require.Equal(t, 420, body.ExpiresIn)
	parts := strings.Split(body.Access, ".")
	require.Equal(t, "HS384", decodePart(t, parts[0])["alg"])
	claims := decodePart(t, parts[1])
	require.Equal(t, "issuer", claims["iss"])
	require.Contains(t, []any{"audience", []any{"audience"}}, claims["aud"])
	require.Equal(t, 420, int(claims["exp"].(float64))-int(claims["iat"].(float64)))

	a = s.send("GET", "/me", "", "Origin: "+origin)
	require.Equal(t, origin, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, `Bearer realm="shop"`, a.header.Get("WWW-Authenticate"))

	db, err := store.Open(t.Context(), env["DATABASE_URL"])
	require.NoError(t, err)
	defer db.Close()
	u, err := db.UserByEmail(t.Context(), s.user(0).Email)
	require.NoError(t, err)
	cost, err := bcrypt.Cost(u.PasswordHash)
	require.NoError(t, err)
	require.Equal(t, 5, cost)
	s.stop()
	require.Equal(t, 0, s.wait())

	env["REFRESH_REUSE_GRACE"] = "60s"
	env["SESSION_MAX_TTL"] = "24h" // shorter than the refresh token's own life
	s = startServer(t, env)
	require.Contains(t, s.stderr.String(), "SESSION_MAX_TTL ends every session after 24h")
	a = s.login(s.user(0))
	c, _ = a.cookie()
	require.Equal(t, 24*60*60, c.MaxAge)
	child, _ := s.refresh(c.Value).cookie()
	again, _ := s.refresh(c.Value).cookie()
	require.Equal(t, child.Value, again.Value, "the grace")
}

func decodePart(t *testing.T, part string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	return m
}

// A server deletes what ended while none was there to do it.
func TestServeCleansUp(t *testing.T) {
	env := devEnv(t)
	env["REFRESH_TOKEN_TTL"], env["SESSION_MAX_TTL"], env["ACCESS_TOKEN_TTL"] = "1s", "1s", "1s"
	s := startServer(t, env, "-seed")
	require.Equal(t, 200, s.login(s.user(0)).status)
	require.Equal(t, 200, s.login(s.user(1)).status)
	s.stop()
	require.Equal(t, 0, s.wait())
	time.Sleep(time.Second) // the life of the two sessions
	s = startServer(t, env)
	require.Eventually(t, func() bool {
		return strings.Contains(s.stderr.String(), `msg="deleted ended sessions" count=2`)
	}, patience, 5*time.Millisecond)
}

// No client can keep a connection without asking anything, or send a header without end.
func TestServerIsBounded(t *testing.T) {
	log := new(syncBuffer)
	srv := newServer(http.NotFoundHandler(), slog.New(slog.NewTextHandler(log, nil)))
	srv.ErrorLog.Print("of the library's own")
	require.Contains(t, log.String(), `level=WARN msg="of the library's own"`)
	require.Positive(t, srv.ReadHeaderTimeout)
	require.Positive(t, srv.ReadTimeout)
	require.Positive(t, srv.IdleTimeout)
	require.Greater(t, srv.WriteTimeout, srv.ReadTimeout+requestTimeout+storeTimeout)

	s := startServer(t, devEnv(t))
	addr := strings.TrimPrefix(s.url, "http://")
	for name, lines := range map[string]string{"one long header": "X: " + strings.Repeat("x", 40<<10), "many": strings.Repeat("X: x\r\n", 8<<10)} {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err, name)
		defer conn.Close()
		_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n\r\n")) // the server may hang up before the end
		status := make([]byte, len("HTTP/1.1 431"))
		_, err = conn.Read(status)
		require.NoError(t, err, name)
		require.Equal(t, "HTTP/1.1 431", string(status), name)
	}

	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("POST /auth/refresh HTTP/1.1\r\nHost: x\r\n"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(2*srv.ReadHeaderTimeout)))
	_, err = io.ReadAll(conn) // to its end, which is the server's doing: a deadline would be an error
	require.NoError(t, err)
}
