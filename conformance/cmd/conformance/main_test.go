package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faultydb"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"conformance": func() { os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) },
		"signin":      signin,
	})
}

// signin is a login command for a profile: it prints the target's answer.
func signin() {
	in, err := json.Marshal(map[string]string{"email": os.Getenv("EMAIL"), "password": os.Getenv("PASSWORD")})
	if err != nil {
		panic(err)
	}
	res, err := http.Post(os.Getenv("TARGET")+"/auth/login", "application/json", bytes.NewReader(in))
	if err != nil {
		panic(err)
	}
	if err := res.Write(os.Stdout); err != nil {
		panic(err)
	}
}

// The scripts see the command as a user does. `faulty NAME …` starts a server with those faults, `faultydb NAME …` one that keeps
// faulty.db, `static` one of files, and put its URL into $TARGET.
func TestScripts(t *testing.T) {
	serve := func(ts *testscript.TestScript, h http.Handler) {
		srv := httptest.NewServer(h)
		ts.Defer(srv.Close)
		ts.Setenv("TARGET", srv.URL)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"faulty": func(ts *testscript.TestScript, _ bool, args []string) {
				s, err := faulty.New(faulty.Options{Faults: args})
				ts.Check(err)
				serve(ts, s)
			},
			"faultydb": func(ts *testscript.TestScript, _ bool, args []string) {
				s, err := faulty.New(faulty.Options{Faults: args})
				ts.Check(err)
				db, err := faultydb.Open(t.Context(), ts.MkAbs("faulty.db"), s)
				ts.Check(err)
				ts.Defer(func() { db.Close() })
				serve(ts, db.Handler())
			},
			"static": func(ts *testscript.TestScript, _ bool, _ []string) {
				serve(ts, http.FileServer(http.Dir(ts.Getenv("WORK"))))
			},
		},
		UpdateScripts: false,
	})
}

func TestRerunHidesPasswords(t *testing.T) {
	require.Equal(t, `conformance -target http://h -user a@b.c:"$PASSWORD_1" -user d@e.f:"$PASSWORD_2" -v -dsn "$CONFORMANCE_DSN" -dsn "$CONFORMANCE_DSN" -dsn-rows 7 -run`,
		rerun(strings.Fields("-target http://h -user a@b.c:secret --user=d@e.f:secret -run reuse.* -v -report json=x.json -dsn mysql://u:secret@h/d -dsn=x://u:secret@h/d -dsn-rows 7")))
}

// A line to run again calls the program as it was called.
func TestStarted(t *testing.T) {
	for as, want := range map[string]string{
		"conformance":                                   "conformance",
		"bin/conformance":                               "bin/conformance",
		"./my conformance":                              "'./my conformance'",
		"/opt/conformance":                              "/opt/conformance",
		"/tmp/go-build7/b001/exe/conformance":           "go run ./conformance/cmd/conformance",
		"/home/u/.cache/go-build/3d/3d4e-d/conformance": "go run ./conformance/cmd/conformance",
	} {
		require.Equal(t, want, started(as))
	}
}

// What flags gave is a variable in a line to run again; whoever has not exported it is told.
func TestUnset(t *testing.T) {
	line := rerun(strings.Fields("-target http://h -user a@b.c:secret -dsn x://u:secret@h/d -dsn y://h -jwt-secret s"))
	require.Equal(t, "$PASSWORD_1, $CONFORMANCE_DSN, $CONFORMANCE_JWT_SECRET", unset(line, func(string) string { return "" }))
	require.Equal(t, "$PASSWORD_1", unset(line, func(name string) string { return strings.TrimPrefix(name, "PASSWORD_1") }))
	require.Empty(t, unset(rerun(nil), func(string) string { return "" }))
}

// An interrupted run prints what it knows and says so.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	healthy, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	requests := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 40 {
			cancel()
		}
		healthy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	var stdout, stderr strings.Builder
	file := filepath.Join(t.TempDir(), "r.json")
	code := run(ctx, []string{"-target", srv.URL, "-report", "json=" + file}, func(string) string { return "" }, &stdout, &stderr)
	require.Equal(t, exitInterrupted, code)
	require.Contains(t, stdout.String(), "PASS login.success")
	require.Contains(t, stdout.String(), "not established")
	require.Contains(t, stderr.String(), "interrupted")
	stdout.Reset()
	require.Equal(t, exitConforms, run(t.Context(), []string{"verify", file}, func(string) string { return "" }, &stdout, &stderr))
	require.Contains(t, stdout.String(), "of a run that was stopped before its end")
	require.NotContains(t, stdout.String(), "a whole report")
}

// Ctrl-C at the real program: it prints what it knows, writes its reports, and ends with 130.
func TestCtrlC(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "conformance")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	healthy, err := faulty.New(faulty.Options{})
	require.NoError(t, err)
	var requests atomic.Int64
	reached := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n == 40 {
			close(reached)
		} else if n > 40 {
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client is gone
			<-r.Context().Done()               // the run hangs here until it is interrupted
			return
		}
		healthy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "r.json")
	cmd := exec.CommandContext(t.Context(), bin, "-target", srv.URL, "-report", "json="+file)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	<-reached
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	started := time.Now()
	require.Error(t, cmd.Wait())
	require.Less(t, time.Since(started), 5*time.Second, "it does not wait for the request to time out")
	require.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode(), "%s", &stderr)
	require.Contains(t, stdout.String(), "PASS login.success")
	require.Contains(t, stdout.String(), "not established")
	require.Contains(t, stderr.String(), "interrupted")
	raw, err := os.Open(file)
	require.NoError(t, err)
	t.Cleanup(func() { raw.Close() })
	rep, err := report.Verify(raw)
	require.NoError(t, err)
	require.Equal(t, conformance.Inconclusive, rep.Verdict)
	require.Contains(t, rep.Run.Notes, "the run was stopped before its end")
}
