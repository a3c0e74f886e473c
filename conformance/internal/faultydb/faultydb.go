// Package faultydb keeps what a faulty server would have in a database in an SQLite file, for those who look for it there.
package faultydb

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// DB is the file.
type DB struct {
	mu     sync.Mutex
	db     *sql.DB
	server *faulty.Server
}

// Open makes the file, or takes one that it made before, for a server's tables.
func Open(ctx context.Context, path string, s *faulty.Server) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	d := &DB{db: db, server: s}
	if err := d.Save(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// Save writes the tables as they are now.
func (d *DB) Save(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	tables, err := d.server.Tables()
	if err != nil {
		return err
	}
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no more to say once it is committed
	for _, t := range tables {
		columns := strings.Join(t.Columns, ", ")
		for _, s := range []string{"CREATE TABLE IF NOT EXISTS " + t.Name + " (" + columns + ")", "DELETE FROM " + t.Name} {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		insert := "INSERT INTO " + t.Name + " VALUES (?" + strings.Repeat(", ?", len(t.Columns)-1) + ")"
		for _, row := range t.Rows {
			if _, err := tx.ExecContext(ctx, insert, row...); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// Handler is the server, which saves its tables before each of its answers is complete.
func (d *DB) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.server.ServeHTTP(w, r)
		if err := d.Save(context.WithoutCancel(r.Context())); err != nil {
			panic(err) // the reader would be told of a state that is gone
		}
	})
}

// Close closes the file.
func (d *DB) Close() error { return d.db.Close() }
