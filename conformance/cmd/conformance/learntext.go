package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
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
	open, checks, flags := 0, 0, []string{}
	for _, s := range out.stories {
		if s.Verdict == conformance.NotJudged {
			open++
			flags = append(flags, opener(s.Reason)...)
		}
		for _, c := range s.Checks {
			if c.Verdict == conformance.Pass {
				checks++
			}
		}
	}
	told := fmt.Sprintf(l.in("done: %s, %s"), counted(len(out.stories)-open, l.in("%d story"), l.in("%d stories")), counted(checks, l.in("%d check"), l.in("%d checks")))
	mark := l.text.Mark(conformance.Pass)
	switch {
	case checks == 0:
		told, mark = l.in("not judged"), l.text.Mark(conformance.NotJudged)
	case open > 0:
		told += fmt.Sprintf(l.in("; %d not judged"), open)
	}
	if slices.Sort(flags); len(flags) > 0 {
		told += " (" + strings.Join(slices.Compact(flags), " ") + ")"
	}
	l.say("%s stage %2d  %s %s\n", mark, st.N, fmt.Sprintf("%-*s", 32-len(wide.FindAllString(st.Title, -1)), st.Title), told)
	if l.stage == 0 {
		for _, s := range out.stories {
			l.warnings(s)
		}
	}
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
		return exitUnavailable
	}
	l.say("This stage begins here:\n  %s\nBuild what the lesson says, and run this again:\n  %s\n", why, l.again)
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
	p := l.opts.Profile
	for _, st := range s.Steps {
		status, _, _ := strings.Cut(st.Got, " ")
		name, _, _ := strings.Cut(st.Did, " ")
		call, known := map[string]conformance.Call{"login": p.Login, "refresh": p.Refresh, "logout": p.Logout, "me": p.Me}[name]
		switch {
		case !known || !strings.HasPrefix(st.Mark, "want"):
		case status == "404" || status == "405" || status == "501":
			return fmt.Sprintf(l.in("There is no %s yet at %s %s. The lesson says what to build; if yours is at another path, say -%s PATH."), name, call.Method, call.Path, name)
		case name == "login" && s.ID == "login.success" && (status == "401" || status == "403"):
			return l.in("The login refuses a right password. Do the two accounts exist? -user EMAIL:PASSWORD, twice, names others.")
		}
	}
	return ""
}

// hints says more of a story that does not hold.
func (l *learner) hints(st course.Stage, s conformance.StoryResult) {
	wrong := unproven(s)
	for _, c := range wrong[:min(len(wrong), 3)] {
		l.printf("hint     %s: %s\n", c.ID, c.Text)
		l.shown(c.ID)
	}
	if len(wrong) == 0 {
		l.say("hint     The story ended before it came to its own question, since something that it needs does not work: the last step shows what.\n")
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
		l.printf("           conformance -target http://127.0.0.1:8081 -run %s -v\n", story)
	}
	for _, b := range bugs.All() {
		if slices.Contains(b.Checks, check) {
			l.say("         it shipped: %s  (conformance bugs -v %s)\n", b.Bug, b.ID)
			return
		}
	}
}

// end says that the course is done, and what it left open.
func (l *learner) end() {
	l.text.NotJudged(&conformance.Report{Stories: l.passed})
	if l.stage != 0 {
		l.say("\nStage %d is done.\n", l.stage)
		return
	}
	l.say("\nThe course is done: your server does what its %d stages ask for, as far as they were judged.\nNow judge it as a whole:\n  %s\nAnd find what is wrong with other people's servers: docs/exercises.md\n", len(l.stages), strings.Replace(l.again, " learn", "", 1))
}

func counted(n int, one, many string) string {
	return fmt.Sprintf(map[bool]string{true: one, false: many}[n == 1], n)
}
