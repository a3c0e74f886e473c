package conformancetest_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// repetitions are what TestRepeatChild does, by name: the run that begins third is another one.
var repetitions = map[string]struct {
	fault  string // of that run
	secret string // that it is given
	most   time.Duration
}{
	"steady":     {secret: faulty.DemoSecret, most: time.Minute},
	"fails once": {fault: "reuse-plain-401", secret: faulty.DemoSecret, most: time.Minute},
	"sees less":  {most: time.Minute},
	"no time":    {secret: faulty.DemoSecret, most: time.Nanosecond},
}

// TestRepeatChild is the child of the test below.
func TestRepeatChild(t *testing.T) {
	name, is := os.LookupEnv("CHILD_REPEATS")
	if !is {
		return
	}
	how := repetitions[name]
	var begun atomic.Int64
	conformancetest.Repeat(t, conformancetest.Repetition{Runs: 4, Dir: os.Getenv("CHILD_DIR"), Most: how.most, Options: func(t *testing.T) conformance.Options {
		var o faulty.Options
		judge := conformance.Options{JWTSecret: faulty.DemoSecret, Run: []string{"reuse.revokes-family", "access.signed"}}
		if begun.Add(1) == 3 {
			judge.JWTSecret = how.secret
			if how.fault != "" {
				o.Faults = []string{how.fault}
			}
		}
		s, err := faulty.New(o)
		require.NoError(t, err)
		srv := httptest.NewServer(s)
		t.Cleanup(srv.Close)
		judge.Target = srv.URL
		return judge
	}})
}

func TestRepeat(t *testing.T) {
	for name, said := range map[string][]string{
		"steady":     {"4 of 4 runs, of them 0 that failed or differed"},
		"fails once": {"reuse.revokes-family/family-dead: fail: want refused, no token", "its report: ", "4 of 4 runs, of them 1 that failed or differed"},
		"sees less":  {"access.signed/exp-past: n/a, in the first run pass", "4 of 4 runs, of them 1 that failed or differed"},
		"no time":    {"not begun: the time is up: 1ns", "0 of 4 runs"},
	} {
		t.Run(name, func(t *testing.T) {
			exe, err := os.Executable()
			require.NoError(t, err)
			dir := filepath.Join(t.TempDir(), "reports")
			cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestRepeatChild$", "-test.v", "-test.parallel", "1")
			cmd.Env = append(os.Environ(), "CHILD_REPEATS="+name, "CHILD_DIR="+dir)
			out, err := cmd.CombinedOutput()
			require.Equal(t, name != "steady", err != nil, "%s", out)
			for _, words := range said {
				require.Contains(t, string(out), words)
			}
			kept, err := filepath.Glob(dir + "/run-*")
			require.NoError(t, err)
			if name == "fails once" || name == "sees less" {
				require.Len(t, kept, 2)
			} else {
				require.Empty(t, kept)
			}
		})
	}
}
