package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
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

// judged is a server on its own database, as a story sees it.
type judged struct {
	url   string
	clock *movedClock
	store *brittleStore
}

// outage takes the server's database away, or gives it back.
func (j judged) outage(_ context.Context, begin bool) error {
	j.store.down.Store(begin)
	return nil
}

// lifetimes of a judged server.
type lifetimes struct{ access, refresh, session, grace time.Duration }

var (
	defaultLifetimes = lifetimes{15 * time.Minute, 30 * day, 90 * day, 0}
	shortLifetimes   = lifetimes{2 * time.Second, 6 * time.Second, 15 * time.Second, 0}
	withGrace        = lifetimes{15 * time.Minute, 30 * day, 90 * day, 10 * time.Second}
)

// startJudged starts a server; a change puts something between it and its database.
func startJudged(t *testing.T, databaseURL string, l lifetimes, production bool, change ...func(*store.DB) session.Store) judged {
	t.Helper()
	return startJudgedAt(t, databaseURL, l, production, 4, change...)
}

// startJudgedAt is startJudged with a cost of password hashes.
func startJudgedAt(t *testing.T, databaseURL string, l lifetimes, production bool, cost int, change ...func(*store.DB) session.Store) judged {
	t.Helper()
	db, err := store.Open(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)

	signer, err := token.New(token.Config{Secret: []byte(goodKey), Algorithm: "HS256", Issuer: "jwt-toy", Audience: "jwt-toy-client", AccessTTL: l.access})
	require.NoError(t, err)
	passwords, err := session.NewPasswords(cost, 0)
	require.NoError(t, err)
	clock, log := &movedClock{}, slog.New(slog.DiscardHandler)
	kept := &brittleStore{Store: db}
	for _, c := range change {
		kept.Store = c(db)
	}
	sessions := session.New(session.Config{
		Store: kept, Tokens: signer, Passwords: passwords, RefreshTTL: l.refresh, SessionMaxTTL: l.session, Grace: l.grace,
		StoreTimeout: storeTimeout, Now: clock.now, Log: log,
	})
	for _, u := range demoUsers() {
		_, err := sessions.AddUser(t.Context(), u.Email, u.Password)
		require.NoError(t, err)
	}
	srv := httptest.NewServer(newHandler(deps{sessions: sessions, ready: db.Ping, log: log, realm: "jwt-toy", secureCookie: production}))
	t.Cleanup(srv.Close)
	return judged{srv.URL, clock, kept}
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
		for _, c := range s.Checks {
			if c.Verdict == conformance.NotJudged {
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
	wholeCatalogue(t, conforms(t, conformance.Options{Target: j.url, Advance: j.clock.advance, Production: true, Slow: true, JWTSecret: goodKey, Outage: j.outage}))
}

func TestConformanceMySQL(t *testing.T) {
	j := startJudged(t, mysqltest.URL(t), defaultLifetimes, true)
	wholeCatalogue(t, conforms(t, conformance.Options{Target: j.url, Advance: j.clock.advance, Production: true, Slow: true, JWTSecret: goodKey, Outage: j.outage}))
}

// TestConformanceGrace judges the other dialect by its own stories.
func TestConformanceGrace(t *testing.T) {
	j := startJudged(t, sqliteURL(t), withGrace, true)
	profile := conformance.Profile{Policy: conformance.Policy{Rotation: "grace", GraceSeconds: 10}}
	rep := conforms(t, conformance.Options{Target: j.url, Profile: profile, Advance: j.clock.advance, Production: true})
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
		if s.Verdict == conformance.NotJudged {
			require.NotEmpty(t, s.Reason, s.ID)
			unjudged = append(unjudged, s.ID)
		}
	}
	require.Equal(t, []string{
		"login.timing", "access.signed", "cookie.secure", "expiry.access", "expiry.refresh", "expiry.sliding", "expiry.replay", "expiry.logout", "expiry.absolute",
		"outage.refresh", "outage.logout", "outage.replay",
		"storage.tokens", "storage.passwords",
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
