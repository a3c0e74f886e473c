package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/store"
)

// TestMySQLCannotOpen: a user can tell what is wrong, and what to do.
func TestMySQLCannotOpen(t *testing.T) {
	good := mysqlURL(t)
	name := mysqltest.Name(good)
	for _, c := range []struct{ url, want string }{
		{strings.Replace(good, "app:p", "app:P", 1), `refused user "app": check user and password in DATABASE_URL`},
		{good + "_missing", `no database "` + name + `_missing"`},
		{strings.Replace(good, "/"+name, "/mysql", 1), `user "app" may not use database "mysql"`},
		{"mysql+pymysql://app:p%40ss@127.0.0.1:1/x", "127.0.0.1:1 cannot be reached: is it running"},
		{"mysql+pymysql://app:p%40ss@no-such-host.invalid/x", "no-such-host.invalid:3306 cannot be reached"},
		{good + "?ssl_check_hostname=true", "MySQL at"}, // nobody we trust has signed the container's certificate
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := store.Open(ctx, c.url)
		cancel()
		require.ErrorContains(t, err, c.want, c.url)
		for _, secret := range []string{"p@ss", "P@ss", "p%40ss"} {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

// TestMySQLTLS uses the certificate authority that MySQL made for itself.
func TestMySQLTLS(t *testing.T) {
	databaseURL := mysqlURL(t)
	ca := mysqltest.File(t, "/var/lib/mysql/ca.pem")
	_, err := store.Open(t.Context(), databaseURL+"?ssl_ca="+ca)
	require.ErrorContains(t, err, "certificate", "MySQL's own certificate names no host")
	db := open(t, databaseURL+"?ssl_ca="+ca+"&ssl_check_hostname=false")
	require.NoError(t, db.Ping(t.Context()))
}

// TestServerSettings opens a server that is configured against us.
func TestServerSettings(t *testing.T) {
	root := mysqltest.Root(t)
	set := func(name, value string) {
		_, err := root.Exec("SET GLOBAL " + name + " = " + value)
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := root.Exec("SET GLOBAL " + name + " = DEFAULT")
			require.NoError(t, err)
		})
	}
	set("autocommit", "0")
	set("sql_mode", "'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
	set("transaction_isolation", "'READ-UNCOMMITTED'")

	databaseURL := mysqlURL(t)
	db := migrated(t, databaseURL)
	require.Empty(t, db.Warnings(t.Context()))
	f := startFamily(t, db)
	rotated, err := db.Rotate(t.Context(), next(f))
	require.NoError(t, err)
	require.True(t, rotated)
	got, err := migrated(t, databaseURL).Family(t.Context(), f.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Generation, "the rotation was not committed")

	set("innodb_flush_log_at_trx_commit", "2")
	set("sync_binlog", "0")
	warnings := db.Warnings(t.Context())
	require.Len(t, warnings, 2)
	require.Contains(t, warnings[0], "innodb_flush_log_at_trx_commit is 2")
	require.Contains(t, warnings[1], "sync_binlog is 0")
}
