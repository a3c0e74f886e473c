// Package store is session.Store in SQL. One text serves MySQL and SQLite; what the two do not share is an [engine], chosen
// in driver.go. Begin with families.go, where a token rotates.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
)

// DB is an open database. It implements [session.Store] and is safe for concurrent use.
type DB struct {
	engine  engine
	write   *sql.DB
	read    *sql.DB // as the writing node has it
	version string
}

var _ session.Store = (*DB)(nil)

// Open opens the database that a DATABASE_URL names; "" is the embedded default, the file jwt-toy.db in the working
// directory. It connects, and changes no schema: see [DB.MigrateUp]. Its error tells a user what to do; it wraps [ErrURL] if
// the URL itself is at fault.
func Open(ctx context.Context, databaseURL string) (*DB, error) {
	e, err := newEngine(databaseURL)
	if err != nil {
		return nil, err
	}
	return open(ctx, e)
}

// CheckURL returns the error with which [Open] would refuse the DATABASE_URL itself, an [ErrURL], without connecting.
func CheckURL(databaseURL string) error {
	_, err := newEngine(databaseURL)
	return err
}

func open(ctx context.Context, e engine) (*DB, error) {
	write, read, err := e.open()
	if err != nil {
		return nil, err
	}
	db := &DB{engine: e, write: write, read: read}
	if err := write.QueryRowContext(ctx, e.versionQuery()).Scan(&db.version); err != nil {
		return nil, errors.Join(e.explain(err), db.Close())
	}
	return db, nil
}

// Close closes the database.
func (db *DB) Close() error { return errors.Join(db.write.Close(), db.read.Close()) }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return unavailable("ping", err)
	}
	return nil
}

// Engine names the engine, its version and the database, without credentials: mysql 9.7.4 at 127.0.0.1:3306/app.
func (db *DB) Engine() string { return db.version + " at " + db.engine.place() }

// Warnings names settings of the database under which a crash could lose what was acknowledged.
func (db *DB) Warnings(ctx context.Context) []string {
	found, err := db.engine.warnings(ctx, db.write)
	if err != nil {
		return []string{fmt.Sprintf("the durability of %s could not be checked: %v", db.Engine(), err)}
	}
	return found
}

// patience bounds repetition when the caller's context does not.
const patience = 10 * time.Second

// repeat runs f, one statement or one transaction, until it succeeds, fails for good, or ctx ends. It is for work that may
// be done twice: after an error that leaves the outcome open, f runs again, on another connection, and its conditions find
// out. What remains is an error of package session, or wraps [session.ErrUnavailable].
func (db *DB) repeat(ctx context.Context, what string, f func(ctx context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	var before error
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		err := f(ctx)
		if err == nil || isOutcome(err) {
			return err
		}
		if ctx.Err() != nil || !db.engine.repeatable(err) {
			if before != nil { // that time ran out says less than what took it
				err = fmt.Errorf("%w, after %w", err, before)
			}
			return unavailable(what, err)
		}
		before = err
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(pause)): // jitter, or those that collided collide again
		}
	}
}

// transact is repeat for a transaction. f must not keep what it read if it fails.
func (db *DB) transact(ctx context.Context, what string, f func(ctx context.Context, tx *sql.Tx) error) error {
	return db.repeat(ctx, what, func(ctx context.Context) error {
		tx, err := db.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(ctx, tx); err != nil {
			_ = tx.Rollback() // the first error is the one that tells
			return err
		}
		return tx.Commit()
	})
}

// isOutcome reports whether err is an answer of the database and no failure.
func isOutcome(err error) bool {
	for _, outcome := range []error{session.ErrNoUser, session.ErrNoFamily, session.ErrEmailTaken, session.ErrUserChanged} {
		if errors.Is(err, outcome) {
			return true
		}
	}
	return false
}

func unavailable(what string, err error) error {
	if errors.Is(err, driver.ErrBadConn) { // says less than we know
		err = fmt.Errorf("%w: the connection was lost, or the server is read-only", err)
	}
	return fmt.Errorf("%w: %s: %w", session.ErrUnavailable, what, err)
}

// execer is a pool or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs one statement and returns how many rows it matched.
func exec(ctx context.Context, in execer, query string, args ...any) (int, error) {
	result, err := in.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// A time is stored as UTC microseconds since 1970, NULL for the zero time.

func micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}
