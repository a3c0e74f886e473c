package faulty

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxPassword is where bcrypt stops reading, in bytes, so that a longer password would be many passwords.
const maxPassword = 72

type user struct {
	id, email    string
	salt, hashed []byte
	password     string // for what a database would hold of it
}

func (s *Server) addUsers(passwords map[string]string) error {
	for _, email := range slices.Sorted(maps.Keys(passwords)) {
		u := &user{id: newID(), email: normalize(email), salt: []byte(rand.Text()), password: passwords[email]}
		var err error
		if u.hashed, err = hashPassword(s.stored(passwords[email]), u.salt); err != nil {
			return err
		}
		s.users = append(s.users, u)
	}
	return nil
}

// normalize trims white space and lowers ASCII letters, no other: á@b and a@b are two users.
func normalize(email string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, strings.TrimSpace(email))
}

func (s *Server) userByEmail(email string) *user {
	if !s.has("login-email-not-normalized") {
		email = normalize(email)
	}
	for _, u := range s.users {
		if u.email == email {
			return u
		}
	}
	return nil
}

// otherUser is whom faults mistake u for.
func (s *Server) otherUser(u *user) *user {
	return s.users[(slices.Index(s.users, u)+1)%len(s.users)]
}

// checkPassword returns the user whose password this is. To be wrong costs the same in every way.
func (s *Server) checkPassword(email, password string) (*user, bool) {
	u := s.userByEmail(email)
	known := u != nil
	if s.has("login-enum-by-timing") && !known {
		return nil, false
	}
	if !known {
		u = &user{salt: []byte("the salt of nobody"), hashed: []byte("the hash of nothing")}
	}
	s.sleep(s.hashCost) // the work of a real hash, without the heat
	hashed, err := hashPassword(s.stored(password), u.salt)
	ok := known && err == nil && subtle.ConstantTimeCompare(hashed, u.hashed) == 1
	if s.has("login-password-not-checked") || s.has("login-empty-password-accepted", "login-empty-password-accepted/missing") && password == "" {
		ok = known
	}
	if s.has("login-lockout-as-dos") && known && !s.unlocked(u, ok) {
		ok = false
	}
	return u, ok
}

// unlocked counts wrong passwords, and reports whether the account still takes the right one.
func (s *Server) unlocked(u *user, ok bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		s.failures[u]++
	}
	return s.failures[u] < 5
}

// stored is the password as it goes into the hash: as it came.
func (s *Server) stored(password string) string {
	switch {
	case s.has("login-password-truncated-72"):
		return password[:min(len(password), maxPassword)]
	case s.has("login-password-inexact/first-8"):
		return password[:min(len(password), 8)]
	case s.has("login-password-inexact/nul"):
		password, _, _ = strings.Cut(password, "\x00")
	case s.has("login-password-inexact/case"):
		return strings.ToLower(password)
	case s.has("login-password-inexact/trimmed"):
		return strings.TrimSpace(password)
	}
	return password
}

// hashPassword has few rounds, since nobody's password is in here.
func hashPassword(password string, salt []byte) ([]byte, error) {
	hashed, err := pbkdf2.Key(sha256.New, password, salt, 64, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return hashed, nil
}

// newID makes a name that nobody can guess.
func newID() string { return rand.Text() }
