package conformance_test

import (
	"context"
	"errors"
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
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// judge runs some stories and returns the report, and what a terminal shows of it.
func judge(t *testing.T, o conformance.Options, patterns ...string) (*conformance.Report, string) {
	t.Helper()
	o.Run = patterns
	var out strings.Builder
	text := report.Text{W: &out}
	o.Progress = text.Line
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	text.Summary(rep)
	return rep, out.String()
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func healthy(t *testing.T, o faulty.Options) *faulty.Server {
	t.Helper()
	s, err := faulty.New(o)
	require.NoError(t, err)
	return s
}

// record notes what the admin hook is told to do.
func record(o *conformance.Options) *[]string {
	var done []string
	do := o.Admin
	o.Admin = func(ctx context.Context, a conformance.AdminAction) error {
		done = append(done, a.Action)
		return do(ctx, a)
	}
	return &done
}

// Whatever ends a story of operators, the user is as he was afterwards: he can log in with his own password.
func TestUsersAreGivenBack(t *testing.T) {
	unchanged := func(t *testing.T, o conformance.Options) {
		t.Helper()
		rep, _ := judge(t, o, "login.success")
		require.Equal(t, conformance.Pass, rep.Verdict)
	}
	for _, story := range []string{"admin.disable", "admin.password", "admin.under-way"} {
		t.Run(story, func(t *testing.T) {
			o := start(t)
			all := record(&o)
			judge(t, o, story)
			unchanged(t, o)
			for i := range *all {
				t.Run("interrupted", func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					o := start(t)
					do, n := o.Admin, 0
					o.Admin = func(ctx context.Context, a conformance.AdminAction) error {
						if n++; n == i+1 {
							cancel()
						}
						return do(context.WithoutCancel(ctx), a)
					}
					o.Run = []string{story}
					_, err := conformance.Run(ctx, o)
					require.ErrorIs(t, err, context.Canceled)
					unchanged(t, o)
				})
				t.Run("failing once", func(t *testing.T) {
					o := start(t)
					do, n := o.Admin, 0
					o.Admin = func(ctx context.Context, a conformance.AdminAction) error {
						if n++; n == i+1 {
							return errors.New("no such command")
						}
						return do(ctx, a)
					}
					rep, _ := judge(t, o, story)
					require.Equal(t, conformance.Inconclusive, rep.Verdict)
					require.Contains(t, rep.Stories[0].Reason, "no such command")
					unchanged(t, o)
				})
			}
		})
	}
}

// A user who could not be given back is named, and what to do.
func TestUsersNotGivenBack(t *testing.T) {
	for story, want := range map[string]string{
		"admin.disable":  "alice@example.com may be disabled; look, and enable him by hand: the admin hook failed (broken)",
		"admin.password": "alice@example.com may be left with another password; set it by hand: the admin hook failed (broken)",
	} {
		o := start(t)
		do, n, password := o.Admin, 0, "-"
		o.Admin = func(ctx context.Context, a conformance.AdminAction) error {
			if n++; n > 1 {
				return errors.New("broken")
			}
			password += a.Password
			return do(ctx, a)
		}
		rep, out := judge(t, o, story)
		require.Equal(t, conformance.Inconclusive, rep.Verdict)
		require.True(t, strings.HasSuffix(rep.Stories[0].Reason, want), rep.Stories[0].Reason)
		require.True(t, strings.HasPrefix(rep.Stories[0].Reason, "blocked: the admin hook failed to "), rep.Stories[0].Reason)
		require.True(t, password == "-" || !strings.Contains(out, password[1:]), "the new password is shown")
	}
}

// With a third account that one is changed, and the other two are left alone.
func TestAdminTakesTheThirdUser(t *testing.T) {
	o := start(t, "login-password-truncated-72") // it has a third user
	emails := map[string]bool{}
	do := o.Admin
	o.Admin = func(ctx context.Context, a conformance.AdminAction) error {
		emails[a.Email] = true
		return do(ctx, a)
	}
	rep, _ := judge(t, o, "admin")
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.Equal(t, map[string]bool{"carol@example.com": true}, emails)
}

func TestRestartHookFails(t *testing.T) {
	o := start(t)
	o.Restart = func(context.Context) error { return errors.New("no such unit") }
	rep, _ := judge(t, o, "operations.restart")
	require.Equal(t, conformance.Inconclusive, rep.Verdict)
	require.Equal(t, "blocked: the restart hook failed: no such unit", rep.Stories[0].Reason)
}

// The suite waits for a target that is not up at once, and not for ever.
func TestRestartTakesTime(t *testing.T) {
	var down atomic.Bool
	s := healthy(t, faulty.Options{})
	o := conformance.Options{RequestTimeout: 300 * time.Millisecond, Target: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		s.ServeHTTP(w, r)
	}))}
	o.Restart = func(context.Context) error {
		down.Store(true)
		time.AfterFunc(100*time.Millisecond, func() { down.Store(false) })
		return nil
	}
	rep, _ := judge(t, o, "operations.restart")
	require.Equal(t, conformance.Pass, rep.Verdict, rep.Stories[0].Reason)

	o.Restart = func(context.Context) error { down.Store(true); return nil }
	rep, _ = judge(t, o, "operations.restart")
	require.Equal(t, conformance.Inconclusive, rep.Verdict)
	require.Contains(t, rep.Stories[0].Reason, "blocked: the target does not answer 900ms after the restart hook has ended")
}

// Two servers that have nothing in common are one failure that says so, and not sixty.
func TestReplicasThatAreStrangers(t *testing.T) {
	first := healthy(t, faulty.Options{})
	for name, tt := range map[string]struct {
		second *faulty.Server
		want   string
	}{
		"own sessions": {healthy(t, faulty.Options{}), "the user can log in there, but the access token of replica 1 opens nothing"}, // another user ID
		"own database": {healthy(t, faulty.Options{Users: map[string]string{"x@example.com": "x", "y@example.com": "y"}}), "nor can the user log in there (401"},
		"own secret":   {healthy(t, faulty.Options{Secret: "another secret of more than thirty-two bytes"}), "they sign with different secrets, or each keeps its sessions by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			rep, out := judge(t, conformance.Options{Target: serve(t, first), Replicas: []string{serve(t, tt.second)}})
			require.Equal(t, conformance.Fail, rep.Verdict)
			require.Equal(t, []string{"operations.replicas/shared"}, failing(rep))
			require.Contains(t, out, "a login at replica 1 cannot be refreshed at replica 2, which answers 401")
			require.Contains(t, out, tt.want)
			require.Contains(t, out, "the replicas do not share their sessions, so nothing else was judged: see operations.replicas")
			require.Less(t, rep.Run.Requests, 10)
		})
	}
	shared := healthy(t, faulty.Options{Faults: []string{"op-process-local-state"}})
	_, out := judge(t, conformance.Options{Target: serve(t, shared), Replicas: []string{serve(t, shared.Replica())}}, "reuse.replay")
	require.Contains(t, out, "the access token of replica 1 works, so users and secret are shared: each replica keeps its sessions by itself")
}

// Where replicas disagree, each failure names who did what.
func TestReplicasThatDisagree(t *testing.T) {
	s := healthy(t, faulty.Options{Faults: []string{"op-process-local-state/revocations"}})
	rep, out := judge(t, conformance.Options{Target: serve(t, s), Replicas: []string{serve(t, s.Replica())}}, "reuse.replay", "operations.replicas", "logout.ends")
	require.Equal(t, conformance.Fail, rep.Verdict)
	require.Contains(t, out, "replicas 2 and 1 each exchanged ‹a.R2›")
	require.Regexp(t, `refresh ‹a\.R2› @2 +-> 200`, out)
	require.Regexp(t, `replica \d had answered ‹[a-z]\.R\d› with 204 in step \d+, and replica \d answered`, out)
	require.Contains(t, out, "note: replica @2: http://127.0.0.1:")

	lag := healthy(t, faulty.Options{Faults: []string{"op-replica-lag-unknown-token"}, Window: 100 * time.Millisecond})
	_, out = judge(t, conformance.Options{Target: serve(t, lag), Replicas: []string{serve(t, lag.Replica())}}, "operations.replicas")
	require.Contains(t, out, "replica 1 issued ‹a.R0›, and replica 2 does not take it")
	require.Contains(t, out, "replica 2 refuses a session that is younger than 1s: does it read a copy that is late?")
}

func TestReplicaAway(t *testing.T) {
	_, err := conformance.Run(t.Context(), conformance.Options{Target: serve(t, healthy(t, faulty.Options{})), Replicas: []string{"http://127.0.0.1:1"}})
	require.ErrorIs(t, err, conformance.ErrUnavailable)
	require.ErrorContains(t, err, "http://127.0.0.1:1: connection refused; is this replica running")
}

// A log that is not the target's proves nothing, and neither does one that nothing is written to.
func TestLogsOfSomebodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	o := conformance.Options{Target: serve(t, healthy(t, faulty.Options{})), Logs: []string{path}}
	rep, _ := judge(t, o, "operations.logs")
	require.Equal(t, conformance.Inconclusive, rep.Verdict)
	require.Contains(t, rep.Stories[0].Reason, "blocked: nothing was written to "+path)

	o.Progress = nil
	s := healthy(t, faulty.Options{})
	o.Target = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString("the cat sat on the mat\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
		s.ServeHTTP(w, r)
	}))
	rep, _ = judge(t, o, "operations.logs")
	require.Equal(t, conformance.Inconclusive, rep.Verdict)
	require.Contains(t, rep.Stories[0].Reason, "speak of none of its paths, users or user agents: is it this target's log?")
}

// A password that is an ordinary word may stand in a log by chance, and what the suite itself put into a URL is not held against a log of URLs.
func TestLogsWithoutFalseAlarm(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "access.log"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	users := []conformance.User{{Email: "ann@example.com", Password: "password"}, {Email: "ben@example.com", Password: "password-2"}}
	s := healthy(t, faulty.Options{Log: log, Users: map[string]string{users[0].Email: users[0].Password, users[1].Email: users[1].Password}})
	target := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := log.WriteString("wrong_password? " + r.Method + " " + r.RequestURI + " " + r.UserAgent() + "\n")
		if err != nil {
			t.Error(err)
		}
		s.ServeHTTP(w, r)
	}))
	rep, out := judge(t, conformance.Options{Target: target, Users: users, Logs: []string{log.Name()}}, "operations.logs", "access.required", "rotation.credential", "http.methods")
	require.Equal(t, conformance.Pass, rep.Verdict, out)
}

// What the hooks' stories are not judged without is named by its flag.
func TestUnjudgedStoriesNameTheFlag(t *testing.T) {
	rep, _ := judge(t, conformance.Options{Target: serve(t, healthy(t, faulty.Options{}))}, "admin", "operations", "access.signed", "access.confusion")
	asymmetric, _ := judge(t, conformance.Options{Target: serve(t, healthy(t, faulty.Options{RS256: true}))}, "access.signed", "access.confusion")
	got := map[string]string{}
	for _, s := range rep.Stories {
		require.Equal(t, conformance.NotJudged, s.Verdict, s.ID)
		got[s.ID] = s.Reason
	}
	for _, s := range asymmetric.Stories {
		got[s.ID+" (RS256)"] = s.Reason
	}
	for story, want := range map[string]string{
		"admin.disable": "-admin CMD", "admin.password": "-admin CMD", "admin.under-way": "-admin CMD", "operations.restart": "-restart CMD",
		"operations.replicas": "-target twice", "operations.logs": "-logs FILE", "access.signed": "-jwt-secret", "access.confusion (RS256)": "-jwks URL or FILE",
		"access.confusion": "signed with a shared secret (HS256)", "access.signed (RS256)": "signed with a private key (RS256)",
	} {
		require.Contains(t, got[story], want, story)
	}
}

// The hooks' stories judge what each dialect claims: a server that keeps its word passes them.
func TestHooksInEveryDialect(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			log, err := os.Create(filepath.Join(t.TempDir(), "log"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = log.Close() })
			s := healthy(t, faulty.Options{Dialect: d.does, Log: log})
			rep, out := judge(t, conformance.Options{
				Target: serve(t, s), Replicas: []string{serve(t, s.Replica())}, Logs: []string{log.Name()}, Profile: conformance.Profile{Policy: d.claims},
				Admin: func(_ context.Context, a conformance.AdminAction) error {
					return s.Admin(a.Action, a.Email, a.Password)
				},
				Restart: func(context.Context) error { s.Restart(); return nil },
			}, "admin", "operations")
			require.Equal(t, conformance.Pass, rep.Verdict, out)
		})
	}
}

// Servers that do nothing earn nothing by hooks that do nothing.
func TestNullTargetsEarnNothingByHooks(t *testing.T) {
	for _, target := range nulltarget.All() {
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			url, stop, err := target.Start()
			require.NoError(t, err)
			t.Cleanup(stop)
			log := filepath.Join(t.TempDir(), "log")
			require.NoError(t, os.WriteFile(log, []byte("started\n"), 0o600))
			o := conformance.Options{
				Target: url, Replicas: []string{url}, RequestTimeout: 100 * time.Millisecond, RaceRounds: 1, Patience: time.Nanosecond, Logs: []string{log}, Run: []string{"admin", "operations"},
				Admin: func(context.Context, conformance.AdminAction) error { return nil },
				Restart: func(context.Context) error {
					return os.WriteFile(log, []byte("POST /auth/refresh, started again\n"), 0o600)
				},
			}
			rep, err := conformance.Run(t.Context(), o)
			if err != nil {
				require.ErrorIs(t, err, conformance.ErrUnavailable)
				rep, err = conformance.Run(t.Context(), conformance.SkipPreflight(o))
				require.NoError(t, err)
			}
			for _, s := range rep.Stories {
				for _, c := range s.Checks {
					require.False(t, c.Level == conformance.Must && c.Verdict == conformance.Pass, c.ID)
				}
			}
		})
	}
}
