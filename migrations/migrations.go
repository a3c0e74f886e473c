// Package migrations is the schema: one SQL text for MySQL and SQLite, applied by goose in the order of the file names.
// Each migration can be repeated.
package migrations

import "embed"

// FS holds the migrations that are SQL files. The one other is [Grace].
//
//go:embed *.sql
var FS embed.FS
