package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// drawing is a sequence diagram: a lane for each actor and one for the server, top to bottom a row for each step. All lengths are in pixels.
type drawing struct {
	Width, Height int
	Class         string // of the verdict
	Label         string // for those who cannot see it
	Lanes         []lane
	Rows          []row
}

type lane struct {
	X    int
	Name string
}

// row is a step: the request's arrow and, below it, the answer's.
type row struct {
	N                int
	Did, Got, Remark string
	Bad              bool
	Request, Answer  string // the arrows' lines, as paths
	Heads            string // and their heads
	DidX, DidY       int
	GotX, GotY       int
	RemarkY          int
}

const (
	numberGutter = 76  // left of the first lane's middle: step numbers, and half a lane's name
	laneGap      = 100 // between actors; fits the longest usual name, "other user"
	serverGap    = 300 // between the last actor and the server: room for what was asked
	serverMargin = 36
	headHeight   = 34
	rowHeight    = 46
	remarkHeight = 17
	letter       = 7.25 // width of a letter at the drawing's size; monospaced
)

func draw(steps []step, v conformance.Verdict) drawing {
	d := drawing{Class: class(v)}
	for _, who := range actors(steps) {
		d.Lanes = append(d.Lanes, lane{numberGutter + laneGap*len(d.Lanes), who})
	}
	if d.Lanes == nil {
		return d
	}
	d.Label = fmt.Sprintf("Sequence of %s between %s and the server; each is told below.", plural(len(steps), "step", "steps"), strings.Join(actors(steps), ", "))
	server := d.Lanes[len(d.Lanes)-1].X + serverGap
	y := headHeight
	for _, st := range steps {
		from := numberGutter + laneGap*slices.Index(actors(steps), actor(st))
		r := row{N: st.N, Bad: st.Bad, DidX: from + 8, DidY: y + 15, GotX: server - 9, GotY: y + 34, RemarkY: y + 53}
		letters := int(float64(server-from-16) / letter)
		r.Did, r.Got = clip(st.Did, letters), clip(st.Got, letters)
		r.Request, r.Answer = fmt.Sprintf("M%d %dH%d", from, y+20, server), fmt.Sprintf("M%d %dH%d", server, y+39, from)
		r.Heads = fmt.Sprintf("M%d %dl7 4-7 4M%d %dl-7 4 7 4", server-7, y+16, from+7, y+35)
		y += rowHeight
		if st.Bad && st.Remark != "" {
			r.Remark = clip(st.Glyph+" "+st.Remark, int(float64(server-numberGutter)/letter))
			y += remarkHeight
		}
		d.Rows = append(d.Rows, r)
	}
	d.Lanes = append(d.Lanes, lane{server, "server"})
	d.Width, d.Height = server+serverMargin, y+6
	return d
}

func actor(st step) string { return clip(plain(st.Who), 13) }

// actors are those of the steps, the usual ones in their usual order.
func actors(steps []step) []string {
	var names []string
	for _, st := range steps {
		if !slices.Contains(names, actor(st)) {
			names = append(names, actor(st))
		}
	}
	rank := func(name string) int {
		i := slices.Index([]string{"victim", "second tab", "", "attacker", "bystander", "other user"}, name)
		if i < 0 {
			return 2
		}
		return i
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}
