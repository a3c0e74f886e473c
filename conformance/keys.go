package conformance

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the algorithms
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// publicKey is a key that verifies access tokens, as the target publishes it.
type publicKey struct {
	key  crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	json string           // its entry in a JSON Web Key Set, byte for byte; "": it came as PEM
	x5c  [][]byte         // its certificates in DER
}

// keySet is what -jwks names.
type keySet struct {
	keys    []publicKey
	private []string // members that nobody outside may know
}

// parseKeys reads a JSON Web Key Set (RFC 7517), a single key of one, or public keys and certificates in PEM. Kinds of keys that sign no
// JWT are passed over.
func parseKeys(raw []byte) (keySet, error) {
	if text := bytes.TrimSpace(raw); bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return parsePEM(text)
	}
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &doc); err != nil {
		return keySet{}, fmt.Errorf("neither a JSON Web Key Set nor PEM: %w", err)
	}
	if doc.Keys == nil {
		doc.Keys = []json.RawMessage{raw}
	}
	var set keySet
	for _, entry := range doc.Keys {
		var m map[string]any
		if err := json.Unmarshal(entry, &m); err != nil {
			return keySet{}, fmt.Errorf("a key of the set: %w", err)
		}
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if m[secret] != nil && !slices.Contains(set.private, secret) {
				set.private = append(set.private, secret)
			}
		}
		if key := jwkKey(m); key != nil {
			set.keys = append(set.keys, publicKey{key, string(bytes.TrimSpace(entry)), certificates(m)})
		}
	}
	if set.keys == nil {
		return keySet{}, errors.New("it holds no RSA, EC or Ed25519 key")
	}
	return set, nil
}

func jwkKey(m map[string]any) crypto.PublicKey {
	part := func(name string) []byte {
		text, _ := m[name].(string)
		b, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")) // an empty one makes no key
		return b
	}
	kty, _ := m["kty"].(string)
	crv, _ := m["crv"].(string)
	switch {
	case kty == "RSA" && len(part("n")) >= 128 && len(part("e")) > 0 && len(part("e")) <= 4:
		return &rsa.PublicKey{N: new(big.Int).SetBytes(part("n")), E: int(new(big.Int).SetBytes(part("e")).Int64())}
	case kty == "EC" && curves[crv] != nil:
		size := (curves[crv].Params().BitSize + 7) / 8
		point := append([]byte{4}, append(pad(part("x"), size), pad(part("y"), size)...)...)
		if key, err := ecdsa.ParseUncompressedPublicKey(curves[crv], point); err == nil {
			return key
		}
	case kty == "OKP" && crv == "Ed25519" && len(part("x")) == ed25519.PublicKeySize:
		return ed25519.PublicKey(part("x"))
	}
	return nil
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func pad(b []byte, size int) []byte { return append(make([]byte, max(0, size-len(b))), b...) }

func certificates(m map[string]any) [][]byte {
	list, _ := m["x5c"].([]any)
	var ders [][]byte
	for _, c := range list {
		text, _ := c.(string)
		if der, err := base64.StdEncoding.DecodeString(text); err == nil {
			ders = append(ders, der)
		}
	}
	return ders
}

func parsePEM(raw []byte) (keySet, error) {
	var set keySet
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		k := publicKey{}
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			k.key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			k.key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				k.key, k.x5c = c.PublicKey, [][]byte{block.Bytes}
			}
		default:
			if strings.Contains(block.Type, "PRIVATE KEY") {
				set.private = append(set.private, block.Type)
			}
			continue
		}
		if err != nil {
			return keySet{}, fmt.Errorf("%s: %w", block.Type, err)
		}
		set.keys = append(set.keys, k)
	}
	if set.keys == nil {
		return keySet{}, errors.New("it holds no public key in PEM")
	}
	return set, nil
}

// verifies reports whether the key's other half signed the token, by the algorithm that its header names (RFC 7518 section 3.1).
func (k publicKey) verifies(t jwt) bool {
	alg, _ := t.header["alg"].(string)
	sig, err := base64.RawURLEncoding.DecodeString(t.parts[2])
	if err != nil || len(alg) < 5 {
		return false
	}
	signed := []byte(t.parts[0] + "." + t.parts[1])
	if key, ok := k.key.(ed25519.PublicKey); ok {
		return (alg == "EdDSA" || alg == "Ed25519") && ed25519.Verify(key, signed, sig)
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	if hash == 0 {
		return false
	}
	h := hash.New()
	h.Write(signed)
	sum := h.Sum(nil)
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		return alg[:2] == "RS" && rsa.VerifyPKCS1v15(key, hash, sum, sig) == nil ||
			alg[:2] == "PS" && rsa.VerifyPSS(key, hash, sum, sig, nil) == nil
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		return alg[:2] == "ES" && len(sig)%2 == 0 && ecdsa.Verify(key, sum, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
	}
	return false
}

// mistakable are the byte strings that a careless server may hold the key as, and so take for the secret of an HMAC: one list for each kind
// of spelling.
func (k publicKey) mistakable() map[string][][]byte {
	m := map[string][][]byte{}
	if der, err := x509.MarshalPKIXPublicKey(k.key); err == nil {
		m["pem"] = pems("PUBLIC KEY", der)
		m["der"] = [][]byte{der}
		m["base64"] = texts(base64.StdEncoding.EncodeToString(der), base64.RawURLEncoding.EncodeToString(der))
	}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		der := x509.MarshalPKCS1PublicKey(key)
		m["pem-pkcs1"] = pems("RSA PUBLIC KEY", der)
		m["der"] = append(m["der"], der)
		m["number"] = append(texts(base64.RawURLEncoding.EncodeToString(key.N.Bytes())), key.N.Bytes())
		m["ssh"] = ssh("ssh-rsa", big.NewInt(int64(key.E)).Bytes(), append([]byte{0}, key.N.Bytes()...))
	case *ecdsa.PublicKey:
		if point, err := key.Bytes(); err == nil {
			half := point[1 : 1+len(point)/2]
			m["number"] = append(texts(base64.RawURLEncoding.EncodeToString(half)), half, point, point[1:])
			curve := "nistp" + fmt.Sprint(key.Curve.Params().BitSize)
			m["ssh"] = ssh("ecdsa-sha2-"+curve, []byte(curve), point)
		}
	case ed25519.PublicKey:
		m["number"] = append(texts(base64.RawURLEncoding.EncodeToString(key)), key)
		m["ssh"] = ssh("ssh-ed25519", key)
	}
	if k.json != "" {
		var compact bytes.Buffer
		var members map[string]any
		_, _ = json.Compact(&compact, []byte(k.json)), json.Unmarshal([]byte(k.json), &members) // it was parsed before
		m["jwk"] = texts(k.json, compact.String(), jsonText(members), `{"keys":[`+k.json+`]}`)
	}
	for _, der := range k.x5c {
		m["x5c"] = append(m["x5c"], append(pems("CERTIFICATE", der), der, []byte(base64.StdEncoding.EncodeToString(der)))...)
	}
	for kind, list := range m {
		slices.SortFunc(list, bytes.Compare)
		m[kind] = slices.CompactFunc(list, bytes.Equal)
	}
	return m
}

func texts(list ...string) (out [][]byte) {
	for _, s := range list {
		out = append(out, []byte(s))
	}
	return out
}

// pems is PEM as it comes out of a file: with its last line feed, without, with one in front, and with the line ends of Windows or of an
// environment variable.
func pems(kind string, der []byte) [][]byte {
	text := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	bare := strings.TrimSuffix(text, "\n")
	return texts(text, bare, "\n"+text, strings.ReplaceAll(text, "\n", "\r\n"), strings.ReplaceAll(bare, "\n", `\n`))
}

// ssh is the key in the one-line format of OpenSSH (RFC 4253 section 6.6), with and without its line feed.
func ssh(kind string, parts ...[]byte) [][]byte {
	var blob []byte
	for _, p := range append([][]byte{[]byte(kind)}, parts...) {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(p))), p...)
	}
	line := kind + " " + base64.StdEncoding.EncodeToString(blob)
	return texts(line, line+"\n")
}
