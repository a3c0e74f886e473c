package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/store"
)

// withStore runs f on the database as it is, without migrating it.
func withStore(ctx context.Context, a *app, f func(context.Context, *store.DB) error) (err error) {
	db, err := openStore(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	return f(ctx, db)
}

func migrateUp(ctx context.Context, a *app, _ []string) error {
	return withStore(ctx, a, func(ctx context.Context, db *store.DB) error {
		applied, err := db.MigrateUp(ctx)
		for _, name := range applied {
			fmt.Fprintln(a.stdout, "applied", name)
		}
		if err == nil {
			fmt.Fprintf(a.stdout, "%d migrations applied\n", len(applied))
		}
		return err
	})
}

func migrateDown(ctx context.Context, a *app, _ []string) error {
	return withStore(ctx, a, func(ctx context.Context, db *store.DB) error {
		name, err := db.MigrateDown(ctx)
		if err == nil {
			fmt.Fprintln(a.stdout, "taken back:", cmp.Or(name, "nothing, no migration was applied"))
		}
		return err
	})
}

func migrateStatus(ctx context.Context, a *app, _ []string) error {
	return withStore(ctx, a, func(ctx context.Context, db *store.DB) error {
		all, err := db.MigrationStatus(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for _, m := range all {
			applied := "pending"
			if !m.AppliedAt.IsZero() {
				applied = m.AppliedAt.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\n", m.Name, applied)
		}
		return w.Flush()
	})
}
