package faulty

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// keyID names the one key of a server that signs access tokens with RS256.
const keyID = "faulty-1"

func (s *Server) makePrivateKey() (err error) {
	if s.privateKey, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return fmt.Errorf("make the private key: %w", err)
	}
	return nil
}

// PublicKeys is the JSON Web Key Set (RFC 7517) with the key that verifies access tokens, or nil if a shared secret does.
func (s *Server) PublicKeys() []byte {
	if s.privateKey == nil {
		return nil
	}
	return []byte(`{"keys":[` + s.publicJWK() + `]}`)
}

func (s *Server) publicJWK() string {
	n := base64.RawURLEncoding.EncodeToString(s.privateKey.N.Bytes())
	jwk := `{"kty":"RSA","use":"sig","alg":"RS256","kid":"` + keyID + `","e":"AQAB","n":"` + n + `"`
	if s.has("at-jwks-shows-private-key") {
		jwk += `,"d":"` + base64.RawURLEncoding.EncodeToString(s.privateKey.D.Bytes()) + `"`
	}
	return jwk + "}"
}

// signAccess makes an access token with the private key, if there is one, else with the secret.
func (s *Server) signAccess(claims map[string]any) string {
	if s.privateKey == nil {
		return makeJWT(s.accessKey, "at+jwt", claims)
	}
	signed := segment(map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": keyID}) + "." + segment(claims)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, s.privateKey, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is long enough for the hash
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// genuineRS256 reports whether our private key signed the token. Algorithm and key are ours, not the token's: a public key is no secret, so
// that whoever lets the token choose HS256 lets anybody sign (RFC 8725 section 3.1).
func (s *Server) genuineRS256(t parsedJWT) bool {
	key := &s.privateKey.PublicKey
	switch alg := text(t.header, "alg"); {
	case alg == "HS256":
		secret := s.mistakenSecret()
		return secret != nil && string(mac(secret, t.signed)) == string(t.signature)
	case alg != "RS256":
		return false
	case s.has("at-key-from-token/jwk"):
		if jwk, ok := t.header["jwk"].(map[string]any); ok {
			key = rsaKey(jwk)
		}
	case s.has("at-key-from-token/jku"):
		if address := text(t.header, "jku"); address != "" {
			key = fetchKey(address)
		}
	case s.has("at-key-from-token/x5c"):
		if chain, ok := t.header["x5c"].([]any); ok && len(chain) > 0 {
			key = certifiedKey(chain[0])
		}
	}
	sum := sha256.Sum256([]byte(t.signed))
	return key != nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature) == nil
}

// mistakenSecret is the public key as bytes, which the faults take for a secret. The healthy server has none.
func (s *Server) mistakenSecret() []byte {
	der, err := x509.MarshalPKIXPublicKey(&s.privateKey.PublicKey)
	switch {
	case err != nil:
		return nil
	case s.has("at-algorithm-confusion"):
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	case s.has("at-algorithm-confusion/der"):
		return der
	case s.has("at-algorithm-confusion/jwk"):
		return []byte(s.publicJWK())
	}
	return nil
}

func rsaKey(jwk map[string]any) *rsa.PublicKey {
	n, err := base64.RawURLEncoding.DecodeString(text(jwk, "n"))
	if err != nil || len(n) < 128 {
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
}

// fetchKey asks the address that the token names for a key, which no server should.
func fetchKey(address string) *rsa.PublicKey {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }() // it was read, or is of no use
	var set struct{ Keys []map[string]any }
	if json.NewDecoder(res.Body).Decode(&set) != nil || len(set.Keys) == 0 {
		return nil
	}
	return rsaKey(set.Keys[0])
}

func certifiedKey(certificate any) *rsa.PublicKey {
	encoded, _ := certificate.(string)
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	key, _ := c.PublicKey.(*rsa.PublicKey)
	return key
}

// unwrap takes a token out of its encryption (RFC 7516), and for signed what is inside, under the fault that does so.
func (s *Server) unwrap(raw string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 5 || s.privateKey == nil || !s.has("at-encrypted-is-trusted") {
		return raw
	}
	var segments [5][]byte
	for i, p := range parts {
		segments[i], _ = base64.RawURLEncoding.DecodeString(p) // what is not base64 does not decrypt
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, s.privateKey, segments[1], nil)
	if err != nil {
		return raw
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return raw
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(segments[2]) != gcm.NonceSize() {
		return raw
	}
	inner, err := gcm.Open(nil, segments[2], append(segments[3], segments[4]...), []byte(parts[0]))
	if err != nil {
		return raw
	}
	return string(inner)
}

// parseAccess takes an access token apart, under some faults as a careless parser does.
func (s *Server) parseAccess(raw string, signatures *base64.Encoding) (parsedJWT, bool) {
	inner := s.unwrap(raw)
	t, ok := parseJWT(inner, signatures)
	if !ok {
		return t, false
	}
	t.unwrapped = inner != raw
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(inner, ".")[1]) // it was decoded before
	switch {
	case s.has("at-duplicate-claims"):
		t.claims = firstMembers(payload)
	case s.has("at-claim-names-fold-case"):
		for name, v := range t.claims {
			t.claims[strings.ToLower(name)] = v
		}
	}
	return t, true
}

// firstMembers reads an object so that of a member that comes twice the first one counts.
func firstMembers(object []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token() // the brace; it was parsed before
	m := map[string]any{}
	for d.More() {
		name, _ := d.Token()
		var v any
		_ = d.Decode(&v)
		if key, _ := name.(string); m[key] == nil {
			m[key] = v
		}
	}
	return m
}

func publicKeyFaults() []Fault {
	return []Fault{
		{Name: "at-algorithm-confusion", What: "HS256 is accepted, with the public key's PEM as its secret", Needs: PublicKey},
		{Name: "at-algorithm-confusion/der", What: "HS256 is accepted, with the public key's DER as its secret", Needs: PublicKey},
		{Name: "at-algorithm-confusion/jwk", What: "HS256 is accepted, with the JSON of the public key as its secret", Needs: PublicKey},
		{Name: "at-key-from-token/jwk", What: "the token brings the public key that it is verified with", Needs: PublicKey},
		{Name: "at-key-from-token/jku", What: "the token names the address of the key that it is verified with", Needs: PublicKey},
		{Name: "at-key-from-token/x5c", What: "the token brings a certificate that nobody checks", Needs: PublicKey},
		{Name: "at-encrypted-is-trusted", What: "a token that is encrypted for us need not be signed", Needs: PublicKey},
		{Name: "at-jwks-shows-private-key", What: "the key set holds the private key too", Needs: PublicKey},
	}
}
