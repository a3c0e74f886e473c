package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

const maxBody = 8 << 20 // OpenAPI documents are large

// client counts what it sends.
type client struct {
	http     *http.Client
	timeout  time.Duration
	patience time.Duration // what is left for waits that a 429 asked for
	left     int           // requests
	silence  int           // requests without an answer, in a row
}

func newClient(o conformance.Options, requests int) *client {
	timeout, patience := cmp.Or(o.RequestTimeout, 10*time.Second), cmp.Or(o.Patience, 20*time.Second)
	return &client{
		timeout: timeout, patience: patience, left: requests,
		http: &http.Client{
			Transport: &http.Transport{
				IdleConnTimeout: 2 * time.Second, DialContext: (&net.Dialer{Timeout: timeout}).DialContext, ForceAttemptHTTP2: true, TLSClientConfig: o.TLS.Clone(),
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// values are what the words of a call's templates stand for, and the refresh cookie.
type values struct{ email, password, refresh, access, cookie string }

// call makes a bare call with what every call to this target has.
func (p *prober) call(method, path string) conformance.Call {
	c := conformance.Call{Method: method, Path: path}
	if len(p.opts.Headers)+len(p.headers) > 0 {
		c.Headers = map[string]string{}
		maps.Copy(c.Headers, p.opts.Headers)
		if method != http.MethodGet {
			maps.Copy(c.Headers, p.headers)
		}
	}
	return c
}

// with gives a call a body, and with it the fields that every body has.
func (p *prober) with(c conformance.Call, encoding string, body map[string]any) conformance.Call {
	c.Encoding, c.Body = encoding, maps.Clone(body)
	for k, v := range p.opts.Fields {
		c.Body[k] = v
	}
	return c
}

// send makes a request, and makes it again after a 429 that asks for a wait which is left. An answer is never nil.
func (p *prober) send(c conformance.Call, v values) *answer {
	req, err := c.Request(p.ctx, p.base, map[string]string{"email": v.email, "password": v.password, "refresh_token": v.refresh, "access_token": v.access, csrf: p.brought[p.profile.Login.Words[csrf].From]})
	if err != nil {
		return &answer{err: err}
	}
	if v.cookie != "" {
		req.Header.Set("Cookie", v.cookie)
	}
	return p.do(req)
}

// empty sends {} where nothing is known yet: what the target misses in it is worth reading.
func (p *prober) empty(c conformance.Call) *answer {
	req, err := c.Request(p.ctx, p.base, nil)
	if err != nil {
		return &answer{err: err}
	}
	if c.Method != http.MethodGet {
		body := "{}"
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
		req.Header.Set("Content-Type", "application/json")
	}
	return p.do(req)
}

func (p *prober) do(req *http.Request) *answer {
	for {
		if p.err == nil && p.ctx.Err() != nil {
			p.fail(context.Cause(p.ctx))
		}
		if p.err == nil && p.client.left == 0 {
			p.fail(fmt.Errorf("%w: %d requests were not enough; name the paths with -login, -refresh, -logout and -me%s", ErrNotFound, p.opts.Requests, p.attempts()))
		}
		if p.err != nil {
			return &answer{err: p.err}
		}
		a := p.once(req)
		wait, limited := a.limited()
		if !limited {
			return a
		}
		if wait <= 0 || wait > p.client.patience {
			p.fail(fmt.Errorf("%w: %s: %s %s answered 429, too many requests%s; try again later, or lift the limit for this address", conformance.ErrUnavailable, p.base.Redacted(), req.Method, req.URL.Path, asks(wait)))
			return a
		}
		p.client.patience -= wait
		select {
		case <-p.ctx.Done():
		case <-time.After(wait):
		}
		if req.GetBody != nil {
			req.Body, _ = req.GetBody() // a reader of a string does not fail
		}
	}
}

func asks(wait time.Duration) string {
	if wait <= 0 {
		return ""
	}
	return fmt.Sprintf(" (Retry-After: %v)", wait)
}

func (p *prober) once(req *http.Request) *answer {
	ctx, cancel := context.WithTimeout(p.ctx, p.client.timeout)
	defer cancel()
	p.client.left--
	req = req.WithContext(ctx)
	req.Header.Set("User-Agent", "conformance/"+conformance.Version()+" (probe)")
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	res, err := p.client.http.Do(req)
	var text []byte
	if err == nil {
		defer func() { _ = res.Body.Close() }() // read to its end or cut
		text, err = io.ReadAll(io.LimitReader(res.Body, maxBody))
	}
	if err != nil {
		if p.client.silence++; p.client.silence == 3 && p.ctx.Err() == nil {
			p.fail(fmt.Errorf("%w: %s: it stopped answering: %s", conformance.ErrUnavailable, p.base.Redacted(), plain(err)))
		}
		return &answer{err: err}
	}
	p.client.silence = 0
	a := &answer{status: res.StatusCode, header: res.Header, text: string(text), cookies: res.Cookies(), at: time.Now()}
	d := json.NewDecoder(strings.NewReader(a.text))
	d.UseNumber()
	if d.Decode(&a.body) != nil {
		a.body = nil
	}
	return a
}

// limited is the wait that a 429 asks for; 0: it names none.
func (a *answer) limited() (time.Duration, bool) {
	if a.err != nil || a.status != http.StatusTooManyRequests {
		return 0, false
	}
	n, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil {
		n = 0
	}
	return time.Duration(n) * time.Second, true
}

// plain says what went wrong with a connection, without an address that might hold a token.
func plain(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var u *url.Error
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " does not resolve"
	case errors.As(err, &cert):
		return "its certificate is not trusted: " + cert.Err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer within the time-out"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection was closed without an answer"
	case errors.As(err, &u):
		return u.Err.Error()
	}
	return err.Error()
}
