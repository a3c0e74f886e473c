// Package store is session.Store in SQL, one text for MySQL and SQLite.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
)

// ErrForeignSchema refuses a database in which another project's tables stand. Nothing in it was touched.
var ErrForeignSchema = errors.New("the database holds another project's tables")

// DB is an open database. It implements [session.Store] and is safe for concurrent use.
type DB struct{ session.Store }

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string    // file name
	AppliedAt time.Time // zero: pending
}

// Open opens the database that a DATABASE_URL names; "" is the embedded default, the file jwt-toy.db in the working
// directory. It connects, and changes no schema: see [DB.MigrateUp].
func Open(ctx context.Context, databaseURL string) (*DB, error) { return nil, errors.New("not yet") }

// Close closes the database.
func (db *DB) Close() error { return nil }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return nil }

// Engine names the engine, its version and the database, without credentials.
func (db *DB) Engine() string { return "" }

// Warnings names settings of the database under which an acknowledged change could be lost in a crash.
func (db *DB) Warnings(ctx context.Context) []string { return nil }

// MigrateUp applies all pending migrations, under a lock, and returns their file names.
func (db *DB) MigrateUp(ctx context.Context) ([]string, error) { return nil, nil }

// MigrateDown takes back the latest migration, with all its data, and returns its file name, "" if there was none.
func (db *DB) MigrateDown(ctx context.Context) (string, error) { return "", nil }

// MigrationStatus lists all migrations, in order.
func (db *DB) MigrationStatus(ctx context.Context) ([]Migration, error) { return nil, nil }
