package store

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
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
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "100"} {
			var got string
			require.NoError(t, pool.QueryRow("PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, "%s: %s", name, pragma)
		}
	}
	require.Equal(t, 1, db.write.Stats().MaxOpenConnections, "writers that queue here need not poll for SQLite's lock")
	_, err = db.read.Exec("DELETE FROM users")
	require.Error(t, err, "a reader wrote")
	require.Empty(t, db.Warnings(t.Context()))

	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		require.NoError(t, err, "the path was not taken literally")
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
}

// busySQLite returns a database and the transaction of another process that writes to it.
func busySQLite(t *testing.T) (*DB, *sql.Tx) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := open(t.Context(), sqliteEngine{path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)
	other, err := sqliteEngine{path: path}.openToMigrate()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	tx, err := other.Begin() // immediate: it holds the lock
	require.NoError(t, err)
	return db, tx
}

// TestSQLiteBusy: another process writes for longer than one try waits, as a backup may.
func TestSQLiteBusy(t *testing.T) {
	db, tx := busySQLite(t)
	id := uuid.Must(uuid.NewV7())

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := db.Revoke(ctx, id, session.ReasonLogout, begin)
	require.ErrorIs(t, err, session.ErrUnavailable)
	require.Less(t, time.Since(begin), 2*time.Second)

	time.AfterFunc(400*time.Millisecond, func() { _ = tx.Rollback() })
	_, err = db.Revoke(t.Context(), id, session.ReasonLogout, begin)
	require.NoError(t, err)
}

// TestSQLiteMigrationWaits: another process writes while this one migrates, as two that start together do.
func TestSQLiteMigrationWaits(t *testing.T) {
	db, tx := busySQLite(t)
	require.NoError(t, tx.Rollback())
	for range 3 {
		_, err := db.MigrateDown(t.Context())
		require.NoError(t, err)
	}
	other, err := db.engine.openToMigrate()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	tx, err = other.Begin()
	require.NoError(t, err)
	time.AfterFunc(500*time.Millisecond, func() { _ = tx.Rollback() })
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)
}

// TestPatience: repetition ends also where the caller has set no deadline.
func TestPatience(t *testing.T) {
	t.Parallel()
	db, tx := busySQLite(t)
	defer func() { _ = tx.Rollback() }()

	done := make(chan error, 1)
	go func() {
		_, err := db.Revoke(context.Background(), uuid.Must(uuid.NewV7()), session.ReasonLogout, time.Now())
		done <- err
	}()
	select {
	case err := <-done:
		require.ErrorIs(t, err, session.ErrUnavailable)
	case <-time.After(3 * patience):
		t.Fatal("it repeats for ever")
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
