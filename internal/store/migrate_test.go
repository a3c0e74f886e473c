package store_test

import (
	"database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/store"
)

var allMigrations = []string{"00001_users.sql", "00002_token_families.sql", "00003_grace.go"}

// onBoth runs a test on each engine, with a fresh database and a way to its tables that does not go through the store.
func onBoth(t *testing.T, run func(t *testing.T, databaseURL string, outside *sql.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		databaseURL := sqliteURL(t)
		outside, err := sql.Open("sqlite", databaseURL[len("sqlite:///"):])
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, outside.Close()) })
		run(t, databaseURL, outside)
	})
	t.Run("mysql", func(t *testing.T) {
		databaseURL := mysqlURL(t)
		outside := mysqltest.Database(t, databaseURL)
		run(t, databaseURL, outside)
	})
}

func statusNames(t *testing.T, db *store.DB, applied bool) (names []string) {
	t.Helper()
	list, err := db.MigrationStatus(t.Context())
	require.NoError(t, err)
	require.Len(t, list, len(allMigrations))
	for _, m := range list {
		if m.AppliedAt.IsZero() != applied {
			names = append(names, m.Name)
		}
	}
	return names
}

func TestMigrateUpAndDown(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string, outside *sql.DB) {
		db := open(t, databaseURL)
		require.Equal(t, allMigrations, statusNames(t, db, false))
		require.Empty(t, tables(t, outside), "asking for the status changed the database")

		name, err := db.MigrateDown(t.Context())
		require.NoError(t, err)
		require.Empty(t, name, "nothing to take back")
		require.Empty(t, tables(t, outside), "taking back nothing changed the database")

		for range 2 {
			applied, err := db.MigrateUp(t.Context())
			require.NoError(t, err)
			require.Equal(t, allMigrations, applied)
			require.Equal(t, allMigrations, statusNames(t, db, true))
			startFamily(t, db)

			applied, err = db.MigrateUp(t.Context())
			require.NoError(t, err)
			require.Empty(t, applied, "applied twice")

			for _, want := range []string{allMigrations[2], allMigrations[1], allMigrations[0], ""} {
				name, err := db.MigrateDown(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, name)
			}
			require.NotContains(t, tables(t, outside), "users")
		}
	})
}

// TestMigrateTogether starts three replicas on an empty schema.
func TestMigrateTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string, outside *sql.DB) {
		var mu sync.Mutex
		var all []string
		var wg sync.WaitGroup
		errs := make(chan error, 3)
		dbs := []*store.DB{open(t, databaseURL), open(t, databaseURL), open(t, databaseURL)}
		for _, db := range dbs {
			wg.Go(func() {
				applied, err := db.MigrateUp(t.Context())
				mu.Lock()
				defer mu.Unlock()
				all = append(all, applied...)
				errs <- err
			})
		}
		wg.Wait()
		for range dbs {
			require.NoError(t, <-errs)
		}
		if strings.HasPrefix(dbs[0].Engine(), "mysql") {
			require.ElementsMatch(t, allMigrations, all, "each migration is applied once")
		}
		startFamily(t, dbs[0])
		require.Equal(t, allMigrations, statusNames(t, dbs[1], true))
		for range allMigrations {
			_, err := dbs[2].MigrateDown(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, []string{"jwt_toy_migrations"}, tables(t, outside))
	})
}

// TestMigrateAfterCrash: MySQL commits a CREATE TABLE at once, so a process may die before it has noted what it did.
func TestMigrateAfterCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string, outside *sql.DB) {
		db := migrated(t, databaseURL)
		f := startFamily(t, db)
		_, err := outside.Exec(`DELETE FROM jwt_toy_migrations WHERE version_id > 0`)
		require.NoError(t, err)
		applied, err := db.MigrateUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, allMigrations, applied)
		got, err := db.Family(t.Context(), f.ID)
		require.NoError(t, err)
		require.Equal(t, f, got)
	})
}

// TestMigrateKeepsFamilies: rows from before a migration go on after it.
func TestMigrateKeepsFamilies(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string, _ *sql.DB) {
		db := migrated(t, databaseURL)
		f := startFamily(t, db)
		name, err := db.MigrateDown(t.Context())
		require.NoError(t, err)
		require.Equal(t, "00003_grace.go", name)
		_, err = db.MigrateUp(t.Context())
		require.NoError(t, err)
		got, err := db.Family(t.Context(), f.ID)
		require.NoError(t, err)
		require.Equal(t, f, got, "without a salt")
		rotated, err := db.Rotate(t.Context(), next(f))
		require.NoError(t, err)
		require.True(t, rotated)
	})
}

func TestForeignSchema(t *testing.T) {
	for _, c := range []struct {
		name   string
		create []string
		named  string
	}{
		{"users", []string{"users"}, "(users)"},
		{"users in capitals", []string{"Users"}, "(Users)"},
		{"SQLAlchemy project", []string{"users", "refresh_tokens", "alembic_version"}, "(alembic_version, users)"},
		{"alembic alone", []string{"alembic_version"}, "(alembic_version)"},
		{"another goose", []string{"goose_db_version", "token_families"}, "(token_families)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, databaseURL string, outside *sql.DB) {
				for _, table := range c.create {
					_, err := outside.Exec(`CREATE TABLE ` + table + ` (id INTEGER PRIMARY KEY)`)
					require.NoError(t, err)
				}
				before := tables(t, outside)
				db := open(t, databaseURL)
				_, up := db.MigrateUp(t.Context())
				_, down := db.MigrateDown(t.Context())
				_, status := db.MigrationStatus(t.Context())
				for _, err := range []error{up, down, status} {
					require.ErrorIs(t, err, store.ErrForeignSchema)
					require.ErrorContains(t, err, c.named)
				}
				require.Equal(t, before, tables(t, outside), "the foreign schema was touched")
			})
		})
	}
	t.Run("tables of other names do not matter", func(t *testing.T) {
		onBoth(t, func(t *testing.T, databaseURL string, outside *sql.DB) {
			_, err := outside.Exec(`CREATE TABLE articles (id INTEGER PRIMARY KEY)`)
			require.NoError(t, err)
			startFamily(t, migrated(t, databaseURL))
		})
	})
}

// tables lists the tables of a database.
func tables(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if err != nil {
		rows, err = db.Query(`SHOW TABLES`)
	}
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}
