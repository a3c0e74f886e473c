package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRestore is what docs/operations.md says of a restored backup: nobody is punished for what it has forgotten, but it has
// forgotten rotations and logouts too, which only a new key makes up for.
func TestRestore(t *testing.T) {
	env := devEnv(t)
	path := strings.TrimPrefix(env["DATABASE_URL"], "sqlite:///")
	stop := func(s *server) { s.stop(); require.Equal(t, 0, s.wait()) }
	s := startServer(t, env, "-seed")
	quiet, spent, left := s.loggedIn(), s.loggedIn(), s.loggedIn()

	backup := filepath.Join(t.TempDir(), "backup.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "VACUUM INTO ?", backup)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	rotated := s.alive(spent.refresh)
	require.Equal(t, 204, s.logout(left.refresh).status)
	begun := s.loggedIn()
	stop(s)

	restore := func() {
		b, err := os.ReadFile(backup)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
	restore()
	s = startServer(t, env)
	require.Equal(t, 503, s.refresh(rotated.refresh).status, "ahead of its row")
	s.dead(begun.refresh)
	s.alive(quiet.refresh)
	s.alive(spent.refresh)
	s.alive(left.refresh)
	require.NotContains(t, s.stderr.String(), "reuse_detected")
	require.Contains(t, s.stderr.String(), "token_ahead")
	stop(s)

	restore()
	env["JWT_SECRET_KEY"] = strings.Repeat("fedcba9876543210", 4)
	s = startServer(t, env)
	for _, p := range []pair{quiet, spent, left, rotated, begun} {
		s.dead(p.refresh)
		require.Equal(t, 401, s.send("GET", "/me", "", "Authorization: Bearer "+p.access).status)
	}
	s.loggedIn()
}
