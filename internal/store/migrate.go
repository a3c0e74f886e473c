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

// migrationPatience bounds a migration when the caller's context does not.
const migrationPatience = 5 * time.Minute

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string    // file name
	AppliedAt time.Time // zero: pending
}

// MigrateUp applies all pending migrations and returns their file names. Processes that start together wait for the first.
func (db *DB) MigrateUp(ctx context.Context) (applied []string, err error) {
	err = db.migrate(ctx, func(ctx context.Context, p *goose.Provider) error {
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
	err = db.migrate(ctx, func(ctx context.Context, p *goose.Provider) error {
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
	ours, err := db.isOurs(ctx)
	if err != nil {
		return nil, err
	}
	err = db.migrate(ctx, func(ctx context.Context, p *goose.Provider) error {
		if !ours { // Status would create its table
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

func (db *DB) isOurs(ctx context.Context) (bool, error) {
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return false, db.engine.explain(err)
	}
	defer conn.Close()
	return gate{db.engine}.isOurs(ctx, conn)
}

func (db *DB) migrate(ctx context.Context, f func(context.Context, *goose.Provider) error) error {
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	pool, err := db.engine.openToMigrate()
	if err != nil {
		return err
	}
	defer pool.Close()
	p, err := goose.NewProvider(db.engine.dialect(), pool, migrations.FS,
		goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSessionLocker(gate{db.engine}))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if err := f(ctx, p); err != nil {
		return fmt.Errorf("migrate %s: %w", db.engine.place(), err)
	}
	return nil
}

// gate is what goose passes before it touches anything: one process at a time, and only into a database that is ours.
type gate struct{ engine }

func (g gate) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if err := g.lock(ctx, conn); err != nil {
		return err
	}
	if _, err := g.isOurs(ctx, conn); err != nil {
		return errors.Join(err, g.unlock(ctx, conn))
	}
	return nil
}

func (g gate) SessionUnlock(ctx context.Context, conn *sql.Conn) error { return g.unlock(ctx, conn) }

// isOurs reports whether we have migrated this database before, or returns [ErrForeignSchema].
func (g gate) isOurs(ctx context.Context, conn *sql.Conn) (bool, error) {
	rows, err := conn.QueryContext(ctx, g.tablesQuery())
	if err != nil {
		return false, fmt.Errorf("list the tables: %w", err)
	}
	defer rows.Close()
	var foreign []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return false, fmt.Errorf("list the tables: %w", err)
		}
		if strings.EqualFold(name, versionTable) {
			return true, nil
		}
		if slices.Contains(foreignTables, strings.ToLower(name)) {
			foreign = append(foreign, name)
		}
	}
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("list the tables: %w", err)
	}
	if len(foreign) > 0 {
		slices.Sort(foreign)
		return false, fmt.Errorf("%w (%s); nothing was changed: give this program a database of its own in DATABASE_URL", ErrForeignSchema, strings.Join(foreign, ", "))
	}
	return false, nil
}
