package conformancetest_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/conformancetest"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// judge runs the adapter against a server with the fault that the environment names; a child of the tests below.
func TestChild(t *testing.T) {
	fault, ok := os.LookupEnv("CHILD_FAULT")
	if !ok {
		return // it is the other tests' child
	}
	o := faulty.Options{}
	if fault != "" {
		o.Faults = []string{fault}
	}
	s, err := faulty.New(o)
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	expect, err := conformance.ParseExpectations([]byte(os.Getenv("CHILD_EXPECT")))
	require.NoError(t, err)
	conformancetest.Run(t, conformance.Options{Target: srv.URL, Run: []string{"reuse.*", "expiry.refresh"}, Expect: expect})
}

func child(t *testing.T, fault, expect string) (string, error) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "CHILD_FAULT="+fault, "CHILD_EXPECT="+expect)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestRun(t *testing.T) {
	out, err := child(t, "", "[]")
	require.NoError(t, err, out)
	require.Contains(t, out, "--- PASS: TestChild/reuse.revokes-family")
	require.Contains(t, out, "--- SKIP: TestChild/expiry.refresh")
	require.Contains(t, out, "not judged: needs tokens that expire")

	out, err = child(t, "reuse-plain-401", "[]")
	require.Error(t, err)
	require.Contains(t, out, "--- FAIL: TestChild/reuse.revokes-family")
	require.Contains(t, out, "--- PASS: TestChild/reuse.replay")
	require.Contains(t, out, "means    two parties hold one token")

	known := `[{"match": "reuse.*", "expect": "fail", "reason": "being mended"}]`
	out, err = child(t, "reuse-plain-401", known)
	require.NoError(t, err, out)
	require.Contains(t, out, "--- SKIP: TestChild/reuse.revokes-family")

	out, err = child(t, "", known)
	require.Error(t, err)
	require.Contains(t, out, "stale expectation: reuse.*: does not fail any more")
}
