package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/course"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// story is a scenario as list -json prints it.
type story struct {
	ID     string              `json:"id"`
	Title  string              `json:"title"`
	Level  conformance.Level   `json:"level"`
	Stage  int                 `json:"stage"`
	Refs   []conformance.Ref   `json:"refs,omitempty"`
	Why    string              `json:"why"`
	Hint   string              `json:"hint"`
	Checks []conformance.Check `json:"checks"`
}

func listVerb(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("conformance list", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // a wrong flag is one line
	checks := fs.Bool("checks", false, "also every check")
	asJSON := fs.Bool("json", false, "as JSON")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprint(stdout, "conformance list [-checks] [-json] [PATTERN …]: the stories in teaching order\n\n")
		fs.VisitAll(func(f *flag.Flag) { describe(stdout, f) })
		return exitConforms
	} else if err != nil {
		return fail(stderr, exitUsage, err)
	}
	selected, err := conformance.Select(fs.Args())
	if err != nil {
		return fail(stderr, exitUsage, err)
	}
	if *asJSON {
		return listJSON(selected, stdout, stderr)
	}
	total := 0
	for _, s := range selected {
		_, _ = fmt.Fprintf(stdout, "%-2d %-6s %-24s %2d checks  %s\n", s.Stage, s.Level, s.ID, len(s.Checks), s.Title)
		total += len(s.Checks)
		for _, c := range s.Checks {
			if *checks {
				_, _ = fmt.Fprintf(stdout, "           %-6s %s/%s  %s\n", levelOf(s, c), s.ID, c.Slug, c.Text)
			}
		}
	}
	_, _ = fmt.Fprintf(stdout, "%d stories, %d checks\n", len(selected), total)
	return exitConforms
}

func listJSON(selected []conformance.Scenario, stdout, stderr io.Writer) int {
	stories := make([]story, len(selected))
	for i, s := range selected {
		for j := range s.Checks {
			s.Checks[j].Level = levelOf(s, s.Checks[j])
		}
		stories[i] = story{s.ID, s.Title, s.Level, s.Stage, s.Refs, s.Why, s.Hint, s.Checks}
	}
	e := json.NewEncoder(stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(stories); err != nil {
		return fail(stderr, exitUsage, err)
	}
	return exitConforms
}

func levelOf(s conformance.Scenario, c conformance.Check) conformance.Level {
	if c.Level != "" {
		return c.Level
	}
	return s.Level
}

func explainVerb(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return fail(stderr, exitUsage, errors.New("explain wants one story, for example: conformance explain reuse.revokes-family"))
	}
	id, _, _ := strings.Cut(args[0], "/")
	for _, s := range conformance.Scenarios() {
		if s.ID == id {
			explain(stdout, s)
			return exitConforms
		}
	}
	return fail(stderr, exitUsage, fmt.Errorf("there is no story %q; nearest: %s", id, strings.Join(conformance.Nearest(id), ", ")))
}

func explain(w io.Writer, s conformance.Scenario) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("%s  (%s, stage %d: %s)\n%s\n\n", s.ID, s.Level, s.Stage, course.Title(s.Stage), s.Title)
	p("If it does not hold: %s.\n\nWhat to try: %s.\n\nChecks:\n", s.Why, s.Hint)
	for _, c := range s.Checks {
		p("  %-6s %-22s %s\n", levelOf(s, c), c.Slug, c.Text)
	}
	p("\nSources:\n")
	for _, r := range s.Refs {
		p("  %s\n", r)
	}
	p("\nSee it alone: conformance -target URL -run %s -v\n", s.ID)
}

// verifyVerb reads a JSON report strictly: exit 0 if it is whole and consistent, whatever its verdict.
func verifyVerb(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return fail(stderr, exitUsage, errors.New("verify wants one file, for example: conformance verify report.json"))
	}
	f, err := os.Open(args[0])
	if err != nil {
		return fail(stderr, exitUsage, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	rep, err := report.Verify(f)
	if err != nil {
		return fail(stderr, exitFails, fmt.Errorf("%s: %w", args[0], err))
	}
	what := "a whole report of"
	if rep.Stopped() {
		what = "the report, sound as far as it goes, of a run that was stopped before its end at"
	}
	_, _ = fmt.Fprintf(stdout, "%s: %s %s by suite %s: %s\n", args[0], what, rep.Target, rep.Suite, report.Sentence(rep))
	return exitConforms
}
