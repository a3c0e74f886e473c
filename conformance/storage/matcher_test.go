package storage_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

// FuzzFind: whatever stands around a token, and however it is spelled, it is found among many; and a text that holds none of its
// spellings shows nothing.
func FuzzFind(f *testing.F) {
	f.Add([]byte("before"), []byte("after"), uint64(1))
	f.Add([]byte{}, []byte{0, '%', '\\'}, uint64(2))
	f.Add([]byte(`{"a":"`), []byte(`"}`), uint64(3))
	f.Add([]byte("\xff%%4\\u00"), []byte("%"), uint64(4))
	f.Fuzz(func(t *testing.T, before, after []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		secrets := []conformance.StoredSecret{{Kind: conformance.PasswordSecret, Value: "alice-demo-password"}}
		for range 20 {
			secrets = append(secrets, refresh(jwt(r)), refresh(base64.StdEncoding.EncodeToString(random(r, 16+r.IntN(20)))))
		}
		n := 1 + r.IntN(len(secrets)-1)
		token := secrets[n].Value
		around := func(b []byte) []byte { return slices.Concat(before, b, after) }
		for name, value := range map[string][]byte{
			"raw":            around([]byte(token)),
			"hex":            []byte(hex.EncodeToString(around([]byte(token)))),
			"HEX":            bytes.ToUpper([]byte(hex.EncodeToString(around([]byte(token))))),
			"base64":         []byte(base64.StdEncoding.EncodeToString(around([]byte(token)))),
			"raw base64url":  []byte(base64.RawURLEncoding.EncodeToString(around([]byte(token)))),
			"query":          []byte(url.QueryEscape(string(before)) + "=" + url.QueryEscape(token) + "&" + url.QueryEscape(string(after))),
			"JSON":           asJSON(t, string(before), token+string(after)),
			"in hex, raw":    around([]byte(hex.EncodeToString([]byte(token)))),
			"in base64, raw": around([]byte(base64.URLEncoding.EncodeToString([]byte(token)))),
		} {
			_, of := storage.Find(secrets, value)
			require.Contains(t, of, n, "%s: %q", name, value)
		}
		cut := around([]byte(token[:len(token)/2]))
		if !strings.Contains(string(cut), token) {
			_, of := storage.Find(secrets, cut)
			require.NotContains(t, of, n, "%q", cut)
		}
	})
}

func asJSON(t *testing.T, key, value string) []byte {
	b, err := json.Marshal(map[string]string{key: value})
	require.NoError(t, err)
	return b
}

// TestFindMany finds each of thousands of tokens in one text, once.
func TestFindMany(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	var secrets []conformance.StoredSecret
	var text strings.Builder
	for range 2000 {
		secrets = append(secrets, refresh(jwt(r)))
		text.WriteString(secrets[len(secrets)-1].Value + "\n" + secrets[len(secrets)-1].Value)
	}
	found, of := storage.Find(secrets, []byte(text.String()))
	require.Len(t, found, 2000)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(of))), 2000)
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 11))
	var secrets []conformance.StoredSecret
	for range 200 {
		secrets = append(secrets, refresh(jwt(r)))
	}
	find := storage.Finder(secrets)
	value := []byte(strings.Repeat(jwt(r)+" /path?x=y ", 100))
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if find(value) != 0 {
			b.Fatal("found what is not there")
		}
	}
}
