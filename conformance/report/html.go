package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/course"
)

//go:embed page.html
var pageSource string

// maxPage is what a page may have, in bytes. A run in which everything fails, each story with a hundred steps, would have a hundred times as
// much, and nobody could read it.
const maxPage = 300_000

// HTML writes one page that needs nothing but itself: no script, no font, no picture from elsewhere. Of long stories it shows the steps that
// matter, and of a run with many of them the fewer and the shorter ones, so that the page stays below 300 kB; the JSON report has all.
func HTML(w io.Writer, r *conformance.Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{"glyph": glyph, "class": class, "shade": shade, "word": verdictWord}).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("the page's template: %w", err)
	}
	var b bytes.Buffer
	for _, l := range []limits{{60, 4000}, {24, 2000}, {12, 600}, {5, 300}, {2, 150}, {1, 40}, {0, 0}} {
		b.Reset()
		if err := t.Execute(&b, newPage(r, l)); err != nil {
			return fmt.Errorf("the page: %w", err)
		}
		if b.Len() <= maxPage {
			break
		}
	}
	_, err = io.WriteString(w, plainLines(b.String()))
	return err
}

// limits say how much of each story a page shows.
type limits struct {
	steps int
	bytes int // of a request or an answer
}

// page is what the template sees. Everything in it is text; the template escapes it.
type page struct {
	*conformance.Report
	Sentence, Spent string
	Counts          []count
	NotGreen        []conformance.StoryResult
	Stages          []stage
	Known           []group
	NotJudged       []group
}

type stage struct {
	N       int
	Title   string
	Stories []story
}

type story struct {
	conformance.StoryResult
	Reason         string
	Passed, Judged int
	Open           bool // not green
	Advice         bool // it does not hold, so what that means can be said
	Wrong          []finding
	Unproven       int
	Right          []conformance.CheckResult
	Drawing        drawing
	Steps          []step
	Left           int // steps that are not shown
	Lineage        string
	Notes          []string
	Rerun          string
	Partly         bool // it lacks what the report does not know
}

type finding struct {
	conformance.CheckResult
	Slug, Want, Got, Known string
}

type step struct {
	conformance.Step
	Did, Got, Remark, Request, Answer, Glyph string
	Bad                                      bool
}

// class is a verdict's class in the style sheet.
func class(v conformance.Verdict) string { return "v-" + strings.ReplaceAll(v.String(), "/", "") }

func newPage(r *conformance.Report, l limits) page {
	p := page{Report: r, Sentence: Sentence(r), Spent: spent(r), Counts: counts(r), NotGreen: notGreen(r), Known: knownFailures(r), NotJudged: notJudged(r)}
	for _, s := range r.Stories {
		if s.Verdict == conformance.NotJudged {
			continue
		}
		i := slices.IndexFunc(p.Stages, func(st stage) bool { return st.N == s.Stage })
		if i < 0 {
			i = len(p.Stages)
			p.Stages = append(p.Stages, stage{N: s.Stage, Title: course.Title(s.Stage)})
		}
		st := &p.Stages[i]
		st.Stories = append(st.Stories, newStory(r, s, l))
	}
	slices.SortStableFunc(p.Stages, func(a, b stage) int { return a.N - b.N })
	return p
}

func newStory(r *conformance.Report, s conformance.StoryResult, l limits) story {
	v := story{StoryResult: s, Reason: plain(s.Reason), Open: s.Verdict > conformance.Pass}
	v.Advice = s.Verdict == conformance.Fail || s.Verdict == conformance.Warn
	v.Passed, v.Judged = tally(s)
	if !v.Open {
		return v
	}
	checks, unproven := wrong(s)
	v.Unproven = unproven
	for _, c := range checks {
		v.Wrong = append(v.Wrong, finding{c, slug(c), plain(c.Want), plain(c.Got), known(c)})
	}
	for _, c := range s.Checks {
		if c.Verdict == conformance.Pass {
			v.Right = append(v.Right, c)
		}
	}
	for _, n := range s.Notes {
		v.Notes = append(v.Notes, plain(n))
	}
	shown := essential(s, l.steps)
	v.Left = len(s.Steps) - len(shown)
	for _, st := range shown {
		sh := step{Step: st, Did: plain(st.Did), Got: plain(st.Got), Remark: remark(s, st), Bad: bad(s, st), Request: head(st.Request, l.bytes), Answer: head(st.Answer, l.bytes)}
		if sh.Bad {
			sh.Glyph = glyph(s.Verdict)
		} else if st.Mark == "ok" {
			sh.Glyph = glyph(conformance.Pass)
		}
		v.Steps = append(v.Steps, sh)
	}
	v.Drawing = draw(v.Steps, s.Verdict)
	v.Lineage = strings.Join(family(s.Lineage, shown), "\n")
	v.Rerun, v.Partly = rerun(r)+" "+s.ID, r.Run.Rerun == ""
	return v
}

// head is the beginning of a request or an answer.
func head(s string, n int) string {
	s = strings.TrimRight(s, "\n")
	if len(s) > n {
		s = fmt.Sprintf("%s\n… %d bytes more", strings.ToValidUTF8(s[:n], ""), len(s)-n)
	}
	return plainLines(s)
}
