package docs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	exerciseHead = regexp.MustCompile(`(?m)^## (\d+)\. `)
	solution     = regexp.MustCompile(`(?ms)<details>\n<summary>[^<]*</summary>\n(.*?)</details>`)
	shell        = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
)

// TestExercises does what the exercises say: starts each server by its number, tries what is to be tried, and lets the suite judge, which has to
// fail with what the solution shows.
func TestExercises(t *testing.T) {
	raw, err := os.ReadFile(exercises)
	require.NoError(t, err)
	page := string(raw)
	plays := playAll(t, pages(t))
	heads := exerciseHead.FindAllStringSubmatchIndex(page, -1)
	require.Len(t, heads, 20)
	prepared := shellCommands(page[:heads[0][0]])
	require.NotEmpty(t, prepared)
	for i, at := range heads {
		end := len(page)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		text, number := page[at[0]:end], fmt.Sprint(i+1)
		require.Equal(t, number, page[at[2]:at[3]], "the exercises are counted")
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			exercise(t, text, number, prepared, plays)
		})
	}
}

func shellCommands(text string) []string {
	var commands []string
	for _, m := range shell.FindAllStringSubmatch(text, -1) {
		commands = append(commands, strings.Split(strings.TrimSpace(m[1]), "\n")...)
	}
	return commands
}

func exercise(t *testing.T, text, number string, prepared []string, plays map[string]*play) {
	t.Helper()
	solved := solution.FindAllString(text, -1)
	require.Len(t, solved, 1)
	question := strings.Replace(text, solved[0], "", 1)
	commands := shellCommands(question)
	require.GreaterOrEqual(t, len(commands), 3, "a server, something to try, and the suite")
	first, last := commands[0], commands[len(commands)-1]
	require.Regexp(t, `^go run \./conformance/cmd/faulty -exercise `+number+`( |$)`, first)

	parts := marker.FindAllStringSubmatch(solved[0], -1)
	require.Len(t, parts, 1)
	p := plays[parts[0][2]]
	require.Equal(t, []string{p.server, p.judge}, []string{first, last}, "the solution is another run")
	require.Equal(t, 1, p.exit, "the suite does not catch it")

	at, err := newPlace()
	require.NoError(t, err)
	told, exit, err := at.do(t.Context(), goRun+"faulty -exercise "+number+" -solution")
	require.NoError(t, err)
	require.Zero(t, exit)
	name, what, _ := strings.Cut(strings.TrimSpace(told), ": ")
	require.Contains(t, solved[0], "`"+name+"`", "the solution names the fault")
	require.NotContains(t, question, name)
	require.NotContains(t, question, what)

	at, err = newPlace()
	require.NoError(t, err)
	stop, err := at.start(t.Context(), first)
	require.NoError(t, err)
	defer stop()
	for _, c := range slices.Concat(prepared, commands[1:len(commands)-1]) {
		out, exit, err := at.do(t.Context(), c)
		require.NoError(t, err)
		require.Zero(t, exit, "%s\n%s", c, out)
	}
}
