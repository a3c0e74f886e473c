package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/report"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

// command is the parsed command line of the verb run.
type command struct {
	target
	reports    [][2]string // format, file
	expect     string
	hooks      hooks
	dsn        string
	limits     storage.Limits
	repro      string // directory
	verbose    bool
	noColor    bool
	requireAll bool
}

func parse(args []string, getenv func(string) string, stdout io.Writer) (*command, error) {
	c := &command{}
	fs := flag.NewFlagSet("conformance", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // a wrong flag is one line, not the whole help
	fs.Usage = func() {}
	c.targetFlags(fs)
	c.openingFlags(fs, getenv)
	o := &c.opts
	fs.Func("run", "judge only the stories that match these `patterns`, separated by commas: reuse.replay, reuse.*, or an area such as race", func(v string) error {
		o.Run = append(o.Run, strings.Split(v, ",")...)
		return nil
	})
	formats := strings.Join(report.Formats(), ", ")
	fs.Func("report", "also write a report: `FORMAT=FILE`, repeatable; the formats are "+formats+", the file - is standard output", func(v string) error {
		format, file, _ := strings.Cut(v, "=")
		if file == "" || !slices.Contains(report.Formats(), format) {
			return fmt.Errorf("want FORMAT=FILE, the format one of %s", formats)
		}
		c.reports = append(c.reports, [2]string{format, file})
		return nil
	})
	fs.StringVar(&c.repro, "repro", "", "for each story that fails or warns write a curl script that plays it again into this `directory`; a line says why where curl cannot: a login by a command or of several requests, an answer that is hung up on, a password that only the run knew")
	fs.StringVar(&c.expect, "expect", "", "`file` of known failures, a JSON array of {\"match\", \"expect\": \"fail\" or \"skip\", \"reason\", \"until\"}; a stale entry fails the run")
	fs.BoolVar(&c.requireAll, "require-all", false, "exit 4 if anything was not judged")
	fs.BoolVar(&c.verbose, "v", false, "also show the checks that passed, and what was measured; reports tell the steps of what passed")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		help(stdout, fs)
	}
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected %q; flags come before, and -target names the server", fs.Arg(0))
	}
	return c, c.complete(getenv)
}

// openingFlags are what a target is judged with, beside its address.
func (c *command) openingFlags(fs *flag.FlagSet, getenv func(string) string) {
	o := &c.opts
	fs.StringVar(&o.ExpiryTarget, "expiry-target", "", "base `URL` of a second instance with lifetimes of seconds, for the stories that must see tokens expire")
	fs.StringVar(&o.JWTSecret, "jwt-secret", "", "the `secret` that signs access tokens, for the stories that forge them; or $CONFORMANCE_JWT_SECRET")
	fs.StringVar(&c.dsn, "dsn", "", "the target's database, to look for tokens and passwords in it, read-only: mysql://…, postgres://…, sqlite:///file or the `URL` that SQLAlchemy has; or $CONFORMANCE_DSN")
	fs.IntVar(&c.limits.Rows, "dsn-rows", 200_000, "`rows` to read of each table, the newest")
	fs.IntVar(&c.limits.Bytes, "dsn-bytes", 1<<30, "`bytes` to read of the database in one reading; there are two")
	fs.DurationVar(&c.limits.Time, "dsn-time", 30*time.Second, "longest reading of the database")
	c.hooks.flags(fs, o)
	fs.DurationVar(&o.Leeway, "leeway", 0, "for how long the target still accepts an expired token")
	fs.DurationVar(&o.MaxWait, "max-wait", time.Minute, "longest real wait for tokens to expire")
	fs.BoolVar(&o.Production, "production", false, "the target runs as in production: demand Secure although this is plain http")
	fs.BoolVar(&o.PlainHTTP, "plain-http", false, "users on other hosts come by plain http, where browsers drop Secure cookies: judge what they see")
	fs.BoolVar(&o.Slow, "slow", false, "also what costs some fifty password checks more: the timing of a refused login, and logins that are nearly right")
	fs.IntVar(&o.RaceRounds, "rounds", 8, "`rounds` of each race, 1 to 1000; every round costs a login")
	fs.BoolVar(&c.noColor, "no-color", getenv("NO_COLOR") != "", "no colour on a terminal; or $NO_COLOR")
}

func (c *command) complete(getenv func(string) string) error {
	if r := c.opts.RaceRounds; r < 1 || r > 1000 {
		return fmt.Errorf("-rounds %d: want 1 to 1000", r)
	}
	if c.opts.JWTSecret == "" { // not the flag's default, which -h would print
		c.opts.JWTSecret = getenv("CONFORMANCE_JWT_SECRET")
	}
	if c.dsn == "" {
		c.dsn = getenv("CONFORMANCE_DSN")
	}
	if c.limits.Rows < 1 || c.limits.Bytes < 1 || c.limits.Time <= 0 {
		return errors.New("-dsn-rows, -dsn-bytes and -dsn-time must be more than nothing")
	}
	c.opts.Steps = c.verbose
	if err := c.target.complete(getenv); err != nil {
		return err
	}
	if c.repro != "" {
		if err := os.MkdirAll(c.repro, 0o755); err != nil {
			return fmt.Errorf("-repro %s: %w", c.repro, err)
		}
	}
	for _, r := range c.reports {
		if _, err := os.Stat(filepath.Dir(r[1])); err != nil {
			return fmt.Errorf("-report %s=%s: %w", r[0], r[1], err)
		}
	}
	if c.expect != "" {
		raw, err := os.ReadFile(c.expect)
		if err != nil {
			return fmt.Errorf("cannot read the expectations: %w", err)
		}
		if c.opts.Expect, err = conformance.ParseExpectations(raw); err != nil {
			return fmt.Errorf("%s: %w", c.expect, err)
		}
	}
	return c.hooks.complete(&c.opts, getenv)
}

func runVerb(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parse(args, getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitConforms
	}
	if err != nil {
		return fail(stderr, exitUsage, fmt.Errorf("%w (conformance -h explains the flags)", err))
	}
	out := stdout
	for _, r := range c.reports {
		if r[1] == "-" {
			out = stderr // standard output belongs to the report
		}
	}
	closeDB, code, err := c.openDB(ctx)
	if err != nil {
		return fail(stderr, code, err)
	}
	defer closeDB()
	text := c.text(out, getenv)
	text.Verbose, text.Rerun, text.Scripts = c.verbose, rerun(args), c.repro != ""
	scripts := &scripts{dir: c.repro}
	c.opts.Starting, c.opts.Waiting = text.Starting, text.Waiting
	c.opts.Progress = func(s conformance.StoryResult) { text.Line(scripts.write(s)) }
	rep, err := conformance.Run(ctx, c.opts)
	if rep == nil {
		return fail(stderr, exitCode(nil, err, false), err)
	}
	rep.Run.Rerun = text.Rerun
	if err := scripts.finish(rep); err != nil {
		return fail(stderr, exitUsage, err)
	}
	text.Summary(rep)
	if names := unset(text.Rerun, getenv); names != "" && rep.Verdict > conformance.Pass {
		_, _ = fmt.Fprintf(out, "  rerun: export %s first, as the flags gave it\n", names)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "conformance: interrupted; what stands above was judged until then\n")
	}
	for _, r := range c.reports {
		if werr := write(r[0], r[1], stdout, rep); werr != nil {
			return fail(stderr, exitUsage, werr)
		}
	}
	return exitCode(rep, err, c.requireAll)
}

// openDB opens the target's database, if one is named, for the stories that look into it.
func (c *command) openDB(ctx context.Context) (closeDB func(), code int, err error) {
	if c.dsn == "" {
		return func() {}, 0, nil
	}
	db, err := storage.Open(ctx, c.dsn, c.limits)
	if errors.Is(err, storage.ErrDSN) {
		return nil, exitUsage, fmt.Errorf("-dsn: %w", err)
	} else if err != nil {
		return nil, exitUnavailable, fmt.Errorf("-dsn: %w", err)
	}
	c.opts.Audit = db.Audit
	return func() { _ = db.Close() }, 0, nil // it was only read
}

// text writes for a terminal if out is one.
func (c *command) text(out io.Writer, getenv func(string) string) report.Text {
	live := terminal(out) && getenv("TERM") != "dumb"
	return report.Text{W: out, Live: live, Color: live && !c.noColor, Program: self}
}

func write(format, file string, stdout io.Writer, rep *conformance.Report) error {
	if file == "-" {
		return report.Write(format, stdout, rep)
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	if err := report.Write(format, f, rep); err != nil {
		_ = f.Close() // the first error says it
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return f.Close()
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
