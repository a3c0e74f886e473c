package faulty

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table is what the server would keep in a table of a database.
type Table struct {
	Name    string
	Columns []string
	Rows    [][]any // strings, bytes and integers
}

// Tables is all that the server would keep in a database, as it is now.
func (s *Server) Tables() ([]Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := Table{Name: "users", Columns: []string{"id", "email", "salt", "password_hash"}}
	families := Table{Name: "token_families", Columns: []string{"id", "user_id", "generation", "token_hash", "rotated_at", "access_token"}}
	successors := Table{Name: "successors", Columns: []string{"token_hash", "successor"}}
	log := Table{Name: "log", Columns: []string{"entry"}}
	for _, u := range s.users {
		hashed, err := s.keptPassword(u)
		if err != nil {
			return nil, err
		}
		users.Rows = append(users.Rows, []any{u.id, u.email, string(u.salt), hashed})
		if s.has("st-password-plaintext/log") {
			log.Rows = append(log.Rows, []any{entry("login", map[string]any{"email": u.email, "password": u.password})})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.families)) {
		f := s.families[id]
		var access any
		for old, r := range f.past {
			var successor any
			if s.has("st-successor-stored-raw-for-grace") {
				successor = r.next.refresh
			}
			successors.Rows = append(successors.Rows, []any{old[:], successor})
			if s.has("st-plaintext-token/log") && r.next.refresh != f.last {
				log.Rows = append(log.Rows, []any{entry("refresh", map[string]any{"headers": "Cookie: refresh_token=" + r.next.refresh})})
			}
			if s.has("st-access-token-stored") && r.next.refresh == f.last {
				access = r.next.access
			}
		}
		families.Rows = append(families.Rows, []any{f.id, f.user.id, f.generation, s.keptToken(f.last), f.rotatedAt.UnixMicro(), access})
	}
	return []Table{users, families, successors, log}, nil
}

// keptToken is what a row holds of a refresh token: its SHA-256.
func (s *Server) keptToken(raw string) any {
	switch {
	case s.has("st-plaintext-token"):
		return raw
	case s.has("st-plaintext-token/hex"):
		return hex.EncodeToString([]byte(raw))
	case s.has("st-plaintext-token/base64"):
		return base64.StdEncoding.EncodeToString([]byte("v1." + raw))
	case s.has("st-plaintext-token/signature"):
		return raw[strings.LastIndexByte(raw, '.')+1:]
	case s.has("st-plaintext-token/hmac"):
		mac := hmac.New(sha256.New, s.refreshKey)
		mac.Write([]byte(raw))
		return mac.Sum(nil)
	}
	sum := hashOf(raw)
	return sum[:]
}

// keptPassword is what a row holds of a password: a hash of ten thousand rounds, which the server itself has no time for.
func (s *Server) keptPassword(u *user) (string, error) {
	rounds := 10_000
	switch {
	case s.has("st-password-plaintext"):
		return u.password, nil
	case s.has("st-password-fast-hash"):
		sum := md5.Sum([]byte(u.password))
		return hex.EncodeToString(sum[:]), nil
	case s.has("st-password-fast-hash/salted"):
		sum := sha256.Sum256(append(u.salt, u.password...))
		return hex.EncodeToString(sum[:]), nil
	case s.has("st-password-cheap-hash"):
		rounds = 64
	}
	key, err := pbkdf2.Key(sha256.New, u.password, u.salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return fmt.Sprintf("pbkdf2_sha256$%d$%s$%s", rounds, u.salt, base64.StdEncoding.EncodeToString(key)), nil
}

func entry(what string, fields map[string]any) string {
	fields["call"] = what
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err) // there are only texts in it
	}
	return string(text)
}
