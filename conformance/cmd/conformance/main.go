// Command conformance judges any running implementation of JWT login with rotating refresh tokens, in any language, from outside.
//
//	conformance -target http://127.0.0.1:8080
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Exit codes, for scripts.
const (
	exitConforms    = 0
	exitFails       = 1
	exitUsage       = 2
	exitUnavailable = 3
	exitOpen        = 4
	exitInterrupted = 130
)

// self is how the lines that are printed to be run call this program.
var self = "conformance"

func main() {
	self = started(os.Args[0])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for what the first one asked for
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// started is how a shell starts the program again that it started as this.
func started(as string) string {
	switch path := filepath.ToSlash(as); {
	case strings.Contains(path, "/go-build"): // where go run keeps it for a while
		return "go run ./conformance/cmd/conformance"
	case strings.Contains(path, "/"):
		return quoted(as)
	}
	return "conformance"
}

// run is the whole command; main decides only the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	verb := "run"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "run":
		return runVerb(ctx, args, getenv, stdout, stderr)
	case "probe":
		return probeVerb(ctx, args, getenv, stdout, stderr)
	case "learn":
		return learnVerb(ctx, args, getenv, stdout, stderr)
	case "soak":
		return soakVerb(ctx, args, getenv, stdout, stderr)
	case "list":
		return listVerb(args, stdout, stderr)
	case "explain":
		return explainVerb(args, stdout, stderr)
	case "bugs":
		return bugsVerb(args, stdout, stderr)
	case "verify":
		return verifyVerb(args, stdout, stderr)
	case "version":
		_, _ = fmt.Fprintf(stdout, "conformance %s, catalogue %s\n", conformance.Version(), conformance.CatalogueDigest())
		return exitConforms
	case "help":
		return runVerb(ctx, []string{"-h"}, getenv, stdout, stderr)
	}
	return fail(stderr, exitUsage, fmt.Errorf("unknown verb %q; the verbs are run, learn, probe, list, explain, bugs, verify, soak, version and help", verb))
}

func fail(stderr io.Writer, code int, err error) int {
	_, _ = fmt.Fprintf(stderr, "conformance: %v\n", err)
	return code
}

// exitCode turns a run's outcome into a code.
func exitCode(rep *conformance.Report, err error, requireAll bool) int {
	switch {
	case errors.Is(err, conformance.ErrUsage):
		return exitUsage
	case errors.Is(err, conformance.ErrUnavailable):
		return exitUnavailable
	case err != nil:
		return exitInterrupted
	case rep.Verdict == conformance.Fail:
		return exitFails
	case rep.Verdict == conformance.Pass, rep.Verdict == conformance.Warn:
		if requireAll && rep.Count(conformance.NotJudged) > 0 {
			return exitOpen
		}
		return exitConforms
	}
	return exitOpen
}
