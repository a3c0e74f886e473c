package main

import (
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
