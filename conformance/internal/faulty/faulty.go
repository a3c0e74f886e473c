// Package faulty is an authentication server in memory that can be told to be wrong in one way at a time.
//
// Without faults it is a small, correct server of the kit's contract. Read http.go, login.go, refresh.go, reuse.go and
// logout.go, in that order. Every bug that it can have stands beside the code that is right, as a few lines that begin with
// s.has("the fault's name"); [Faults] lists them all with one sentence each. It exists so that the suite can be seen to catch
// each of them and nothing else, and as an exercise: start one, look at it from outside, and say what is wrong.
//
// It is no server to run anywhere: it forgets everything at exit, its secrets are published, its password hash is fast.
package faulty

import (
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// DemoSecret signs the access tokens unless [Options] says otherwise, so that a suite can be given it.
const DemoSecret = "faulty-demo-secret-of-enough-bytes-for-HS256"

// Options say how the server behaves. The zero value is the contract's healthy server with the two demonstration users.
type Options struct {
	Faults  []string // names from [Faults]; several may be combined
	Dialect Dialect
	Users   map[string]string // e-mail to password; none: the two demonstration users
	Secret  string            // signs access tokens; empty: [DemoSecret]
	RS256   bool              // sign access tokens with a private key that is made at the start, instead

	AccessTTL     time.Duration // whole seconds; 0: 15 minutes
	RefreshTTL    time.Duration // since the last rotation; 0: 30 days
	SessionMaxTTL time.Duration // since the login; 0: 90 days

	Secure   bool          // cookies are Secure, as in production
	HashCost time.Duration // what a password hash takes; 0: next to nothing, or three windows where a fault's hole is a hash left out
	Window   time.Duration // how long the holes of races stay open; 0: 15 ms
	Now      func() time.Time
	Log      io.Writer // gets a line for each request and event; nil: there is no log
}

// Server is the server. It is safe for concurrent use, also when its faults are races.
type Server struct {
	faults                               map[string]bool
	dialect                              Dialect
	accessKey, refreshKey                []byte
	privateKey                           *rsa.PrivateKey // signs access tokens; nil: accessKey does
	accessTTL, refreshTTL, sessionMaxTTL time.Duration
	secure                               bool
	hashCost, window                     time.Duration
	clock                                func() time.Time
	sleep                                func(time.Duration) // time.Sleep, but in tests
	crossOrigin                          *http.CrossOriginProtection
	routes                               map[string]route
	log                                  *slog.Logger

	*database
	*process
}

// database is what a restart survives and replicas share.
type database struct {
	mu       sync.Mutex
	away     bool    // see Outage
	users    []*user // sorted by e-mail
	families map[string]*family
	guesses  map[guesser]guesses
	memory   // what only faults keep
}

// New returns a server, or an error that says which option is wrong; a fault that does not exist is answered with the nearest.
func New(o Options) (*Server, error) {
	if len(o.Users) == 0 {
		o.Users = map[string]string{"alice@example.com": "alice-demo-password", "bob@example.com": "bob-demo-password"}
	}
	if o.Secret == "" {
		o.Secret = DemoSecret
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	for d, def := range map[*time.Duration]time.Duration{
		&o.AccessTTL: 15 * time.Minute, &o.RefreshTTL: 30 * 24 * time.Hour, &o.SessionMaxTTL: 90 * 24 * time.Hour, &o.Window: 15 * time.Millisecond,
	} {
		if *d < 0 {
			return nil, fmt.Errorf("a duration is negative: %s", *d)
		}
		if *d == 0 {
			*d = def
		}
	}
	if o.AccessTTL%time.Second != 0 {
		return nil, fmt.Errorf("the life of access tokens must be whole seconds, not %s", o.AccessTTL)
	}
	s := &Server{
		faults:    map[string]bool{},
		dialect:   o.Dialect,
		accessTTL: o.AccessTTL, refreshTTL: o.RefreshTTL, sessionMaxTTL: o.SessionMaxTTL,
		secure: o.Secure, hashCost: o.HashCost, window: o.Window, clock: o.Now, sleep: time.Sleep,
		crossOrigin: http.NewCrossOriginProtection(),
		log:         slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		database:    &database{families: map[string]*family{}, guesses: map[guesser]guesses{}, memory: newMemory()},
		process:     newProcess(),
	}
	if err := o.Dialect.check(); err != nil {
		return nil, err
	}
	for _, name := range o.Faults {
		if !slices.ContainsFunc(Faults(), func(f Fault) bool { return f.Name == name }) {
			return nil, fmt.Errorf("no fault is called %q; nearest: %s", name, nearest(name))
		}
		s.faults[name] = true
	}
	if s.has("login-enum-by-timing", "login-enum-locked-or-disabled/timing") && s.hashCost == 0 {
		s.hashCost = 3 * s.window
	}
	if err := s.makeKeys(o.Secret); err != nil {
		return nil, err
	}
	if o.RS256 {
		if err := s.makePrivateKey(); err != nil {
			return nil, err
		}
	}
	if err := s.addUsers(o.Users); err != nil {
		return nil, err
	}
	s.routes = s.makeRoutes()
	return s, nil
}

// makeKeys derives the refresh tokens' key, so that a service that may verify access tokens cannot make refresh tokens.
func (s *Server) makeKeys(secret string) error {
	if s.has("at-weak-or-default-secret") {
		secret = "secret"
	}
	s.accessKey = []byte(secret)
	key, err := hkdf.Key(sha256.New, s.accessKey, nil, "refresh token", sha256.Size)
	if err != nil {
		return fmt.Errorf("derive the key of refresh tokens: %w", err)
	}
	s.refreshKey = key
	if s.has("rt-forgeable-with-access-secret") {
		s.refreshKey = s.accessKey
	}
	return nil
}

// has reports whether the server has any of these faults.
func (s *Server) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return s.faults[name] })
}

// gap lets others in while a fault believes that it is alone. s.mu must be held, and is again afterwards: the hole is one of logic,
// never a data race.
func (s *Server) gap() {
	s.mu.Unlock()
	s.sleep(s.window)
	s.mu.Lock()
}

// memory is what faults remember and the healthy server has no use for.
type memory struct {
	failures    map[string]int     // wrong passwords, by user
	lastLogin   map[*user]int64    // Unix seconds
	deniedJTIs  map[string]bool    // access tokens
	sessions    map[string]*family // by their access tokens' jti, for the dialect in which those die with it
	handles     map[string]string  // short names of refresh tokens
	spellings   map[string]string  // refresh tokens by their lower case
	busyUsers   map[*user]int      // refreshes under way
	cachedMe    *user              // whose /me was asked for first
	handleCount int
	logins      int

	verdicts       map[string]*user // whom an access token was found to stand for
	connections    map[string]*user // who showed a good access token last, by the client's address
	webSessions    map[string]*user // by the value of their cookie
	currentUser    *user            // of whatever request is being answered
	wrongPasswords map[string]int
	passwordOK     map[string]time.Time // when a user's password was checked and right, by user
	flights        map[string]*flight   // work under way
	agents         map[tokenHash]string // to what browser a refresh token was given
	loginBodies    map[string]map[string]any
}

func newMemory() memory {
	return memory{
		failures:   map[string]int{},
		lastLogin:  map[*user]int64{},
		deniedJTIs: map[string]bool{},
		sessions:   map[string]*family{},
		handles:    map[string]string{},
		spellings:  map[string]string{},
		busyUsers:  map[*user]int{},

		verdicts:       map[string]*user{},
		connections:    map[string]*user{},
		webSessions:    map[string]*user{},
		passwordOK:     map[string]time.Time{},
		wrongPasswords: map[string]int{},
		flights:        map[string]*flight{},
		agents:         map[tokenHash]string{},
		loginBodies:    map[string]map[string]any{},
	}
}
