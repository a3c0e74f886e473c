package main

import (
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// trouble is what a chaos proxy does, now and then, to what passes.
type trouble int32

const (
	noTrouble   trouble = iota
	cutRequest          // cut before the statement has passed
	cutAnswer           // pass the statement on, and cut when its answer comes: committed, but nobody learns it
	resetAnswer         // the same with a reset
	delay               // hold everything back for a while
	halfOpen            // swallow the statement and whatever follows, and cut nothing
	down                // cut everything, and accept nothing
)

// chaos is a proxy before MySQL.
type chaos struct {
	listener net.Listener
	target   string
	trouble  atomic.Int32
	strikes  atomic.Int64 // how often it has struck

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// newChaos starts a proxy before the MySQL of databaseURL, and returns it with the URL that goes through it.
func newChaos(t *testing.T, databaseURL string) (*chaos, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &chaos{listener: listener, target: u.Host, conns: map[net.Conn]bool{}}
	go c.serve()
	t.Cleanup(func() { _ = listener.Close(); c.cut() })
	return c, strings.Replace(databaseURL, u.Host, listener.Addr().String(), 1)
}

func (c *chaos) begin(kind trouble) {
	c.trouble.Store(int32(kind))
	if kind == down {
		c.strikes.Add(1)
		c.cut()
	}
}

// end heals everything but the connections that are half open, which nobody would notice but by a time-out.
func (c *chaos) end() { c.trouble.Store(int32(noTrouble)) }

func (c *chaos) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
}

// strike decides whether a statement meets the trouble of the moment.
func (c *chaos) strike() trouble {
	kind := trouble(c.trouble.Load())
	if kind == noTrouble || kind == down || rand.IntN(10) > 0 {
		return noTrouble
	}
	c.strikes.Add(1)
	return kind
}

func (c *chaos) serve() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		if trouble(c.trouble.Load()) == down { // without a word to MySQL
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", c.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c.mu.Lock()
		c.conns[client], c.conns[server] = true, true
		c.mu.Unlock()
		go c.relay(client, server)
	}
}

// relay copies both ways, statement by statement, which the driver writes and reads in turn.
func (c *chaos) relay(client, server net.Conn) {
	defer func() {
		_, _ = client.Close(), server.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.conns, client)
		delete(c.conns, server)
	}()
	var deaf atomic.Int32 // the trouble that the next answer meets
	go func() {
		defer client.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			kind := trouble(deaf.Load())
			if kind == resetAnswer {
				_ = client.(*net.TCPConn).SetLinger(0)
			}
			if err != nil || kind != noTrouble {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		switch kind := c.strike(); kind {
		case cutRequest:
			return
		case halfOpen:
			_, _ = io.Copy(io.Discard, client)
			return
		case delay:
			time.Sleep(rand.N(200 * time.Millisecond))
		default:
			deaf.Store(int32(kind))
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}
