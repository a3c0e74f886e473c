package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

// tortureTime is how long each torture lasts: a few seconds, or $TORTURE, as make torture sets it.
func tortureTime(t *testing.T) time.Duration {
	t.Helper()
	if v := os.Getenv("TORTURE"); v != "" {
		d, err := time.ParseDuration(v)
		require.NoError(t, err)
		return d
	}
	return 2 * time.Second
}

// torture is something that happens to a database, again and again.
type torture struct {
	name       string
	begin, end func(ctx context.Context, w *tortured) error
	lasts      time.Duration // each time
	harms      bool          // some requests cannot be served meanwhile, whatever the server does
}

// tortured is a database in trouble.
type tortured struct {
	chaos  *chaos
	root   *sql.DB
	name   string // of the database
	locks  *sql.Tx
	struck atomic.Int64 // how often it was tortured otherwise than by the proxy
}

func (w *tortured) strikes() int64 { return w.struck.Load() + w.chaos.strikes.Load() }

// inTheWay is a torture by the proxy before the database.
func inTheWay(name string, kind trouble, lasts time.Duration, harms bool) torture {
	return torture{
		name:  name,
		begin: func(_ context.Context, w *tortured) error { w.chaos.begin(kind); return nil },
		end:   func(_ context.Context, w *tortured) error { w.chaos.end(); return nil },
		lasts: lasts, harms: harms,
	}
}

// set is a torture by a global variable.
func set(begin, end string) (b, e func(context.Context, *tortured) error) {
	run := func(statement string) func(context.Context, *tortured) error {
		return func(ctx context.Context, w *tortured) error {
			w.struck.Add(1)
			_, err := w.root.ExecContext(ctx, statement)
			return err
		}
	}
	return run("SET GLOBAL " + begin), run("SET GLOBAL " + end)
}

func tortures() []torture {
	readOnly, writable := set("super_read_only = 1", "read_only = 0")
	crowded, roomy := set("max_connections = 1", "max_connections = DEFAULT")
	return []torture{
		inTheWay("requests lost", cutRequest, time.Second, false),
		inTheWay("answers lost", cutAnswer, time.Second, false),
		inTheWay("answers reset", resetAnswer, time.Second, false),
		inTheWay("delays", delay, time.Second, false),
		inTheWay("half-open connections", halfOpen, 500*time.Millisecond, true),
		inTheWay("short outages", down, 500*time.Millisecond, false),
		inTheWay("outages longer than a request", down, 6*time.Second, true),
		{"connections killed", killConnections, func(context.Context, *tortured) error { return nil }, 300 * time.Millisecond, false},
		{"read-only", readOnly, writable, time.Second, false},
		{"too many connections", func(ctx context.Context, w *tortured) error {
			return errors.Join(crowded(ctx, w), killConnections(ctx, w))
		}, roomy, time.Second, true},
		{"rows locked", lockRows, unlockRows, 3 * time.Second, true},
	}
}

func killConnections(ctx context.Context, w *tortured) error {
	w.struck.Add(1)
	rows, err := w.root.QueryContext(ctx, `SELECT id FROM information_schema.processlist WHERE db = ?`, w.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		_, _ = w.root.ExecContext(ctx, fmt.Sprintf("KILL %d", id)) // it may have ended meanwhile
	}
	return rows.Err()
}

func lockRows(ctx context.Context, w *tortured) (err error) {
	w.struck.Add(1)
	if w.locks, err = w.root.BeginTx(ctx, nil); err != nil {
		return err
	}
	_, err = w.locks.ExecContext(ctx, "SELECT 1 FROM "+w.name+".token_families FOR UPDATE SKIP LOCKED")
	return err
}

func unlockRows(_ context.Context, w *tortured) error {
	if w.locks == nil { // it came to nothing
		return nil
	}
	defer func() { w.locks = nil }()
	return w.locks.Rollback()
}

// TestTorture soaks two replicas while their database gets into trouble again and again. Their clients only refresh and log out, and repeat
// what was not answered. Whatever happens: no session is impossible, so no rotation that was acknowledged is lost and no spent token works;
// every call is answered, with no server error but 503; no session is lost; and afterwards all works without a restart.
//
// A strict server keeps all sessions as long as it can wait the trouble out. Where it cannot, a client learns of a 503 and repeats a
// refresh that may have been committed: there it takes a grace to keep them.
func TestTorture(t *testing.T) {
	for _, torture := range tortures() {
		t.Run(torture.name, func(t *testing.T) {
			databaseURL := mysqltest.URL(t)
			chaos, through := newChaos(t, databaseURL)
			w := &tortured{chaos: chaos, root: mysqltest.Root(t), name: mysqltest.Name(databaseURL)}
			patient, impatient := set("max_connect_errors = 1000000", "max_connect_errors = DEFAULT") // or it would shut us out for good
			require.NoError(t, patient(t.Context(), w))
			t.Cleanup(func() { require.NoError(t, impatient(context.Background(), w)) })
			w.struck.Store(0)
			env := mysqlEnv(through)
			policy := conformance.Policy{}
			if torture.harms {
				policy, env["REFRESH_REUSE_GRACE"] = withMinute, "60s"
			}
			servers := []*server{startServer(t, env, "-seed"), startServer(t, env, "-seed")}

			d := max(tortureTime(t), torture.lasts*3/2)
			strikes, faults := again(t, w, func() {}, torture)
			o := gently(policy, servers[0].url, servers[1].url)
			o.Duration, o.Started = d, strikes.begin
			r, text := soaked(t, o)
			strikes.stop(t)
			requireSound(t, r, text, "200", "204", "401", "503")
			require.Zero(t, r.Lost, text)
			require.Positive(t, w.strikes(), "nothing happened")
			if !torture.harms {
				require.NotContains(t, kinds(r), "503", "a short trouble is waited out: %s", text)
			}
			for _, s := range servers {
				requireRecovers(t, s.world)
				requireNoneAhead(t, s.stderr.String())
			}
			record(t, r, faults...)
		})
	}
}

// again lets tortures happen, one after another, as soon as a soak has begun and until it is stopped. When each has struck, or with the first error,
// enough is called. What it returns counts, after the stop, how often each has.
func again(t *testing.T, w *tortured, enough func(), all ...torture) (*striker, []fault) {
	t.Helper()
	faults := make([]fault, len(all))
	for i, a := range all {
		faults[i].Name = a.name
	}
	n := 0
	return every(t, func() time.Duration { return rand.N(time.Second) }, enough, func(ctx context.Context, over <-chan struct{}) error {
		i := n % len(all)
		n++
		before := w.strikes()
		err := all[i].begin(ctx, w)
		select {
		case <-over:
		case <-time.After(all[i].lasts):
		}
		err = errors.Join(err, all[i].end(ctx, w))
		if w.strikes() > before { // or no statement came by
			faults[i].Times++
		}
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.Times == 0 }) {
			enough()
		}
		return err
	}), faults
}

// striker strikes again and again while a soak lasts.
type striker struct {
	begun, over chan struct{}
	done        chan error
	stopped     func() error
}

// every returns one that pauses before each strike. Its first error calls enough, which ends the soak.
func every(t *testing.T, pause func() time.Duration, enough func(), strike func(ctx context.Context, over <-chan struct{}) error) *striker {
	t.Helper()
	s := &striker{begun: make(chan struct{}), over: make(chan struct{}), done: make(chan error, 1)}
	s.stopped = sync.OnceValue(func() error {
		close(s.over)
		select {
		case err := <-s.done:
			return err
		case <-time.After(2 * strikeTimeout):
			return errors.New("the last strike does not end")
		}
	})
	t.Cleanup(func() { _ = s.stopped() })            // before what it strikes at is gone
	background := context.WithoutCancel(t.Context()) // what was begun is ended
	go func() {
		select {
		case <-s.begun:
		case <-s.over:
		}
		for {
			select {
			case <-s.over:
				s.done <- nil
				return
			case <-time.After(pause()):
			}
			ctx, cancel := context.WithTimeout(background, strikeTimeout)
			err := strike(ctx, s.over)
			cancel()
			if err != nil {
				enough()
				s.done <- err
				return
			}
		}
	}()
	return s
}

// strikeTimeout is more than any strike takes, a start of the database included.
const strikeTimeout = 2 * time.Minute

// begin lets it strike, when all targets have answered once.
func (s *striker) begin() { close(s.begun) }

func (s *striker) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, s.stopped())
}

var withMinute = conformance.Policy{Rotation: "grace", GraceSeconds: 60}

// gently is a soak by clients that do nothing which a session may not survive, but log out.
func gently(policy conformance.Policy, targets ...string) history.Options {
	o := history.Options{Clients: 8, LoginRate: 20, Gentle: true}
	o.Target.Target, o.Target.Replicas, o.Target.Profile.Policy = targets[0], targets[1:], policy
	o.Target.RequestTimeout = 30 * time.Second // longer than a server may take
	return o
}

func soakGently(t *testing.T, d time.Duration, policy conformance.Policy, targets ...string) (*history.Result, string) {
	t.Helper()
	o := gently(policy, targets...)
	o.Duration = d
	return soaked(t, o)
}

func soaked(t *testing.T, o history.Options) (*history.Result, string) {
	t.Helper()
	r, err := history.Run(t.Context(), o)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, r.Text(&text, nil))
	t.Log(text.String())
	return r, text.String()
}

// kinds are all the answers that there were.
func kinds(r *history.Result) (all []string) {
	for _, c := range r.Calls {
		for kind := range c.Kinds {
			all = append(all, kind)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func requireSound(t *testing.T, r *history.Result, text string, allowed ...string) {
	t.Helper()
	v, _ := r.Verdict()
	require.Equal(t, history.Linearizable, v, text)
	require.Zero(t, r.Unchecked, text)
	require.Subset(t, allowed, kinds(r), text)
}

// requireNoneAhead: no token was newer than its row. To the model that is no answer, since a server says 503; but it is an acknowledged rotation
// that is gone.
func requireNoneAhead(t *testing.T, log string) {
	t.Helper()
	require.False(t, strings.Contains(log, "token_ahead"), "an acknowledged rotation is gone: the log has token_ahead") //nolint:testifylint // the log is long
}

// requireRecovers: soon after the trouble the server serves as before.
func requireRecovers(t *testing.T, s *world) {
	t.Helper()
	require.Eventually(t, func() bool { return s.send("GET", "/readyz", "").status == 200 }, 10*time.Second, 50*time.Millisecond)
	p := s.loggedIn()
	require.Equal(t, 204, s.logout(s.alive(p.refresh).refresh).status)
}
