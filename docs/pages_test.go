package docs

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/bugs"
	"github.com/jwt-toy/jwt-toy/conformance/course"
)

// The walkthrough and the exercises hold parts that are made: what stands between a marker and the next <!-- end -->.
//
//	<!-- run: STORY | faulty FLAGS | conformance FLAGS | report -->   a real run: its drawing, the commands, and what they print
//	<!-- stories -->                                                  the stories of the stages that have this chapter, by conformance/course
//	<!-- bugs: ID … -->                                               what real projects got wrong
//	<!-- chapters -->                                                 the index
//
// Of a run the flags may be left out; "report" leaves out the drawing, "drawing" all but that.
var marker = regexp.MustCompile(`(?ms)^<!-- (run|stories|bugs|chapters)(?:: (.*?))? -->\n(.*?)^<!-- end -->$`)

// pages are the documents that have such parts, in every language: this directory's are English, those of ko/ Korean.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := documents(t)
	maps.DeleteFunc(texts, func(file, _ string) bool {
		return filepath.Base(file) != exercises && !strings.Contains(file, "walkthrough/")
	})
	return texts
}

// chapters are the files of a walkthrough in order, without its index.
func chapters(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(dir + "/[0-9]*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// TestPages holds every part that is made to what makes it.
func TestPages(t *testing.T) {
	texts := pages(t)
	plays := playAll(t, texts)
	for file, text := range texts {
		require.Len(t, marker.FindAllString(text, -1), strings.Count(text, "<!-- end -->"), "%s: a marker that is not one", file)
		made := marker.ReplaceAllStringFunc(text, func(part string) string {
			m := marker.FindStringSubmatch(part)
			head, _, _ := strings.Cut(part, "\n")
			return head + "\n\n" + strings.TrimSpace(makePart(t, file, m[1], m[2], plays)) + "\n\n<!-- end -->"
		})
		if *update && made != text {
			require.NoError(t, os.WriteFile(file, []byte(made), 0o644))
			continue
		}
		want, got, at := firstDifference(made, text)
		require.Equal(t, want, got, "%s:%d: go test ./docs -update writes it; read the diff", file, at)
	}
}

// firstDifference is the first line of two texts that is not the same, and its number: the whole of a page is no message.
func firstDifference(want, got string) (string, string, int) {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i], b[i], i + 1
		}
	}
	return fmt.Sprint(len(a), " lines"), fmt.Sprint(len(b), " lines"), min(len(a), len(b))
}

func makePart(t *testing.T, file, kind, arguments string, plays map[string]*play) string {
	t.Helper()
	switch kind {
	case "run":
		return plays[arguments].markdown()
	case "stories":
		return storyTable(homeOf(t, file))
	case "bugs":
		return bugList(t, file, strings.Fields(arguments))
	}
	return chapterTable(t, filepath.Dir(file))
}

func storyTable(stories []conformance.Scenario) string {
	b := &strings.Builder{}
	b.WriteString("| story | | what must hold |\n| --- | --- | --- |\n")
	for _, s := range stories {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", s.ID, s.Level, s.Title)
	}
	return b.String()
}

func bugList(t *testing.T, file string, ids []string) string {
	t.Helper()
	page, err := filepath.Rel(filepath.Dir(file), "bugs.md")
	require.NoError(t, err)
	b := &strings.Builder{}
	for _, id := range ids {
		i := slices.IndexFunc(bugs.All(), func(b bugs.Bug) bool { return b.ID == id })
		require.GreaterOrEqual(t, i, 0, "there is no bug %s", id)
		bug := bugs.All()[i]
		require.NotEmpty(t, bug.Checks, "no story catches %s", id)
		require.NotEmpty(t, bug.Links, "nobody is known to have %s", id)
		fmt.Fprintf(b, "- [`%s`](%s#%s): %s Found in %s.\n", id, page, id, bug.Bug, bug.FoundIn())
	}
	return b.String()
}

var titleLine = regexp.MustCompile(`(?m)\A# (.+)\n\n\*(.+)\*$`)

// chapterTable is the index: each chapter, what it says in one line, and the stages of the suite whose stories are its own.
func chapterTable(t *testing.T, dir string) string {
	t.Helper()
	b := &strings.Builder{}
	b.WriteString("| | | | stage |\n| --- | --- | --- | --- |\n")
	for i, file := range chapters(t, dir) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		title := titleLine.FindStringSubmatch(string(text))
		require.NotNil(t, title, "%s does not begin with a title and one line in italics", file)
		fmt.Fprintf(b, "| %d | [%s](%s) | %s | %s |\n", i+1, title[1], filepath.Base(file), title[2], strings.Trim(strings.ReplaceAll(fmt.Sprint(stagesOf(t, file)), " ", ", "), "[]"))
	}
	return b.String()
}

// stagesOf are the stages of the course whose lessons name the chapter.
func stagesOf(t *testing.T, file string) []int {
	t.Helper()
	lessons, err := course.Stages("en")
	require.NoError(t, err)
	var numbers []int
	for _, lesson := range lessons {
		if lesson.Chapter == "docs/"+strings.TrimPrefix(file, language(file)+"/") {
			numbers = append(numbers, lesson.N)
		}
	}
	return numbers
}

// homeOf are the stories of those stages.
func homeOf(t *testing.T, file string) []conformance.Scenario {
	t.Helper()
	numbers := stagesOf(t, file)
	return slices.DeleteFunc(conformance.Scenarios(), func(s conformance.Scenario) bool { return !slices.Contains(numbers, s.Stage) })
}

// TestChapters: every story is listed in a chapter, that of its stage; every chapter has a story that is seen to pass and one that is seen to fail, the
// command that judges its stories, and questions.
func TestChapters(t *testing.T) {
	home := map[string]string{}
	plays := playAll(t, pages(t))
	for _, file := range chapters(t, "walkthrough") {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		text := string(b)
		stories := homeOf(t, file)
		require.Equal(t, min(len(stories), 1), strings.Count(text, "<!-- stories -->"), "%s lists the stories of its stages once", file)
		for _, s := range stories {
			home[s.ID] = file
		}
		passed, failed := false, false
		for _, m := range marker.FindAllStringSubmatch(text, -1) {
			if m[1] == "run" {
				passed, failed = passed || plays[m[2]].exit == 0, failed || plays[m[2]].exit == 1
			}
		}
		require.True(t, passed && failed, "%s shows no story that passes and one that fails", file)
		require.GreaterOrEqual(t, strings.Count(text, "<details>"), 3, "%s has too few questions", file)
		require.Contains(t, text, "```mermaid", file)
		require.Contains(t, text, "../../server/", file)
		require.Contains(t, text, "../../examples/fastapi/", file)
	}
	for _, s := range conformance.Scenarios() {
		require.NotEmpty(t, home[s.ID], "%s (stage %d) is at home in no chapter", s.ID, s.Stage)
	}
}

var inCode = regexp.MustCompile("`([a-z]+\\.[a-z-]+)(?:/([a-z0-9-]+))?`")

// TestNames: what stands in code type and has an area before its dot is a story, and a check of it after the slash.
func TestNames(t *testing.T) {
	stories := map[string]conformance.Scenario{}
	areas := map[string]bool{}
	for _, s := range conformance.Scenarios() {
		stories[s.ID], areas[s.Area()] = s, true
	}
	found := 0
	for file, text := range pages(t) {
		for _, m := range inCode.FindAllStringSubmatch(text, -1) {
			area, name, _ := strings.Cut(m[1], ".")
			if !areas[area] || slices.Contains([]string{"go", "py", "json"}, name) {
				continue
			}
			found++
			s, ok := stories[m[1]]
			require.True(t, ok, "%s names %s, which is no story", file, m[1])
			is := func(c conformance.Check) bool { return c.Slug == m[2] }
			require.True(t, m[2] == "" || slices.ContainsFunc(s.Checks, is), "%s names %s/%s, which is no check", file, m[1], m[2])
		}
	}
	require.Greater(t, found, len(stories))
}

var (
	outlined = regexp.MustCompile("(?ms)^<!-- [a-z]+.*? -->$|^```sh\n.*?^```$|^#+ |^<details>")
	linked   = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
)

// outline is what two languages of a page must have in common: its made parts, commands, headings and questions in their order; and whatever a
// sentence may turn round, its links and the stories that it names.
func outline(file, text string) []string {
	text = marker.ReplaceAllStringFunc(text, func(part string) string { head, _, _ := strings.Cut(part, "\n"); return head })
	found := outlined.FindAllString(text, -1)
	var named []string
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		to := m[1]
		if !strings.Contains(to, "://") {
			to = filepath.Join(filepath.Dir(file), to)
		}
		named = append(named, strings.TrimPrefix(to, language(file)+"/"))
	}
	named = append(named, inCode.FindAllString(text, -1)...)
	slices.Sort(named)
	return append(found, named...)
}

// language is that of a translation, by its directory or, for the README, by its name; "" for English.
func language(file string) string {
	if readme, ok := strings.CutPrefix(file, "../README"); ok {
		return strings.Trim(strings.TrimSuffix(readme, ".md"), ".")
	}
	if dir, _, ok := strings.Cut(file, "/"); ok && len(dir) == 2 && dir != ".." {
		return dir
	}
	return ""
}

// TestTranslations holds the pages of other languages to the English ones: all are there, with the same outline.
func TestTranslations(t *testing.T) {
	texts, pagesOf := pages(t), map[string]int{}
	for file, text := range texts {
		to := language(file)
		pagesOf[to]++
		if original := strings.TrimPrefix(file, to+"/"); to != "" {
			require.Equal(t, outline(original, texts[original]), outline(file, text), file)
		}
	}
	for to, n := range pagesOf {
		require.Equal(t, pagesOf[""], n, "pages in %q", to)
	}
}

// TestOutline: a page that has lost a part has another outline; one that is as far from what it links to has the same.
func TestOutline(t *testing.T) {
	const page = "# A\n\n<!-- bugs: x -->\n\n| made |\n\n<!-- end -->\n\n```sh\nmake demo\n```\n\n[x](../bugs.md#y), `reuse.replay`.\n\n<details>\n"
	english := outline("walkthrough/1.md", page)
	require.Equal(t, english, outline("ko/walkthrough/1.md", strings.NewReplacer("| made |", "| gemacht |", "../bugs.md", "../../bugs.md", "# A", "# B").Replace(page)))
	for _, lost := range []string{"# A", "<!-- bugs: x -->", "make demo", "../", "`reuse.replay`", "<details>"} {
		require.NotEqual(t, english, outline("walkthrough/1.md", strings.Replace(page, lost, "", 1)), "without %q", lost)
	}
}

// playAll plays every run that the pages show, each once.
func playAll(t *testing.T, texts map[string]string) map[string]*play {
	t.Helper()
	playing.Lock()
	defer playing.Unlock()
	var wait sync.WaitGroup
	slots := make(chan struct{}, 3)
	for _, file := range slices.SortedFunc(maps.Keys(texts), cmp.Compare) {
		for _, m := range marker.FindAllStringSubmatch(texts[file], -1) {
			if m[1] != "run" || playing.done[m[2]] != nil {
				continue
			}
			p, err := newPlay(m[2])
			require.NoError(t, err, file)
			playing.done[m[2]] = p
			wait.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				p.run(t)
			})
		}
	}
	wait.Wait()
	for arguments, p := range playing.done {
		require.NoError(t, p.err, arguments)
	}
	return playing.done
}

var playing = struct {
	sync.Mutex
	done map[string]*play
}{done: map[string]*play{}}
