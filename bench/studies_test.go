package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// TestAll runs every study, small, and finds every row of it in what is printed and in the page.
func TestAll(t *testing.T) {
	url := mysqltest.RootURL(t)
	file := filepath.Join(t.TempDir(), "bench.json")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-database-url", url, "-all", "-families", "10000", "-rounds", "2", "-duration", "50ms", "-cost", "4", "-json", file}, &stdout, &stderr)
	require.Equal(t, 0, code, stderr.String())
	requireEmpty(t, url)
	require.NotContains(t, stdout.String(), "did not come to its end")

	written, err := os.ReadFile(file)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(written, &r))
	require.Equal(t, 10000, r.Settings.Families)
	var page bytes.Buffer
	require.NoError(t, writeDoc(file, &page))
	require.Contains(t, page.String(), "`go run ./bench -all -json bench.json`")
	var lines []string
	for _, st := range r.Studies {
		lines = append(lines, st.Name)
		title, text := st.explain(r.Settings)
		require.Contains(t, page.String(), "\n## "+title+"\n\n"+text+"\n")
		require.Contains(t, stdout.String(), "\n# "+st.Name+": "+st.about(r.Settings)+"\n")
		lines = append(lines, requireRows(t, st, stdout.String(), page.String())...)
	}
	want := []string{
		studyEngines, partMySQL, partSQLite, partMySQL, partSQLite, "sqlite/mysql", "sqlite/mysql",
		studyAge, partReplayYoung, partReplayOld, partLogoutYoung, partLogoutOld, "old/young, replay", "old/young, logout",
		studyCleanup, partQuiet, partCleanup, "cleanup/quiet", "families removed",
		studyMemory, "resident size", "growth per 1,000 sessions",
		studyStart, "on an empty MySQL schema", "on a migrated MySQL schema", "on a fresh SQLite file",
		studySize, partSmall, partLarge, "large/small",
	}
	if runtime.GOOS == "linux" {
		require.Equal(t, want, lines)
	}

	r.Studies = nil
	page.Reset()
	r.document(&page)
	require.NotContains(t, page.String(), "##")
	require.Contains(t, page.String(), "`go run ./bench -json bench.json`")
}

// requireRows finds a line for every number of a study, and returns the names of what it has.
func requireRows(t *testing.T, st study, table, page string) (names []string) {
	t.Helper()
	for _, p := range st.Parts {
		names = append(names, p.Name)
		require.Regexp(t, `(?m)^`+p.Name+` +\d+ +\d+\.\d +\d+\.\d\d +\d+\.\d\d$`, table)
		require.NotEmpty(t, partNames[p.Name], p.Name)
		require.Contains(t, page, "\n| "+partNames[p.Name]+" | ")
		if st.Name == studyAge {
			require.Len(t, p.Rounds, 1)
			require.Equal(t, ends-1, p.Rounds[0].Operations)
		} else {
			require.Len(t, p.Rounds, 2, p.Name)
		}
	}
	for _, q := range st.Ratios {
		names = append(names, q.Name)
		require.Regexp(t, `(?m)^`+q.Name+` +\d+ +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d  `, table)
		require.NotEmpty(t, ratioNames[q.Name], q.Name)
		require.Contains(t, page, "\n| "+ratioNames[q.Name]+" | ")
	}
	for _, f := range st.Figures {
		names = append(names, f.Name)
		require.Regexp(t, `(?m)^`+f.Name+` +-?\d+\.\d +-?\d+\.\d +-?\d+\.\d  `+f.Unit+`$`, table)
		require.Contains(t, page, "\n| "+f.Name+", "+f.Unit+" | ")
	}
	return names
}

// A ratio of costs rises when the large table is slower.
func TestStudyRatios(t *testing.T) {
	small, large := measured{Name: partSmall, Clients: many}, measured{Name: partLarge, Clients: many}
	small.add(sample{PerSecond: 3000})
	large.add(sample{PerSecond: 2000})
	q := compare([]measured{small, large}, []comparison{{"large/small", partLarge, partSmall, many, cost, 0, 1.3, ""}})
	require.Len(t, q, 1)
	require.InDelta(t, 1.5, q[0].Value, 1e-9)
	require.Equal(t, "at most 1.30", q[0].aim())
}

func TestInterruptedStudy(t *testing.T) {
	url := mysqltest.RootURL(t)
	db, err := openDatabase(t.Context(), url)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &report{Settings: settings{Rounds: 1, Duration: 20 * time.Millisecond, BcryptCost: 4, LoginClients: 4, Families: 10_000}}
	program, err := buildServer(ctx, t.TempDir())
	if err == nil {
		err = r.measureStudies(ctx, &lab{r.Settings, db, program, &cancelAt{text: "cleanup of 200 families", cancel: cancel}})
	}
	require.NoError(t, db.close())
	require.Error(t, err)
	require.ErrorIs(t, ctx.Err(), context.Canceled, err)
	requireEmpty(t, url)

	var table bytes.Buffer
	r.writeTable(&table)
	require.Contains(t, table.String(), "\n# "+studyAge+": ")
	require.Contains(t, table.String(), "\nrefresh, no cleanup ")
	require.NotContains(t, table.String(), studyMemory)
	require.Contains(t, table.String(), "The run did not come to its end.")
}

// A cleanup that fails, or removes another number than was added, must not pass for a measurement.
func TestCleanupIsChecked(t *testing.T) {
	db, err := openDatabase(t.Context(), mysqltest.RootURL(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	program, err := buildServer(t.Context(), t.TempDir())
	require.NoError(t, err)
	l := &lab{settings{LoginClients: 1}, db, program, new(bytes.Buffer)}
	fine := func(context.Context) error { time.Sleep(time.Millisecond); return nil }
	err = l.withServer(t.Context(), db.url, 4, func(ctx context.Context, s *server) error {
		c, err := dial(ctx, s.addr)
		require.NoError(t, err)
		_, err = c.login(demoUsers[0].email, demoUsers[0].password) // which takes longer than the cleanup that the server makes at its start
		require.NoError(t, err)
		require.NoError(t, l.addExpired(ctx, 7))
		got, took, err := duringCleanup(ctx, s, 7, []operation{fine})
		require.NoError(t, err)
		require.Positive(t, took)
		require.Positive(t, got.Operations)
		_, _, err = duringCleanup(ctx, s, 7, []operation{fine})
		require.ErrorContains(t, err, `printed "0 ended sessions deleted\n"`)
		broken := errors.New("broken")
		require.NoError(t, l.addExpired(ctx, 7))
		_, _, err = duringCleanup(ctx, s, 7, []operation{func(context.Context) error { return broken }})
		require.ErrorIs(t, err, broken)
		return nil
	})
	require.NoError(t, err)
}

// A replay that was let through, a logout that was refused, and a session that lives on are failures, not latencies.
func TestEndIsChecked(t *testing.T) {
	reply := func(status string) string {
		if strings.HasPrefix(status, "204") {
			return "HTTP/1.1 " + status + "\n\n"
		}
		return "HTTP/1.1 " + status + "\nContent-Length: 0\n\n"
	}
	for _, c := range []struct {
		status      int
		first, then string
		want        string
	}{
		{401, "401 Unauthorized", "401 Unauthorized", ""},
		{204, "204 No Content", "401 Unauthorized", ""},
		{401, "200 OK", "", "answered with 200, not 401"},
		{204, "503 Service Unavailable", "", "answered with 503, not 204"},
		{401, "401 Unauthorized", "200 OK", "a refresh was answered with 200"},
		{204, "204 No Content", "503 Service Unavailable", "a refresh was answered with 503"},
	} {
		conn, err := dial(t.Context(), canned(t, reply(c.first), reply(c.then)))
		require.NoError(t, err)
		_, err = conn.end(aged{"first", "current"}, "/", "first", c.status)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 10_000_000: "10,000,000"} {
		require.Equal(t, want, thousands(n))
	}
}
