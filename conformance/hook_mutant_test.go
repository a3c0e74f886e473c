package conformance_test

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// headerOf reads a token's header.
func headerOf(raw string) map[string]any {
	head, _, _ := strings.Cut(raw, ".")
	return claimsOf("." + head + ".")
}

// payloadOf is a token's claims as they were written.
func payloadOf(raw string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return ""
	}
	b, _ := base64.RawURLEncoding.DecodeString(parts[1]) // nothing, then
	return string(b)
}

// hookMutants are those of the stories that need a hook, or a key.
func hookMutants() []mutant {
	algorithm := func(name string) wrap { return opens(func(h hop) bool { return headerOf(h.bearer())["alg"] == name }) }
	writing := func(text string) wrap {
		return opens(func(h hop) bool { return strings.Contains(payloadOf(h.bearer()), text) })
	}
	list := []mutant{
		{check: "access.forged/dots", wrap: opens(func(h hop) bool { return h.bearer() == ".." })},
		{check: "access.forged/psychic", wrap: algorithm("ES256")},
		{check: "access.signed/alg-case", wrap: algorithm("hs256")},
		{check: "access.signed/sub-list", wrap: writing(`"sub":["`)},
		{check: "access.signed/exp-infinite", wrap: writing("1e400")},
		{check: "access.signed/claims-list", wrap: opens(func(h hop) bool { return payloadOf(h.bearer()) == "[]" })},
		{check: "access.signed/claims-twice", wrap: writing("} {}")},
		{check: "access.confusion/genuine", wrap: onlyOnce("access.confusion")},
		{check: "access.confusion/own-key", wrap: otherSignature()},
		{check: "admin.disable/enabled-login", wrap: in("admin.disable", loginPath, 8, refusing(http.StatusUnauthorized))},
		{check: "admin.password/new-works", wrap: in("admin.password", loginPath, 3, refusing(http.StatusUnauthorized))},
		{check: "admin.password/new-access", wrap: in("admin.password", mePath, 1, refusing(http.StatusUnauthorized))},
		{check: "admin.password/changed-back", wrap: in("admin.password", loginPath, 6, refusing(http.StatusUnauthorized))},
		{check: "operations.restart/new-login", wrap: in("operations.restart", refreshPath, 20, refusing(http.StatusUnauthorized))},
	}
	for _, kind := range []string{"pem-pkcs1", "base64", "number", "ssh", "x5c"} {
		list = append(list, mutant{check: "access.confusion/hmac-" + kind, wrap: algorithm("HS256")})
	}
	return list
}

// otherSignature opens /me for the claims of a token that was seen before, under any signature.
func otherSignature() wrap {
	seen := ""
	return in("access.confusion", mePath, 0, func(h hop) {
		signed := h.bearer()[:strings.LastIndexByte(h.bearer(), '.')+1]
		if seen == "" {
			seen = signed
		}
		if signed != seen {
			h.pass()
			return
		}
		opens(func(hop) bool { return true })(h.next).ServeHTTP(h.w, h.r)
	})
}
