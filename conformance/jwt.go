package conformance

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"hash"
	"maps"
	"math"
	"slices"
	"strings"
)

// jwt is a token taken apart without trusting it.
type jwt struct {
	header, claims map[string]any
	parts          [3]string
}

// parseJWT takes a compact JWS apart; false: not one (an opaque token, for example).
func parseJWT(raw string) (jwt, bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return jwt{}, false
	}
	t := jwt{parts: [3]string(parts)}
	return t, decodeSegment(parts[0], &t.header) && decodeSegment(parts[1], &t.claims)
}

func decodeSegment(seg string, into *map[string]any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(seg)
	if err != nil {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(into) == nil && *into != nil
}

func encodeSegment(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps of plain values are ever encoded
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// with returns header and claims with some members replaced (nil: removed), unsigned.
func (t jwt) with(header, claims map[string]any) string {
	edit := func(base, change map[string]any) string {
		m := maps.Clone(base)
		for k, v := range change {
			if v == nil {
				delete(m, k)
			} else {
				m[k] = v
			}
		}
		return encodeSegment(m)
	}
	return edit(t.header, header) + "." + edit(t.claims, claims)
}

// time reads a NumericDate claim in seconds (RFC 7519 section 2); false unless it is a JSON number.
func (t jwt) time(claim string) (float64, bool) {
	n, ok := t.claims[claim].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil && !math.IsInf(f, 0)
}

func (t jwt) integer(claim string) bool {
	n, ok := t.claims[claim].(json.Number)
	if !ok {
		return false
	}
	_, err := n.Int64()
	return err == nil
}

func (t jwt) claimNames() string {
	return strings.Join(slices.Sorted(maps.Keys(t.claims)), " ")
}

func hmacSign(alg, signingInput string, key []byte) (string, bool) {
	var h func() hash.Hash
	switch alg {
	case "HS256":
		h = sha256.New
	case "HS384":
		h = sha512.New384
	case "HS512":
		h = sha512.New
	default:
		return "", false
	}
	m := hmac.New(h, key)
	m.Write([]byte(signingInput))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)), true
}
