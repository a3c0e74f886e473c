package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// part is one kind of work at one number of clients.
type part struct {
	name    string
	clients int
	measure func(ctx context.Context, d time.Duration) (sample, error)
}

// The names of the parts.
const (
	partFloor   = "floor"
	partRefresh = "refresh"
	partBcrypt  = "bcrypt"
	partLogin   = "login"
	partBurst   = "refresh during logins"
)

// few and many are the numbers of clients that refresh: latency, then throughput.
const few, many = 1, 16

// newParts opens a connection for every client, a session for every browser, and a row for every worker of the floor. All of
// them last until ctx ends.
func newParts(ctx context.Context, s settings, db *database, addr string) ([]part, error) {
	var rows, browsers, bare, logins []operation
	for range many {
		row, err := newFloorRow(ctx, db.pool)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row.rotate)
		b, err := newBrowser(ctx, addr)
		if err != nil {
			return nil, err
		}
		browsers = append(browsers, b.refresh)
	}
	for range s.HashSlots {
		check, err := bareBcrypt(s.BcryptCost)
		if err != nil {
			return nil, err
		}
		bare = append(bare, check)
	}
	for i := range s.LoginClients {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		user := demoUsers[i%len(demoUsers)]
		logins = append(logins, func(context.Context) error {
			_, err := c.login(user.email, user.password)
			return err
		})
	}

	loop := func(name string, clients []operation) part {
		return part{name, len(clients), func(ctx context.Context, d time.Duration) (sample, error) {
			return closedLoop(ctx, d, clients)
		}}
	}
	burst := func(clients []operation) part {
		return part{partBurst, len(clients), func(ctx context.Context, d time.Duration) (sample, error) {
			return duringLogins(ctx, d, clients, logins)
		}}
	}
	return []part{
		loop(partFloor, rows[:few]), loop(partRefresh, browsers[:few]),
		loop(partFloor, rows), loop(partRefresh, browsers),
		loop(partBcrypt, bare), loop(partLogin, logins),
		burst(browsers[:few]), burst(browsers),
	}, nil
}

func newBrowser(ctx context.Context, addr string) (*browser, error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	cookie, err := c.login(demoUsers[0].email, demoUsers[0].password)
	return &browser{client: c, cookie: cookie}, err
}

// bareBcrypt is what no login can do without.
func bareBcrypt(cost int) (operation, error) {
	password := []byte(demoUsers[0].password)
	hash, err := bcrypt.GenerateFromPassword(password, cost)
	if err != nil {
		return nil, fmt.Errorf("bcrypt: %w", err)
	}
	return func(context.Context) error { return bcrypt.CompareHashAndPassword(hash, password) }, nil
}

// duringLogins measures clients for as long as they share the server with logins, which end soon after them.
func duringLogins(ctx context.Context, d time.Duration, clients, logins []operation) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() {
		_, err := closedLoop(ctx, d, logins)
		if err != nil {
			cancel(err)
		}
		ended <- err
	}()
	measured, err := closedLoop(ctx, d, clients)
	return measured, errors.Join(err, <-ended)
}
