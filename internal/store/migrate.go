package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/jwt-toy/jwt-toy/migrations"
)

// ErrForeignSchema refuses a database in which another project's tables stand. Nothing in it was touched.
var ErrForeignSchema = errors.New("the database holds another project's tables")

// versionTable marks a database as ours. It has a name of its own, because another project may use goose as well.
const versionTable = "jwt_toy_migrations"

// foreignTables are those that we would take for ours, or that say which tool owns the schema.
var foreignTables = []string{"users", "token_families", "alembic_version"}

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string    // file name
	AppliedAt time.Time // zero: pending
}

// MigrateUp applies all pending migrations and returns their file names. Processes that start together wait for the first.
func (db *DB) MigrateUp(ctx context.Context) (applied []string, err error) {
	err = db.migrate(ctx, func(ctx context.Context, p *goose.Provider, _ bool) error {
		results, err := p.Up(ctx)
		for _, r := range results {
			applied = append(applied, path.Base(r.Source.Path))
		}
		return err
	})
	return applied, err
}

// MigrateDown takes back the latest migration, with all its data, and returns its file name, "" if there was none.
func (db *DB) MigrateDown(ctx context.Context) (name string, err error) {
	err = db.migrate(ctx, func(ctx context.Context, p *goose.Provider, ours bool) error {
		if !ours {
			return nil
		}
		result, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if result != nil {
			name = path.Base(result.Source.Path)
		}
		return err
	})
	return name, err
}

// MigrationStatus lists all migrations, in order. It changes nothing.
func (db *DB) MigrationStatus(ctx context.Context) (list []Migration, err error) {
	err = db.migrate(ctx, func(ctx context.Context, p *goose.Provider, ours bool) error {
		if !ours { // goose would create its table to look into it
			for _, s := range p.ListSources() {
				list = append(list, Migration{Version: s.Version, Name: path.Base(s.Path)})
			}
			return nil
		}
		statuses, err := p.Status(ctx)
		for _, s := range statuses {
			list = append(list, Migration{Version: s.Source.Version, Name: path.Base(s.Source.Path), AppliedAt: s.AppliedAt})
		}
		return err
	})
	return list, err
}

// migrate runs f alone among all processes, in a database that is empty or ours, and waits for that as long as ctx does. The lock is not left to goose, which
// creates its table before it would take it.
func (db *DB) migrate(ctx context.Context, f func(ctx context.Context, p *goose.Provider, ours bool) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate %s: %w", db.engine.place(), err)
		}
	}()
	pool, err := db.engine.openToMigrate()
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // which also ends the lock
	if err := db.engine.lock(ctx, conn); err != nil {
		return err
	}
	ours, err := isOurs(ctx, conn, db.engine.tablesQuery())
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(db.engine.dialect(), pool, migrations.FS,
		goose.WithGoMigrations(migrations.Grace()), goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	return f(ctx, p, ours)
}

// isOurs reports whether we have migrated this database before, or returns [ErrForeignSchema].
func isOurs(ctx context.Context, conn *sql.Conn, tablesQuery string) (bool, error) {
	rows, err := conn.QueryContext(ctx, tablesQuery)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	var foreign []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return false, err
		}
		if strings.EqualFold(name, versionTable) {
			return true, nil
		}
		if slices.Contains(foreignTables, strings.ToLower(name)) {
			foreign = append(foreign, name)
		}
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	if len(foreign) > 0 {
		slices.Sort(foreign)
		return false, fmt.Errorf("%w (%s); nothing was changed: give this program a database of its own in DATABASE_URL", ErrForeignSchema, strings.Join(foreign, ", "))
	}
	return false, nil
}
