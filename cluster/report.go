package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance/history"
)

// report is everything that a run found out.
type report struct {
	Started     time.Time         `json:"started"`
	Complete    bool              `json:"complete"` // false: it did not come to its end, and says nothing
	Sound       bool              `json:"sound"`
	Machine     machine           `json:"machine"`
	MySQL       map[string]string `json:"mysql"` // version and settings, as the nodes have them
	Settings    settings          `json:"settings"`
	Servers     int               `json:"servers"`
	Seconds     float64           `json:"seconds"`
	Calls       []calls           `json:"calls"`
	Sessions    int               `json:"sessions_checked"`
	Unchecked   int               `json:"sessions_unchecked"`
	Violations  int               `json:"violations"`
	Lost        int               `json:"sessions_lost"` // by a client that repeated what was answered with 503: docs/cluster.md
	TokensAhead int               `json:"tokens_ahead"`  // of their row: an acknowledged rotation that is gone, or a stale read
	Differences []string          `json:"tables_that_differ"`
	MySQLErrors map[string]int    `json:"mysql_errors_behind_503"`
	Faults      []fault           `json:"faults"`
	Resume      spread            `json:"seconds_until_all_servers_write_again"`
	why         string            // of the verdict
}

type machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
}

// calls is what came of the calls of one kind.
type calls struct {
	Call    string         `json:"call"`
	Count   int            `json:"count"`
	Answers map[string]int `json:"answers"`
	P50     float64        `json:"p50_ms"`
	P99     float64        `json:"p99_ms"`
}

// fault is what happened to the primary, and how long its consequences lasted, in seconds.
type fault struct {
	Kind       string    `json:"kind"`
	Member     string    `json:"member"`
	NewPrimary string    `json:"new_primary"`
	Elected    float64   `json:"elected_after"`
	Resumed    []float64 `json:"servers_write_again_after"`
	Whole      float64   `json:"member_is_back_after"` // its start or its thaw
	begin, end func(context.Context, *node) error
	lasts      time.Duration
}

type spread struct {
	Least  float64 `json:"least"`
	Median float64 `json:"median"`
	Most   float64 `json:"most"`
}

func newReport(s settings) *report {
	return &report{
		Started: time.Now().UTC().Truncate(time.Second), Settings: s, Servers: members,
		Machine: machine{runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()},
	}
}

// variables of MySQL that decide what survives, and how soon.
var variables = []string{
	"innodb_flush_log_at_trx_commit", "sync_binlog", "group_replication_single_primary_mode", "group_replication_consistency",
	"group_replication_unreachable_majority_timeout", "group_replication_member_expel_timeout", "group_replication_exit_state_action",
	"group_replication_autorejoin_tries",
}

func (r *report) askMySQL(ctx context.Context, db *sql.DB) error {
	r.MySQL = map[string]string{}
	for _, name := range append([]string{"version"}, variables...) {
		var value string
		if err := db.QueryRowContext(ctx, "SELECT @@GLOBAL."+name).Scan(&value); err != nil {
			return fmt.Errorf("ask MySQL for %s: %w", name, err)
		}
		r.MySQL[name] = value
	}
	return nil
}

// take takes over what the soak found.
func (r *report) take(result *history.Result) {
	r.Seconds = seconds(result.Took)
	r.Sessions, r.Unchecked = result.Sessions, result.Unchecked
	r.Violations, r.Lost = result.Impossible-result.FailedClosed, result.Lost+result.FailedClosed
	for _, c := range result.Calls {
		r.Calls = append(r.Calls, calls{c.Call, c.Count(), c.Kinds, milliseconds(c.Latency(0.5)), milliseconds(c.Latency(0.99))})
	}
	v, why := result.Verdict()
	r.why = strings.TrimSuffix(string(v)+": "+why, ": ")
	r.Sound = v == history.Linearizable || v == history.NotLinearizable && r.Violations == 0
	r.Resume = resume(r.Faults)
}

// resume is how long it took until the last of the servers wrote again.
func resume(faults []fault) spread {
	var all []float64
	for _, f := range faults {
		all = append(all, slices.Max(f.Resumed))
	}
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	return spread{all[0], (all[(len(all)-1)/2] + all[len(all)/2]) / 2, all[len(all)-1]}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// legal are the answers of a server whose database is in trouble.
var legal = []string{"200", "204", "401", "503"}

// judge returns what is not as it must be.
func (r *report) judge() error {
	var wrong []error
	if !r.Sound {
		wrong = append(wrong, fmt.Errorf("the sessions are %s", r.why))
	}
	if r.Unchecked > 0 {
		wrong = append(wrong, fmt.Errorf("%d sessions could not be checked", r.Unchecked))
	}
	if r.TokensAhead > 0 {
		wrong = append(wrong, fmt.Errorf("%d times a token was ahead of its row", r.TokensAhead))
	}
	if len(r.Differences) > 0 {
		wrong = append(wrong, fmt.Errorf("the members differ in %s", strings.Join(r.Differences, ", ")))
	}
	for _, c := range r.Calls {
		for kind, n := range c.Answers {
			if !slices.Contains(legal, kind) {
				wrong = append(wrong, fmt.Errorf("%s: %d times %s", c.Call, n, kind))
			}
		}
	}
	r.Sound = len(wrong) == 0
	return errors.Join(wrong...)
}

func (r *report) text(out io.Writer) {
	fmt.Fprintf(out, "MySQL %s, %d servers, %d clients, %.0f s, %d cores\n\n", r.MySQL["version"], r.Servers, r.Settings.Clients, r.Seconds, r.Machine.Cores)
	for _, c := range r.Calls {
		fmt.Fprintf(out, "%-8s %7d  p50 %6.1f ms  p99 %8.1f ms ", c.Call, c.Count, c.P50, c.P99)
		for _, kind := range slices.Sorted(maps.Keys(c.Answers)) {
			fmt.Fprintf(out, "  %s: %d", kind, c.Answers[kind])
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
	for _, f := range r.Faults {
		fmt.Fprintf(out, "%-6s of %s: %s elected after %4.1f s, servers write again after %.1f s, back after %.1f s\n", f.Kind, f.Member, f.NewPrimary, f.Elected, f.Resumed, f.Whole)
	}
	fmt.Fprintf(out, "\nall servers write again: median %.1f s, %.1f to %.1f s\n", r.Resume.Median, r.Resume.Least, r.Resume.Most)
	fmt.Fprintf(out, "sessions: %d checked, %d not, %d impossible, %d lost; tokens ahead of their row: %d; tables that differ: %v; MySQL's errors behind 503: %v\n",
		r.Sessions, r.Unchecked, r.Violations, r.Lost, r.TokensAhead, r.Differences, r.MySQLErrors)
	switch {
	case !r.Complete:
		fmt.Fprintln(out, "the run did not come to its end")
	case r.Sound:
		fmt.Fprintln(out, "sound")
	}
}

func (r *report) writeJSON(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644) //nolint:gosec // it is published
}
