package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// benchmark measures as s says, and reports what it has measured, however it ends.
func benchmark(ctx context.Context, s settings, stdout, stderr io.Writer) (err error) {
	var file *os.File
	if s.jsonFile != "" { // now, rather than after minutes
		if file, err = os.Create(s.jsonFile); err != nil {
			return fmt.Errorf("-json: %w; %w", err, errUsage)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	r := &report{Started: time.Now().UTC(), Settings: s, Machine: thisMachine()}
	err = r.measure(ctx, stderr)
	r.Complete, r.Ratios = err == nil, r.ratios()
	if len(r.Parts) > 0 {
		r.writeTable(stdout)
	}
	if file != nil {
		err = errors.Join(err, r.writeJSON(file))
	}
	return err
}

// measure starts database and server, fills r, and ends them.
func (r *report) measure(ctx context.Context, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "jwt-toy-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintln(stderr, "starting MySQL and the server …")
	db, err := openDatabase(ctx, r.Settings.databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if r.Machine.MySQL, err = db.about(ctx); err != nil {
		return err
	}
	server, err := startServer(ctx, dir, db.url, r.Settings.BcryptCost)
	if err != nil {
		return err
	}
	defer server.stop()
	if err := r.measureParts(ctx, db, server.addr, stderr); err != nil {
		if ctx.Err() != nil { // then err is but its consequence
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w\nthe end of the server's log:\n%s", err, server.lastWords())
	}
	return nil
}

func (r *report) measureParts(ctx context.Context, db *database, addr string, stderr io.Writer) error {
	connected, disconnect := context.WithCancel(ctx)
	defer disconnect() // before the server stops, which would wait for its clients
	if err := createFloor(ctx, db.pool); err != nil {
		return err
	}
	parts, err := newParts(connected, r.Settings, db, addr)
	if err != nil {
		return err
	}
	d := r.Settings.Duration
	fmt.Fprintf(stderr, "%d rounds of %d parts of %s or a little more, after one that is short and does not count\n", r.Settings.Rounds, len(parts), d)
	for _, p := range parts {
		if _, err := p.measure(connected, d/10); err != nil {
			return err
		}
	}
	for _, p := range parts {
		r.Parts = append(r.Parts, measured{Name: p.name, Clients: p.clients})
	}
	for round := range r.Settings.Rounds {
		for i := range parts {
			if round%2 == 1 { // of two neighbours not always the same comes first
				i = len(parts) - 1 - i
			}
			got, err := parts[i].measure(connected, d)
			if err != nil {
				return err
			}
			r.Parts[i].add(got)
			fmt.Fprintf(stderr, "round %d of %d: %-21s clients %-2d %9.1f/s  p99 %.2f ms\n",
				round+1, r.Settings.Rounds, parts[i].name, parts[i].clients, got.PerSecond, got.P99)
		}
	}
	return nil
}
