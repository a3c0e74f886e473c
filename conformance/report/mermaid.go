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
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	shown := essential(s, drawnSteps)
	lanes := mermaidLanes(shown)
	for _, who := range lanes {
		fmt.Fprintf(&b, "  participant %s\n", strings.TrimSuffix(laneName(who)+" as "+who, " as "+laneName(who)))
	}
	b.WriteString("  participant server\n")
	across := laneName(lanes[0]) + ",server"
	next := 0
	gap := func(to int) {
		if to > next {
			fmt.Fprintf(&b, "  Note over %s: … %s\n", across, plural(to-next, "more step", "more steps"))
		}
		next = to + 1
	}
	for _, st := range shown {
		gap(next + slices.IndexFunc(s.Steps[next:], func(o conformance.Step) bool { return o.N == st.N }))
		mermaidStep(&b, s, st, across)
	}
	gap(len(s.Steps))
	return b.String()
}

// mermaidLanes are those who ask; what happened beside requests has no lane.
func mermaidLanes(shown []conformance.Step) []string {
	var steps []step
	for _, st := range shown {
		if st.Request != "" {
			steps = append(steps, step{Step: st})
		}
	}
	if len(steps) == 0 {
		return []string{"client"}
	}
	return actors(steps)
}

func mermaidStep(b *strings.Builder, s conformance.StoryResult, st conformance.Step, across string) {
	if st.Request == "" {
		fmt.Fprintf(b, "  Note over %s: %s\n", across, mermaidText(st.Who+": "+st.Did))
		return
	}
	indent := "  "
	if bad(s, st) {
		b.WriteString("  rect rgba(255, 60, 60, 0.2)\n")
		indent = "    "
	}
	who := laneName(actor(step{Step: st}))
	fmt.Fprintf(b, "%s%s->>server: %s\n%sserver-->>%s: %s\n", indent, who, mermaidText(st.Did), indent, who, mermaidText(st.Got))
	if bad(s, st) {
		fmt.Fprintf(b, "    Note over %s: ✗ %s\n  end\n", across, mermaidText(remark(s, st)))
	}
}

func laneName(who string) string { return notWord.ReplaceAllString(who, "_") }

var (
	notWord = regexp.MustCompile(`\W`)
	endWord = regexp.MustCompile(`(?i)\bend\b`) // which would close a frame of the drawing
	spaces  = regexp.MustCompile(` {2,}`)
)

// mermaidText keeps a text from being read as the drawing's language, or as HTML.
func mermaidText(text string) string {
	text = strings.NewReplacer("#", "＃", ";", ",", "<", "‹", ">", "›", "%%", "% %").Replace(plain(text))
	return spaces.ReplaceAllString(endWord.ReplaceAllString(text, "($0)"), " ")
}
