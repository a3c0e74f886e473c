package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance/bugs"
)

// bugsVerb prints the catalogue of bugs.
func bugsVerb(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("conformance bugs", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		_, _ = fmt.Fprint(stderr, "conformance bugs [-v] [-json|-md] [AREA|PREFIX …]: what real projects got wrong, and the checks that catch it\n")
		fs.PrintDefaults()
	}
	verbose := fs.Bool("v", false, "also the symptom, the requirement and the precedents")
	asJSON := fs.Bool("json", false, "as JSON")
	asMarkdown := fs.Bool("md", false, "the whole catalogue as a page of Markdown")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitConforms
	} else if err != nil {
		return exitUsage
	}
	found := bugs.Find(fs.Args()...)
	switch {
	case len(found) == 0:
		return fail(stderr, exitUsage, fmt.Errorf("no bug's area or ID begins with %s; conformance bugs lists all", strings.Join(fs.Args(), " or ")))
	case *asMarkdown:
		_, _ = fmt.Fprint(stdout, bugs.Markdown())
	case *asJSON:
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(found); err != nil {
			return fail(stderr, exitUsage, err)
		}
	default:
		printBugs(stdout, found, *verbose)
	}
	return exitConforms
}

func printBugs(w io.Writer, found []bugs.Bug, verbose bool) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	caught := 0
	for _, b := range found {
		p("%-8s %s\n         %s\n", b.Severity, b.ID, b.Bug)
		if verbose {
			p("         seen as   %s\n         violates  %s\n", b.Symptom, b.Violates)
		}
		if len(b.Checks) > 0 {
			caught++
			p("         caught by %s\n", strings.Join(b.Checks, " "))
		}
		if b.Unseen != "" {
			p("         not caught: %s\n", b.Unseen)
		}
		for _, l := range b.Links {
			if verbose {
				p("         %s\n", l)
			}
		}
	}
	p("%d classes of bugs, %d of them caught\n", len(found), caught)
}
