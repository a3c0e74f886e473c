package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInParallel(t *testing.T) {
	var sum, running, most atomic.Int64
	require.NoError(t, inParallel(t.Context(), 100, 4, func(_ context.Context, i int) error {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(100 * time.Microsecond)
		running.Add(-1)
		sum.Add(int64(i))
		return nil
	}))
	require.EqualValues(t, 4950, sum.Load())
	require.LessOrEqual(t, most.Load(), int64(4))

	broken := errors.New("broken")
	var calls atomic.Int64
	err := inParallel(t.Context(), 1000, 2, func(_ context.Context, i int) error {
		calls.Add(1)
		if i == 3 {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, err, broken)
	require.Less(t, calls.Load(), int64(1000), "the first error ends all")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, inParallel(ctx, 10, 2, func(context.Context, int) error { return nil }), context.Canceled)
}

// Short things show no progress, long ones do.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, "families", 30)
	p.add(10)
	require.Empty(t, out.String())
	p.told = p.told.Add(-progressEvery)
	p.add(10)
	require.Equal(t, "families: 20 of 30\n", out.String())
	p.add(10)
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
}
