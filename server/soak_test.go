package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// soak lets many clients use servers on one database for a while. Whatever order the calls came in, each session was one token family.
func soak(t *testing.T, env map[string]string, servers int) {
	t.Helper()
	o := history.Options{Clients: 16, Duration: 3 * time.Second, LoginRate: 50}
	o.Target.Target = startServer(t, env, "-seed").url
	for range servers - 1 {
		o.Target.Replicas = append(o.Target.Replicas, startServer(t, env, "-seed").url)
	}
	if env["REFRESH_REUSE_GRACE"] != "" {
		o.Target.Profile.Policy = conformance.Policy{Rotation: "grace", GraceSeconds: 10}
	}
	r, err := history.Run(t.Context(), o)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, r.Text(&text, nil))
	t.Log(text.String())
	v, _ := r.Verdict()
	require.Equal(t, history.Linearizable, v, text.String())
	require.Zero(t, r.Unchecked)
	for _, c := range r.Calls {
		require.Zero(t, c.Outcomes[conformance.Undecided], "%s: with a healthy database every call is answered", c.Call)
	}
}

func TestSoakSQLite(t *testing.T) { soak(t, devEnv(t), 1) }

func TestSoakSQLiteGrace(t *testing.T) {
	env := devEnv(t)
	env["REFRESH_REUSE_GRACE"] = "10s"
	soak(t, env, 1)
}

func TestSoakMySQLReplicas(t *testing.T) { soak(t, mysqlEnv(mysqltest.URL(t)), 3) }

func TestSoakMySQLReplicasGrace(t *testing.T) {
	env := mysqlEnv(mysqltest.URL(t))
	env["REFRESH_REUSE_GRACE"] = "10s"
	soak(t, env, 3)
}
