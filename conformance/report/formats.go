// Package report writes a [conformance.Report] for people and for machines. Every writer gets data in which each secret is already a
// pseudonym; what the target wrote is still the target's, so each writer escapes it for its own format.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

type format struct {
	name  string
	write func(io.Writer, *conformance.Report) error
}

func formats() []format {
	return []format{{"json", JSON}, {"junit", JUnit}, {"html", HTML}, {"md", Markdown}}
}

// Formats returns the names that Write knows.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Write writes the report in the named format.
func Write(name string, w io.Writer, r *conformance.Report) error {
	for _, f := range formats() {
		if f.name == name {
			return f.write(w, r)
		}
	}
	return fmt.Errorf("there is no report format %q; there are %s", name, strings.Join(Formats(), ", "))
}
