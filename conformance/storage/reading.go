package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// reading is one pass through a database.
type reading struct {
	*Database
	secrets   []conformance.StoredSecret
	matcher   *matcher
	passwords *passwords
	bytes     int
	result    *conformance.AuditResult
	found     map[finding]*conformance.Found
	hits      []hit     // of the value that is looked at
	seen      []finding // in it
	scratch   []byte
}

// finding is what makes two hits one line of the result.
type finding struct {
	table, column string
	kind          conformance.SecretKind
	spent         bool
	form          conformance.Form
	how           string
}

func newReading(d *Database, secrets []conformance.StoredSecret) *reading {
	r := &reading{
		Database: d, secrets: secrets, matcher: newMatcher(secrets), passwords: newPasswords(secrets),
		result: &conformance.AuditResult{Database: d.name, Tables: map[string]conformance.TableState{}},
		found:  map[finding]*conformance.Found{},
	}
	for i, s := range secrets {
		if s.Kind != conformance.AccountName && !sought(s.Value) {
			r.result.Unsought = append(r.result.Unsought, i)
		}
	}
	return r
}

// read reads one table, in a transaction of its own: an error in it must not end the others.
func (r *reading) read(ctx context.Context, t table) error {
	if t.columns = r.readable(&t); len(t.columns) == 0 {
		return nil
	}
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
	tail := ""
	var more int
	switch err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT 1 FROM %s LIMIT 1 OFFSET %d", t.from, r.limits.Rows)).Scan(&more); {
	case err == nil:
		tail = fmt.Sprintf("%s LIMIT %d", t.newestFirst(), r.limits.Rows)
		which := map[bool]string{true: "newest ", false: ""}[t.newestFirst() != ""]
		r.result.Unread = append(r.result.Unread, fmt.Sprintf("%s has more than %d rows, only the %s%d were read", t.name, r.limits.Rows, which, r.limits.Rows))
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	rows, err := tx.QueryContext(ctx, t.query()+tail)
	if err != nil {
		return err
	}
	defer rows.Close()
	return r.rows(ctx, t, rows)
}

// readable are the columns that may be read; of the others it takes a note.
func (r *reading) readable(t *table) []column {
	if t.why == "" && !slices.ContainsFunc(t.columns, func(c column) bool { return c.expr != "" }) {
		t.why = "may not be read by this user"
	}
	if t.why != "" {
		r.result.Notes = append(r.result.Notes, "not read: "+t.name+" "+t.why)
		return nil
	}
	return slices.DeleteFunc(t.columns, func(c column) bool {
		if c.expr == "" {
			r.result.Notes = append(r.result.Notes, "not read: "+t.name+"."+c.name+" may not be read by this user")
		}
		return c.expr == ""
	})
}

func (r *reading) rows(ctx context.Context, t table, rows *sql.Rows) error {
	row, into := make([]sql.RawBytes, len(t.columns)), make([]any, len(t.columns))
	for i := range row {
		into[i] = &row[i]
	}
	long := make([]bool, len(t.columns))
	var state conformance.TableState
	defer func() { r.result.Tables[t.name] = state }()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var sum uint64
		account := false
		for i, value := range row {
			sum = sum*31 + maphash.Bytes(r.seed, value)
			r.bytes += len(value)
			account = r.value(t, i, value) || account
			if len(value) >= longest && !long[i] {
				long[i] = true
				r.result.Notes = append(r.result.Notes, fmt.Sprintf("%s.%s: of values longer than %d bytes only the beginning was read", t.name, t.columns[i].name, longest))
			}
		}
		if account {
			r.salted(t, row)
		}
		state.Rows++
		state.Sum += sum
		if r.bytes > r.limits.Bytes {
			return errBytes
		}
	}
	return rows.Err()
}

// value looks at one value, and reports whether it holds the name of an account.
func (r *reading) value(t table, col int, value []byte) (account bool) {
	r.hits = r.matcher.find(r.hits[:0], value, &r.scratch)
	r.seen = r.seen[:0]
	for _, h := range r.hits {
		s := r.secrets[h.secret]
		if !t.own && s.Kind != conformance.RefreshSecret && s.Kind != conformance.AccessSecret {
			continue // another database on the server may well hold the same e-mails and passwords
		}
		account = account || s.Kind == conformance.AccountName
		f := finding{t.name, t.columns[col].name, s.Kind, s.Spent, h.form, h.how}
		r.note(f, h.secret, !slices.Contains(r.seen, f))
		r.seen = append(r.seen, f)
	}
	if t.own && !forTokens(t.name, t.columns[col].name) {
		if form, how, is := r.passwords.form(value); is {
			r.note(finding{t.name, t.columns[col].name, conformance.PasswordSecret, false, form, how}, -1, true)
		}
	}
	return account
}

func (r *reading) salted(t table, row []sql.RawBytes) {
	values := make([][]byte, len(row))
	for i := range row {
		values[i] = row[i]
	}
	if col, secret, how, is := r.passwords.salted(values); is {
		r.note(finding{t.name, t.columns[col].name, conformance.PasswordSecret, false, conformance.FastHash, how}, secret, true)
	}
}

// note counts a row for a finding, and remembers which secret it was.
func (r *reading) note(f finding, secret int, row bool) {
	found := r.found[f]
	if found == nil {
		found = &conformance.Found{Table: f.table, Column: f.column, Kind: f.kind, Spent: f.spent, Form: f.form, How: f.how}
		r.found[f] = found
	}
	if row {
		found.Rows++
	}
	if at, known := slices.BinarySearch(found.Secrets, secret); secret >= 0 && !known {
		found.Secrets = slices.Insert(found.Secrets, at, secret)
	}
}

// stopped says what an error left unread: the first of the tables, in part, and where it ended everything, the others.
func (r *reading) stopped(ctx context.Context, err error, tables []table) {
	name := tables[0].name
	rows := r.result.Tables[name].Rows
	var why string
	switch {
	case ctx.Err() != nil:
		why = fmt.Sprintf("%v, after %v", context.Cause(ctx), r.limits.Time)
	case errors.Is(err, errBytes):
		why = fmt.Sprintf("%v, %d of them", err, r.bytes)
	case r.engine.denied(err):
		r.result.Notes = append(r.result.Notes, "not read: "+name+" may not be read by this user")
		return
	default:
		r.result.Unread = append(r.result.Unread, fmt.Sprintf("%s, after %d rows: %v", name, rows, err))
		return
	}
	var others []string
	for _, t := range tables[1:] {
		others = append(others, t.name)
	}
	text := fmt.Sprintf("%s was read up to row %d (%s)", name, rows, why)
	if others != nil {
		text += ", and not at all: " + strings.Join(others, ", ")
	}
	r.result.Unread = append(r.result.Unread, text)
}

// finish puts what was found in order.
func (r *reading) finish() *conformance.AuditResult {
	for _, f := range r.found {
		r.result.Found = append(r.result.Found, *f)
	}
	slices.SortFunc(r.result.Found, func(a, b conformance.Found) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Form, b.Form), cmp.Compare(a.How, b.How), cmp.Compare(fmt.Sprint(a.Spent), fmt.Sprint(b.Spent)))
	})
	return r.result
}
