// Package migrations is the schema: one SQL text for MySQL and SQLite, applied by goose in the order of the file names.
package migrations

import "embed"

// FS holds the migrations.
//
//go:embed *.sql
var FS embed.FS
