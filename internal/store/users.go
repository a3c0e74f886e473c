package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

const selectUser = `SELECT id, email, password_hash, created_at, last_login_at, disabled_at FROM users `

// UserByEmail implements [session.Store].
func (db *DB) UserByEmail(ctx context.Context, email string) (session.User, error) {
	return db.user(ctx, selectUser+`WHERE email = ?`, []byte(email))
}

// UserByID implements [session.Store].
func (db *DB) UserByID(ctx context.Context, id token.ID) (session.User, error) {
	return db.user(ctx, selectUser+`WHERE id = ?`, id[:])
}

func (db *DB) user(ctx context.Context, query string, key []byte) (user session.User, err error) {
	err = db.repeat(ctx, "read a user", func(ctx context.Context) error {
		var id, email, hash []byte
		var created, lastLogin, disabled sql.NullInt64
		err := db.read.QueryRowContext(ctx, query, key).Scan(&id, &email, &hash, &created, &lastLogin, &disabled)
		if errors.Is(err, sql.ErrNoRows) {
			return session.ErrNoUser
		}
		if err != nil {
			return err
		}
		user = session.User{
			Email:        string(email),
			PasswordHash: hash,
			CreatedAt:    fromMicros(created),
			LastLoginAt:  fromMicros(lastLogin),
			DisabledAt:   fromMicros(disabled),
		}
		return setBytes(user.ID[:], id)
	})
	return user, err
}

// setBytes copies a column that must have the length of dst.
func setBytes(dst, column []byte) error {
	if len(column) != len(dst) {
		return fmt.Errorf("a column of %d bytes holds %d", len(dst), len(column))
	}
	copy(dst, column)
	return nil
}

// AddUser implements [session.Store].
func (db *DB) AddUser(ctx context.Context, u session.User) error {
	return db.repeat(ctx, "add a user", func(ctx context.Context) error {
		_, err := exec(ctx, db.write,
			`INSERT INTO users (id, email, password_hash, created_at, last_login_at, disabled_at) VALUES (?, ?, ?, ?, ?, ?)`,
			u.ID[:], []byte(u.Email), u.PasswordHash, micros(u.CreatedAt), micros(u.LastLoginAt), micros(u.DisabledAt))
		if err == nil || !db.engine.duplicate(err) {
			return err
		}
		// It may be our own row, whose acknowledgement was lost.
		var id []byte
		err = db.write.QueryRowContext(ctx, `SELECT id FROM users WHERE email = ? AND password_hash = ?`, []byte(u.Email), u.PasswordHash).Scan(&id)
		if err == nil && bytes.Equal(id, u.ID[:]) {
			return nil
		}
		if err == nil || errors.Is(err, sql.ErrNoRows) {
			return session.ErrEmailTaken
		}
		return err
	})
}

// SetPassword implements [session.Store].
func (db *DB) SetPassword(ctx context.Context, userID token.ID, passwordHash []byte, at time.Time) (ended int, err error) {
	err = db.transact(ctx, "set a password", func(ctx context.Context, tx *sql.Tx) error {
		n, err := exec(ctx, tx, `UPDATE users SET password_hash = ? WHERE id = ?`, passwordHash, userID[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return session.ErrNoUser
		}
		n, err = sweep(ctx, tx, userID, session.ReasonPassword, at)
		ended = max(ended, n) // a repetition after a lost acknowledgement finds none
		return err
	})
	return ended, err
}

// Rehash implements [session.Store].
func (db *DB) Rehash(ctx context.Context, userID token.ID, oldHash, newHash []byte) (replaced bool, err error) {
	err = db.repeat(ctx, "rehash a password", func(ctx context.Context) error {
		n, err := exec(ctx, db.write, `UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`, newHash, userID[:], oldHash)
		replaced = n > 0
		return err
	})
	return replaced, err
}

// SetDisabled implements [session.Store].
func (db *DB) SetDisabled(ctx context.Context, userID token.ID, disabled bool, at time.Time) (ended int, err error) {
	disabledAt := micros(time.Time{})
	if disabled {
		disabledAt = micros(at)
	}
	err = db.transact(ctx, "disable or enable a user", func(ctx context.Context, tx *sql.Tx) error {
		n, err := exec(ctx, tx, `UPDATE users SET disabled_at = ? WHERE id = ?`, disabledAt, userID[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return session.ErrNoUser
		}
		if disabled {
			n, err = sweep(ctx, tx, userID, session.ReasonUserDisabled, at)
			ended = max(ended, n)
		}
		return err
	})
	return ended, err
}

// sweep ends all families of a user whose row this transaction has locked, so that no login can add one meanwhile.
func sweep(ctx context.Context, tx *sql.Tx, userID token.ID, reason session.Reason, at time.Time) (int, error) {
	return exec(ctx, tx, `UPDATE token_families SET revoked_at = ?, revoked_reason = ? WHERE user_id = ? AND revoked_at IS NULL`,
		micros(at), string(reason), userID[:])
}
