package faulty

import "time"

// dawdle stands between the look at a family, which found the token good, and the change. There is nothing there in the healthy
// server: look and change are one. The faults let others in, for as long as [Options] says, and return what they then make of it.
func (s *Server) dawdle(f *family, t refreshToken, now time.Time) reason {
	switch {
	case s.has("conc-double-spend", "conc-process-local-lock"):
		s.gap() // and then acts on what it saw before
	case s.has("op-password-change-vs-inflight-refresh"), s.has("op-password-change-vs-inflight-refresh/disable"):
		s.gap()
		if f.ended == byAdmin && (s.has("op-password-change-vs-inflight-refresh/disable") == f.user.disabled) {
			f.ended = "" // the row of the successor was inserted after the others were swept
		}
		return s.judge(f, t, now)
	case s.has("conc-loser-clears-winner-cookie", "conc-loser-not-punished"):
		s.gap()
		if s.judge(f, t, now) == rotated {
			return lost
		}
		return s.judge(f, t, now)
	case s.has("conc-logout-vs-refresh-resurrects"):
		s.gap()
		if f.ended == byLogout {
			f.ended = "" // the row of the successor was inserted after the others were revoked
		}
		return s.judge(f, t, now)
	case s.has("conc-revocation-misses-child"):
		s.gap()
		if f.ended == byReuse {
			f.ended = ""
		}
		return s.judge(f, t, now)
	case s.has("conc-deadlock-or-duplicate-500"):
		if f.busy > 0 {
			return failed
		}
		f.busy++
		s.gap()
		f.busy--
		return s.judge(f, t, now)
	case s.has("conc-deadlock-or-duplicate-500/user"):
		if s.busyUsers[f.user] > 0 && f.busy == 0 {
			return failed
		}
		f.busy++
		s.busyUsers[f.user]++
		s.gap()
		f.busy--
		s.busyUsers[f.user]--
		return s.judge(f, t, now)
	}
	return ""
}

// crowded counts this refresh, and reports whether there were 20 within a minute before it.
func (f *family) crowded(now time.Time) bool {
	for len(f.recent) > 0 && now.Sub(f.recent[0]) >= time.Minute {
		f.recent = f.recent[1:]
	}
	if len(f.recent) >= 20 {
		return true
	}
	f.recent = append(f.recent, now)
	return false
}
