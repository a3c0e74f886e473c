package storage

import (
	"context"
	"database/sql"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Try runs a statement on the connection, in a transaction such as tables are read in.
func (d *Database) Try(ctx context.Context, statement string) error {
	tx, err := d.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(ctx, statement)
	return err
}

// Find is the search of one value: what was found of which secret.
func Find(secrets []conformance.StoredSecret, value []byte) (found []string, of []int) {
	var scratch []byte
	for _, h := range newMatcher(secrets).find(nil, value, &scratch) {
		found, of = append(found, string(h.form)), append(of, h.secret)
	}
	return found, of
}

// Parse takes a DSN apart.
func Parse(dsn string) (parts [6]string, err error) {
	l, err := parseDSN(dsn)
	return [6]string{l.scheme, l.user, l.password, l.host, l.port, l.database}, err
}

// Finder is a matcher that is made once.
func Finder(secrets []conformance.StoredSecret) func([]byte) int {
	m := newMatcher(secrets)
	var scratch []byte
	return func(value []byte) int { return len(m.find(nil, value, &scratch)) }
}
