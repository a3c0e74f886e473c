package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Options say what to judge and with what. The zero value of each field has a sane meaning.
type Options struct {
	Target       string  // base URL of the running implementation
	ExpiryTarget string  // base URL of a second instance with short lifetimes, for the stories that must see tokens expire; empty: Target, where its lifetimes allow
	Users        []User  // two accounts that exist; a third, if given, is the only one that gets wrong passwords. Empty: DemoUsers, on loopback only
	Profile      Profile // how the target spells the contract; the zero value is the kit's own

	Run []string // patterns of story IDs (path.Match) to judge; empty: all

	Expect []Expectation // known failures

	Advance       func(context.Context, time.Duration) error  // moves the target's clock forward; nil: wait in real time
	Outage        func(ctx context.Context, begin bool) error // takes the target's database away, and gives it back; nil: no story asks for it
	JWTSecret     string                                      // signs the target's access tokens, for stories that forge them; empty: unknown
	SessionMaxTTL time.Duration                               // the absolute life of a session; 0: unknown, or 90 days (the contract's) where Advance is given
	Leeway        time.Duration                               // for which the target still accepts an expired token; the contract's is 0
	MaxWait       time.Duration                               // the longest that the run waits in real time for tokens to expire; 0: 60 s
	// Audit reads the target's database and says where any of the secrets stands in it; conformance/storage has one. nil: not judged.
	Audit    func(context.Context, []StoredSecret) (*AuditResult, error)
	Replicas []string                                 // base URLs of more instances of Target on the same database; requests go to all of them in turn
	Admin    func(context.Context, AdminAction) error // changes a user at the target; nil: cannot be done
	Restart  func(context.Context) error              // ends the target's process and starts it anew, and returns when it is up; nil: cannot be done
	Logs     []string                                 // files that the target logs to

	JWKS []byte // the public keys that verify the target's access tokens, as a JSON Web Key Set or PEM; empty: unknown

	Production      bool // the target runs as in production, so its cookies must be Secure although this is plain http
	PlainHTTP       bool // browsers on other hosts come by plain http, and drop Secure cookies, although this host's would not
	InsecureCookies bool // the suite's browser sends Secure cookies over plain http to other hosts than this one
	AllowRemote     bool // the target may be another host: the run ends sessions and sends wrong passwords there

	NoRefresh bool // the target has no refresh yet, see the stages of the course: a login stands in for one wherever it is not what is judged

	Building bool // the target is being built: a call that is not there fails its stories, and does not end the run

	Slow       bool        // also the stories that cost the target many password checks
	Steps      bool        // the report tells the steps of stories that passed, too
	RaceRounds int         // 0: 8
	TLS        *tls.Config // for targets whose certificate is not signed by the system's roots; nil: those

	RequestTimeout time.Duration // 0: 10 s
	StoryTimeout   time.Duration // of one story, waits excluded; 0: 60 s
	Patience       time.Duration // all waits together that a 429 with Retry-After may ask for; 0: 20 s

	Starting func(story string, n, of int)      // called before each story that does not wait; nil: nobody listens
	Progress func(StoryResult)                  // called after each story; nil: nobody listens
	Waiting  func(stories int, d time.Duration) // called before the run waits that long for tokens to expire; nil: nobody listens

	skipPreflight bool
	commandTime   time.Duration // of one command of the profile; 0: 30 s
	_             struct{}
}

// DemoUsers are the accounts that the reference server's seed-user makes.
func DemoUsers() []User {
	return []User{{"alice@example.com", "alice-demo-password"}, {"bob@example.com", "bob-demo-password"}}
}

// Errors that say why there is no verdict at all.
var (
	ErrUsage       = errors.New("usage")              // the options are wrong, or select nothing
	ErrUnavailable = errors.New("target unavailable") // the target does not answer, or its login does not work
)

// run is the state of one run. Stories run one at a time, so it needs no lock.
type run struct {
	opts           Options
	clock          *clock
	secrets        *secrets
	all            []*exchange
	exchanges      int
	passwordChecks int
	races          int
	scenes         []*Scene
	audited        *audited // the latest reading of the target's database
	logs           *logs
	keys           keySet
	passwords      []string // that log in, or did during the run
	canary         string   // a wrong one
	split          *split   // the replicas have nothing to do with each other; nil: they have, or there are none
	notes          []string // of the preflight
}

// Run judges the target and returns the report. An error means that nothing could be judged: it wraps [ErrUsage] or
// [ErrUnavailable]. When ctx ends, Run returns what is known by then, with ctx's cause as the error.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, selected, err := o.complete()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	defer r.logs.close()
	main, err := r.open(ctx, o.Target, o.Replicas...)
	if err != nil {
		return nil, err
	}
	defer main.client.close()
	expiry := main
	if o.ExpiryTarget != "" {
		if expiry, err = r.open(ctx, o.ExpiryTarget); err != nil {
			return nil, err
		}
		defer expiry.client.close()
	}
	r.play(ctx, main, expiry, selected)
	report := r.report(main, expiry, started)
	if ctx.Err() != nil {
		report.interrupt()
		return report, context.Cause(ctx)
	}
	return report, nil
}

func newRun(o Options) (*run, error) {
	r := &run{opts: o, clock: &clock{advance: o.Advance}, secrets: newSecrets()}
	for _, u := range o.Users {
		r.secrets.name(u.Password, "‹password of "+u.Email+"›")
		r.secrets.name(u.Email+":"+u.Password, u.Email+":‹password of "+u.Email+"›")
		r.passwords = append(r.passwords, u.Password)
	}
	r.secrets.name(o.JWTSecret, "‹JWT secret›")
	var err error
	if len(o.JWKS) > 0 {
		if r.keys, err = parseKeys(o.JWKS); err != nil {
			return nil, fmt.Errorf("%w: the public keys: %w", ErrUsage, err)
		}
	}
	if r.logs, err = openLogs(o.Logs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return r, nil
}

// complete fills in defaults and says everything that is wrong in one error.
func (o Options) complete() (Options, []Scenario, error) {
	var wrong []string
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.MaxWait, time.Minute)
	def(&o.RequestTimeout, 10*time.Second)
	def(&o.StoryTimeout, time.Minute)
	def(&o.Patience, 20*time.Second)
	def(&o.commandTime, 30*time.Second)
	if o.RaceRounds == 0 {
		o.RaceRounds = 8
	}
	if o.Advance != nil {
		def(&o.SessionMaxTTL, 90*24*time.Hour)
	}
	if reflect.ValueOf(o.Profile).IsZero() {
		o.Profile.Storage = StorageSHA256 // the kit's own contract
	}
	p, err := o.Profile.complete()
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	o.Profile = p
	if o.Target == "" {
		wrong = append(wrong, "no target: give the base URL of a running server, for example -target http://127.0.0.1:8080")
	}
	for _, t := range append([]string{o.Target, o.ExpiryTarget}, o.Replicas...) {
		if t == "" {
			continue
		}
		u, err := url.Parse(t)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			wrong = append(wrong, fmt.Sprintf("target %q is not an http or https URL such as http://127.0.0.1:8080", t))
		case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			wrong = append(wrong, fmt.Sprintf("target %s://%s has a query (?…) or a fragment (#…), which would go with no request; a base URL is scheme, host and perhaps a path, and what each call has in its query is said by the profile: \"query\"", u.Scheme, u.Host+u.EscapedPath()))
		case !loopback(u) && !o.AllowRemote:
			wrong = append(wrong, fmt.Sprintf("target %s is another host: a run ends sessions and sends wrong passwords there; if that is yours and meant, say -allow-remote", u.Host))
		case !loopback(u) && len(o.Users) == 0:
			wrong = append(wrong, "the demonstration users are for this machine only: name two accounts of the target with -user email:password, twice")
		}
	}
	if o.PlainHTTP && (o.Production || o.InsecureCookies) {
		wrong = append(wrong, "-plain-http says that browsers drop Secure cookies; -production demands them, and -insecure-cookies sends them: say one of these")
	}
	if len(o.Users) == 0 {
		o.Users = DemoUsers()
	}
	if len(o.Users) < 2 {
		wrong = append(wrong, "one user is not enough: a session of another user is the control of every story; give -user email:password twice")
	}
	if email := repeatedUser(o.Users); email != "" {
		wrong = append(wrong, fmt.Sprintf("%s is given twice as a user: two different accounts are needed, since the suite must see that one user's token, data and logout are not the other's; make another account and name it with -user email:password", email))
	}
	selected, err := Select(o.Run)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	if selected = applicable(selected, o); len(selected) == 0 && wrong == nil {
		wrong = append(wrong, "the selected stories judge claims that the profile does not make; policy in the profile makes them")
	}
	if wrong != nil {
		return o, nil, fmt.Errorf("%w: %s", ErrUsage, strings.Join(wrong, "\n  "))
	}
	return o, selected, nil
}

// repeatedUser is the e-mail of an account that is named twice, in whatever case; "": there is none.
func repeatedUser(users []User) string {
	for i, u := range users {
		if slices.ContainsFunc(users[:i], func(o User) bool { return strings.EqualFold(o.Email, u.Email) }) {
			return u.Email
		}
	}
	return ""
}

// applicable leaves out the stories of claims that neither the profile nor the kit's own contract makes, unless they are asked for by ID.
func applicable(selected []Scenario, o Options) []Scenario {
	var kit Policy
	kit.complete()
	return slices.DeleteFunc(selected, func(sc Scenario) bool {
		return sc.NotFor != nil && sc.NotFor(o.Profile.Policy) != "" && sc.NotFor(kit) != "" && !slices.Contains(o.Run, sc.ID)
	})
}

// Select returns the stories that match any of the patterns, in teaching order; none at all: every story. A pattern that matches
// nothing is an error that names the nearest IDs, since a run that judged nothing must not look green.
func Select(patterns []string) ([]Scenario, error) {
	all := Scenarios()
	if len(patterns) == 0 {
		return all, nil
	}
	var selected []Scenario
	used := map[string]bool{}
	for _, s := range all {
		hit := false
		for _, p := range patterns {
			if ok, err := path.Match(p, s.ID); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", p, err)
			} else if ok || p == s.Area() {
				hit, used[p] = true, true
			}
		}
		if hit {
			selected = append(selected, s)
		}
	}
	for _, p := range patterns {
		if !used[p] {
			return nil, fmt.Errorf("no story matches %q; nearest: %s", p, strings.Join(Nearest(p), ", "))
		}
	}
	return selected, nil
}

// Nearest returns the three story IDs that look most like the given one.
func Nearest(id string) []string {
	var ids []string
	for _, s := range Scenarios() {
		ids = append(ids, s.ID)
	}
	slices.SortStableFunc(ids, func(a, b string) int { return distance(id, a) - distance(id, b) })
	return ids[:3]
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, cost)
		}
	}
	return row[len(b)]
}
