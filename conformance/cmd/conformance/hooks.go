package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// hooks are what the suite is given beside the target's address: shell commands that do what HTTP cannot, and keys.
type hooks struct{ advance, admin, restart, outage, jwks string }

func (h *hooks) flags(fs *flag.FlagSet, o *conformance.Options) {
	fs.StringVar(&h.advance, "advance", "", "shell `command` that moves the target's clock forward by the seconds in $SECONDS_TO_ADVANCE; or $CONFORMANCE_ADVANCE")
	fs.StringVar(&h.admin, "admin", "", "shell `command` that changes a user at the target: $ACTION is disable, enable or passwd, of $EMAIL, to $PASSWORD; or $CONFORMANCE_ADMIN")
	fs.StringVar(&h.restart, "restart", "", "shell `command` that restarts the target and returns when it is up again; or $CONFORMANCE_RESTART")
	fs.StringVar(&h.outage, "outage", "", "shell `command` that takes the target's database away when $OUTAGE is begin, and gives it back when it is end; or $CONFORMANCE_OUTAGE")
	fs.StringVar(&h.jwks, "jwks", "", "`URL or file` of the public keys that verify access tokens, as a JSON Web Key Set or PEM, for the stories that mistake them for secrets")
	fs.Func("logs", "`file` that the target logs to, in which no secret may stand; repeatable", func(v string) error {
		o.Logs = append(o.Logs, v)
		return nil
	})
}

// complete makes functions of the commands. Those of the environment are not the flags' defaults, which -h would print.
func (h *hooks) complete(o *conformance.Options, getenv func(string) string) (err error) {
	if h.admin == "" {
		h.admin = getenv("CONFORMANCE_ADMIN")
	}
	if h.restart == "" {
		h.restart = getenv("CONFORMANCE_RESTART")
	}
	if h.advance == "" {
		h.advance = getenv("CONFORMANCE_ADVANCE")
	}
	if h.outage == "" {
		h.outage = getenv("CONFORMANCE_OUTAGE")
	}
	if h.advance != "" {
		o.Advance = func(ctx context.Context, d time.Duration) error {
			return shell(ctx, h.advance, "SECONDS_TO_ADVANCE="+strconv.Itoa(int(d.Seconds())))
		}
	}
	if h.admin != "" {
		o.Admin = func(ctx context.Context, a conformance.AdminAction) error {
			return shell(ctx, h.admin, "ACTION="+a.Action, "EMAIL="+a.Email, "PASSWORD="+a.Password)
		}
	}
	if h.outage != "" {
		o.Outage = func(ctx context.Context, begin bool) error {
			return shell(ctx, h.outage, "OUTAGE="+map[bool]string{true: "begin", false: "end"}[begin])
		}
	}
	if h.restart != "" {
		o.Restart = func(ctx context.Context) error { return shell(ctx, h.restart) }
	}
	switch {
	case h.jwks == "":
	case strings.HasPrefix(h.jwks, "http://"), strings.HasPrefix(h.jwks, "https://"):
		o.JWKS, err = fetch(h.jwks)
	default:
		o.JWKS, err = os.ReadFile(h.jwks)
	}
	if err != nil {
		return fmt.Errorf("cannot read the public keys: %w", err)
	}
	return nil
}

// fetch gets a small document.
func fetch(address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}

// shell runs a command to its end. What it leaves running in the background, as a restart may, keeps a file and no pipe of ours, so nobody waits
// for that.
func shell(ctx context.Context, command string, env ...string) (err error) {
	out, err := os.CreateTemp("", "conformance-hook-")
	if err != nil {
		return fmt.Errorf("keep what the command prints: %w", err)
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }() // a temporary file
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w%s", err, printed(out))
	}
	return nil
}

// printed is the end of what a command printed, on one line.
func printed(f *os.File) string {
	const most = 2000
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return ""
	}
	words := strings.Fields(string(text[max(0, len(text)-most):]))
	if len(text) > most {
		words = words[1:] // cut in the middle, perhaps of a secret that would not be known any more
	}
	return ": " + strings.Join(words, " ")
}

// hidden are the flags whose values may hold secrets. A line that repeats the run has a variable of the shell instead, of the name that the
// environment has for the flag.
var hidden = map[string]string{
	"jwt-secret": "CONFORMANCE_JWT_SECRET", "admin": "CONFORMANCE_ADMIN", "restart": "CONFORMANCE_RESTART", "advance": "CONFORMANCE_ADVANCE",
	"outage": "CONFORMANCE_OUTAGE", "dsn": "CONFORMANCE_DSN",
}

// rerun is this command line without its -run and -report, up to the -run of a single story.
func rerun(args []string) string { return again("", args) + " -run" }

// again is a command line of a verb without what belongs to one run alone, and without secrets: passwords are those variables that a curl script
// takes them from.
func again(verb string, args []string, leave ...string) string {
	line, users := strings.TrimSuffix(self+" "+verb, " "), 0
	leave = append(leave, "run", "report", "repro")
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		left := slices.Contains(leave, name)
		if (left || name == "user" || hidden[name] != "") && !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch {
		case left:
		case name == "user":
			users++
			email, _, _ := strings.Cut(value, ":")
			line += fmt.Sprintf(` -user %s:"$PASSWORD_%d"`, quoted(email), users)
		case hidden[name] != "":
			line += fmt.Sprintf(` -%s "$%s"`, name, hidden[name])
		default:
			line += " " + quoted(withoutPassword(args[i]))
		}
	}
	return line
}

// unset are the variables of a line that again made which the environment does not have; "" if it has them all.
func unset(line string, getenv func(string) string) string {
	var names []string
	for _, m := range variable.FindAllStringSubmatch(line, -1) {
		if getenv(m[1]) == "" && !slices.Contains(names, "$"+m[1]) {
			names = append(names, "$"+m[1])
		}
	}
	return strings.Join(names, ", ")
}

var variable = regexp.MustCompile(`"\$(CONFORMANCE_[A-Z_]+|PASSWORD_\d+)"`)

// withoutPassword is an argument, in which no URL has a password.
func withoutPassword(arg string) string {
	flag, address := "", arg
	if i := strings.Index(arg, "=http"); i >= 0 && strings.HasPrefix(arg, "-") {
		flag, address = arg[:i+1], arg[i+1:]
	}
	var parts []string
	for part := range strings.SplitSeq(address, ",") {
		if u, err := url.Parse(part); err == nil && u.User != nil {
			part = u.Redacted()
		}
		parts = append(parts, part)
	}
	return flag + strings.Join(parts, ",")
}

// quoted is an argument as a shell takes it.
func quoted(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:@%+,"
	if strings.Trim(arg, plain) == "" && arg != "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
