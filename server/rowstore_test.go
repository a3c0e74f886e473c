package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// rowPerToken is a store of the other shape, which most projects have: a row for each refresh token, beside the family's row. It is right where the
// family's row is locked before anything else is looked at; each of its faults has shipped.
type rowPerToken struct {
	session.Store
	db *sql.DB
	rowFault
	company
}

// company counts the rotations and revocations under way, so that what chance decides happens every time.
type company struct{ underWay *atomic.Int64 }

// The knobs: how long a rotation that is in its hole waits for company, how long it stays when it has some, and how long a revocation takes to begin.
const (
	waitsForCompany = 15 * time.Millisecond
	staysWithIt     = 100 * time.Millisecond
	revokesLate     = 30 * time.Millisecond
)

// hole is where a rotation believes to be alone.
func (c company) hole() {
	time.Sleep(waitsForCompany)
	if c.underWay.Load() > 1 {
		time.Sleep(staysWithIt)
	}
}

// arrive counts the caller, until it calls what is returned.
func (c company) arrive() (leave func()) {
	c.underWay.Add(1)
	return func() { c.underWay.Add(-1) }
}

type rowFault string

const (
	rowsRight     rowFault = ""
	countThenAdd  rowFault = "looks whether the token has a successor, and adds one"
	oldSnapshot   rowFault = "REPEATABLE READ, and a read before the lock"
	sweepUnlocked rowFault = "compares and swaps the token's row, and a revocation sweeps the rows, both without the family's lock"
	lockOrder     rowFault = "a refresh locks the token and then the family, a revocation the other way round, and a deadlock is an error like any other"
	shortColumn   rowFault = "the column of the hash is too short, and the database cuts what is put in"
	forgetsSpent  rowFault = "the cleanup deletes spent tokens, and what is not there is merely unknown"
)

// newRowPerToken makes the table. The newest row of a family comes first in it, so a sweep that waits for a row has passed the place of its successor.
func newRowPerToken(t *testing.T, inner session.Store, db *sql.DB, fault rowFault) rowPerToken {
	t.Helper()
	width := 32
	if fault == shortColumn {
		width = 16
	}
	_, err := db.ExecContext(t.Context(), fmt.Sprintf(`CREATE TABLE IF NOT EXISTS refresh_tokens (
		family_id BINARY(16) NOT NULL, age BIGINT NOT NULL COMMENT 'the generation, negative', token_hash BINARY(%d) NOT NULL,
		expires_at BIGINT NOT NULL, spent_at BIGINT NULL, revoked_at BIGINT NULL, PRIMARY KEY (family_id, age, token_hash))`, width))
	require.NoError(t, err)
	return rowPerToken{inner, db, fault, company{new(atomic.Int64)}}
}

// begin starts a transaction, and locks the family's row unless that is what is wrong.
func (s rowPerToken) begin(ctx context.Context, id token.ID, level sql.IsolationLevel, lock bool, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return fmt.Errorf("%w: %w", session.ErrUnavailable, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to undo
	if lock {
		if err := s.lock(ctx, tx, id); err != nil {
			return err
		}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

var errOver = errors.New("the family is over")

func (s rowPerToken) lock(ctx context.Context, tx *sql.Tx, id token.ID) error {
	var revoked sql.NullInt64
	err := tx.QueryRowContext(ctx, `SELECT revoked_at FROM token_families WHERE family_id = ? FOR UPDATE`, id[:]).Scan(&revoked)
	if errors.Is(err, sql.ErrNoRows) || revoked.Valid {
		return errOver
	}
	return err
}

func (s rowPerToken) add(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, id token.ID, generation int64, hash [32]byte, expires time.Time) error {
	_, err := db.ExecContext(ctx, `INSERT IGNORE INTO refresh_tokens (family_id, age, token_hash, expires_at) VALUES (?, ?, ?, ?)`, id[:], -generation, hash[:], expires.UnixMicro())
	return err
}

func (s rowPerToken) StartFamily(ctx context.Context, f session.Family, passwordHash []byte) error {
	if err := s.Store.StartFamily(ctx, f, passwordHash); err != nil {
		return err
	}
	return s.add(ctx, s.db, f.ID, f.Generation, f.TokenHash, f.ExpiresAt)
}

func (s rowPerToken) Rotate(ctx context.Context, r session.Rotation) (bool, error) {
	defer s.arrive()()
	level, lock := sql.LevelReadCommitted, s.rowFault == rowsRight || s.rowFault == shortColumn || s.rowFault == forgetsSpent
	if s.rowFault == oldSnapshot {
		level = sql.LevelRepeatableRead
	}
	rotated := false
	err := s.begin(ctx, r.FamilyID, level, lock, func(tx *sql.Tx) (err error) {
		if rotated, err = s.spend(ctx, tx, r); !rotated || err != nil {
			return err
		}
		return s.add(ctx, tx, r.FamilyID, r.Generation+1, r.NewHash, r.ExpiresAt)
	})
	if errors.Is(err, errOver) {
		return false, nil
	}
	if err == nil && s.rowFault == forgetsSpent {
		_, err = s.db.ExecContext(ctx, `DELETE FROM refresh_tokens WHERE family_id = ? AND spent_at IS NOT NULL`, r.FamilyID[:])
	}
	return rotated && err == nil, err
}

// spend marks a token as spent, if it is live.
func (s rowPerToken) spend(ctx context.Context, tx *sql.Tx, r session.Rotation) (bool, error) {
	var n int
	switch s.rowFault {
	case countThenAdd:
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM refresh_tokens WHERE family_id = ? AND age = ?`, r.FamilyID[:], -r.Generation-1).Scan(&n)
		if n > 0 || err != nil {
			return false, err
		}
		s.hole()
	case oldSnapshot:
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM refresh_tokens WHERE family_id = ?`, r.FamilyID[:]).Scan(&n); err != nil {
			return false, err
		}
		s.hole()
		if err := s.lock(ctx, tx, r.FamilyID); err != nil {
			return false, err
		}
	case sweepUnlocked, lockOrder:
		swapped, err := s.swap(ctx, tx, r)
		if !swapped || err != nil {
			return false, err
		}
		s.hole()
		if s.rowFault == lockOrder {
			err = s.lock(ctx, tx, r.FamilyID)
		}
		return err == nil, err
	}
	var spent, revoked sql.NullInt64
	var expires int64
	err := tx.QueryRowContext(ctx, `SELECT spent_at, revoked_at, expires_at FROM refresh_tokens WHERE family_id = ? AND age = ? AND token_hash = ?`, r.FamilyID[:], -r.Generation, r.OldHash[:]).
		Scan(&spent, &revoked, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("%w: there is no such token", session.ErrInvalidToken)
	}
	if err != nil || spent.Valid && s.rowFault != countThenAdd || revoked.Valid || expires <= r.At.UnixMicro() {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE refresh_tokens SET spent_at = ? WHERE family_id = ? AND age = ? AND token_hash = ?`, r.At.UnixMicro(), r.FamilyID[:], -r.Generation, r.OldHash[:])
	return err == nil, err
}

// swap is one statement, which only one of many can win; what it does not say is whether the family lives.
func (s rowPerToken) swap(ctx context.Context, tx *sql.Tx, r session.Rotation) (bool, error) {
	res, err := tx.ExecContext(ctx, `UPDATE refresh_tokens SET spent_at = ? WHERE family_id = ? AND age = ? AND token_hash = ? AND spent_at IS NULL AND revoked_at IS NULL AND expires_at > ?`,
		r.At.UnixMicro(), r.FamilyID[:], -r.Generation, r.OldHash[:], r.At.UnixMicro())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func (s rowPerToken) Family(ctx context.Context, id token.ID) (session.Family, error) {
	f, err := s.Store.Family(ctx, id)
	if err != nil {
		return f, err
	}
	var hash []byte
	var expires int64
	var revoked sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT -age, token_hash, expires_at, revoked_at FROM refresh_tokens WHERE family_id = ? ORDER BY age LIMIT 1`, id[:]).
		Scan(&f.Generation, &hash, &expires, &revoked)
	copy(f.TokenHash[:], hash)
	f.ExpiresAt = time.UnixMicro(expires)
	if revoked.Valid && f.RevokedAt.IsZero() {
		f.RevokedAt = time.UnixMicro(revoked.Int64)
	}
	return f, err
}

func (s rowPerToken) Revoke(ctx context.Context, id token.ID, reason session.Reason, at time.Time) (bool, error) {
	defer s.arrive()()
	var n int64
	err := s.begin(ctx, id, sql.LevelReadCommitted, s.rowFault != sweepUnlocked, func(tx *sql.Tx) error {
		if s.rowFault == sweepUnlocked || s.rowFault == lockOrder {
			time.Sleep(revokesLate)
		}
		res, err := tx.ExecContext(ctx, `UPDATE refresh_tokens SET revoked_at = ? WHERE family_id = ? AND revoked_at IS NULL`, at.UnixMicro(), id[:])
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if errors.Is(err, errOver) {
		return false, nil
	}
	return n > 0, err
}
