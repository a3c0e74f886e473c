package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/storetest"
)

// TestRacesAtRepeatableRead: READ COMMITTED is what we ask for, but no promise may need it.
func TestRacesAtRepeatableRead(t *testing.T) {
	t.Parallel()
	storetest.Races(t, func(t *testing.T, replicas int) (all []session.Store) {
		databaseURL := mysqltest.URL(t)
		for range replicas {
			e, err := newEngine(databaseURL)
			require.NoError(t, err)
			e.(mysqlEngine).cfg.Params["transaction_isolation"] = "'REPEATABLE-READ'"
			db, err := open(t.Context(), e)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			var level string
			require.NoError(t, db.write.QueryRow("SELECT @@transaction_isolation").Scan(&level))
			require.Equal(t, "REPEATABLE-READ", level)
			_, err = db.MigrateUp(t.Context())
			require.NoError(t, err)
			all = append(all, db)
		}
		return all
	})
}

// TestMySQLSettings reads on a connection of the pool what the promises rest on.
func TestMySQLSettings(t *testing.T) {
	db, err := Open(t.Context(), mysqltest.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for name, want := range map[string]string{
		"autocommit": "1", "transaction_isolation": "READ-COMMITTED", "innodb_lock_wait_timeout": "2",
		"sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION",
	} {
		var got string
		require.NoError(t, db.write.QueryRow("SELECT @@SESSION."+name).Scan(&got))
		require.Equal(t, want, got, name)
	}
}

// TestMigrationLock: while one process migrates, another waits and touches nothing.
func TestMigrationLock(t *testing.T) {
	db, err := Open(t.Context(), mysqltest.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	other, err := mysqltest.Root(t).Conn(t.Context())
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, db.engine.lock(t.Context(), other))

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = db.MigrateUp(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = db.Family(t.Context(), uuid.Must(uuid.NewV7()))
	require.ErrorIs(t, err, session.ErrUnavailable, "there is no table yet")

	_, err = other.ExecContext(t.Context(), "DO RELEASE_ALL_LOCKS()")
	require.NoError(t, err)
	applied, err := db.MigrateUp(t.Context())
	require.NoError(t, err)
	require.Len(t, applied, 2)
}
