package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteReaders is how many connections read next to the one that writes.
const sqliteReaders = 4

type sqliteEngine struct{ path string }

func newSQLite(loc location) (engine, error) {
	switch {
	case loc.host != "" || loc.port != "" || loc.user != "":
		return nil, fmt.Errorf("%w: SQLite has no host: write sqlite:///file.db for a file in the working directory, sqlite:////dir/file.db for another", ErrURL)
	case loc.database == "" || loc.database == ":memory:":
		return nil, fmt.Errorf("%w: it names no file, and a database in memory would forget every session: sqlite:///file.db", ErrURL)
	}
	for name := range loc.options {
		return nil, fmt.Errorf("%w: option %s: SQLite takes no options here; remove it", ErrURL, name)
	}
	path, err := filepath.Abs(loc.database)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return sqliteEngine{path: path}, nil
}

// How long a statement waits while another process writes. The store repeats what waited in vain; a migration is not repeated.
const (
	sqliteBusy        = 100 * time.Millisecond
	sqliteMigrateBusy = 10 * time.Second
)

// dsn asks for a journal that lets readers pass, and for a disk flush before a commit is acknowledged.
func (e sqliteEngine) dsn(busy time.Duration, pragmas ...string) string {
	options := url.Values{"_txlock": {"immediate"}}
	wait := fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())
	for _, p := range append([]string{wait, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, pragmas...) {
		options.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(e.path)}).EscapedPath() + "?" + options.Encode()
}

func (e sqliteEngine) open() (write, read *sql.DB, err error) {
	// The file holds password hashes, so it is the owner's alone; SQLite gives its companions the same mode.
	file, err := os.OpenFile(e.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, e.explain(err)
	}
	if err := file.Close(); err != nil {
		return nil, nil, e.explain(err)
	}
	// One connection writes: SQLite has one writer at a time, and those that queue here need not poll for its lock.
	if write, err = sql.Open("sqlite", e.dsn(sqliteBusy)); err != nil {
		return nil, nil, e.explain(err)
	}
	write.SetMaxOpenConns(1)
	if read, err = sql.Open("sqlite", e.dsn(sqliteBusy, "query_only(1)")); err != nil {
		return nil, nil, errors.Join(e.explain(err), write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	return write, read, nil
}

func (e sqliteEngine) openToMigrate() (*sql.DB, error) {
	db, err := sql.Open("sqlite", e.dsn(sqliteMigrateBusy))
	if err != nil {
		return nil, e.explain(err)
	}
	return db, nil
}

func (e sqliteEngine) place() string { return e.path }

func (e sqliteEngine) explain(err error) error {
	failed, isSQLite := errors.AsType[*sqlite.Error](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the SQLite file %s cannot be created: its directory does not exist: create it, or correct DATABASE_URL: %w", e.path, err)
	case isSQLite && failed.Code()&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s is no SQLite file: correct DATABASE_URL, or move the file away: %w", e.path, err)
	}
	return fmt.Errorf("the SQLite file %s cannot be opened: check its permissions and DATABASE_URL: %w", e.path, err)
}

func (e sqliteEngine) repeatable(err error) bool {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok {
		switch failed.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
			return true // another process writes; a deadline has passed, which ends the repetition
		}
		return false
	}
	return errors.Is(err, driver.ErrBadConn)
}

func (e sqliteEngine) duplicate(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	return ok && (failed.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || failed.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func (e sqliteEngine) warnings(ctx context.Context, db *sql.DB) ([]string, error) {
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return nil, err
	}
	if mode != "wal" {
		return []string{"journal_mode is " + mode + ", not wal: readers wait for writers; is the file on a network disk?"}, nil
	}
	return nil, nil
}

// lock has nothing to do: SQLite lets one transaction write at a time, and each migration is one. Of two processes that
// start together both may apply and note it, which harms nothing, because every migration can be repeated.
func (sqliteEngine) lock(context.Context, *sql.Conn) error { return nil }

func (sqliteEngine) dialect() goose.Dialect { return goose.DialectSQLite3 }
func (sqliteEngine) versionQuery() string   { return `SELECT 'sqlite ' || sqlite_version()` }
func (sqliteEngine) tablesQuery() string {
	return `SELECT name FROM sqlite_master WHERE type IN ('table', 'view')`
}
