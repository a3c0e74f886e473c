package storage_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// BenchmarkAudit reads 100,000 rows of 10 columns, as a table of sessions has them, for 200 tokens in all their forms.
func BenchmarkAudit(b *testing.B) {
	for name, open := range engines() {
		b.Run(name, func(b *testing.B) { benchmarkAudit(b, open(b)) })
	}
}

func benchmarkAudit(b *testing.B, d *database) {
	const rows = 100_000
	r := rand.New(rand.NewPCG(1, 2))
	types := map[string]string{"sqlite": "BLOB", "mysql": "VARBINARY(64)", "postgres": "BYTEA"}
	d.exec("CREATE TABLE sessions (id INT PRIMARY KEY, family " + types[d.engine] + ", hash " + types[d.engine] + ", user_id " + types[d.engine] +
		", agent VARCHAR(200), ip VARCHAR(40), detail VARCHAR(400), created_at BIGINT, expires_at BIGINT, jti CHAR(64))")
	for n := 0; n < rows; {
		var values []string
		for ; len(values) < 1000; n++ {
			blob := func(size int) string {
				text := hex.EncodeToString(random(r, size))
				if d.engine == "postgres" {
					return `'\x` + text + `'`
				}
				return "x'" + text + "'"
			}
			values = append(values, fmt.Sprintf(`(%d, %s, %s, %s, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '203.0.113.%d', '{"city":"Zürich %%20","note":"a/b \"c\""}', %d, %d, '%s')`,
				n, blob(16), blob(32), blob(16), n%250, time.Now().UnixMicro(), time.Now().UnixMicro()+int64(n), base64.RawURLEncoding.EncodeToString(random(r, 48))))
		}
		d.exec("INSERT INTO sessions VALUES " + strings.Join(values, ","))
	}
	secrets := []conformance.StoredSecret{{Kind: conformance.PasswordSecret, Value: "alice-demo-password"}, {Kind: conformance.AccountName, Value: "alice@example.com"}}
	for i := range 200 {
		secrets = append(secrets, conformance.StoredSecret{Kind: conformance.RefreshSecret, Value: jwt(r), Spent: i%2 == 0})
	}
	for b.Loop() {
		res := d.audit(secrets...)
		require.Equal(b, rows, res.Tables["sessions"].Rows)
		require.Empty(b, res.Found)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/10, "ns/value")
}
