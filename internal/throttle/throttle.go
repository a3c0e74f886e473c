// Package throttle slows down whoever guesses passwords. It counts failed logins in this process, and nothing else: a login
// that succeeds, or that nobody could judge, spends nothing.
package throttle

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Window is how long a spent budget takes to be whole again. Its failures come back one by one, evenly.
const Window = 15 * time.Minute

// everywhere is how many times the failures of one address an account bears from all addresses together.
const everywhere = 3

// maxBudgets bounds the memory, to some 60 MB; the budget that was used least lately is forgotten first. What has no failure is
// not kept, and each failure costs a password hash: to push out what still counts, it takes some fifty a second for a whole window.
const maxBudgets = 1 << 17

// Config says how many failed logins are borne at once.
type Config struct {
	PerAccount int              // on one account from one address; 0: any number
	PerAddress int              // from one address on all accounts together; 0: any number
	Now        func() time.Time // nil: time.Now, whose monotonic part does not care when the machine's clock is set
}

// Logins limits failed logins. It is safe for concurrent use.
//
// Nobody can shut the owner of an account out by failing on it. Whoever fails spends the budget that the account has at his own
// address. Once an account has had many failures from everywhere, an address that has failed on it shares what comes back with
// all others, and one that has not still has an attempt of its own.
type Logins struct {
	cfg     Config
	mu      sync.Mutex
	budgets *simplelru.LRU[key, *budget]
}

// New returns a Logins whose budgets are whole.
func New(cfg Config) *Logins {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	budgets, _ := simplelru.NewLRU[key, *budget](maxBudgets, nil) // fails for no size above 0
	return &Logins{cfg: cfg, budgets: budgets}
}

// Error refuses a login before anything is looked up.
type Error struct {
	Scope      string        // whose budget is spent: "address", "pair" (an account at an address), or "account"
	RetryAfter time.Duration // whole seconds, at least one
}

func (e *Error) Error() string {
	return fmt.Sprintf("the failures of the %s are spent, retry after %v", e.Scope, e.RetryAfter)
}

// Attempt is a login under way.
type Attempt struct {
	logins                 *Logins
	pair, account, address *budget
}

// Begin admits a login on an account, which need not exist, or returns an [*Error]. Whoever is admitted must call End.
//
// An attempt under way counts as a failure until it ends, or any number could begin before the first has failed.
func (l *Logins) Begin(account string, from netip.Addr) (*Attempt, error) {
	name, network := sha256.Sum256([]byte(account)), Network(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	a := &Attempt{
		logins:  l,
		pair:    l.find(key{scope: "pair", account: name, address: network}, l.cfg.PerAccount),
		account: l.find(key{scope: "account", account: name}, l.cfg.PerAccount*everywhere),
		address: l.find(key{scope: "address", address: network}, l.cfg.PerAddress),
	}
	whole := l.cfg.PerAccount
	switch {
	case !a.address.has(1, now):
		return nil, &Error{"address", a.address.wait(1, now)}
	case !a.pair.has(1, now):
		return nil, &Error{"pair", a.pair.wait(1, now)}
	case !a.account.has(1, now) && !a.pair.has(whole, now):
		return nil, &Error{"account", min(a.account.wait(1, now), a.pair.wait(whole, now))}
	}
	for _, b := range []*budget{a.pair, a.account, a.address} {
		l.begin(b)
	}
	return a, nil
}

// Failed spends a failure of each budget.
func (a *Attempt) Failed() {
	a.logins.mu.Lock()
	defer a.logins.mu.Unlock()
	now := a.logins.cfg.Now()
	for _, b := range []*budget{a.pair, a.account, a.address} {
		b.spend(now)
	}
}

// Succeeded makes the budget of the account at this address whole (NIST SP 800-63B section 5.2.2), and no other: else whoever
// has an account could fail without end on those of others.
func (a *Attempt) Succeeded() {
	a.logins.mu.Lock()
	defer a.logins.mu.Unlock()
	a.pair.restore()
}

// End says that the attempt is no longer under way.
func (a *Attempt) End() {
	a.logins.mu.Lock()
	defer a.logins.mu.Unlock()
	now := a.logins.cfg.Now()
	for _, b := range []*budget{a.pair, a.account, a.address} {
		a.logins.end(b, now)
	}
}

// Network is what counts as one address: an IPv4 address, or the /64 that one IPv6 subscriber has at least (RFC 6177 section 2).
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // fails for the zero address alone, and then is zero as well
	return p
}
