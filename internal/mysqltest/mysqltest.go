// Package mysqltest starts one MySQL container for each test binary, at its first use, and gives each test a database of its
// own.
//
// Without Docker such tests are skipped, and say so; where CI=true or REQUIRE_MYSQL=1 is set they fail instead. MYSQL_IMAGE
// names another image than mysql:9.7. A package that uses it needs
//
//	func TestMain(m *testing.M) { mysqltest.Main(m) }
package mysqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/testcontainers/testcontainers-go"
)

const (
	startTimeout = 2 * time.Minute
	appUser      = "app"
	appPassword  = "p@ss/w:rd%20" // in a DATABASE_URL each of these characters needs its percent code
)

// server is the one container of this process.
type server struct {
	once      sync.Once
	container testcontainers.Container
	root      *sql.DB
	config    *mysql.Config // of root, without a database
	about     string
	noDocker  error // there is no Docker
	err       error // there is, but no MySQL came of it
	databases atomic.Int64
}

var shared server

// Main runs the tests, ends the container, and exits. Where MySQL is required, it fails a full run that used none.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 && required() && shared.databases.Load() == 0 && !filtered() {
		fmt.Fprintln(os.Stderr, "FAIL: MySQL is required (CI=true or REQUIRE_MYSQL=1), but no test used it")
		code = 1
	}
	if shared.container != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := shared.container.Terminate(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "end the MySQL container:", err)
			code = max(code, 1)
		}
		cancel()
	}
	os.Exit(code)
}

// URL returns the DATABASE_URL of a fresh, empty database that its user owns.
func URL(t testing.TB) string {
	t.Helper()
	return fresh(t, appUser, appPassword)
}

// RootURL returns the DATABASE_URL of a fresh, empty database, with the credentials of root.
func RootURL(t testing.TB) string {
	t.Helper()
	root := start(t).config
	return fresh(t, root.User, root.Passwd)
}

// Root returns root's connections to the server, for what a test does to the whole of it: such a test must not be parallel,
// and puts everything back.
func Root(t testing.TB) *sql.DB {
	t.Helper()
	return start(t).root
}

// Database returns root's connections to the database of a DATABASE_URL that this package made, until the test ends.
func Database(t testing.TB, databaseURL string) *sql.DB {
	t.Helper()
	cfg := start(t).config.Clone()
	cfg.DBName = Name(databaseURL)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatalf("connect as root: %v", err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Name returns the name of the database in a DATABASE_URL that this package made.
func Name(databaseURL string) string { return databaseURL[strings.LastIndex(databaseURL, "/")+1:] }

// File copies a file out of the container, and returns where it is.
func File(t testing.TB, path string) string {
	t.Helper()
	from, err := start(t).container.CopyFileFromContainer(t.Context(), path)
	if err != nil {
		t.Fatalf("copy %s: %v", path, err)
	}
	defer func() { _ = from.Close() }() // it was only read
	content, err := io.ReadAll(from)
	if err != nil {
		t.Fatalf("copy %s: %v", path, err)
	}
	local := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(local, content, 0o600); err != nil {
		t.Fatalf("copy %s: %v", path, err)
	}
	return local
}

func fresh(t testing.TB, user, password string) string {
	t.Helper()
	return start(t).fresh(t, user, password)
}

func (s *server) fresh(t testing.TB, user, password string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	if _, err := s.root.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.root.Exec("DROP DATABASE IF EXISTS " + name); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	t.Logf("%s, database %s", s.about, name)
	return "mysql+pymysql://" + user + ":" + url.QueryEscape(password) + "@" + s.config.Addr + "/" + name
}

func start(t testing.TB) *server {
	t.Helper()
	shared.once.Do(shared.start)
	switch {
	case shared.noDocker != nil && !required():
		t.Skipf("SKIPPED, NOTHING WAS TESTED ON MYSQL: Docker is not running: %v", shared.noDocker)
	case shared.noDocker != nil:
		t.Fatalf("MySQL is required (CI=true or REQUIRE_MYSQL=1), but Docker is not running: %v", shared.noDocker)
	case shared.err != nil:
		t.Fatalf("start MySQL: %v\n    Where no registry of images can be reached, first: eval \"$(.ci/mysql-docker)\"", shared.err)
	}
	return &shared
}

func required() bool { return os.Getenv("CI") == "true" || os.Getenv("REQUIRE_MYSQL") == "1" }

// filtered reports whether the command line asks for less than all tests.
func filtered() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.bench", "test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}

func (s *server) start() {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if s.noDocker = dockerHealth(ctx); s.noDocker != nil {
		return
	}
	s.err = s.run(ctx)
}

// dockerHealth returns why Docker cannot be used. The library panics where it finds none.
func dockerHealth(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }() // it was only asked
	return provider.Health(ctx)
}

func (s *server) run(ctx context.Context, more ...testcontainers.ContainerCustomizer) error {
	image := os.Getenv("MYSQL_IMAGE")
	if image == "" {
		image = "mysql:9.7"
	}
	password := rand.Text()
	container, err := testcontainers.Run(ctx, image, append(more,
		testcontainers.WithEnv(map[string]string{"MYSQL_ROOT_PASSWORD": password, "MYSQL_ROOT_HOST": "%"}),
		testcontainers.WithExposedPorts("3306/tcp"),
		testcontainers.WithLogger(log.New(io.Discard, "", 0)))...)
	s.container = container
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
	s.config = mysql.NewConfig()
	s.config.User, s.config.Passwd = "root", password
	s.config.Net, s.config.Addr = "tcp", net.JoinHostPort(host, port.Port())
	s.config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(s.config)
	if err != nil {
		return err
	}
	s.root = sql.OpenDB(connector)
	return s.prepare(ctx)
}

// prepare makes the user of the databases.
func (s *server) prepare(ctx context.Context) error {
	if err := s.await(ctx); err != nil {
		return err
	}
	for _, statement := range []string{
		`CREATE USER ` + appUser + `@'%' IDENTIFIED BY '` + strings.ReplaceAll(appPassword, `'`, `''`) + `'`,
		"GRANT ALL ON `test\\_%`.* TO " + appUser + `@'%'`,
	} {
		if _, err := s.root.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the server answers a query: images print different lines when they are ready, and the official one starts
// twice.
func (s *server) await(ctx context.Context) error {
	for {
		var version, hostname string
		err := s.root.QueryRowContext(ctx, `SELECT VERSION(), @@hostname`).Scan(&version, &hostname)
		if err == nil {
			s.about = fmt.Sprintf("MySQL %s on %s", version, hostname)
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("MySQL did not become ready"), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
