package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var expectation = regexp.MustCompile(`^# expect (\d{3}): .+\n`)

// What real clients send is answered as the first line of each file says.
func TestRecordedRequests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository(t), "testdata", "requests", "*.http"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			expect := expectation.FindSubmatch(b)
			require.NotNil(t, expect, "the first line must say what to expect")
			status, err := strconv.Atoi(string(expect[1]))
			require.NoError(t, err)

			w := newWorld(t)
			p := w.loggedIn()
			head, body, found := strings.Cut(string(b[len(expect[0]):]), "\n\n")
			require.True(t, found)
			if body = strings.ReplaceAll(body, "\n", "\r\n"); !strings.Contains(head, "chunked") {
				body = strings.TrimSuffix(body, "\r\n")
			}
			host := strings.TrimPrefix(w.url, "http://")
			head = strings.NewReplacer("\n", "\r\n", "{host}", host, "{length}", strconv.Itoa(len(body)),
				"{refresh_token}", p.refresh, "{access_token}", p.access).Replace(head)
			conn, err := net.Dial("tcp", host)
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprint(conn, head+"\r\n\r\n"+body)
			require.NoError(t, err)
			method, _, _ := strings.Cut(head, " ")
			res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			require.NoError(t, err)
			defer res.Body.Close()
			answered, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			a := w.check(answer{res.StatusCode, res.Header, string(answered)})
			require.Equal(t, status, a.status, a.body)
			switch {
			case status == 200 && strings.Contains(head, "/auth/"):
				w.alive(w.tokens(a).refresh)
			case status >= 400:
				w.alive(p.refresh)
			}
		})
	}
}
