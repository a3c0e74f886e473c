package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

func TestRerunQuotesAndHides(t *testing.T) {
	for want, args := range map[string][]string{
		`conformance -target http://a -target http://b -admin "$CONFORMANCE_ADMIN" -restart "$CONFORMANCE_RESTART" -logs '/var/log/my app.log' -jwks keys.json -run`: {
			"-target", "http://a", "-target=http://b", "-admin", `mysql -psecret -e "…"`, "--restart=docker restart app", "-logs", "/var/log/my app.log", "-jwks", "keys.json",
		},
		`conformance -advance "$CONFORMANCE_ADVANCE" -outage "$CONFORMANCE_OUTAGE" -dsn "$CONFORMANCE_DSN" -expect '' -run`:                     {"-advance", "date -s x", "-outage", "x y", "-dsn", "mysql://u:secret@h/d", "-expect", ""},
		`conformance -target http://u:xxxxx@a,http://b -jwks=https://u:xxxxx@c/keys -profile p.json -jwt-secret "$CONFORMANCE_JWT_SECRET" -run`: {"-target", "http://u:pw@a,http://b", "-jwks=https://u:pw@c/keys", "-profile", "p.json", "-jwt-secret", "s"},
		`conformance -me '/me?x='\''1'\''' -run`: {"-me", "/me?x='1'"},
	} {
		require.Equal(t, want, strings.ReplaceAll(rerun(args), "-target=", "-target "))
	}
}

func TestShell(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, shell(ctx, `test "$ACTION" = disable`, "ACTION=disable"))
	require.EqualError(t, shell(ctx, "echo no such; echo user >&2; exit 3"), "exit status 3: no such user")
	require.EqualError(t, shell(ctx, "exit 3"), "exit status 3")

	begin := time.Now()
	require.NoError(t, shell(ctx, "sleep 5 & echo started"), "what is left in the background is not waited for")
	require.Less(t, time.Since(begin), 4*time.Second)

	long := shell(ctx, "i=0; while [ $i -lt 500 ]; do echo first$i; i=$((i+1)); done; exit 1")
	require.ErrorContains(t, long, "first499")
	require.NotContains(t, long.Error(), "first0 ")
	require.Regexp(t, `^exit status 1: first\d+ `, long.Error(), "no word is cut")

	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	require.Error(t, shell(ctx, "exec sleep 30"))
	require.Less(t, time.Since(begin), 20*time.Second)
}

// The commands get what they need to know, and no flag's default shows one that came from the environment.
func TestHookFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	env := map[string]string{
		"CONFORMANCE_ADVANCE": "exit 7", "CONFORMANCE_OUTAGE": "exit 8",
		"CONFORMANCE_TARGET": "http://127.0.0.1:1 http://127.0.0.1:2",
		"CONFORMANCE_ADMIN":  `echo "$ACTION $EMAIL $PASSWORD" >>` + file, "CONFORMANCE_RESTART": "echo restart >>" + file,
	}
	getenv := func(name string) string { return env[name] }
	c, err := parse([]string{"-logs", "a.log", "-logs", "b.log", "-advance", "echo $SECONDS_TO_ADVANCE >>" + file, "-outage", "echo $OUTAGE >>" + file}, getenv, os.Stderr)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1", c.opts.Target)
	require.Equal(t, []string{"http://127.0.0.1:2"}, c.opts.Replicas)
	require.Equal(t, []string{"a.log", "b.log"}, c.opts.Logs)
	require.NoError(t, c.opts.Admin(t.Context(), conformance.AdminAction{Action: "passwd", Email: "a@b.c", Password: "p w"}))
	require.NoError(t, c.opts.Admin(t.Context(), conformance.AdminAction{Action: "disable", Email: "a@b.c"}))
	require.NoError(t, c.opts.Restart(t.Context()))
	require.NoError(t, c.opts.Advance(t.Context(), 90*time.Second))
	require.NoError(t, c.opts.Outage(t.Context(), true))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "passwd a@b.c p w\ndisable a@b.c \nrestart\n90\nbegin\n", string(b))

	c, err = parse([]string{"-target", "http://127.0.0.1:3"}, getenv, os.Stderr)
	require.NoError(t, err)
	require.Empty(t, c.opts.Replicas, "a flag wins")
	require.ErrorContains(t, c.opts.Advance(t.Context(), time.Second), "exit status 7")
	require.ErrorContains(t, c.opts.Outage(t.Context(), true), "exit status 8")

	var help strings.Builder
	_, err = parse([]string{"-h"}, getenv, &help)
	require.Error(t, err)
	require.Contains(t, help.String(), "$CONFORMANCE_ADMIN")
	require.NotContains(t, help.String(), "$ACTION $EMAIL $PASSWORD")
}

func TestJWKSFlag(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/jwks.json" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("keys"))
	}))
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))
	none := func(string) string { return "" }
	for arg, want := range map[string]string{srv.URL + "/jwks.json": "keys", file: "from a file"} {
		c, err := parse([]string{"-jwks", arg}, none, os.Stderr)
		require.NoError(t, err)
		require.Equal(t, want, string(c.opts.JWKS))
	}
	for arg, want := range map[string]string{srv.URL + "/keys": "404 Not Found", file + ".not": "no such file", "http://127.0.0.1:1/": "connection refused"} {
		_, err := parse([]string{"-jwks", arg}, none, os.Stderr)
		require.ErrorContains(t, err, "cannot read the public keys: ")
		require.ErrorContains(t, err, want)
	}
}
