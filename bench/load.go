package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// sample is what one part measured in one round.
type sample struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"` // until the last operation ended
	PerSecond  float64 `json:"per_second"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
}

// operation is what one client does again and again: one refresh, one login, one UPDATE. It checks its own outcome.
type operation func(context.Context) error

// closedLoop lets each client repeat its operation for d.
func closedLoop(ctx context.Context, d time.Duration, clients []operation) (sample, error) {
	return loopWhile(ctx, func(since time.Duration) bool { return since < d }, clients)
}

// loopWhile lets each client repeat its operation, the next as soon as the last has ended, and the last to its end; more says,
// from the time since the start, whether another one begins after the first. The first error ends all.
func loopWhile(ctx context.Context, more func(since time.Duration) bool, clients []operation) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([][]time.Duration, len(clients))
	ended := make([]time.Time, len(clients))
	var running sync.WaitGroup
	start := time.Now()
	for i, do := range clients {
		running.Go(func() {
			for now := start; now.Equal(start) || more(now.Sub(start)); now = ended[i] {
				err := ctx.Err()
				if err == nil {
					err = do(ctx)
				}
				if err != nil {
					cancel(err)
					return
				}
				ended[i] = time.Now()
				took[i] = append(took[i], ended[i].Sub(now))
			}
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return sample{}, context.Cause(ctx)
	}
	return newSample(slices.Concat(took...), slices.MaxFunc(ended, time.Time.Compare).Sub(start)), nil
}

func newSample(took []time.Duration, total time.Duration) sample {
	slices.Sort(took)
	return sample{
		Operations: len(took),
		Seconds:    total.Seconds(),
		PerSecond:  float64(len(took)) / total.Seconds(),
		P50:        milliseconds(took[len(took)/2]),
		P99:        milliseconds(took[len(took)*99/100]),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median returns the middle one of values, or the mean of the middle two; 0 if there are none.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	return (values[(n-1)/2] + values[n/2]) / 2
}
