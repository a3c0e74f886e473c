// The reference server: login, refresh and logout with rotating refresh tokens, on MySQL or an embedded SQLite file.
//
//	go run ./server [serve]                        migrate and serve
//	go run ./server migrate up|down|status         the schema
//	go run ./server seed-user                      the two demonstration users, only in ENV=dev
//	go run ./server users add|passwd|disable|enable EMAIL
//	go run ./server cleanup                        delete sessions that ended
//	go run ./server version
//
// It exits with 0 if all went well, 1 if something failed, and 2 if it was called or configured wrongly. A request reads
// from routes.go to handlers.go to internal/session; errors come back through errors.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// app is the world that a command sees. Results go to stdout; logs, prompts and errors to stderr.
type app struct {
	cfg    config
	seed   bool // serve -seed
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// command is one verb of the command line.
type command struct {
	name    string // such as "users add"
	args    string // names of its arguments
	about   string
	more    string // what else one should know before using it
	example string
	signs   bool // needs a signing key
	run     func(ctx context.Context, a *app, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "", "migrate the schema, then serve until SIGINT or SIGTERM (also the default)", "",
			"ADDR=127.0.0.1:9000 go run ./server serve -seed", true, serve},
		{"migrate up", "", "apply all pending migrations, under a lock",
			"serve does so by itself. A database in which another project's tables stand is refused, and not touched.",
			"go run ./server migrate up", false, migrateUp},
		{"migrate down", "", "take back the latest migration, with its data",
			"Its tables are dropped: first those of all sessions, then those of all users. Stop the servers before.",
			"go run ./server migrate down", false, migrateDown},
		{"migrate status", "", "list the migrations", "Each with the time at which it was applied, or as pending. Nothing is changed.",
			"go run ./server migrate status", false, migrateStatus},
		{"seed-user", "", "add the two demonstration users (only in ENV=dev)",
			"They are alice@example.com with alice-demo-password and bob@example.com with bob-demo-password, known to all the world.\n" +
				"A user who is there already is left alone, with the password that he has.",
			"go run ./server seed-user", false, seedUsers},
		{"users add", "EMAIL", "add a user; the password comes from a prompt or standard input", aboutPasswords,
			"pass show jwt-toy/carol | go run ./server users add carol@example.com", false, usersAdd},
		{"users passwd", "EMAIL", "set a user's password, from a prompt or standard input, and end his sessions",
			aboutPasswords + "\nAccess tokens live on until they expire.",
			"go run ./server users passwd carol@example.com", false, usersPasswd},
		{"users disable", "EMAIL", "shut a user out and end his sessions",
			"His logins are then refused as with a wrong password, and his access tokens at once by /me.",
			"go run ./server users disable carol@example.com", false, usersDisable},
		{"users enable", "EMAIL", "let a disabled user in again", "His old sessions stay ended.",
			"go run ./server users enable carol@example.com", false, usersEnable},
		{"cleanup", "", "delete sessions whose absolute life has ended (serve does it every hour)",
			"It deletes a few hundred at a time, so that refreshes pass in between, and may run beside servers and other cleanups.\n" +
				"A session that was revoked stays until its absolute life has ended, so that a replay remains recognisable.",
			"go run ./server cleanup", false, cleanup},
		{"version", "", "print the version", "", "go run ./server version", false, version},
	}
}

const aboutPasswords = "The prompt asks twice, without echo; from standard input the first line is taken. The password is never an argument, which\n" +
	"every user of the machine could read, and has at most 72 bytes, as bcrypt reads no more."

// usageError is a wrong call or configuration: exit code 2.
type usageError struct{ error }

// run is main without its globals. It returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	err := a.dispatch(ctx, args, getenv)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "jwt-toy: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "jwt-toy: %v\n", err)
	return 1
}

// dispatch finds the command, parses its flags, reads the configuration and runs it.
func (a *app) dispatch(ctx context.Context, args []string, getenv func(string) string) error {
	cmd, rest, err := findCommand(args)
	if err != nil || cmd == nil {
		return a.groupHelp(args, err)
	}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors and help are written here, in the words of this program
	set, envFile := addSettingFlags(fs)
	if cmd.name == "serve" {
		fs.BoolVar(&a.seed, "seed", false, "add the demonstration users first (only in ENV=dev)")
	}
	switch err := fs.Parse(rest); {
	case errors.Is(err, flag.ErrHelp):
		cmd.help(a.stdout)
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w; see: go run ./server %s -h", err, cmd.name)}
	case fs.NArg() != len(strings.Fields(cmd.args)):
		return usageError{fmt.Errorf("%s takes %s, flags first; see: go run ./server %s -h", cmd.name, orNothing(cmd.args), cmd.name)}
	}
	if cmd.name != "version" {
		if a.cfg, err = loadConfig(set, getenv, *envFile, cmd.signs); err != nil {
			return usageError{err}
		}
	}
	return cmd.run(ctx, a, fs.Args())
}

// findCommand returns the command that args begin with, and what follows its name. No command, but flags or nothing, is
// serve; a request for help with a group of commands is nil.
func findCommand(args []string) (*command, []string, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"serve"}, args...)
	}
	group := false
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return &c, args[len(words):], nil
		}
		group = group || words[0] == args[0]
	}
	switch {
	case group && len(args) > 1 && isHelp(args[1]), args[0] == "help":
		return nil, nil, nil
	case group:
		return nil, nil, usageError{fmt.Errorf("%s needs one of the verbs below", args[0])}
	}
	return nil, nil, usageError{fmt.Errorf("there is no command %.40q", args[0])}
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }
