package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// follow opens a log that says "before" and returns how to write to it and what the suite reads.
func follow(t *testing.T) (path string, read func() string, l *logs) {
	path = filepath.Join(t.TempDir(), "log")
	add(t, path, "before\n")
	l, err := openLogs([]string{path})
	require.NoError(t, err)
	t.Cleanup(l.close)
	return path, func() string { require.NoError(t, l.read()); return string(l.gain) }, l
}

func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestLogsGain(t *testing.T) {
	path, read, _ := follow(t)
	require.Empty(t, read())
	add(t, path, "one\n")
	require.Equal(t, "one\n", read())
	add(t, path, "two\n")
	require.Equal(t, "one\ntwo\n", read())
	require.Equal(t, "one\ntwo\n", read())
}

// A log that is rotated is read to the end of the old file, then from the beginning of the new one.
func TestLogsRotated(t *testing.T) {
	path, read, l := follow(t)
	add(t, path, "one\n")
	read()
	add(t, path, "last of the old\n")
	require.NoError(t, os.Rename(path, path+".1"))
	add(t, path, "first of the new\n")
	require.Equal(t, "one\nlast of the old\nfirst of the new\n", read())
	require.Len(t, l.notes, 1)
	require.Contains(t, l.notes[0], "rotated")

	require.NoError(t, os.Rename(path, path+".2"))
	require.Equal(t, "one\nlast of the old\nfirst of the new\n", read(), "there is no new one yet")
	add(t, path, "the third\n")
	require.Contains(t, read(), "the third")
}

func TestLogsCut(t *testing.T) {
	path, read, l := follow(t)
	add(t, path, "one, which is long\n")
	read()
	require.NoError(t, os.WriteFile(path, []byte("anew\n"), 0o600))
	require.Equal(t, "one, which is long\nanew\n", read())
	require.Contains(t, l.notes[0], "was cut")
}

func TestLogsThatBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLogs([]string{path})
	require.NoError(t, err)
	t.Cleanup(l.close)
	require.NoError(t, l.read())
	add(t, path, "one\n")
	require.NoError(t, l.read())
	require.Equal(t, "one\n", string(l.gain))
	_, err = openLogs([]string{path, filepath.Join(path, "below-a-file")})
	require.ErrorContains(t, err, "cannot read the log")
	_, err = openLogs([]string{path, t.TempDir()})
	require.ErrorContains(t, err, "no regular file")
}

func TestLogsBounded(t *testing.T) {
	path, read, l := follow(t)
	l.most = 10
	add(t, path, "0123456789abc")
	require.Equal(t, "0123456789", read())
	require.EqualValues(t, 3, l.left)
	add(t, path, "de")
	require.Equal(t, "0123456789", read())
	require.EqualValues(t, 5, l.left)
}

// settle waits for a line that comes late, and not longer than it must.
func TestLogsSettle(t *testing.T) {
	path, _, l := follow(t)
	late := time.AfterFunc(300*time.Millisecond, func() { add(t, path, "late\n") })
	t.Cleanup(func() { late.Stop() })
	begin := time.Now()
	require.NoError(t, l.settle(t.Context(), 0))
	require.Equal(t, "late\n", string(l.gain))
	require.Less(t, time.Since(begin), longLog)
}

func TestNeedles(t *testing.T) {
	const token, other = "qqq-WWW_eee~RRR+ttt/YYY", "another-secret-value-1"
	n := needles{}
	n.add(token, "‹R0›")
	n.add(other, "‹R1›")
	for name, text := range map[string]string{
		"raw":        "cookie=" + token + ";",
		"url":        "?t=" + url.QueryEscape(token),
		"path":       "/" + url.PathEscape(token),
		"hex":        hex.EncodeToString([]byte("x" + token)),
		"base64 0":   base64.StdEncoding.EncodeToString([]byte(token + "; more")),
		"base64 1":   base64.StdEncoding.EncodeToString([]byte("x" + token + "; more")),
		"base64 2":   base64.StdEncoding.EncodeToString([]byte("xy" + token)),
		"base64 url": base64.RawURLEncoding.EncodeToString([]byte("xyz" + token)),
	} {
		found, _ := n.find([]byte("nothing\n" + text + "\n" + text + "\n"))
		require.Equal(t, []string{"‹R0›"}, found, name)
	}
	found, before := n.find([]byte("time=1 msg=\"x\" cookie=\"refresh_token=aa.bb." + token + " and " + other))
	require.Equal(t, []string{"‹R0›", "‹R1›"}, found)
	require.Equal(t, `, behind time=1 msg="x" cookie="refresh_token=`, before)
	found, _ = n.find([]byte(token[:len(token)-1] + " " + strings.ToUpper(other)))
	require.Empty(t, found)
}
