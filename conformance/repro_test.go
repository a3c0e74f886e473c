package conformance_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
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

var everyScript = flag.Bool("every-script", false, "play the scripts of every fault, not only of some")

// withClock serves a clock hook beside the server: POST /clock?seconds=.
func withClock(c *clock, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/clock" {
			h.ServeHTTP(w, r)
			return
		}
		n, err := strconv.Atoi(r.URL.Query().Get("seconds"))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		c.offset.Add(int64(time.Duration(n) * time.Second))
	})
}

// scripted serves a server with the faults to scripts.
func scripted(t *testing.T, wrap func(http.Handler) http.Handler, faults ...string) string {
	t.Helper()
	c := &clock{}
	accounts := map[string]string{}
	for _, u := range append(conformance.DemoUsers(), carol()) {
		accounts[u.Email] = u.Password
	}
	s, err := faulty.New(faulty.Options{Faults: faults, Users: accounts, Now: c.now, Secure: true, Window: 150 * time.Millisecond})
	require.NoError(t, err)
	srv := httptest.NewServer(withClock(c, wrap(s)))
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
	cmd.Env = append(os.Environ(), "TARGET="+target, "JWT_SECRET="+faulty.DemoSecret, "PASSWORD_3="+carol().Password,
		"ADVANCE=curl -s -X POST --data-binary '' "+target+"/clock?seconds=$SECONDS_TO_ADVANCE")
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

// Faults of every kind: of reuse, races, expiry, forgery, cookies, headers, other parties' tokens, and requests that curl cannot make.
var someFaults = []string{
	"reuse-plain-401", "reuse-grace-forks-chain", "conc-double-spend", "exp-refresh-never-checked", "at-signature-not-verified/empty", "at-exp-absent-or-optional/verifier",
	"rt-lax-comparison/case", "login-password-inexact/first-8", "login-malformed-body-500", "login-unbounded-password-dos", "cookie-no-httponly/on-refresh", "tx-no-store-missing",
	"logout-two-cookies/first", "rt-accepted-in-url", "tx-refusal-tells-why", "tx-credential-echoed-in-error", "at-accepted-as-refresh/bearer",
}

// A script that was made of a failure shows the bug again (exit 1), and does not at a server that has it not (exit 0).
func TestScriptsReproduce(t *testing.T) {
	faults := someFaults
	if *everyScript {
		faults = nil
		for _, f := range faulty.Faults() {
			faults = append(faults, f.Name)
		}
	}
	plain := func(h http.Handler) http.Handler { return h }
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			o := start(t, fault)
			o.Admin, o.Restart, o.Outage, o.Audit, o.Logs, o.Replicas = nil, nil, nil, nil, nil, nil // a script has requests alone
			if len(o.Users) < 3 && strings.HasPrefix(fault, "login-password") {
				o.Users = conformance.DemoUsers()
			}
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			play(t, rep, scripted(t, plain, fault), scripted(t, plain))
		})
	}
}

// The same at servers of other shapes: tokens in JSON bodies or forms, under other names, other methods and statuses.
func TestScriptsOfOtherShapes(t *testing.T) {
	all := cookielessShapes()
	for _, name := range []string{"gotrue", "directus"} {
		all[name] = moreShapes(t)[name]
	}
	for name, sh := range all {
		for _, fault := range []string{"reuse-plain-401", "logout-server-noop", "login-password-inexact/case"} {
			t.Run(name+" "+fault, func(t *testing.T) {
				t.Parallel()
				handler := func(inner http.Handler) http.Handler { return sh.handler(inner, time.Now) }
				wrong, right := scripted(t, handler, fault), scripted(t, handler)
				o := conformance.Options{Target: wrong, Profile: sh.load(t), Run: []string{"reuse.revokes-family", "logout.ends", "login.odd-passwords"}, Patience: time.Nanosecond}
				rep, err := conformance.Run(t.Context(), o)
				require.NoError(t, err)
				play(t, rep, wrong, right)
			})
		}
	}
}

// play runs the scripts of a report against a server with the fault and a healthy one.
func play(t *testing.T, rep *conformance.Report, wrong, right string) {
	t.Helper()
	dir, n := t.TempDir(), 0
	for _, s := range rep.Stories {
		if !slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
			return c.Verdict == conformance.Fail || c.Verdict == conformance.Warn
		}) {
			require.Empty(t, s.Script, s.ID)
			continue
		}
		require.NotEmpty(t, s.Script, s.ID)
		if n++; n > 2 && !*everyScript {
			continue
		}
		file := filepath.Join(dir, s.ID+".sh")
		require.NoError(t, os.WriteFile(file, []byte(s.Script), 0o755))
		if *everyScript {
			os.MkdirAll("/tmp/w/reports-bin/scripts", 0o755)
			os.WriteFile("/tmp/w/reports-bin/scripts/"+strings.ReplaceAll(t.Name(), "/", "_")+"."+s.ID+".sh", []byte(s.Script), 0o755)
		}
		code, out := bash(t, file, wrong)
		assert.Equal(t, 1, code, "%s at the faulty server:\n%s", s.ID, out)
		code, out = bash(t, file, right, "ATTEMPTS=3")
		assert.Equal(t, 0, code, "%s at the healthy server:\n%s", s.ID, out)
	}
	require.Positive(t, n)
}
