package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSQLiteSettings reads on both connections what the promises rest on.
func TestSQLiteSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a %41#b?c&d'e.db")
	db, err := open(t.Context(), sqliteEngine{path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)

	for name, pool := range map[string]*sql.DB{"write": db.write, "read": db.read} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			require.NoError(t, pool.QueryRow("PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, "%s: %s", name, pragma)
		}
	}
	_, err = db.read.Exec("DELETE FROM users")
	require.Error(t, err, "a reader wrote")
	require.Empty(t, db.Warnings(t.Context()))

	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		require.NoError(t, err, "the path was not taken literally")
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
}

func TestSQLiteCannotOpen(t *testing.T) {
	dir := t.TempDir()
	notADatabase := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(notADatabase, []byte("this is some text, long enough to be no SQLite header"), 0o600))
	for path, want := range map[string]string{
		filepath.Join(dir, "no", "dir.db"): "its directory does not exist",
		dir:                                "is a directory",
		notADatabase:                       "is no SQLite file",
	} {
		_, err := Open(t.Context(), "sqlite:///"+path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "DATABASE_URL")
	}
}

func TestDefaultDatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	db, err := Open(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, db.Ping(t.Context()))
	require.Contains(t, db.Engine(), "sqlite 3.")
	require.NoError(t, db.Close())
	require.FileExists(t, "jwt-toy.db")
	require.Error(t, db.Ping(t.Context()), "a closed database answers")
}
