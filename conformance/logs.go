package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// maxLog is how much of what the logs gain is kept and searched, in bytes.
const maxLog = 64 << 20

// logs is what the target's log files gained since the run began.
type logs struct {
	files []*logFile
	gain  []byte
	most  int64 // that gain may have
	left  int64 // bytes beyond it
	notes []string
}

// logFile is followed by name: a log that was rotated is read to its end, then the one that took its place.
type logFile struct {
	name   string
	open   *os.File // as it was when last read; nil: there was none
	offset int64
}

// openLogs remembers where each log ends now.
func openLogs(names []string) (*logs, error) {
	l := &logs{most: maxLog}
	for _, name := range names {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			l.files = append(l.files, &logFile{name: name}) // the target may make it at its first request
			continue
		}
		if err != nil {
			l.close()
			return nil, fmt.Errorf("cannot read the log: %w", err)
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is no regular file")
		}
		if err != nil {
			l.close()
			return nil, errors.Join(fmt.Errorf("cannot read the log %s: %w", name, err), f.Close())
		}
		l.files = append(l.files, &logFile{name, f, info.Size()})
	}
	return l, nil
}

func (l *logs) close() {
	for _, f := range l.files {
		if f.open != nil {
			_ = f.open.Close() // it was only read
		}
	}
}

// read takes what the logs gained since the last time.
func (l *logs) read() error {
	for _, f := range l.files {
		if err := l.follow(f); err != nil {
			return fmt.Errorf("cannot read the log %s: %w", f.name, err)
		}
	}
	return nil
}

func (l *logs) follow(f *logFile) error {
	now, err := os.Stat(f.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.open != nil {
		was, err := f.open.Stat()
		if err != nil {
			return err
		}
		if was.Size() < f.offset {
			l.note(f.name + " was cut: what it said between the suite's two looks at it is not judged")
			f.offset = 0
		}
		if err := l.take(f); err != nil {
			return err
		}
		if now == nil || os.SameFile(was, now) {
			return nil
		}
		l.note(f.name + " was rotated during the run: both the old and the new file are judged, further ones between them are not")
		_ = f.open.Close() // it was only read
		f.open, f.offset = nil, 0
	}
	if now == nil {
		return nil
	}
	if f.open, err = os.Open(f.name); err != nil {
		return err
	}
	return l.take(f)
}

func (l *logs) take(f *logFile) error {
	if _, err := f.open.Seek(f.offset, io.SeekStart); err != nil {
		return err
	}
	kept := len(l.gain)
	b := bytes.NewBuffer(l.gain)
	n, err := b.ReadFrom(io.LimitReader(f.open, l.most-int64(kept)))
	if err != nil {
		return err
	}
	l.gain = b.Bytes()
	over, err := io.Copy(io.Discard, f.open)
	f.offset += n + over
	l.left += over
	return err
}

func (l *logs) note(text string) {
	if !slices.Contains(l.notes, text) {
		l.notes = append(l.notes, text)
	}
}

// Waits for logs that are written a little after the answer.
const (
	quietLog = 100 * time.Millisecond
	longLog  = 3 * time.Second
)

// settle reads until the logs have grown beyond a size and then been quiet, or the time is over.
func (l *logs) settle(ctx context.Context, beyond int) error {
	end := time.Now().Add(longLog)
	for quiet := time.Duration(0); time.Now().Before(end) && (quiet < quietLog || len(l.gain) <= beyond); {
		before := len(l.gain)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(quietLog / 4):
		}
		if err := l.read(); err != nil {
			return err
		}
		if quiet += quietLog / 4; len(l.gain) > before {
			quiet = 0
		}
	}
	return nil
}

// needles are the spellings of secret values to look for, by their first bytes.
type needles map[[needleKey]byte][]needle

type needle struct{ text, name string }

const needleKey = 8

// add puts a secret into the haystack's index: as it is, as a URL, JSON and a hex dump write it, and as base64 of a text that contains it, in
// whichever of the three positions.
func (n needles) add(secret, name string) {
	spellings := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)), strings.Trim(jsonText(secret), `"`)}
	for shift := range 3 {
		padded := strings.Repeat("\x00", shift) + secret
		whole := base64.StdEncoding.EncodeToString([]byte(padded[:len(padded)/3*3])) // what follows the last three bytes depends on its neighbour
		core := whole[[]int{0, 2, 3}[shift]:]
		spellings = append(spellings, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
	}
	slices.Sort(spellings)
	for _, s := range slices.Compact(spellings) {
		if len(s) >= needleKey {
			key := [needleKey]byte([]byte(s[:needleKey]))
			n[key] = append(n[key], needle{s, name})
		}
	}
}

// find returns the names of the secrets in a text, in order of appearance, each once, and what stands before the first of them in its line.
func (n needles) find(text []byte) (found []string, before string) {
	for i := 0; i+needleKey <= len(text); i++ {
		for _, candidate := range n[[needleKey]byte(text[i:i+needleKey])] {
			if !bytes.HasPrefix(text[i:], []byte(candidate.text)) || slices.Contains(found, candidate.name) {
				continue
			}
			if found == nil {
				before = lead(text[:i])
			}
			found = append(found, candidate.name)
		}
	}
	return found, before
}

// lead is the end of the last line, without what belongs to the secret that follows it, such as the other parts of a JWT.
func lead(text []byte) string {
	line := string(text[bytes.LastIndexByte(text, '\n')+1:])
	line = strings.TrimRightFunc(line, func(r rune) bool { return r < 0x80 && (strings.ContainsRune(base64URL+"+/.%", r)) })
	if line == "" {
		return ""
	}
	return ", behind " + strings.ToValidUTF8(line[max(0, len(line)-60):], "…")
}
