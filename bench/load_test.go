package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClosedLoop(t *testing.T) {
	var n atomic.Int64
	slow := func(context.Context) error { time.Sleep(time.Millisecond); n.Add(1); return nil }
	got, err := closedLoop(t.Context(), 50*time.Millisecond, []operation{slow, slow})
	require.NoError(t, err)
	require.Equal(t, int(n.Load()), got.Operations)
	require.GreaterOrEqual(t, got.Operations, 2)
	require.GreaterOrEqual(t, got.P50, 1.)
	require.GreaterOrEqual(t, got.P99, got.P50)
	require.GreaterOrEqual(t, got.Seconds, 0.05)
	require.InEpsilon(t, float64(got.Operations)/got.Seconds, got.PerSecond, 1e-9)

	broken := errors.New("broken")
	_, err = closedLoop(t.Context(), time.Hour, []operation{slow, func(context.Context) error { return broken }})
	require.ErrorIs(t, err, broken)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = closedLoop(ctx, time.Hour, []operation{slow})
	require.ErrorIs(t, err, context.Canceled)
}

func TestBurstFailsWithItsLogins(t *testing.T) {
	broken := errors.New("broken")
	fine := func(context.Context) error { time.Sleep(time.Millisecond); return nil }
	_, err := duringLogins(t.Context(), time.Hour, []operation{fine}, []operation{func(context.Context) error { return broken }})
	require.ErrorIs(t, err, broken)
}

func TestMedian(t *testing.T) {
	require.Zero(t, median(nil))
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 3, median([]float64{4, 2, 9, 1}), 0)
}

func TestPercentiles(t *testing.T) {
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i)*time.Millisecond)
	}
	s := newSample(took, 2*time.Second)
	require.InDelta(t, 101, s.P50, 0)
	require.InDelta(t, 199, s.P99, 0)
	require.InDelta(t, 100, s.PerSecond, 0)
}

// canned is the address of a server that answers every request with the next of answers.
func canned(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		for _, a := range answers {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			_, _ = io.WriteString(conn, strings.ReplaceAll(a, "\n", "\r\n"))
		}
	}()
	return l.Addr().String()
}

// The numbers count only what succeeded.
func TestRefreshChecksTheAnswer(t *testing.T) {
	const good = "HTTP/1.1 200 OK\nSet-Cookie: refresh_token=new; Path=/auth\nContent-Length: 2\n\n{}"
	for answer, want := range map[string]string{
		good: "",
		"HTTP/1.1 401 Unauthorized\nSet-Cookie: refresh_token=new\nContent-Length: 0\n\n": "answered with 401",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n":                                          "a new refresh token: false",
		"HTTP/1.1 200 OK\nSet-Cookie: refresh_token=old\nContent-Length: 0\n\n":           "a new refresh token: false",
		"HTTP/1.1 200 OK\nSet-Cookie: refresh_token=new\n\n":                              errNotHTTP.Error(),
		"HTTP/1.1 200 OK\nContent-Length: x\n\n":                                          errNotHTTP.Error(),
		"220 smtp.example.com\n":                                                          errNotHTTP.Error(),
		"HTTP/1.1 200 OK\nSet-Co":                                                         "unexpected EOF",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\n{":                                         "EOF",
	} {
		c, err := dial(t.Context(), canned(t, answer))
		require.NoError(t, err)
		b := &browser{client: c, cookie: "old"}
		err = b.refresh(t.Context())
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, "new", b.cookie)
			continue
		}
		require.ErrorContains(t, err, want, answer)
		require.Equal(t, "old", b.cookie)
	}
}

// One connection serves many requests, whatever the length of their answers.
func TestKeptAlive(t *testing.T) {
	answer := func(cookie, body string) string {
		return "HTTP/1.1 200 OK\nSet-Cookie: refresh_token=" + cookie + "\nContent-Length: " + map[int]string{0: "0", 5: "5"}[len(body)] + "\n\n" + body
	}
	c, err := dial(t.Context(), canned(t, answer("a", "12345"), answer("b", ""), answer("c", "67890")))
	require.NoError(t, err)
	b := &browser{client: c}
	for _, want := range []string{"a", "b", "c"} {
		require.NoError(t, b.refresh(t.Context()))
		require.Equal(t, want, b.cookie)
	}
}

func TestCancelHangsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := dial(ctx, canned(t)) // never answers
	require.NoError(t, err)
	cancel()
	_, err = c.login("a@b", "x")
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}
