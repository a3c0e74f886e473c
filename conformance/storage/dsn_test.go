package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

func TestParse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for dsn, want := range map[string][6]string{
		"mysql://u:p@h:1/d":                             {"mysql", "u", "p", "h", "1", "d"},
		"mysql+pymysql://u:p%40%2F%25@h/d?charset=utf8": {"mysql", "u", "p@/%", "h", "", "d"},
		"mariadb+mariadbconnector://u@[::1]:3307/d":     {"mysql", "u", "", "::1", "3307", "d"},
		"mysql://u:a/b?c:d%zz@h/d":                      {"mysql", "u", "a/b?c:d%zz", "h", "", "d"},
		"postgres://u:p@h/d?sslmode=disable":            {"postgres", "u", "p", "h", "", "d"},
		"POSTGRESQL+psycopg2://u:p@[fe80::1]/d%20e":     {"postgres", "u", "p", "fe80::1", "", "d e"},
		"postgresql:///d?host=/var/run/postgresql":      {"postgres", "", "", "", "", "d"},
		"sqlite:///a/b.db":                              {"sqlite", "", "", "", "", "a/b.db"},
		"sqlite+aiosqlite:////a/b.db?timeout=3":         {"sqlite", "", "", "", "", "/a/b.db"},
		file:                                            {"sqlite", "", "", "", "", file},
	} {
		got, err := storage.Parse(dsn)
		require.NoError(t, err, dsn)
		require.Equal(t, want, got, dsn)
	}
}

func TestParseRefuses(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                                  "neither a URL nor a file that exists",
		"nonesuch.db":                       "neither a URL nor a file that exists",
		"u:s3cret@tcp(127.0.0.1:3306)/d":    "neither a URL nor a file that exists",
		"host=h user=u password=s3cret":     "neither a URL nor a file that exists",
		"oracle://u:s3cret@h/d":             "none of mysql, postgres and sqlite",
		"mysql://u:s3cret@h":                "names no database",
		"mysql://u:s3cret@h/":               "names no database",
		"mysql://u:s3cret@h:x/d":            "not host:port",
		"mysql://u:s3cret/h/d":              "not host:port",
		"mysql://u:s3cret@h:1:2/d":          "not host:port",
		"mysql://u:s3cret@h/d?x=%zz":        "the options after the ?",
		"mysql://u:s3cret@h/d?autocommit":   "unix_socket, tls and ssl_ca here, not autocommit",
		"mysql://u:s3cret@h/d?ssl_ca=/x":    "option ssl_ca",
		"postgres://u:s3cret@h/d?sslmode=x": "sslmode is invalid",
		"sqlite://file.db":                  "sqlite:///file.db",
		"sqlite://":                         "names no file",
	} {
		_, err := storage.Open(t.Context(), dsn, storage.Limits{})
		require.ErrorIs(t, err, storage.ErrDSN, dsn)
		require.ErrorContains(t, err, want, dsn)
		require.NotContains(t, err.Error(), "s3cret", dsn)
	}
}

// FuzzParse: no DSN makes it panic, and no error shows more of one than its shape.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"mysql://u:secret-password@h:3306/d?tls=true", "postgres://u:secret-password@/d", "secret-password", "sqlite:///secret-password", "mysql://secret-password", "x://secret-password:y@z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		_, err := storage.Parse(dsn)
		if err != nil && strings.Contains(dsn, "secret-password") {
			require.NotContains(t, err.Error(), "secret-password")
		}
	})
}
