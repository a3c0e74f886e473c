package main

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	partSmall = "floor, small table"
	partLarge = "floor, large table"
)

// bytesPerFamily is a little more than a family takes in memory, with its indexes.
const bytesPerFamily = 320

// tableSize rotates random families of a small and of a large table, both in memory.
func tableSize(ctx context.Context, l *lab, st *study) error {
	return l.withServer(ctx, l.db.url, sessionCost, func(ctx context.Context, _ *server) error { // for the schema
		if err := l.db.enlarge(ctx, int64(l.settings.Families)*bytesPerFamily); err != nil {
			return err
		}
		m, err := l.db.about(ctx)
		if err != nil {
			return err
		}
		if l.db.container != nil { // else it is as it was
			st.MySQL = &m
		}
		small, err := l.newTable(ctx, "bench_small", l.settings.smallTable())
		if err != nil {
			return err
		}
		large, err := l.newTable(ctx, "bench_large", l.settings.Families)
		if err != nil {
			return err
		}
		if err := l.awaitCalm(ctx); err != nil {
			return err
		}
		return l.takeTurns(ctx, []part{looping(partSmall, small.clients()), looping(partLarge, large.clients())}, &st.Parts)
	})
}

// table is a table of families, of which we remember how often each was rotated.
type table struct {
	*lab
	name        string
	generations []uint32
}

func (l *lab) newTable(ctx context.Context, name string, n int) (*table, error) {
	if err := createFloor(ctx, l.db.pool, name); err != nil {
		return nil, err
	}
	return &table{l, name, make([]uint32, n)}, l.fill(ctx, name, n, make([]byte, 16), time.Now().Add(lifetime))
}

// clients rotate random families, each its own share of them.
func (t *table) clients() (all []operation) {
	for i := range many {
		random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		all = append(all, func(ctx context.Context) error {
			n := random.IntN(len(t.generations)/many)*many + i
			g := t.generations[n]
			if err := rotate(ctx, t.db.pool, t.name, familyID(n), int64(g), familyHash(n, g), familyHash(n, g+1)); err != nil {
				return err
			}
			t.generations[n]++
			return nil
		})
	}
	return all
}

// awaitCalm waits until MySQL has written most of what it was given to the disk, at most a minute.
func (l *lab) awaitCalm(ctx context.Context) error {
	const pause = 500 * time.Millisecond
	p := newProgress(l.stderr, "waiting for MySQL to write its pages", int(time.Minute/pause))
	for range time.Minute / pause {
		var calm bool
		err := l.db.pool.QueryRowContext(ctx, `SELECT 10 * d.VARIABLE_VALUE < t.VARIABLE_VALUE
			FROM performance_schema.global_status d JOIN performance_schema.global_status t
			WHERE d.VARIABLE_NAME = 'Innodb_buffer_pool_pages_dirty' AND t.VARIABLE_NAME = 'Innodb_buffer_pool_pages_total'`).Scan(&calm)
		if err != nil || calm {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		p.add(1)
	}
	return nil
}
