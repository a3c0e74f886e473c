package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/bugs"
	"github.com/jwt-toy/jwt-toy/conformance/course"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

func (l *learner) printf(format string, args ...any) { _, _ = fmt.Fprintf(l.w, format, args...) }

// say is printf in the language of the lessons.
func (l *learner) say(sentence string, args ...any) { l.printf(l.in(sentence), args...) }

// in is a sentence in the language of the lessons, or in English if there is none.
func (c *learnCommand) in(sentence string) string { return cmp.Or(c.sentences[sentence], sentence) }

// path lists the stages and their stories.
func (c *learnCommand) path(w io.Writer) {
	for _, st := range c.stages {
		if c.stage != 0 && c.stage != st.N {
			continue
		}
		_, _ = fmt.Fprintf(w, "%2d  %s\n", st.N, st.Title)
		var again []conformance.Scenario
		for _, s := range conformance.Scenarios() {
			switch {
			case s.Again == st.N:
				again = append(again, s)
			case s.Stage == st.N && s.NotFor != nil && s.NotFor(c.opts.Profile.Policy) != "":
				pathLine(w, "-", s) // judges a claim that the profile does not make
			case s.Stage == st.N:
				pathLine(w, string(s.Level), s)
			}
		}
		for _, s := range again {
			pathLine(w, "again", s)
		}
	}
	_, _ = fmt.Fprint(w, c.in("\nagain: with the checks that a stage before could not judge yet; -: judges a claim of a profile that this one does not make\n"))
}

func pathLine(w io.Writer, how string, s conformance.Scenario) {
	_, _ = fmt.Fprintf(w, "      %-6s %-24s %s\n", how, s.ID, s.Title)
}

// tally is how much of a stage was judged.
type tally struct {
	stage, stories, checks, open int
	flags                        []string // that would judge what is open
}

func tallied(st course.Stage, out outcome) tally {
	t := tally{stage: st.N}
	for _, s := range out.stories {
		if s.Verdict == conformance.NotJudged {
			t.open++
			t.flags = append(t.flags, opener(s.Reason)...)
		} else {
			t.stories++
		}
		for _, c := range s.Checks {
			if c.Verdict == conformance.Pass {
				t.checks++
			}
		}
	}
	slices.Sort(t.flags)
	t.flags = slices.Compact(t.flags)
	return t
}

// done is a line for a stage that holds, and one for each SHOULD that does not.
func (l *learner) done(st course.Stage, out outcome) {
	if l.stage != 0 { // the only one: in full
		l.lesson(st)
		l.lines(out)
	}
	for _, s := range out.stories { // what comes again replaces what was open then
		l.passed = slices.DeleteFunc(l.passed, func(old conformance.StoryResult) bool { return old.ID == s.ID })
	}
	l.passed = append(l.passed, out.stories...)
	t, mark := tallied(st, out), l.text.Mark(conformance.Pass)
	l.behind = append(l.behind, t)
	if t.checks == 0 {
		mark = l.text.Mark(conformance.NotJudged)
	}
	l.say("%s stage %2d  %s %s\n", mark, st.N, fmt.Sprintf("%-*s", 32-len(wide.FindAllString(st.Title, -1)), st.Title), l.told(t))
	if l.stage == 0 {
		for _, s := range out.stories {
			l.warnings(s)
		}
	}
}

// told is how far a stage is done.
func (l *learner) told(t tally) string {
	flags := strings.Join(t.flags, ", ")
	counts := counted(t.stories, l.in("%d story"), l.in("%d stories")) + ", " + counted(t.checks, l.in("%d check"), l.in("%d checks"))
	switch {
	case t.checks == 0 && flags == "":
		return l.in("not judged")
	case t.checks == 0:
		return fmt.Sprintf(l.in("not judged: wants %s"), flags)
	case t.open > 0 && flags != "":
		return fmt.Sprintf(l.in("done as far as it was judged: %s; the rest wants %s"), counts, flags)
	case t.open > 0:
		return fmt.Sprintf(l.in("done: %s; %d not judged"), counts, t.open)
	}
	return fmt.Sprintf(l.in("done: %s"), counts)
}

// wide are letters that take two columns.
var wide = regexp.MustCompile(`\p{Hangul}`)

var flagName = regexp.MustCompile(`\B-[a-z][a-z-]+`)

// opener is the flag that a reason for a gap asks for; the last that it names.
func opener(reason string) []string {
	found := flagName.FindAllString(reason, -1)
	return found[max(0, len(found)-1):]
}

// warnings are a line for each SHOULD that does not hold, once; they stop nobody.
func (l *learner) warnings(s conformance.StoryResult) {
	for _, c := range s.Checks {
		if c.Verdict == conformance.Warn && !l.warned[c.ID] {
			l.warned[c.ID] = true
			l.printf("       %s %s %s: %s\n", l.text.Mark(c.Verdict), c.Level, c.ID, c.Text)
		}
	}
}

// lesson introduces the stage that is to be built.
func (l *learner) lesson(st course.Stage) {
	l.say("\nStage %d of %d: %s\n\n%s\n", st.N, len(l.stages), st.Title, st.Lesson)
	if p := l.opts.Profile; l.profile != "kit" {
		l.say("Yours    The lesson speaks of the kit's own paths. By your profile: login %s, refresh %s, logout %s.\n", p.Login.Path, p.Refresh.Path, p.Logout.Path)
	}
	l.say("Read on  %s\n\n", st.Chapter)
}

// lines tells what became of each story: in full of the one that the course stops at.
func (l *learner) lines(out outcome) {
	for _, s := range out.stories {
		if out.stopped != nil && s.ID == out.stopped.ID {
			l.printf("\n")
			l.text.Line(s)
			continue
		}
		l.text.Brief(s)
		l.warnings(s)
	}
}

// closed: nothing of the stage could be judged, as the preflight says. Where stages before it were, it is there that one goes on building.
func (l *learner) closed(st course.Stage, err error) (code int) {
	l.lesson(st)
	why := strings.TrimPrefix(err.Error(), conformance.ErrUnavailable.Error()+": ")
	if st.N == 1 || l.stage != 0 {
		l.say("Your server cannot be judged yet:\n  %s\nStart it there, in whatever language you like; one that answers 404 to everything is a beginning. If it runs, its log\nmay show an exception that nobody caught. Then run this again:\n  %s\n", why, l.again)
		l.exports()
		return exitUnavailable
	}
	l.say("This stage begins here:\n  %s\nBuild what the lesson says, and run this again:\n  %s\n", why, l.again)
	l.exports()
	l.lessons()
	return exitOpen
}

// stop shows the stage and what does not hold, and says how to go on.
func (l *learner) stop(st course.Stage, out outcome) {
	l.lesson(st)
	l.lines(out)
	if next := l.next(*out.stopped); next != "" {
		for i, line := range wrap(next, helpWidth-14) {
			l.printf("     %-8s %s\n", map[bool]string{true: "next"}[i == 0], line)
		}
		l.printf("\n")
	}
	if l.hint {
		l.hints(st, *out.stopped)
	}
	l.say("The course stops at %s. Mend that, and run this again:\n  %s\n", out.stopped.ID, l.again)
	l.exports()
	l.lessons()
	if !l.hint {
		l.say("-hint says more: a server with such a fault, and files to compare with.\n")
	}
}

// next says what to do where the story's own advice would not help.
func (l *learner) next(s conformance.StoryResult) string {
	if missing := l.missing(s); missing != "" {
		return missing
	}
	switch {
	case slices.ContainsFunc(s.Checks, unanswered):
		return fmt.Sprintf(l.in("There was no answer to judge, or an error: an exception that nobody caught? Your server's log shows it. Then: %s."), s.Hint)
	case s.Verdict == conformance.Inconclusive && strings.HasPrefix(s.Reason, "the control failed"):
		return l.in("Your server refused what it must accept: the last step shows it. Until that works, refusals prove nothing.")
	}
	return ""
}

// missing says what is not there at all.
func (l *learner) missing(s conformance.StoryResult) string {
	if name, call := l.absent(s); name != "" {
		return fmt.Sprintf(l.in("There is no %s yet at %s %s. The lesson says what to build; if yours is at another path, say -%s PATH."), name, call.Method, call.Path, name)
	}
	refused := func(st conformance.Step) bool {
		return strings.HasPrefix(st.Did, "login") && strings.HasPrefix(st.Mark, "want") && (strings.HasPrefix(st.Got, "401") || strings.HasPrefix(st.Got, "403"))
	}
	if s.ID == "login.success" && slices.ContainsFunc(s.Steps, refused) {
		return l.in("The login refuses a right password. Do the two accounts exist? -user EMAIL:PASSWORD, twice, names others.")
	}
	return ""
}

// absent is a call that the story wants and that is not there: whatever was asked of it, it answered so.
func (l *learner) absent(s conformance.StoryResult) (name string, call conformance.Call) {
	p, there := l.opts.Profile, map[string]bool{}
	for _, st := range s.Steps {
		name, _, _ := strings.Cut(st.Did, " ")
		status, _, _ := strings.Cut(st.Got, " ")
		there[name] = there[name] || status != "404" && status != "405" && status != "501"
	}
	for _, st := range s.Steps {
		name, _, _ := strings.Cut(st.Did, " ")
		call, known := map[string]conformance.Call{"login": p.Login, "refresh": p.Refresh, "logout": p.Logout, "me": p.Me}[name]
		if known && !there[name] && strings.HasPrefix(st.Mark, "want") {
			return name, call
		}
	}
	return "", conformance.Call{}
}

// hints says more of a story that does not hold.
func (l *learner) hints(st course.Stage, s conformance.StoryResult) {
	wrong := unproven(s)
	if name, _ := l.absent(s); name != "" { // any fault of it would be a guess
		l.say("hint     There is nothing to look for yet: whatever was asked of %s, it answered that there is no such call.\n", name)
		wrong = nil
	} else if len(wrong) == 0 {
		l.say("hint     The story ended before it came to its own question, since something that it needs does not work: the last step shows what.\n")
	}
	for _, c := range wrong[:min(len(wrong), 3)] {
		l.printf("hint     %s: %s\n", c.ID, c.Text)
		l.shown(c.ID)
	}
	l.say("compare  with the reference server:\n")
	for _, c := range st.Compare {
		l.printf("         %s\n", c)
	}
	l.printf("\n")
}

// unproven are the checks that the course stops at: those of a MUST that does not hold, or that got no answer to judge.
func unproven(s conformance.StoryResult) (checks []conformance.CheckResult) {
	for _, c := range s.Checks {
		if c.Level == conformance.Must && (c.Verdict == conformance.Fail || unanswered(c)) {
			checks = append(checks, c)
		}
	}
	return checks
}

func unanswered(c conformance.CheckResult) bool {
	return c.Verdict == conformance.Inconclusive && c.Want != ""
}

// shown names a server with the fault that a check catches, and the bug of real projects that it is.
func (l *learner) shown(check string) {
	story, _, _ := strings.Cut(check, "/")
	faults := faulty.Shows(check)
	for i, f := range faults[:min(len(faults), 2)] {
		if i == 0 {
			l.say("         a server that is wrong there alone, at http://127.0.0.1:8081, and what the suite says of it:\n")
		}
		l.printf("           go run ./conformance/cmd/faulty -fault %s   (%s)\n", f.Name, f.What)
	}
	if len(faults) > 0 {
		l.printf("           %s -target http://127.0.0.1:8081 -run %s -v\n", self, story)
	}
	for _, b := range bugs.All() {
		if slices.Contains(b.Checks, check) {
			l.say("         it shipped: %s  (%s bugs -v %s)\n", b.Bug, self, b.ID)
			return
		}
	}
}

// end says what is done, and what is left open.
func (l *learner) end() (code int) {
	l.text.NotJudged(&conformance.Report{Stories: l.passed})
	l.printf("\n")
	if l.stage != 0 {
		return l.endOfStage()
	}
	judged := slices.DeleteFunc(slices.Clone(l.behind), func(t tally) bool { return t.checks == 0 })
	l.say("The course is done: your server does what %d of its %d stages ask for, as far as they were judged.\n", len(judged), len(l.stages))
	for _, t := range l.behind {
		if t.checks == 0 {
			l.say("Stage %d is not done: nothing of it was judged.\n", t.stage)
		}
	}
	l.lessons()
	l.say("Now judge it as a whole:\n  %s\n", l.whole)
	l.exports()
	l.say("And find what is wrong with other people's servers: docs/exercises.md\n")
	return exitConforms
}

// endOfStage is the end where one stage alone was asked for.
func (l *learner) endOfStage() (code int) {
	switch t := l.behind[0]; {
	case t.checks == 0:
		l.say("Stage %d is not done: nothing of it was judged.\n", t.stage)
		return exitOpen
	case t.open > 0:
		l.say("Stage %d is done as far as it was judged.\n", t.stage)
	default:
		l.say("Stage %d is done.\n", t.stage)
	}
	return exitConforms
}

// lessons says how to read those that a run has gone past without a word.
func (l *learner) lessons() {
	var stages []string
	for _, t := range l.behind {
		stages = append(stages, strconv.Itoa(t.stage))
	}
	if stages != nil {
		l.say("The lessons of the stages above: %s -stage N, where N is %s.\n", l.again, strings.Join(stages, ", "))
	}
}

// exports says which variables the line above it wants.
func (l *learner) exports() {
	if l.unset != "" {
		l.say("Export %s first, as the flags gave it.\n", l.unset)
	}
}

func counted(n int, one, many string) string {
	return fmt.Sprintf(map[bool]string{true: one, false: many}[n == 1], n)
}
