package storage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// jwt is what a refresh token may look like; all begin alike.
func jwt(r *rand.Rand) string {
	claims := fmt.Sprintf(`{"iss":"jwt-toy","sub":"0198","jti":"%x"}`, random(r, 16))
	text := base64.RawURLEncoding.EncodeToString
	return text([]byte(`{"alg":"HS256","typ":"rt+jwt"}`)) + "." + text([]byte(claims)) + "." + text(random(r, 32))
}

const (
	uuidToken = "7f3c9a52-5c1e-4a7b-9d43-02f1b6e8c9d1"
	opaque    = "q+7Z/0b1Lw3uJmT9sKxE5vYpN2aQdRfG8hCiOtWnBk4=" // base64, and not URL-safe
	digits    = "48151623421337001936"
)

func refresh(value string) conformance.StoredSecret {
	return conformance.StoredSecret{Kind: conformance.RefreshSecret, Value: value}
}

func spent(value string) conformance.StoredSecret {
	return conformance.StoredSecret{Kind: conformance.RefreshSecret, Value: value, Spent: true}
}

// whole is the one finding of a token; SHA-256 and the like are left out.
func whole(t testing.TB, res *conformance.AuditResult) conformance.Found {
	t.Helper()
	require.Empty(t, res.Unread)
	require.Len(t, res.Found, 1, "%+v", res.Found)
	return res.Found[0]
}

// TestColumnTypes puts a raw token into a column of each type that can hold one, and wants to be told which column.
func TestColumnTypes(t *testing.T) {
	token := jwt(rand.New(rand.NewPCG(1, 1)))
	raw, _ := hex.DecodeString(strings.ReplaceAll(uuidToken, "-", ""))
	type column struct {
		kind  string
		token string
		value any
	}
	text := func(kinds ...string) (all []column) {
		for _, k := range kinds {
			all = append(all, column{k, token, token}, column{k, token, "GET /x?t=" + token + " 200"})
		}
		return all
	}
	object := `{"user": {"id": 7, "tokens": ["x", "` + token + `"]}}`
	types := map[string][]column{
		"sqlite": append(text("TEXT", "BLOB", "", "VARCHAR(20)", "INTEGER", "NUMERIC", "DATETIME", "BOOLEAN"),
			column{"BLOB", token, []byte(token)}, column{"JSON", token, object}, column{"BLOB", uuidToken, raw},
			column{"TEXT", digits, digits}, column{"BLOB", digits, []byte("a\x00" + digits)}, column{"TEXT", token, "a\x00" + token}),
		"mysql": append(text("CHAR(255)", "VARCHAR(400)", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "VARBINARY(400)", "BLOB", "LONGBLOB", "MEDIUMBLOB",
			"VARCHAR(400) CHARACTER SET utf16", "VARCHAR(400) CHARACTER SET latin1"),
			column{"JSON", token, object}, column{"BINARY(16)", uuidToken, raw}, column{"BINARY(200)", token, token}, column{"CHAR(36)", uuidToken, uuidToken},
			column{"DECIMAL(30)", digits, digits}, column{"BIGINT UNSIGNED", digits[:19], digits[:19]}),
		"postgres": append(text("TEXT", "VARCHAR", "CHAR(400)"),
			column{"BYTEA", token, []byte(token)}, column{"JSON", token, object}, column{"JSONB", token, object}, column{"XML", token, "<t>" + token + "</t>"},
			column{"TEXT[]", token, `{a,"b \" c",` + token + `}`}, column{"UUID", uuidToken, uuidToken}, column{"BYTEA", uuidToken, raw}, column{"UUID[]", uuidToken, "{" + uuidToken + "}"},
			column{"BYTEA[]", token, `{"\\x` + hex.EncodeToString([]byte(token)) + `"}`}, column{"NAME", uuidToken, uuidToken},
			column{"NUMERIC", digits, digits}, column{"BIGINT", digits[:18], 481516234213370019}, column{"INT4RANGE[]", "", nil}),
	}
	onEach(t, func(t *testing.T, d *database) {
		secrets := []conformance.StoredSecret{refresh(jwt(rand.New(rand.NewPCG(2, 2)))), refresh(token), refresh(uuidToken), refresh(digits), refresh(digits[:19]), refresh(digits[:18])}
		db := d.open(storage.Limits{})
		for i, c := range types[d.engine] {
			d.exec("CREATE TABLE t (a INT, b "+c.kind+", c TIMESTAMP)", "INSERT INTO t (a) VALUES (1)")
			d.insert("t", i, c.value, nil)
			res, err := db.Audit(t.Context(), secrets)
			require.NoError(t, err)
			require.Empty(t, res.Unread, c.kind)
			require.Empty(t, res.Notes, c.kind)
			if c.token != "" {
				require.NotEmpty(t, res.Found, "%s %v", c.kind, c.value)
				f := res.Found[0]
				require.Equal(t, [3]any{"t", "b", 1}, [3]any{f.Table, f.Column, f.Rows}, c.kind)
				require.Equal(t, conformance.Whole, f.Form, c.kind)
				require.Equal(t, c.token, secrets[f.Secrets[0]].Value, c.kind)
			}
			require.Equal(t, 2, res.Tables["t"].Rows)
			d.exec("DROP TABLE t")
		}
	})
}

// TestSpellings hides a token in each of the ways that servers keep one by mistake.
func TestSpellings(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	token := jwt(r)
	signature := token[strings.LastIndexByte(token, '.')+1:]
	b64, b64url := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	key, err := base64.StdEncoding.DecodeString(opaque)
	require.NoError(t, err)
	d := sqliteDatabase(t)
	d.exec("CREATE TABLE t (v)")
	db := d.open(storage.Limits{})
	for _, tt := range []struct {
		token string
		value any
		form  conformance.Form
		how   string
	}{
		{token, token, conformance.Whole, "as it is"},
		{token, "Cookie: refresh_token=" + token + "; Path=/", conformance.Whole, "as it is"},
		{token, hex.EncodeToString([]byte(token)), conformance.Whole, "in hex"},
		{token, strings.ToUpper(hex.EncodeToString([]byte("x" + token + "y"))), conformance.Whole, "in hex"},
		{token, b64([]byte(token)), conformance.Whole, "in base64"},
		{token, b64url([]byte("1" + token)), conformance.Whole, "in base64"},
		{token, strings.TrimRight(b64([]byte(`{"a": "`+token+`"}`)), "="), conformance.Whole, "in base64"},
		{token, b64([]byte(`{"ab": "` + token + `"}`)), conformance.Whole, "in base64"},
		{token, b64([]byte(`{"abc": "` + token + `"}`)), conformance.Whole, "in base64"},
		{token, signature, conformance.Signature, "as it is"},
		{token, "sig=" + hex.EncodeToString([]byte(signature)), conformance.Signature, "in hex"},
		{token, must(base64.RawURLEncoding.DecodeString(signature)), conformance.Signature, "decoded, as it is"},
		{token, strings.ReplaceAll(token, "-", "%2D"), conformance.Whole, "percent-encoded"},
		{opaque, url.QueryEscape(opaque), conformance.Whole, "percent-encoded"},
		{opaque, strings.ToLower("/logout?x=") + strings.ToLower(url.QueryEscape("a b=")) + strings.NewReplacer("+", "%2b", "/", "%2f", "=", "%3d").Replace(opaque), conformance.Whole, "percent-encoded"},
		{opaque, strings.ReplaceAll(opaque, "/", `\/`), conformance.Whole, "escaped"},
		{opaque, strings.NewReplacer("+", `\u002B`, "=", `\u003d`).Replace(`{"t":"` + opaque + `"}`), conformance.Whole, "escaped"},
		{opaque, key, conformance.Whole, "decoded, as it is"},
		{opaque, hex.EncodeToString(key), conformance.Whole, "decoded, in hex"},
		{opaque, b64url(key), conformance.Whole, "decoded, in base64"},
		{uuidToken, strings.ReplaceAll(uuidToken, "-", ""), conformance.Whole, "decoded, in hex"},
		{uuidToken, strings.ToUpper(uuidToken), conformance.Whole, "as it is"},
		{token, sum(token), conformance.SHA256, ""},
		{token, hex.EncodeToString(sum(token)), conformance.SHA256, ""},
		{token, "sha256:" + b64(sum(token)), conformance.SHA256, ""},
		{token, strings.TrimRight(b64url(sum(token)), "="), conformance.SHA256, ""},
		{opaque, sum(string(key)), conformance.SHA256, ""},
	} {
		d.exec("DELETE FROM t")
		d.insert("t", tt.value)
		res, err := db.Audit(t.Context(), []conformance.StoredSecret{refresh(jwt(r)), spent(tt.token)})
		require.NoError(t, err)
		require.Equal(t, conformance.Found{
			Table: "t", Column: "v", Kind: conformance.RefreshSecret, Spent: true, Form: tt.form, How: tt.how, Rows: 1, Secrets: []int{1},
		}, whole(t, res), "%s %s", tt.form, tt.how)
	}
}

func sum(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestHealthy holds what a healthy database holds, and a good deal that only looks like a token.
func TestHealthy(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	token := jwt(r)
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (v VARCHAR(1000), b "+map[string]string{"sqlite": "BLOB", "mysql": "VARBINARY(100)", "postgres": "BYTEA"}[d.engine]+")", "CREATE TABLE e (a INT)")
		d.insert("t", nil, nil)
		for range 50 {
			d.insert("t", jwt(r), random(r, 32))
		}
		d.insert("t", token[:len(token)-10], sum(token)[1:])
		d.insert("t", token[1:strings.LastIndexByte(token, '.')], sum(strings.ToUpper(token)))
		d.insert("t", "", []byte{})
		d.insert("t", `100% \ "%zz\u00" `+strings.Repeat("%", 50)+`\`, []byte(`\`))
		res := d.audit(refresh(token), spent(jwt(r)), refresh(uuidToken), refresh(digits), conformance.StoredSecret{Kind: conformance.PasswordSecret, Value: "alice-demo-password"})
		require.Empty(t, res.Found)
		require.Empty(t, res.Unread)
		require.Equal(t, 55, res.Tables["t"].Rows)
		require.Contains(t, res.Tables, "e")
	})
}

// TestShortSecrets: what cannot be told from other text is not looked for in it.
func TestShortSecrets(t *testing.T) {
	d := sqliteDatabase(t)
	d.exec("CREATE TABLE t (v)")
	d.insert("t", "the password is a password, ann, 12345678, counted-1")
	d.insert("t", "ann")
	password := func(s string) conformance.StoredSecret {
		return conformance.StoredSecret{Kind: conformance.PasswordSecret, Value: s}
	}
	d.insert("t", sum("counted"))
	d.insert("t", hex.EncodeToString(sum("password")))
	res := d.audit(password("password"), password("pw"), password("12345678"), refresh("1"), refresh("counted"), refresh(""),
		conformance.StoredSecret{Kind: conformance.AccountName, Value: "ann"}, conformance.StoredSecret{Kind: conformance.AccountName}, refresh(opaque))
	require.Equal(t, []int{0, 1, 2, 3, 4, 5}, res.Unsought)
	require.Len(t, res.Found, 3)
	f := res.Found[0]
	require.Equal(t, conformance.AccountName, f.Kind)
	require.Equal(t, 1, f.Rows)
	require.Equal(t, []int{6}, f.Secrets)
	require.Equal(t, [2]any{conformance.FastHash, []int{0}}, [2]any{res.Found[1].Form, res.Found[1].Secrets})
	require.Equal(t, [2]any{conformance.SHA256, []int{4}}, [2]any{res.Found[2].Form, res.Found[2].Secrets})
}

// TestNames has tables and columns of names that want quoting.
func TestNames(t *testing.T) {
	names := []string{`a "b" c`, "a`b`c", "select", "Größe", "semi;colon--", "per%cent", `back\slash`, "dot.dot", "'; DROP TABLE x", "new\nline", "UPPER", "日本語"}
	token := jwt(rand.New(rand.NewPCG(5, 5)))
	onEach(t, func(t *testing.T, d *database) {
		for i, n := range names {
			d.exec(fmt.Sprintf("CREATE TABLE %s (%s INT, %s VARCHAR(400), PRIMARY KEY (%s))", d.name(n), d.name("id"+n), d.name("c"+n), d.name("id"+n)))
			for j := range 3 {
				d.insert(n, 10*i+j, token)
			}
		}
		for _, rows := range []int{0, 2} {
			res, err := d.open(storage.Limits{Rows: rows}).Audit(t.Context(), []conformance.StoredSecret{refresh(token)})
			require.NoError(t, err)
			found := map[string]string{}
			for _, f := range res.Found {
				found[f.Table] = f.Column
				require.Equal(t, map[int]int{0: 3, 2: 2}[rows], f.Rows)
			}
			for _, n := range names {
				require.Equal(t, "c"+n, found[n])
			}
			require.Len(t, res.Found, len(names))
		}
	})
}
