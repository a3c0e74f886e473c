// The benchmark: how near the server comes to what its database and its password hash allow.
//
//	go run ./bench
//
// In each round it measures, one after another, rotations over HTTP beside the bare UPDATE on MySQL, logins over HTTP beside bare
// bcrypt, and rotations while logins burst. Neighbours in one round share the weather of the machine, so their ratio says more
// than either number. With -all it then measures what takes long: studies.go lists it. It asserts nothing; it exits with 0 if
// everything was measured, 1 if not, 2 if it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	// All signals stay caught until the end, or a second Ctrl-C would leave container and server behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings is what the command line decides, and what follows from it.
type settings struct {
	Rounds       int           `json:"rounds"`
	Duration     time.Duration `json:"duration_ns"` // of one part in one round
	BcryptCost   int           `json:"bcrypt_cost"`
	HashSlots    int           `json:"hash_slots"`         // how many passwords the server hashes at a time, and the bare bcrypt too
	LoginClients int           `json:"login_clients"`      // more than slots, so that no slot waits for a client
	Container    bool          `json:"container"`          // MySQL runs in a container of our own
	Families     int           `json:"families,omitempty"` // of the large table; 0: without -all
	all          bool
	databaseURL  string
	jsonFile     string
	docFrom      string
}

var errUsage = errors.New("see: go run ./bench -h")

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
		err = benchmark(ctx, s, stdout, stderr)
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "bench: interrupted: %v\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "bench: %v\n", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

const help = `usage: go run ./bench [flags]

Measures the server in server/, built and started as a process of its own, on a real MySQL:

  refresh   rotations over HTTP, with 1 and 16 clients, each with a session of its own
  floor     what a rotation costs at least: the same UPDATE on the same kind of table, with as many connections
  answer    the same requests without a token, which are refused without asking the database: what HTTP alone costs
  login     logins over HTTP
  bcrypt    what a login costs at least: one comparison, as many at a time as the server allows itself
  burst     rotations while logins keep every hash slot of the server busy

Rotations and their floor are measured at 64 and 256 clients too, where both have the same 32 connections to MySQL.

With -all it then measures, each for itself:

  engines     refreshes on a fresh SQLite file, beside MySQL
  age         replays and logouts that end sessions of 10,000 rotations, beside those of 10
  cleanup     refreshes while expired families are removed, 200,000 in each round, beside refreshes without
  memory      how the server grows with every 1,000 sessions
  start-up    until the server listens, on an empty and a migrated MySQL schema, and on SQLite
  table size  the UPDATE of the floor on random rows of 10,000,000 families, beside 100,000. MySQL is given more memory
              for it, as the disk is not what is compared; a MySQL of -database-url keeps what it has.

All parts take turns in every round; the table on standard output shows the medians of the rounds, and the ratios
http/floor and login/bcrypt, which say how much of the machine's time is spent on what must be done. Load generator,
server and database share one machine, so a rate is worth nothing on another. Progress goes to standard error. Ctrl-C ends
the run and prints what is known.

Examples:
  go run ./bench
  go run ./bench -rounds 1 -duration 500ms -cost 4
  go run ./bench -all -json bench.json
  go run ./bench -database-url mysql://root:secret@127.0.0.1:3306/scratch -json bench.json

Flags:
  -database-url URL  a MySQL database instead of a container of its own: mysql://user:password@host:3306/name.
                     It must be empty, and is left empty.
  -rounds N          how often every part is measured (default 5)
  -duration D        how long a part lasts in a round (default 2s)
  -cost N            bcrypt cost, 4 to 15 (default 12)
  -all               measure what takes long, too: about 20 minutes on 2 cores, with 5 GiB of memory and 8 GiB on the disk
  -families N        rows of the large table of -all, 10000 to 100000000; its other numbers shrink and grow with it
                     (default 10000000)
  -json FILE         write every number there too
  -doc FILE          measure nothing: write docs/performance.md from what -json wrote, to standard output

MYSQL_IMAGE names another image for the container than mysql:9.7. Exit status: 0 everything was measured, 1 not, 2 wrong call.
`

func newFlags(s *settings) *flag.FlagSet {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // help and errors are written here, in the words of this program
	fs.StringVar(&s.databaseURL, "database-url", "", "")
	fs.IntVar(&s.Rounds, "rounds", 5, "")
	fs.DurationVar(&s.Duration, "duration", 2*time.Second, "")
	fs.IntVar(&s.BcryptCost, "cost", 12, "")
	fs.BoolVar(&s.all, "all", false, "")
	fs.IntVar(&s.Families, "families", 10_000_000, "")
	fs.StringVar(&s.jsonFile, "json", "", "")
	fs.StringVar(&s.docFrom, "doc", "", "")
	return fs
}

func parseFlags(args []string) (settings, error) {
	var s settings
	fs := newFlags(&s)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return s, err
	case err != nil:
		return s, fmt.Errorf("%w; %w", err, errUsage)
	case fs.NArg() > 0:
		return s, fmt.Errorf("there are no arguments, only flags; %w", errUsage)
	case s.Rounds < 1 || s.Rounds > 1000:
		return s, fmt.Errorf("-rounds is %d, not 1 to 1000; %w", s.Rounds, errUsage)
	case s.Duration < 10*time.Millisecond || s.Duration > 10*time.Minute:
		return s, fmt.Errorf("-duration is %s, not 10ms to 10m; %w", s.Duration, errUsage)
	case s.BcryptCost < 4 || s.BcryptCost > 15:
		return s, fmt.Errorf("-cost is %d, not 4 to 15; %w", s.BcryptCost, errUsage)
	case s.Families < 10_000 || s.Families > 100_000_000:
		return s, fmt.Errorf("-families is %d, not 10000 to 100000000; %w", s.Families, errUsage)
	}
	if !s.all {
		s.Families = 0
	}
	s.Container = s.databaseURL == ""
	s.HashSlots = max(1, runtime.GOMAXPROCS(0)-1) // as the server has it
	s.LoginClients = 4 * s.HashSlots
	return s, nil
}
