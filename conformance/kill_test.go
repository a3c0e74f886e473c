package conformance_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

var update = flag.Bool("update", false, "write the golden files anew")

// clock is a faulty server's, moved by the suite's clock hook.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) advance(_ context.Context, d time.Duration) error {
	c.offset.Add(int64(d))
	return nil
}

// start serves the healthy server, or one with faults, and returns options that judge all of it.
func start(t *testing.T, faults ...string) conformance.Options {
	return startAs(t, func(inner http.Handler, _ func() time.Time) http.Handler { return inner }, faults...)
}

// startAs serves it behind another handler.
func startAs(t *testing.T, as func(http.Handler, func() time.Time) http.Handler, faults ...string) conformance.Options {
	t.Helper()
	c := &clock{}
	judge := optionsFor(faults, c)
	o := faulty.Options{Faults: faults, Users: accounts(judge.Users), Now: c.now, Secure: true, Window: 10 * time.Millisecond}
	needs := func(what string) bool {
		return len(faults) == 0 || slices.ContainsFunc(faulty.Faults(), func(f faulty.Fault) bool { return f.Needs == what && slices.Contains(faults, f.Name) })
	}
	if needs(faulty.Logs) { // the story waits until the log is quiet, a dozen times
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = log.Close() })
		o.Log, judge.Logs = log, []string{log.Name()}
	}
	o.RS256 = len(faults) > 0 && needs(faulty.PublicKey)
	if len(faults) > 0 && needs(faulty.PlainHTTP) {
		o.Secure, judge.Production, judge.PlainHTTP = false, false, true
	}
	s, err := faulty.New(o)
	require.NoError(t, err)
	judge.JWKS = s.PublicKeys()
	serve := func(h http.Handler) string {
		srv := httptest.NewServer(as(h, c.now))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	judge.Target = serve(s)
	if needs(faulty.Replicas) {
		judge.Replicas = []string{serve(s.Replica())}
	}
	judge.Admin = func(_ context.Context, a conformance.AdminAction) error {
		return s.Admin(a.Action, a.Email, a.Password)
	}
	judge.Outage = func(_ context.Context, begin bool) error { s.Outage(begin); return nil }
	judge.Audit = auditOf(t, s)
	judge.Restart = func(context.Context) error { s.Restart(); return nil }
	return judge
}

// optionsFor judges a faulty server whose clock is c.
func optionsFor(faults []string, c *clock) conformance.Options {
	users := conformance.DemoUsers()
	if slices.Contains(faults, "login-password-truncated-72") { // can only be seen with such a password
		users = append(users, conformance.User{Email: "carol@example.com", Password: strings.Repeat("carol-demo-password.", 4)[:72]})
	}
	return conformance.Options{
		Users: users, JWTSecret: faulty.DemoSecret, Slow: slices.ContainsFunc(faults, func(f string) bool { return slices.Contains(slowFaults, f) }),
		Advance: c.advance, Production: true, RaceRounds: 3, Patience: time.Nanosecond,
	}
}

// slowFaults can only be seen with -slow.
var slowFaults = []string{
	"login-enum-by-timing", "login-enum-locked-or-disabled/timing", "login-enum-by-response/language", "login-password-inexact/tags", "login-password-inexact/ascii",
	"login-email-inexact/plus", "login-email-inexact/wildcard", "login-email-inexact/accents", "login-refused-for-stale-token", "login-chunked-body-ignored",
	"login-mass-assignment", "conc-outcome-shared/login", "rt-generation-overflows",
	"reuse-evidence-destroyed/keeps-ten-generations", "family-cap-evicts-live-session/any-user",
}

func accounts(users []conformance.User) map[string]string {
	m := map[string]string{}
	for _, u := range users {
		m[u.Email] = u.Password
	}
	return m
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./conformance -update writes it")
	require.Equal(t, string(want), string(got), "if that is meant: go test ./conformance -update, and read the diff")
}

// failing lists the checks that a report does not pass.
func failing(rep *conformance.Report) []string {
	var ids []string
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if c.Verdict == conformance.Fail || c.Verdict == conformance.Warn {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

// The healthy server passes every story: those about a signing secret when it has one, those about public keys when it has a private one.
func TestHealthyServerConforms(t *testing.T) {
	o := start(t)
	o.Slow = true
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, failing(rep))
	require.Equal(t, conformance.Pass, rep.Verdict)

	s, err := faulty.New(faulty.Options{RS256: true, Secure: true})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	asymmetric, err := conformance.Run(t.Context(), conformance.Options{Target: srv.URL, JWKS: s.PublicKeys(), Run: []string{"access"}})
	require.NoError(t, err)
	require.Empty(t, failing(asymmetric))
	passed := map[string]bool{}
	for _, story := range append(asymmetric.Stories, rep.Stories...) {
		passed[story.ID] = passed[story.ID] || story.Verdict == conformance.Pass
		require.True(t, passed[story.ID] || story.Verdict == conformance.NotJudged, "%s: %s", story.ID, story.Reason)
	}
	for _, story := range rep.Stories {
		require.True(t, passed[story.ID], "%s: %s", story.ID, story.Reason)
	}
}

// cannotBeSeen names the faults that the suite does not catch, with the reason.
var cannotBeSeen = map[string]string{
	"at-sensitive-claims/family":                   "legal: OpenID Connect's sid claim is just that",
	"conc-loser-not-punished":                      "legal: some servers refuse the loser of a race and spare the family; a replay after the race is judged by itself",
	"cookie-samesite-weak/lax":                     "legal: Lax keeps cross-site POST away as well",
	"exp-datetime0-rounding":                       "a second is within the precision of the Date header",
	"login-enum-by-response/limit":                 "nobody gets five wrong passwords in a row from the suite: a limit on guessing is right, and would mistake it for a guesser",
	"login-lockout-as-dos/sessions":                "nobody gets five wrong passwords in a row from the suite, likewise",
	"login-password-truncated-72/characters":       "to see it takes an account whose password has 72 bytes and fewer characters",
	"login-ends-presented-session":                 "legal: OWASP ASVS 7.2.4 asks for it",
	"logout-clear-misses-secure-samesite/httponly": "legal: browsers let a deletion without HttpOnly pass",
	"rt-accepted-as-bearer":                        "legal: another place to take the same token from",
	"rt-accepted-in-body":                          "legal: clients without cookies need it",
	"tx-405-is-404":                                "legal: a server may hide what it has",
	"tx-error-without-detail":                      "legal: RFC 9457 makes detail optional",
	"tx-wrong-status/logout-200":                   "legal: any 2xx is a success",
}

// primaries says which check names the requirement that a fault breaks.
func primaries(t *testing.T) map[string]string {
	t.Helper()
	primary := faulty.Primary()
	for _, f := range faulty.Faults() {
		require.NotEqual(t, primary[f.Name] == "", cannotBeSeen[f.Name] == "", "%s: internal/faulty/primary.txt names its check, or cannotBeSeen the reason", f.Name)
	}
	return primary
}

// steady leaves out what chance decides: which checks a race fails is the scheduler's choice, so they count as one, and only where nothing
// else caught the fault.
func steady(fault string, caught []string) []string {
	if slices.Contains(byChance, fault) {
		return []string{"(by chance)"}
	}
	replicas := slices.ContainsFunc(faulty.Faults(), func(f faulty.Fault) bool { return f.Name == fault && f.Needs == faulty.Replicas })
	race := false
	kept := slices.DeleteFunc(slices.Clone(caught), func(id string) bool {
		switch {
		case strings.HasPrefix(id, "race."):
			race = true
			return true
		case replicas && strings.HasPrefix(id, "admin.under-way/"), // which replica a session asks when is the scheduler's choice
			strings.HasSuffix(id, ".timing/alike"): // a busy machine makes noise
			return true
		}
		return false
	})
	if len(kept) == 0 && race {
		return []string{"race.*"}
	}
	return kept
}

// TestEveryFaultIsCaught runs the suite against each faulty server and compares what fails with the golden matrix: not one check fewer (the suite
// has gone blind), not one more (it sees ghosts, or the checks are entangled). A row names the primary kill, a bar, and the implied ones.
func TestEveryFaultIsCaught(t *testing.T) {
	faults, primary := faulty.Faults(), primaries(t)
	require.GreaterOrEqual(t, len(faults), 20)
	rows := make([]string, len(faults))
	stories := map[string]bool{} // that some fault made fail
	var mu sync.Mutex
	t.Run("fault", func(t *testing.T) {
		for i, f := range faults {
			if racing && i%24 > 0 {
				continue
			}
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				o := start(t, f.Name)
				if f.Needs == faulty.Claimed {
					o = speaking(t, faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second, Access: "dies", Login: "replaces", LoginLimit: 10},
						conformance.Policy{Rotation: "grace", GraceSeconds: 10, Access: "dies", Login: "replaces", LoginLimit: 10}, f.Name)
				}
				rep, err := conformance.Run(t.Context(), o)
				require.NoError(t, err)
				caught := failing(rep)
				mu.Lock()
				for _, id := range caught {
					story, _, _ := strings.Cut(id, "/")
					stories[story] = true
				}
				mu.Unlock()
				if why := cannotBeSeen[f.Name]; why != "" {
					require.Empty(t, caught, "listed as invisible: %s", why)
				} else {
					assert.Contains(t, caught, primary[f.Name], "%s: the check that names the requirement did not notice it", f.What)
				}
				implied := slices.DeleteFunc(steady(f.Name, caught), func(id string) bool { return id == primary[f.Name] })
				rows[i] = strings.TrimRight(fmt.Sprintf("%s: %s | %s", f.Name, primary[f.Name], strings.Join(implied, " ")), " |") + "\n"
			})
		}
	})
	if racing {
		want, err := os.ReadFile("testdata/kills.golden")
		require.NoError(t, err)
		for _, row := range rows {
			assert.Contains(t, string(want), row)
		}
	}
	if t.Failed() || slices.Contains(rows, "") {
		return // a subtest failed, or some were left out
	}
	var matrix bytes.Buffer
	for _, row := range rows {
		matrix.WriteString(row)
	}
	golden(t, "kills.golden", matrix.Bytes())
	byDialect, err := os.ReadFile("testdata/dialects.golden")
	require.NoError(t, err)
	for id := range strings.FieldsSeq(string(byDialect)) {
		story, _, _ := strings.Cut(id, "/")
		stories[story] = true
	}
	for _, s := range conformance.Scenarios() {
		require.True(t, stories[s.ID], "no fault makes %s fail", s.ID)
	}
}
