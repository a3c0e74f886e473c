package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// StartFamily implements [session.Store]. The user's row comes first and is locked until the end, as in SetPassword and
// SetDisabled, so that of a login and such a change one sees the other.
func (db *DB) StartFamily(ctx context.Context, f session.Family, passwordHash []byte) error {
	return db.transact(ctx, "start a family", func(ctx context.Context, tx *sql.Tx) error {
		n, err := exec(ctx, tx, `UPDATE users SET last_login_at = ? WHERE id = ? AND password_hash = ? AND disabled_at IS NULL`,
			micros(f.CreatedAt), f.UserID[:], passwordHash)
		if err != nil {
			return err
		}
		if n == 0 {
			return session.ErrUserChanged
		}
		_, err = exec(ctx, tx, `INSERT INTO token_families
			(family_id, user_id, generation, token_hash, salt, replays, created_at, rotated_at, expires_at, absolute_expires_at, revoked_at, revoked_reason)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			f.ID[:], f.UserID[:], f.Generation, f.TokenHash[:], f.Salt[:], f.Replays, micros(f.CreatedAt), micros(f.RotatedAt),
			micros(f.ExpiresAt), micros(f.AbsoluteEnd), micros(f.RevokedAt), nullable(f.RevokeReason))
		if err == nil || !db.engine.duplicate(err) {
			return err
		}
		// It may be our own row, whose acknowledgement was lost.
		var hash []byte
		if readErr := tx.QueryRowContext(ctx, `SELECT token_hash FROM token_families WHERE family_id = ?`, f.ID[:]).Scan(&hash); readErr != nil {
			return readErr
		}
		if !bytes.Equal(hash, f.TokenHash[:]) {
			return fmt.Errorf("the family id is taken: %w", err)
		}
		return nil
	})
}

func nullable(r session.Reason) sql.NullString {
	return sql.NullString{String: string(r), Valid: r != ""}
}

// Rotate implements [session.Store]. It is one statement on one row: of all who present a token, on any connection of any
// replica, the database lets one match.
func (db *DB) Rotate(ctx context.Context, r session.Rotation) (rotated bool, err error) {
	err = db.repeat(ctx, "rotate", func(ctx context.Context) error {
		n, err := exec(ctx, db.write, `UPDATE token_families SET generation = ?, token_hash = ?, salt = ?, replays = 0, rotated_at = ?, expires_at = ?
			WHERE family_id = ? AND generation = ? AND token_hash = ? AND revoked_at IS NULL AND expires_at > ? AND absolute_expires_at > ?`,
			r.Generation+1, r.NewHash[:], r.Salt[:], micros(r.At), micros(r.ExpiresAt),
			r.FamilyID[:], r.Generation, r.OldHash[:], micros(r.At), micros(r.At))
		rotated = n > 0
		return err
	})
	return rotated, err
}

// Replay implements [session.Store]. The count is the caller's, compared and set: no SET reads a column.
func (db *DB) Replay(ctx context.Context, r session.Replay) (counted bool, err error) {
	err = db.repeat(ctx, "count a replay", func(ctx context.Context) error {
		n, err := exec(ctx, db.write, `UPDATE token_families SET replays = ?
			WHERE family_id = ? AND generation = ? AND token_hash = ? AND replays = ? AND revoked_at IS NULL AND expires_at > ? AND absolute_expires_at > ?`,
			r.Count, r.FamilyID[:], r.Generation, r.TokenHash[:], r.Count-1, micros(r.At), micros(r.At))
		counted = n > 0
		return err
	})
	return counted, err
}

// Family implements [session.Store].
func (db *DB) Family(ctx context.Context, id token.ID) (f session.Family, err error) {
	err = db.repeat(ctx, "read a family", func(ctx context.Context) error {
		var userID, hash, salt []byte
		var created, rotated, expires, end, revoked sql.NullInt64
		var reason sql.NullString
		f = session.Family{ID: id}
		err := db.read.QueryRowContext(ctx, `SELECT user_id, generation, token_hash, salt, replays, created_at, rotated_at, expires_at, absolute_expires_at, revoked_at, revoked_reason
			FROM token_families WHERE family_id = ?`, id[:]).
			Scan(&userID, &f.Generation, &hash, &salt, &f.Replays, &created, &rotated, &expires, &end, &revoked, &reason)
		if errors.Is(err, sql.ErrNoRows) {
			return session.ErrNoFamily
		}
		if err != nil {
			return err
		}
		f.CreatedAt, f.RotatedAt, f.ExpiresAt = fromMicros(created), fromMicros(rotated), fromMicros(expires)
		f.AbsoluteEnd, f.RevokedAt, f.RevokeReason = fromMicros(end), fromMicros(revoked), session.Reason(reason.String)
		if salt != nil { // NULL in rows from before there were salts
			err = setBytes(f.Salt[:], salt)
		}
		return errors.Join(err, setBytes(f.UserID[:], userID), setBytes(f.TokenHash[:], hash))
	})
	if err != nil {
		return session.Family{}, err
	}
	return f, nil
}

// Revoke implements [session.Store].
func (db *DB) Revoke(ctx context.Context, id token.ID, reason session.Reason, at time.Time) (ended bool, err error) {
	err = db.repeat(ctx, "revoke a family", func(ctx context.Context) error {
		n, err := exec(ctx, db.write, `UPDATE token_families SET revoked_at = ?, revoked_reason = ? WHERE family_id = ? AND revoked_at IS NULL`,
			micros(at), string(reason), id[:])
		ended = n > 0
		return err
	})
	return ended, err
}

// DeleteEnded implements [session.Store]. It selects keys, then deletes by key and age, because only some databases delete
// with a LIMIT. The rows are over, so no rotation wants them.
func (db *DB) DeleteEnded(ctx context.Context, before time.Time, limit int) (deleted int, err error) {
	err = db.repeat(ctx, "delete ended families", func(ctx context.Context) error {
		keys, err := db.endedFamilies(ctx, before, limit)
		if err != nil || len(keys) == 0 {
			return err
		}
		deleted, err = exec(ctx, db.write,
			`DELETE FROM token_families WHERE family_id IN (?`+strings.Repeat(`, ?`, len(keys)-1)+`) AND absolute_expires_at < ?`,
			append(keys, micros(before))...)
		return err
	})
	return deleted, err
}

func (db *DB) endedFamilies(ctx context.Context, before time.Time, limit int) (keys []any, err error) {
	rows, err := db.read.QueryContext(ctx,
		`SELECT family_id FROM token_families WHERE absolute_expires_at < ? ORDER BY absolute_expires_at LIMIT ?`, micros(before), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}
