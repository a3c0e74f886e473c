package faulty

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxPassword is where bcrypt stops reading, in bytes, so that a longer password would be many passwords.
const maxPassword = 72

type user struct {
	id, email    string
	salt, hashed []byte
	password     string // for what a database would hold of it
	disabled     bool

	// What only faults look at.
	previous []byte    // the hash before the latest change
	cutoff   time.Time // sessions that began before are over
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
	email = s.inexactEmail(email)
	for _, u := range s.users {
		if like, err := path.Match(email, u.email); u.email == email || err == nil && like && s.has("login-email-inexact/wildcard") {
			return u
		}
	}
	return nil
}

// inexactEmail has the faults that take another e-mail for a user's.
func (s *Server) inexactEmail(email string) string {
	switch {
	case s.has("login-email-inexact/plus"):
		return regexp.MustCompile(`\+[^@]*@`).ReplaceAllString(email, "@")
	case s.has("login-email-inexact/accents"): // as MySQL's default collation compares
		return strings.NewReplacer(strings.Split("à a á a â a ã a ä a å a ç c è e é e ê e ë e ì i í i î i ï i ñ n ò o ó o ô o õ o ö o ù u ú u û u ü u", " ")...).Replace(email)
	case s.has("login-email-inexact/wildcard"): // LIKE, whose wildcards become those of path.Match
		return strings.NewReplacer("%", "*", "_", "?", "*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(email)
	}
	return email
}

// otherUser is whom faults mistake u for.
func (s *Server) otherUser(u *user) *user {
	return s.users[(slices.Index(s.users, u)+1)%len(s.users)]
}

// checkPassword returns the user whose password this is, as he was when it was checked. To be wrong costs the same in every way, and
// so does being disabled.
func (s *Server) checkPassword(email, password string) (user, bool) {
	row, known := s.snapshot(email)
	if s.has("login-enum-by-timing") && !known || s.has("login-enum-locked-or-disabled/timing") && row.disabled {
		return row, false
	}
	if !known {
		row = user{salt: []byte("the salt of nobody"), hashed: []byte("the hash of nothing")}
	}
	s.sleep(s.hashCost) // the work of a real hash, without the heat
	hashed, err := hashPassword(s.stored(password), row.salt)
	ok := known && err == nil && subtle.ConstantTimeCompare(hashed, row.hashed) == 1
	if s.has("op-password-change-keeps-old-password") && row.previous != nil {
		ok = ok || known && subtle.ConstantTimeCompare(hashed, row.previous) == 1
	}
	if s.has("login-password-not-checked") || s.has("login-empty-password-accepted", "login-empty-password-accepted/missing") && password == "" {
		ok = known
	}
	if s.has("login-password-not-checked/after-login") && known {
		ok = s.recentlyRight(row.id, ok)
	}
	if s.has("login-lockout-as-dos") && known && !s.unlocked(row.id, ok) {
		ok = false
	}
	if row.disabled && !s.has("login-disabled-user-allowed") {
		ok = false
	}
	return row, ok
}

// snapshot is a user as he is now: an operator may change him at any time.
func (s *Server) snapshot(email string) (user, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userByEmail(email)
	if u == nil {
		return user{}, false
	}
	return *u, true
}

// recentlyRight remembers right passwords, and reports whether there was one within a minute.
func (s *Server) recentlyRight(id string, ok bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if ok {
		s.passwordOK[id] = now
	}
	at, seen := s.passwordOK[id]
	return seen && now.Sub(at) < time.Minute
}

// unlocked counts wrong passwords, and reports whether the account still takes the right one.
func (s *Server) unlocked(id string, ok bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		s.failures[id]++
	}
	return s.failures[id] < 5
}

// stored is the password as it goes into the hash: as it came.
func (s *Server) stored(password string) string {
	switch {
	case s.has("login-password-truncated-72", "login-password-truncated-72/characters"):
		return password[:min(len(password), maxPassword)]
	case s.has("login-password-inexact/first-8"):
		return password[:min(len(password), 8)]
	case s.has("login-password-inexact/nul"):
		password, _, _ = strings.Cut(password, "\x00")
	case s.has("login-password-inexact/case"):
		return strings.ToLower(password)
	case s.has("login-password-inexact/trimmed"):
		return strings.TrimSpace(password)
	case s.has("login-password-inexact/tags"): // what cleans every body of scripts cleans passwords too
		return regexp.MustCompile("<[^>]*>").ReplaceAllString(password, "")
	case s.has("login-password-inexact/ascii"): // as encode("ascii", "ignore") does
		return strings.Map(func(r rune) rune {
			if r > 127 {
				return -1
			}
			return r
		}, password)
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
