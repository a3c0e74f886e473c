package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// drawnSteps are what a drawing between two paragraphs can hold.
const drawnSteps = 14

// Mermaid draws the story's steps as a sequence diagram in the language that GitHub draws: who asked the server for what, what came, and on red
// ground what should not have come. It is empty where the report tells no steps.
func Mermaid(s conformance.StoryResult) string {
	if len(s.Steps) == 0 {
		return ""
	}
	shown := essential(s, drawnSteps)
	lanes := mermaidLanes(s, shown)
	m := &mermaid{story: s, across: laneName(lanes[0]) + ",server"}
	m.line("sequenceDiagram")
	for _, who := range lanes {
		m.line("  participant %s", strings.TrimSuffix(laneName(who)+" as "+who, " as "+laneName(who)))
	}
	m.line("  participant server")
	next := 0
	for _, st := range shown {
		at := next + slices.IndexFunc(s.Steps[next:], func(o conformance.Step) bool { return o.N == st.N })
		m.gap(at - next)
		next = at + 1
		m.step(st)
	}
	m.gap(len(s.Steps) - next)
	return m.b.String()
}

// mermaid is a drawing under way.
type mermaid struct {
	b      strings.Builder
	story  conformance.StoryResult
	across string // where notes stand
	last   string // note
}

func (m *mermaid) line(format string, args ...any) {
	fmt.Fprintf(&m.b, format+"\n", args...)
	m.last = ""
}

// note says what needs no arrow, once.
func (m *mermaid) note(text string) {
	if text != m.last {
		m.line("  Note over %s: %s", m.across, mermaidText(text))
		m.last = text
	}
}

func (m *mermaid) gap(n int) {
	if n > 0 {
		m.note("… " + plural(n, "more step", "more steps"))
	}
}

func (m *mermaid) step(st conformance.Step) {
	switch {
	case st.Request == "":
		m.note(st.Who + ": " + st.Did)
		return
	case isControl(m.story, st) && controlFailed(m.story):
		return // a later one failed: then there is no yes to speak of
	case isControl(m.story, st):
		m.note("another user’s session still gets a yes (the control)")
		return
	}
	who, indent := laneName(plain(st.Who)), "  "
	if bad(m.story, st) {
		m.line("  rect rgba(255, 60, 60, 0.2)")
		indent = "    "
	}
	m.line("%s%s->>server: %s", indent, who, mermaidText(st.Did))
	m.line("%sserver-->>%s: %s", indent, who, mermaidText(st.Got))
	if bad(m.story, st) {
		m.line("    Note over %s: ✗ %s", m.across, mermaidText(remark(m.story, st)))
		m.line("  end")
	}
}

// isControl: the step is one of those that only show that the server still says yes to somebody, and it does.
func isControl(s conformance.StoryResult, st conformance.Step) bool {
	return st.Who == "other user" && st.Mark == "" && !bad(s, st) && strings.HasPrefix(st.Got, "200")
}

// mermaidLanes are those who ask, in the order in which they first do.
func mermaidLanes(s conformance.StoryResult, shown []conformance.Step) []string {
	var names []string
	for _, st := range shown {
		if who := plain(st.Who); st.Request != "" && !isControl(s, st) && !slices.Contains(names, who) {
			names = append(names, who)
		}
	}
	if names == nil {
		return []string{"client"}
	}
	return names
}

func laneName(who string) string { return notWord.ReplaceAllString(who, "_") }

var (
	notWord = regexp.MustCompile(`\W`)
	spaces  = regexp.MustCompile(` {2,}`)
)

// mermaidText keeps a text from being read as the drawing's language, or as HTML.
func mermaidText(text string) string {
	text = strings.NewReplacer("#", "＃", ";", ",", "<", "‹", ">", "›").Replace(plain(text))
	return spaces.ReplaceAllString(text, " ")
}
