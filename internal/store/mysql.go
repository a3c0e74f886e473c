package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

// mysqlPool is how many connections one process keeps. Rotations wait for the disk, where those that arrive together share
// one flush; more than this many gain nothing.
const mysqlPool = 32

type mysqlEngine struct {
	cfg   *mysql.Config
	hosts []string // all, where DATABASE_URL names several; cfg has the first
}

func newMySQL(loc location) (engine, error) {
	cfg, hosts, err := mysqlConfig(loc)
	if err != nil {
		return nil, err
	}
	return mysqlEngine{cfg: cfg, hosts: hosts}, nil
}

func (e mysqlEngine) open() (write, read *sql.DB, err error) {
	connector, err := newConnector(e.cfg, e.hosts)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(mysqlPool)
	db.SetMaxIdleConns(mysqlPool)
	db.SetConnMaxIdleTime(time.Minute)     // far below any wait_timeout
	db.SetConnMaxLifetime(5 * time.Minute) // follows a failover behind one host name
	return db, db, nil
}

func (e mysqlEngine) openToMigrate() (*sql.DB, error) {
	cfg := e.cfg.Clone()
	cfg.ReadTimeout = 0  // changing a large table takes its time; the context bounds it
	cfg.ParseTime = true // goose reads its own timestamps
	connector, err := newConnector(cfg, e.hosts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return sql.OpenDB(connector), nil
}

func (e mysqlEngine) place() string { return strings.Join(e.hosts, ",") + "/" + e.cfg.DBName }

func (e mysqlEngine) explain(err error) error {
	if refused, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch refused.Number {
		case 1044:
			return fmt.Errorf("user %q may not use database %q on %s: grant it: %w", e.cfg.User, e.cfg.DBName, e.cfg.Addr, err)
		case 1045:
			return fmt.Errorf("MySQL at %s refused user %q: check user and password in DATABASE_URL, where special characters are written as %%XX: %w", e.cfg.Addr, e.cfg.User, err)
		case 1049:
			return fmt.Errorf("there is no database %q on %s: create it, or correct DATABASE_URL: %w", e.cfg.DBName, e.cfg.Addr, err)
		}
	}
	if errors.Is(err, errNoPrimary) {
		return fmt.Errorf("is the group up, and are these its members? %w", err)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return fmt.Errorf("MySQL at %s cannot be reached: is it running, and are host and port in DATABASE_URL right? %w", e.cfg.Addr, err)
	}
	return fmt.Errorf("MySQL at %s: %w", e.cfg.Addr, err)
}

// definiteRollback lists the errors after which a statement had no effect and may succeed when repeated. With the exception
// of 1205, which undoes the statement alone, they undo the transaction; we always begin anew. 3100 alone can come after the commit
// as well; repeating is right then too, as it is without any answer.
var definiteRollback = []uint16{
	1205, 1213, // lock wait timeout, deadlock
	1180, 3101, // error during COMMIT, refused by Group Replication's certification
	3100, 3796, 3797, 3798, 3799, // Group Replication: a member that is leaving, is no member now, or waits too long for the others
	1290, 1792, 1836, 3032, // read-only or offline: a failover under way
	1040, 1203, 1226, // too many connections
	1053, 3169, 4031, // server shuts down, session was killed, connection was idle for too long
	1317, 3024, // statement was killed, took too long
	8002, 8022, 8028, 9007, // TiDB: write conflicts and a schema that changed
}

func (e mysqlEngine) repeatable(err error) bool {
	if refused, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return slices.Contains(definiteRollback, refused.Number)
	}
	// No answer. Either nothing was sent, or nobody knows what became of it, and only repeating it can tell.
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, errNoPrimary) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, sql.ErrConnDone)
}

func (e mysqlEngine) duplicate(err error) bool {
	refused, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && refused.Number == 1062
}

func (e mysqlEngine) warnings(ctx context.Context, db *sql.DB) ([]string, error) {
	var flush, sync int
	var binlog bool
	err := db.QueryRowContext(ctx, `SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.sync_binlog, @@GLOBAL.log_bin`).Scan(&flush, &sync, &binlog)
	if err != nil {
		return nil, err
	}
	var found []string
	if flush != 1 {
		found = append(found, fmt.Sprintf("innodb_flush_log_at_trx_commit is %d, not 1: a crash can undo logouts and revive rotated tokens", flush))
	}
	if binlog && sync != 1 {
		found = append(found, fmt.Sprintf("sync_binlog is %d, not 1: a crash can lose what was acknowledged from the binary log and its replicas", sync))
	}
	return found, nil
}

// lock waits for a named lock, which MySQL releases with the connection, also should the process die.
func (e mysqlEngine) lock(ctx context.Context, conn *sql.Conn) error {
	for {
		var got sql.NullInt64
		if err := conn.QueryRowContext(ctx, `SELECT GET_LOCK(?, 1)`, e.lockName()).Scan(&got); err != nil {
			return fmt.Errorf("wait for the migration lock: %w", err)
		}
		if got.Int64 == 1 {
			return nil
		}
	}
}

// lockName names the database, because locks belong to the whole server; hashed, because they have 64 characters at most.
func (e mysqlEngine) lockName() string {
	sum := sha256.Sum256([]byte(e.cfg.DBName))
	return "jwt-toy migrate " + hex.EncodeToString(sum[:16])
}

func (mysqlEngine) dialect() goose.Dialect { return goose.DialectMySQL }
func (mysqlEngine) versionQuery() string   { return `SELECT CONCAT('mysql ', VERSION())` }
func (mysqlEngine) tablesQuery() string {
	return `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()`
}
