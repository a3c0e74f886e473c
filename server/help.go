package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

// groupHelp lists the commands of the group that args begin with, or all of them, on standard output if that was asked
// for, and with the error if it was not.
func (a *app) groupHelp(args []string, err error) error {
	var b strings.Builder
	fmt.Fprintln(&b, "commands:")
	group := commandList(args[0] + " ")
	if group == "" {
		group = commandList("")
	}
	b.WriteString(group + "\nHelp with one of them: go run ./server COMMAND -h\n")
	if err != nil {
		return usageError{fmt.Errorf("%w\n\n%s", err, b.String())}
	}
	_, err = io.WriteString(a.stdout, b.String())
	return err
}

func commandList(prefix string) string {
	var b strings.Builder
	for _, c := range commands() {
		if strings.HasPrefix(c.name, prefix) {
			fmt.Fprintf(&b, "  %-20s %s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
		}
	}
	return b.String()
}

// help teaches one command. The settings stand with serve, which needs them all.
func (c *command) help(w io.Writer) {
	fmt.Fprintf(w, "usage: go run ./server %s\n\n%s.\n", strings.TrimSpace(c.name+" [flags] "+c.args), c.about)
	if c.more != "" {
		fmt.Fprintln(w, c.more)
	}
	fmt.Fprintf(w, "\nExample:\n  %s\n", c.example)
	if c.name != "serve" {
		if c.name != "version" {
			fmt.Fprint(w, "\nSettings, above all DATABASE_URL and ENV, come from flags, the environment and .env: go run ./server serve -h\n")
		}
		return
	}
	fmt.Fprint(w, "\nOther commands:\n", commandList(""), "\nFlags:\n",
		"  -seed                add the demonstration users first (only in ENV=dev)\n",
		"  -env-file FILE       read settings from FILE (default .env, if there is one)\n",
		"\nSettings. Each is an environment variable, a line NAME=value in .env or, unless it is secret, a flag: -addr is ADDR.\n",
		"A flag wins over the environment, the environment over .env.\n\n")
	for _, s := range settings() {
		def := ""
		if s.def != "" {
			def = " (default " + s.def + ")"
		}
		fmt.Fprintf(w, "  %-27s %s%s\n", s.name, s.help, def)
	}
}

func orNothing(args string) string {
	if args == "" {
		return "no arguments"
	}
	return args
}

func version(_ context.Context, a *app, _ []string) error {
	revision := "unknown revision"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{Main: debug.Module{Version: "unknown"}}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	_, err := fmt.Fprintf(a.stdout, "jwt-toy %s (%s, %s)\n", info.Main.Version, revision, info.GoVersion)
	return err
}
