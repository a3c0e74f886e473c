package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var startDir, errStartDir = os.Getwd() // go test starts in the package's folder; tests may leave it

// repository is the top folder of the source tree.
func repository(t *testing.T) string {
	t.Helper()
	require.NoError(t, errStartDir)
	return filepath.Dir(startDir)
}

// The demonstration users are known to others by testdata/users.json.
func TestDemoUsers(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(repository(t), "testdata", "users.json"))
	require.NoError(t, err)
	fields := []map[string]string{}
	require.NoError(t, json.Unmarshal(b, &fields))
	require.Len(t, fields, len(demoUsers()))
	for i, u := range demoUsers() {
		require.Equal(t, map[string]string{"email": u.Email, "password": u.Password}, fields[i])
	}
}
