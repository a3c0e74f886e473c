package report

import (
	"encoding/json"
	"io"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// JSON writes the report, indented; its schema field names the version of the format. [Verify] reads it again.
func JSON(w io.Writer, r *conformance.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
