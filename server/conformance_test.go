package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// movedClock is the machine's, plus what a test moved it by.
type movedClock struct{ offset atomic.Int64 }

func (c *movedClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *movedClock) advance(_ context.Context, d time.Duration) error {
	c.offset.Add(int64(d))
	return nil
}

// judged is a server on its own database, as a story sees it, and what its operator can do.
type judged struct {
	t          *testing.T
	url        string
	clock      *movedClock
	cost       int // of password hashes
	database   string
	change     []func(*store.DB) session.Store // between the server and its database
	lifetimes  lifetimes
	production bool
	log        *os.File
	stores     []*brittleStore
	now        atomic.Pointer[process] // the one that answers at url
}

// process is one run of the server: what a restart ends.
type process struct {
	db       *store.DB
	sessions *session.Service
	handler  http.Handler
}

// lifetimes of a judged server.
type lifetimes struct{ access, refresh, session, grace time.Duration }

var (
	defaultLifetimes = lifetimes{15 * time.Minute, 30 * day, 90 * day, 0}
	shortLifetimes   = lifetimes{2 * time.Second, 6 * time.Second, 15 * time.Second, 0}
	withGrace        = lifetimes{15 * time.Minute, 30 * day, 90 * day, 10 * time.Second}
)

// startJudged starts a server; a change puts something between it and its database.
func startJudged(t *testing.T, databaseURL string, l lifetimes, production bool, change ...func(*store.DB) session.Store) *judged {
	t.Helper()
	return startJudgedAt(t, databaseURL, l, production, 4, change...)
}

// startJudgedAt is startJudged with a cost of password hashes.
func startJudgedAt(t *testing.T, databaseURL string, l lifetimes, production bool, cost int, change ...func(*store.DB) session.Store) *judged {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	j := &judged{t: t, clock: &movedClock{}, database: databaseURL, cost: cost, change: change, lifetimes: l, production: production, log: log}
	j.now.Store(j.start())
	t.Cleanup(func() { require.NoError(t, j.now.Load().db.Close()) })
	for _, u := range demoUsers() {
		_, err := j.now.Load().sessions.AddUser(t.Context(), u.Email, u.Password)
		require.NoError(t, err)
	}
	j.url = j.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { j.now.Load().handler.ServeHTTP(w, r) }))
	return j
}

func (j *judged) serve(h http.Handler) string {
	srv := httptest.NewServer(h)
	j.t.Cleanup(srv.Close)
	return srv.URL
}

// start is another process on the same database.
func (j *judged) start() *process {
	t := j.t
	t.Helper()
	db, err := store.Open(t.Context(), j.database)
	require.NoError(t, err)
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)
	signer, err := token.New(token.Config{Secret: []byte(goodKey), Algorithm: "HS256", Issuer: "jwt-toy", Audience: "jwt-toy-client", AccessTTL: j.lifetimes.access})
	require.NoError(t, err)
	passwords, err := session.NewPasswords(j.cost, 0)
	require.NoError(t, err)
	log := slog.New(requestLog{slog.NewTextHandler(j.log, nil)})
	kept := &brittleStore{Store: db}
	for _, c := range j.change {
		kept.Store = c(db)
	}
	j.stores = append(j.stores, kept)
	sessions := session.New(session.Config{
		Store: kept, Tokens: signer, Passwords: passwords, RefreshTTL: j.lifetimes.refresh, SessionMaxTTL: j.lifetimes.session, Grace: j.lifetimes.grace,
		StoreTimeout: storeTimeout, Now: j.clock.now, Log: log,
	})
	return &process{db, sessions, newHandler(deps{sessions: sessions, logins: defaultLogins(t), ready: db.Ping, log: log, realm: "jwt-toy", secureCookie: j.production})}
}

// replica serves another process on the same database, and returns its address.
func (j *judged) replica() string {
	p := j.start()
	j.t.Cleanup(func() { require.NoError(j.t, p.db.Close()) })
	return j.serve(p.handler)
}

func (j *judged) restart(context.Context) error {
	return j.now.Swap(j.start()).db.Close()
}

// outage takes the database away from every process, or gives it back.
func (j *judged) outage(_ context.Context, begin bool) error {
	for _, s := range j.stores {
		s.down.Store(begin)
	}
	return nil
}

func (j *judged) admin(ctx context.Context, a conformance.AdminAction) (err error) {
	sessions := j.now.Load().sessions
	switch a.Action {
	case "passwd":
		_, err = sessions.SetPassword(ctx, a.Email, a.Password)
	default:
		_, err = sessions.SetDisabled(ctx, a.Email, a.Action == "disable")
	}
	return err
}

// everything are the options that judge all of a server.
func (j *judged) everything() conformance.Options {
	return conformance.Options{
		Target: j.url, Advance: j.clock.advance, Production: j.production, Slow: true, JWTSecret: goodKey,
		Admin: j.admin, Restart: j.restart, Outage: j.outage, Logs: []string{j.log.Name()},
	}
}

// conforms: every story was judged and every check passed, warnings counted as faults.
func conforms(t *testing.T, o conformance.Options) *conformance.Report {
	t.Helper()
	rep := conformancetest.Run(t, o)
	require.Equal(t, conformance.Pass, rep.Verdict)
	return rep
}

// wholeCatalogue: nothing was left unjudged but what the target's honesty makes impossible to see.
func wholeCatalogue(t *testing.T, rep *conformance.Report) {
	t.Helper()
	var unjudged []string
	for _, s := range rep.Stories {
		if strings.Contains(s.Reason, "the profile") || s.ID == "access.confusion" || strings.HasPrefix(s.ID, "storage.") {
			continue // the contract claims no other policy, access tokens are signed with a secret, and these tests hash passwords too cheaply
		}
		for _, c := range s.Checks {
			if c.Verdict == conformance.NotJudged && !strings.Contains(c.Got, "the profile") {
				unjudged = append(unjudged, c.ID)
			}
		}
	}
	require.Subset(t, []string{
		"login.odd-passwords/beyond-72", // no demonstration user has such a password
		"http.answers/retry-after",      // it never had to say 503
		"http.cors/vary",                // no origin is trusted
		"logout.cookie-only/claimed",    // a logout needs no access token
		"cookie.secure/set", "cookie.secure/deleted",
		"storage.tokens/live", "storage.tokens/spent", "storage.tokens/signature", "storage.tokens/access-token", "storage.tokens/sha256", // in storage_test.go
		"storage.passwords/plain", "storage.passwords/fast-hash", "storage.passwords/slow-hash",
	}, unjudged)
}

func TestConformanceSQLite(t *testing.T) {
	j := startJudged(t, sqliteURL(t), defaultLifetimes, true)
	o := j.everything()
	o.Replicas = []string{j.replica()}
	wholeCatalogue(t, conforms(t, o))
}

// TestConformanceMySQL judges three servers on one database, which are asked in turn.
func TestConformanceMySQL(t *testing.T) {
	j := startJudged(t, mysqltest.URL(t), defaultLifetimes, true)
	o := j.everything()
	o.Replicas = []string{j.replica(), j.replica()}
	wholeCatalogue(t, conforms(t, o))
}

// TestConformanceGrace judges the other dialect by its own stories.
func TestConformanceGrace(t *testing.T) {
	j := startJudged(t, sqliteURL(t), withGrace, true)
	o := j.everything()
	o.Profile, o.Slow, o.Replicas = conformance.Profile{Policy: conformance.Policy{Rotation: "grace", GraceSeconds: 10}}, false, []string{j.replica()}
	rep := conforms(t, o)
	judged := 0
	for _, s := range rep.Stories {
		if strings.HasPrefix(s.ID, "grace.") {
			require.Equal(t, conformance.Pass, s.Verdict, s.ID)
			judged++
		}
	}
	require.Equal(t, 4, judged)
}

// TestConformanceDev is the default run against the default configuration: plain http, no hook. It judges all that such a run can see, and
// costs the server at most sixty password checks.
func TestConformanceDev(t *testing.T) {
	j := startJudged(t, sqliteURL(t), defaultLifetimes, false)
	rep := conforms(t, conformance.Options{Target: j.url})
	var unjudged []string
	for _, s := range rep.Stories {
		if s.Verdict == conformance.NotJudged && !strings.Contains(s.Reason, "the profile") {
			require.NotEmpty(t, s.Reason, s.ID)
			unjudged = append(unjudged, s.ID)
		}
	}
	require.Equal(t, []string{
		"login.timing", "login.exact", "login.besides", "access.signed", "access.confusion", "cookie.secure", "expiry.access", "expiry.refresh", "expiry.sliding", "expiry.replay", "expiry.logout", "expiry.absolute",
		"outage.refresh", "outage.logout", "outage.replay",
		"storage.tokens", "storage.passwords",
		"admin.disable", "admin.password", "admin.under-way", "admin.timing", "operations.restart", "operations.replicas", "operations.logs",
	}, unjudged)
	require.LessOrEqual(t, rep.Run.PasswordChecks, 60)
}

// TestConformanceRealTime sees tokens expire without a clock hook.
func TestConformanceRealTime(t *testing.T) {
	j := startJudged(t, sqliteURL(t), defaultLifetimes, false)
	short := startJudged(t, sqliteURL(t), shortLifetimes, false)
	rep := conforms(t, conformance.Options{
		Target: j.url, ExpiryTarget: short.url, SessionMaxTTL: shortLifetimes.session, Run: []string{"expiry.*", "rotation.rotates"},
	})
	wholeCatalogue(t, rep)
}
