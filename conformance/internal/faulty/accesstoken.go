package faulty

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"
)

// What access tokens say of who made them and for whom.
const (
	issuer   = "faulty"
	audience = "faulty-client"
)

// localTime is what a server in Tokyo is late, in seconds, if it takes UTC for its own time.
const localTime = 9 * 60 * 60

// accessToken makes the access token of an answer. It says no more than it must: anyone who holds it can read it.
func (s *Server) accessToken(f *family, on call, now time.Time) string {
	issued, ttl, subject := now.Unix(), s.accessTTL, f.user
	switch {
	case s.has("at-local-time"):
		issued -= localTime
	case s.has("at-ttl-unit-error/minutes-as-seconds"):
		ttl /= 60
	case s.has("at-ttl-unit-error/milliseconds-as-seconds"):
		ttl *= 1000
	case s.has("at-wrong-subject-on-refresh") && on == onRefresh:
		subject = s.otherUser(f.user)
	case s.has("at-ttl-unit-error/on-refresh") && on == onRefresh:
		ttl *= 60 // minutes once more
	}
	claims := map[string]any{
		"iss": issuer, "aud": audience, "sub": subject.id, "iat": issued, "exp": issued + int64(ttl/time.Second), "jti": newID(),
	}
	switch {
	case s.has("at-aud-not-checked/missing-claim"):
		delete(claims, "aud")
	case s.has("at-iss-not-checked/missing-claim"):
		delete(claims, "iss")
	case s.has("at-iss-not-checked/other-on-refresh") && on == onRefresh:
		claims["iss"] = issuer + "/"
	case s.has("at-exp-absent-or-optional"), s.has("at-exp-absent-or-optional/on-refresh") && on == onRefresh:
		delete(claims, "exp")
	case s.has("at-exp-absent-or-optional/text"):
		claims["exp"] = fmt.Sprint(claims["exp"])
	case s.has("at-nbf-iat-in-future"):
		claims["iat"] = issued + 5
	case s.has("at-nbf-iat-in-future/nbf"):
		claims["nbf"] = issued + 5
	case s.has("at-nbf-iat-in-future/skewed-replica"):
		claims["nbf"] = issued
	case s.has("at-jti-missing"):
		delete(claims, "jti")
	case s.has("at-jti-derived-collides", "at-jti-derived-collides/denied"):
		sum := sha256.Sum256(fmt.Append(nil, subject.id, issued))
		claims["jti"] = hex.EncodeToString(sum[:8])
	case s.has("at-sensitive-claims/email"):
		claims["email"] = subject.email
	case s.has("at-sensitive-claims/password-hash"):
		claims["pwd"] = hex.EncodeToString(subject.hashed)
	case s.has("at-sensitive-claims/family"):
		claims["fam"] = f.id
	case s.has("at-sensitive-claims/refresh-token"):
		claims["rt"] = f.last
	case s.has("login-mass-assignment"):
		maps.Copy(claims, s.loginBodies[subject.email])
	case s.has("at-stale-claims-on-refresh/lost") && on == onRefresh:
		delete(claims, "iat")
	case s.has("at-stale-claims-on-refresh") && on == onRefresh:
		exp := claims["exp"]
		claims = maps.Clone(f.claims) // the old token, signed again
		claims["exp"] = exp
	}
	if s.has("at-jti-derived-collides/denied", "at-dies-on-refresh") && on == onRefresh {
		s.deniedJTIs[text(f.claims, "jti")] = true // the old one, and perhaps the new one's too
	}
	f.claims = claims
	s.sessions[text(claims, "jti")] = f
	return s.signAccess(claims)
}

// verifyAccess returns the user to whom a valid access token was issued, else nil. At exp it is over: there is no leeway.
func (s *Server) verifyAccess(raw string, now time.Time) *user {
	signatures := strictBase64()
	if s.has("at-signature-not-verified/loose-base64") {
		signatures = base64.RawURLEncoding
	}
	t, ok := s.parseAccess(raw, signatures)
	if !ok || !s.genuineAccess(t) {
		return nil
	}
	if text(t.header, "typ") != "at+jwt" && !s.has("at-typ-not-checked") {
		return nil
	}
	if _, critical := t.header["crit"]; critical && !s.has("at-algorithm-not-pinned/crit") { // RFC 7515 section 4.1.11
		return nil
	}
	if !s.forUs(t.claims) || !s.inTime(t.claims, now) {
		return nil
	}
	if s.has("at-jti-derived-collides/denied", "at-dies-on-refresh", "logout-refresh-path-ignores-revocation") && s.deniedJTIs[text(t.claims, "jti")] {
		return nil
	}
	if s.sessionOver(text(t.claims, "jti")) {
		return nil
	}
	u := s.userByID(text(t.claims, "sub"))
	if u != nil && u.disabled && !s.has("at-user-state-not-rechecked") {
		return nil
	}
	return u
}

// genuineAccess reports whether we signed the token, with the one algorithm and the one key that are ours: what the token says of
// either is the word of whoever made it (RFC 8725 section 3.1).
func (s *Server) genuineAccess(t parsedJWT) bool {
	alg, key := text(t.header, "alg"), s.accessKey
	if s.privateKey != nil {
		return s.genuineRS256(t) || s.has("at-encrypted-is-trusted") && t.unwrapped
	}
	want := mac(key, t.signed)
	switch {
	case s.has("at-alg-none-accepted") && alg == "none",
		s.has("at-alg-none-accepted/any-case") && alg != "none" && strings.EqualFold(alg, "none"),
		s.has("at-alg-none-accepted/empty") && alg == "":
		return true
	case s.has("at-algorithm-not-pinned") && (alg == "HS384" || alg == "HS512"):
		newHash := map[string]func() hash.Hash{"HS384": sha512.New384, "HS512": sha512.New}[alg]
		m := hmac.New(newHash, key)
		m.Write([]byte(t.signed))
		return hmac.Equal(t.signature, m.Sum(nil))
	case alg != "HS256":
		return false
	case s.has("at-signature-not-verified"):
		return true
	case s.has("at-signature-not-verified/empty") && len(t.signature) == 0:
		return true
	case s.has("at-signature-not-verified/truncated") && len(t.signature) > 0:
		want = want[:min(len(want), len(t.signature))]
	case s.has("at-signature-not-verified/first-half") && len(t.signature) == len(want): // as a column of 16 bytes has it
		return slices.Equal(t.signature[:len(want)/2], want[:len(want)/2])
	case s.has("at-algorithm-not-pinned/jwk"):
		if jwk, ok := t.header["jwk"].(map[string]any); ok {
			key, _ = strictBase64().DecodeString(text(jwk, "k"))
			want = mac(key, t.signed)
		}
	case s.has("at-algorithm-not-pinned/kid"):
		if _, ok := t.header["kid"]; ok { // no such file, so an empty key
			want = mac(nil, t.signed)
		}
	}
	return subtle.ConstantTimeCompare(t.signature, want) == 1
}

// forUs compares issuer and audience, byte for byte (RFC 7519 sections 4.1.1 and 4.1.3).
func (s *Server) forUs(claims map[string]any) bool {
	iss, issOK := text(claims, "iss"), text(claims, "iss") == issuer
	switch {
	case s.has("at-iss-not-checked"),
		s.has("at-iss-not-checked/missing-claim") && iss == "",
		s.has("at-iss-not-checked/other-on-refresh") && iss == issuer+"/",
		s.has("at-iss-not-checked/prefix") && strings.HasPrefix(iss, issuer),
		s.has("at-iss-not-checked/part") && iss != "" && strings.Contains(issuer, iss):
		issOK = true
	}
	if list, ok := claims["iss"].([]any); ok && s.has("at-iss-not-checked/list") {
		issOK = slices.Contains(list, any(issuer))
	}
	return issOK && s.audienceOK(claims["aud"])
}

// audienceOK: we are the audience, or one of several.
func (s *Server) audienceOK(aud any) bool {
	one, _ := aud.(string)
	list, several := aud.([]any)
	switch {
	case s.has("at-aud-not-checked"),
		s.has("at-aud-not-checked/missing-claim") && aud == nil,
		s.has("at-aud-not-checked/empty-list") && several && len(list) == 0,
		s.has("at-aud-not-checked/part") && strings.Contains(one, audience):
		return true
	case several:
		return slices.Contains(list, any(audience))
	}
	return one == audience
}

// inTime judges exp, which must be there, and nbf, which need not (RFC 7519 sections 4.1.4 and 4.1.5).
func (s *Server) inTime(claims map[string]any, now time.Time) bool {
	at := float64(now.UnixMicro()) / 1e6
	switch {
	case s.has("at-expired-accepted/leeway-60s"):
		at -= 60
	case s.has("at-local-time"):
		at -= localTime
	}
	exp, ok := claims["exp"].(float64)
	switch {
	case s.has("at-expired-accepted", "at-exp-absent-or-optional/text"):
	case !ok && s.has("at-exp-absent-or-optional", "at-exp-absent-or-optional/on-refresh", "at-exp-absent-or-optional/verifier"):
	case exp == 0 && ok && s.has("at-exp-absent-or-optional/zero"):
	case !ok || at >= exp:
		return false
	}
	nbf, ok := claims["nbf"].(float64)
	if _, there := claims["nbf"]; there && !ok && !s.has("at-claim-type-not-checked") {
		return false
	}
	return !ok || at >= nbf || s.has("at-nbf-iat-in-future/nbf", "at-nbf-iat-in-future/verifier")
}
