package conformance

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// confusion is a spelling of a public key that servers have taken for the secret of an HMAC.
var confusions = []struct{ slug, kind, text, bug string }{
	{"hmac-pem", "pem", "HS256, HS384 or HS512 with the key's PEM as secret is refused", "CVE-2015-9235 jsonwebtoken, CVE-2016-10555 jwt-simple; with white space in front CVE-2026-34950 fast-jwt"},
	{"hmac-pem-pkcs1", "pem-pkcs1", "likewise with its PEM of PKCS #1", "CVE-2023-48223 fast-jwt, CVE-2017-11424 PyJWT"},
	{"hmac-der", "der", "likewise with its DER", "a key object that is turned into bytes for the HMAC"},
	{"hmac-base64", "base64", "likewise with the base64 of its DER", "a key that the configuration holds on one line"},
	{"hmac-jwk", "jwk", "likewise with its JSON", "CVE-2026-48526 PyJWT"},
	{"hmac-number", "number", "likewise with its modulus, point or bytes", "a JWK whose members are taken for an octet key"},
	{"hmac-ssh", "ssh", "likewise with its line in OpenSSH's format", "CVE-2022-29217 PyJWT, CVE-2024-33663 python-jose"},
	{"hmac-x5c", "x5c", "likewise with its certificate", "CVE-2017-11424 PyJWT"},
}

func accessConfusion() Scenario {
	sc := Scenario{
		ID: "access.confusion", Title: "A public key is no secret, and a token does not choose its key", Level: Must, Stage: 2, Needs: NeedMe | NeedKeys,
		Refs: []Ref{recommendedBy("RFC 8725", "§3.1–3.2, §3.10"), requiredBy("RFC 7515", "§10.7")},
		Why:  "everybody has the public key: whoever may use it as a secret, or bring a key of his own, signs tokens for any user",
		Hint: "bind each key to its one algorithm by configuration; never read jwk, jku, x5c or x5u of a token",
		Checks: []Check{
			{Slug: "genuine", Text: "the genuine token opens the endpoint, before and after"},
			{Slug: "public-only", Text: "what is published holds no private key"},
		},
	}
	for _, c := range confusions {
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text})
	}
	sc.Checks = append(sc.Checks,
		Check{Slug: "own-key", Text: "a signature by another key under the same kid is refused"},
		Check{Slug: "own-jwk", Text: "a token that brings its own public key is refused"},
		Check{Slug: "own-x5c", Text: "one that brings its own certificate is refused"},
		Check{Slug: "own-url", Text: "one that names the address of its key is refused, as jku or x5u"},
		Check{Slug: "url-unasked", Text: "and nobody asks that address", Level: Should},
		Check{Slug: "encrypted", Text: "one that is encrypted to the key and not signed is refused"},
	)
	sc.Run = func(s *Scene) { s.confuse() }
	return sc
}

func (s *Scene) confuse() {
	v := s.Victim.SignIn()
	e := v.Me(v.access.value, "")
	s.Given("a fresh access token does not work", e, e.accepted())
	t, _ := parseJWT(v.access.value)
	var key *publicKey
	for _, k := range s.run.keys.keys {
		if k.verifies(t) {
			key = &k
		}
	}
	if key == nil {
		s.stop(Inconclusive, "blocked: none of the %d keys of -jwks verifies the access token: are they this target's?", len(s.run.keys.keys))
	}
	s.Check("public-only", e, s.run.keys.private == nil, "public members", strings.Join(s.run.keys.private, ", "))
	refuse := func(slug, note, bug, raw string) {
		s.run.secrets.hide(raw, "‹forged: "+slug+"›")
		s.refuse(slug, bug, s.Attacker.Me(raw, note))
	}
	spelled := key.mistakable()
	for _, c := range confusions {
		if spelled[c.kind] == nil {
			s.Skip(c.slug, "the key has no such spelling")
		}
		for _, secret := range spelled[c.kind] {
			for _, alg := range []string{"HS256", "HS384", "HS512"} {
				signed := t.with(map[string]any{"alg": alg}, nil)
				sig, _ := hmacSign(alg, signed, secret)
				refuse(c.slug, alg+" by "+c.kind, c.bug, signed+"."+sig)
			}
		}
	}
	s.bringKey(t, *key, refuse)
	e = v.Me(v.access.value, "")
	s.Check("genuine", e, e.accepted(), "200", "")
	s.Control()
	v.Keep()
}

// bringKey forges with a key of the attacker's own, of the same kind as the target's.
func (s *Scene) bringKey(t jwt, k publicKey, refuse func(slug, note, bug, raw string)) {
	alg, _ := t.header["alg"].(string)
	own, err := newOwnKey(k.key)
	if err != nil {
		s.stop(Broken, "cannot make a key: %v", err)
	}
	forge := func(header map[string]any) string {
		signed := t.with(header, nil)
		return signed + "." + own.sign(alg, signed)
	}
	refuse("own-key", "another key", "a key that is looked up and then not used", forge(nil))
	refuse("own-jwk", "its own jwk", "CVE-2018-0114 node-jose", forge(map[string]any{"jwk": own.jwk("")}))
	refuse("own-jwk", "its own jwk under the same kid", "CVE-2018-0114 node-jose", forge(map[string]any{"jwk": own.jwk(t.header["kid"])}))
	refuse("own-x5c", "its own certificate", "a chain that is used without a look at its root", forge(map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(own.certificate)}}))
	if !loopback(s.target.client.base) {
		s.Skip("own-url", "a target on another host cannot be shown an address of this one")
		s.Skip("url-unasked", "a target on another host cannot be shown an address of this one")
	} else if err := s.showURLs(own, t, forge, refuse); err != nil {
		s.stop(Inconclusive, "blocked: cannot listen on loopback: %v", err)
	}
	if key, ok := k.key.(*rsa.PublicKey); ok {
		raw, err := encrypted(key, t.with(map[string]any{"alg": "none"}, nil)+".")
		if err != nil {
			s.stop(Broken, "cannot encrypt a token: %v", err)
		}
		refuse("encrypted", "encrypted and not signed", "CVE-2026-29000 pac4j-jwt", raw)
	} else {
		s.Skip("encrypted", "only an RSA key can be encrypted to")
	}
}

// showURLs lets tokens name an address on this machine, where the attacker's key is.
func (s *Scene) showURLs(own *ownKey, t jwt, forge func(map[string]any) string, refuse func(slug, note, bug, raw string)) error {
	listener, err := new(net.ListenConfig).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var asked atomic.Bool
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		if r.URL.Path == "/cert.pem" {
			_, _ = w.Write(pems("CERTIFICATE", own.certificate)[0]) // the target reads it or not
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(jsonText(map[string]any{"keys": []any{own.jwk(t.header["kid"])}}))) // likewise
	})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	defer func() { _ = server.Close() }()      // nobody needs it any more
	base := "http://" + listener.Addr().String()
	refuse("own-url", "its own jku", "a key set of whoever the token names", forge(map[string]any{"jku": base + "/jwks.json"}))
	refuse("own-url", "its own x5u", "a certificate of whoever the token names", forge(map[string]any{"x5u": base + "/cert.pem"}))
	s.Check("url-unasked", s.exchanges[len(s.exchanges)-1], !asked.Load(), "no request", "a request: the token makes the server ask any address")
	return nil
}

// ownKey is a key of the attacker's.
type ownKey struct {
	private     crypto.Signer
	certificate []byte
}

func newOwnKey(like crypto.PublicKey) (*ownKey, error) {
	k := &ownKey{}
	var err error
	switch key := like.(type) {
	case *rsa.PublicKey:
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case *ecdsa.PublicKey:
		k.private, err = ecdsa.GenerateKey(key.Curve, rand.Reader)
	case ed25519.PublicKey:
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = errors.New("unknown kind")
	}
	if err != nil {
		return nil, err
	}
	name := pkix.Name{CommonName: "attacker"}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	k.certificate, err = x509.CreateCertificate(rand.Reader, template, template, k.private.Public(), k.private)
	return k, err
}

// jwk is the public half, with a kid if there is one.
func (k *ownKey) jwk(kid any) map[string]any {
	text := base64.RawURLEncoding.EncodeToString
	m := map[string]any{"use": "sig"}
	switch key := k.private.Public().(type) {
	case *rsa.PublicKey:
		maps.Copy(m, map[string]any{"kty": "RSA", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes())})
	case *ecdsa.PublicKey:
		point, _ := key.Bytes() // it was generated on this curve
		half := len(point) / 2
		maps.Copy(m, map[string]any{"kty": "EC", "crv": key.Curve.Params().Name, "x": text(point[1 : 1+half]), "y": text(point[1+half:])})
	case ed25519.PublicKey:
		maps.Copy(m, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": text(key)})
	}
	if kid != nil && kid != "" {
		m["kid"] = kid
	}
	return m
}

// sign makes a signature of a JWS by the algorithm (RFC 7518 section 3.1).
func (k *ownKey) sign(alg, signed string) string {
	digest, opts := []byte(signed), crypto.SignerOpts(crypto.Hash(0))
	if _, plain := k.private.(ed25519.PrivateKey); !plain {
		hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
		h := hash.New()
		h.Write(digest)
		digest, opts = h.Sum(nil), hash
		if alg[:2] == "PS" {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
	}
	if key, ok := k.private.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			panic(err) // the digest is never too long
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		return base64.RawURLEncoding.EncodeToString(append(pad(r.Bytes(), size), pad(s.Bytes(), size)...))
	}
	sig, err := k.private.Sign(rand.Reader, digest, opts)
	if err != nil {
		panic(err) // the key is long enough for every hash
	}
	return base64.RawURLEncoding.EncodeToString(sig)
}

// encrypted is a text as a compact JWE (RFC 7516) with RSA-OAEP-256 and A256GCM.
func encrypted(key *rsa.PublicKey, text string) (string, error) {
	content := make([]byte, 32+12)
	rand.Read(content) // never fails (crypto/rand)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, content[:32], nil)
	if err != nil {
		return "", fmt.Errorf("encrypt the content key: %w", err)
	}
	block, err := aes.NewCipher(content[:32])
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	header := encodeSegment(map[string]any{"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"})
	sealed := gcm.Seal(nil, content[32:], []byte(text), []byte(header))
	cut := len(sealed) - gcm.Overhead()
	parts := [][]byte{wrapped, content[32:], sealed[:cut], sealed[cut:]}
	raw := header
	for _, p := range parts {
		raw += "." + base64.RawURLEncoding.EncodeToString(p)
	}
	return raw, nil
}
