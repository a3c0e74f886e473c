package faulty

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// refresh answers POST /auth/refresh, which exchanges the live token of a session for its successor.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request) {
	body, ok := s.readBody(w, r)
	if !ok {
		return
	}
	if s.has("cookie-csrf-check-unsatisfiable") && !csrfTokenFits(r) {
		s.problem(w, http.StatusForbidden, "the CSRF token does not fit")
		return
	}
	bearer, sent := s.bearer(r)
	if s.has("rt-needs-live-access-token") || s.has("rt-needs-live-access-token/if-sent") && sent {
		if s.authenticate(bearer) == nil {
			s.refuseRefresh(w, r, "", missing)
			return
		}
	}
	if s.has("tx-empty-json-refused") && len(body) == 0 && r.Header.Get("Content-Type") == "application/json" {
		s.problem(w, http.StatusBadRequest, "the body is not valid JSON: it is empty")
		return
	}
	raw, why := s.presented(r, body)
	if s.has("rt-bound-to-user-agent") && s.movedBrowser(raw, r) {
		why = unknown
	}
	var t tokens
	if why == "" || why == missing && s.has("rt-no-credential-needed") {
		t, why = s.exchangeOnce(raw)
	}
	if why != "" {
		s.refuseRefresh(w, r, raw, why)
		return
	}
	s.writeTokens(w, r, onRefresh, t)
}

// presented returns the refresh token of a request. Two cookies mean that somebody else set one of them, a sibling domain perhaps:
// using either could spend the right one, or punish its owner for the wrong one, so neither is used.
func (s *Server) presented(r *http.Request, body []byte) (string, reason) {
	cookies := s.refreshCookies(r)
	bearer, _ := s.bearer(r)
	var inBody struct {
		Token string `json:"refresh_token"`
	}
	_ = json.NewDecoder(bytes.NewReader(body)).Decode(&inBody)
	switch {
	case len(cookies) == 1:
		return cookies[0], ""
	case len(cookies) > 1 && s.has("rt-two-cookies/first"):
		return cookies[0], ""
	case len(cookies) > 1 && s.has("rt-two-cookies/last"):
		return cookies[len(cookies)-1], ""
	case s.has("rt-accepted-in-url") && r.URL.Query().Has("refresh_token"):
		return r.URL.Query().Get("refresh_token"), ""
	case s.has("rt-accepted-in-body", "at-accepted-as-refresh/body") && inBody.Token != "":
		return inBody.Token, ""
	case s.has("rt-accepted-as-bearer", "at-accepted-as-refresh/bearer") && bearer != "":
		return bearer, ""
	case len(cookies) == 0:
		return "", missing
	}
	return "", malformed
}

// csrfTokenFits compares a header with a cookie that this server never sets.
func csrfTokenFits(r *http.Request) bool {
	c, err := r.Cookie("csrf_token")
	return err == nil && c.Value != "" && c.Value == r.Header.Get("X-CSRF-Token")
}

// exchange spends a refresh token. Any other genuine token of the family was rotated before: somebody holds a copy, thief or owner,
// so the whole family ends (RFC 9700 section 4.14.2). All of it happens under one lock, so of two that come at once one is late.
func (s *Server) exchange(raw string) (tokens, reason) {
	if s.has("conc-process-local-lock") {
		s.alone.Lock()
		defer s.alone.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	t, genuine := s.parseRefresh(raw)
	if !genuine {
		return s.exchangeOther(raw, now)
	}
	f := s.families[t.family]
	why := s.judge(f, t, now)
	switch {
	case why != "":
	case s.has("tx-rate-limit-shared-bucket") && f.crowded(now):
		why = limited
	case s.has("rt-generation-overflows") && f.generation == 127: // the column is of one byte, with a sign
		why = failed
	default:
		why = s.dawdle(f, t, now)
	}
	if next, ok := s.forgive(f, t, why, now); ok {
		return next, ""
	}
	switch why {
	case "":
		s.alive[f.id] = now
		if s.dialect.Rotation == "none" {
			return tokens{access: s.accessToken(f, onRefresh, now)}, ""
		}
		return s.rotate(f, t.raw, now), ""
	case rotated, lost:
		s.punish(f, t, why, now)
	case byReuse:
		if s.has("family-revocation-not-persistent") {
			f.ended = "" // the cache that knew has forgotten
		}
	}
	return tokens{}, why
}

// judge says why a genuine token cannot be exchanged, or nothing.
func (s *Server) judge(f *family, t refreshToken, now time.Time) reason {
	if f == nil || s.behind(f, now) {
		return unknown
	}
	if s.has("logout-forgotten-early") && f.ended == byLogout && !now.Before(f.endsAt) {
		f.ended = "" // the list of those who are out keeps a name for as long as an access token lives
	}
	if s.has("logout-effect-is-late") && !f.endsAt.IsZero() && !now.Before(f.endsAt) {
		s.end(f, byLogout)
	}
	live, ended := s.believed(f, hashOf(t.raw), slices.Contains(f.live, hashOf(t.raw)), f.ended)
	idleEnd := f.expires
	switch {
	case s.has("rt-signature-not-verified", "rt-forgeable-with-access-secret") && t.generation == f.generation:
		live = true
	case s.has("exp-refresh-never-checked"):
		idleEnd = f.absoluteEnd
	case s.has("exp-refresh-never-checked/leeway-60s"):
		idleEnd = idleEnd.Add(time.Minute)
	case s.has("st-cleanup-kills-live") && !now.Before(f.rotatedAt.Add(s.accessTTL)):
		return unknown // deleted with the access token
	}
	switch {
	case ended != "":
		return ended
	case s.shutOut(f) != "":
		return byAdmin
	case s.has("op-mixed-version-rollout") && f.writer != s.process:
		return rotated
	case !now.Before(idleEnd), !now.Before(f.absoluteEnd):
		return expired
	case !live:
		return rotated
	}
	return ""
}

// exchangeOther is for what is no refresh token of ours: nothing, without any effect.
func (s *Server) exchangeOther(raw string, now time.Time) (tokens, reason) {
	switch {
	case raw == "" && s.has("rt-no-credential-needed"), raw != "" && s.has("rt-no-credential-needed/garbage"):
		return s.startFamily(s.users[0], now), ""
	case s.has("at-accepted-as-refresh", "at-accepted-as-refresh/body", "at-accepted-as-refresh/bearer"):
		if u := s.verifyAccess(raw, now); u != nil {
			return s.startFamily(u, now), ""
		}
	case s.has("reuse-unauthenticated-trigger"):
		if t, ok := parseJWT(raw, strictBase64()); ok {
			s.end(s.families[text(t.claims, "fam")], byReuse)
		}
	}
	return tokens{}, malformed
}

// refuseRefresh answers 401, the same for every reason: which one it was is nobody's business, a thief's least of all.
func (s *Server) refuseRefresh(w http.ResponseWriter, r *http.Request, raw string, why reason) {
	detail := "the refresh token is not valid"
	switch {
	case s.has("tx-refusal-tells-why"):
		detail += ": " + string(why)
	case s.has("tx-credential-echoed-in-error"):
		detail += ": " + raw
	case s.has("tx-credential-echoed-in-error/hash"):
		sum := sha256.Sum256([]byte(raw))
		detail += ": " + hex.EncodeToString(sum[:])
	case s.has("tx-credential-echoed-in-error/sql"):
		detail = "no rows: SELECT user_id FROM token_families WHERE token_hash = ?"
	case s.has("cookie-cleared-on-refusal"), s.has("conc-loser-clears-winner-cookie") && why == lost:
		s.setCookie(w, r, onLogout, "", 0)
	}
	status := s.refusalStatus(raw, why)
	if s.has("tx-wrong-status/browser-302") && strings.Contains(r.Header.Get("Accept"), "text/html") {
		status = http.StatusFound
	}
	switch status {
	case http.StatusOK:
		answer(w, status, "application/json", map[string]any{"error": "invalid_grant"})
	case http.StatusUnauthorized:
		s.unauthorized(w, detail)
	case http.StatusFound:
		w.Header().Set("Location", "/login")
		s.problem(w, status, detail)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "60")
		s.problem(w, status, "too many requests")
	default:
		s.problem(w, status, detail)
	}
}

func (s *Server) refusalStatus(raw string, why reason) int {
	switch {
	case why == failed,
		s.has("tx-500-on-bad-refresh") && why == malformed,
		s.has("tx-500-on-bad-refresh/rotated") && why == rotated,
		s.has("tx-500-on-bad-refresh/long") && len(raw) > maxToken,
		s.has("tx-500-on-bad-refresh/percent") && !percentDecodes(raw),
		s.has("tx-500-on-bad-refresh/not-utf8") && !decodesToText(raw),
		s.has("tx-500-on-bad-refresh/not-ascii") && strings.ContainsFunc(raw, func(r rune) bool { return r > 127 }):
		return http.StatusInternalServerError
	case why == limited:
		return http.StatusTooManyRequests
	case s.has("tx-wrong-status/refresh-200"):
		return http.StatusOK
	case s.has("tx-wrong-status/refresh-302"):
		return http.StatusFound
	case s.has("tx-wrong-status/refresh-400"), s.has("tx-wrong-status/missing-400") && why == missing:
		return http.StatusBadRequest
	case s.has("tx-wrong-status/refresh-403"):
		return http.StatusForbidden
	case s.has("tx-wrong-status/unknown-404") && (why == malformed || why == unknown):
		return http.StatusNotFound
	}
	return http.StatusUnauthorized
}

// percentDecodes: a decoder of URLs does not throw.
func percentDecodes(raw string) bool {
	_, err := url.PathUnescape(raw)
	return err == nil
}

// decodesToText: what it decodes to is text, if it was text before.
func decodesToText(raw string) bool {
	decoded, err := url.PathUnescape(raw)
	return err != nil || utf8.ValidString(decoded) || !utf8.ValidString(raw)
}
