package storage

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// scheme is a form in which password hashes are kept. Its cost is the product of the numbers that the expression finds; 0: none that slows a
// guess.
type scheme struct {
	name  string
	form  *regexp.Regexp
	floor int    // the least cost that slows guessing
	unit  string // of the cost
}

// The floors: bcrypt 10 (OWASP ASVS 4.0.3, 2.4.4), PBKDF2 10,000 rounds (NIST SP 800-63B), scrypt and argon2 16 MiB in one pass: below what
// is advised today, so that no careful server is blamed.
func schemes() []scheme {
	return []scheme{
		{"bcrypt", regexp.MustCompile(`\$2[abxy]?\$(\d\d)\$[./A-Za-z0-9]{53}`), 10, "cost %d"},
		{"argon2", regexp.MustCompile(`\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=(\d+),t=(\d+),p=\d+`), 16 << 10, "%d KiB in all passes"},
		{"scrypt", regexp.MustCompile(`^scrypt:(\d+):(\d+):\d+\$`), 1 << 17, "N times r is %d"},                     // Werkzeug
		{"scrypt", regexp.MustCompile(`^scrypt\$[^$]+\$(\d+)\$(\d+)\$\d+\$`), 1 << 17, "N times r is %d"},           // Django
		{"scrypt", regexp.MustCompile(`^\$scrypt\$ln=(\d+),r=\d+,p=\d+\$`), 14, "N is two to the %d"},               // passlib
		{"scrypt", regexp.MustCompile(`^\$(?:7|y|gy)\$[./A-Za-z0-9]+\$`), -1, ""},                                   // crypt(3): scrypt, yescrypt
		{"PBKDF2", regexp.MustCompile(`^pbkdf2[:_]sha\d+[:$](\d+)\$`), 10_000, "%d rounds"},                         // Werkzeug, Django
		{"PBKDF2", regexp.MustCompile(`^\$pbkdf2(?:-sha\d+)?\$(?:i=)?(\d+)[,$]`), 10_000, "%d rounds"},              // passlib
		{"PBKDF2", regexp.MustCompile(`^\{PBKDF2(?:-SHA\d+|-HMAC-SHA\d+)?\}(\d+)\$`), 10_000, "%d rounds"},          // LDAP
		{"PBKDF2", regexp.MustCompile(`"hashIterations":\s*(\d+)[^}]*"algorithm":\s*"pbkdf2`), 10_000, "%d rounds"}, // Keycloak
		{"SHA-crypt", regexp.MustCompile(`^\$[56]\$rounds=(\d+)\$`), 10_000, "%d rounds"},
		{"SHA-crypt", regexp.MustCompile(`^\$[56]\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}$`), 0, ""}, // 5,000 rounds
		{"MD5-crypt", regexp.MustCompile(`^\$(?:1|apr1)\$[^$]{1,16}\$[./A-Za-z0-9]{22}$`), 0, ""},
		{"phpass", regexp.MustCompile(`^\$[PH]\$[./A-Za-z0-9]{31}$`), 0, ""},
		{"salted SHA or MD5", regexp.MustCompile(`^\{S?(?:SHA(?:\d{3})?|MD5)\}[+/=A-Za-z0-9]{20,}$`), 0, ""},                   // LDAP
		{"salted SHA or MD5", regexp.MustCompile(`^(?:sha1|sha256|sha512|md5|unsalted_md5)\$[^$]*\$[0-9a-f]{32,128}$`), 0, ""}, // Django, Werkzeug
	}
}

// passwords recognises how passwords are kept.
type passwords struct {
	schemes []scheme
	secrets []conformance.StoredSecret
	rows    int // with an account's name, in which a salted hash may still be tried
}

const saltedRows = 200 // trying all salts of a row is slow, and one row would do

func newPasswords(secrets []conformance.StoredSecret) *passwords {
	return &passwords{schemes(), secrets, saltedRows}
}

// form recognises a password hash by its form alone, which says how much a guess costs.
func (p *passwords) form(value []byte) (form conformance.Form, how string, is bool) {
	if len(value) < 20 || len(value) > 1024 {
		return "", "", false
	}
	if cost, is := identity(value); is {
		return judged("PBKDF2", cost, 10_000, "%d rounds")
	}
	if bytes.IndexByte(value, '$') < 0 && value[0] != '{' {
		return "", "", false
	}
	for _, s := range p.schemes {
		m := s.form.FindSubmatch(value)
		if m == nil {
			continue
		}
		cost := 0
		for i, number := range m[1:] {
			n, _ := strconv.Atoi(string(number)) // only digits; one that is too large counts as the largest
			if i > 0 {
				n *= cost
			}
			cost = n
		}
		return judged(s.name, cost, s.floor, s.unit)
	}
	return "", "", false
}

func judged(name string, cost, floor int, unit string) (conformance.Form, string, bool) {
	switch {
	case floor == 0:
		return conformance.FastHash, name, true
	case unit == "":
		return conformance.SlowHash, name, true
	case cost < floor:
		return conformance.CheapHash, name + ", " + fmt.Sprintf(unit, cost), true
	}
	return conformance.SlowHash, name + ", " + fmt.Sprintf(unit, cost), true
}

// identity recognises version 3 of ASP.NET Core Identity: base64 of a 1, the hash function, the rounds, the salt's length, and so on.
func identity(value []byte) (rounds int, is bool) {
	if len(value) != 84 || !bytes.HasPrefix(value, []byte("AQAAAA")) {
		return 0, false
	}
	raw, err := base64.StdEncoding.DecodeString(string(value))
	if err != nil {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(raw[5:])), true
}

// forTokens: some servers keep tokens under a password's hash, at a cost that suits tokens.
func forTokens(table, column string) bool {
	name := strings.ToLower(table + " " + column)
	return strings.Contains(name, "token") || strings.Contains(name, "session") || strings.Contains(name, "refresh")
}

// salted tries whether a row, which holds the name of an account, holds a password under a fast hash with any other value of the row as salt.
func (p *passwords) salted(row [][]byte) (column, secret int, how string, is bool) {
	if p.rows == 0 {
		return 0, 0, "", false
	}
	p.rows--
	sums := map[string]int{} // what may be a hash, and its column
	var salts [][]byte
	for i, value := range row {
		for _, part := range parts(value) {
			for _, v := range append(decoded(string(part)), part) {
				if len(v) >= md5.Size && len(v) <= sha512.Size {
					sums[string(v)] = i
				}
				if len(v) > 0 && len(v) <= 64 && len(salts) < 100 {
					salts = append(salts, v)
				}
			}
		}
	}
	for n, s := range p.secrets {
		if s.Kind != conformance.PasswordSecret {
			continue
		}
		for _, salt := range salts {
			for _, f := range []struct {
				name string
				new  func() hash.Hash
			}{{"MD5", md5.New}, {"SHA-1", sha1.New}, {"SHA-256", sha256.New}, {"SHA-512", sha512.New}} {
				for _, sum := range saltings(f.new, salt, []byte(s.Value)) {
					if i, is := sums[string(sum)]; is {
						return i, n, f.name + " with a salt", true
					}
				}
			}
		}
	}
	return 0, 0, "", false
}

// saltings are the ways in which a salt is brought in.
func saltings(newHash func() hash.Hash, salt, password []byte) [][]byte {
	h := newHash()
	mac := hmac.New(newHash, salt)
	mac.Write(password)
	sums := [][]byte{mac.Sum(nil)}
	for _, texts := range [][][]byte{{salt, password}, {password, salt}, {salt, []byte(":"), password}} {
		h.Reset()
		for _, t := range texts {
			h.Write(t)
		}
		sums = append(sums, h.Sum(nil))
	}
	return sums
}

// parts is a value whole, and in the pieces that a hash and its salt are joined from.
func parts(value []byte) [][]byte {
	if len(value) == 0 || len(value) > 512 {
		return nil
	}
	all := [][]byte{value}
	for _, p := range bytes.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(":$.;|,*{}", r) }) {
		if len(p) < len(value) {
			all = append(all, p)
		}
	}
	return all
}
