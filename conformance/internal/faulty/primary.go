package faulty

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed primary.txt
var primary string

// Primary returns for each fault the check of the suite that names the requirement which it breaks; faults that nothing can see from outside have
// none.
func Primary() map[string]string {
	checks := map[string]string{}
	for line := range strings.Lines(primary) {
		fault, check, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(fault, "#") {
			continue
		}
		if checks[fault] != "" {
			panic(fmt.Sprintf("primary.txt: %s stands there twice", fault)) // a test reads the same bytes
		}
		checks[fault] = check
	}
	return checks
}

// Shows returns the faults that the check is there to catch.
func Shows(check string) []Fault {
	var shown []Fault
	checks := Primary()
	for _, f := range Faults() {
		if checks[f.Name] == check {
			shown = append(shown, f)
		}
	}
	return shown
}
