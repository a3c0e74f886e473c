package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// play is a run of the suite against a server of cmd/faulty, both as their commands.
type play struct {
	server, judge string // as a reader would type them
	only          string // "report", "drawing", or both: ""

	exit    int
	printed string // by the judge, without the summary
	drawing string
	err     error
}

const (
	goRun      = "go run ./conformance/cmd/"
	faultyAddr = "127.0.0.1:8081" // the default, and what the pages say
)

// wrong are the flags that make a server of which the suite has more to say.
var wrong = regexp.MustCompile(` -(fault|exercise|grace-answer) `)

// newPlay reads the arguments of a run's marker.
func newPlay(arguments string) (*play, error) {
	parts := strings.Split(arguments, " | ")
	p := &play{server: goRun + "faulty"}
	flags := " -target http://" + faultyAddr
	for _, part := range parts[1:] {
		switch program, f, _ := strings.Cut(part, " "); program {
		case "faulty":
			p.server += " " + f
		case "conformance":
			flags += " " + f
		case "report", "drawing":
			p.only = part
		default:
			return nil, fmt.Errorf("%q in %q: want faulty, conformance, report or drawing", part, arguments)
		}
	}
	p.judge = goRun + "conformance" + flags + " -run " + parts[0]
	if !wrong.MatchString(p.server) {
		p.judge += " -v" // or there would be no more to see than one line
	}
	return p, nil
}

// programs builds the two commands once for all plays.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "docs")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", dir+"/", "../conformance/cmd/...").CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir) // the system's temporary directory is emptied anyway
	}
	os.Exit(code)
}

// place is where a play happens: addresses and files of its own instead of those that the pages name.
type place struct {
	programs, dir string
	addresses     []string
}

var named = regexp.MustCompile(`127\.0\.0\.1:808[1-3]`)

func newPlace() (*place, error) {
	dir, err := programs()
	if err != nil {
		return nil, err
	}
	at := &place{programs: dir}
	if at.dir, err = os.MkdirTemp(dir, "play"); err != nil {
		return nil, err
	}
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // only now, so that all are different
		at.addresses = append(at.addresses, l.Addr().String())
	}
	return at, nil
}

// here turns a command that a page shows into one for this place.
func (at *place) here(command string) string {
	if strings.HasPrefix(command, goRun+"faulty") {
		command += " -addr " + faultyAddr
	}
	command = strings.ReplaceAll(strings.ReplaceAll(command, "/tmp/", at.dir+"/"), goRun, at.programs+"/")
	return named.ReplaceAllStringFunc(command, func(a string) string { return at.addresses[a[len(a)-1]-'1'] })
}

// there is the way back, for what the commands print.
func (at *place) there(printed string) string {
	for i, a := range at.addresses {
		printed = strings.ReplaceAll(printed, a, fmt.Sprintf("127.0.0.1:808%d", i+1))
	}
	return strings.ReplaceAll(strings.ReplaceAll(printed, at.dir+"/", "/tmp/"), at.programs+"/", goRun)
}

// start starts a server, waits until it listens, and returns what stops it.
func (at *place) start(ctx context.Context, command string) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+at.here(command))
	cmd.Dir, cmd.Stdout, cmd.Stderr = "..", &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.addresses[0])
		if err == nil {
			return func() { cancel(); <-ended }, conn.Close()
		}
		select {
		case err := <-ended:
			cancel()
			return nil, fmt.Errorf("%s: %w: %s", command, err, &out)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// do runs a command and returns what it prints, and its exit code.
func (at *place) do(ctx context.Context, command string) (printed string, exit int, err error) {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", at.here(command))
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) && failed.Exited() {
		return at.there(string(out)), failed.ExitCode(), nil
	}
	return at.there(string(out)), 0, err
}

func (p *play) run(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	at, err := newPlace()
	if err != nil {
		p.err = err
		return
	}
	stop, err := at.start(ctx, p.server)
	if err != nil {
		p.err = err
		return
	}
	defer stop()
	out, exit, err := at.do(ctx, p.judge+" -report json=/tmp/report.json")
	if err != nil || exit > 1 {
		p.err = errors.Join(err, fmt.Errorf("%s: exit code %d\n%s", p.judge, exit, out))
		return
	}
	p.exit, p.printed = exit, told(out)
	var rep conformance.Report
	raw, err := os.ReadFile(filepath.Join(at.dir, "report.json"))
	if err == nil {
		err = json.Unmarshal(raw, &rep)
	}
	if p.err = err; err == nil && len(rep.Stories) == 1 {
		p.drawing = steady(at.there(report.Mermaid(rep.Stories[0])))
	}
}

var verdict = regexp.MustCompile(`(?m)^(\nnot judged:|http://\S+: )`)

// volatile is what differs between two runs of the same thing, and what the pages say instead.
var volatile = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?m)^     … .* for tokens to expire, .*\n`), ""},
	{regexp.MustCompile(`last bytes at most \S+ apart`), "last bytes at most … apart"},
	{regexp.MustCompile(`\d+ bytes of log`), "… bytes of log"},
	{regexp.MustCompile(`want at most \d+s`), "want at most … s"}, // what is left of a session, in whole seconds
	{regexp.MustCompile(`SQLite \d[\d.]*`), "SQLite"},
	{regexp.MustCompile(` -report json=/tmp/report\.json`), ""},
}

// told is what is said of the stories, without the verdict and what the run has cost.
func told(out string) string {
	if i := verdict.FindStringIndex(out); i != nil {
		out = out[:i[0]]
	}
	return strings.TrimRight(steady(out), "\n") + "\n"
}

// steady is a text without what is volatile.
func steady(text string) string {
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	return text
}

func (p *play) markdown() string {
	b := &strings.Builder{}
	if p.only != "report" {
		fmt.Fprintf(b, "\n```mermaid\n%s```\n\n", p.drawing)
	}
	if p.only != "drawing" {
		fmt.Fprintf(b, "\n```console\n$ %s &\n$ %s\n%s```\n\n", p.server, p.judge, p.printed)
	}
	return strings.ReplaceAll(b.String(), "\n\n\n", "\n\n")
}

// playedCommands are those that the pages' plays have run.
func playedCommands(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, p := range playAll(t, pages(t)) {
		all = append(all, p.server, p.judge)
	}
	return all
}

// TestPlaysAreRead: a marker with a word that means nothing is no run.
func TestPlaysAreRead(t *testing.T) {
	_, err := newPlay("reuse.replay | fault reuse-plain-401")
	require.ErrorContains(t, err, "want faulty, conformance")
	p, err := newPlay("reuse.replay | faulty -fault x")
	require.NoError(t, err)
	require.Equal(t, "go run ./conformance/cmd/conformance -target http://127.0.0.1:8081 -run reuse.replay", p.judge)
}
