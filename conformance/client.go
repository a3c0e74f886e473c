package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// client speaks HTTP to one target: no redirects followed, no cookie kept, nothing retried but a 429 that names its wait.
type client struct {
	base    *url.URL
	bases   []*url.URL // base, then the other replicas
	http    *http.Client
	timeout time.Duration // of one request
	tls     *tls.Config
	agent   string

	mu       sync.Mutex
	patience time.Duration // what is left for waits that a 429 asked for
}

func newClient(bases []*url.URL, o Options) *client {
	t := &http.Transport{
		DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: idleTimeout,
		DialContext: (&net.Dialer{Timeout: o.RequestTimeout}).DialContext, ForceAttemptHTTP2: true, TLSClientConfig: o.TLS.Clone(),
	}
	return &client{
		base: bases[0], bases: bases, timeout: o.RequestTimeout, tls: o.TLS, agent: "conformance/" + Version(), patience: o.Patience,
		http: &http.Client{
			Transport:     t,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// url is an address as a browser sees it, which knows nothing of replicas.
func (c *client) url(path string) *url.URL { return address(c.base, path) }

// to is the address of e's request, at the replica that shall answer it.
func (c *client) to(e *exchange) *url.URL { return address(c.at(e), e.path) }

func (c *client) at(e *exchange) *url.URL { return c.bases[max(e.replica, 1)-1] }

// address is where a path of the profile is: below the target's own, every slash and escape as it stands. What is a URL already stays one.
func address(base *url.URL, path string) *url.URL {
	if u, err := url.Parse(path); err == nil && u.IsAbs() {
		return u
	}
	u := *base
	p, query, _ := strings.Cut(path, "?")
	u.RawPath = strings.TrimSuffix(base.EscapedPath(), "/") + p
	u.RawQuery = query
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		u.Path, u.RawPath = u.RawPath, ""
	}
	return &u
}

// do sends e's request and fills in its answer.
func (c *client) do(ctx context.Context, e *exchange) {
	for {
		c.once(ctx, e)
		if e.guess || !c.again(ctx, e) {
			return
		}
	}
}

// again waits as long as a 429 asks for, and reports whether it did.
func (c *client) again(ctx context.Context, e *exchange) bool {
	wait, ok := retryAfter(e)
	if !ok || !c.spend(wait) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

func (c *client) once(ctx context.Context, e *exchange) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	e.sent = time.Now()
	defer func() { e.took = time.Since(e.sent) }()
	if e.header.Get("User-Agent") == "" {
		e.header.Set("User-Agent", c.agent+" ("+e.story+")")
	}
	req, err := http.NewRequestWithContext(ctx, e.method, c.to(e).String(), strings.NewReader(e.body))
	if err != nil {
		e.err = err
		return
	}
	req.Header = e.header.Clone()
	req.Close = e.alone || len(e.body) > 1<<16
	if host := e.header.Get("Host"); host != "" {
		req.Host = host
	}
	if e.header.Get("Transfer-Encoding") == "chunked" { // which net/http sends by itself where no length is known
		req.ContentLength = -1
	}
	if e.body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	res, err := c.http.Do(req)
	if err != nil {
		e.err = err
		return
	}
	defer func() { _ = res.Body.Close() }() // read to its end or cut; an error here says nothing more
	e.read(res)
}

func (e *exchange) read(res *http.Response) {
	e.err = nil
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	e.status, e.answer, e.text = res.StatusCode, res.Header, string(text)
	if err != nil {
		e.err = fmt.Errorf("the answer broke off: %w", err)
	}
	e.decode()
}

// retryAfter is the wait that a 429 asks for (RFC 9110 section 10.2.3, in seconds).
func retryAfter(e *exchange) (time.Duration, bool) {
	if e.err != nil || e.status != http.StatusTooManyRequests {
		return 0, false
	}
	n, err := strconv.Atoi(e.answer.Get("Retry-After"))
	return time.Duration(n) * time.Second, err == nil && n > 0
}

func (c *client) spend(wait time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait > c.patience {
		return false
	}
	c.patience -= wait
	return true
}

// raw sends bytes as they are, for requests that net/http would refuse to send.
func (c *client) raw(ctx context.Context, e *exchange) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	e.sent = time.Now()
	defer func() { e.took = time.Since(e.sent) }()
	conn, err := c.dial(ctx, e)
	if err != nil {
		e.err = err
		return
	}
	defer func() { _ = conn.Close() }() // one request only
	if _, err := conn.Write(c.wire(e)); err != nil {
		e.err = err
		return
	}
	e.readFrom(conn)
}

func (e *exchange) readFrom(conn net.Conn) {
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: e.method})
	if err != nil {
		e.err = err
		return
	}
	defer func() { _ = res.Body.Close() }() // the connection is closed after it
	e.read(res)
}

func (c *client) dial(ctx context.Context, e *exchange) (net.Conn, error) {
	base := c.at(e)
	host := base.Host
	if base.Port() == "" {
		host = net.JoinHostPort(base.Hostname(), map[string]string{"https": "443"}[base.Scheme]+map[string]string{"http": "80"}[base.Scheme])
	}
	var conn net.Conn
	var err error
	if base.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: c.tls}).DialContext(ctx, "tcp", host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", host)
	}
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	return conn, conn.SetDeadline(deadline)
}

// wire is e's request as HTTP/1.1 bytes, ending with the empty line.
func (c *client) wire(e *exchange) []byte {
	var b bytes.Buffer
	e.header.Set("User-Agent", c.agent+" ("+e.story+")")
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", e.method, c.to(e).RequestURI(), c.at(e).Host)
	for name, values := range e.header {
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(e.body), e.body)
	return b.Bytes()
}

// plainError says what went wrong with a connection, without addresses and layers that a reader does not need.
func plainError(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
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
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// idleTimeout is shorter than any server's own (Node.js and uvicorn close after 5 s): a connection that the target closes just
// as a request goes out would look like a refusal to answer.
const idleTimeout = 2 * time.Second
