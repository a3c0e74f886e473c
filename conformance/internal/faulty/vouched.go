package faulty

import (
	"net/http"
	"strings"
)

// vouched has the faults that take something else than an access token's word for who is asking. The user is whom the token stands for, nil
// for nobody, and stays it in the healthy server.
func (s *Server) vouched(w http.ResponseWriter, r *http.Request, u *user, sent bool) *user {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.has("at-filter-by-method") && r.Method == http.MethodHead && u == nil:
		return s.users[0] // the filter before the handler is one for GET
	case s.has("at-trusts-proxy-header"):
		for _, name := range []string{"X-User-Id", "X-User", "X-Forwarded-User", "X-Authenticated-User", "Remote-User"} {
			if named := s.namedUser(r.Header.Get(name)); named != nil {
				return named
			}
		}
	case s.has("at-remembered-by-connection") && u != nil: // what the filter found is kept by the thread, which is the connection's
		s.connections[r.RemoteAddr] = u
	case s.has("at-remembered-by-connection") && !sent:
		return s.connections[r.RemoteAddr]
	case s.has("me-opens-web-session") && u != nil:
		id := newID()
		s.webSessions[id] = u
		http.SetCookie(w, &http.Cookie{Name: "SESSIONID", Value: id, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode})
	case s.has("me-opens-web-session") && !sent:
		if c, err := r.Cookie("SESSIONID"); err == nil {
			return s.webSessions[c.Value]
		}
	}
	return u
}

// namedUser returns the user with this ID or e-mail, or nil.
func (s *Server) namedUser(name string) *user {
	if u := s.userByID(name); u != nil {
		return u
	}
	return s.userByEmail(name)
}

// remember has the faults that believe what they once found an access token to be. s.mu must be held.
func (s *Server) remember(raw string, u *user) *user {
	key := raw
	switch {
	case s.has("at-signature-not-verified/seen-before"):
		key = raw[:max(0, strings.LastIndexByte(raw, '.'))] // what was signed, without the signature
	case s.has("at-expired-accepted/used-before"):
	default:
		return u
	}
	if u != nil {
		s.verdicts[key] = u
	}
	if u = s.verdicts[key]; u == nil || u.disabled {
		return nil
	}
	return u
}

// meUnfiltered answers GET /me/, which the filter that verifies tokens has never heard of: it reads the token's subject as though it had.
func (s *Server) meUnfiltered(w http.ResponseWriter, r *http.Request) {
	raw, sent := s.bearer(r)
	t, _ := parseJWT(raw, strictBase64())
	u := s.userByID(text(t.claims, "sub"))
	if u == nil {
		s.refuseMe(w, raw, sent)
		return
	}
	answer(w, http.StatusOK, "application/json", map[string]any{"id": u.id, "email": u.email})
}

// staleToken reports whether a request brings an access token that is not good, to a call that needs none.
func (s *Server) staleToken(r *http.Request) bool {
	raw, sent := s.bearer(r)
	return sent && s.authenticate(raw) == nil
}

// movedBrowser reports whether a refresh token is shown by another browser than it was given to.
func (s *Server) movedBrowser(raw string, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	agent, ok := s.agents[hashOf(raw)]
	return ok && agent != r.UserAgent()
}
