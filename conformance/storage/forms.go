package storage

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// pattern is one spelling of something to look for.
type pattern struct {
	text   []byte
	secret int
	form   conformance.Form
	how    string
}

const (
	shortest = 8  // of what is looked for inside other text, in bytes
	telling  = 16 // a value of letters alone, or digits alone, must be that long to be told from a word or a number
)

// sought reports whether a secret can be told from what else stands in a database. The password "password" cannot.
func sought(value string) bool {
	letters := strings.IndexFunc(value, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) < 0
	digits := strings.IndexFunc(value, func(r rune) bool { return r < '0' || r > '9' }) < 0
	return len(value) >= telling || len(value) >= shortest && !letters && !digits
}

// spellings lists all the ways in which a secret may stand in a database.
func spellings(n int, s conformance.StoredSecret) []pattern {
	var list []pattern
	add := func(form conformance.Form, how string, values ...[]byte) {
		for _, v := range values {
			list = append(list, pattern{v, n, form, how})
		}
	}
	encoded := func(form conformance.Form, prefix string, value []byte) {
		add(form, prefix+"as it is", value)
		add(form, prefix+"in hex", hexes(value)...)
		add(form, prefix+"in base64", base64s(value)...)
	}
	switch s.Kind {
	case conformance.AccountName:
		add(conformance.Whole, "as it is", []byte(s.Value), []byte(strings.ToLower(s.Value)))
	case conformance.AccessSecret:
		add(conformance.Whole, "as it is", []byte(s.Value))
	case conformance.PasswordSecret:
		encoded(conformance.Whole, "", []byte(s.Value))
		for name, sum := range fastHashes() {
			v := sum([]byte(s.Value))
			add(conformance.FastHash, name, slices.Concat([][]byte{v}, hexes(v), base64s(v))...)
		}
	case conformance.RefreshSecret:
		encoded(conformance.Whole, "", []byte(s.Value))
		if _, err := hex.DecodeString(strings.ReplaceAll(s.Value, "-", "")); err == nil { // a UUID too
			add(conformance.Whole, "as it is", []byte(strings.ToUpper(s.Value)), []byte(strings.ToLower(s.Value)))
		}
		for _, v := range append(decoded(s.Value), []byte(s.Value)) {
			if string(v) != s.Value {
				encoded(conformance.Whole, "decoded, ", v)
			}
			sum := sha256.Sum256(v)
			add(conformance.SHA256, "", slices.Concat([][]byte{sum[:]}, hexes(sum[:]), base64s(sum[:]))...)
		}
		if parts := strings.Split(s.Value, "."); len(parts) == 3 && len(parts[2]) >= telling {
			encoded(conformance.Signature, "", []byte(parts[2]))
			for _, v := range decoded(parts[2]) {
				encoded(conformance.Signature, "decoded, ", v)
			}
		}
	}
	if s.Kind != conformance.AccountName && !sought(s.Value) {
		list = slices.DeleteFunc(list, func(p pattern) bool { return p.form == conformance.Whole })
	}
	return list
}

func hexes(v []byte) [][]byte {
	lower := hex.AppendEncode(nil, v)
	return [][]byte{lower, bytes.ToUpper(lower)}
}

// base64s is what all base64 of a text that holds v has in common, for the three places at which v may begin. Padding, and the last
// character where it depends on what follows, are left away.
func base64s(v []byte) [][]byte {
	var all [][]byte
	for before := range 3 {
		padded := append(make([]byte, before), v...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.AppendEncode(nil, padded)
			text = text[(before*8+5)/6 : len(padded)*8/6]
			if !slices.ContainsFunc(all, func(t []byte) bool { return bytes.Equal(t, text) }) {
				all = append(all, text)
			}
		}
	}
	return all
}

// decoded is the bytes that a text spells, if it is hex, a UUID or base64: some servers keep these.
func decoded(text string) [][]byte {
	if v, err := hex.DecodeString(strings.ReplaceAll(text, "-", "")); err == nil {
		return [][]byte{v} // a hex text is base64 too, but nobody means that
	}
	text = strings.TrimRight(text, "=")
	for _, enc := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		if v, err := enc.DecodeString(text); err == nil {
			return [][]byte{v}
		}
	}
	return nil
}

// fastHashes are what a password must not be kept as: a guess costs nothing.
func fastHashes() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		"MD5":     func(b []byte) []byte { s := md5.Sum(b); return s[:] },
		"SHA-1":   func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
		"SHA-224": func(b []byte) []byte { s := sha256.Sum224(b); return s[:] },
		"SHA-256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
		"SHA-384": func(b []byte) []byte { s := sha512.Sum384(b); return s[:] },
		"SHA-512": func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
		"SHA-1 of SHA-1": func(b []byte) []byte {
			s := sha1.Sum(b)
			s = sha1.Sum(s[:])
			return s[:]
		},
	}
}
