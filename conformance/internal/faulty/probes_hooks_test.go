package faulty

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

var attackerKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

// attackerJWK is the attacker's public key.
func attackerJWK() map[string]any {
	return map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(attackerKey.N.Bytes())}
}

// byAttacker shows /me a token that the attacker's own key signed, with these header members.
func byAttacker(head func(w *world) map[string]any) func(*world) string {
	return func(w *world) string {
		t, _ := parseJWT(w.login().access, strictBase64())
		edit(t.header, head(w))
		signed := segment(t.header) + "." + segment(t.claims)
		sum := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPKCS1v15(rand.Reader, attackerKey, crypto.SHA256, sum[:])
		if err != nil {
			w.t.Fatal(err)
		}
		return w.me(signed + "." + base64.RawURLEncoding.EncodeToString(sig)).String()
	}
}

// byPublicKey shows /me a token with HS256 and the server's public key as its secret.
func byPublicKey(spelled func(w *world, der []byte) []byte) func(*world) string {
	return func(w *world) string {
		der, err := x509.MarshalPKIXPublicKey(&w.s.privateKey.PublicKey)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.me(forge(w.login().access, map[string]any{"alg": "HS256"}, nil, string(spelled(w, der)))).String()
	}
}

func publicKeyProbes() map[string]probe {
	return map[string]probe{
		"at-algorithm-confusion": {"401", "200", byPublicKey(func(_ *world, der []byte) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		})},
		"at-algorithm-confusion/der": {"401", "200", byPublicKey(func(_ *world, der []byte) []byte { return der })},
		"at-algorithm-confusion/jwk": {"401", "200", byPublicKey(func(w *world, _ []byte) []byte {
			keys := string(w.s.PublicKeys())
			return []byte(keys[strings.IndexByte(keys, '[')+1 : len(keys)-2])
		})},
		"at-key-from-token/jwk": {"401", "200", byAttacker(func(*world) map[string]any { return map[string]any{"jwk": attackerJWK()} })},
		"at-key-from-token/jku": {"401", "200", byAttacker(func(w *world) map[string]any {
			srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(rw, `{"keys":[{"n":%q}]}`, attackerJWK()["n"])
			}))
			w.t.Cleanup(srv.Close)
			return map[string]any{"jku": srv.URL}
		})},
		"at-key-from-token/x5c": {"401", "200", byAttacker(func(w *world) map[string]any {
			template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
			der, err := x509.CreateCertificate(rand.Reader, template, template, &attackerKey.PublicKey, attackerKey)
			if err != nil {
				w.t.Fatal(err)
			}
			return map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(der)}}
		})},
		"at-encrypted-is-trusted":   {"401", "200", func(w *world) string { return w.me(encrypt(w, unsignedToken(w.login().access))).String() }},
		"at-jwks-shows-private-key": {"false", "true", func(w *world) string { return fmt.Sprint(strings.Contains(string(w.s.PublicKeys()), `"d":`)) }},
	}
}

func unsignedToken(good string) string {
	t, _ := parseJWT(good, strictBase64())
	t.header["alg"] = "none"
	return segment(t.header) + "." + segment(t.claims) + "."
}

// encrypt is a text as a compact JWE to the server's key.
func encrypt(w *world, text string) string {
	key := make([]byte, 32)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &w.s.privateKey.PublicKey, key, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		w.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		w.t.Fatal(err)
	}
	header := segment(map[string]any{"alg": "RSA-OAEP-256", "enc": "A256GCM"})
	iv := make([]byte, gcm.NonceSize())
	sealed := gcm.Seal(nil, iv, []byte(text), []byte(header))
	cut := len(sealed) - gcm.Overhead()
	raw := header
	for _, part := range [][]byte{wrapped, iv, sealed[:cut], sealed[cut:]} {
		raw += "." + base64.RawURLEncoding.EncodeToString(part)
	}
	return raw
}

func logProbes() map[string]probe {
	logs := func(secret func(w *world) string) func(*world) string {
		return func(w *world) string { s := secret(w); return fmt.Sprint(strings.Contains(w.log.String(), s)) }
	}
	refreshed := func(f func(token string) string) func(*world) string {
		return logs(func(w *world) string { a, _ := w.rotated(); return f(a.refresh) })
	}
	return map[string]probe{
		"st-token-in-logs": {"false", "true", refreshed(func(t string) string { return t })},
		"st-token-in-logs/base64": {"false", "true", refreshed(func(t string) string {
			return base64.StdEncoding.EncodeToString([]byte("Cookie: refresh_token=" + t[:20]))
		})},
		"st-token-in-logs/signature":  {"false", "true", refreshed(func(t string) string { return t[strings.LastIndexByte(t, '.')+1:] })},
		"st-token-in-logs/access":     {"false", "true", logs(func(w *world) string { a := w.login(); w.me(a.access); return a.access })},
		"st-token-in-logs/password":   {"false", "true", logs(func(w *world) string { w.login(); return alicePassword })},
		"st-token-in-logs/mistyped":   {"false", "true", logs(func(w *world) string { w.loginAs(alice, "mistyped"); return "mistyped" })},
		"st-token-in-logs/secret":     {"false", "true", logs(func(w *world) string { w.login(); return DemoSecret })},
		"op-attacks-not-logged":       {"true", "false", logs(func(w *world) string { a, _ := w.rotated(); w.refresh(a.refresh); return "reuse_detected" })},
		"op-attacks-not-logged/login": {"true", "false", logs(func(w *world) string { w.loginAs(alice, "wrong"); return "login_failed" })},
	}
}
