package storage_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

// database is an empty one of a test's own, with a connection that writes.
type database struct {
	testing.TB
	engine string
	dsn    string // as a user of the suite would give it
	db     *sql.DB
}

// engines are all that are supported; a test that has one makes a database there.
func engines() map[string]func(testing.TB) *database {
	return map[string]func(testing.TB) *database{"sqlite": sqliteDatabase, "mysql": mysqlDatabase, "postgres": postgresDatabase}
}

// onEach runs a test on every engine.
func onEach(t *testing.T, test func(*testing.T, *database)) {
	for name, open := range engines() {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func (d *database) exec(statements ...string) {
	d.Helper()
	for _, s := range statements {
		_, err := d.db.ExecContext(context.WithoutCancel(d.Context()), s)
		require.NoError(d, err, s[:min(len(s), 200)])
	}
}

// name quotes an identifier.
func (d *database) name(s string) string {
	mark := map[string]string{"sqlite": `"`, "mysql": "`", "postgres": `"`}[d.engine]
	return mark + strings.ReplaceAll(s, mark, mark+mark) + mark
}

// insert adds one row; values go as parameters, so that nothing spells them.
func (d *database) insert(table string, values ...any) {
	d.Helper()
	marks := make([]string, len(values))
	for i := range marks {
		marks[i] = map[string]string{"postgres": "$" + strconv.Itoa(i+1)}[d.engine]
		if marks[i] == "" {
			marks[i] = "?"
		}
	}
	_, err := d.db.ExecContext(d.Context(), "INSERT INTO "+d.name(table)+" VALUES ("+strings.Join(marks, ", ")+")", values...)
	require.NoError(d, err)
}

func (d *database) open(l storage.Limits) *storage.Database {
	d.Helper()
	s, err := storage.Open(d.Context(), d.dsn, l)
	require.NoError(d, err)
	d.Cleanup(func() { require.NoError(d, s.Close()) })
	return s
}

func (d *database) audit(secrets ...conformance.StoredSecret) *conformance.AuditResult {
	d.Helper()
	res, err := d.open(storage.Limits{}).Audit(d.Context(), secrets)
	require.NoError(d, err)
	return res
}

func sqliteDatabase(t testing.TB) *database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "te st?#%41.db")
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path))
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d := &database{t, "sqlite", path, db}
	d.exec("PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF")
	return d
}

// required reports whether a missing engine is a failure.
func required(variable string) bool {
	return os.Getenv("CI") == "true" || os.Getenv(variable) == "1"
}

func missing(t testing.TB, engine, variable string, err error) {
	t.Helper()
	if required(variable) {
		t.Fatalf("%s is required (CI=true or %s=1), but: %v", engine, variable, err)
	}
	t.Skipf("SKIPPED, NOTHING WAS TESTED ON %s: %v", strings.ToUpper(engine), err)
}

// server is a database server that all tests of this process share.
type server struct {
	once  sync.Once
	root  *sql.DB
	addr  string
	none  error // there is nothing to start it with
	err   error // there is, but it does not run
	stop  func() error
	count int
}

var mysqlServer, postgresServer server

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range []*server{&mysqlServer, &postgresServer} {
		if s.stop != nil {
			if err := s.stop(); err != nil {
				fmt.Fprintln(os.Stderr, "stop a database server:", err)
				code = max(code, 1)
			}
		}
	}
	os.Exit(code)
}

// fresh makes a database on a shared server, and drops it with the test.
func (s *server) fresh(t testing.TB) string {
	t.Helper()
	require.NoError(t, s.err)
	s.count++
	name := fmt.Sprintf("audit_%d", s.count)
	_, err := s.root.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := s.root.ExecContext(context.Background(), "DROP DATABASE "+name)
		require.NoError(t, err)
	})
	return name
}

const password = "p@ss/w:rd%20" // each of these characters needs its percent code in a URL

func mysqlDatabase(t testing.TB) *database {
	t.Helper()
	s := &mysqlServer
	s.once.Do(func() { startMySQL(s) })
	if s.none != nil {
		missing(t, "MySQL", "REQUIRE_MYSQL", s.none)
	}
	name := s.fresh(t)
	db, err := sql.Open("mysql", "root:"+password+"@tcp("+s.addr+")/"+name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &database{t, "mysql", "mysql+pymysql://root:p%40ss%2Fw%3Ard%2520@" + s.addr + "/" + name + "?charset=utf8mb4", db}
}

// startMySQL runs a container of $MYSQL_IMAGE.
func startMySQL(s *server) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if s.none = exec.CommandContext(ctx, "docker", "info").Run(); s.none != nil {
		s.none = fmt.Errorf("docker is not running: %w", s.none)
		return
	}
	image := os.Getenv("MYSQL_IMAGE")
	if image == "" {
		image = "mysql:9.7"
	}
	container, err := testcontainers.Run(ctx, image,
		testcontainers.WithEnv(map[string]string{"MYSQL_ROOT_PASSWORD": password, "MYSQL_ROOT_HOST": "%"}),
		testcontainers.WithExposedPorts("3306/tcp"), testcontainers.WithLogger(log.New(io.Discard, "", 0)))
	if container != nil {
		s.stop = func() error { return container.Terminate(context.Background()) }
	}
	if s.err = err; err != nil {
		return
	}
	host, err := container.Host(ctx)
	port, err2 := container.MappedPort(ctx, "3306/tcp")
	if s.err = errors.Join(err, err2); s.err != nil {
		return
	}
	s.addr = net.JoinHostPort(host, port.Port())
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.Logger = "root", password, "tcp", s.addr, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if s.err = err; err == nil {
		s.root = sql.OpenDB(connector)
		s.err = s.ready(ctx)
	}
}

// ready waits until the server answers.
func (s *server) ready(ctx context.Context) error {
	for {
		err := s.root.PingContext(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func postgresDatabase(t testing.TB) *database {
	t.Helper()
	s := &postgresServer
	s.once.Do(func() { startPostgres(s) })
	if s.none != nil {
		missing(t, "PostgreSQL", "REQUIRE_POSTGRES", s.none)
	}
	name := s.fresh(t)
	db, err := sql.Open("pgx", "postgres://root:p%40ss%2Fw%3Ard%2520@"+s.addr+"/"+name+"?default_query_exec_mode=describe_exec")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &database{t, "postgres", "postgresql+psycopg2://root:p%40ss%2Fw%3Ard%2520@" + s.addr + "/" + name, db}
}

// startPostgres makes a cluster in a directory that it removes again. Where the tests run as root it belongs to nobody, since PostgreSQL
// refuses root.
func startPostgres(s *server) {
	bin := postgresBin()
	if bin == "" {
		s.none = errors.New("there is no initdb (Debian: apt-get install postgresql)")
		return
	}
	if s.err = s.initPostgres(bin); s.err != nil {
		return
	}
	s.root, s.err = sql.Open("pgx", "postgres://root:p%40ss%2Fw%3Ard%2520@"+s.addr+"/postgres")
	if s.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.err = s.ready(ctx)
	}
}

func postgresBin() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is good
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func (s *server) initPostgres(bin string) error {
	dir, err := os.MkdirTemp("", "postgres")
	if err != nil {
		return err
	}
	s.stop = func() error { return os.RemoveAll(dir) }
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(nobody.Uid) // on Unix these are numbers
		gid, _ := strconv.Atoi(nobody.Gid)
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		if err := os.Chown(dir, uid, gid); err != nil {
			return err
		}
	}
	command := func(name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd, out := exec.Command(filepath.Join(bin, name), args...), &bytes.Buffer{}
		cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, as, out, out
		return cmd, out
	}
	secret := filepath.Join(dir, "password-"+rand.Text())
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	if cmd, out := command("initdb", "-D", dir+"/data", "-U", "root", "-A", "scram-sha-256", "--pwfile="+secret, "-E", "UTF8", "--no-sync", "--no-locale"); cmd.Run() != nil {
		return fmt.Errorf("initdb: %s", out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(s.addr) // it was just made
	if err := l.Close(); err != nil {
		return err
	}
	cmd, _ := command("postgres", "-D", dir+"/data", "-h", "127.0.0.1", "-p", port, "-k", dir, "-F")
	if err := cmd.Start(); err != nil {
		return err
	}
	s.stop = func() error {
		err := cmd.Process.Signal(syscall.SIGINT) // a fast shutdown
		return errors.Join(err, cmd.Wait(), os.RemoveAll(dir))
	}
	return nil
}
