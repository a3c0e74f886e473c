package throttle

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMemory: only what counts is kept, and not without end.
func TestMemory(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	l := New(Config{PerAccount: 2, PerAddress: 4, Now: func() time.Time { return now }})
	from := netip.MustParseAddr("192.0.2.1")
	attempt := func(account string, from netip.Addr, end func(*Attempt)) {
		a, err := l.Begin(account, from)
		require.NoError(t, err)
		require.GreaterOrEqual(t, l.budgets.Len(), 3)
		end(a)
		a.End()
	}
	attempt("alice", from, func(*Attempt) {})
	attempt("alice", from, (*Attempt).Succeeded)
	require.Zero(t, l.budgets.Len())

	for i := range 4 {
		attempt(fmt.Sprint(i), from, (*Attempt).Failed)
	}
	kept := l.budgets.Len()
	for i := range 100 {
		_, err := l.Begin(fmt.Sprint("refused", i), from)
		require.Error(t, err)
	}
	require.Equal(t, kept, l.budgets.Len(), "a refusal is nothing to keep")
	now = now.Add(Window)
	attempt("0", from, func(*Attempt) {})
	require.Less(t, l.budgets.Len(), kept)

	address := make([]byte, 4)
	for i := range maxBudgets {
		binary.BigEndian.PutUint32(address, uint32(i))
		a, _ := netip.AddrFromSlice(address)
		b, err := l.Begin("user"+fmt.Sprint(i), a)
		require.NoError(t, err)
		b.Failed()
		b.End()
	}
	require.Equal(t, maxBudgets, l.budgets.Len())
}
