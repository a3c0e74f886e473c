package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// trial is what server's tests record of a soak under faults.
type trial struct {
	Name    string
	Ended   string
	Machine string
	Dialect string
	Servers int
	Clients int
	Seconds int
	Faults  []struct {
		Name  string
		Times int
	}
	Calls      int
	Answers    map[string]int
	Sessions   int
	Impossible int
	Unchecked  int
	Lost       int
}

// TestTrials: the table of torture.md is that of what was recorded, and every trial held.
func TestTrials(t *testing.T) {
	files, err := filepath.Glob("results/torture/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	b := &strings.Builder{}
	b.WriteString("| trial | what happened | rotation | servers, clients | seconds | calls | no answer | sessions | impossible | lost |\n")
	b.WriteString("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	machines := map[string]bool{}
	for _, file := range files {
		var x trial
		require.NoError(t, json.Unmarshal([]byte(read(t, file)), &x))
		require.Zero(t, x.Impossible+x.Unchecked, file)
		require.True(t, x.Lost == 0 || x.Name == "TestEndurance", file)
		machines[x.Machine] = true
		var faults []string
		for _, f := range x.Faults {
			require.Positive(t, f.Times, "%s: %s", file, f.Name)
			faults = append(faults, fmt.Sprintf("%d × %s", f.Times, f.Name))
		}
		unanswered := 0
		for kind, n := range x.Answers {
			if slices.Contains([]string{"200", "204", "401"}, kind) {
				continue
			}
			require.Contains(t, []string{"503", "connection lost", "connection refused"}, kind, file)
			unanswered += n
		}
		fmt.Fprintf(b, "| [`%s`](results/torture/%s) | %s | %s | %d, %d | %d | %d | %d | %d | %d | %d |\n", strings.TrimPrefix(x.Name, "Test"), filepath.Base(file),
			strings.Join(faults, ", "), strings.NewReplacer(" rotation", "", "(1m0s)", "60s", "(10s)", "10s").Replace(x.Dialect), x.Servers, x.Clients, x.Seconds, x.Calls, unanswered, x.Sessions, x.Impossible, x.Lost)
	}
	made := "On " + strings.Join(slices.Sorted(maps.Keys(machines)), " and ") + ".\n\n" + b.String()

	part := regexp.MustCompile(`(?s)<!-- trials -->\n.*?<!-- end -->`)
	page := read(t, "torture.md")
	want := part.ReplaceAllLiteralString(page, "<!-- trials -->\n"+made+"<!-- end -->")
	if *update {
		require.NoError(t, os.WriteFile("torture.md", []byte(want), 0o644))
		return
	}
	require.Equal(t, want, page, "go test ./docs -update writes it; read the diff")
}
