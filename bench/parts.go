package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// The names of the parts.
const (
	partFloor   = "floor"
	partRefresh = "refresh"
	partAnswer  = "answer"
	partBcrypt  = "bcrypt"
	partLogin   = "login"
	partBurst   = "refresh during logins"
)

// These are the numbers of clients that refresh: latency, then throughput, then more clients than the 32 connections to the
// database.
const few, many, crowd, throng = 1, 16, 64, 256

// newParts makes a session for every browser, and a row for every worker of the floor.
func newParts(ctx context.Context, l *lab, addr string) ([]part, error) {
	rows := make([]operation, throng)
	err := inParallel(ctx, throng, many, func(ctx context.Context, i int) error {
		row, err := newFloorRow(ctx, l.db.pool)
		if err == nil {
			rows[i] = row.rotate
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	browsers, err := l.newBrowsers(ctx, addr, throng)
	if err != nil {
		return nil, err
	}
	var bare []operation
	for range l.settings.HashSlots {
		check, err := bareBcrypt(l.settings.BcryptCost)
		if err != nil {
			return nil, err
		}
		bare = append(bare, check)
	}
	var parts []part
	for _, n := range []int{few, many, crowd, throng} {
		parts = append(parts, looping(partFloor, rows[:n]), refreshing(partRefresh, addr, browsers[:n]))
	}
	strangers, answers := newStrangers(many)
	parts = append(parts, part{partAnswer, many, online(addr, strangers, func(ctx context.Context, d time.Duration) (sample, error) {
		return closedLoop(ctx, d, answers)
	})})
	guests, logins := newLogins(l.settings.LoginClients)
	login := online(addr, guests, func(ctx context.Context, d time.Duration) (sample, error) { return closedLoop(ctx, d, logins) })
	parts = append(parts, looping(partBcrypt, bare), part{partLogin, len(guests), login})
	for _, n := range []int{few, many} {
		measure := func(ctx context.Context, d time.Duration) (sample, error) {
			return duringLogins(ctx, d, refreshes(browsers[:n]), logins)
		}
		parts = append(parts, part{partBurst, n, online(addr, slices.Concat(guests, browsers[:n]), measure)})
	}
	return parts, nil
}

// newLogins are browsers without a session, and what they do.
func newLogins(n int) (guests []*browser, logins []operation) {
	for i := range n {
		guest, user := new(browser), demoUsers[i%len(demoUsers)]
		guests = append(guests, guest)
		logins = append(logins, func(context.Context) error {
			_, err := guest.login(user.email, user.password)
			return err
		})
	}
	return guests, logins
}

// newStrangers are browsers without a token, whose refreshes are refused without asking the database, and what they do.
func newStrangers(n int) (strangers []*browser, answers []operation) {
	for range n {
		stranger := new(browser)
		strangers = append(strangers, stranger)
		answers = append(answers, func(context.Context) error {
			a, err := stranger.post("/auth/refresh", "", "")
			if err == nil && a.status != 401 {
				err = fmt.Errorf("a refresh without a token was answered %d, not 401", a.status)
			}
			return err
		})
	}
	return strangers, answers
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
