package main

import (
	"fmt"
	"io"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// exerciseFault chooses the fault of an exercise; 0 is none.
func (c *config) exerciseFault() error {
	all := faulty.Exercises()
	switch {
	case c.exercise == 0 && c.solution:
		return fmt.Errorf("-solution of which? Say -exercise NUMBER, 1 to %d", len(all))
	case c.exercise == 0:
		return nil
	case c.exercise < 0 || c.exercise > len(all):
		return fmt.Errorf("-exercise %d: there are 1 to %d", c.exercise, len(all))
	case len(c.faulty.Faults) > 0:
		return fmt.Errorf("-exercise chooses the fault, so -fault cannot")
	}
	c.faulty.Faults = []string{all[c.exercise-1]}
	return nil
}

// introduce says what the server is that is about to start, and of an exercise no more than its number.
func (c *config) introduce(w io.Writer) {
	if c.exercise == 0 {
		describe(w, c.faulty)
		return
	}
	say(w, "exercise %d: the server is wrong in one way; docs/exercises.md asks in which\n", c.exercise)
}
