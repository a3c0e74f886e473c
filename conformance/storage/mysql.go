package storage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

const connectTimeout = 5 * time.Second

type mysqlEngine struct{ config *mysql.Config }

func newMySQL(l location) (engine, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = l.user, l.password, l.database
	cfg.Net, cfg.Addr, cfg.Timeout = "tcp", net.JoinHostPort(or(l.host, "localhost"), or(l.port, "3306")), connectTimeout
	cfg.TLSConfig = "preferred"
	cfg.Logger = &mysql.NopLogger{} // what it would print is in the errors too
	cfg.Params = map[string]string{"lock_wait_timeout": "2"}
	for name, values := range l.options {
		switch value := values[0]; name {
		case "unix_socket":
			cfg.Net, cfg.Addr = "unix", value
		case "tls":
			cfg.TLSConfig = value
		case "ssl_ca":
			pem, err := os.ReadFile(value)
			if err != nil {
				return nil, fmt.Errorf("%w: option ssl_ca: %w", ErrDSN, err)
			}
			cfg.TLSConfig, cfg.TLS = "", &tls.Config{RootCAs: x509.NewCertPool(), ServerName: l.host, MinVersion: tls.VersionTLS12}
			if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%w: option ssl_ca: the file holds no PEM certificate", ErrDSN)
			}
		case "charset", "use_unicode": // nothing here depends on them
		default:
			return nil, fmt.Errorf("%w: MySQL takes the options unix_socket, tls and ssl_ca here, not %s; remove it", ErrDSN, name)
		}
	}
	return mysqlEngine{cfg}, nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (e mysqlEngine) open() (*sql.DB, error) {
	connector, err := mysql.NewConnector(e.config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(readOnly{connector}), nil
}

// readOnly makes connections that refuse to write, DDL included; the variable behind it has other names in MariaDB.
type readOnly struct{ driver.Connector }

func (c readOnly) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION READ ONLY", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (e mysqlEngine) about(ctx context.Context, db *sql.DB) (string, error) {
	var version, name string
	err := db.QueryRowContext(ctx, `SELECT VERSION(), DATABASE()`).Scan(&version, &name)
	return "MySQL " + version + ", database " + name, err
}

func (e mysqlEngine) tables(ctx context.Context, db *sql.DB) ([]table, error) {
	rows, err := db.QueryContext(ctx, `SELECT t.table_schema, t.table_name, t.table_schema = DATABASE(), c.column_name, c.data_type, coalesce(k.seq_in_index, 0)
		FROM information_schema.tables t
		JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
		LEFT JOIN information_schema.statistics k ON k.table_schema = c.table_schema AND k.table_name = c.table_name
			AND k.column_name = c.column_name AND k.index_name = 'PRIMARY'
		WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
			AND t.table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
		ORDER BY t.table_schema <> DATABASE(), t.table_schema, t.table_name, c.ordinal_position`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []table
	for rows.Next() {
		var schema, name, col, kind string
		var own bool
		var key int
		if err := rows.Scan(&schema, &name, &own, &col, &kind, &key); err != nil {
			return nil, err
		}
		from := quote(schema, "`") + "." + quote(name, "`")
		if n := len(all); n == 0 || all[n-1].from != from {
			if !own {
				name = schema + "." + name
			}
			all = append(all, table{name: name, from: from, own: own})
		}
		t, quoted := &all[len(all)-1], quote(col, "`")
		t.addKey(key, quoted)
		expr := quoted
		if strings.HasPrefix(kind, "long") || strings.HasPrefix(kind, "medium") || kind == "json" {
			expr = fmt.Sprintf("LEFT(%s, %d)", quoted, longest)
		}
		t.columns = append(t.columns, column{col, expr})
	}
	return all, rows.Err()
}

// denied: 1044, 1142, 1143 and 1370 say so of a database, a table, a column and a routine.
func (mysqlEngine) denied(err error) bool {
	failed, is := errors.AsType[*mysql.MySQLError](err)
	return is && slices.Contains([]uint16{1044, 1142, 1143, 1370}, failed.Number)
}
