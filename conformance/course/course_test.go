package course_test

import (
	"strings"
	"testing"
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
				require.LessOrEqual(t, utf8.RuneCountInString(line), 111, line)
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

func TestTitle(t *testing.T) {
	require.Equal(t, "Login", course.Title(1))
	require.Empty(t, course.Title(0))
	require.Empty(t, course.Title(12))
}

func TestNoSuchLanguage(t *testing.T) {
	_, err := course.Stages("xx")
	require.ErrorContains(t, err, `no lessons in "xx"; there are: en`)
}
