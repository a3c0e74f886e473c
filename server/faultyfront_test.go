package main

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a text column takes for the same text: the server keeps bytes, so tables of texts stand in front of it.

// handles shows its clients short names of refresh tokens, and keeps them in a column of texts.
func handles(t *testing.T, db *sql.DB, column string) func(http.Handler) http.Handler {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `CREATE TABLE handles (handle VARCHAR(64) `+column+` PRIMARY KEY, token TEXT NOT NULL)`)
	require.NoError(t, err)
	const cookie = "refresh_token="
	carried := regexp.MustCompile(cookie + `[^;]+`)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i, c := range r.Header["Cookie"] {
				r.Header["Cookie"][i] = carried.ReplaceAllStringFunc(c, func(pair string) string {
					raw := "unknown"
					_ = db.QueryRowContext(r.Context(), `SELECT token FROM handles WHERE handle = ?`, strings.TrimPrefix(pair, cookie)).Scan(&raw) // else it is unknown
					return cookie + raw
				})
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			for i, c := range rec.Header()["Set-Cookie"] {
				raw, attributes, _ := strings.Cut(strings.TrimPrefix(c, cookie), ";")
				if raw == "" {
					continue
				}
				handle := rand.Text() + rand.Text()
				if _, err := db.ExecContext(r.Context(), `INSERT INTO handles VALUES (?, ?)`, handle, raw); err != nil {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				rec.Header()["Set-Cookie"][i] = cookie + handle + ";" + attributes
			}
			passOn(w, rec)
		})
	}
}

// comparesPasswords lets the database compare them, in a column of texts: whom it finds, it logs in.
func comparesPasswords(t *testing.T, db *sql.DB, column string) func(http.Handler) http.Handler {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `CREATE TABLE accounts (email VARCHAR(254) PRIMARY KEY, password VARCHAR(72) `+column+` NOT NULL)`)
	require.NoError(t, err)
	for _, u := range demoUsers() {
		_, err := db.ExecContext(t.Context(), `INSERT INTO accounts VALUES (?, ?)`, u.Email, u.Password)
		require.NoError(t, err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body) // what broke off is for the server to judge
			var body struct{ Email, Password, Kept string }
			if json.Unmarshal(raw, &body) == nil && r.URL.Path == "/auth/login" && r.Header.Get("Content-Type") == "application/json" &&
				db.QueryRowContext(r.Context(), `SELECT password FROM accounts WHERE email = ? AND password = ?`, strings.TrimSpace(body.Email), body.Password).Scan(&body.Kept) == nil {
				raw = bytes.Replace(raw, []byte(fmt.Sprintf("%q", body.Password)), []byte(fmt.Sprintf("%q", body.Kept)), 1)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
			next.ServeHTTP(w, r)
		})
	}
}

func passOn(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // who hung up misses it
}
