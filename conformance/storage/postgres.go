package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

type postgresEngine struct{ config *pgx.ConnConfig }

// newPostgres hands the options after the ? to the driver, which knows those of libpq, and so does the environment ($PGSSLMODE and so on).
func newPostgres(l location) (engine, error) {
	u := url.URL{Scheme: "postgres", Host: l.host, Path: "/" + l.database, RawQuery: l.options.Encode()}
	if l.port != "" {
		u.Host += ":" + l.port
	}
	if l.user != "" {
		u.User = url.User(l.user)
	}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDSN, err)
	}
	if l.password != "" {
		cfg.Password = l.password // not in the text that the driver reads, so that no error shows it
	}
	cfg.ConnectTimeout = connectTimeout
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // all values but bytea come as text, and a pooler may stand between
	for name, value := range map[string]string{
		"default_transaction_read_only": "on", "lock_timeout": "2s",
		"row_security": "off", // an error, where the default would leave rows out in silence
	} {
		cfg.RuntimeParams[name] = value
	}
	return postgresEngine{cfg}, nil
}

func (e postgresEngine) open() (*sql.DB, error) { return stdlib.OpenDB(*e.config), nil }

func (e postgresEngine) about(ctx context.Context, db *sql.DB) (string, error) {
	var version, name string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version'), current_database()`).Scan(&version, &name)
	return "PostgreSQL " + version + ", database " + name, err
}

// tables lists ordinary, partitioned and materialised ones; partitions are read through their parent. Of a table that may be read in part,
// the other columns are left out.
func (e postgresEngine) tables(ctx context.Context, db *sql.DB) ([]table, error) {
	rows, err := db.QueryContext(ctx, `SELECT n.nspname, c.relname, c.relkind = 'r', c.relkind = 'f', a.attname, a.atttypid = 'bytea'::regtype,
			CASE WHEN k.indkey IS NULL THEN 0 ELSE coalesce(array_position(k.indkey::int2[], a.attnum) + 1, 0) END,
			has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
		WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
		ORDER BY n.nspname, c.relname, a.attnum`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []table
	for rows.Next() {
		var schema, name, col string
		var plain, foreign, binary, readable bool
		var key int
		if err := rows.Scan(&schema, &name, &plain, &foreign, &col, &binary, &key, &readable); err != nil {
			return nil, err
		}
		from := quote(schema, `"`) + "." + quote(name, `"`)
		if plain {
			from = "ONLY " + from // what inherits from it is a table of its own
		}
		if n := len(all); n == 0 || all[n-1].from != from {
			if schema != "public" {
				name = schema + "." + name
			}
			all = append(all, table{name: name, from: from, own: true})
		}
		t, quoted := &all[len(all)-1], quote(col, `"`)
		switch {
		case foreign:
			t.why = "is a foreign table"
		case !readable:
			t.columns = append(t.columns, column{name: col})
		case binary:
			t.columns = append(t.columns, column{col, fmt.Sprintf("substring(%s from 1 for %d)", quoted, longest)})
		default:
			t.columns = append(t.columns, column{col, fmt.Sprintf("left(%s::text, %d)", quoted, longest)})
		}
		if readable {
			t.addKey(key, quoted)
		}
	}
	return all, rows.Err()
}

// denied: insufficient_privilege, row security included.
func (postgresEngine) denied(err error) bool {
	failed, is := errors.AsType[*pgconn.PgError](err)
	return is && failed.Code == "42501"
}
