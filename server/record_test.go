package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/history"
)

// fault is something that was done to a server or its database, and how often.
type fault struct {
	Name  string `json:"name"`
	Times int    `json:"times"`
}

// trial is what came of one soak under faults, as docs/torture.md shows it.
type trial struct {
	Name       string         `json:"name"`
	Ended      time.Time      `json:"ended"`
	Machine    string         `json:"machine"`
	Dialect    string         `json:"dialect"` // of the servers
	Servers    int            `json:"servers"`
	Clients    int            `json:"clients"`
	Seconds    int            `json:"seconds"`
	Faults     []fault        `json:"faults"`
	Calls      int            `json:"calls"`
	Answers    map[string]int `json:"answers"` // by status, or by what there was instead
	Sessions   int            `json:"sessions"`
	Impossible int            `json:"impossible"`
	Unchecked  int            `json:"unchecked"`
	Lost       int            `json:"lost"`
}

// record writes what came of a soak into the directory $RECORD, if there is one.
func record(t *testing.T, r *history.Result, faults ...fault) {
	t.Helper()
	dir := os.Getenv("RECORD")
	if dir == "" {
		return
	}
	x := trial{
		Name: strings.ReplaceAll(t.Name(), "_", " "), Ended: time.Now().UTC().Truncate(time.Second), Machine: runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version(),
		Dialect: r.Dialect, Servers: len(r.Targets), Clients: r.Clients, Seconds: int(r.Took.Seconds()), Faults: faults, Answers: map[string]int{},
		Sessions: r.Sessions, Impossible: r.Impossible - r.FailedClosed, Unchecked: r.Unchecked, Lost: r.Lost + r.FailedClosed,
	}
	for _, c := range r.Calls {
		for kind, n := range c.Kinds {
			x.Answers[kind] += n
			x.Calls += n
		}
	}
	b, err := json.MarshalIndent(x, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	file := strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(strings.TrimPrefix(t.Name(), "Test")) + ".json"
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), append(b, '\n'), 0o644))
}
