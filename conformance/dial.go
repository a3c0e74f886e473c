package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Client makes single calls at a running target, as its profile spells them, and says what came of each. It judges nothing, repeats
// nothing and keeps no token: it is for packages that judge something else than stories, such as history. It is safe for concurrent use.
type Client struct{ t *target }

// Dial checks the options as [Run] does, and logs in once, to learn what a login teaches. Its errors wrap [ErrUsage] and [ErrUnavailable].
func Dial(ctx context.Context, o Options) (*Client, error) {
	o, _, err := o.complete()
	if err != nil {
		return nil, err
	}
	if l := o.Profile.Login; l.Command != "" || len(l.First) > 0 {
		return nil, fmt.Errorf("%w: the profile's login is a command or has several steps; single calls want a login that is one request", ErrUsage)
	} else if l.Words != nil || o.Profile.Answer.Companions != nil {
		return nil, fmt.Errorf("%w: the profile's calls carry words or companion cookies; single calls carry tokens alone", ErrUsage)
	}
	r := &run{opts: o, clock: &clock{}, secrets: newSecrets()}
	for _, u := range o.Users {
		r.secrets.hide(u.Password, "‹password of "+u.Email+"›")
	}
	t, err := r.open(ctx, o.Target)
	if err != nil {
		return nil, err
	}
	if pool, ok := t.client.http.Transport.(*http.Transport); ok {
		pool.MaxIdleConnsPerHost, pool.MaxIdleConns = dialedConns, dialedConns // a client for each of many callers
	}
	return &Client{t}, nil
}

const dialedConns = 1024

// Close closes idle connections.
func (c *Client) Close() { c.t.client.close() }

// Target is the base URL, without the password that it may have.
func (c *Client) Target() string { return c.t.client.base.Redacted() }

// Users are the accounts with which the target can be used.
func (c *Client) Users() []User { return c.t.users }

// RefreshLife is how long a refresh token lives, as the first login stated it; 0: unknown.
func (c *Client) RefreshLife() time.Duration { return c.t.refreshLife }

// Outcome is what an answer says of a call.
type Outcome int

// A call that was not answered, or with an error of the target's own, or with "too many requests", may have had its effect or not.
const (
	Undecided Outcome = iota
	Accepted
	Refused
)

// ConnectionRefused is the [Reply.Kind] of a call that never arrived.
const ConnectionRefused = "connection refused"

// Reply is what came of a call. It holds raw tokens.
type Reply struct {
	Outcome Outcome
	Kind    string // the status, or what there was instead: time-out, connection refused, connection lost
	Refresh string // the refresh token that came
	Access  string
	Took    time.Duration
}

// Login presents an e-mail and a password.
func (c *Client) Login(ctx context.Context, u User) Reply {
	return c.call(ctx, "login", map[string]string{"email": u.Email, "password": u.Password})
}

// Refresh presents a refresh token, and the access token that came with it where the profile wants one.
func (c *Client) Refresh(ctx context.Context, refresh, access string) Reply {
	return c.call(ctx, "refresh", map[string]string{"refresh_token": refresh, "access_token": access})
}

// Logout presents a refresh token, and the access token that came with it where the profile wants one.
func (c *Client) Logout(ctx context.Context, refresh, access string) Reply {
	return c.call(ctx, "logout", map[string]string{"refresh_token": refresh, "access_token": access})
}

func (c *Client) call(ctx context.Context, name string, words map[string]string) Reply {
	spec := c.t.call(name)
	e := &exchange{call: name, story: "soak", header: http.Header{}}
	v := values{}
	for word, value := range words {
		if value != "" {
			v[word] = value
		}
	}
	spec.fill(e, v)
	if spec.Bearer {
		e.header.Set("Authorization", "Bearer "+words["access_token"])
	}
	if spec.Token == "cookie" {
		addCookies(e, c.t.cookiePair(words["refresh_token"]))
	}
	c.t.client.once(ctx, e)
	reply := Reply{Kind: e.kind(), Took: e.took}
	reply.Access, reply.Refresh = c.t.read(e)
	if reply.Access != "" {
		e.access = &token{value: reply.Access}
	}
	if reply.Refresh != "" {
		e.refresh = &token{value: reply.Refresh}
	}
	switch {
	case e.accepted():
		reply.Outcome = Accepted
	case e.refused():
		reply.Outcome = Refused
	}
	return reply
}

// kind is the answer in a word, of which there are few.
func (e *exchange) kind() string {
	var timeout net.Error
	switch {
	case e.err == nil:
		return strconv.Itoa(e.status)
	case errors.As(e.err, &timeout) && timeout.Timeout():
		return "time-out"
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return ConnectionRefused
	}
	return "connection lost"
}
