package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// TestStorage lets the suite read the databases of this server: after a run of replays and races no token stands there, and passwords
// only under bcrypt at a cost that is worth it.
func TestStorage(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return sqliteURL(t) },
		"mysql":  func(t *testing.T) string { return mysqltest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			databaseURL := url(t)
			j := startJudgedAt(t, databaseURL, defaultLifetimes, false, 10)
			rep := conforms(t, conformance.Options{Target: j.url, Audit: auditor(t, databaseURL).Audit, Run: []string{"rotation", "reuse", "family", "race.refresh", "logout", "storage"}, RaceRounds: 2})
			for _, s := range rep.Stories {
				if strings.HasPrefix(s.ID, "storage.") {
					t.Log(s.ID, s.Notes)
					for _, c := range s.Checks {
						require.Equal(t, conformance.Pass, c.Verdict, c.ID)
					}
				}
			}
		})
	}
}

// TestStorageCheapHash: bcrypt at the cost that these tests use to be quick is found wanting.
func TestStorageCheapHash(t *testing.T) {
	databaseURL := sqliteURL(t)
	j := startJudged(t, databaseURL, defaultLifetimes, false)
	rep, err := conformance.Run(t.Context(), conformance.Options{Target: j.url, Audit: auditor(t, databaseURL).Audit, Run: []string{"storage"}})
	require.NoError(t, err)
	require.Equal(t, conformance.Fail, rep.Verdict)
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if c.ID == "storage.passwords/slow-hash" {
				require.Equal(t, conformance.Fail, c.Verdict)
				require.Equal(t, "users.password_hash (bcrypt, cost 4, 2 rows)", c.Got)
			} else {
				require.Equal(t, conformance.Pass, c.Verdict, c.ID)
			}
		}
	}
}

// auditor opens a server's database as the suite's users do.
func auditor(t *testing.T, databaseURL string) *storage.Database {
	t.Helper()
	db, err := storage.Open(t.Context(), databaseURL, storage.Limits{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
