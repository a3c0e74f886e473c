package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestAction runs the script of the GitHub Action as the runner would, against a server that the faulty command starts.
func TestAction(t *testing.T) {
	raw, err := os.ReadFile("../action.yml")
	require.NoError(t, err)
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &action))
	step := action.Runs.Steps[1]
	require.Contains(t, step.Env, "CONFORMANCE_USERS")
	root, err := filepath.Abs("..")
	require.NoError(t, err)

	for fault, wantCode := range map[string]int{"": 0, "logout-server-noop": 1} {
		temp, addr := t.TempDir(), freeAddress(t)
		command := "go run ./conformance/cmd/faulty -addr " + addr
		if fault != "" {
			command += " -fault " + fault
		}
		serve(t, command, addr, os.Environ())
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Dir = temp
		cmd.Env = append(os.Environ(), "CONFORMANCE_TARGET=http://"+addr,
			"CONFORMANCE_USERS=alice@example.com:alice-demo-password bob@example.com:bob-demo-password",
			"PROFILE="+action.Inputs["profile"].Default, "ARGS=-run logout -rounds 1", "JUNIT="+action.Inputs["junit"].Default,
			"GITHUB_ACTION_PATH="+root, "RUNNER_TEMP="+temp, "GITHUB_STEP_SUMMARY="+temp+"/summary")
		out, err := cmd.CombinedOutput()
		if wantCode == 0 {
			require.NoError(t, err, string(out))
		}
		require.Equal(t, wantCode, cmd.ProcessState.ExitCode(), string(out))
		for file, want := range map[string]string{"conformance.xml": "logout.ends", "summary": "conform"} {
			b, err := os.ReadFile(filepath.Join(temp, file))
			require.NoError(t, err)
			require.Contains(t, string(b), want)
		}
	}
}
