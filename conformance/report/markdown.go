package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Markdown writes a summary for CI (GitHub's and GitLab's flavour): the verdict first, then counts, then what is not green.
func Markdown(w io.Writer, r *conformance.Report) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s Conformance: %s\n\n%s\n\n", glyph(r.Verdict), cell(Sentence(r)), code(r.Target))
	b.WriteString("| verdict | stories | MUST checks | SHOULD checks | MAY checks |\n|---|--:|--:|--:|--:|\n")
	for _, c := range counts(r) {
		fmt.Fprintf(&b, "| %s %s | %d | %d | %d | %d |\n", glyph(c.Verdict), c.Word, c.Stories, c.Must, c.Should, c.May)
	}
	open := notGreen(r)
	if len(open) > 0 {
		b.WriteString("\n### Not green\n\n| | story | level | what must hold | what was seen |\n|---|---|---|---|---|\n")
	}
	for _, s := range open {
		fmt.Fprintf(&b, "| %s %s | %s | %s | %s | %s |\n", glyph(shade(s)), verdictWord(s), code(s.ID), s.Level, cell(s.Title), seen(s))
	}
	b.WriteString("\n")
	for _, s := range open {
		text := storyText(r, s)
		f := fence(text)
		fmt.Fprintf(&b, "<details><summary>%s %s <code>%s</code> %s</summary>\n\n%stext\n%s%s\n\n</details>\n\n",
			glyph(shade(s)), verdictWord(s), html.EscapeString(s.ID), html.EscapeString(s.Title), f, text, f)
	}
	for i, s := range r.Stale {
		if i == 0 {
			b.WriteString("### Expectations that no longer hold\n\nEach makes the run fail: remove it, or give it a new end.\n\n")
		}
		fmt.Fprintf(&b, "- %s %s\n", glyph(conformance.Fail), cell(s))
	}
	for i, g := range knownFailures(r) {
		if i == 0 {
			b.WriteString("\n### Known failures\n\n")
		}
		fmt.Fprintf(&b, "- %s: %s\n", code(g.IDs...), cell(g.Reason))
	}
	if len(r.Stale) > 0 || len(knownFailures(r)) > 0 {
		b.WriteString("\n")
	}
	for i, g := range notJudged(r) {
		if i == 0 {
			b.WriteString("### Not judged\n\n")
		}
		fmt.Fprintf(&b, "- %s: %s\n", code(g.IDs...), cell(g.Reason))
	}
	fmt.Fprintf(&b, "\nSpent: %s. Suite %s, catalogue %s.\n", spent(r), cell(r.Suite), code(r.Catalogue))
	for _, n := range r.Run.Notes {
		fmt.Fprintf(&b, "Note: %s.\n", cell(n))
	}
	_, err := io.WriteString(w, plainLines(b.String()))
	return err
}

func notGreen(r *conformance.Report) []conformance.StoryResult {
	var bad []conformance.StoryResult
	for v := conformance.Broken; v > conformance.Pass; v-- {
		for _, s := range r.Stories {
			if s.Verdict > conformance.Pass && shade(s) == v {
				bad = append(bad, s)
			}
		}
	}
	return bad
}

// seen is the first thing that was wrong, for a cell of the table.
func seen(s conformance.StoryResult) string {
	checks, _ := wrong(s)
	if len(checks) == 0 || s.Verdict == conformance.Inconclusive {
		return cell(s.Reason)
	}
	more := ""
	if len(checks) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(checks)-1)
	}
	return fmt.Sprintf("%s: want %s, got %s%s", code(slug(checks[0])), cell(checks[0].Want), cell(checks[0].Got), more)
}

// cell escapes everything that means something in a line of Markdown, HTML in Markdown, or a table.
func cell(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		switch {
		case r == '<' || r == '>' || r == '&' || r == '@':
			fmt.Fprintf(&b, "&#%d;", r) // @ would call a person
		case strings.ContainsRune("\\|`*_{}[]#~!$", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code sets words in a typewriter's letters. Backticks could not be escaped within backticks, so it is an element.
func code(words ...string) string {
	set := make([]string, len(words))
	for i, w := range words {
		set[i] = "<code>" + cell(w) + "</code>"
	}
	return strings.Join(set, " ")
}

// fence is longer than any run of backticks in the text.
func fence(text string) string {
	f := "```"
	for strings.Contains(text, f) {
		f += "`"
	}
	return f
}
