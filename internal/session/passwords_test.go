package session

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPasswordSlots: with all slots taken, hashing and checking wait, within their context.
func TestPasswordSlots(t *testing.T) {
	p, err := NewPasswords(4, 2)
	require.NoError(t, err)
	hash, err := p.hash(t.Context(), "secret")
	require.NoError(t, err)
	first, err := p.slot(t.Context())
	require.NoError(t, err)
	ok, err := p.check(t.Context(), hash, "secret")
	require.NoError(t, err, "one slot is free")
	require.True(t, ok)
	second, err := p.slot(t.Context())
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = p.check(ctx, hash, "secret")
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = p.hash(ctx, "secret")
	require.ErrorIs(t, err, ErrUnavailable)

	done := make(chan error)
	go func() {
		_, err := p.check(t.Context(), hash, "secret")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("checked without a slot: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	first()
	require.NoError(t, <-done)
	second()
	require.Empty(t, p.slots, "all slots came back")
}

func TestNewPasswords(t *testing.T) {
	p, err := NewPasswords(4, 0)
	require.NoError(t, err)
	require.Equal(t, max(1, runtime.GOMAXPROCS(0)-1), cap(p.slots))
	for _, cost := range []int{-1, 0, 3, 32} {
		_, err := NewPasswords(cost, 1)
		require.Error(t, err, "cost %d", cost)
	}
}
