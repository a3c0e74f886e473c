package storage_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

// TestLimits: what a limit leaves unread is said, and of a table with too many rows the newest are read.
func TestLimits(t *testing.T) {
	token := jwt(rand.New(rand.NewPCG(6, 6)))
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(1000))", "CREATE TABLE other (v VARCHAR(1000))")
		for i := range 30 {
			d.insert("big", i, strings.Repeat("x", 500))
		}
		d.insert("big", 100, token)
		d.insert("other", token)
		audit := func(l storage.Limits) *conformance.AuditResult {
			res, err := d.open(l).Audit(t.Context(), []conformance.StoredSecret{refresh(token)})
			require.NoError(t, err)
			return res
		}
		res := audit(storage.Limits{Rows: 31})
		require.Empty(t, res.Unread)
		require.Len(t, res.Found, 2)

		res = audit(storage.Limits{Rows: 30})
		require.Equal(t, []string{"big has more than 30 rows, only the newest 30 were read"}, res.Unread)
		require.Equal(t, 30, res.Tables["big"].Rows)
		require.Len(t, res.Found, 2)

		res = audit(storage.Limits{Bytes: 5000})
		require.Len(t, res.Unread, 1)
		require.Regexp(t, `^big was read up to row \d+ \(enough bytes were read, 5\d\d\d of them\), and not at all: other$`, res.Unread[0])
		require.Empty(t, res.Found)

		db := d.open(storage.Limits{Time: time.Nanosecond})
		if res, err := db.Audit(t.Context(), nil); err == nil {
			require.NotEmpty(t, res.Unread)
			require.Contains(t, res.Unread[0], "the time was up, after 1ns")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		_, err := db.Audit(ctx, nil)
		require.Error(t, err)
		res, err = d.open(storage.Limits{}).Audit(t.Context(), nil) // the connection is still good for another
		require.NoError(t, err)
		require.Empty(t, res.Unread)
	})
}

// TestLongValues: of a long value the beginning is read, and that is said.
func TestLongValues(t *testing.T) {
	token := jwt(rand.New(rand.NewPCG(7, 7)))
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (id INT, v " + map[string]string{"sqlite": "TEXT", "mysql": "LONGTEXT", "postgres": "TEXT"}[d.engine] + ")")
		d.insert("t", 1, token+strings.Repeat("x", 2<<20))
		d.insert("t", 2, strings.Repeat("x", 2<<20)+token)
		res := d.audit(refresh(token))
		require.Equal(t, 1, whole(t, res).Rows)
		require.Equal(t, []string{"t.v: of values longer than 1048576 bytes only the beginning was read"}, res.Notes)
	})
}

// TestChanges: two readings differ where the database does, whatever the order of the rows.
func TestChanges(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (id INT, v VARCHAR(100))", "INSERT INTO t VALUES (1, 'a'), (2, 'b')", "CREATE TABLE u (id INT)")
		db := d.open(storage.Limits{})
		audit := func() map[string]conformance.TableState {
			res, err := db.Audit(t.Context(), nil)
			require.NoError(t, err)
			return res.Tables
		}
		first := audit()
		require.Equal(t, first, audit())
		d.exec("UPDATE t SET v = 'c' WHERE id = 2")
		second := audit()
		require.NotEqual(t, first["t"], second["t"])
		require.Equal(t, first["u"], second["u"])
		d.exec("DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (1, 'a')")
		require.Equal(t, second, audit())
	})
}

// TestReadOnly: the connection refuses to write, and what it reads is the same afterwards.
func TestReadOnly(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
		before := files(t, d)
		db := d.open(storage.Limits{})
		for _, s := range []string{"INSERT INTO t VALUES (2)", "UPDATE t SET id = 2", "DELETE FROM t", "CREATE TABLE u (id INT)", "DROP TABLE t"} {
			require.Error(t, db.Try(t.Context(), s), s)
		}
		res, err := db.Audit(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, res.Tables, 1)
		require.Equal(t, 1, res.Tables["t"].Rows)
		require.Equal(t, before, files(t, d))
	})
}

// files are the sums of what SQLite keeps of a database; its index of the journal in memory is none of it.
func files(t *testing.T, d *database) map[string]string {
	sums := map[string]string{}
	if d.engine != "sqlite" {
		return sums
	}
	names, err := filepath.Glob(filepath.Dir(d.dsn) + "/*")
	require.NoError(t, err)
	for _, n := range names {
		b, err := os.ReadFile(n)
		require.NoError(t, err)
		if !strings.HasSuffix(n, "-shm") {
			sums[n] = fmt.Sprintf("%x", sha256.Sum256(b))
		}
	}
	require.NotEmpty(t, sums)
	return sums
}

// TestWhileOthersWrite: a reading neither waits for a writer nor fails because of one.
func TestWhileOthersWrite(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
		tx, err := d.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "INSERT INTO t VALUES (2)")
		require.NoError(t, err)
		res := d.audit()
		require.Empty(t, res.Unread)
		require.Equal(t, 1, res.Tables["t"].Rows)
		require.NoError(t, tx.Commit())
		require.Equal(t, 2, d.audit().Tables["t"].Rows)
	})
}
