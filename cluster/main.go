// The cluster test: three servers on a MySQL group of three, whose primary is killed again and again while many clients use them.
//
//	go run ./cluster
//
// It starts the nodes of docker-compose.cluster.yml, makes them a group, and lets the soak of the suite record and check every
// session. Each time the primary is killed it measures how long until all servers write again, and lets the old primary come
// back. It exits with 0 if no session was impossible, nothing that was acknowledged is lost, and everything recovered by itself;
// 1 if not; 2 if it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// All signals stay caught until the end, or a second Ctrl-C would leave containers behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings is what the command line decides.
type settings struct {
	Kills     int           `json:"kills"`
	Freezes   int           `json:"freezes"`
	Calm      time.Duration `json:"calm_ns"`
	Clients   int           `json:"clients"`
	LoginRate float64       `json:"logins_per_second"`
	jsonFile  string
	logs      string
	docFrom   string
}

var errUsage = errors.New("see: go run ./cluster -h")

// run is main without its globals. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return 0
	case err == nil && s.docFrom != "":
		err = writeDoc(s.docFrom, stdout)
	case err == nil:
		err = try(ctx, s, stdout, stderr)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "cluster: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "cluster: %v\n", err)
	return 1
}

const help = `usage: go run ./cluster [flags]

Tries the server on a MySQL group of three (Group Replication, single primary), whose nodes are containers: docker is needed, and
about 2 GiB of memory. Three servers on the group are soaked by many clients, every session's history is checked, and meanwhile the
primary is killed or frozen again and again.

Examples:
  go run ./cluster
  go run ./cluster -kills 10 -freezes 2 -json docs/results/cluster.json

Flags:
  -kills N      how often the primary is killed (SIGKILL), and started again when another has taken over (default 2)
  -freezes N    how often, after that, it is frozen for 25 seconds: it answers nobody, and comes back not knowing (default 0)
  -calm D       after everything has come back, until the next fault (default 5s)
  -clients N    how many clients there are (default 16)
  -logins N     logins per second (default 10), of bcrypt cost 4, which is for tests alone
  -json FILE    write the outcome there too
  -doc FILE     try nothing: write what docs/cluster.md says of the run that -json wrote there
  -logs DIR     keep the servers' logs there

MYSQL_IMAGE names another image than mysql:9.7. Exit status: 0 sound, 1 not, 2 wrong call.
`

func parseFlags(args []string) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("cluster", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // help and errors are written here, in the words of this program
	fs.IntVar(&s.Kills, "kills", 2, "")
	fs.IntVar(&s.Freezes, "freezes", 0, "")
	fs.DurationVar(&s.Calm, "calm", 5*time.Second, "")
	fs.IntVar(&s.Clients, "clients", 16, "")
	fs.Float64Var(&s.LoginRate, "logins", 10, "")
	fs.StringVar(&s.jsonFile, "json", "", "")
	fs.StringVar(&s.docFrom, "doc", "", "")
	fs.StringVar(&s.logs, "logs", "", "")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return s, err
	case err != nil:
		return s, fmt.Errorf("%w; %w", err, errUsage)
	case fs.NArg() > 0:
		return s, fmt.Errorf("there are no arguments, only flags; %w", errUsage)
	case s.Kills < 0 || s.Freezes < 0 || s.Kills+s.Freezes < 1 || s.Kills+s.Freezes > 1000:
		return s, fmt.Errorf("-kills and -freezes are %d and %d, not 1 to 1000 together; %w", s.Kills, s.Freezes, errUsage)
	case s.Calm < 0 || s.Calm > time.Hour:
		return s, fmt.Errorf("-calm is %s, not 0s to 1h; %w", s.Calm, errUsage)
	}
	return s, nil // the soak judges clients and logins
}
