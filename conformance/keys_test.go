package conformance

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
)

// public keys of every kind that signs a JWT.
func publics(t *testing.T) map[string]crypto.PublicKey {
	keys := map[string]crypto.PublicKey{}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		keys[alg] = &r.PublicKey
	}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		keys[alg] = &k.PublicKey
	}
	e, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	keys["EdDSA"] = e
	return keys
}

// A key that is published as a JWK is read back, and verifies what its other half signed under its own algorithm, and nothing else.
func TestKeysVerify(t *testing.T) {
	for alg, like := range publics(t) {
		own, err := newOwnKey(like)
		require.NoError(t, err)
		set, err := parseKeys([]byte(jsonText(map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "x"}, own.jwk("a")}})))
		require.NoError(t, err, alg)
		require.Equal(t, []string{"k"}, set.private)
		require.Len(t, set.keys, 1)
		k := set.keys[0]
		require.Equal(t, own.private.Public(), k.key, alg)

		signed := encodeSegment(map[string]any{"alg": alg}) + "." + encodeSegment(map[string]any{"sub": "1"})
		token, ok := parseJWT(signed + "." + own.sign(alg, signed))
		require.True(t, ok)
		require.True(t, k.verifies(token), alg)
		token.parts[1] += "A"
		require.False(t, k.verifies(token), alg)
		other, ok := parseJWT(signed + "." + own.sign(alg, signed))
		require.True(t, ok)
		other.header["alg"] = "HS256"
		require.False(t, k.verifies(other), alg)

		one, err := parseKeys([]byte(jsonText(own.jwk(nil))))
		require.NoError(t, err)
		require.Equal(t, k.key, one.keys[0].key)
	}
}

func TestKeysInPEM(t *testing.T) {
	for alg, like := range publics(t) {
		own, err := newOwnKey(like)
		require.NoError(t, err)
		der, err := x509.MarshalPKIXPublicKey(own.private.Public())
		require.NoError(t, err)
		private, err := x509.MarshalPKCS8PrivateKey(own.private)
		require.NoError(t, err)
		var text bytes.Buffer
		for _, b := range []pem.Block{{Type: "PUBLIC KEY", Bytes: der}, {Type: "CERTIFICATE", Bytes: own.certificate}, {Type: "PRIVATE KEY", Bytes: private}} {
			require.NoError(t, pem.Encode(&text, &b))
		}
		set, err := parseKeys(append([]byte("\n "), text.Bytes()...))
		require.NoError(t, err)
		require.Equal(t, []string{"PRIVATE KEY"}, set.private)
		require.Len(t, set.keys, 2)
		require.Equal(t, own.private.Public(), set.keys[0].key, alg)
		require.Equal(t, own.private.Public(), set.keys[1].key, alg)
		require.Contains(t, set.keys[1].mistakable(), "x5c")
	}
	for _, bad := range []string{"", "{}", "[]", `{"keys":[]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		_, err := parseKeys([]byte(bad))
		require.Error(t, err, bad)
	}
}

// The spellings are those that software really holds a key as: each is found by its first bytes, and no two are the same.
func TestMistakableSpellings(t *testing.T) {
	seen := map[string]bool{}
	all := publics(t)
	for _, alg := range []string{"RS256", "ES256", "ES512", "EdDSA"} {
		spelled := publicKey{key: all[alg], json: `{ "kty": "x", "a": 1 }`}.mistakable()
		ssh := map[string]string{"RS256": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ", "ES256": "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB", "ES512": "ecdsa-sha2-nistp521 AAAA", "EdDSA": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"}[alg]
		require.Contains(t, string(spelled["ssh"][0]), ssh)
		require.Len(t, spelled["pem"], 5)
		require.Equal(t, alg == "RS256", spelled["pem-pkcs1"] != nil)
		for kind, list := range spelled {
			for _, secret := range list {
				require.False(t, seen[string(secret)] && kind != "jwk", "%s %s", alg, kind)
				seen[string(secret)] = true
			}
		}
	}
	require.True(t, seen[`{ "kty": "x", "a": 1 }`] && seen[`{"kty":"x","a":1}`] && seen[`{"a":1,"kty":"x"}`])
}
