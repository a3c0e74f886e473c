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
	r.Complete, r.Ratios = err == nil, compare(r.Parts, ofRounds(s))
	if len(r.Parts) > 0 {
		r.writeTable(stdout)
	}
	if file != nil {
		err = errors.Join(err, r.writeJSON(file))
	}
	return err
}

// measure starts the database, fills r, and ends it.
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
	program, err := buildServer(ctx, dir)
	if err != nil {
		return err
	}
	l := &lab{r.Settings, db, program, stderr}
	err = r.measureRounds(ctx, l)
	if err == nil && r.Settings.all {
		err = r.measureStudies(ctx, l)
	}
	if err != nil && ctx.Err() != nil { // then err is but its consequence
		return context.Cause(ctx)
	}
	return err
}

// measureRounds is what every run measures.
func (r *report) measureRounds(ctx context.Context, l *lab) error {
	return l.withServer(ctx, l.db.url, l.settings.BcryptCost, func(ctx context.Context, s *server) error {
		if err := createFloor(ctx, l.db.pool, "bench_floor"); err != nil {
			return err
		}
		parts, err := newParts(ctx, l, s.addr)
		if err != nil {
			return err
		}
		return l.takeTurns(ctx, parts, &r.Parts)
	})
}
