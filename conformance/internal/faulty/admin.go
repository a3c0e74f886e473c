package faulty

import (
	"fmt"
	"time"
)

// Admin changes a user as an operator does: action is disable, enable or passwd, which sets the given password. Disabling and a new
// password end every session of the user; enabling revives none.
func (s *Server) Admin(action, email, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userByEmail(email)
	if u == nil {
		return fmt.Errorf("there is no user %s", email)
	}
	switch action {
	case "disable":
		u.disabled = true
		s.sweepDisabled(u)
	case "enable":
		u.disabled = false
	case "passwd":
		return s.setPassword(u, password)
	default:
		return fmt.Errorf("an action is disable, enable or passwd, not %q", action)
	}
	s.log.Info("user_changed", "action", action, "user", u.id)
	return nil
}

func (s *Server) sweepDisabled(u *user) {
	switch {
	case s.has("rt-user-state-not-rechecked", "rt-revoke-rolled-back-on-reject", "op-enable-revives-sessions"): // a refresh looks, or nobody does
	case s.has("op-sweep-crosses-users"):
		s.endAll(func(*family) bool { return true }, byAdmin)
	default:
		s.endAll(func(f *family) bool { return f.user == u }, byAdmin)
	}
}

func (s *Server) setPassword(u *user, password string) error {
	hashed, err := hashPassword(s.stored(password), u.salt)
	if err != nil {
		return err
	}
	u.previous, u.hashed = u.hashed, hashed
	now, last := s.clock(), s.logins
	if s.has("at-cutoff-same-second") {
		u.cutoff = now
	}
	s.endAll(func(f *family) bool {
		switch {
		case f.user != u && !s.has("op-sweep-crosses-users"), s.has("op-password-change-keeps-sessions"):
			return false
		case s.has("op-password-change-keeps-sessions/newest"):
			return f.number < last
		case s.has("at-cutoff-same-second/survives"):
			return f.rotatedAt.Unix() < now.Unix()
		}
		return true
	}, byAdmin)
	s.log.Info("user_changed", "action", "passwd", "user", u.id)
	return nil
}

// shutOut says why a genuine token of a living family is refused for its user's sake. The healthy server has ended the family.
func (s *Server) shutOut(f *family) reason {
	switch {
	case s.has("rt-revoke-rolled-back-on-reject") && f.user.disabled:
		return byAdmin // the refusal rolls back what was written
	case s.has("op-enable-revives-sessions") && f.user.disabled:
		s.end(f, byAdmin)
		return byAdmin
	case s.has("at-cutoff-same-second") && f.began.Truncate(time.Second).Before(f.user.cutoff):
		return byAdmin
	}
	return ""
}

func adminFaults() []Fault {
	return []Fault{
		{Name: "login-disabled-user-allowed", What: "a disabled user can log in", Needs: Admin},
		{Name: "login-enum-locked-or-disabled", What: "a disabled user who gives the right password is answered 403", Needs: Admin},
		{Name: "login-enum-locked-or-disabled/timing", What: "a disabled user costs no password hash and is answered sooner", Needs: Admin},
		{Name: "rt-user-state-not-rechecked", What: "a disabled user's sessions go on", Needs: Admin},
		{Name: "rt-revoke-rolled-back-on-reject", What: "a disabled user's refresh is refused, and works again when he is enabled", Needs: Admin},
		{Name: "op-enable-revives-sessions", What: "a session that was quiet while its user was disabled goes on when he is enabled", Needs: Admin},
		{Name: "at-user-state-not-rechecked", What: "a disabled user's access tokens go on", Needs: Admin},
		{Name: "op-sweep-crosses-users", What: "disabling a user, or changing his password, ends the sessions of all users", Needs: Admin},
		{Name: "op-password-change-keeps-sessions", What: "a password change ends no session", Needs: Admin},
		{Name: "op-password-change-keeps-sessions/newest", What: "a password change ends all sessions but the newest", Needs: Admin},
		{Name: "op-password-change-keeps-old-password", What: "the old password works beside the new one", Needs: Admin},
		{Name: "op-password-change-vs-inflight-refresh", What: "a refresh under way survives a password change", Needs: Admin},
		{Name: "op-password-change-vs-inflight-refresh/disable", What: "a refresh under way survives its user's being disabled", Needs: Admin},
		{Name: "at-cutoff-same-second", What: "a session of the second in which the password was changed counts as older, and ends", Needs: Admin},
		{Name: "at-cutoff-same-second/survives", What: "a session that was refreshed in the second of the password change counts as newer, and lives", Needs: Admin},
	}
}
