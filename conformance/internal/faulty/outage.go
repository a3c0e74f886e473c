package faulty

import (
	"net/http"
	"slices"
)

// Outage takes away what the server keeps, as when its database is gone, or gives it back.
func (s *Server) Outage(begin bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = begin
}

// withoutState answers while there is no state to look at: 503, whatever was asked, and no cookie is touched. It reports whether it did.
func (s *Server) withoutState(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.away || r.URL.Path == "/healthz" {
		return false
	}
	var raw string
	if cookies := refreshCookies(r); len(cookies) == 1 {
		raw = cookies[0]
	}
	t, genuine := s.parseRefresh(raw)
	refreshing, leaving := r.URL.Path == "/auth/refresh" && genuine, r.URL.Path == "/auth/logout"
	switch f := s.families[t.family]; {
	case refreshing && s.has("cookie-cleared-on-transient-error"):
		s.setCookie(w, r, onLogout, "", 0)
		s.unauthorized(w, "the refresh token is not valid")
		return true
	case s.has("cookie-cleared-on-transient-error/everywhere"):
		if r.URL.Path != "/auth/login" {
			s.setCookie(w, r, onLogout, "", 0)
		}
		if leaving {
			s.problem(w, http.StatusServiceUnavailable, "the server cannot answer now")
		} else {
			s.unauthorized(w, "the refresh token is not valid")
		}
		return true
	case refreshing && s.has("op-revocation-fails-open/revives"):
		f.ended = ""
		s.writeTokens(w, r, onRefresh, s.rotate(f, raw, s.clock()))
		return true
	case refreshing && s.has("op-revocation-fails-open"),
		refreshing && s.has("rt-success-before-commit") && slices.Contains(f.live, hashOf(raw)):
		unsaved := *f // what is made of it is lost
		s.writeTokens(w, r, onRefresh, s.issue(&unsaved, onRefresh, s.clock()))
		return true
	case refreshing && s.has("rt-burned-before-late-check", "rt-half-commit"):
		f.live = slices.DeleteFunc(f.live, func(h tokenHash) bool { return h == hashOf(raw) }) // and the child is never inserted
	case leaving && s.has("logout-deletes-only-copy-on-failure"):
		s.setCookie(w, r, onLogout, "", 0)
		w.WriteHeader(http.StatusNoContent)
		return true
	case s.has("tx-500-without-database"):
		s.problem(w, http.StatusInternalServerError, "the server has failed")
		return true
	}
	w.Header().Set("Retry-After", "1")
	s.problem(w, http.StatusServiceUnavailable, "the server cannot answer now")
	return true
}
