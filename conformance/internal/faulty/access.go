package faulty

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// me answers GET /me with the user to whom the access token was issued.
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	raw, sent := s.bearer(r)
	u := s.vouched(w, r, s.authenticate(raw), sent)
	if u == nil {
		s.refuseMe(w, raw, sent)
		return
	}
	body := map[string]any{"id": u.id, "email": u.email}
	if s.has("me-leaks-password-hash") {
		body["password_hash"] = hex.EncodeToString(u.hashed)
	}
	answer(w, http.StatusOK, "application/json", body)
}

// authenticate returns the user whom an access token stands for, else nil.
func (s *Server) authenticate(raw string) *user {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.verifyAccess(raw, s.clock())
	if u == nil && s.has("rt-accepted-as-access") {
		if t, ok := s.parseRefresh(raw); ok {
			u = s.userByID(t.user)
		}
	}
	if s.has("me-answers-other-user") && u != nil {
		if s.cachedMe == nil {
			s.cachedMe = u
		}
		u = s.cachedMe // the answer was cached by its path, and the path is everybody's
	}
	if s.has("me-answers-other-user/concurrent") && u != nil {
		s.currentUser = u // in a global variable, while something else is waited for
		s.gap()
		u = s.currentUser
	}
	return s.remember(raw, u)
}

// bearer returns the access token of a request (RFC 6750 section 2.1), and whether the request sent one at all.
func (s *Server) bearer(r *http.Request) (raw string, sent bool) {
	if s.has("at-accepted-in-url") && r.URL.Query().Has("access_token") {
		return r.URL.Query().Get("access_token"), true
	}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", false
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	token = strings.TrimLeft(token, " ")
	ours := strings.EqualFold(scheme, "Bearer") // RFC 9110 section 11.1
	if s.has("at-scheme-case-sensitive") {
		ours = scheme == "Bearer"
	}
	if !ours || token == "" {
		return "", false
	}
	if len(headers) > 1 { // two proxies could each believe another one
		return "", true
	}
	return token, true
}

// refuseMe answers 401 with a challenge, whose error code belongs to requests that sent a token (RFC 6750 section 3.1).
func (s *Server) refuseMe(w http.ResponseWriter, raw string, sent bool) {
	status, challenge := http.StatusUnauthorized, `Bearer realm="faulty"`
	if sent && !s.has("at-401-without-challenge-or-403/no-error-code") {
		challenge += `, error="invalid_token"`
	}
	switch {
	case s.has("tx-credential-echoed-in-error/challenge") && sent:
		challenge += fmt.Sprintf(`, error_description="%.1000s is not valid"`, raw)
	case s.has("at-malformed-500") && headerIsList(raw): // which has no members to ask for
		status, challenge = http.StatusInternalServerError, ""
	case s.has("at-401-without-challenge-or-403"):
		challenge = ""
	case s.has("at-401-without-challenge-or-403/basic"):
		challenge = `Basic realm="faulty"` // browsers answer it with a password dialog
	case s.has("at-401-without-challenge-or-403/403"):
		status = http.StatusForbidden
	case s.has("at-401-without-challenge-or-403/400"):
		status = http.StatusBadRequest
	}
	if challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	s.problem(w, status, "an access token is needed, as Authorization: Bearer")
}

func headerIsList(raw string) bool {
	head, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	return err == nil && len(b) > 0 && b[0] == '['
}

func (s *Server) userByID(id string) *user {
	for _, u := range s.users {
		if u.id == id {
			return u
		}
	}
	return nil
}
