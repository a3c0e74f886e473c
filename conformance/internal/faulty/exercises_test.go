package faulty

import (
	"slices"
	"testing"
)

// An exercise that is no fault, or the same as another, would have nothing to find.
func TestExercisesAreFaults(t *testing.T) {
	names := Exercises()
	for i, name := range names {
		if _, err := New(Options{Faults: []string{name}}); err != nil {
			t.Errorf("exercise %d: %v", i+1, err)
		}
		if slices.Index(names, name) != i {
			t.Errorf("exercise %d is number %d again: %s", i+1, slices.Index(names, name)+1, name)
		}
	}
	if len(names) != 20 {
		t.Errorf("there are %d exercises, want 20", len(names))
	}
}
