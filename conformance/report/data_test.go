package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// judge runs the suite, or the stories that match, against a server with the faults. It returns the report, what the command would have
// printed, and every secret that crossed the wire.
func judge(faults []string, run ...string) (*conformance.Report, string, []string, error) {
	var ahead atomic.Int64
	accounts := map[string]string{}
	for _, u := range conformance.DemoUsers() {
		accounts[u.Email] = u.Password
	}
	server, err := faulty.New(faulty.Options{
		Faults: faults, Users: accounts, Secure: true, Window: 10 * time.Millisecond,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	if err != nil {
		return nil, "", nil, err
	}
	target := httptest.NewServer(server)
	defer target.Close()
	front, secrets := spy(target.URL)
	defer front.Close()
	rep, text, err := conform(conformance.Options{
		Target: front.URL, Run: run, Production: true, RaceRounds: 3, Patience: time.Nanosecond,
		Advance: func(_ context.Context, d time.Duration) error { ahead.Add(int64(d)); return nil },
	})
	return rep, text, secrets(), err
}

// served are the options for judging a server with the faults, which is closed with the test.
func served(t *testing.T, faults ...string) conformance.Options {
	t.Helper()
	server, err := faulty.New(faulty.Options{Faults: faults, Window: 10 * time.Millisecond})
	require.NoError(t, err)
	target := httptest.NewServer(server)
	t.Cleanup(target.Close)
	return conformance.Options{Target: target.URL, RaceRounds: 3, Patience: time.Nanosecond}
}

func conform(o conformance.Options) (*conformance.Report, string, error) {
	var out bytes.Buffer
	text := report.Text{W: &out, Rerun: "conformance -target " + o.Target + " -run"}
	o.Progress = text.Line
	rep, err := conformance.Run(context.Background(), o)
	if err == nil {
		text.Summary(rep)
	}
	return rep, out.String(), err
}

// spy passes everything on and remembers every secret that the target gave out or was given.
func spy(target string) (*httptest.Server, func() []string) {
	u, _ := url.Parse(target) // httptest's own
	var mu sync.Mutex
	var secrets []string
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		defer mu.Unlock()
		var answer struct {
			Access string `json:"access_token"`
		}
		if json.Unmarshal(body, &answer) == nil && answer.Access != "" {
			secrets = append(secrets, answer.Access)
		}
		for _, c := range r.Cookies() {
			if c.Value != "" {
				secrets = append(secrets, c.Value)
			}
		}
		return nil
	}
	return httptest.NewServer(proxy), func() []string { mu.Lock(); defer mu.Unlock(); return secrets }
}

// outcome is a whole run; it is the same for every test that looks at it, and no writer may change it.
type outcome struct {
	rep     *conformance.Report
	text    string
	secrets []string
}

func once(faults ...string) func(*testing.T) outcome {
	run := sync.OnceValues(func() (o outcome, err error) {
		o.rep, o.text, o.secrets, err = judge(faults)
		return o, err
	})
	return func(t *testing.T) outcome {
		t.Helper()
		o, err := run()
		require.NoError(t, err)
		return o
	}
}

var (
	twofold = once("reuse-plain-401", "conc-double-spend")
)

// volatile is what differs between two runs of the same thing.
var volatile = []struct {
	what    string
	pattern *regexp.Regexp
	instead string
}{
	{"port", regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{"duration", regexp.MustCompile(`\d+\.\d s\b`), "SECONDS s"},
	{"duration in XML", regexp.MustCompile(` time="[0-9.]+"`), ` time="SECONDS"`},
	{"start", regexp.MustCompile(`timestamp="[^"]+"`), `timestamp="START"`},
	{"version", regexp.MustCompile(`([Ss]uite )[^ ,]+,`), "${1}VERSION,"},
	{"version in XML", regexp.MustCompile(`(name="suite" value=)"[^"]+"`), `$1"VERSION"`},
	{"digest", regexp.MustCompile(`(catalogue (?:<code>)?)[0-9a-f]{12}`), "${1}DIGEST"},
	{"digest in XML", regexp.MustCompile(`(name="catalogue" value=)"[^"]+"`), `$1"DIGEST"`},
}

// golden compares with a file, volatile parts replaced by their names.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for _, v := range volatile {
		got = v.pattern.ReplaceAllString(got, v.instead)
	}
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./conformance/report -update writes it")
	require.Equal(t, string(want), got, "if that is meant: go test ./conformance/report -update, and read the diff")
}

func render(t *testing.T, format string, r *conformance.Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Write(format, &b, r))
	return b.String()
}

func TestFormats(t *testing.T) {
	require.Equal(t, []string{"json", "junit", "html", "md"}, report.Formats())
	err := report.Write("xml", io.Discard, &conformance.Report{})
	require.EqualError(t, err, `there is no report format "xml"; there are json, junit, html, md`)
	for _, f := range report.Formats() {
		require.ErrorIs(t, report.Write(f, broken{}, twofold(t).rep), errBroken, "%s: an error of the writer is told", f)
		require.NotEmpty(t, render(t, f, &conformance.Report{}), "%s: of an empty report", f)
	}
}

var errBroken = errors.New("disk full")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
