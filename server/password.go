package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// readPassword asks for a password twice, without echo, or reads one line where standard input is not a terminal. It is
// never an argument, which every user of the machine can see.
func readPassword(ctx context.Context, stdin io.Reader, prompt io.Writer) (string, error) {
	if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		first, err := askPassword(ctx, f, prompt, "Password: ")
		if err != nil {
			return "", err
		}
		again, err := askPassword(ctx, f, prompt, "Again: ")
		if err != nil {
			return "", err
		}
		if first != again {
			return "", errors.New("the two passwords differ")
		}
		return checkPassword(first)
	}
	line, err := bufio.NewReader(io.LimitReader(stdin, maxBody)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("cannot read the password: %w", err)
	}
	return checkPassword(strings.TrimRight(line, "\r\n"))
}

// askPassword reads a line without echo. An interrupt gives the terminal its echo back, which dying would not.
func askPassword(ctx context.Context, f *os.File, prompt io.Writer, text string) (string, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("cannot prompt for the password: %w", err)
	}
	fmt.Fprint(prompt, text)
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(prompt)
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	case got := <-answers:
		fmt.Fprintln(prompt)
		if got.err != nil {
			return "", fmt.Errorf("cannot read the password: %w", got.err)
		}
		return string(got.line), nil
	}
}

// checkPassword refuses what no login could ever send as JSON. The rest is for the session package to judge.
func checkPassword(password string) (string, error) {
	if !utf8.ValidString(password) {
		return "", errors.New("the password is not UTF-8")
	}
	return password, nil
}
