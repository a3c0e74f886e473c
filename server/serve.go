package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

const (
	openTimeout     = 15 * time.Second // until the database answers
	migrateTimeout  = 2 * time.Minute  // until other servers that migrate are done, and this one
	storeTimeout    = 5 * time.Second  // for the store calls of one request, repetitions included
	shutdownTimeout = 15 * time.Second // for the requests that run when a signal comes; more than one request may take
	cleanupInterval = time.Hour
)

// serve opens the database, migrates it and serves until ctx ends.
func serve(ctx context.Context, a *app, _ []string) (err error) {
	if a.seed && !a.cfg.dev() {
		return usageError{errors.New("-seed is for ENV=dev: its passwords are public")}
	}
	log := newLogger(a)
	for _, w := range a.cfg.Warnings {
		log.WarnContext(ctx, w)
	}
	db, err := openMigrated(ctx, a, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	sessions, err := newSessions(a.cfg, db, log)
	if err != nil {
		return err
	}
	if err := offerDemoUsers(ctx, a, db, sessions, log); err != nil {
		return err
	}
	l, err := listen(ctx, a.cfg.Addr)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "listening", "addr", l.Addr().String(), "env", a.cfg.Env, "database", db.Engine(), "app", a.cfg.AppName)

	handler := newHandler(deps{
		sessions:       sessions,
		logins:         throttle.New(throttle.Config{PerAccount: a.cfg.FailuresPerAccount, PerAddress: a.cfg.FailuresPerAddress}),
		ready:          db.Ping,
		log:            log,
		realm:          a.cfg.AppName,
		secureCookie:   !a.cfg.dev(),
		trustedOrigins: a.cfg.TrustedOrigins,
		trustedProxies: a.cfg.TrustedProxies,
	})
	var background sync.WaitGroup
	defer background.Wait() // before the database closes
	cleanupCtx, stopCleanup := context.WithCancel(ctx)
	defer stopCleanup()
	background.Go(func() { cleanupPeriodically(cleanupCtx, sessions, log) })
	return serveUntilDone(ctx, l, handler, log)
}

func newLogger(a *app) *slog.Logger {
	if a.cfg.dev() {
		return slog.New(requestLog{slog.NewTextHandler(a.stderr, nil)})
	}
	return slog.New(requestLog{slog.NewJSONHandler(a.stderr, nil)})
}

// openMigrated opens the database and brings its schema up to date. Servers that start together take turns.
func openMigrated(ctx context.Context, a *app, log *slog.Logger) (*store.DB, error) {
	db, err := openStore(ctx, a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	applied, err := db.MigrateUp(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot migrate: %w", err), db.Close())
	}
	if len(applied) > 0 {
		log.InfoContext(ctx, "migrated", "applied", applied)
	}
	for _, w := range db.Warnings(ctx) {
		log.WarnContext(ctx, w)
	}
	return db, nil
}

func openStore(ctx context.Context, a *app) (*store.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	db, err := store.Open(ctx, string(a.cfg.DatabaseURL))
	if err != nil {
		return nil, fmt.Errorf("cannot open the database: %w", err)
	}
	return db, nil
}

func newSessions(cfg config, db session.Store, log *slog.Logger) (*session.Service, error) {
	signer, err := token.New(token.Config{
		Secret:         []byte(cfg.JWTSecretKey),
		PreviousSecret: []byte(cfg.JWTSecretKeyPrevious),
		Algorithm:      cfg.JWTAlgorithm,
		Issuer:         cfg.JWTIssuer,
		Audience:       cfg.JWTAudience,
		AccessTTL:      cfg.AccessTTL,
	})
	if err != nil {
		return nil, usageError{fmt.Errorf("the configuration needs mending: %w", err)}
	}
	passwords, err := session.NewPasswords(cfg.BcryptCost, 0)
	if err != nil {
		return nil, usageError{fmt.Errorf("the configuration needs mending: %w", err)}
	}
	return session.New(session.Config{
		Store:         db,
		Tokens:        signer,
		Passwords:     passwords,
		RefreshTTL:    cfg.RefreshTTL,
		SessionMaxTTL: cfg.SessionMaxTTL,
		Grace:         cfg.ReuseGrace,
		StoreTimeout:  storeTimeout,
		Log:           log,
	}), nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: another program does already\n    End it, or choose another address: ADDR or -addr, such as -addr 127.0.0.1:8081", addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w\n    Choose another address: ADDR or -addr, such as -addr 127.0.0.1:8081", addr, err)
	}
	return l, nil
}

// newServer bounds whatever a client could keep waiting or make large.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // more than reading, requestTimeout and storeTimeout together, or answers would be cut off
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serveUntilDone serves on l until ctx ends, then lets running requests finish. Requests do not inherit ctx, so that a
// signal interrupts none of them.
func serveUntilDone(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	srv := newServer(handler, log)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("shutting down", "within", shutdownTimeout)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), srv.Close())
	}
	log.Info("stopped")
	return nil
}

// cleanupPeriodically deletes ended sessions, at start and then every hour. Several servers may do so at a time.
func cleanupPeriodically(ctx context.Context, sessions *session.Service, log *slog.Logger) {
	tick := time.NewTicker(cleanupInterval)
	defer tick.Stop()
	for {
		n, err := sessions.Cleanup(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "cleanup failed; the next one is due in an hour", "error", err)
		case n > 0:
			log.InfoContext(ctx, "deleted ended sessions", "count", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
