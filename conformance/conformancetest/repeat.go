package conformancetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// Repetition is what [Repeat] shall do.
type Repetition struct {
	Runs    int
	Dir     string        // keeps the reports of the runs that differ, as JSON and HTML
	Most    time.Duration // after which no further run begins
	Options func(t *testing.T) conformance.Options
}

// Repeat judges a target that conforms again and again, as many runs at a time as -parallel says. Each run must pass and give every check the verdict that
// the first one gave it: a suite that fails now and then is one that nobody believes. It tells how far it is, and what it counted.
func Repeat(t *testing.T, r Repetition) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(t.Context(), r.Most, fmt.Errorf("the time is up: %v", r.Most))
	defer cancel()
	seen := &repeated{Repetition: r}
	t.Run("run", func(t *testing.T) {
		for i := range r.Runs {
			t.Run(fmt.Sprint(i+1), func(t *testing.T) {
				t.Parallel()
				if ctx.Err() != nil {
					t.Fatalf("not begun: %v", context.Cause(ctx))
				}
				start := time.Now()
				rep, err := conformance.Run(t.Context(), r.Options(t))
				if err != nil {
					t.Fatalf("the suite could not judge it: %v", err)
				}
				err = seen.add(rep)
				t.Logf("%d of %d runs, this one took %v and %d requests", seen.count(), r.Runs, time.Since(start).Round(time.Millisecond), rep.Run.Requests)
				if err != nil {
					t.Errorf("%v\n%s", err, seen.keep(rep, i+1))
				}
			})
		}
	})
	t.Logf("%d of %d runs, of them %d that failed or differed, in %v; %d checks each, %d judged", seen.runs, r.Runs, seen.differed, time.Since(began).Round(time.Second), len(seen.first), seen.judged())
}

// repeated is what the runs showed so far.
type repeated struct {
	Repetition
	mu             sync.Mutex
	first          map[string]conformance.Verdict // of each check, in the first run
	runs, differed int
}

func (r *repeated) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs
}

func (r *repeated) judged() (n int) {
	for _, v := range r.first {
		if v != conformance.NotJudged {
			n++
		}
	}
	return n
}

// add compares a run with the first, and says what is wrong with it.
func (r *repeated) add(rep *conformance.Report) error {
	got := map[string]conformance.Verdict{}
	var wrong []error
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if got[c.ID] = c.Verdict; c.Verdict > conformance.Pass {
				wrong = append(wrong, fmt.Errorf("%s: %s: want %s, got %s", c.ID, c.Verdict, c.Want, c.Got))
			}
		}
		if s.Verdict > conformance.Pass {
			wrong = append(wrong, fmt.Errorf("%s: %s: %s", s.ID, s.Verdict, s.Reason))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs++
	if r.first == nil {
		r.first = got
	}
	for id, v := range got {
		if v != r.first[id] {
			wrong = append(wrong, fmt.Errorf("%s: %s, in the first run %s", id, v, r.first[id]))
		}
	}
	if len(got) != len(r.first) {
		wrong = append(wrong, fmt.Errorf("%d checks, in the first run %d", len(got), len(r.first)))
	}
	if wrong != nil {
		r.differed++
	}
	return errors.Join(wrong...)
}

// keep writes the report of a run, and says where.
func (r *repeated) keep(rep *conformance.Report, run int) string {
	var where []string
	for _, format := range []string{"json", "html"} {
		path := filepath.Join(r.Dir, fmt.Sprintf("run-%d.%s", run, format))
		if err := write(path, format, rep); err != nil {
			return fmt.Sprintf("the report could not be kept: %v", err)
		}
		where = append(where, path)
	}
	return "its report: " + strings.Join(where, ", ")
}

func write(path, format string, rep *conformance.Report) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return report.Write(format, f, rep)
}
