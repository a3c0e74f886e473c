package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

// sources are the texts of Go files that are no tests.
func sources(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, p := range patterns {
		files, err := filepath.Glob(p)
		require.NoError(t, err)
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				all.WriteString(read(t, f))
			}
		}
	}
	return all.String()
}

// captured are the first groups of all matches, each once, in order.
func captured(text, expression string) (all []string) {
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestEvents: the page on operations explains every message that the server logs, and no other.
func TestEvents(t *testing.T) {
	code := sources(t, "../server/*.go", "../internal/session/*.go")
	logged := captured(code, `(?:log|Log)\.(?:Info|Warn|Error)(?:Context)?\((?:[\w.()]+, )?"([^"]+)"`)
	logged = append(logged, captured(code, `LogAttrs\([\w.()]+, slog\.Level\w+, "([^"]+)"`)...)
	slices.Sort(logged)
	logged = slices.DeleteFunc(slices.Compact(logged), func(m string) bool { return strings.HasPrefix(m, "there are no demonstration users") })

	page := read(t, "operations.md")
	_, table, found := strings.Cut(page, "| event | meaning | alert? |\n| --- | --- | --- |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var explained []string
	for row := range strings.Lines(table) {
		explained = append(explained, captured(strings.Split(row, " | ")[0], "`([^`]+)`")...)
	}
	slices.Sort(explained)
	require.Equal(t, logged, slices.Compact(explained))
}

// TestSettings: what the page names in capitals is a setting, or somebody else's.
func TestSettings(t *testing.T) {
	others := []string{"GET", "POST", "COMMIT", "UPDATE", "WARN", "ERROR", "BEFORE_ON_PRIMARY_FAILOVER", "AFTER_SYNC"}
	example := read(t, "../.env.example")
	names := captured(regexp.MustCompile("(?s)```.*?```").ReplaceAllString(read(t, "operations.md"), ""), "`([A-Z_]{3,})[`=]")
	require.Greater(t, len(names), 10)
	for _, name := range names {
		if !slices.Contains(others, name) {
			require.Regexp(t, `(?m)^(# )?`+name+`=`, example)
		}
	}
}

// TestConstants: numbers that the page states stand in the code, which decides them.
func TestConstants(t *testing.T) {
	page := strings.Join(strings.Fields(read(t, "operations.md")), " ")
	for _, c := range []struct{ says, file, code string }{
		{"up to 32 for each replica", "../internal/store/mysql.go", "mysqlPool = 32"},
		{"Connections live 5 minutes at most", "../internal/store/mysql.go", "SetConnMaxLifetime(5 * time.Minute)"},
		{"repeated on new connections for up to 5 seconds", "../server/serve.go", "storeTimeout    = 5 * time.Second"},
		{"more than the 30 s", "../server/serve.go", "WriteTimeout:      30 * time.Second"},
		{"requests under way have 15 seconds", "../server/serve.go", "shutdownTimeout = 15 * time.Second"},
		{"at its start and every hour", "../server/serve.go", "cleanupInterval = time.Hour"},
		{"selects 500 keys", "../internal/session/admin.go", "cleanupBatch = 500"},
		{"pauses for 20 ms", "../internal/session/admin.go", "cleanupPause = 20 * time.Millisecond"},
		{"until the token is 5 minutes old", "../internal/session/refresh.go", "settleTime = 5 * time.Minute"},
		{"more than 5 seconds behind answers", "../internal/session/grace.go", "maxSkew = 5 * time.Second"},
		{"does not answer within 2 seconds", "../server/handlers.go", "readyTimeout = 2 * time.Second"},
		{"failures within 15 minutes", "../internal/throttle/throttle.go", "Window = 15 * time.Minute"},
		{"three times the first (90)", "../internal/throttle/throttle.go", "everywhere = 3"},
		{"`LOGIN_FAILURES_PER_ACCOUNT` (30)", "../server/config.go", `"LOGIN_FAILURES_PER_ACCOUNT", def: "30"`},
		{"`LOGIN_FAILURES_PER_ADDRESS` (100)", "../server/config.go", `"LOGIN_FAILURES_PER_ADDRESS", def: "100"`},
		{"`REFRESH_TOKEN_TTL` (30 days)", "../server/config.go", `"REFRESH_TOKEN_EXPIRES_DAYS", def: "30"`},
		{"`SESSION_MAX_TTL` (90 days)", "../server/config.go", `"SESSION_MAX_TTL", def: "2160h"`},
		{"1213, 1205, 1180, 3101, 9007, 8002, 8022 and 8028", "../internal/store/mysql.go", "8002, 8022, 8028, 9007"},
	} {
		require.Contains(t, page, c.says)
		require.Contains(t, read(t, c.file), c.code, "the page says: %s", c.says)
	}
	require.LessOrEqual(t, strings.Count(read(t, "operations.md"), "\n"), 250)
}
