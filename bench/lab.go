package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// lab is what every measurement needs.
type lab struct {
	settings settings
	db       *database
	program  string // the server's
	stderr   io.Writer
}

// withServer calls f with a server that knows the demonstration users, by hashes of that cost. Connections that f leaves open end with it.
func (l *lab) withServer(ctx context.Context, databaseURL string, bcryptCost int, f func(context.Context, *server) error) error {
	s, err := startServer(ctx, l.program, databaseURL, bcryptCost, "serve", "-seed")
	if err != nil {
		return err
	}
	defer s.stop()
	connected, disconnect := context.WithCancel(ctx)
	defer disconnect() // before the server stops, which would wait for its clients
	if databaseURL == l.db.url {
		err = l.rehash(ctx, bcryptCost)
	}
	if err == nil {
		err = f(connected, s)
	}
	if err != nil {
		return fmt.Errorf("%w\nthe end of the server's log:\n%s", err, s.lastWords())
	}
	return nil
}

// sqlite is the URL of a file next to the server's program. It goes with the folder.
func (l *lab) sqlite(file string) string {
	return "sqlite:///" + filepath.Join(filepath.Dir(l.program), file)
}

// newBrowsers logs in n times, as many at once as the server has work for.
func (l *lab) newBrowsers(ctx context.Context, addr string, n int) ([]*browser, error) {
	browsers := make([]*browser, n)
	p := newProgress(l.stderr, "sessions", n)
	return browsers, inParallel(ctx, n, l.settings.LoginClients, func(ctx context.Context, i int) error {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.hangUp()
		user := demoUsers[i%len(demoUsers)]
		cookie, err := c.login(user.email, user.password)
		browsers[i] = &browser{cookie: cookie}
		p.add(1)
		return err
	})
}

// takeTurns measures every part in every round, after a round that is short and does not count.
func (l *lab) takeTurns(ctx context.Context, parts []part, results *[]measured) error {
	d, rounds := l.settings.Duration, l.settings.Rounds
	fmt.Fprintf(l.stderr, "%d rounds of %d parts of %s or a little more, after one that is short and does not count\n", rounds, len(parts), d)
	for _, p := range parts {
		if _, err := p.measure(ctx, d/10); err != nil {
			return err
		}
	}
	for _, p := range parts {
		*results = append(*results, measured{Name: p.name, Clients: p.clients})
	}
	for round := range rounds {
		for i := range parts {
			if round%2 == 1 { // of two neighbours not always the same comes first
				i = len(parts) - 1 - i
			}
			got, err := parts[i].measure(ctx, d)
			if err != nil {
				return err
			}
			(*results)[i].add(got)
			fmt.Fprintf(l.stderr, "round %d of %d: %-22s clients %-3d %9.1f/s  p99 %.2f ms\n",
				round+1, rounds, parts[i].name, parts[i].clients, got.PerSecond, got.P99)
		}
	}
	return nil
}

// part is one kind of work at one number of clients.
type part struct {
	name    string
	clients int
	measure func(ctx context.Context, d time.Duration) (sample, error)
}

// looping is a part whose clients need no connection to the server.
func looping(name string, clients []operation) part {
	return part{name, len(clients), func(ctx context.Context, d time.Duration) (sample, error) {
		return closedLoop(ctx, d, clients)
	}}
}

// refreshing is a part in which every browser rotates its token again and again.
func refreshing(name, addr string, browsers []*browser) part {
	return part{name, len(browsers), online(addr, browsers, func(ctx context.Context, d time.Duration) (sample, error) {
		return closedLoop(ctx, d, refreshes(browsers))
	})}
}

func refreshes(browsers []*browser) (all []operation) {
	for _, b := range browsers {
		all = append(all, b.refresh)
	}
	return all
}

// online connects the browsers for as long as they are measured.
func online(addr string, browsers []*browser, measure func(context.Context, time.Duration) (sample, error)) func(context.Context, time.Duration) (sample, error) {
	return func(ctx context.Context, d time.Duration) (sample, error) {
		hangUp, err := connect(ctx, addr, browsers)
		if err != nil {
			return sample{}, err
		}
		defer hangUp()
		return measure(ctx, d)
	}
}

// rehash gives the demonstration users hashes of that cost. -seed does so to a new database, and leaves those of an older one as they are.
func (l *lab) rehash(ctx context.Context, cost int) error {
	for _, u := range demoUsers {
		hash, err := bcrypt.GenerateFromPassword([]byte(u.password), cost)
		if err != nil {
			return fmt.Errorf("bcrypt: %w", err)
		}
		if _, err := l.db.pool.ExecContext(ctx, `UPDATE users SET password_hash = ? WHERE email = ?`, hash, u.email); err != nil {
			return fmt.Errorf("hash the passwords anew: %w", err)
		}
	}
	return nil
}
