package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/store"
)

func TestMain(m *testing.M) { mysqltest.Main(m) }

func TestSmoke(t *testing.T) {
	for _, u := range []string{"sqlite:///" + t.TempDir() + "/a.db", mysqltest.URL(t)} {
		db, err := store.Open(t.Context(), u)
		require.NoError(t, err)
		defer db.Close()
		t.Log(db.Engine(), db.Warnings(t.Context()))
		l, err := db.MigrationStatus(t.Context())
		require.NoError(t, err)
		t.Log(l)
		a, err := db.MigrateUp(t.Context())
		require.NoError(t, err)
		t.Log(a)
		l, err = db.MigrationStatus(t.Context())
		require.NoError(t, err)
		t.Log(l)
		for range 3 {
			n, err := db.MigrateDown(t.Context())
			require.NoError(t, err)
			t.Log(n)
		}
	}
}
