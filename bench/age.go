package main

import (
	"context"
	"fmt"
	"time"
)

const (
	partReplayYoung = "replay, young family"
	partReplayOld   = "replay, old family"
	partLogoutYoung = "logout, young family"
	partLogoutOld   = "logout, old family"
)

// ends is how many sessions of each age are ended in each way. The first does not count.
const ends = 24

// aged is a session that has been rotated, with its first token, which was spent long ago.
type aged struct{ first, current string }

// age measures what it takes to end a family, by a replay and by a logout, after few and after many rotations.
func age(ctx context.Context, l *lab, st *study) error {
	return l.withServer(ctx, l.db.url, sessionCost, func(ctx context.Context, s *server) error {
		old, err := l.agedSessions(ctx, s.addr, 2*ends, l.settings.oldRotations())
		if err != nil {
			return err
		}
		young, err := l.agedSessions(ctx, s.addr, 2*ends, l.settings.youngRotations())
		if err != nil {
			return err
		}
		c, err := dial(ctx, s.addr)
		if err != nil {
			return err
		}
		st.Parts, err = endSessions(c, young, old)
		return err
	})
}

// agedSessions makes n sessions and rotates each of them so many times.
func (l *lab) agedSessions(ctx context.Context, addr string, n, times int) ([]aged, error) {
	browsers, err := l.newBrowsers(ctx, addr, n)
	if err != nil {
		return nil, err
	}
	sessions := make([]aged, n)
	p := newProgress(l.stderr, "rotations", n*times)
	return sessions, inParallel(ctx, n, many, func(ctx context.Context, i int) error {
		b := browsers[i]
		hangUp, err := connect(ctx, addr, browsers[i:i+1])
		if err != nil {
			return err
		}
		defer hangUp()
		sessions[i].first = b.cookie
		for range times {
			if err := b.refresh(ctx); err != nil {
				return err
			}
			p.add(1)
		}
		sessions[i].current = b.cookie
		return nil
	})
}

// endSessions ends half of the sessions by a replay and half by a logout, old and young in turn.
func endSessions(c *client, young, old []aged) (parts []measured, err error) {
	ways := []struct {
		name string
		end  func(i int) (time.Duration, error)
	}{
		{partReplayYoung, func(i int) (time.Duration, error) { return c.end(young[i], "/auth/refresh", young[i].first, 401) }},
		{partReplayOld, func(i int) (time.Duration, error) { return c.end(old[i], "/auth/refresh", old[i].first, 401) }},
		{partLogoutYoung, func(i int) (time.Duration, error) {
			return c.end(young[ends+i], "/auth/logout", young[ends+i].current, 204)
		}},
		{partLogoutOld, func(i int) (time.Duration, error) {
			return c.end(old[ends+i], "/auth/logout", old[ends+i].current, 204)
		}},
	}
	took := make([][]time.Duration, len(ways))
	total := make([]time.Duration, len(ways))
	for i := range ends {
		for k := range ways {
			if i%2 == 1 { // of two neighbours not always the same comes first
				k = len(ways) - 1 - k
			}
			d, err := ways[k].end(i)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[k].name, err)
			}
			if i > 0 {
				took[k], total[k] = append(took[k], d), total[k]+d
			}
		}
	}
	for k, way := range ways {
		m := measured{Name: way.name, Clients: 1}
		m.add(newSample(took[k], total[k]))
		parts = append(parts, m)
	}
	return parts, nil
}

// end measures a request that must end a session, and makes sure that it did.
func (c *client) end(session aged, path, cookie string, status int) (time.Duration, error) {
	start := time.Now()
	a, err := c.post(path, cookie, "")
	took := time.Since(start)
	switch {
	case err != nil:
		return 0, err
	case a.status != status:
		return 0, fmt.Errorf("answered with %d, not %d", a.status, status)
	}
	switch a, err = c.post("/auth/refresh", session.current, ""); {
	case err != nil:
		return 0, fmt.Errorf("refresh: %w", err)
	case a.status != 401:
		return 0, fmt.Errorf("the session has not ended: a refresh was answered with %d", a.status)
	}
	return took, nil
}
