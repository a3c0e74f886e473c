package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/storetest"
)

func TestMain(m *testing.M) { mysqltest.Main(m) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, replicas(sqliteURL))
}

func TestMySQL(t *testing.T) {
	t.Parallel()
	storetest.Run(t, replicas(mysqlURL))
}

func sqliteURL(t testing.TB) string { return "sqlite:///" + t.TempDir() + "/test.db" }

func mysqlURL(t testing.TB) string { return mysqltest.URL(t) }

// replicas opens a fresh database several times.
func replicas(url func(testing.TB) string) storetest.Open {
	return func(t *testing.T, n int) []session.Store {
		t.Helper()
		databaseURL := url(t)
		var all []session.Store
		for range n {
			all = append(all, migrated(t, databaseURL))
		}
		return all
	}
}

func open(t testing.TB, databaseURL string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func migrated(t testing.TB, databaseURL string) *store.DB {
	t.Helper()
	db := open(t, databaseURL)
	_, err := db.MigrateUp(t.Context())
	require.NoError(t, err)
	return db
}
