package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

const usage = `conformance judges a running implementation of JWT login with rotating refresh tokens, in any language, from outside.

  conformance -target URL [flags]     judge it (the verb run may be left out)
  conformance learn -target URL       build one stage by stage, with a lesson for each; learn -h explains
  conformance probe -target URL       work out a profile from a running target
  conformance list                    the stories and their checks
  conformance explain STORY           what a story demands, why, and what to try
  conformance bugs                    what real projects got wrong, and the checks that catch it
  conformance verify REPORT.json      check a JSON report, and say its verdict
  conformance soak -target URL        use it for a while, and check every answer for linearizability; soak -h explains
  conformance version

Examples:

  A server with the kit's own paths and demonstration users:
    conformance -target http://127.0.0.1:8080

  Other paths, and two accounts that exist there:
    conformance -target http://127.0.0.1:8000 -login /api/login -refresh /api/refresh -logout /api/logout -me /api/me \
      -user ann@example.com:pw1 -user ben@example.com:pw2

  Tokens in bodies, as OAuth 2 has them:
    conformance -target http://127.0.0.1:9000 -profile oauth2

  Expiry too, at a second instance whose tokens live for seconds:
    conformance -target http://127.0.0.1:8080 -expiry-target http://127.0.0.1:8081 -session-max-ttl 15s

  Two areas, reports for CI, and a curl script for whatever fails:
    conformance -target http://127.0.0.1:8080 -run 'reuse.*,race' -report junit=r.xml -report html=r.html -repro scripts

Exit codes:

  0  conforms; the last lines say what was not judged      3  the target is not available
  1  a MUST failed, or an expectation is stale             4  not established, or broken
  2  wrong flags, or nothing selected                    130  interrupted; what was known is printed
`

// flagGroups put the flags into an order for reading; what is in none comes last.
var flagGroups = []struct {
	title string
	names []string
}{
	{"The target", []string{"target", "user", "profile", "login", "refresh", "logout", "me", "production", "plain-http", "allow-remote", "insecure-cookies", "ca", "timeout"}},
	{"What is judged", []string{"run", "expect", "require-all", "slow", "rounds"}},
	{"What opens more stories", []string{"expiry-target", "advance", "session-max-ttl", "leeway", "max-wait", "jwt-secret", "jwks", "dsn", "dsn-rows", "dsn-bytes", "dsn-time", "admin", "restart", "outage", "logs"}},
	{"What is written", []string{"report", "repro", "v", "no-color"}},
}

func help(w io.Writer, fs *flag.FlagSet) {
	_, _ = fmt.Fprint(w, usage)
	describeAll(w, fs, "Further")
}

// describeAll explains the flags in groups; those of none come last, under a title of their own.
func describeAll(w io.Writer, fs *flag.FlagSet, rest string) {
	var grouped []string
	for _, g := range flagGroups {
		title := "\n" + g.title + ":\n\n"
		for _, name := range g.names {
			if f := fs.Lookup(name); f != nil {
				_, _ = fmt.Fprint(w, title)
				title = ""
				describe(w, f)
			}
		}
		grouped = append(grouped, g.names...)
	}
	title := "\n" + rest + ":\n\n"
	fs.VisitAll(func(f *flag.Flag) {
		if !slices.Contains(grouped, f.Name) {
			_, _ = fmt.Fprint(w, title)
			title = ""
			describe(w, f)
		}
	})
}

// helpColumn is where the explanations begin, helpWidth where they end.
const (
	helpColumn = 28
	helpWidth  = 110
)

func describe(w io.Writer, f *flag.Flag) {
	argument, text := flag.UnquoteUsage(f)
	head := strings.TrimRight("  -"+f.Name+" "+argument, " ")
	if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && f.Name != "target" {
		text += " (default " + d + ")"
	}
	if len(head) > helpColumn-2 {
		_, _ = fmt.Fprintln(w, head)
		head = ""
	}
	for _, line := range wrap(text, helpWidth-helpColumn) {
		_, _ = fmt.Fprintf(w, "%-*s%s\n", helpColumn, head, line)
		head = ""
	}
}

// wrap breaks a text into lines of at most n bytes.
func wrap(text string, n int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= n:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
