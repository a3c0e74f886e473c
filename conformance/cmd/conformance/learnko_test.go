package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance/course"
)

// What learn says in English it says in every language that has lessons, of the same things.
func TestLearnSentences(t *testing.T) {
	source, err := os.ReadFile("learntext.go")
	require.NoError(t, err)
	var english []string
	for _, m := range regexp.MustCompile(`\.(?:say|in)\(("(?:[^"\\]|\\.)*")`).FindAllSubmatch(source, -1) {
		sentence, err := strconv.Unquote(string(m[1]))
		require.NoError(t, err)
		english = append(english, sentence)
	}
	require.Greater(t, len(english), 20)
	verb := regexp.MustCompile(`%(?:\[\d\])?(\d?[sd])`)
	verbs := func(format string) (all []string) {
		for _, m := range verb.FindAllStringSubmatch(format, -1) {
			all = append(all, m[1])
		}
		return all
	}
	for _, language := range slices.DeleteFunc(course.Languages(), func(l string) bool { return l == "en" }) {
		for _, sentence := range english {
			require.NotEmpty(t, sentences[language][sentence], "%s: %q", language, sentence)
		}
		for sentence, translated := range sentences[language] {
			require.Contains(t, english, sentence, "%s: nobody says it", language)
			require.Equal(t, verbs(sentence), verbs(translated), translated)
		}
	}
}

// Whoever asks for Korean is led in Korean, and goes on in it.
func TestLearnKorean(t *testing.T) {
	url := pupil{paths: []string{"/auth/login"}}.serve(t)
	code, said := learn(t, "-target", url, "-lang", "ko", "-hint")
	require.Equal(t, exitFails, code, said)
	for _, want := range []string{
		"✓ 단계  1  로그인" + strings.Repeat(" ", 32-6) + " 판정한 범위에서 완료: 스토리 ", "나머지에는 -slow 필요\n", "-lang ko -stage N (N은 1)\n", "\n단계 2/11: 액세스 토큰\n", "\n더 읽기  docs/", "FAIL access.required",
		"GET /me에 아직 me 호출이 없습니다.", "-me PATH로", "compare  참조 서버와", "access.required에서 멈췄습니다.", "conformance learn -target " + url + " -lang ko\n",
	} {
		require.Contains(t, strings.ReplaceAll(said, "\n              ", " "), want)
	}
	code, said = learn(t, "-list", "-lang", "ko")
	require.Equal(t, exitConforms, code)
	require.Contains(t, said, " 6  탈취와 재사용, 그리고 토큰 패밀리\n")
	require.Contains(t, said, "\nagain: 앞 단계에서")
}
