package storage

import (
	"context"
	"database/sql"
	"strings"
)

// engine is all in which the databases differ.
type engine interface {
	// open returns a pool whose connections only read.
	open() (*sql.DB, error)

	// about names the database for a reader: no credentials.
	about(ctx context.Context, db *sql.DB) (string, error)

	// tables lists every table that is no system's and that the user may see.
	tables(ctx context.Context, db *sql.DB) ([]table, error)

	// denied reports whether an error says that the user may not read.
	denied(error) bool
}

// table is a table as it is read.
type table struct {
	name    string // for a reader
	from    string // its quoted name
	columns []column
	key     []string // its quoted columns, in order
	own     bool     // of the database that the DSN names
	why     string   // it is not read; "" if it is
}

type column struct {
	name string
	expr string // the quoted name, or an expression that cuts long values
}

// longest is how much of a value is read, in bytes, or in characters where that is how the database cuts.
const longest = 1 << 20

// query selects everything.
func (t table) query() string {
	exprs := make([]string, len(t.columns))
	for i, c := range t.columns {
		exprs[i] = c.expr
	}
	return "SELECT " + strings.Join(exprs, ", ") + " FROM " + t.from
}

// newestFirst is the order in which a table is read that has too many rows: by its key, which in most tables grows.
func (t table) newestFirst() string {
	if len(t.key) == 0 {
		return ""
	}
	return " ORDER BY " + strings.Join(t.key, " DESC, ") + " DESC"
}

// addKey notes that a column is the nth of the table's key, n counted from 1; 0: of none.
func (t *table) addKey(n int, quoted string) {
	if n == 0 {
		return
	}
	for len(t.key) < n {
		t.key = append(t.key, quoted)
	}
	t.key[n-1] = quoted
}

func quote(name, mark string) string { return mark + strings.ReplaceAll(name, mark, mark+mark) + mark }
