package store

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

func TestAddresses(t *testing.T) {
	for url, want := range map[string][]string{
		"mysql://u:pw@/d":                           {"localhost:3306"},
		"mysql://u:pw@:3307/d":                      {"localhost:3307"},
		"mysql://u:pw@a/d":                          {"a:3306"},
		"mysql://u:pw@a,b/d":                        {"a:3306", "b:3306"},
		"mysql://u:pw@a:1,b:2,c:3/d?read_timeout=1": {"a:1", "b:2", "c:3"},
		"mysql://u:pw@a,b:2,c/d":                    {"a:3306", "b:2", "c:3306"},
		"mysql://u:pw@[::1]:1,[::2],c:3/d":          {"[::1]:1", "[::2]:3306", "c:3"},
	} {
		loc, err := parseURL(url)
		require.NoError(t, err, url)
		got, err := addresses(loc)
		require.NoError(t, err, url)
		require.Equal(t, want, got, url)
	}
	for url, want := range map[string]string{
		"mysql://u:secret@a,,b/d":    "a host is missing",
		"mysql://u:secret@a:1,:2/d":  "a host is missing",
		"mysql://u:secret@a:1,b:x/d": "not a port number",
	} {
		_, err := newEngine(url)
		require.ErrorIs(t, err, ErrURL, url)
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestPrimary: of several hosts the pool is on the one that takes writes, wherever that is in the list, and follows when it moves. MySQL
// itself is one server here; read-only is what a host behind a second port says of itself.
func TestPrimary(t *testing.T) {
	databaseURL := mysqltest.URL(t)
	_, rest, _ := strings.Cut(databaseURL, "@")
	address, _, _ := strings.Cut(rest, "/")
	db, err := Open(t.Context(), strings.Replace(databaseURL, address, "127.0.0.1:1,"+address, 1)) // nobody listens on the first
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Ping(t.Context()))
	require.Contains(t, db.Engine(), " at 127.0.0.1:1,"+address+"/")
	_, err = db.MigrateUp(t.Context())
	require.NoError(t, err)

	_, err = Open(t.Context(), strings.Replace(databaseURL, address, "127.0.0.1:1,127.0.0.1:2", 1))
	require.ErrorIs(t, err, errNoPrimary)
	require.ErrorContains(t, err, "127.0.0.1:2")
}

// TestSilentHost: a host that accepts connections and says nothing, as one that hangs does, may cost one request its time, not the next.
func TestSilentHost(t *testing.T) {
	databaseURL := mysqltest.URL(t)
	_, rest, _ := strings.Cut(databaseURL, "@")
	address, _, _ := strings.Cut(rest, "/")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	e, err := newEngine(strings.Replace(databaseURL, address, silent.Addr().String()+","+address, 1))
	require.NoError(t, err)
	connector, err := newConnector(e.(mysqlEngine).cfg, e.(mysqlEngine).hosts)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // less than a host is given
	defer cancel()
	_, err = connector.Connect(ctx)
	require.ErrorIs(t, err, errNoPrimary)
	begin := time.Now()
	conn, err := connector.Connect(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Less(t, time.Since(begin), mysqlHostTimeout, "the silent host was asked first again")
}

// TestPrimaryMoves: a connection that was made to another host than the primary of now is not used again, though it works.
func TestPrimaryMoves(t *testing.T) {
	databaseURL := mysqltest.URL(t)
	_, rest, _ := strings.Cut(databaseURL, "@")
	address, _, _ := strings.Cut(rest, "/")
	e, err := newEngine(strings.Replace(databaseURL, address, address+","+address, 1))
	require.NoError(t, err)
	connector, err := newConnector(e.(mysqlEngine).cfg, e.(mysqlEngine).hosts)
	require.NoError(t, err)
	p := connector.(*primary)
	conn, err := p.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	kept := conn.(*primaryConn)
	require.NoError(t, kept.ResetSession(t.Context()))
	p.current.Store(1)
	require.Error(t, kept.ResetSession(t.Context()))

	root := mysqltest.Root(t)
	_, err = root.Exec("SET GLOBAL read_only = 1")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := root.Exec("SET GLOBAL read_only = 0")
		require.NoError(t, err)
	})
	_, err = p.Connect(t.Context())
	require.ErrorIs(t, err, errNoPrimary)
	require.ErrorIs(t, err, errReadOnly)
	require.True(t, mysqlEngine{}.repeatable(fmt.Errorf("x: %w", err)))
	require.False(t, mysqlEngine{}.repeatable(&mysql.MySQLError{Number: 1045}))
}
