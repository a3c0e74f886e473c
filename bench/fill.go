package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// fillBatch is how many rows one statement adds.
const fillBatch = 10_000

// fill adds n families that MySQL makes itself, numbered from 0. Their ids grow, as those of the server do, and the ends of their
// lives with them.
func (l *lab) fill(ctx context.Context, table string, n int, user []byte, end time.Time) error {
	created := end.Add(-lifetime).UnixMicro()
	p := newProgress(l.stderr, "families", n)
	for first := 0; first < n; first += fillBatch {
		_, err := l.db.patient.ExecContext(ctx, `INSERT INTO `+table+`
			(family_id, user_id, generation, token_hash, salt, created_at, rotated_at, expires_at, absolute_expires_at)
			WITH RECURSIVE digits (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM digits WHERE d < 99),
				numbers (n) AS (SELECT ? + 100 * a.d + b.d FROM digits a JOIN digits b)
			SELECT UNHEX(LPAD(HEX(n), 32, '0')), ?, 0, UNHEX(SHA2(CONCAT(n, ' 0'), 256)), UNHEX(SHA2(CONCAT(n, ' 0'), 256)), ?, ?, ?, ? + n
			FROM numbers WHERE n < ? ORDER BY n`,
			first, user, created, created, end.UnixMicro(), end.UnixMicro(), n)
		if err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
		p.add(min(fillBatch, n-first))
	}
	return nil
}

// familyID and familyHash are what fill gives to family n, and what its rotations do.
func familyID(n int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8, 16), uint64(n))
}

func familyHash(n int, generation uint32) []byte {
	text := strconv.AppendInt(make([]byte, 0, 32), int64(n), 10)
	text = strconv.AppendInt(append(text, ' '), int64(generation), 10)
	hash := sha256.Sum256(text)
	return hash[:]
}
