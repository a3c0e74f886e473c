// Package course holds the lessons of the suite's stages: what each is about, which attack it stops, and what to build. A language is a directory
// with a file for each stage, 01.md and so on; another language is another directory, and nothing else.
package course

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed */*.md
var files embed.FS

// Stage is one step of the course. Its stories are those of the catalogue that name its number.
type Stage struct {
	N       int
	Title   string
	Lesson  string   // about ten lines of text, ready for a terminal
	Chapter string   // the path of the chapter that tells more, from the root of the repository
	Compare []string // files of the reference server to compare with, each with what there is to see
}

// Languages returns the languages that there are lessons in.
func Languages() []string {
	entries, _ := fs.ReadDir(files, ".") // embedded
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Stages returns the course in a language, in order.
func Stages(language string) ([]Stage, error) {
	if !slices.Contains(Languages(), language) {
		return nil, fmt.Errorf("there are no lessons in %q; there are: %s", language, strings.Join(Languages(), ", "))
	}
	entries, err := fs.ReadDir(files, language)
	if err != nil {
		return nil, fmt.Errorf("the lessons in %s: %w", language, err)
	}
	var stages []Stage
	for i, e := range entries { // ReadDir sorts them
		text, err := fs.ReadFile(files, language+"/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("the lessons in %s: %w", language, err)
		}
		stages = append(stages, parse(i+1, string(text)))
	}
	return stages, nil
}

// Title returns the title of a stage in English, as reports and lists show it; "" if there is no such stage.
func Title(n int) string {
	stages, err := Stages("en")
	if err != nil || n < 1 || n > len(stages) {
		return ""
	}
	return stages[n-1].Title
}

// parse reads a lesson: its title after #, its text, and at the end where to read on.
func parse(n int, text string) Stage {
	s := Stage{N: n}
	var lesson []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if title, ok := strings.CutPrefix(line, "# "); ok {
			s.Title = title
		} else if chapter, ok := strings.CutPrefix(line, "Chapter: "); ok {
			s.Chapter = chapter
		} else if file, ok := strings.CutPrefix(line, "Compare: "); ok {
			s.Compare = append(s.Compare, file)
		} else {
			lesson = append(lesson, line)
		}
	}
	s.Lesson = strings.Trim(strings.Join(lesson, "\n"), "\n")
	return s
}
