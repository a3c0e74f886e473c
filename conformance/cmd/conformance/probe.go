package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

const probeUsage = `conformance probe works out a profile from a running target: where login, refresh and logout are, and how they are spelled.

  conformance probe -target URL -o profile.json [flags]
  conformance probe -target http://127.0.0.1:3000 -user ann@example.com:pw1 -user ben@example.com:pw2 > profile.json

The profile goes to standard output, what was measured and what was guessed to standard error. It costs the target at most 200 requests and
about 20 password checks, one of them wrong (12 with -policy=false). It replays a spent token, for which a server may end all of the user's
sessions. What it measures of the policy becomes a claim, so read that before you commit the profile; what is a defect is said and not claimed.

Exit codes: 0 a profile was found; 2 wrong flags; 3 the target is not available; 4 no login or no refresh was found; 130 interrupted.

Flags:
`

// probing is the parsed command line of the verb probe.
type probing struct {
	opts probe.Options
	out  string
	ca   string
}

func parseProbe(args []string, getenv func(string) string, out io.Writer) (*probing, error) {
	c := &probing{opts: probe.Options{Fields: map[string]string{}, Headers: map[string]string{}}}
	fs := flag.NewFlagSet("conformance probe", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	o, r, policy := &c.opts, &c.opts.Run, true
	fs.StringVar(&r.Target, "target", getenv("CONFORMANCE_TARGET"), "base `URL` of the running server; or $CONFORMANCE_TARGET")
	fs.Func("user", "`email:password` of an account at the target; give it twice, a third gets the wrong password; or $CONFORMANCE_USERS, separated by spaces (default: the demonstration users)", func(v string) error { return addUser(r, v) })
	fs.StringVar(&o.Login, "login", "", "`path` of the login, which is then not searched")
	fs.StringVar(&o.Refresh, "refresh", "", "`path` of the refresh")
	fs.StringVar(&o.Logout, "logout", "", "`path` of the logout")
	fs.StringVar(&o.Me, "me", "", "`path` of an endpoint that wants an access token; - if there is none")
	fs.StringVar(&o.OpenAPI, "openapi", "", "`file or URL` of the target's OpenAPI document (default: looked for at the usual places)")
	pair := func(m map[string]string) func(string) error {
		return func(v string) error {
			name, value, ok := strings.Cut(v, "=")
			if !ok || name == "" {
				return errors.New("want NAME=VALUE")
			}
			m[name] = value
			return nil
		}
	}
	fs.Func("field", "`name=value` that the body of every call has besides, such as client_id=web; repeatable", pair(o.Fields))
	fs.Func("header", "`name=value` of a header that every call has, such as apikey=…; repeatable", pair(o.Headers))
	fs.BoolVar(&r.AllowRemote, "allow-remote", false, "the target may be another host; a probe sends a wrong password there")
	fs.BoolVar(&r.InsecureCookies, "insecure-cookies", false, "send Secure cookies over plain http to another host too")
	fs.StringVar(&c.ca, "ca", "", "`file` of certificates in PEM to trust, for a target with one of its own")
	fs.DurationVar(&r.RequestTimeout, "timeout", 10*time.Second, "of one request")
	fs.BoolVar(&policy, "policy", true, "also measure the policy (rotation, grace, what a replay ends …): about eight logins more, and as long as a grace lasts")
	fs.StringVar(&c.out, "o", "", "write the profile to this `file` instead of standard output")
	err := fs.Parse(args)
	o.NoPolicy = !policy
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(out)
		_, _ = fmt.Fprint(out, probeUsage)
		fs.PrintDefaults()
	}
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected %q; flags come before, and -target names the server", fs.Arg(0))
	}
	if err := trust(r, c.ca); err != nil {
		return nil, err
	}
	return c, envUsers(r, getenv)
}

func probeVerb(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parseProbe(args, getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitConforms
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "conformance: %v\nconformance probe -h explains the flags\n", err)
		return exitUsage
	}
	c.opts.Progress = func(step string) { _, _ = fmt.Fprintln(stderr, step) }
	r, err := probe.Run(ctx, c.opts)
	switch {
	case ctx.Err() != nil:
		return fail(stderr, exitInterrupted, errors.New("interrupted; there is no profile"))
	case errors.Is(err, probe.ErrNotFound):
		return fail(stderr, exitOpen, err)
	case err != nil:
		return fail(stderr, exitCode(nil, err, false), err)
	}
	if c.out == "" {
		_, err = stdout.Write(r.JSON)
	} else {
		err = os.WriteFile(c.out, r.JSON, 0o644)
	}
	if err != nil {
		return fail(stderr, exitUsage, fmt.Errorf("cannot write the profile: %w", err))
	}
	comment(stderr, r)
	_, _ = fmt.Fprintf(stderr, "\nnext: %s\n", next(c, r))
	return exitConforms
}

// comment says where each member comes from.
func comment(w io.Writer, r *probe.Result) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	for _, f := range r.Findings {
		how := "guessed"
		if f.Measured {
			how = "measured"
		}
		p("%-22s %-28s %s: %s\n", f.Member, f.Value, how, f.Evidence)
	}
	p("\n")
	for _, n := range r.Notes {
		p("%s\n", n)
	}
	for _, s := range r.Stories {
		p("the suite with this profile: %s %s", strings.ToUpper(s.Verdict.String()), s.ID)
		if s.Reason != "" {
			p(" (%s)", s.Reason)
		}
		p("\n")
		for _, c := range s.Checks {
			switch {
			case c.Verdict < conformance.Warn:
			case c.Want == "": // the story ended before it
				p("  %s %s: %s\n", c.Verdict, c.ID, c.Got)
			default:
				p("  %s %s: want %s, got %s\n", c.Verdict, c.ID, c.Want, c.Got)
			}
		}
	}
	for _, u := range r.Unclaimed {
		p("DEFECT: %s; a run with this profile fails\n", u)
	}
	if r.Preset != "" && r.Preset != "kit" {
		p("the preset says the same: -profile %s\n", r.Preset)
	}
	p("spent: %d requests, %d password checks\n", r.Requests, r.PasswordChecks)
}

// next is the command that judges the target with the profile, without passwords.
func next(c *probing, r *probe.Result) string {
	line := self + " -target " + c.opts.Run.Target
	switch {
	case c.out != "" && strings.ContainsAny(c.out, "./\\"):
		line += " -profile " + c.out
	case c.out != "":
		line += " -profile ./" + c.out
	case r.Preset == "kit": // which is the default
	case r.Preset != "":
		line += " -profile " + r.Preset
	default:
		line += " -profile profile.json"
	}
	line += strings.Repeat(" -user EMAIL:PASSWORD", len(c.opts.Run.Users))
	if c.opts.Run.AllowRemote {
		line += " -allow-remote"
	}
	if c.opts.Run.InsecureCookies {
		line += " -insecure-cookies"
	}
	if c.ca != "" {
		line += " -ca " + c.ca
	}
	return line
}
