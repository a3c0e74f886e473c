package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
)

// demoUsers may log in after seed-user. The same two stand in testdata/users.json.
func demoUsers() []credentials {
	return []credentials{
		{"alice@example.com", "alice-demo-password"},
		{"bob@example.com", "bob-demo-password"},
	}
}

// withSessions runs f on a migrated database.
func withSessions(ctx context.Context, a *app, f func(*session.Service) error) (err error) {
	log := newLogger(a)
	db, err := openMigrated(ctx, a, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	sessions, err := newSessions(a.cfg, db, log)
	if err != nil {
		return err
	}
	return f(sessions)
}

func seedUsers(ctx context.Context, a *app, _ []string) error {
	if !a.cfg.dev() {
		return usageError{fmt.Errorf("seed-user is for ENV=dev, not %s: its passwords are public\n    Add real users with: go run ./server users add EMAIL", a.cfg.Env)}
	}
	return withSessions(ctx, a, func(s *session.Service) error { return addDemoUsers(ctx, a.stdout, s) })
}

// addDemoUsers adds the users that are not there yet, and leaves those alone that are.
func addDemoUsers(ctx context.Context, out io.Writer, s *session.Service) error {
	for _, u := range demoUsers() {
		switch _, err := s.AddUser(ctx, u.Email, u.Password); {
		case errors.Is(err, session.ErrEmailTaken):
			fmt.Fprintf(out, "%s is there already\n", u.Email)
		case err != nil:
			return fmt.Errorf("cannot add %s: %w", u.Email, err)
		default:
			fmt.Fprintf(out, "%s added, password %s\n", u.Email, u.Password)
		}
	}
	return nil
}

// offerDemoUsers adds the demonstration users if -seed asks for it, or says how to, where nobody could log in yet.
func offerDemoUsers(ctx context.Context, a *app, db *store.DB, s *session.Service, log *slog.Logger) error {
	if a.seed {
		return addDemoUsers(ctx, a.stdout, s)
	}
	if !a.cfg.dev() || a.cfg.DatabaseURL != "" {
		return nil
	}
	if _, err := db.UserByEmail(ctx, demoUsers()[0].Email); errors.Is(err, session.ErrNoUser) {
		log.InfoContext(ctx, "there are no demonstration users yet; make them with: go run ./server seed-user")
	}
	return nil
}

func usersAdd(ctx context.Context, a *app, args []string) error {
	password, err := readPassword(ctx, a.stdin, a.stderr)
	if err != nil {
		return err
	}
	return withSessions(ctx, a, func(s *session.Service) error {
		u, err := s.AddUser(ctx, args[0], password)
		if err != nil {
			return fmt.Errorf("cannot add the user: %w", err)
		}
		_, err = fmt.Fprintf(a.stdout, "%s added, id %s\n", u.Email, u.ID)
		return err
	})
}

func usersPasswd(ctx context.Context, a *app, args []string) error {
	password, err := readPassword(ctx, a.stdin, a.stderr)
	if err != nil {
		return err
	}
	return withSessions(ctx, a, func(s *session.Service) error {
		ended, err := s.SetPassword(ctx, args[0], password)
		if err != nil {
			return fmt.Errorf("cannot change the password: %w", err)
		}
		_, err = fmt.Fprintf(a.stdout, "password changed, %d sessions ended\n", ended)
		return err
	})
}

func usersDisable(ctx context.Context, a *app, args []string) error {
	return withSessions(ctx, a, func(s *session.Service) error {
		ended, err := s.SetDisabled(ctx, args[0], true)
		if err != nil {
			return fmt.Errorf("cannot disable the user: %w", err)
		}
		_, err = fmt.Fprintf(a.stdout, "disabled, %d sessions ended\n", ended)
		return err
	})
}

func usersEnable(ctx context.Context, a *app, args []string) error {
	return withSessions(ctx, a, func(s *session.Service) error {
		if _, err := s.SetDisabled(ctx, args[0], false); err != nil {
			return fmt.Errorf("cannot enable the user: %w", err)
		}
		_, err := fmt.Fprintln(a.stdout, "enabled")
		return err
	})
}

func cleanup(ctx context.Context, a *app, _ []string) error {
	return withSessions(ctx, a, func(s *session.Service) error {
		n, err := s.Cleanup(ctx)
		if err != nil {
			return fmt.Errorf("cannot clean up: %w", err)
		}
		_, err = fmt.Fprintf(a.stdout, "%d ended sessions deleted\n", n)
		return err
	})
}
