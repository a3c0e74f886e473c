package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3"
)

// Grace adds what is needed to hand out a live token again: the salt with which it was made, and how often that was done. It
// is Go, because a migration must be repeatable, and neither engine knows ADD COLUMN IF NOT EXISTS.
func Grace() *goose.Migration {
	m := goose.NewGoMigration(3, &goose.GoFunc{RunTx: addGrace}, &goose.GoFunc{RunTx: dropGrace})
	m.Source = "00003_grace.go"
	return m
}

func addGrace(ctx context.Context, tx *sql.Tx) error {
	there, err := familyColumns(ctx, tx)
	if err == nil && !slices.Contains(there, "salt") {
		_, err = tx.ExecContext(ctx, "ALTER TABLE token_families ADD COLUMN salt BINARY(32) NULL")
	}
	if err == nil && !slices.Contains(there, "replays") {
		_, err = tx.ExecContext(ctx, "ALTER TABLE token_families ADD COLUMN replays BIGINT NOT NULL DEFAULT 0")
	}
	return err
}

func dropGrace(ctx context.Context, tx *sql.Tx) error {
	there, err := familyColumns(ctx, tx)
	for _, name := range []string{"salt", "replays"} {
		if err == nil && slices.Contains(there, name) {
			_, err = tx.ExecContext(ctx, "ALTER TABLE token_families DROP COLUMN "+name)
		}
	}
	return err
}

// familyColumns asks in the one way that both engines understand.
func familyColumns(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM token_families WHERE 1 = 0")
	if err != nil {
		return nil, fmt.Errorf("read the columns of token_families: %w", err)
	}
	defer rows.Close() // before the table is altered
	names, err := rows.Columns()
	return names, errors.Join(err, rows.Err())
}
