package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/bugs"
	"github.com/jwt-toy/jwt-toy/conformance/course"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

func (l *learner) printf(format string, args ...any) { _, _ = fmt.Fprintf(l.w, format, args...) }

// path lists the stages and their stories.
func (c *learnCommand) path(w io.Writer) {
	for _, st := range c.stages {
		if c.stage != 0 && c.stage != st.N {
			continue
		}
		_, _ = fmt.Fprintf(w, "%2d  %s\n", st.N, st.Title)
		for _, s := range conformance.Scenarios() {
			switch {
			case s.Stage == st.N:
				_, _ = fmt.Fprintf(w, "      %-6s %-24s %s\n", s.Level, s.ID, s.Title)
			case s.Again == st.N:
				_, _ = fmt.Fprintf(w, "      again  %-24s %s\n", s.ID, s.Title)
			}
		}
	}
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
	open, checks := 0, 0
	for _, s := range out.stories {
		if s.Verdict == conformance.NotJudged {
			open++
		}
		for _, c := range s.Checks {
			if c.Verdict == conformance.Pass {
				checks++
			}
		}
	}
	told := fmt.Sprintf("done: %s, %s", counted(len(out.stories)-open, "story", "stories"), counted(checks, "check", "checks"))
	mark := l.text.Mark(conformance.Pass)
	switch {
	case checks == 0:
		told, mark = "not judged", l.text.Mark(conformance.NotJudged)
	case open > 0:
		told += fmt.Sprintf("; %d not judged", open)
	}
	l.printf("%s stage %2d  %-32s %s\n", mark, st.N, st.Title, told)
	for _, s := range out.stories {
		for _, c := range s.Checks {
			if c.Verdict == conformance.Warn && l.stage == 0 {
				l.printf("      %s %s %s: %s\n", l.text.Mark(c.Verdict), c.Level, c.ID, c.Text)
			}
		}
	}
}

// lesson introduces the stage that is to be built.
func (l *learner) lesson(st course.Stage) {
	l.printf("\nStage %d of %d: %s\n\n%s\n", st.N, len(l.stages), st.Title, st.Lesson)
	if p := l.opts.Profile; l.profile != "kit" {
		l.printf("Yours    The lesson speaks of the kit's own paths. By your profile: login %s, refresh %s, logout %s.\n", p.Login.Path, p.Refresh.Path, p.Logout.Path)
	}
	l.printf("Read on  %s\n\n", st.Chapter)
}

func (l *learner) lines(out outcome) {
	for _, s := range out.stories {
		l.text.Line(s)
	}
}

// closed: nothing of the stage could be judged, as the preflight says.
func (l *learner) closed(st course.Stage, err error) {
	l.lesson(st)
	why := strings.TrimPrefix(err.Error(), conformance.ErrUnavailable.Error()+": ")
	if st.N == 1 || l.stage != 0 {
		l.printf("Your server cannot be judged yet:\n  %s\nStart it there, in whatever language you like; one that answers 404 to everything is a beginning. Then run this again:\n  %s\n", why, l.again)
		return
	}
	l.printf("This stage begins here:\n  %s\nBuild what the lesson says, and run this again:\n  %s\n", why, l.again)
}

// stop shows the stage and what does not hold, and says how to go on.
func (l *learner) stop(st course.Stage, out outcome) {
	l.lesson(st)
	l.lines(out)
	if next := firstSteps(*out.stopped); next != "" {
		l.printf("     next     %s\n\n", next)
	}
	if l.hint {
		l.hints(st, *out.stopped)
	}
	l.printf("The course stops at %s. Mend that, and run this again:\n  %s\n", out.stopped.ID, l.again)
	if !l.hint {
		l.printf("-hint says more: a server with such a fault, and files to compare with.\n")
	}
}

// firstSteps helps where the first login of all is answered in a way that says what is missing.
func firstSteps(s conformance.StoryResult) string {
	if s.ID != "login.success" || len(s.Steps) == 0 {
		return ""
	}
	did := s.Steps[0]
	status, _, _ := strings.Cut(did.Got, " ")
	switch status {
	case "404", "405", "501":
		return "There is no login yet: that is where the course begins. If yours is at another path, say -login PATH."
	case "401", "403":
		return "The login refuses a right password. Do the two accounts exist? -user EMAIL:PASSWORD, twice, names others."
	}
	return ""
}

// hints says more of a story that does not hold.
func (l *learner) hints(st course.Stage, s conformance.StoryResult) {
	var wrong []string
	for _, c := range s.Checks {
		if c.Verdict == conformance.Fail {
			wrong = append(wrong, c.ID)
		}
	}
	for _, id := range wrong[:min(len(wrong), 3)] {
		l.printf("hint     %s\n", id)
		l.shown(id)
	}
	if len(wrong) == 0 {
		l.printf("hint     %s could not be judged to its end: it asks for something that another story judges, and that does not work here.\n         The step that it ended at is above; conformance explain %s says what all its checks are.\n", s.ID, s.ID)
	}
	l.printf("compare  with the reference server:\n")
	for _, c := range st.Compare {
		l.printf("         %s\n", c)
	}
	l.printf("\n")
}

// shown names a server with the fault that a check catches, and the bug of real projects that it is.
func (l *learner) shown(check string) {
	story, _, _ := strings.Cut(check, "/")
	faults := faulty.Shows(check)
	for i, f := range faults[:min(len(faults), 2)] {
		if i == 0 {
			l.printf("         a server that is wrong there alone, at http://127.0.0.1:8081, and what the suite says of it:\n")
		}
		l.printf("           go run ./conformance/cmd/faulty -fault %s   (%s)\n", f.Name, f.What)
	}
	if len(faults) > 0 {
		l.printf("           conformance -target http://127.0.0.1:8081 -run %s -v\n", story)
	}
	for _, b := range bugs.All() {
		if slices.Contains(b.Checks, check) {
			l.printf("         it shipped: %s  (conformance bugs -v %s)\n", b.Bug, b.ID)
			return
		}
	}
}

// end says that the course is done, and what it left open.
func (l *learner) end() {
	l.text.NotJudged(&conformance.Report{Stories: l.passed})
	if l.stage != 0 {
		l.printf("\nStage %d is done.\n", l.stage)
		return
	}
	l.printf("\nThe course is done: your server does what its %d stages ask for, as far as they were judged.\nNow judge it as a whole:\n  %s\n", len(l.stages), strings.Replace(l.again, " learn", "", 1))
}

func counted(n int, one, many string) string {
	return fmt.Sprintf("%d %s", n, map[bool]string{true: one, false: many}[n == 1])
}
