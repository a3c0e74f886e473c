package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDoc: the page says what the published run has measured, and nothing else.
func TestDoc(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-doc", "../docs/results/bench.json"}, &stdout, &stderr), stderr.String())
	page, err := os.ReadFile("../docs/performance.md")
	require.NoError(t, err)
	require.Equal(t, string(page), stdout.String(), "go run ./bench -doc docs/results/bench.json >docs/performance.md")

	text, err := os.ReadFile("../docs/results/bench.json")
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	require.GreaterOrEqual(t, r.rounds(), 5)
	r.Complete = false
	cut, err := json.Marshal(r)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "cut.json")
	require.NoError(t, os.WriteFile(file, cut, 0o600))
	require.Equal(t, 1, run(t.Context(), []string{"-doc", file}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "did not come to its end")
	require.Equal(t, 2, run(t.Context(), []string{"-doc", "no-such-file"}, &stdout, &stderr))
}
