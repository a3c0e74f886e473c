package throttle

import (
	"crypto/sha256"
	"math"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// key names a budget. Accounts are hashed, so that what strangers send takes no more room than this.
type key struct {
	scope   string
	account [sha256.Size]byte
	address netip.Prefix
}

// budget is how many failures are left, the logins under way not counted. Nil has any number left.
type budget struct {
	key
	*rate.Limiter
	underWay int
}

// find returns a budget, a whole one if there is none yet, nil if it has no limit.
func (l *Logins) find(k key, most int) *budget {
	if most <= 0 {
		return nil
	}
	if b, ok := l.budgets.Get(k); ok {
		return b
	}
	return &budget{key: k, Limiter: rate.NewLimiter(rate.Every(Window/time.Duration(most)), most)}
}

// begin keeps a budget, and not before its login is admitted: refusals must not push others out of the memory.
func (l *Logins) begin(b *budget) {
	if b != nil {
		b.underWay++
		l.budgets.Add(b.key, b)
	}
}

func (l *Logins) end(b *budget, now time.Time) {
	if b == nil {
		return
	}
	b.underWay--
	if kept, _ := l.budgets.Peek(b.key); kept == b && b.has(b.Burst(), now) {
		l.budgets.Remove(b.key)
	}
}

// has reports whether n failures are left, should all logins under way fail. Rounding must not keep out one who comes in time.
func (b *budget) has(n int, now time.Time) bool {
	return b == nil || b.TokensAt(now)-float64(b.underWay) > float64(n)-1e-6
}

// wait is how long it takes until n failures are left; a second, if that only waits for the logins under way.
func (b *budget) wait(n int, now time.Time) time.Duration {
	missing := float64(n) - b.TokensAt(now)
	return time.Duration(max(1, math.Ceil(missing/float64(b.Limit())-1e-6))) * time.Second
}

// spend takes one failure, also where rounding has left a little less than one.
func (b *budget) spend(now time.Time) {
	if b != nil {
		b.ReserveN(now, 1)
	}
}

func (b *budget) restore() {
	if b != nil {
		b.Limiter = rate.NewLimiter(b.Limit(), b.Burst())
	}
}
