package docs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmes holds the README in other languages to the English one, and says what is missing there.
func TestReadmes(t *testing.T) {
	texts, found := documents(t), 0
	for file, text := range texts {
		if to := language(file); to != "" && filepath.Dir(file) == ".." {
			found++
			english := texts["../README.md"]
			require.Contains(t, english, "("+filepath.Base(file)+")", "README.md does not link to its translation")
			for _, d := range differences(english, text, to) {
				t.Errorf("%s %s", filepath.Base(file), d)
			}
		}
	}
	require.NotZero(t, found)
}

var (
	anyFence = regexp.MustCompile("(?ms)(?:^<!-- not run: [^\n]*\n)?^```.*?^```$")
	hangul   = regexp.MustCompile(`\p{Hangul}`)

	// inReadme is what a translation has too, as often.
	inReadme = []struct {
		what    string
		pattern *regexp.Regexp
	}{
		{"link", linked},
		{"code", regexp.MustCompile("`[^`\n]+`")},
		{"heading, row or item", regexp.MustCompile(`(?m)^(?:#+ |\||- )`)},
	}
	number = regexp.MustCompile(`\d+(?:\.\d+)*`)
)

// differences are between the README and its translation: blocks of commands and output, links, code, and numbers, of which a translation may have more,
// since it may write "ten" as 10. Its links may lead to translations. The first lines, which link to each other, are their own.
func differences(english, translated, to string) (all []string) {
	_, english, _ = strings.Cut(english, "\n")
	_, translated, _ = strings.Cut(strings.ReplaceAll(translated, "](docs/"+to+"/", "](docs/"), "\n")
	want, got := anyFence.FindAllString(english, -1), anyFence.FindAllString(translated, -1)
	if len(want) != len(got) {
		all = append(all, fmt.Sprintf("has %d blocks of commands or output, README.md has %d", len(got), len(want)))
	}
	for i := range min(len(want), len(got)) {
		translatable := strings.HasPrefix(want[i], "```\n") && hangul.MatchString(got[i])
		if a, b, _ := firstDifference(want[i], got[i]); a != b && want[i] != got[i] && !translatable {
			all = append(all, fmt.Sprintf("says in block %d\n%s\nwhere README.md says\n%s", i+1, b, a))
		}
	}
	for _, n := range lacking(number.FindAllString(translated, -1), number.FindAllString(english, -1)) {
		all = append(all, "lacks the number "+n)
	}
	english, translated = anyFence.ReplaceAllString(english, ""), anyFence.ReplaceAllString(translated, "")
	for _, in := range inReadme {
		want, got := in.pattern.FindAllString(english, -1), in.pattern.FindAllString(translated, -1)
		for _, w := range lacking(got, want) {
			all = append(all, "lacks the "+in.what+" "+w)
		}
		for _, g := range lacking(want, got) {
			all = append(all, "has, unlike README.md, the "+in.what+" "+g)
		}
	}
	return all
}

// lacking is what of want is not in list, or not as often.
func lacking(list, want []string) (missing []string) {
	list = slices.Clone(list)
	for _, w := range want {
		if i := slices.Index(list, w); i >= 0 {
			list = slices.Delete(list, i, i+1)
		} else {
			missing = append(missing, w)
		}
	}
	return missing
}

func TestDifferences(t *testing.T) {
	const english = "[ko](x)\n# A\n\n```sh\nmake demo\n```\n\n```\nGET /me\nwhat it does\n```\n\nIt plays 92 stories, ten of them twice: [x](docs/y.md), `-slow`.\n"
	translate := strings.NewReplacer("[ko]", "[en]", "# A", "# 가", "what it does", "하는 일", "It plays 92 stories, ten", "스토리 92개, 그 중 10", "](docs/", "](docs/ko/")
	translated := translate.Replace(english)
	require.Empty(t, differences(english, translated, "ko"))
	for change, want := range map[string]string{
		"make demo->make test":    "says in block 1\nmake test\nwhere README.md says\nmake demo",
		"하는 일->what else":         "says in block 2\nwhat else\nwhere README.md says\nwhat it does",
		"```sh\nmake demo\n```->": "has 1 blocks of commands or output, README.md has 2",
		"92->91":                  "lacks the number 92",
		"`-slow`->slow":           "lacks the code `-slow`",
		"[x](docs/ko/y.md)->":     "lacks the link ](docs/y.md)",
		"y.md->z.md":              "has, unlike README.md, the link ](docs/z.md)",
		"# 가->":                   "lacks the heading, row or item # ",
		"\n스토리->\n| a |\n\n스토리":   "has, unlike README.md, the heading, row or item |",
	} {
		from, to, _ := strings.Cut(change, "->")
		require.Contains(t, differences(english, strings.Replace(translated, from, to, 1), "ko"), want, change)
	}
}
