// Package docs holds the project's documents; its tests hold them to the truth.
package docs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/bugs"
)

// exercises are run by a test of their own, for each has a server of its own.
const exercises = "exercises.md"

// block is a fenced block of shell commands.
type block struct {
	file     string
	notRun   string // the reason, from a comment before it
	commands []string
}

var fence = regexp.MustCompile("(?ms)(?:^<!-- not run: (.*?) -->\n)?^```sh\n(.*?)^```$")

func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	var files []string
	for _, pattern := range []string{"../README*.md", "*.md", "walkthrough/*.md", "??/*.md", "??/walkthrough/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		texts[f] = string(b)
	}
	return texts
}

func blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	for file, text := range documents(t) {
		if filepath.Base(file) == exercises || language(file) != "" { // a translation has the same
			continue
		}
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			all = append(all, block{file, m[1], strings.Split(strings.TrimSpace(m[2]), "\n")})
		}
	}
	return all
}

// byCI are the commands that CI itself calls, since a test cannot run all tests.
var byCI = []string{"make demo", "make test"}

// TestCommands runs every command of every document, in order, against the server that one of them starts.
func TestCommands(t *testing.T) {
	ci, err := os.ReadFile("../.ci/run")
	require.NoError(t, err)
	for _, c := range byCI {
		require.Contains(t, string(ci), "\n"+c+"\n")
	}
	addr := freeAddress(t)
	env := append(os.Environ(), "ADDR="+addr, "BCRYPT_COST=4", "ENV=dev", "JWT_SECRET_KEY=", "DATABASE_URL=sqlite:////"+strings.TrimPrefix(t.TempDir(), "/")+"/docs.db")

	all, ran, notRun, played := blocks(t), 0, 0, playedCommands(t)
	for _, b := range all {
		for _, c := range b.commands {
			if strings.HasPrefix(c, "go run ./server serve") {
				serve(t, c, addr, env)
			}
		}
	}
	for _, b := range all {
		if b.notRun != "" {
			notRun++
			continue
		}
		for _, c := range b.commands {
			if contains(byCI, c) || contains(played, c) || strings.HasPrefix(c, "go run ./server serve") {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(c, "127.0.0.1:8080", addr))
			cmd.Dir, cmd.Env = "..", env
			out, err := cmd.CombinedOutput()
			cancel()
			require.NoError(t, err, "%s: %s\n%s", b.file, c, out)
			ran++
		}
	}
	require.Greater(t, ran, 8)
	require.Equal(t, 2, notRun, "a block that is not run needs a reason, and this number")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// serve starts a server as a document says, and stops it, with what it started, when the test ends.
func serve(t *testing.T, command, addr string, env []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
	cmd.Dir, cmd.Env = "..", env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 2*time.Minute, 100*time.Millisecond, "%s does not listen", command)
}

// TestLinks follows every relative link, to the heading that it names.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	found := 0
	for file, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			to := filepath.Join(filepath.Dir(file), m[1])
			if m[1] == "" {
				to = file
			}
			_, err := os.Stat(to)
			require.NoError(t, err, "%s links to %s", file, m[1])
			if m[2] != "" {
				page, err := os.ReadFile(to)
				require.NoError(t, err)
				require.Contains(t, anchors(string(page)), m[2], "%s links to %s%s", file, m[1], m[2])
			}
		}
	}
	require.NotZero(t, found)
}

// anchors are the headings of a page as GitHub lets others link to them.
func anchors(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		all = append(all, "#"+regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(text, ""))
	}
	return all
}

// TestProfiles reads every profile that a document shows.
func TestProfiles(t *testing.T) {
	found := 0
	for file, text := range documents(t) {
		for _, m := range regexp.MustCompile("(?ms)^```json\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
			found++
			_, err := conformance.ParseProfile([]byte(m[1]))
			require.NoError(t, err, file)
		}
	}
	require.NotZero(t, found)
}

var update = flag.Bool("update", false, "write the generated pages anew")

// TestBugs holds the page of bugs to the catalogue that it is made of.
func TestBugs(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile("bugs.md", []byte(bugs.Markdown()), 0o644))
	}
	page, err := os.ReadFile("bugs.md")
	require.NoError(t, err)
	require.Equal(t, bugs.Markdown(), string(page), "go test ./docs -update writes it")
}

// TestNumbers holds the README to what it counts.
func TestNumbers(t *testing.T) {
	readme := documents(t)["../README.md"]
	checks := 0
	for _, s := range conformance.Scenarios() {
		checks += len(s.Checks)
	}
	if number := fmt.Sprintf("It plays %d stories\n  (%d checks)", len(conformance.Scenarios()), checks); !strings.Contains(readme, number) {
		t.Errorf("the README does not say %q", number)
	}
	kills, err := os.ReadFile("../conformance/testdata/kills.golden")
	require.NoError(t, err)
	caught := 0
	for line := range strings.Lines(string(kills)) {
		if _, by, _ := strings.Cut(strings.TrimSpace(line), ": "); by != "" {
			caught++
		}
	}
	if !strings.Contains(readme, fmt.Sprintf("catches %d known single faults", caught)) {
		t.Errorf("the README does not say that the suite catches %d faults", caught)
	}
	require.Less(t, strings.Count(readme, "\n"), 250)
}
