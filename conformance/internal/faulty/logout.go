package faulty

import (
	"net/http"
	"slices"
	"time"
)

// logout answers POST /auth/logout, which ends the session of every refresh cookie. It is idempotent, needs no access token, and
// what is no token of ours is nothing to end.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.readBody(w, r); !ok {
		return
	}
	if s.has("cookie-csrf-check-unsatisfiable") && !csrfTokenFits(r) {
		s.problem(w, http.StatusForbidden, "the CSRF token does not fit")
		return
	}
	cookies := s.refreshCookies(r)
	bearer, _ := s.bearer(r)
	caller := s.authenticate(bearer)
	switch {
	case s.has("logout-needs-access-token") && caller == nil, s.has("logout-needs-access-token/if-sent") && s.staleToken(r):
		s.unauthorized(w, "an access token is needed, as Authorization: Bearer")
		return
	case s.has("logout-two-cookies/first"):
		cookies = cookies[:min(1, len(cookies))]
	case s.has("logout-two-cookies/none") && len(cookies) > 1:
		cookies = nil
	}
	if s.has("logout-not-idempotent/percent") && slices.ContainsFunc(cookies, func(raw string) bool { return !percentDecodes(raw) }) {
		s.problem(w, http.StatusInternalServerError, "cannot decode the cookie")
		return
	}
	var states []reason
	for _, raw := range cookies {
		states = append(states, s.endSession(raw))
	}
	if s.has("logout-foreign-token") && caller != nil {
		s.mu.Lock()
		s.endAll(func(f *family) bool { return f.user == caller }, byLogout)
		s.mu.Unlock()
	}
	if s.refusesLogout(w, states) {
		return
	}
	switch {
	case s.has("logout-cookie-not-cleared"), s.has("logout-cookie-not-cleared/only-if-sent") && len(cookies) == 0:
	default:
		s.setCookie(w, r, onLogout, "", 0)
	}
	if s.has("tx-wrong-status/logout-200") {
		answer(w, http.StatusOK, "application/json", map[string]any{"status": "logged out"})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// endSession ends the family of a genuine token, whatever its generation or age, and returns what became of the token before.
func (s *Server) endSession(raw string) reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	t, genuine := s.parseRefresh(raw)
	if !genuine {
		return malformed
	}
	f := s.families[t.family]
	before := s.judge(f, t, now)
	if f == nil {
		return before
	}
	if s.has("conc-deadlock-or-duplicate-500/logout") {
		if f.busy > 0 {
			return failed
		}
		f.busy++
		s.gap()
		f.busy--
	}
	switch {
	case s.has("logout-server-noop"):
	case s.has("logout-refresh-path-ignores-revocation"):
		s.deniedJTIs[text(f.claims, "jti")] = true
	case s.has("logout-effect-is-late"):
		f.endsAt = now.Add(time.Second)
	case s.has("logout-revokes-one-token-not-family", "logout-not-idempotent/stale", "reuse-evidence-destroyed") && before == rotated:
	case s.dialect.Logout == "token" && before == rotated:
	case s.has("logout-kills-all-devices"), s.dialect.Logout == "user":
		s.endAll(func(other *family) bool { return other.user == f.user }, byLogout)
	case s.has("logout-forgotten-early") && f.ended == "":
		f.endsAt = now.Add(s.accessTTL)
		fallthrough
	default:
		s.end(f, byLogout)
	}
	s.log.Info("logout", "family", f.id)
	return before
}

// refusesLogout has the faults that answer a logout that finds nothing to do with an error.
func (s *Server) refusesLogout(w http.ResponseWriter, states []reason) bool {
	found := func(why reason) bool { return slices.Contains(states, why) }
	switch {
	case s.has("logout-not-idempotent") && (found(byLogout) || found(byReuse)),
		s.has("logout-not-idempotent/no-cookie") && len(states) == 0,
		s.has("logout-not-idempotent/stale") && found(rotated),
		s.has("logout-not-idempotent/expired") && found(expired):
		s.unauthorized(w, "the refresh token is not valid")
	case found(failed), s.has("logout-not-idempotent/garbage") && found(malformed):
		s.problem(w, http.StatusInternalServerError, "the server has failed")
	default:
		return false
	}
	return true
}
