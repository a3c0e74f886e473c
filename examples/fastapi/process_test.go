package fastapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// The commands of the README.
var (
	migrateArgs = []string{"-m", "alembic", "upgrade", "head"}
	seedArgs    = []string{"-m", "scripts.seed_user"}
	serveArgs   = []string{"-m", "uvicorn", "app.main:app", "--no-access-log"}
)

const startTimeout = 30 * time.Second

func required() bool { return os.Getenv("REQUIRE_FASTAPI") == "1" }

func interpreter() string {
	if p := os.Getenv("FASTAPI_PYTHON"); p != "" {
		return p
	}
	return "/usr/bin/python3"
}

// missing says what keeps the example from running, or nothing.
var missing = sync.OnceValue(func() string {
	out, err := exec.Command(interpreter(), "-c", "import fastapi, uvicorn, sqlalchemy, alembic, pymysql, cryptography, jwt, bcrypt, dotenv").CombinedOutput()
	if err == nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Sprintf("%s: %v %s", interpreter(), err, lines[len(lines)-1])
})

// example is a migrated database with the demonstration users in it.
type example struct {
	t           *testing.T
	databaseURL string
	secret      string
	log         string // a file, of all its servers
}

func newExample(t *testing.T) *example {
	t.Helper()
	switch why := missing(); {
	case why != "" && required():
		t.Fatalf("FastAPI is required (REQUIRE_FASTAPI=1), but its packages are not there; .ci/fastapi-packages installs them: %s", why)
	case why != "":
		t.Skipf("SKIPPED, THE EXAMPLE WAS NOT TESTED: .ci/fastapi-packages installs what is missing: %s", why)
	}
	e := &example{t, mysqltest.URL(t), rand.Text() + rand.Text(), filepath.Join(t.TempDir(), "log")}
	e.python(migrateArgs...)
	e.python(seedArgs...)
	return e
}

func (e *example) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(e.t.Context(), interpreter(), args...)
	cmd.Env = slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PYTHONDONTWRITEBYTECODE=1",
		"ENV=dev", "DATABASE_URL=" + e.databaseURL, "JWT_SECRET_KEY=" + e.secret, "JWT_ALGORITHM=HS256", "BCRYPT_COST=10",
	}, env)
	return cmd
}

func (e *example) python(args ...string) string {
	e.t.Helper()
	out, err := e.command(nil, args...).CombinedOutput()
	require.NoError(e.t, err, "python3 %s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// serve starts an instance and returns its URL. When the test ends, it ends, and must have had no exception of its own.
func (e *example) serve(env []string, args ...string) string {
	e.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(e.t, err)
	addr := free.Addr().(*net.TCPAddr)
	require.NoError(e.t, free.Close())

	cmd := e.command(env, slices.Concat(serveArgs, []string{"--port", fmt.Sprint(addr.Port)}, args)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers too
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(e.t, err)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = log, log, 10*time.Second
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // the test's context ends before its cleanups
	require.NoError(e.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	e.t.Cleanup(func() {
		<-ended
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what may be left of its workers
		text, err := os.ReadFile(e.log)
		require.NoError(e.t, errors.Join(err, log.Close()))
		if strings.Contains(string(text), "Exception in ASGI application") || e.t.Failed() {
			e.t.Errorf("the log of its servers:\n%s", text)
		}
	})
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr.String()); err == nil {
			require.NoError(e.t, conn.Close())
			return "http://" + addr.String()
		}
		select {
		case err := <-ended:
			ended <- err
			e.t.Fatalf("uvicorn has ended: %v", err)
		default:
		}
	}
	e.t.Fatalf("uvicorn does not listen on %s after %s", addr, startTimeout)
	return ""
}

// judged says whether every check of a story was judged and passed.
func judged(rep *conformance.Report, story string) bool {
	i := slices.IndexFunc(rep.Stories, func(s conformance.StoryResult) bool { return s.ID == story })
	return i >= 0 && rep.Stories[i].Verdict == conformance.Pass
}

// way leads to a database and can be closed.
type way struct {
	url      string // the DATABASE_URL that goes through it
	t        *testing.T
	database string // host:port
	addr     string
	mu       sync.Mutex
	closers  []io.Closer // nil while closed
}

func newWay(t *testing.T, databaseURL string) *way {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	w := &way{t: t, database: u.Host, addr: "127.0.0.1:0"}
	w.open()
	t.Cleanup(w.close)
	u.Host = w.addr
	w.url = u.String()
	return w
}

func (w *way) open() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.addr)
	require.NoError(w.t, err)
	w.addr = l.Addr().String()
	w.mu.Lock()
	w.closers = []io.Closer{l}
	w.mu.Unlock()
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", w.database)
			if err != nil {
				_ = from.Close()
				continue
			}
			w.mu.Lock()
			w.closers = append(w.closers, from, to)
			w.mu.Unlock()
			go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
			go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
		}
	}()
}

// outage is the suite's hook.
func (w *way) outage(_ context.Context, begin bool) error {
	w.close()
	if !begin {
		w.open()
	}
	return nil
}

func (w *way) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.closers {
		_ = c.Close()
	}
	w.closers = nil
}
