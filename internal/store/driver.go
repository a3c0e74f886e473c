package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
)

// engine is all in which MySQL and SQLite differ. Every statement but its own has one text for both.
type engine interface {
	// open returns the pool for writing and the pool for reading, which may be one, not yet connected.
	open() (write, read *sql.DB, err error)

	// openToMigrate returns a pool whose statements may take as long as their context.
	openToMigrate() (*sql.DB, error)

	// place names the database for a reader of logs: no credentials.
	place() string

	// explain says in a user's words why connecting failed, and what to do.
	explain(err error) error

	// repeatable reports whether a statement that failed so may succeed when repeated: the database rolled it back for
	// another's sake, or never told its outcome.
	repeatable(err error) bool

	// duplicate reports whether a unique key refused the row.
	duplicate(err error) bool

	// warnings names settings under which a crash could lose what was acknowledged.
	warnings(ctx context.Context, db *sql.DB) ([]string, error)

	// lock admits one migrating process at a time, until conn and its pool are closed.
	lock(ctx context.Context, conn *sql.Conn) error

	dialect() goose.Dialect
	versionQuery() string // one row, one text
	tablesQuery() string  // the names of all tables and views of the database
}

// newEngine is the one place that decides which engine it is.
func newEngine(databaseURL string) (engine, error) {
	loc, err := parseURL(databaseURL)
	if err != nil {
		return nil, err
	}
	switch loc.dialect {
	case "mysql":
		return newMySQL(loc)
	case "sqlite":
		return newSQLite(loc)
	}
	return nil, fmt.Errorf("%w: %q is neither mysql nor sqlite", ErrURL, loc.dialect)
}
