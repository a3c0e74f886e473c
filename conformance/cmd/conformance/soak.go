package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance/history"
)

const soakUsage = `conformance soak uses a running server for a while, as many clients at once: logins, refreshes, replays of spent tokens, logouts, and races
between them. Every answer is recorded, and each session's history checked: is there an order of the calls in which one token family gives
these answers? Time-outs, lost connections and 5xx ("unknown outcomes") may have had their effect or not.

A session is lost when a call was not answered, and afterwards the newest token that its client has is refused. With a grace that should
not happen (-max-lost 0 -gentle). Break what is behind the server meanwhile, restart it, kill it: all that is asked is that it serves again at the end.

Linearizable means that no session was impossible, not that none can be: a hole that is narrow is hit by chance. Each login buys one event,
of which about a third are races for a token. The last line counts them; more come of a longer -duration or a higher -login-rate, which a
bcrypt cost for the trial alone makes bearable.

  conformance soak -target http://127.0.0.1:8080
  conformance soak -target http://127.0.0.1:8081,http://127.0.0.1:8082 -clients 32 -duration 1h -out soak

Exit codes: 0 linearizable; 1 a session is impossible, or a 500 was answered (any 5xx but 502, 503 and 504), or more sessions were lost than
-max-lost allows; 2 wrong flags; 3 the target is not available, or does not serve at the end; 4 not established; 130 interrupted.

Flags:
`

// soakCommand is the parsed command line of the verb soak.
type soakCommand struct {
	target
	options history.Options
	out     string
	json    string
	maxLost int // -1: any number
}

func parseSoak(args []string, getenv func(string) string, out io.Writer) (*soakCommand, error) {
	c := &soakCommand{}
	fs := flag.NewFlagSet("conformance soak", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // a wrong flag is one line, not the whole help
	fs.Usage = func() {}
	c.targetFlags(fs)
	fs.IntVar(&c.options.Clients, "clients", 16, "how many clients there are; each waits for its answers")
	fs.DurationVar(&c.options.Duration, "duration", 30*time.Second, "how long they go on")
	fs.Float64Var(&c.options.LoginRate, "login-rate", 2, "logins per second, after one for each client; each costs the target a password hash")
	fs.BoolVar(&c.options.FailFast, "fail-fast", false, "end when the first session is impossible, unless it failed closed")
	fs.BoolVar(&c.options.Gentle, "gentle", false, "only refresh and log out: for a server in trouble, to count the sessions that it loses")
	fs.DurationVar(&c.options.Recovery, "recovery", 20*time.Second, "how long the target may take to serve again when it is all over")
	fs.IntVar(&c.maxLost, "max-lost", -1, "how many sessions may be lost; -1: any number")
	fs.StringVar(&c.json, "json", "", "`file` for the result, for programs")
	fs.StringVar(&c.out, "out", "", "`directory` for pictures of what is impossible, as HTML")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(out)
		_, _ = fmt.Fprint(out, soakUsage)
		fs.PrintDefaults()
	}
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected %q; flags come before, and -target names the server", fs.Arg(0))
	}
	if c.options.Clients == 0 || c.options.Duration == 0 || c.options.LoginRate == 0 || c.options.Recovery == 0 {
		return nil, errors.New("-clients, -duration, -login-rate and -recovery want more than 0")
	}
	if c.json != "" { // what cannot be written is said before the run, and no older verdict is left
		f, err := os.OpenFile(c.json, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return nil, fmt.Errorf("-json: %w", err)
		}
		_ = f.Close() // nothing was written
	}
	if c.out != "" {
		if err := os.MkdirAll(c.out, 0o755); err != nil {
			return nil, fmt.Errorf("-out: %w", err)
		}
	}
	if err := c.complete(getenv); err != nil {
		return nil, err
	}
	c.options.Target = c.opts
	return c, nil
}

func soakVerb(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parseSoak(args, getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitConforms
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "conformance: %v\nconformance soak -h explains the flags\n", err)
		return exitUsage
	}
	progress := progressLine{w: stderr, inPlace: terminal(stderr)}
	c.options.Progress = progress.show
	result, err := history.Run(ctx, c.options)
	progress.end()
	if result == nil {
		return fail(stderr, exitCode(nil, err, false), err)
	}
	pictures, werr := c.writePictures(result)
	if werr = errors.Join(werr, c.writeJSON(result), result.Text(stdout, pictures)); werr != nil {
		return fail(stderr, exitUsage, werr)
	}
	verdict, _ := result.Verdict()
	switch {
	case err != nil:
		return exitInterrupted
	case verdict == history.NotLinearizable, verdict == history.Faulty:
		return exitFails
	case verdict == history.NotServing:
		return exitUnavailable
	case c.maxLost >= 0 && result.Lost > c.maxLost:
		return fail(stderr, exitFails, fmt.Errorf("%d sessions were lost, and -max-lost allows %d", result.Lost, c.maxLost))
	case verdict == history.NotEstablished:
		return exitOpen
	}
	return exitConforms
}

func (c *soakCommand) writeJSON(r *history.Result) error {
	if c.json == "" {
		return nil
	}
	f, err := os.Create(c.json)
	if err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	if err := errors.Join(r.JSON(f), f.Close()); err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	return nil
}

// writePictures writes a file for each violation that is shown, and returns their names.
func (c *soakCommand) writePictures(r *history.Result) (names []string, err error) {
	if c.out == "" {
		return nil, nil
	}
	for i, v := range r.Violations {
		name := filepath.Join(c.out, fmt.Sprintf("violation-%d.html", i+1))
		f, err := os.Create(name)
		if err != nil {
			return nil, fmt.Errorf("cannot write a picture: %w", err)
		}
		if err := errors.Join(v.HTML(f), f.Close()); err != nil {
			return nil, fmt.Errorf("cannot write a picture: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}

// progressLine shows where a soak stands: on a terminal in one line, else in a new one each time.
type progressLine struct {
	w       io.Writer
	inPlace bool
	shown   bool
}

func (p *progressLine) show(now history.Progress) {
	p.shown = true
	if p.inPlace {
		_, _ = fmt.Fprintf(p.w, "\r\033[K%v", now)
		return
	}
	_, _ = fmt.Fprintln(p.w, now)
}

// end leaves an empty line for what follows.
func (p *progressLine) end() {
	if p.inPlace && p.shown {
		_, _ = fmt.Fprint(p.w, "\r\033[K")
	}
}
