package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
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

// TestRepeatable: what MySQL took back for another's sake may succeed when repeated, and so may what it never answered; what it
// refused for good may not.
func TestRepeatable(t *testing.T) {
	for number, want := range map[uint16]bool{
		1205: true, 1213: true, 1180: true, 3101: true, // lock wait, deadlock, failed commit, certification by Group Replication
		3100: true, 3796: true, 3797: true, 3798: true, 3799: true, // a member of a group that leaves it or has left
		1290: true, 1792: true, 1836: true, 3032: true, // read-only, offline
		1040: true, 1203: true, 1226: true, // too many connections
		1053: true, 3169: true, 4031: true, 1317: true, 3024: true, // shut down, killed, idle, interrupted, too slow
		8002: true, 8022: true, 8028: true, 9007: true, // TiDB
		1045: false, 1062: false, 1064: false, 1146: false, 1264: false, 1452: false, // access, duplicate, syntax, table, range, foreign key
	} {
		require.Equal(t, want, mysqlEngine{}.repeatable(fmt.Errorf("x: %w", &mysql.MySQLError{Number: number})), number)
	}
	for _, err := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, io.EOF, io.ErrUnexpectedEOF, sql.ErrConnDone, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}} {
		require.True(t, mysqlEngine{}.repeatable(fmt.Errorf("x: %w", err)), err)
	}
	require.False(t, mysqlEngine{}.repeatable(sql.ErrTxDone))
	require.False(t, mysqlEngine{}.repeatable(errors.New("a bug")))
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

	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // longer than one try to take the lock
	defer cancel()
	_, err = db.MigrateUp(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = db.Family(t.Context(), uuid.Must(uuid.NewV7()))
	require.ErrorIs(t, err, session.ErrUnavailable, "there is no table yet")

	_, err = other.ExecContext(t.Context(), "DO RELEASE_ALL_LOCKS()")
	require.NoError(t, err)
	applied, err := db.MigrateUp(t.Context())
	require.NoError(t, err)
	require.Len(t, applied, 3)
}
