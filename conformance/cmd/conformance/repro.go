package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// scripts writes the curl scripts of the stories that fail into a directory.
type scripts struct {
	dir  string // "": none are wanted
	errs []error
}

// write writes a story's script, and returns the story with its name. The run goes on when that fails; finish says so.
func (s *scripts) write(story conformance.StoryResult) conformance.StoryResult {
	if s.dir == "" || story.Script == "" {
		return story
	}
	file := filepath.Join(s.dir, story.ID+".sh")
	if err := os.WriteFile(file, []byte(story.Script), 0o755); err != nil {
		s.errs = append(s.errs, fmt.Errorf("cannot write the script: %w", err))
		return story
	}
	story.Repro = file
	return story
}

// finish writes what is final: only at the end is known which stories the whole run's exchanges made fail.
func (s *scripts) finish(rep *conformance.Report) error {
	s.errs = nil
	for i := range rep.Stories {
		rep.Stories[i] = s.write(rep.Stories[i])
	}
	return errors.Join(s.errs...)
}
