package course_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/course"
)

// Every stage that a story names has a lesson in every language, every lesson has stories, and what it names exists.
func TestLessons(t *testing.T) {
	stories := map[int]int{}
	for _, s := range conformance.Scenarios() {
		stories[s.Stage]++
	}
	require.Contains(t, course.Languages(), "en")
	for _, language := range course.Languages() {
		stages, err := course.Stages(language)
		require.NoError(t, err)
		require.Len(t, stages, len(stories), language)
		for i, s := range stages {
			require.Equal(t, i+1, s.N)
			require.NotEmpty(t, s.Title)
			require.Positive(t, stories[s.N], s.Title)
			require.LessOrEqual(t, stories[s.N], 14, "%s: too much for one stage", s.Title)
			require.LessOrEqual(t, strings.Count(s.Lesson, "\n"), 16, s.Title)
			for line := range strings.Lines(s.Lesson) {
				require.LessOrEqual(t, columns(line), 111, line)
			}
			require.FileExists(t, "../../"+s.Chapter)
			require.NotEmpty(t, s.Compare)
			for _, c := range s.Compare {
				file, what, _ := strings.Cut(c, "  ")
				require.FileExists(t, "../../"+file)
				require.NotEmpty(t, what, file)
			}
		}
	}
}

// columns are what a terminal gives a line: two for a Korean letter.
func columns(line string) int {
	n := utf8.RuneCountInString(line)
	for _, r := range line {
		if unicode.Is(unicode.Hangul, r) {
			n++
		}
	}
	return n
}

// All languages have the same stages, which say the same of the same calls, and name their own translation of the same chapter, and the same files.
func TestLanguagesAgree(t *testing.T) {
	english, err := course.Stages("en")
	require.NoError(t, err)
	require.Equal(t, []string{"en", "ko"}, course.Languages())
	for _, language := range course.Languages()[1:] {
		stages, err := course.Stages(language)
		require.NoError(t, err)
		require.Len(t, stages, len(english), language)
		for i, s := range stages {
			where := fmt.Sprintf("%s/%02d.md", language, s.N)
			require.NotEqual(t, english[i].Title, s.Title, where)
			require.Equal(t, strings.Replace(english[i].Chapter, "docs/", "docs/"+language+"/", 1), s.Chapter, where)
			require.Equal(t, comparedFiles(english[i]), comparedFiles(s), where)
			require.Equal(t, names(english[i].Lesson), names(s.Lesson), "%s: the addresses, flags, codes and names of the English lesson", where)
		}
	}
}

func comparedFiles(s course.Stage) (files []string) {
	for _, c := range s.Compare {
		file, _, _ := strings.Cut(c, "  ")
		files = append(files, file)
	}
	return files
}

// inLesson is what no language translates: paths, flags, numbers of three digits and more, and words with an underscore.
var inLesson = regexp.MustCompile(`(?:\B/|\B-)[a-z]{2}[a-z/-]*|\b[0-9]{3,}\b|\b\w+_\w+\b`)

func names(lesson string) []string {
	found := inLesson.FindAllString(lesson, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestTitle(t *testing.T) {
	require.Equal(t, "Login", course.Title(1))
	require.Empty(t, course.Title(0))
	require.Empty(t, course.Title(12))
}

func TestNoSuchLanguage(t *testing.T) {
	_, err := course.Stages("xx")
	require.ErrorContains(t, err, `no lessons in "xx"; there are: en, ko`)
}
