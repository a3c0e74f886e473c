package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// createFloor makes a table like that of the families, whose foreign key alone is missing; it plays no part in the UPDATE.
func createFloor(ctx context.Context, db *sql.DB, table string) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE `+table+` LIKE token_families`); err != nil {
		return fmt.Errorf("create the table of the floor: %w", err)
	}
	return nil
}

// floorRow is one family in the floor's table.
type floorRow struct {
	db         *sql.DB
	id         []byte
	generation int64
	hash       []byte
}

func newFloorRow(ctx context.Context, db *sql.DB) (*floorRow, error) {
	r := &floorRow{db: db, id: make([]byte, 16), hash: make([]byte, sha256.Size)}
	_, _ = rand.Read(r.id) // never fails
	now := time.Now()
	_, err := db.ExecContext(ctx, `INSERT INTO bench_floor
		(family_id, user_id, generation, token_hash, created_at, rotated_at, expires_at, absolute_expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		r.id, r.id, r.generation, r.hash, now.UnixMicro(), now.UnixMicro(), now.Add(lifetime).UnixMicro(), now.Add(lifetime).UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("add a row to the floor's table: %w", err)
	}
	return r, nil
}

// The server's, or at least beyond the end of the run.
const (
	lifetime     = 30 * 24 * time.Hour
	storeTimeout = 5 * time.Second
)

func (r *floorRow) rotate(ctx context.Context) error {
	next := sha256.Sum256([]byte(rand.Text()))
	if err := rotate(ctx, r.db, "bench_floor", r.id, r.generation, r.hash, next[:]); err != nil {
		return err
	}
	r.generation, r.hash = r.generation+1, next[:]
	return nil
}

// rotate is a rotation without all that surrounds it: the statement of internal/store/families.go. A test compares the two.
func rotate(ctx context.Context, db *sql.DB, table string, id []byte, generation int64, hash, next []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now := time.Now()
	result, err := db.ExecContext(ctx, `UPDATE `+table+` SET generation = ?, token_hash = ?, salt = ?, replays = 0, rotated_at = ?, expires_at = ?
			WHERE family_id = ? AND generation = ? AND token_hash = ? AND revoked_at IS NULL AND expires_at > ? AND absolute_expires_at > ?`,
		generation+1, next, next, now.UnixMicro(), now.Add(lifetime).UnixMicro(),
		id, generation, hash, now.UnixMicro(), now.UnixMicro())
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("floor: %d rows matched, not 1", n), err)
	}
	return nil
}
