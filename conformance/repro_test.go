package conformance_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

var everyScript = flag.String("every-script", "", "play the scripts of every fault, not only of some, and keep them in this directory")

// withHooks serves beside the server what an operator can do: POST /hook?do=…
func withHooks(c *clock, s *faulty.Server, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hook" {
			h.ServeHTTP(w, r)
			return
		}
		q := r.URL.Query()
		switch do := q.Get("do"); do {
		case "advance":
			n, err := strconv.Atoi(q.Get("seconds"))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
			c.offset.Add(int64(time.Duration(n) * time.Second))
		case "restart":
			s.Restart()
		case "begin", "end":
			s.Outage(do == "begin")
		default:
			if s.Admin(do, q.Get("email"), "") != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
		}
	})
}

// scripted serves a server with the faults to scripts.
func scripted(t *testing.T, wrap func(http.Handler) http.Handler, faults ...string) string {
	t.Helper()
	c := &clock{}
	accounts := map[string]string{}
	users := conformance.DemoUsers()
	if slices.Contains(faults, "login-password-truncated-72") {
		users = append(users, carol())
	}
	for _, u := range users {
		accounts[u.Email] = u.Password
	}
	s, err := faulty.New(faulty.Options{Faults: faults, Users: accounts, Now: c.now, Secure: true, Window: 150 * time.Millisecond})
	require.NoError(t, err)
	srv := httptest.NewServer(withHooks(c, s, wrap(s)))
	t.Cleanup(srv.Close)
	return srv.URL
}

func carol() conformance.User {
	return conformance.User{Email: "carol@example.com", Password: strings.Repeat("carol-demo-password.", 4)[:72]}
}

// bash plays a script and returns its exit code and what it said.
func bash(t *testing.T, file, target string, env ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", file)
	hook := "curl -sf -X POST --data-binary '' \"" + target + "/hook?do="
	cmd.Env = append(os.Environ(), "TARGET="+target, "JWT_SECRET="+faulty.DemoSecret, "PASSWORD_3="+carol().Password,
		"ADVANCE="+hook+`advance&seconds=$SECONDS_TO_ADVANCE"`, "RESTART="+hook+`restart"`, "OUTAGE="+hook+`$OUTAGE"`, "ADMIN="+hook+`$ACTION&email=$EMAIL"`)
	for i, u := range conformance.DemoUsers() {
		cmd.Env = append(cmd.Env, fmt.Sprintf("PASSWORD_%d=%s", i+1, u.Password))
	}
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, "%s", &out)
		require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "%s", &out)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// Faults of every kind, and a story that each makes fail.
var someFaults = map[string]string{
	"reuse-plain-401":                    "reuse.revokes-family",
	"reuse-grace-forks-chain":            "reuse.one-leaf",
	"conc-double-spend":                  "race.refresh",
	"exp-refresh-never-checked":          "expiry.refresh",
	"logout-two-cookies/first":           "logout.duplicates",
	"at-exp-absent-or-optional/verifier": "access.signed",
	"rt-lax-comparison/case":             "rotation.exact-bytes",
	"login-password-inexact/first-8":     "login.odd-passwords",
	"login-unbounded-password-dos":       "login.malformed",
	"cookie-path-too-broad/on-refresh":   "cookie.browser",
	"tx-500-on-bad-refresh/not-utf8":     "http.odd-cookies",
	"logout-not-idempotent/percent":      "http.odd-cookies",
	"conc-outcome-shared/login":          "login.besides",
	"tx-no-store-missing":                "http.caching",
	"login-disabled-user-allowed":        "admin.disable",
}

// A script that was made of a failure shows the bug again (exit 1), and does not at a server that has it not (exit 0).
func TestScriptsReproduce(t *testing.T) {
	faults := someFaults
	if *everyScript != "" {
		faults = map[string]string{}
		for _, f := range faulty.Faults() {
			if cannotBeSeen[f.Name] == "" && !slices.Contains([]string{faulty.Replicas, faulty.Storage, faulty.Logs, faulty.PublicKey}, f.Needs) {
				faults[f.Name] = "*"
			}
		}
	}
	plain := func(h http.Handler) http.Handler { return h }
	for fault, stories := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			o := start(t, fault)
			o.Run = []string{stories}
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			play(t, fault, rep, scripted(t, plain, fault), scripted(t, plain))
		})
	}
}

// The same at servers of other shapes: tokens in JSON bodies or forms, under other names, other methods and statuses.
func TestScriptsOfOtherShapes(t *testing.T) {
	all := cookielessShapes()
	maps.Copy(all, moreShapes(t))
	for name, sh := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const fault = "reuse-plain-401"
			handler := func(inner http.Handler) http.Handler { return sh.handler(inner, time.Now) }
			wrong, right := scripted(t, handler, fault), scripted(t, handler)
			o := conformance.Options{Target: wrong, Profile: sh.load(t), Run: []string{"rotation.rotates", "reuse.revokes-family"}, Patience: time.Nanosecond}
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			if o.Profile.Login.First != nil || o.Profile.Login.Command != "" {
				for _, s := range rep.Stories {
					require.Empty(t, s.Script, "a login that curl cannot make in one request")
				}
				return
			}
			play(t, fault, rep, wrong, right)
		})
	}
}

// alone says why a story's script cannot show what the suite saw: by fault, or story.
var alone = map[string]string{
	"login.timing": "it is a matter of medians",
	"admin.timing": "it is a matter of medians",
	"login-password-not-checked admin.disable": "what a wrong password earns is part of it",
	"at-claim-names-fold-case":                 "forge makes no claim in capitals beside another",
	"at-iss-not-checked/other-on-refresh":      "the issuer that is altered is another one",
	"at-duplicate-claims":                      "forge makes no claim twice",
	"at-cutoff-same-second":                    "it is a matter of the second",
	"login-same-second-collision":              "it is a matter of the second",
	"login-same-second-collision/same-token":   "it is a matter of the second",
	"at-jti-derived-collides":                  "it is a matter of the second",
	"at-jti-derived-collides/denied":           "it is a matter of the second",
	"login-reuses-refresh-token":               "two sessions have one token",
	"family-cap-evicts-live-session":           "the other stories that wait are part of it",
	"family-kill-crosses-users":                "the other stories that wait are part of it",
	"family-kill-is-user-wide":                 "the other stories that wait are part of it",
	"family-shared-by-logins":                  "the other stories that wait are part of it",
	"login-ends-other-sessions":                "the other stories that wait are part of it",
	"logout-kills-all-devices":                 "the other stories that wait are part of it",
}

// play runs the scripts of a report against a server with the fault and a healthy one.
func play(t *testing.T, fault string, rep *conformance.Report, wrong, right string) {
	t.Helper()
	dir, n := t.TempDir(), 0
	if *everyScript != "" {
		dir = *everyScript
	}
	for _, s := range rep.Stories {
		if !slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
			return c.Step > 0 && (c.Verdict == conformance.Fail || c.Verdict == conformance.Warn)
		}) {
			require.Empty(t, s.Script, s.ID)
			continue
		}
		waits := strings.HasPrefix(alone[fault], "the other stories") && strings.HasPrefix(s.ID, "expiry.")
		if alone[s.ID] != "" || alone[fault+" "+s.ID] != "" || waits || alone[fault] != "" && !strings.HasPrefix(alone[fault], "the other stories") || s.Script == "" && (strings.HasPrefix(s.ID, "operations.") || strings.HasPrefix(s.ID, "admin.")) {
			continue
		}
		require.NotEmpty(t, s.Script, s.ID)
		if n++; n > 2 && *everyScript == "" {
			break
		}
		file := filepath.Join(dir, strings.ReplaceAll(fault, "/", "_")+"."+s.ID+".sh")
		require.NoError(t, os.WriteFile(file, []byte(s.Script), 0o755))
		code, out := bash(t, file, wrong)
		assert.Equal(t, 1, code, "%s at the faulty server:\n%s", s.ID, out)
		code, out = bash(t, file, right, "ATTEMPTS=3")
		assert.Equal(t, 0, code, "%s at the healthy server:\n%s", s.ID, out)
	}
	require.True(t, n > 0 || *everyScript != "")
}
