package store_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fault is what a proxy does, once, to the statement that contains its trigger.
type fault int

const (
	loseRequest fault = iota // cut before the statement reaches the server
	cutInFlight              // pass the statement on and cut at once, with the outcome open
	loseAnswer               // cut when the server has answered: committed, but the client never learns it
	stall                    // pass nothing more in either direction, and cut nothing
)

// proxy stands between a driver and MySQL.
type proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	trigger []byte
	fault   fault
	fired   bool
	conns   []net.Conn
}

// newProxy starts a proxy before the MySQL of databaseURL, and returns it with the URL that goes through it.
func newProxy(t *testing.T, databaseURL string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: u.Host}
	go p.serve()
	t.Cleanup(p.close)
	return p, strings.Replace(databaseURL, u.Host, listener.Addr().String(), 1)
}

// arm makes the next statement that contains trigger meet the fault.
func (p *proxy) arm(trigger string, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trigger, p.fault, p.fired = []byte(trigger), f, false
}

func (p *proxy) hasFired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired
}

// accepted returns how many connections came through so far.
func (p *proxy) accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2
}

// close refuses new connections and cuts those there are, as a server that went down.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// reopen accepts connections again, at the same address.
func (p *proxy) reopen(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", p.listener.Addr().String())
	require.NoError(t, err)
	p.listener = listener
	go p.serve()
}

func (p *proxy) serve() {
	for listener := p.listener; ; {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go p.relay(client, server)
	}
}

// relay copies both ways, statement by statement, which the driver writes and reads in turn.
func (p *proxy) relay(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	var deaf sync.Mutex // held: the answers stay with the proxy
	go func() {
		defer client.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			if !deaf.TryLock() {
				return // lost
			}
			deaf.Unlock()
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
		hit, fault := p.hit(buffer[:n])
		if hit && fault == loseRequest {
			return
		}
		if hit && fault == stall {
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if hit && fault == loseAnswer {
			deaf.Lock()
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if hit && fault == cutInFlight {
			_ = client.Close()
			time.Sleep(10 * time.Millisecond) // or the server may notice before it has read the statement
			return
		}
	}
}

func (p *proxy) hit(statement []byte) (bool, fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trigger == nil || p.fired || !bytes.Contains(statement, p.trigger) {
		return false, 0
	}
	p.fired = true
	return true, p.fault
}
