package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

const (
	containerTimeout = 5 * time.Minute // the image may have to be pulled
	cleanupTimeout   = 30 * time.Second
	dropTimeout      = 3 * time.Minute // of a large table
)

// database is an empty MySQL database for one run.
type database struct {
	url       string // for the server
	pool      *sql.DB
	patient   *sql.DB                  // waits as long as a statement on a large table takes
	container testcontainers.Container // nil: somebody else's database
}

// openDatabase starts a container, or opens the database of the URL if there is one. Close it also after ctx has ended.
func openDatabase(ctx context.Context, databaseURL string) (*database, error) {
	db := &database{url: databaseURL}
	if databaseURL == "" {
		if err := db.startContainer(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("start MySQL (or name yours with -database-url): %w", err), db.close())
		}
	}
	config, err := driverConfig(db.url)
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := db.openPools(config); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := db.awaitEmpty(ctx); err != nil {
		return nil, errors.Join(err, db.pool.Close(), db.patient.Close(), db.terminate())
	}
	return db, nil
}

func (db *database) openPools(config *mysql.Config) error {
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	config = config.Clone()
	config.ReadTimeout = 0
	patient, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db.pool, db.patient = sql.OpenDB(connector), sql.OpenDB(patient)
	// As the server's pool: internal/store/mysql.go.
	db.pool.SetMaxOpenConns(32)
	db.pool.SetMaxIdleConns(32)
	return nil
}

// startContainer returns when the container runs, which is before MySQL answers.
func (db *database) startContainer(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil { // so the library says that there is no Docker
			err = fmt.Errorf("is Docker running? %v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, containerTimeout)
	defer cancel()
	image := os.Getenv("MYSQL_IMAGE")
	if image == "" {
		image = "mysql:9.7"
	}
	tclog.SetDefault(tclog.NewNoopLogger()) //nolint:forbidigo // silences the library, as standard error is for our own progress
	password := rand.Text()
	container, err := testcontainers.Run(ctx, image,
		testcontainers.WithEnv(map[string]string{"MYSQL_ROOT_PASSWORD": password, "MYSQL_ROOT_HOST": "%", "MYSQL_DATABASE": "bench"}),
		testcontainers.WithExposedPorts("3306/tcp"))
	if container != nil { // a nil pointer must not become an interface that is not nil
		db.container = container
	}
	if err != nil {
		return err
	}
	host, err := container.Host(ctx)
	if err != nil {
		return err
	}
	port, err := container.MappedPort(ctx, "3306/tcp")
	if err != nil {
		return err
	}
	db.url = "mysql://root:" + password + "@" + net.JoinHostPort(host, port.Port()) + "/bench"
	return nil
}

// driverConfig connects as the server does: internal/store/mysql_config.go. A test compares.
func driverConfig(databaseURL string) (*mysql.Config, error) {
	u, err := url.Parse(databaseURL)
	if err != nil { // which quotes the password
		return nil, fmt.Errorf("-database-url is not a URL: special characters of the password are written as %%XX; %w", errUsage)
	}
	password, _ := u.User.Password()
	name := strings.TrimPrefix(u.Path, "/")
	if dialect, _, _ := strings.Cut(u.Scheme, "+"); dialect != "mysql" || u.Hostname() == "" || name == "" || u.RawQuery != "" {
		return nil, fmt.Errorf("-database-url must look like mysql://user:password@host:3306/name, without options; %w", errUsage)
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = u.User.Username(), password, name
	config.Net, config.Addr = "tcp", net.JoinHostPort(u.Hostname(), port)
	config.Timeout, config.ReadTimeout, config.WriteTimeout = 3*time.Second, 3*time.Second, 3*time.Second
	config.ClientFoundRows = true
	config.InterpolateParams = true
	config.RejectReadOnly = true
	config.Logger = &mysql.NopLogger{}
	config.Collation = "latin1_bin"
	config.Params = map[string]string{
		"autocommit":               "1",
		"transaction_isolation":    "'READ-COMMITTED'",
		"innodb_lock_wait_timeout": "2",
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
	}
	return config, nil
}

// awaitEmpty waits until our own MySQL answers, which images report in different words, and insists that the database is
// empty.
func (db *database) awaitEmpty(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		tables, err := db.tables(ctx)
		switch {
		case err == nil && len(tables) > 0:
			return fmt.Errorf("the database of -database-url is not empty: create one for this run; %w", errUsage)
		case err == nil:
			return nil
		case db.container == nil:
			return fmt.Errorf("open the database: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("MySQL did not become ready: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tables returns the names of all tables and views, quoted.
func (db *database) tables(ctx context.Context) (names []string, err error) {
	rows, err := db.pool.QueryContext(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, "`"+name+"`")
	}
	return names, rows.Err()
}

// about asks for what belongs into a report.
func (db *database) about(ctx context.Context) (m mySQL, err error) {
	err = db.pool.QueryRowContext(ctx, `SELECT VERSION(), @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.log_bin, @@GLOBAL.sync_binlog,
		@@GLOBAL.innodb_buffer_pool_size, COALESCE((SELECT VARIABLE_VALUE FROM performance_schema.global_variables
			WHERE VARIABLE_NAME = 'innodb_redo_log_capacity'), 0)`). // which MySQL has since 8.0.30
		Scan(&m.Version, &m.FlushLog, &m.BinaryLog, &m.SyncBinlog, &m.BufferPool, &m.RedoLog)
	if err != nil {
		return mySQL{}, fmt.Errorf("ask MySQL for its settings: %w", err)
	}
	return m, nil
}

// enlarge gives MySQL a buffer pool of at least so many bytes, and a redo log to go with it. Somebody else's MySQL stays as it is.
func (db *database) enlarge(ctx context.Context, bytes int64) error {
	if db.container == nil {
		return nil
	}
	const chunk = 128 << 20 // MySQL takes no other sizes in strict mode
	bytes = (bytes + chunk - 1) / chunk * chunk
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, statement := range []string{
		fmt.Sprintf(`SET GLOBAL innodb_redo_log_capacity = %d`, redoLog),
		fmt.Sprintf(`SET GLOBAL innodb_buffer_pool_size = %d`, bytes), // takes effect in the background
	} {
		if _, err := db.patient.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("enlarge MySQL's memory: %w", err)
		}
	}
	for {
		m, err := db.about(ctx)
		if err != nil || m.BufferPool >= bytes {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("MySQL's buffer pool stays at %d bytes: %w", m.BufferPool, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// redoLog is so large that no page has to be written during a measurement only to make room in the log.
const redoLog = 2 << 30

// close ends the container, or empties the database, which was empty before. The server must have ended.
func (db *database) close() error {
	var errs []error
	if db.pool != nil {
		if db.container == nil {
			errs = append(errs, db.empty())
		}
		errs = append(errs, db.pool.Close(), db.patient.Close())
	}
	return errors.Join(append(errs, db.terminate())...)
}

func (db *database) empty() error {
	ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
	defer cancel()
	tables, err := db.tables(ctx)
	if err == nil && len(tables) > 0 {
		_, err = db.patient.ExecContext(ctx, `DROP TABLE `+strings.Join(tables, ", "))
	}
	if err != nil {
		return fmt.Errorf("empty the database: %w", err)
	}
	return nil
}

func (db *database) terminate() error {
	if db.container == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if err := db.container.Terminate(ctx, testcontainers.StopTimeout(0)); err != nil {
		return fmt.Errorf("end the MySQL container: %w", err)
	}
	return nil
}
