package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/course"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

const learnUsage = `conformance learn leads through building a server with login, refresh and logout, in any language, stage by stage. Each stage has a lesson of
some lines: what it is about, the attack that it stops, what to build. Then its stories are judged, as far as the first that does not hold.

  conformance learn -list                        the stages and their stories
  conformance learn -target URL                  where you are, and what comes next; begin with nothing, and run it again and again
  conformance learn -target URL -hint            more about what is wrong
  conformance learn -target URL -stage 6         one stage alone
  conformance learn -target URL -lang ko         the lessons in Korean (한국어); the reports stay in English

Nothing is remembered: each run begins at the first stage and goes on as far as the server conforms. A server that has a login and nothing else
can pass the first stage. What is only a SHOULD is shown and stops nothing.

Exit codes:

  0  the course is done                        3  the target is not available
  1  a MUST does not hold: mend that           4  not established: what a story needs does not work yet, or nothing
  2  wrong flags                                  of the one -stage was judged
                                             130  interrupted
`

// learnCommand is the parsed command line of the verb learn.
type learnCommand struct {
	command
	list, hint bool
	stage      int
	stages     []course.Stage
	sentences  map[string]string // in the language of the lessons, by the English ones; nil for English
	again      string            // the command line to go on with
	whole      string            // that which judges without the course
	unset      string            // what both have as variables and the environment has not
}

func parseLearn(args []string, getenv func(string) string, stdout io.Writer) (*learnCommand, error) {
	c := &learnCommand{}
	fs := flag.NewFlagSet("conformance learn", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // a wrong flag is one line, not the whole help
	fs.Usage = func() {}
	c.targetFlags(fs)
	c.openingFlags(fs, getenv)
	fs.BoolVar(&c.list, "list", false, "only list the stages and their stories")
	fs.BoolVar(&c.hint, "hint", false, "say more of what is wrong: a server that shows it, and files to compare with")
	fs.IntVar(&c.stage, "stage", 0, "only this stage, by its `number`")
	language := fs.String("lang", "en", "`language` of the lessons: "+strings.Join(course.Languages(), ", "))
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprint(stdout, learnUsage)
		describeAll(stdout, fs, "The course")
	}
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected %q; flags come before, and -target names the server", fs.Arg(0))
	}
	if c.stages, err = course.Stages(*language); err != nil {
		return nil, fmt.Errorf("-lang: %w", err)
	}
	c.sentences = sentences[*language]
	if c.stage < 0 || c.stage > len(c.stages) {
		return nil, fmt.Errorf("-stage %d: there are stages 1 to %d; -list shows them", c.stage, len(c.stages))
	}
	args = slices.DeleteFunc(slices.Clone(args), isHint)
	c.again, c.whole = again("learn", args), again("", args, "lang")
	c.unset = unset(c.again, getenv)
	return c, c.complete(getenv)
}

func isHint(arg string) bool { return strings.TrimLeft(arg, "-") == "hint" }

func learnVerb(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parseLearn(args, getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitConforms
	}
	if err != nil {
		return fail(stderr, exitUsage, fmt.Errorf("%w (conformance learn -h explains the flags)", err))
	}
	if c.list {
		c.path(stdout)
		return exitConforms
	}
	if c.opts.Target == "" {
		return fail(stderr, exitUsage, errors.New("no target: say where your server is, or will be, for example: conformance learn -target http://127.0.0.1:8080"))
	}
	closeDB, code, err := c.openDB(ctx)
	if err != nil {
		return fail(stderr, code, err)
	}
	defer closeDB()
	l := &learner{learnCommand: c, text: c.text(stdout, getenv), w: stdout, warned: map[string]bool{}}
	code, err = l.lead(ctx)
	if err != nil {
		return fail(stderr, code, err)
	}
	return code
}

// learner is somebody on the way through the course.
type learner struct {
	*learnCommand
	text   report.Text
	w      io.Writer
	passed []conformance.StoryResult // in the stages that hold
	behind []tally                   // of those stages
	warned map[string]bool           // checks that were shown already
}

// lead goes from stage to stage as far as the server conforms.
func (l *learner) lead(ctx context.Context) (int, error) {
	for _, st := range l.stages {
		if l.stage != 0 && l.stage != st.N {
			continue
		}
		out := l.judge(ctx, st)
		switch {
		case ctx.Err() != nil:
			return exitInterrupted, errors.New("interrupted; the next run begins at the first stage again")
		case errors.Is(out.err, conformance.ErrUsage):
			return exitUsage, out.err
		case out.err != nil:
			return l.closed(st, out.err), nil
		case out.stopped != nil:
			l.stop(st, out)
			return map[bool]int{true: exitFails, false: exitOpen}[out.stopped.Verdict == conformance.Fail], nil
		}
		l.done(st, out)
	}
	return l.end(), nil
}

// outcome is what became of a stage.
type outcome struct {
	stories []conformance.StoryResult // in the order in which they ended
	stopped *conformance.StoryResult  // the one that the course stops at; nil: the stage is done
	err     error                     // nothing could be judged
}

// judge plays a stage's stories until one of them does not hold.
func (l *learner) judge(ctx context.Context, st course.Stage) outcome {
	var out outcome
	for _, ids := range l.stories(st.N) {
		if len(ids) > 0 && out.stopped == nil && out.err == nil {
			l.run(ctx, st.N, ids, &out)
		}
	}
	return out
}

// stories are the IDs of a stage's stories in three groups, to be judged in this order: those of the area that the stage is about, which has most of
// them; the others, which ask for more; and those of earlier stages that come again. Stories of claims that the profile does not make are left out.
func (l *learner) stories(stage int) (groups [3][]string) {
	areas := map[string]int{}
	for _, s := range conformance.Scenarios() {
		if s.Stage == stage {
			areas[s.Area()]++
		}
	}
	for _, s := range conformance.Scenarios() {
		group := 1
		switch {
		case s.NotFor != nil && s.NotFor(l.opts.Profile.Policy) != "", s.Stage != stage && s.Again != stage:
			continue
		case s.Again == stage:
			group = 2
		case areas[s.Area()] == slices.Max(slices.Collect(maps.Values(areas))):
			group = 0
		}
		groups[group] = append(groups[group], s.ID)
	}
	return groups
}

func (l *learner) run(ctx context.Context, stage int, ids []string, out *outcome) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o := l.opts
	o.Run, o.NoRefresh, o.Building = ids, stage <= conformance.LoginStages, true
	o.Starting, o.Waiting = l.text.Starting, l.text.Waiting
	o.Progress = func(s conformance.StoryResult) {
		if out.stopped != nil {
			return // those that were under way when it stopped
		}
		out.stories = append(out.stories, s)
		if holdsUp(s) {
			out.stopped = &s
			stop()
		}
	}
	_, err := conformance.Run(ctx, o)
	l.text.Wipe()
	if out.stopped == nil {
		out.err = err
	}
}

// holdsUp: a MUST of the story does not hold, or could not be established.
func holdsUp(s conformance.StoryResult) bool {
	return s.Verdict == conformance.Broken || slices.ContainsFunc(s.Checks, func(c conformance.CheckResult) bool {
		return c.Level == conformance.Must && c.Verdict >= conformance.Inconclusive
	})
}
