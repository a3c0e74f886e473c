package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

func TestMain(m *testing.M) { mysqltest.Main(m) }

func databaseName(databaseURL string) string {
	return databaseURL[strings.LastIndex(databaseURL, "/")+1:]
}

func TestWrongCalls(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"now"}, "there are no arguments"},
		{[]string{"-fast"}, "-fast"},
		{[]string{"-rounds", "0"}, "-rounds is 0, not 1 to 1000"},
		{[]string{"-rounds", "many"}, `"many"`},
		{[]string{"-duration", "5"}, `"5"`},
		{[]string{"-duration", "1ms"}, "-duration is 1ms, not 10ms to 10m"},
		{[]string{"-cost", "3"}, "-cost is 3, not 4 to 15"},
		{[]string{"-cost", "16"}, "-cost is 16, not 4 to 15"},
		{[]string{"-families", "9999"}, "-families is 9999, not 10000 to 100000000"},
		{[]string{"-families", "100000001"}, "-families is 100000001, not"},
		{[]string{"-json", "/no/such/folder/x.json"}, "-json: open /no/such/folder/x.json"},
		{[]string{"-database-url", "sqlite:///x.db"}, "-database-url must look like mysql://"},
		{[]string{"-database-url", "mysql://u:hidden@127.0.0.1"}, "-database-url must look like mysql://"},
		{[]string{"-database-url", "mysql://u:hidden@127.0.0.1/x?charset=utf8mb4"}, "without options"},
		{[]string{"-database-url", "mysql://u:hidden%@127.0.0.1/x"}, "written as %XX"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), c.args, &stdout, &stderr)
		require.Equal(t, 2, code, "%s: %s", c.args, &stderr)
		require.Contains(t, stderr.String(), c.want)
		require.Contains(t, stderr.String(), "go run ./bench -h")
		require.NotContains(t, stderr.String(), "hidden")
		require.Empty(t, stdout.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	require.Empty(t, stderr.String())
	newFlags(new(settings)).VisitAll(func(f *flag.Flag) {
		require.Regexp(t, `(?m)^  -`+f.Name+` .*`, stdout.String())
		if f.DefValue != "" && f.DefValue != "false" {
			require.Contains(t, stdout.String(), "(default "+f.DefValue+")")
		}
	})
}

// fields lists the paths of all values in a JSON document, and those that are empty.
func fields(path string, v any, all, empty map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			fields(strings.TrimPrefix(path+"."+name, "."), member, all, empty)
		}
	case []any:
		if all[path] = true; len(v) == 0 {
			empty[path] = true
		}
		for _, element := range v {
			fields(path+"[]", element, all, empty)
		}
	default:
		all[path] = true
		if v == nil || v == "" || v == 0. || v == false {
			empty[path] = true
		}
	}
}

func TestRun(t *testing.T) {
	url := mysqltest.RootURL(t)
	prepared := preparedStatements(t)
	file := filepath.Join(t.TempDir(), "bench.json")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-database-url", url, "-rounds", "2", "-duration", "100ms", "-cost", "4", "-json", file}, &stdout, &stderr)
	require.Equal(t, 0, code, stderr.String())
	require.Equal(t, prepared, preparedStatements(t), "floor and server must both send their statements in one go")

	written, err := os.ReadFile(file)
	require.NoError(t, err)
	var document any
	require.NoError(t, json.Unmarshal(written, &document))
	all, empty := map[string]bool{}, map[string]bool{}
	fields("", document, all, empty)
	require.Equal(t, strings.Fields(`complete
		machine.arch machine.cores machine.go machine.gomaxprocs machine.mysql.innodb_buffer_pool_size
		machine.mysql.innodb_flush_log_at_trx_commit machine.mysql.innodb_redo_log_capacity
		machine.mysql.log_bin machine.mysql.sync_binlog machine.mysql.version machine.os
		parts parts[].clients parts[].median.p50_ms parts[].median.p99_ms parts[].median.per_second parts[].name
		parts[].rounds parts[].rounds[].operations parts[].rounds[].p50_ms parts[].rounds[].p99_ms
		parts[].rounds[].per_second parts[].rounds[].seconds
		ratios ratios[].clients ratios[].limit ratios[].name ratios[].rounds ratios[].rounds[] ratios[].target ratios[].value
		settings.bcrypt_cost settings.container settings.duration_ns settings.hash_slots settings.login_clients
		settings.rounds started`), slices.Sorted(maps.Keys(all)))
	require.Equal(t, map[string]bool{"settings.container": true}, empty)

	var r report
	require.NoError(t, json.Unmarshal(written, &r))
	var lines []string
	for _, p := range r.Parts {
		require.Len(t, p.Rounds, 2, p.Name)
		lines = append(lines, p.Name)
		require.Regexp(t, `(?m)^`+p.Name+` +\d+ +\d+\.\d +\d+\.\d\d +\d+\.\d\d$`, stdout.String())
	}
	for _, q := range r.Ratios {
		require.Len(t, q.Rounds, 2, q.Name)
		lines = append(lines, q.Name)
		require.Regexp(t, `(?m)^`+q.Name+` +\d+ +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d  `, stdout.String())
	}
	require.Equal(t, []string{partFloor, partRefresh, partFloor, partRefresh, partFloor, partRefresh, partFloor, partRefresh,
		partAnswer, partBcrypt, partLogin, partBurst, partBurst,
		"http/floor", "http/floor", "http/floor", "http/floor", "login/bcrypt", "busy/quiet", "busy/quiet"}, lines)
	require.NotContains(t, stdout.String(), "did not come to its end")
	require.Equal(t, 26, strings.Count(stderr.String(), "\nround "))

	requireEmpty(t, url)
	requireSameStatement(t, databaseName(url))
}

func requireEmpty(t *testing.T, databaseURL string) {
	t.Helper()
	var tables int
	require.NoError(t, mysqltest.Root(t).QueryRow(`SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ?`, databaseName(databaseURL)).Scan(&tables))
	require.Zero(t, tables, "tables are left")
}

// requireSameStatement compares what MySQL saw: the floor is no floor if it asks for something else than the server does.
func requireSameStatement(t *testing.T, database string) {
	t.Helper()
	rows, err := mysqltest.Root(t).Query(`SELECT DIGEST_TEXT FROM performance_schema.events_statements_summary_by_digest
		WHERE SCHEMA_NAME = ? AND DIGEST_TEXT LIKE 'UPDATE%SET%generation%' ORDER BY DIGEST_TEXT`, database)
	require.NoError(t, err)
	defer rows.Close()
	var seen []string
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		seen = append(seen, text)
	}
	require.NoError(t, rows.Err())
	require.Len(t, seen, 2, "one UPDATE of the floor, one of the server: %q", seen)
	require.Equal(t, strings.Replace(seen[0], "bench_floor", "token_families", 1), seen[1])
}

func preparedStatements(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, mysqltest.Root(t).QueryRow(`SELECT COUNT_STAR FROM performance_schema.events_statements_summary_global_by_event_name
		WHERE EVENT_NAME = 'statement/com/Prepare'`).Scan(&n))
	return n
}

// The floor's connections must have the settings of the server's.
func TestConnectsAsTheServer(t *testing.T) {
	db, err := openDatabase(t.Context(), mysqltest.RootURL(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	program, err := buildServer(t.Context(), t.TempDir())
	require.NoError(t, err)
	s, err := startServer(t.Context(), program, db.url, 4, "serve")
	require.NoError(t, err)
	defer s.stop()
	conn, err := db.pool.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	var id int64
	require.NoError(t, conn.QueryRowContext(t.Context(), `SELECT CONNECTION_ID()`).Scan(&id))

	rows, err := mysqltest.Root(t).Query(`SELECT t.PROCESSLIST_ID = ?, v.VARIABLE_NAME, v.VARIABLE_VALUE
		FROM performance_schema.variables_by_thread v JOIN performance_schema.threads t USING (THREAD_ID)
		WHERE t.PROCESSLIST_DB = ? AND v.VARIABLE_NAME NOT IN ('pseudo_thread_id', 'statement_id', 'timestamp')`, id, databaseName(db.url))
	require.NoError(t, err)
	defer rows.Close()
	ours, servers := map[string]string{}, map[string]string{}
	for rows.Next() {
		var our bool
		var name, value string
		require.NoError(t, rows.Scan(&our, &name, &value))
		if our {
			ours[name] = value
		} else {
			servers[name] = value
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t, "READ-COMMITTED", servers["transaction_isolation"])
	require.Equal(t, servers, ours)
}

// cancelAt cancels when the text appears in what is written.
type cancelAt struct {
	bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (c *cancelAt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.text)) {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

func TestInterrupt(t *testing.T) {
	url := mysqltest.RootURL(t)
	for _, c := range []struct{ at, want string }{
		{"starting MySQL", `^$`},
		{"round 1 of 2: login", `(?s)floor +16 .*\nlogin .*login/bcrypt .*The run did not come to its end\.\n$`},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		file := filepath.Join(t.TempDir(), "bench.json")
		stdout, stderr := new(bytes.Buffer), &cancelAt{text: c.at, cancel: cancel}
		start := time.Now()
		code := run(ctx, []string{"-database-url", url, "-rounds", "2", "-duration", "200ms", "-cost", "4", "-json", file}, stdout, stderr)
		require.Equal(t, 1, code)
		require.Less(t, time.Since(start), time.Minute)
		require.Contains(t, stderr.String(), "bench: interrupted")
		require.Regexp(t, c.want, stdout.String())
		require.NotContains(t, stdout.String(), partBurst)
		requireEmpty(t, url)
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(written), `"complete": false`)
	}
}

// However a run ends, nothing of it must be left: neither the container nor the server.
func TestLeavesNothingRunning(t *testing.T) {
	_ = mysqltest.URL(t) // skips where there is no Docker
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	db, err := openDatabase(ctx, "")
	require.NoError(t, err)
	program, err := buildServer(ctx, t.TempDir())
	if err != nil {
		require.NoError(t, db.close())
	}
	require.NoError(t, err)
	s, err := startServer(ctx, program, db.url, 4, "serve")
	if err != nil {
		require.NoError(t, db.close())
	}
	require.NoError(t, err)
	config, err := driverConfig(db.url)
	require.NoError(t, err)
	reachable := func(addr string) bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	require.True(t, reachable(s.addr))
	require.True(t, reachable(config.Addr))
	enlarged := db.enlarge(ctx, 200_000_000)
	m, asked := db.about(ctx)
	cancel()
	s.stop()
	require.NoError(t, db.close())
	require.False(t, reachable(s.addr), "the server runs on")
	require.False(t, reachable(config.Addr), "the container runs on")

	require.NoError(t, errors.Join(enlarged, asked))
	require.EqualValues(t, 256<<20, m.BufferPool)
	require.EqualValues(t, redoLog, m.RedoLog)
}

func TestUsedDatabaseIsLeftAlone(t *testing.T) {
	url := mysqltest.RootURL(t)
	table := databaseName(url) + ".precious"
	_, err := mysqltest.Root(t).Exec("CREATE TABLE " + table + " (x INT)")
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	require.Equal(t, 2, run(t.Context(), []string{"-database-url", url}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "is not empty")
	_, err = mysqltest.Root(t).Exec("DROP TABLE " + table)
	require.NoError(t, err)
}
