package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestCompose: what users start is what this program tries.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../docker-compose.cluster.yml")
	require.NoError(t, err)
	var file struct {
		Services map[string]struct {
			Image, Hostname string
			Command         []string
			Entrypoint      []string
			Volumes         []string
			Environment     map[string]string
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	for i, host := range []string{"db1", "db2", "db3"} {
		s := file.Services[host]
		require.Equal(t, (&node{host: host}).command(i+1), s.Command)
		require.Equal(t, "mysql:9.7", s.Image)
		require.Equal(t, host, s.Hostname)
		require.Contains(t, s.Volumes, "./cluster/cluster.cnf:/etc/cluster.cnf:ro")
	}
	require.Equal(t, []string{"bash", "/bootstrap", "db1", "db2", "db3"}, file.Services["bootstrap"].Entrypoint)
	for _, server := range []string{"server1", "server2", "server3"} {
		require.Contains(t, file.Services[server].Environment["DATABASE_URL"], "@db1:3306,db2:3306,db3:3306/jwt_toy")
	}
}

func TestWrongCalls(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"now"}, "there are no arguments"},
		{[]string{"-fast"}, "-fast"},
		{[]string{"-kills", "0"}, "not 1 to 1000 together"},
		{[]string{"-kills", "-1", "-freezes", "2"}, "not 1 to 1000 together"},
		{[]string{"-calm", "-1s"}, "-calm is -1s, not 0s to 1h"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), c.args, &stdout, &stderr), c.args)
		require.Contains(t, stderr.String(), c.want)
		require.Empty(t, stdout.String())
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "-freezes N")
}

// soundReport is a report of which nothing is wrong.
func soundReport() *report {
	return &report{Sound: true, Calls: []calls{{Call: "refresh", Answers: map[string]int{"200": 9, "401": 1, "503": 3}}}}
}

// TestJudge: each thing that can be wrong makes a run unsound.
func TestJudge(t *testing.T) {
	require.NoError(t, soundReport().judge())
	for want, spoil := range map[string]func(*report){
		"the sessions are not linearizable":      func(r *report) { r.Sound, r.why = false, "not linearizable" },
		"2 sessions could not be checked":        func(r *report) { r.Unchecked = 2 },
		"1 times a token was ahead of its row":   func(r *report) { r.TokensAhead = 1 },
		"the members differ in token_families":   func(r *report) { r.Differences = []string{"token_families"} },
		"refresh: 4 times 500":                   func(r *report) { r.Calls[0].Answers["500"] = 4 },
		"refresh: 1 times connection refused":    func(r *report) { r.Calls[0].Answers["connection refused"] = 1 },
		"refresh: 1 times the request timed out": func(r *report) { r.Calls[0].Answers["the request timed out"] = 1 },
	} {
		r := soundReport()
		spoil(r)
		require.ErrorContains(t, r.judge(), want)
		require.False(t, r.Sound, want)
	}
}

// TestResume: a fault lasts until the last of the servers writes again.
func TestResume(t *testing.T) {
	require.Zero(t, resume(nil))
	faults := []fault{{Resumed: []float64{3, 9, 4}}, {Resumed: []float64{7, 5, 6}}, {Resumed: []float64{8, 8, 8}}}
	require.Equal(t, spread{7, 8, 9}, resume(faults))
	require.Equal(t, spread{7, 7.5, 8}, resume(faults[1:]))
}

// TestDoc: the page says what the published run has found, and that was sound.
func TestDoc(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-doc", "../docs/results/cluster.json"}, &stdout, &stderr), stderr.String())
	page, err := os.ReadFile("../docs/cluster.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "<!-- go run ./cluster -doc docs/results/cluster.json -->\n")
	require.True(t, found)
	said, _, found := strings.Cut(rest, "<!-- end -->")
	require.True(t, found)
	require.Equal(t, stdout.String(), said)

	text, err := os.ReadFile("../docs/results/cluster.json")
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	require.True(t, r.Complete)
	require.NoError(t, r.judge())
	for _, name := range append([]string{"version"}, variables...) {
		require.NotEmpty(t, r.MySQL[name])
		if name != "version" {
			require.Contains(t, string(page), "| `"+name+"` |", "a setting that is not explained")
		}
	}
}

// TestSettingsAreExplained: each value that the page recommends is the one that the nodes have.
func TestSettingsAreExplained(t *testing.T) {
	page, err := os.ReadFile("../docs/cluster.md")
	require.NoError(t, err)
	settings := regexp.MustCompile(`(?m)^(?:loose-)?(innodb\w+|sync_binlog|group_replication_(?:single_primary_mode|consistency|exit\w+|unreachable\w+|member\w+|autorejoin\w+)) = (\w+)$`).
		FindAllStringSubmatch(string(nodeConfig), -1)
	require.Len(t, settings, len(variables))
	for _, s := range settings {
		require.Contains(t, string(page), "| `"+s[1]+"` | `"+s[2]+"` |")
	}
}
