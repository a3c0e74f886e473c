// Package probe works out a [conformance.Profile] from a running target: where its calls are, how they are spelled, where the tokens
// stand and how long they live. It says of every member whether it was measured or guessed, and lets the suite play a few stories with
// the profile before it hands it out.
//
// It is polite: a bounded number of requests and of password checks, none after a 429 that asks for more patience than there is.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Options say what to probe and what is known already.
type Options struct {
	Run     conformance.Options // of the run that the profile is for; its Profile and Run are not looked at
	Login   string              // paths that are known and so not searched
	Refresh string
	Logout  string
	Me      string            // "-": there is none
	OpenAPI string            // a file or a URL of the target's OpenAPI document; empty: the usual places
	Fields  map[string]string // that the body of every call has besides, such as client_id
	Headers map[string]string // that every call has, such as apikey

	NoPolicy bool              // the policy is not measured, which costs about eight logins and as long as a grace lasts
	Progress func(step string) // called before what may take a while; nil: nobody listens

	Requests int           // at most, policy and stories at the end not counted; 0: 200
	Time     time.Duration // at most; 0: 2 min
}

// ErrNotFound says that the target answers but has no login or no refresh that the probe understands.
var ErrNotFound = errors.New("not found")

// Finding is a member of the profile, and what speaks for it.
type Finding struct {
	Member   string
	Value    string
	Measured bool // seen at the target; false: guessed
	Evidence string
}

// Result is a profile and how it came about. It holds no token and no password.
type Result struct {
	Profile        conformance.Profile // complete
	JSON           []byte              // what differs from the kit's contract, as a file for -profile
	Preset         string              // the embedded profile that says the same; empty: none does
	Findings       []Finding
	Notes          []string                  // what was measured and has no member, and what looks wrong
	Unclaimed      []string                  // defects, which a draft must not turn into claims: a run with it fails
	Stories        []conformance.StoryResult // what the suite said with this profile
	Requests       int
	PasswordChecks int
}

// prober is the state of a probe. Its first error is its last request: nothing is sent after it.
type prober struct {
	ctx     context.Context
	opts    Options
	base    *url.URL
	client  *client
	err     error
	nothing map[string]string // method → fingerprint of the answer at a path that does not exist
	plain   int               // status of that answer to a POST
	doc     document

	profile     conformance.Profile
	headers     map[string]string // that the target turned out to want, beside Options.Headers
	findings    []Finding
	notes       []string
	unclaimed   []string
	tried       []string // logins that did not work, and refreshes
	misspelt    []string // and those that were not even looked at
	indifferent int      // of them, those that were answered as a path that does not exist
	checks      int      // passwords that the target may have checked

	session              // the session that the probe lives in
	login        *answer // of the right password
	yes, no      []*answer
	forbidden    bool              // a refresh was answered 403
	brought      map[string]string // cookies, and what may be against CSRF, by place
	accessWhere  place
	refreshWhere place
}

// session is what the last answer brought.
type session struct {
	access, refresh string
	rotates         bool
}

// Run probes the target. The error wraps [conformance.ErrUsage], [conformance.ErrUnavailable] or [ErrNotFound], or is ctx's cause.
func Run(ctx context.Context, o Options) (*Result, error) {
	o.Run.Run, o.Run.Profile = nil, conformance.Profile{}
	if err := o.Run.Check(); err != nil {
		return nil, err
	}
	base, err := url.Parse(o.Run.Target)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", conformance.ErrUsage, err)
	}
	if len(o.Run.Users) == 0 {
		o.Run.Users = conformance.DemoUsers()
	}
	o.Requests, o.Time = cmp.Or(o.Requests, 200), cmp.Or(o.Time, 2*time.Minute)
	limited, cancel := context.WithTimeoutCause(ctx, o.Time, fmt.Errorf("%w: %v were not enough; name the paths with -login, -refresh, -logout and -me", ErrNotFound, o.Time))
	defer cancel()
	p := &prober{ctx: limited, opts: o, base: base, client: newClient(o.Run, o.Requests), nothing: map[string]string{}, brought: map[string]string{}, headers: map[string]string{}}
	defer p.client.close()
	p.progress("probing " + base.Redacted())
	for _, step := range []func(){
		p.knockAtNothing, p.findDocument, p.findLogin, p.findRefresh, p.findMe, p.wrongPassword, p.findLogout, p.findPredicate, p.lifetimes,
	} {
		if p.err == nil {
			step()
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.result(ctx)
}

// result writes the profile down and lets the suite play with it.
func (p *prober) result(ctx context.Context) (*Result, error) {
	_, complete, err := p.emit()
	if err != nil {
		return nil, err
	}
	r := &Result{Requests: p.opts.Requests - p.client.left}
	if err := p.policy(ctx, complete); err != nil {
		return nil, err
	}
	if r.JSON, r.Profile, err = p.emit(); err != nil {
		return nil, err
	}
	if err := p.validate(ctx, r); err != nil {
		return nil, err
	}
	r.Preset, r.PasswordChecks = sameAs(r.Profile), p.checks
	order := []string{"login", "refresh", "logout", "me", "answer", "policy"}
	slices.SortStableFunc(p.findings, func(a, b Finding) int {
		x, _, _ := strings.Cut(a.Member, ".")
		y, _, _ := strings.Cut(b.Member, ".")
		return slices.Index(order, x) - slices.Index(order, y)
	})
	r.Findings, r.Notes, r.Unclaimed = p.findings, p.notes, p.unclaimed
	return r, nil
}

func (p *prober) progress(step string) {
	if p.opts.Progress != nil {
		p.opts.Progress(step)
	}
}

// fail ends the probe; the first reason stays.
func (p *prober) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *prober) measured(member, value, format string, args ...any) {
	p.findings = append(p.findings, Finding{member, value, true, fmt.Sprintf(format, args...)})
}

func (p *prober) guessed(member, value, format string, args ...any) {
	p.findings = append(p.findings, Finding{member, value, false, fmt.Sprintf(format, args...)})
}

func (p *prober) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// try remembers what did not work, for the message if nothing does.
func (p *prober) try(c conformance.Call, a *answer) {
	line := fmt.Sprintf("%s %s (%s): %s", c.Method, where(c), spelling(c), a.got())
	if slices.Contains([]int{http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusMethodNotAllowed}, a.status) {
		p.misspelt = append(p.misspelt, line)
		return
	}
	p.tried = append(p.tried, line)
}

// attempts is the end of a message: what was tried, the first ones.
func (p *prober) attempts() string {
	const shown = 10
	all := append(slices.Clone(p.tried), p.misspelt...)
	if len(all) == 0 {
		return ""
	}
	s := "\n  tried:\n    " + strings.Join(all[:min(shown, len(all))], "\n    ")
	if n := len(all) - shown; n > 0 {
		s += fmt.Sprintf("\n    and %d more", n)
	}
	return s
}
