package faulty

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxToken bounds what is taken apart at all, in bytes.
const maxToken = 4096

// parsedJWT is a token taken apart and believed in nothing.
type parsedJWT struct {
	header, claims map[string]any
	signed         string // what the signature is of
	signature      []byte
	unwrapped      bool // it was encrypted; looked at by faults only
}

// parseJWT takes a compact JWS apart (RFC 7515 section 7.1). The signature is decoded as told, since only a strict decoder knows one
// spelling of it.
func parseJWT(raw string, signatures *base64.Encoding) (parsedJWT, bool) {
	parts := strings.Split(raw, ".")
	if len(raw) > maxToken || len(parts) != 3 || strings.ContainsAny(raw, "\r\n") { // Go's base64 skips line breaks
		return parsedJWT{}, false
	}
	t := parsedJWT{signed: parts[0] + "." + parts[1]}
	for i, into := range []*map[string]any{&t.header, &t.claims} {
		b, err := strictBase64().DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil || *into == nil {
			return parsedJWT{}, false
		}
	}
	var err error
	t.signature, err = signatures.DecodeString(parts[2])
	return t, err == nil
}

func strictBase64() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// text returns a member that is a string, else "".
func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

// makeJWT makes a compact JWS with HS256.
func makeJWT(key []byte, typ string, claims map[string]any) string {
	signed := segment(map[string]any{"alg": "HS256", "typ": typ}) + "." + segment(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac(key, signed))
}

func segment(v map[string]any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings, numbers and lists of strings are ever put in
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func mac(key []byte, signed string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(signed))
	return m.Sum(nil)
}
