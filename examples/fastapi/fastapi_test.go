// Package fastapi holds the worked example in FastAPI, SQLAlchemy, Alembic and MySQL; its tests let the suite judge it.
//
// Without the Python packages they are skipped, and say so; with REQUIRE_FASTAPI=1 they fail instead. FASTAPI_PYTHON names
// another interpreter than /usr/bin/python3, such as one of a virtual environment with requirements.txt.
package fastapi

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

const sessionMaxTTL = 15 * time.Second

// TestConformance lets the whole suite judge it as a developer runs it: a second instance on the same database has lifetimes of
// seconds, the database is taken away and read, and so is the log. Warnings count as faults.
func TestConformance(t *testing.T) {
	e := newExample(t)
	way := newWay(t, e.databaseURL)
	db, err := storage.Open(t.Context(), e.databaseURL, storage.Limits{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	short := e.serve([]string{"ACCESS_TOKEN_TTL=2s", "REFRESH_TOKEN_TTL=6s", "SESSION_MAX_TTL=" + sessionMaxTTL.String()})
	rep := conformancetest.Run(t, conformance.Options{
		Target: e.serve([]string{"DATABASE_URL=" + way.url}), ExpiryTarget: short, SessionMaxTTL: sessionMaxTTL,
		JWTSecret: e.secret, Outage: way.outage, Audit: db.Audit, Logs: []string{e.log}, Slow: true,
	})
	require.Equal(t, conformance.Pass, rep.Verdict)
	for _, story := range []string{"login.timing", "access.signed", "expiry.absolute", "expiry.replay", "outage.refresh", "storage.tokens", "storage.passwords", "operations.logs"} {
		require.True(t, judged(rep, story), story) // the hooks were of use
	}
}

// TestWorkers judges three processes on one database, two of which share a port, as in production: what one process alone keeps in
// memory, a lock or a list of revoked tokens, fails here.
func TestWorkers(t *testing.T) {
	e := newExample(t)
	production := []string{"ENV=production"}
	rep := conformancetest.Run(t, conformance.Options{
		Target: e.serve(production, "--workers", "2"), Replicas: []string{e.serve(production)}, Production: true, JWTSecret: e.secret, RaceRounds: 24,
	})
	require.Equal(t, conformance.Pass, rep.Verdict)
	for _, story := range []string{"race.refresh", "race.replay", "race.logout", "cookie.secure", "operations.replicas"} {
		require.True(t, judged(rep, story), story)
	}
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
