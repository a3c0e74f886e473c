package storage_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

const (
	email = "Alice@example.com"
	pass  = `alice-"demo"/pass+word`
)

func account() []conformance.StoredSecret {
	return []conformance.StoredSecret{{Kind: conformance.PasswordSecret, Value: "another-password"}, {Kind: conformance.PasswordSecret, Value: pass}, {Kind: conformance.AccountName, Value: email}}
}

// TestPasswords keeps a password in each of the ways that there are, good and bad.
func TestPasswords(t *testing.T) {
	cheap, err := bcrypt.GenerateFromPassword([]byte(pass), 4)
	require.NoError(t, err)
	b64 := base64.StdEncoding.EncodeToString
	md5sum, sha1sum, sha256sum, sha512sum := md5.Sum([]byte(pass)), sha1.Sum([]byte(pass)), sha256.Sum256([]byte(pass)), sha512.Sum512([]byte(pass))
	mysqlOld := sha1.Sum(sha1sum[:])
	a53, a86, b64hash := strings.Repeat("a", 53), strings.Repeat("b", 86), strings.Repeat("c", 43)
	type want struct {
		form conformance.Form
		how  string
	}
	slow := func(how string) want { return want{conformance.SlowHash, how} }
	weak := func(how string) want { return want{conformance.CheapHash, how} }
	fast := func(how string) want { return want{conformance.FastHash, how} }
	plain := func(how string) want { return want{conformance.Whole, how} }
	d := sqliteDatabase(t)
	d.exec("CREATE TABLE users (id, email, password)")
	db := d.open(storage.Limits{})
	for _, tt := range []struct {
		value any
		want
	}{
		{pass, plain("as it is")},
		{`{"email":"x","password":"alice-\"demo\"\/pass+word"}`, plain("escaped")},
		{"p=alice-%22demo%22%2Fpass%2Bword&x", plain("percent-encoded")},
		{hex.EncodeToString([]byte(pass)), plain("in hex")},
		{b64([]byte("user:" + pass)), plain("in base64")},
		{hex.EncodeToString(md5sum[:]), fast("MD5")},
		{md5sum[:], fast("MD5")},
		{strings.ToUpper(hex.EncodeToString(sha1sum[:])), fast("SHA-1")},
		{"{SHA}" + b64(sha1sum[:]), fast("SHA-1")},
		{"sha256=" + hex.EncodeToString(sha256sum[:]), fast("SHA-256")},
		{b64(sha512sum[:]), fast("SHA-512")},
		{"*" + strings.ToUpper(hex.EncodeToString(mysqlOld[:])), fast("SHA-1 of SHA-1")},
		{"{SSHA}" + b64(append(sha1sum[:], "salt"...)), fast("SHA-1")}, // the salt in vain
		{"{SSHA512}" + strings.Repeat("A", 96), fast("salted SHA or MD5")},
		{"md5$salt$" + strings.Repeat("0", 32), fast("salted SHA or MD5")},
		{"$1$abcdefgh$" + strings.Repeat("a", 22), fast("MD5-crypt")},
		{"$P$" + strings.Repeat("a", 31), fast("phpass")},
		{"$6$abcdefgh$" + a86, fast("SHA-crypt")},
		{"$6$rounds=656000$abcdefgh$" + a86, slow("SHA-crypt, 656000 rounds")},
		{string(cheap), weak("bcrypt, cost 4")},
		{cheap, weak("bcrypt, cost 4")},
		{"$2y$09$" + a53, weak("bcrypt, cost 9")},
		{"$2b$10$" + a53, slow("bcrypt, cost 10")},
		{"{bcrypt}$2a$12$" + a53, slow("bcrypt, cost 12")},
		{"bcrypt_sha256$$2b$12$" + a53, slow("bcrypt, cost 12")},
		{"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$" + b64hash, slow("argon2, 196608 KiB in all passes")},
		{"argon2$argon2i$v=19$m=512,t=2,p=2$c2FsdA$" + b64hash, weak("argon2, 1024 KiB in all passes")},
		{"scrypt:32768:8:1$salt$" + a86, slow("scrypt, N times r is 262144")},
		{"scrypt$salt$1024$8$1$" + a86, weak("scrypt, N times r is 8192")},
		{"$scrypt$ln=16,r=8,p=1$c2FsdA$" + b64hash, slow("scrypt, N is two to the 16")},
		{"$y$j9T$salt$" + b64hash, slow("scrypt")},
		{"pbkdf2:sha256:260000$salt$" + a86, slow("PBKDF2, 260000 rounds")},
		{"pbkdf2_sha256$1000$salt$" + b64hash + "=", weak("PBKDF2, 1000 rounds")},
		{"$pbkdf2-sha256$29000$salt$" + b64hash, slow("PBKDF2, 29000 rounds")},
		{`{"hashIterations":27500,"algorithm":"pbkdf2-sha256"}`, slow("PBKDF2, 27500 rounds")},
		{b64(append([]byte{1, 0, 0, 0, 2, 0, 1, 0x86, 0xa0, 0, 0, 0, 16}, make([]byte, 48)...)), slow("PBKDF2, 100000 rounds")}, // ASP.NET Core Identity
	} {
		d.exec("DELETE FROM users")
		d.insert("users", 1, "ALICE@EXAMPLE.ORG", tt.value)
		res, err := db.Audit(t.Context(), account())
		require.NoError(t, err)
		require.NotEmpty(t, res.Found, "%v", tt.value)
		require.Equal(t, "users.password", res.Found[0].Table+"."+res.Found[0].Column)
		require.Equal(t, tt.want, want{res.Found[0].Form, res.Found[0].How}, "%s", tt.value)
		require.Equal(t, 1, res.Found[0].Rows)
	}
}

// TestSaltedPasswords: a hash with a salt beside it is fast as well. It is found in the row of the account.
func TestSaltedPasswords(t *testing.T) {
	salt := "NaCl-16-bytes-xy"
	h := func(parts ...string) string {
		s := sha256.Sum256([]byte(strings.Join(parts, "")))
		return hex.EncodeToString(s[:])
	}
	mac := hmac.New(sha512.New, []byte(salt))
	mac.Write([]byte(pass))
	raw := md5.Sum([]byte(pass + "17"))
	onEach(t, func(t *testing.T, d *database) {
		blob := map[string]string{"sqlite": "BLOB", "mysql": "VARBINARY(200)", "postgres": "BYTEA"}[d.engine]
		d.exec("CREATE TABLE users (id INT, email VARCHAR(100), salt VARCHAR(100), hash " + blob + ")")
		db := d.open(storage.Limits{})
		for _, tt := range []struct{ salt, hash, how string }{
			{salt, h(salt, pass), "SHA-256 with a salt"},
			{salt, h(pass, salt), "SHA-256 with a salt"},
			{hex.EncodeToString([]byte(salt)), h(salt, pass), "SHA-256 with a salt"},
			{"", "sha256:" + salt + ":" + h(pass, salt), "SHA-256 with a salt"},
			{"", base64.StdEncoding.EncodeToString([]byte(salt)) + "$" + h(salt, pass), "SHA-256 with a salt"},
			{"", h(email, ":", pass), "SHA-256 with a salt"},
			{salt, base64.StdEncoding.EncodeToString(mac.Sum(nil)), "SHA-512 with a salt"},
			{"", string(raw[:]), "MD5 with a salt"},
		} {
			d.exec("DELETE FROM users")
			for id := range 3 { // of others: nothing is known of their passwords
				d.insert("users", id, fmt.Sprint(id), tt.salt, []byte(h("x", fmt.Sprint(id))))
			}
			d.insert("users", 17, email, tt.salt, []byte(tt.hash))
			res, err := db.Audit(t.Context(), account())
			require.NoError(t, err)
			require.Len(t, res.Found, 2, "%+v", res.Found)
			require.Equal(t, conformance.AccountName, res.Found[0].Kind)
			require.Equal(t, conformance.Found{
				Table: "users", Column: "hash", Kind: conformance.PasswordSecret, Form: conformance.FastHash, How: tt.how, Rows: 1, Secrets: []int{1},
			}, res.Found[1])
		}
	})
}

// TestTokenHashes: a cheap hash of a token is no cheap hash of a password.
func TestTokenHashes(t *testing.T) {
	d := sqliteDatabase(t)
	d.exec("CREATE TABLE users (email, refresh_hash)", "CREATE TABLE user_tokens (v)")
	d.insert("users", email, "$2b$04$"+strings.Repeat("a", 53))
	d.insert("user_tokens", "$2b$04$"+strings.Repeat("a", 53))
	require.Equal(t, conformance.AccountName, whole(t, d.audit(account()...)).Kind)
}
