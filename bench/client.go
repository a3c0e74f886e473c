package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// client is a kept-alive connection to the server. It speaks just the HTTP/1.1 that this server answers with, since net/http's
// client would take as much of the shared processors as the server that is measured.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte // the request, reused
	host string

	hangUp func()
}

// answerTimeout is how long one answer may take; a server that needs it is broken.
const answerTimeout = 30 * time.Second

// dial connects. The connection is closed, and with it whatever waits for an answer, when ctx ends.
func dial(ctx context.Context, addr string) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	hangUp := func() { stop(); _ = conn.Close() }
	return &client{conn: conn, in: bufio.NewReader(conn), host: addr, hangUp: hangUp}, nil
}

// answer is what the benchmark looks at.
type answer struct {
	status int
	cookie string // value of refresh_token, "" if none was set
}

// post sends a request and reads the answer to its end.
func (c *client) post(path, cookie, body string) (answer, error) {
	c.out = append(c.out[:0], "POST "+path+" HTTP/1.1\r\nHost: "+c.host+"\r\n"...)
	if cookie != "" {
		c.out = append(c.out, "Cookie: refresh_token="+cookie+"\r\n"...)
	}
	if body != "" {
		c.out = append(c.out, "Content-Type: application/json\r\n"...)
	}
	c.out = append(c.out, "Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body...)
	if err := c.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return answer{}, err
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return answer{}, err
	}
	return readAnswer(c.in)
}

var errNotHTTP = errors.New("the answer is not HTTP/1.1 with a Content-Length")

func readAnswer(in *bufio.Reader) (a answer, err error) {
	line, err := readLine(in)
	if err != nil {
		return answer{}, err
	}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	status, _, _ := bytes.Cut(rest, []byte(" "))
	if a.status, err = strconv.Atoi(string(status)); err != nil || string(version) != "HTTP/1.1" {
		return answer{}, errNotHTTP
	}
	length := -1
	for {
		if line, err = readLine(in); err != nil {
			return answer{}, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return answer{}, errNotHTTP
			}
		case "Set-Cookie":
			if value, ok := bytes.CutPrefix(value, []byte("refresh_token=")); ok {
				value, _, _ = bytes.Cut(value, []byte(";"))
				a.cookie = string(value)
			}
		}
	}
	switch {
	case a.status == 204: // which has no body
		return a, nil
	case length < 0:
		return answer{}, errNotHTTP
	}
	_, err = in.Discard(length)
	return a, err
}

// readLine returns a line without its end. It is valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.TrimRight(line, "\r\n"), err
}

// login returns the refresh token of a new session.
func (c *client) login(email, password string) (cookie string, err error) {
	a, err := c.post("/auth/login", "", `{"email":"`+email+`","password":"`+password+`"}`)
	switch {
	case err != nil:
		return "", fmt.Errorf("login: %w", err)
	case a.status != 200 || a.cookie == "":
		return "", fmt.Errorf("login: answered with %d, refresh token: %t", a.status, a.cookie != "")
	}
	return a.cookie, nil
}

// browser is a client with a session, which outlives its connections.
type browser struct {
	*client
	cookie string
}

// connect gives each browser a connection, and returns how to end them. Nobody keeps one that he does not use: the server ends
// those that are idle.
func connect(ctx context.Context, addr string, browsers []*browser) (hangUp func(), err error) {
	var open []*client
	hangUp = func() {
		for _, c := range open {
			c.hangUp()
		}
	}
	for _, b := range browsers {
		if b.client, err = dial(ctx, addr); err != nil {
			hangUp()
			return nil, err
		}
		open = append(open, b.client)
	}
	return hangUp, nil
}

// refresh rotates the session's token.
func (b *browser) refresh(context.Context) error {
	a, err := b.post("/auth/refresh", b.cookie, "")
	switch {
	case err != nil:
		return fmt.Errorf("refresh: %w", err)
	case a.status != 200 || a.cookie == "" || a.cookie == b.cookie:
		return fmt.Errorf("refresh: answered with %d, a new refresh token: %t", a.status, a.cookie != "" && a.cookie != b.cookie)
	}
	b.cookie = a.cookie
	return nil
}
