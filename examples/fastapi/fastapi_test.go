// Package fastapi holds the worked example in FastAPI, SQLAlchemy, Alembic and MySQL; its tests let the suite judge it.
//
// Without the Python packages they are skipped, and say so; with REQUIRE_FASTAPI=1 they fail instead. FASTAPI_PYTHON names
// another interpreter than /usr/bin/python3, such as one of a virtual environment with requirements.txt.
package fastapi

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

const sessionMaxTTL = 15 * time.Second

// TestConformance lets the whole suite judge it as a developer runs it; a second instance on the same database has lifetimes of
// seconds. Warnings count as faults.
func TestConformance(t *testing.T) {
	e := newExample(t)
	short := e.serve([]string{"ACCESS_TOKEN_TTL=2s", "REFRESH_TOKEN_TTL=6s", "SESSION_MAX_TTL=" + sessionMaxTTL.String()})
	rep := conformancetest.Run(t, conformance.Options{
		Target: e.serve(nil), ExpiryTarget: short, SessionMaxTTL: sessionMaxTTL, JWTSecret: e.secret, Slow: true,
	})
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.Subset(t, []string{
		"cookie.secure/deleted",         // only a run with Production judges it
		"cookie.secure/set",             //
		"logout.cookie-only/claimed",    // it claims no logout by access token
		"family.inherits/end",           // its refresh token does not state the absolute end; the database has it
		"http.answers/retry-after",      // it never had to say 503
		"http.cors/vary",                // no origin is trusted
		"login.odd-passwords/beyond-72", // no demonstration user has such a password
	}, unjudged(rep))
}

// TestWorkers judges two processes that share a port and a database, as in production: what one process alone keeps in memory, a lock
// or a list of revoked tokens, fails here.
func TestWorkers(t *testing.T) {
	e := newExample(t)
	rep := conformancetest.Run(t, conformance.Options{
		Target: e.serve([]string{"ENV=production"}, "--workers", "2"), Production: true, JWTSecret: e.secret, RaceRounds: 24,
		Run: []string{"login", "access", "rotation", "cookie", "reuse", "family", "race", "logout", "http"},
	})
	require.Equal(t, conformance.Pass, rep.Verdict)
}

// TestDatabaseAway: while MySQL is away every call is a 503 that touches no cookie, and afterwards the session goes on.
func TestDatabaseAway(t *testing.T) {
	e := newExample(t)
	way := newWay(t, e.databaseURL)
	target := e.serve([]string{"DATABASE_URL=" + way.url})
	user := conformance.DemoUsers()[0]
	login := func() *http.Response {
		return send(t, "POST", target+"/auth/login", `{"email":"`+user.Email+`","password":"`+user.Password+`"}`, "Content-Type", "application/json")
	}
	loggedIn := login()
	require.Equal(t, 200, loggedIn.StatusCode)
	token := loggedIn.Cookies()[0].Value
	refresh := func() *http.Response {
		return send(t, "POST", target+"/auth/refresh", "", "Cookie", "refresh_token="+token)
	}

	way.close()
	for _, r := range []*http.Response{login(), refresh(), send(t, "POST", target+"/auth/logout", "", "Cookie", "refresh_token="+token)} {
		require.Equal(t, 503, r.StatusCode, r.Request.URL)
		require.NotEmpty(t, r.Header.Get("Retry-After"))
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
		require.Empty(t, r.Cookies())
	}
	way.open()
	require.Equal(t, 200, refresh().StatusCode)
	require.Equal(t, 401, refresh().StatusCode)
}

// TestModels: the migrations make the tables that the models describe.
func TestModels(t *testing.T) {
	e := newExample(t)
	out := e.python("-c", `
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from app.db.models import Base
from app.db.base import engine
with engine.connect() as connection:
    print(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata))`)
	require.Equal(t, "[]", strings.TrimSpace(out))
}

// TestREADME: the commands of the README are those that the tests run, and the files that it names exist.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, args := range [][]string{migrateArgs, seedArgs, serveArgs} {
		require.Contains(t, string(text), "python3 "+strings.Join(args, " "))
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		require.FileExists(t, link[1])
	}
}

// TestOriginalEnv: the example's .env has the names and values of the original project's, placeholder and all.
func TestOriginalEnv(t *testing.T) {
	ours, err := os.ReadFile(".env.example")
	require.NoError(t, err)
	original, err := os.ReadFile("../../testdata/original.env")
	require.NoError(t, err)
	for line := range strings.Lines(strings.Replace(string(original), "localhost", "127.0.0.1", 1)) {
		require.Contains(t, string(ours), line)
	}
}

// TestSecret: a start with a placeholder for a secret, a short one or none is refused, with the command that makes a good one.
func TestSecret(t *testing.T) {
	e := newExample(t)
	for _, secret := range []string{"", "CHANGE_ME_TO_A_LONG_RANDOM_SECRET", strings.Repeat("x", 31)} {
		out, err := e.command([]string{"JWT_SECRET_KEY=" + secret}, "-c", "import app.main").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "openssl rand -hex 32")
		require.NotContains(t, string(out), "Traceback")
	}
}

func TestMain(m *testing.M) {
	if missing() != "" && !required() {
		os.Exit(m.Run()) // all of it is skipped, and needs no MySQL
	}
	mysqltest.Main(m)
}
