package faulty

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// login answers POST /auth/login.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	email, password, ok := s.credentials(w, r)
	if !ok {
		return
	}
	if s.has("login-refused-for-stale-token") && s.staleToken(r) {
		s.unauthorized(w, "the access token is not valid")
		return
	}
	switch {
	case s.has("st-token-in-logs/password"):
		s.log.Debug("login", "email", email, "password", password)
	case s.has("st-token-in-logs/secret"):
		s.log.Debug("login", "config", string(s.accessKey))
	}
	switch {
	case s.has("login-unbounded-password-dos"):
		s.sleep(time.Duration(len(password)/maxBody) * s.window) // each 16 KiB costs that much
	case s.has("login-long-password-500") && len(password) > maxPassword:
		s.problem(w, http.StatusInternalServerError, "the server has failed")
		return
	case s.has("login-password-truncated-72"), s.has("login-password-truncated-72/characters") && utf8.RuneCountInString(password) <= maxPassword:
	case len(password) > maxPassword:
		s.problem(w, http.StatusUnprocessableEntity, "the password is longer than 72 bytes")
		return
	}
	guess := guesser{normalize(email), s.address(r)}
	if s.throttled(w, guess) {
		return
	}
	u, ok := s.checkOnce(email, password)
	s.count(guess, ok)
	if !ok {
		s.refuseLogin(w, r, email, password)
		return
	}
	t, why := s.startSession(u, s.refreshCookies(r))
	switch why {
	case "":
		if !s.has("op-attacks-not-logged/login") {
			s.log.Info("login_ok", "user", u.id)
		}
		s.writeTokens(w, r, onLogin, t)
	case failed:
		s.problem(w, http.StatusInternalServerError, "the server has failed")
	default:
		s.refuseLogin(w, r, email, password)
	}
}

// startSession begins a session for a user who has shown the password, unless he was changed since then; the session of a cookie
// that came along lives on.
func (s *Server) startSession(seen user, cookies []string) (tokens, reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, u := s.clock(), s.userByID(seen.id)
	if u.disabled != seen.disabled || !slices.Equal(u.hashed, seen.hashed) {
		return tokens{}, byAdmin
	}
	if s.has("login-same-second-collision") && s.lastLogin[u] == now.Unix() {
		return tokens{}, failed // a UNIQUE column has the same value already
	}
	if s.has("conc-deadlock-or-duplicate-500/login") {
		if s.busyUsers[u] > 0 {
			return tokens{}, failed
		}
		s.busyUsers[u]++
		s.gap()
		s.busyUsers[u]--
	}
	s.lastLogin[u] = now.Unix()
	for _, raw := range cookies {
		if t, ok := s.parseRefresh(raw); ok && (s.dialect.Login == "replaces" && !s.has("login-old-session-not-superseded") || s.has("login-ends-presented-session")) {
			s.end(s.families[t.family], byLogout)
		}
	}
	return s.startFamily(u, now), ""
}

// refuseLogin answers an unknown user and a wrong password alike, or anybody could ask which addresses have an account.
func (s *Server) refuseLogin(w http.ResponseWriter, r *http.Request, email, password string) {
	detail := "e-mail or password is wrong"
	u, known := s.snapshot(email)
	unknown := !known
	s.logRefusal(u, password)
	if known && s.punishWrongPassword(u, s.refreshCookies(r)) {
		s.problem(w, http.StatusTooManyRequests, "too many wrong passwords")
		return
	}
	language := r.Header.Get("Accept-Language")
	switch {
	case s.has("login-enum-by-response/language") && unknown && language != "" && !strings.HasPrefix(language, "en"):
		detail = "E-Mail-Adresse unbekannt" // the English text was mended, the others were forgotten
	case s.has("login-enum-locked-or-disabled") && u.disabled:
		s.problem(w, http.StatusForbidden, "this account is disabled")
		return
	case s.has("login-enum-by-response/status") && unknown:
		s.problem(w, http.StatusNotFound, detail)
		return
	case s.has("login-enum-by-response/body") && unknown:
		detail = "there is no such user"
	case s.has("login-enum-by-response/header") && !unknown:
		w.Header().Set("X-Attempts-Left", "4")
	case s.has("login-enum-by-response/cookie") && !unknown:
		http.SetCookie(w, &http.Cookie{Name: "last_user", Value: "1", Path: "/"})
	case s.has("tx-wrong-status/login-400"):
		s.problem(w, http.StatusBadRequest, detail)
		return
	case s.has("tx-credential-echoed-in-error/password"):
		detail = fmt.Sprintf("%q is not the password of %s", password, email)
	case s.has("cookie-cleared-on-refusal/login"):
		s.setCookie(w, r, onLogout, "", 0)
	}
	s.unauthorized(w, detail)
}

// punishWrongPassword has the faults in which a wrong password is more than refused, and reports whether it is refused as one too many.
func (s *Server) punishWrongPassword(u user, cookies []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrongPasswords[u.id]++
	tooMany := s.wrongPasswords[u.id] >= 5
	for _, raw := range cookies {
		if t, ok := s.parseRefresh(raw); ok && s.has("login-ends-presented-session/refused") {
			s.end(s.families[t.family], byLogout)
		}
	}
	if s.has("login-lockout-as-dos/sessions") && tooMany {
		s.endAll(func(f *family) bool { return f.user.id == u.id }, byAdmin)
	}
	return tooMany && s.has("login-enum-by-response/limit")
}

// startFamily begins a session: the user's other sessions live on.
func (s *Server) startFamily(u *user, now time.Time) tokens {
	f := &family{id: newID(), user: u, began: now, rotatedAt: now, absoluteEnd: now.Add(s.sessionMaxTTL), past: map[tokenHash]rotation{}}
	f.expires = earlier(now.Add(s.refreshTTL), f.absoluteEnd)
	if s.has("exp-no-absolute-cap") || s.dialect.Lifetime == "sliding" {
		f.absoluteEnd = now.AddDate(1000, 0, 0)
		f.expires = now.Add(s.refreshTTL)
	}
	if s.has("login-same-second-collision/same-token") {
		f.id = fmt.Sprintf("%s-%d", u.id, now.Unix())
	}
	if others := s.sessionsOf(u, now); len(others) > 0 {
		newest := others[len(others)-1]
		switch {
		case s.has("login-reuses-refresh-token"):
			return tokens{access: s.accessToken(newest, onLogin, now), refresh: newest.last, life: newest.expires.Sub(now)}
		case s.has("family-shared-by-logins"):
			t := s.issue(newest, onLogin, now)
			newest.live = append(newest.live, hashOf(t.refresh))
			return t
		case s.has("login-ends-other-sessions"):
			for _, other := range others {
				s.end(other, byLogout)
			}
		case s.has("family-cap-evicts-live-session") && len(others) >= maxSessions:
			s.end(others[0], byLogout) // the oldest login, however busy it is
		case s.has("family-cap-evicts-live-session/any-user") && len(others) >= maxSessions:
			s.end(s.oldestSession(now), byLogout) // the query forgot whose sessions they are
		}
	}
	s.logins++
	f.number = s.logins
	t := s.issue(f, onLogin, now)
	f.live = []tokenHash{hashOf(t.refresh)}
	s.families[f.id] = f
	return t
}

// maxSessions is how many sessions a user may have under the fault that counts them.
const maxSessions = 4

// oldestSession returns the living session whose login is longest ago.
func (s *Server) oldestSession(now time.Time) *family {
	var oldest *family
	for _, u := range s.users {
		if all := s.sessionsOf(u, now); len(all) > 0 && (oldest == nil || all[0].number < oldest.number) {
			oldest = all[0]
		}
	}
	return oldest
}

// sessionsOf returns the user's living sessions, oldest login first.
func (s *Server) sessionsOf(u *user, now time.Time) []*family {
	var all []*family
	for _, f := range s.families {
		if f.user == u && f.ended == "" && now.Before(f.expires) {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b *family) int { return a.number - b.number })
	return all
}
