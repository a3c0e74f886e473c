package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// progressEvery is how long one may wait for a sign of life.
const progressEvery = 2 * time.Second

// progress tells how far something has come that may take long.
type progress struct {
	out   io.Writer
	what  string
	total int

	mu   sync.Mutex
	done int
	told time.Time
}

func newProgress(out io.Writer, what string, total int) *progress {
	return &progress{out: out, what: what, total: total, told: time.Now()}
}

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := time.Now(); now.Sub(p.told) >= progressEvery {
		p.told = now
		fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, p.done, p.total)
	}
}

// inParallel calls do with each number below n, several at a time. The first error ends all.
func inParallel(ctx context.Context, n, workers int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
