package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// openTerminal returns the two ends of a pseudo-terminal: the user's keyboard and screen, and the program's.
func openTerminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("SKIPPED, THE PROMPT WAS NOT TESTED: no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { user.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return user, program
}

// echoes reports whether the terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag&unix.ECHO != 0
}

func TestPasswordPrompt(t *testing.T) {
	tests := []struct {
		name, first, second, want, err string
	}{
		{"twice the same", "correct horse", "correct horse", "correct horse", ""},
		{"spaces count", " x ", " x ", " x ", ""},
		{"two that differ", "correct horse", "battery staple", "", "differ"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			user, program := openTerminal(t)
			var prompt syncBuffer
			type answer struct {
				password string
				err      error
			}
			answers := make(chan answer, 1)
			go func() {
				password, err := readPassword(t.Context(), program, &prompt)
				answers <- answer{password, err}
			}()
			for i, line := range []string{tt.first, tt.second} {
				require.Eventually(t, func() bool {
					return strings.Count(prompt.String(), ": ") == i+1 && !echoes(t, program)
				}, patience, time.Millisecond)
				_, err := fmt.Fprintln(user, line)
				require.NoError(t, err)
			}
			got := <-answers
			if tt.err != "" {
				require.ErrorContains(t, got.err, tt.err)
			} else {
				require.NoError(t, got.err)
			}
			require.Equal(t, tt.want, got.password)
			require.Equal(t, "Password: \nAgain: \n", prompt.String())
			require.True(t, echoes(t, program), "the terminal is as it was")
			require.NotContains(t, screen(t, user, program), strings.TrimSpace(tt.first))
		})
	}
}

// screen returns what the terminal has shown so far.
func screen(t *testing.T, user, program *os.File) string {
	t.Helper()
	_, err := fmt.Fprint(program, "END")
	require.NoError(t, err)
	var shown bytes.Buffer
	for !strings.HasSuffix(shown.String(), "END") {
		_, err := io.CopyN(&shown, user, 1)
		require.NoError(t, err)
	}
	return shown.String()
}

// Ctrl-C at the prompt ends the program and leaves the terminal as it was.
func TestPasswordPromptInterrupted(t *testing.T) {
	_, program := openTerminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	var prompt syncBuffer
	ended := make(chan error, 1)
	go func() {
		_, err := readPassword(ctx, program, &prompt)
		ended <- err
	}()
	require.Eventually(t, func() bool { return prompt.String() != "" && !echoes(t, program) }, patience, time.Millisecond)
	interrupt()
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "interrupted")
	case <-time.After(patience):
		t.Fatal("still at the prompt")
	}
	require.True(t, echoes(t, program))
}

func TestPasswordFromStandardInput(t *testing.T) {
	for stdin, want := range map[string]string{"x": "x", "x\n": "x", "x\r\n": "x", " x \ny": " x ", "": "", "\n": ""} {
		got, err := readPassword(t.Context(), strings.NewReader(stdin), io.Discard)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := readPassword(t.Context(), brokenBody{}, io.Discard)
	require.ErrorContains(t, err, "cannot read the password")
	_, err = readPassword(t.Context(), strings.NewReader("\xff"), io.Discard)
	require.ErrorContains(t, err, "not UTF-8")
}
