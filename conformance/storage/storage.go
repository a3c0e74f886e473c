// Package storage reads the target's database, for the stories that judge what stands in it: no token, and passwords only under a slow hash.
//
//	db, err := storage.Open(ctx, "mysql://reader:password@127.0.0.1/app", storage.Limits{})
//	rep, err := conformance.Run(ctx, conformance.Options{Target: url, Audit: db.Audit})
//
// It knows MySQL, PostgreSQL and SQLite and needs to know nothing of the schema: it reads every column of every table that the user may
// read, in transactions that cannot write, and says which columns hold what it was given to look for. No value of the database leaves it.
package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// ErrUnavailable says that the database does not answer, or not to this user. Its text never holds the password.
var ErrUnavailable = errors.New("the database is not available")

// Limits bound one reading. What they leave unread, the result says.
type Limits struct {
	Rows  int           // of each table, the newest; 0: 200,000
	Bytes int           // of all values together; 0: 1 GiB
	Time  time.Duration // 0: 30 s
}

// Database is the target's, open for reading only.
type Database struct {
	engine engine
	db     *sql.DB
	name   string
	limits Limits
	seed   maphash.Seed
}

// Open connects to the database of a DSN. An error wraps [ErrDSN] or [ErrUnavailable].
func Open(ctx context.Context, dsn string, l Limits) (*Database, error) {
	where, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	d := &Database{limits: l, seed: maphash.MakeSeed()}
	if d.limits.Rows == 0 {
		d.limits.Rows = 200_000
	}
	if d.limits.Bytes == 0 {
		d.limits.Bytes = 1 << 30
	}
	if d.limits.Time == 0 {
		d.limits.Time = 30 * time.Second
	}
	open := map[string]func(location) (engine, error){"mysql": newMySQL, "postgres": newPostgres, "sqlite": newSQLite}[where.scheme]
	if d.engine, err = open(where); err != nil {
		return nil, err
	}
	if d.db, err = d.engine.open(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDSN, err)
	}
	d.db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	if d.name, err = d.engine.about(ctx, d.db); err != nil {
		d.db.Close()
		text := strings.Join(strings.Fields(err.Error()), " ") // in one line
		if where.password != "" {
			text = strings.ReplaceAll(text, where.password, "…")
		}
		return nil, fmt.Errorf("%w: %s; is it running, and are address, user, password and name right?", ErrUnavailable, text)
	}
	return d, nil
}

// Close ends the connection.
func (d *Database) Close() error { return d.db.Close() }

// String names the database, without credentials.
func (d *Database) String() string { return d.name }

// Audit reads the database once and reports which columns hold any of the secrets. It fits [conformance.Options].Audit.
func (d *Database) Audit(ctx context.Context, secrets []conformance.StoredSecret) (*conformance.AuditResult, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.limits.Time, errTime)
	defer cancel()
	tables, err := d.engine.tables(ctx, d.db)
	if err != nil {
		return nil, fmt.Errorf("list the tables of %s: %w", d.name, err)
	}
	r := newReading(d, secrets)
	for i, t := range tables {
		if err := r.read(ctx, t); err != nil {
			r.stopped(ctx, err, tables[i:])
			if ctx.Err() != nil || errors.Is(err, errBytes) {
				break
			}
		}
	}
	return r.finish(), nil
}

var (
	errTime  = errors.New("the time was up")
	errBytes = errors.New("enough bytes were read")
)
