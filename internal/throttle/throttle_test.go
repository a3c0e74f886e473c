package throttle_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

const (
	perAccount = 5 // one comes back every 3 minutes
	perAddress = 30
)

var (
	home    = netip.MustParseAddr("192.0.2.1")
	thief   = netip.MustParseAddr("198.51.100.1")
	nowhere netip.Addr
)

type world struct {
	*throttle.Logins
	t   *testing.T
	now time.Time
}

func newWorld(t *testing.T, perAccount, perAddress int) *world {
	w := &world{t: t, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.Logins = throttle.New(throttle.Config{PerAccount: perAccount, PerAddress: perAddress, Now: func() time.Time { return w.now }})
	return w
}

// fail lets n logins be refused.
func (w *world) fail(n int, account string, from netip.Addr) {
	w.t.Helper()
	for i := range n {
		a, err := w.Begin(account, from)
		require.NoError(w.t, err, "failure %d", i+1)
		a.Failed()
		a.End()
	}
}

func (w *world) succeed(account string, from netip.Addr) {
	w.t.Helper()
	a, err := w.Begin(account, from)
	require.NoError(w.t, err)
	a.Succeeded()
	a.End()
}

// requireThrottled: not before the time that it names, and then it does begin.
func (w *world) requireThrottled(scope string, after time.Duration, account string, from netip.Addr) {
	w.t.Helper()
	a, err := w.Begin(account, from)
	require.Nil(w.t, a)
	var refused *throttle.Error
	require.ErrorAs(w.t, err, &refused)
	require.Equal(w.t, throttle.Error{Scope: scope, RetryAfter: after}, *refused)
	require.Contains(w.t, err.Error(), scope)
	require.NotContains(w.t, err.Error(), account)
	begin := w.now
	w.now = begin.Add(after - time.Second)
	_, err = w.Begin(account, from)
	require.ErrorAs(w.t, err, &refused, "a second too early")
	w.now = begin.Add(after)
	a, err = w.Begin(account, from)
	require.NoError(w.t, err, "after the time that was named")
	a.End()
	w.now = begin
}

func TestPair(t *testing.T) {
	w := newWorld(t, perAccount, perAddress)
	w.fail(perAccount, "alice", thief)
	w.requireThrottled("pair", 3*time.Minute, "alice", thief)
	w.succeed("bob", thief)
	w.succeed("alice", home)
	w.requireThrottled("pair", 3*time.Minute, "alice", thief) // which nobody else's success mends

	w.now = w.now.Add(3 * time.Minute)
	w.fail(1, "alice", thief)
	w.requireThrottled("pair", 3*time.Minute, "alice", thief)
	w.now = w.now.Add(throttle.Window)
	w.fail(perAccount, "alice", thief)
	w.requireThrottled("pair", 3*time.Minute, "alice", thief)
}

// TestOnlyFailuresCount: not successes, not what was never judged.
func TestOnlyFailuresCount(t *testing.T) {
	w := newWorld(t, perAccount, perAddress)
	for range 10 * perAddress {
		w.succeed("alice", home)
		a, err := w.Begin("alice", home)
		require.NoError(t, err)
		a.End()
	}
	w.fail(perAccount, "alice", home)
}

func TestSuccessForgivesThePair(t *testing.T) {
	w := newWorld(t, perAccount, perAddress)
	for range perAddress/(perAccount-1) - 1 {
		w.fail(perAccount-1, "alice", home)
		w.succeed("alice", home)
		w.now = w.now.Add(3 * time.Minute) // for the account's budget at all addresses
	}
	w.fail(perAccount, "alice", home)
	w.requireThrottled("pair", 3*time.Minute, "alice", home)
}

// TestAddress: guessing one password on many accounts, one's own between them.
func TestAddress(t *testing.T) {
	w := newWorld(t, perAccount, perAddress)
	for i := range perAddress {
		w.succeed("own", thief)
		w.fail(1, fmt.Sprint("user", i), thief)
	}
	w.requireThrottled("address", 30*time.Second, "another", thief)
	w.requireThrottled("address", 30*time.Second, "own", thief)
	w.succeed("own", home)
}

// TestAccountEverywhere: many addresses guess the password of one account.
func TestAccountEverywhere(t *testing.T) {
	w := newWorld(t, perAccount, perAddress)
	bot := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}) }
	for i := range 3 {
		w.fail(perAccount, "alice", bot(i))
	}
	w.fail(1, "alice", bot(10)) // one attempt each
	w.requireThrottled("account", 2*time.Minute, "alice", bot(10))
	w.requireThrottled("pair", 3*time.Minute, "alice", bot(0))
	w.succeed("alice", home) // the owner was never kept out
	w.fail(perAccount, "bob", bot(10))

	w.fail(1, "alice", home)
	w.requireThrottled("account", 3*time.Minute, "alice", home) // all his failures, or one of all addresses, have come back
	w.now = w.now.Add(3 * time.Minute)
	w.succeed("alice", home)
	w.fail(1, "alice", bot(11))

	a, err := w.Begin("alice", bot(20))
	require.NoError(t, err)
	w.requireBusy("account", "alice", bot(20)) // one at a time
	a.End()
	w.now = w.now.Add(throttle.Window)
	w.fail(perAccount, "alice", bot(10)) // all is forgotten
}

// requireBusy: it waits for nothing but the logins under way.
func (w *world) requireBusy(scope, account string, from netip.Addr) {
	w.t.Helper()
	_, err := w.Begin(account, from)
	var refused *throttle.Error
	require.ErrorAs(w.t, err, &refused)
	require.Equal(w.t, throttle.Error{Scope: scope, RetryAfter: time.Second}, *refused)
}

// TestUnderWay: none can begin many before the first has failed.
func TestUnderWay(t *testing.T) {
	w := newWorld(t, perAccount, perAddress)
	var begun []*throttle.Attempt
	for range perAccount {
		a, err := w.Begin("alice", thief)
		require.NoError(t, err)
		begun = append(begun, a)
	}
	w.requireBusy("pair", "alice", thief)
	begun[0].Failed()
	begun[0].End()
	w.requireBusy("pair", "alice", thief)
	begun[1].End() // nobody judged it
	w.fail(1, "alice", thief)
	begun[2].Succeeded()
	begun[2].End()
	w.fail(3, "alice", thief)
	w.requireBusy("pair", "alice", thief)
	for _, a := range begun[3:] {
		a.End()
	}
	w.fail(2, "alice", thief)
	w.requireThrottled("pair", 3*time.Minute, "alice", thief)
}

func TestNoLimit(t *testing.T) {
	w := newWorld(t, 0, 0)
	w.fail(1000, "alice", thief)
	w.succeed("alice", thief)

	w = newWorld(t, 0, perAddress)
	w.fail(perAddress, "alice", thief)
	w.requireThrottled("address", 30*time.Second, "bob", thief)

	w = newWorld(t, perAccount, 0)
	for i := range 1000 {
		w.fail(1, fmt.Sprint("user", i), thief)
	}
	w.fail(perAccount, "alice", thief)
	w.requireThrottled("pair", 3*time.Minute, "alice", thief)
}

func TestNetwork(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"192.0.2.1", "192.0.2.1/32"},
		{"::ffff:192.0.2.1", "192.0.2.1/32"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"fe80::1%eth0", "fe80::/64"},
	} {
		require.Equal(t, c.want, throttle.Network(netip.MustParseAddr(c.address)).String())
	}
	require.Zero(t, throttle.Network(nowhere))

	w := newWorld(t, perAccount, perAddress)
	w.fail(perAccount, "alice", netip.MustParseAddr("2001:db8:1:2::1"))
	w.requireThrottled("pair", 3*time.Minute, "alice", netip.MustParseAddr("2001:db8:1:2:ffff::1"))
	w.succeed("alice", netip.MustParseAddr("2001:db8:1:3::1"))
	w.fail(perAccount, "alice", nowhere)
	w.requireThrottled("pair", 3*time.Minute, "alice", nowhere)
}

// TestRace is for the race detector, and for what it leaves: as many failures as were admitted, no more than the budget has.
func TestRace(t *testing.T) {
	w := newWorld(t, 50, 0)
	var wg sync.WaitGroup
	admitted := make(chan bool, 400)
	for range cap(admitted) {
		wg.Go(func() {
			a, err := w.Begin("alice", thief)
			var refused *throttle.Error
			if errors.As(err, &refused) {
				return
			}
			defer a.End()
			a.Failed()
			admitted <- true
		})
	}
	wg.Wait()
	require.Len(t, admitted, 50)
}
