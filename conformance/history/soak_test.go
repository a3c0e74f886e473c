package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/history"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
)

// serve starts a faulty server, behind what a test puts before it.
func serve(t *testing.T, o faulty.Options, before func(http.Handler) http.Handler) string {
	t.Helper()
	s, err := faulty.New(o)
	require.NoError(t, err)
	var h http.Handler = s
	if before != nil {
		h = before(s)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// options are for servers whose logins cost nothing.
func options(url string, p conformance.Policy) history.Options {
	return history.Options{
		Target:  conformance.Options{Target: url, Profile: conformance.Profile{Policy: p}, RequestTimeout: 2 * time.Second},
		Clients: 16, Duration: time.Second, LoginRate: 300,
	}
}

func soak(t *testing.T, o history.Options) (*history.Result, string) {
	t.Helper()
	r, err := history.Run(t.Context(), o)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, r.Text(&b, nil))
	return r, b.String()
}

func requireVerdict(t *testing.T, want history.Verdict, r *history.Result, text string) {
	t.Helper()
	v, _ := r.Verdict()
	require.Equal(t, want, v, text)
}

// A soak ends sooner when it is told to, and closes its sessions: none is left unanswered.
func TestUntil(t *testing.T) {
	o := options(serve(t, faulty.Options{}, nil), conformance.Policy{})
	until, over := context.WithTimeout(t.Context(), time.Second)
	defer over()
	o.Duration, o.Until = time.Hour, until
	r, text := soak(t, o)
	requireVerdict(t, history.Linearizable, r, text)
	require.False(t, r.Interrupted)
	require.Less(t, r.Took, time.Minute)
	for _, c := range r.Calls {
		require.Zero(t, c.Outcomes[conformance.Undecided], text)
	}
}

// Every dialect is sound when it is claimed.
func TestHealthy(t *testing.T) {
	for name, c := range map[string]struct {
		dialect faulty.Dialect
		policy  conformance.Policy
	}{
		"strict":         {},
		"grace":          {faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second}, conformance.Policy{Rotation: "grace", GraceSeconds: 10}},
		"short grace":    {faulty.Dialect{Rotation: "grace", Grace: 20 * time.Millisecond}, conformance.Policy{Rotation: "grace", GraceSeconds: 1}},
		"loser-rejected": {faulty.Dialect{Rotation: "loser-rejected", Grace: 10 * time.Second}, conformance.Policy{Rotation: "loser-rejected", GraceSeconds: 10}},
		"no rotation":    {faulty.Dialect{Rotation: "none"}, conformance.Policy{Rotation: "none"}},
		"no reuse":       {faulty.Dialect{Reuse: "none"}, conformance.Policy{Reuse: "none"}},
		"token logout":   {faulty.Dialect{Logout: "token"}, conformance.Policy{Logout: "token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, text := soak(t, options(serve(t, faulty.Options{Dialect: c.dialect}, nil), c.policy))
			requireVerdict(t, history.Linearizable, r, text)
			require.GreaterOrEqual(t, r.Sessions, 16, "each client ends one: %s", text)
			require.Zero(t, r.Unchecked)
			require.Empty(t, r.Violations)
			require.Contains(t, text, "linearizable: each answer of ")
			for _, c := range r.Calls {
				require.Positive(t, c.Count(), c.Call)
				require.LessOrEqual(t, c.Latency(0.5), c.Latency(0.99))
			}
		})
	}
}

func TestFaults(t *testing.T) {
	grace := faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second}
	claimed := conformance.Policy{Rotation: "grace", GraceSeconds: 10}
	for _, c := range []struct {
		fault   string
		dialect faulty.Dialect
		policy  conformance.Policy
		what    string // of one violation
	}{
		{"conc-double-spend", faulty.Dialect{}, conformance.Policy{}, "was exchanged"},
		{"conc-revocation-misses-child", faulty.Dialect{}, conformance.Policy{}, "was exchanged after the return of a spent token had been refused"},
		{"conc-logout-vs-refresh-resurrects", faulty.Dialect{}, conformance.Policy{}, "was exchanged after the logout"},
		{"rt-old-still-valid", faulty.Dialect{}, conformance.Policy{}, "was exchanged (twice|although)"},
		{"reuse-plain-401", faulty.Dialect{}, conformance.Policy{}, "was exchanged after the return of a spent token had been refused"},
		{"family-revocation-not-persistent", faulty.Dialect{}, conformance.Policy{}, "was exchanged after "},
		{"logout-server-noop", faulty.Dialect{}, conformance.Policy{}, "was exchanged after the logout"},
		{"rt-not-rotated", faulty.Dialect{}, conformance.Policy{}, "was not replaced"},
		{"family-kill-crosses-users", faulty.Dialect{}, conformance.Policy{}, "the live token"},
		{"reuse-plain-401", grace, claimed, "was exchanged after the return of a spent token had been refused"},
		{"logout-server-noop", grace, claimed, "was exchanged after the logout"},
		{"reuse-grace-forks-chain", faulty.Dialect{}, claimed, "was exchanged"},
		{"reuse-grace-covers-any-ancestor", faulty.Dialect{}, claimed, "was exchanged"},
		{"", grace, conformance.Policy{}, "for the same successor|which was not new"},
	} {
		t.Run(c.fault+" "+c.policy.Rotation, func(t *testing.T) {
			t.Parallel()
			f := faulty.Options{Dialect: c.dialect}
			if c.fault != "" {
				f.Faults = []string{c.fault}
			}
			o := options(serve(t, f, nil), c.policy)
			o.FailFast, o.Duration = true, 20*time.Second
			r, text := soak(t, o)
			requireVerdict(t, history.NotLinearizable, r, text)
			require.Less(t, r.Took, o.Duration)
			found := ""
			for _, v := range r.Violations {
				found += v.What + "\n"
				require.LessOrEqual(t, strings.Count(v.Drawing, "\n"), 12, "the drawing is not short:\n%s", v.Drawing)
			}
			require.Regexp(t, c.what, found)
		})
	}
}

// No null target passes: each is unavailable, establishes nothing, or is impossible.
func TestNullTargets(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, target := range nulltarget.All() {
		url, stop, err := target.Start()
		require.NoError(t, err)
		t.Cleanup(stop)
		all.Go(func() {
			o := options(url, conformance.Policy{})
			o.Target.RequestTimeout, o.Target.Patience, o.Clients, o.FailFast, o.Recovery = 300*time.Millisecond, time.Millisecond, 4, true, time.Second
			r, err := history.Run(t.Context(), o)
			if err != nil {
				assert.ErrorIs(t, err, conformance.ErrUnavailable, target.Name)
				return
			}
			v, _ := r.Verdict()
			assert.NotEqual(t, history.Linearizable, v, target.Name)
		})
	}
	all.Wait()
}

// flaky loses some answers: before the server has seen the request, after that, by a cut connection, or too late for the client.
func flaky(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chance := rand.IntN(100)
		if r.URL.Path == "/auth/login" || chance > 3 {
			next.ServeHTTP(w, r)
			return
		}
		if chance > 0 {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		switch chance {
		case 0, 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			time.Sleep(400 * time.Millisecond)
		}
	})
}

// What was not answered may have happened or not: neither is held against a server, and what it does wrong is found all the same.
func TestUnknownOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		options faulty.Options
		policy  conformance.Policy
		want    history.Verdict
	}{
		"healthy":                    {faulty.Options{}, conformance.Policy{}, history.Linearizable},
		"healthy with a grace":       {faulty.Options{Dialect: faulty.Dialect{Rotation: "grace", Grace: time.Minute}}, conformance.Policy{Rotation: "grace", GraceSeconds: 60}, history.Linearizable},
		"logout-server-noop":         {faulty.Options{Faults: []string{"logout-server-noop"}}, conformance.Policy{}, history.NotLinearizable},
		"conc-double-spend":          {faulty.Options{Faults: []string{"conc-double-spend"}}, conformance.Policy{}, history.NotLinearizable},
		"reuse-revocation-not-saved": {faulty.Options{Faults: []string{"reuse-revocation-rolled-back"}}, conformance.Policy{}, history.NotLinearizable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(serve(t, c.options, flaky), c.policy)
			o.Target.RequestTimeout = 300 * time.Millisecond
			if c.want == history.NotLinearizable {
				o.FailFast, o.Duration = true, 20*time.Second
			}
			r, text := soak(t, o)
			requireVerdict(t, c.want, r, text)
			require.Zero(t, r.Unchecked, text)
			if !o.FailFast {
				require.Positive(t, r.Calls[1].Outcomes[conformance.Undecided], text)
			}
		})
	}
}

// Where answers get lost, and logins are as rare as the command line has them, a race is found all the same.
func TestFewLogins(t *testing.T) {
	t.Parallel()
	o := options(serve(t, faulty.Options{Faults: []string{"conc-double-spend"}}, flaky), conformance.Policy{})
	o.Target.RequestTimeout, o.LoginRate, o.FailFast, o.Duration = 300*time.Millisecond, 2, true, 30*time.Second
	r, text := soak(t, o)
	requireVerdict(t, history.NotLinearizable, r, text)
	require.Contains(t, text, "was exchanged")
}

// Where hardly anybody may log in, the first session sees to it that there is a race.
func TestLimitedLogins(t *testing.T) {
	t.Parallel()
	var logins atomic.Int64
	o := options(serve(t, faulty.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/auth/login" && logins.Add(1) > 4 {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}), conformance.Policy{})
	o.Recovery = time.Second
	r, text := soak(t, o)
	requireVerdict(t, history.Linearizable, r, text)
	require.Positive(t, r.Races)
}

// A burst of which all but one are turned away is no race.
func TestNoRace(t *testing.T) {
	t.Parallel()
	var seen sync.Map
	o := options(serve(t, faulty.Options{Faults: []string{"conc-double-spend"}}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, again := seen.LoadOrStore(r.Header.Get("Cookie"), true); again && r.URL.Path == "/auth/refresh" {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}), conformance.Policy{})
	r, text := soak(t, o)
	requireVerdict(t, history.NotEstablished, r, text)
	require.Zero(t, r.Races)
}

// The password of a target's address is shown nowhere.
func TestPasswordInTheAddress(t *testing.T) {
	t.Parallel()
	url := strings.Replace(serve(t, faulty.Options{Faults: []string{"rt-old-still-valid"}}, nil), "://", "://me:hunter2@", 1)
	o := options(url, conformance.Policy{})
	o.Target.Replicas, o.FailFast, o.Duration = []string{url}, true, 20*time.Second
	r, text := soak(t, o)
	requireVerdict(t, history.NotLinearizable, r, text)
	require.NotContains(t, text, "hunter2")
	for _, v := range r.Violations {
		require.NotContains(t, v.What+v.Drawing, "@")
	}
}

// A target that dies meanwhile, or has nothing but errors, does not pass; one that comes back in time does.
func TestServesAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		trouble http.HandlerFunc // for a while, or for ever
		lasts   time.Duration
		want    history.Verdict
		says    string
	}{
		"dead":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, time.Hour, history.NotServing, "(login: connection lost)"},
		"500":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, time.Hour, history.NotServing, "(login: 500)"},
		"503":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, time.Hour, history.NotServing, "(login: 503)"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, time.Hour, history.NotServing, "(login: time-out)"},
		"429":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, time.Hour, history.Linearizable, "linearizable: each answer"},
		"back":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 2 * time.Second, history.Linearizable, "linearizable: each answer"},
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 2 * time.Second, history.Faulty, "answers were a 5xx other than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var begins atomic.Pointer[time.Time]
			o := options(serve(t, faulty.Options{}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if at, now := begins.Load(), time.Now(); at != nil && now.After(*at) && now.Before(at.Add(c.lasts)) {
						c.trouble(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			}), conformance.Policy{})
			o.Target.RequestTimeout, o.Duration, o.Recovery = 300*time.Millisecond, 1200*time.Millisecond, time.Second
			o.Started = func() { at := time.Now().Add(time.Second); begins.Store(&at) }
			if c.lasts < time.Hour {
				o.Recovery = 20 * time.Second
			}
			r, text := soak(t, o)
			requireVerdict(t, c.want, r, text)
			require.Contains(t, text, c.says)
			require.Equal(t, c.want == history.NotServing, len(r.Away) > 0)
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	o := options(serve(t, faulty.Options{Faults: []string{"rt-old-still-valid"}}, nil), conformance.Policy{})
	o.FailFast, o.Duration = true, 20*time.Second
	r, _ := soak(t, o)
	var b bytes.Buffer
	require.NoError(t, r.JSON(&b))
	var got struct {
		Verdict    string
		Sessions   int
		Calls      []struct{ Count int }
		Away       []string
		Violations []struct{ What, Story, Drawing string }
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.Equal(t, "not linearizable", got.Verdict)
	require.Equal(t, r.Sessions, got.Sessions)
	require.Equal(t, r.Calls[1].Count(), got.Calls[1].Count)
	require.NotNil(t, got.Away)
	require.Contains(t, got.Violations[0].What, "was exchanged")
	require.Contains(t, got.Violations[0].Drawing, "refresh R")
}

// spy remembers every token that a server gives out.
type spy struct {
	http.Handler
	mu     sync.Mutex
	tokens []string
}

func (s *spy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	s.Handler.ServeHTTP(rec, r)
	var answer struct {
		Access string `json:"access_token"`
	}
	_ = json.Unmarshal(rec.Body.Bytes(), &answer)
	s.mu.Lock()
	for _, c := range rec.Result().Cookies() {
		s.tokens = append(s.tokens, c.Value)
	}
	s.tokens = append(s.tokens, answer.Access)
	s.mu.Unlock()
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func TestNoSecrets(t *testing.T) {
	t.Parallel()
	s := &spy{}
	o := options(serve(t, faulty.Options{Faults: []string{"rt-old-still-valid"}}, func(h http.Handler) http.Handler { s.Handler = h; return s }), conformance.Policy{})
	var mu sync.Mutex
	var progress []history.Progress
	o.Clients, o.LoginRate = 2, 20
	o.Duration, o.Progress = 2500*time.Millisecond, func(p history.Progress) { mu.Lock(); defer mu.Unlock(); progress = append(progress, p) }
	r, text := soak(t, o)
	requireVerdict(t, history.NotLinearizable, r, text)
	require.NotEmpty(t, r.Violations)
	out := bytes.NewBufferString(text)
	for _, v := range r.Violations {
		before := out.Len()
		require.NoError(t, v.HTML(out))
		require.Contains(t, out.String()[before:], "refresh R")
		require.Contains(t, out.String()[before:], "<svg")
		require.Contains(t, out.String()[before:], "<title>"+v.What+"</title>")
		require.Contains(t, out.String()[before:], "conformance explain "+v.Story)
	}
	require.NotEmpty(t, progress)
	require.Contains(t, progress[0].String(), "sessions checked")
	require.Greater(t, len(s.tokens), 100)
	for _, token := range s.tokens {
		for i, part := range append(strings.Split(token, "."), token) { // a JWT's header is no secret
			if len(part) > 20 && i > 0 && bytes.Contains(out.Bytes(), []byte(part)) {
				t.Fatal("a token, or a part of one, is in the output")
			}
		}
	}
	for _, u := range conformance.DemoUsers() {
		require.NotContains(t, out.String(), u.Password)
	}
}

// The clients never log in more often than they may.
func TestLoginsAreRationed(t *testing.T) {
	t.Parallel()
	o := options(serve(t, faulty.Options{}, nil), conformance.Policy{})
	o.Clients, o.LoginRate, o.Duration = 4, 3, 2*time.Second
	r, text := soak(t, o)
	requireVerdict(t, history.Linearizable, r, text)
	require.LessOrEqual(t, r.Calls[0].Count(), 4+2*3+1, text)
	require.Greater(t, r.Calls[1].Count(), 3*r.Calls[0].Count(), "meanwhile they go on refreshing")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	o := options(serve(t, faulty.Options{}, nil), conformance.Policy{})
	o.Duration = time.Hour
	time.AfterFunc(700*time.Millisecond, func() { cancel(errors.New("enough")) })
	r, err := history.Run(ctx, o)
	require.EqualError(t, err, "enough")
	var b strings.Builder
	require.NoError(t, r.Text(&b, nil))
	requireVerdict(t, history.Linearizable, r, b.String())
	require.Contains(t, b.String(), "interrupted: http")
	require.NotContains(t, b.String(), "connection lost", "what we cut off ourselves is no loss")
}

// Replicas that do not share their sessions are no replicas.
func TestReplicas(t *testing.T) {
	t.Parallel()
	shared := serve(t, faulty.Options{}, nil)
	o := options(shared, conformance.Policy{})
	o.Target.Replicas = []string{shared}
	r, text := soak(t, o)
	requireVerdict(t, history.Linearizable, r, text)

	o.FailFast, o.Duration = true, 20*time.Second
	o.Target.Replicas = []string{serve(t, faulty.Options{}, nil)}
	r, text = soak(t, o)
	requireVerdict(t, history.NotLinearizable, r, text)
	require.Regexp(t, `the live token R\d+, which came from 127\.0\.0\.1:\d+, was refused by 127\.0\.0\.1:\d+`, text)
	require.Regexp(t, `who +call +target +answer`, text)
	require.Zero(t, r.Lost, "no answer was missing: %s", text)
}

func TestRefuses(t *testing.T) {
	url := serve(t, faulty.Options{}, nil)
	for name, change := range map[string]func(*history.Options){
		"no target":        func(o *history.Options) { o.Target.Target = "" },
		"another host":     func(o *history.Options) { o.Target.Replicas = []string{"http://192.0.2.1"} },
		"too many clients": func(o *history.Options) { o.Clients = 501 },
		"no time":          func(o *history.Options) { o.Duration = time.Millisecond },
		"no logins":        func(o *history.Options) { o.LoginRate = -1 },
		"user-wide reuse":  func(o *history.Options) { o.Target.Profile.Policy.Reuse = "user" },
		"user-wide logout": func(o *history.Options) { o.Target.Profile.Policy.Logout = "user" },
		"a grace that forks": func(o *history.Options) {
			o.Target.Profile.Policy = conformance.Policy{Rotation: "grace", GraceSeconds: 9, GraceAnswer: "sibling"}
		},
	} {
		o := options(url, conformance.Policy{})
		change(&o)
		_, err := history.Run(t.Context(), o)
		require.ErrorIs(t, err, conformance.ErrUsage, name)
	}
	o := options("http://127.0.0.1:1", conformance.Policy{})
	_, err := history.Run(t.Context(), o)
	require.ErrorIs(t, err, conformance.ErrUnavailable)
}

// Gentle clients do nothing that a session may not survive: what they lose, the target has lost. That is no sin of a strict server whose
// answers get lost, and with a grace it does not happen.
func TestGentle(t *testing.T) {
	for name, c := range map[string]struct {
		dialect faulty.Dialect
		policy  conformance.Policy
		before  func(http.Handler) http.Handler
		loses   bool
	}{
		"strict":             {},
		"strict in trouble":  {faulty.Dialect{}, conformance.Policy{}, flaky, true},
		"a grace in trouble": {faulty.Dialect{Rotation: "grace", Grace: time.Minute}, conformance.Policy{Rotation: "grace", GraceSeconds: 60}, flaky, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(serve(t, faulty.Options{Dialect: c.dialect}, c.before), c.policy)
			o.Gentle, o.Target.RequestTimeout = true, 300*time.Millisecond
			o.LoginRate, o.Duration = 10, 2*time.Second // long sessions
			r, text := soak(t, o)
			requireVerdict(t, history.Linearizable, r, text)
			require.Equal(t, c.loses, r.Lost > 0, text)
			require.Equal(t, c.loses, strings.Contains(text, "sessions were lost"), text)
		})
	}
}

// A target that is started anew is no trouble: who finds nobody waits.
func TestRestart(t *testing.T) {
	t.Parallel()
	s, err := faulty.New(faulty.Options{Dialect: faulty.Dialect{Rotation: "grace", Grace: time.Minute}})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	addr := srv.Listener.Addr().String()
	o := options("http://"+addr, conformance.Policy{Rotation: "grace", GraceSeconds: 60})
	o.Gentle, o.Duration = true, 2*time.Second
	restarted := make(chan *httptest.Server, 1)
	time.AfterFunc(500*time.Millisecond, func() {
		srv.Close()
		time.Sleep(500 * time.Millisecond)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Error(err)
		}
		again := &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
		again.Start()
		restarted <- again
	})
	r, text := soak(t, o)
	defer (<-restarted).Close()
	requireVerdict(t, history.Linearizable, r, text)
	require.Zero(t, r.Lost, text)
	require.Contains(t, text, "× connection refused")
	require.Less(t, r.Calls[1].Kinds[conformance.ConnectionRefused], 1000, "they wait")
}
