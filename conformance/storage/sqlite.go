package storage

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

type sqliteEngine struct{ path string }

func newSQLite(l location) (engine, error) {
	path, err := filepath.Abs(l.database)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDSN, err)
	}
	return sqliteEngine{path}, nil
}

// open opens the file read-only, so that it must exist; query_only also keeps the connection from anything that mode=ro would let pass.
func (e sqliteEngine) open() (*sql.DB, error) {
	options := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(2000)", "query_only(1)"}}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(e.path)}).EscapedPath()+"?"+options.Encode())
}

func (e sqliteEngine) about(ctx context.Context, db *sql.DB) (string, error) {
	var version string
	var schema int // reading it opens the file
	err := db.QueryRowContext(ctx, `SELECT sqlite_version(), (SELECT count(*) FROM sqlite_schema)`).Scan(&version, &schema)
	return "SQLite " + version + ", " + e.path, err
}

// tables lists plain tables and the shadow tables of virtual ones, where their text is; not the virtual ones, which need their module.
func (e sqliteEngine) tables(ctx context.Context, db *sql.DB) ([]table, error) {
	rows, err := db.QueryContext(ctx, `SELECT t.name, t.wr, c.name, c.pk FROM pragma_table_list t JOIN pragma_table_xinfo(t.name) c
		WHERE t.schema = 'main' AND t.type IN ('table', 'shadow') AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND c.hidden <> 1
		ORDER BY t.name, c.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []table
	for rows.Next() {
		var name, col string
		var withoutRowID bool
		var key int
		if err := rows.Scan(&name, &withoutRowID, &col, &key); err != nil {
			return nil, err
		}
		if n := len(all); n == 0 || all[n-1].name != name {
			all = append(all, table{name: name, from: quote(name, `"`), own: true})
		}
		t, quoted := &all[len(all)-1], quote(col, `"`)
		// A value of any type may stand in any column, and substr of a text ends at a NUL.
		t.columns = append(t.columns, column{col, fmt.Sprintf("CASE WHEN octet_length(%[1]s) > %[2]d THEN substr(CAST(%[1]s AS BLOB), 1, %[2]d) ELSE %[1]s END", quoted, longest)})
		if withoutRowID {
			t.addKey(key, quoted)
		} else {
			t.key = []string{"rowid"}
		}
	}
	return all, rows.Err()
}

func (sqliteEngine) denied(error) bool { return false }
