package faulty

import (
	"slices"
	"time"
)

// graceTime is for how long a spent token is forgiven, under the faults that forgive.
const graceTime = 10 * time.Second

// punish ends the family of a token that was rotated before and has come back, however old it is. Other families live on.
func (s *Server) punish(f *family, t refreshToken, why reason, now time.Time) {
	fromParent := f.generation - t.generation // 1: the live token is its child
	switch {
	case s.has("reuse-plain-401"),
		s.has("reuse-plain-401/direct-parent") && fromParent == 1,
		s.has("reuse-evidence-destroyed"),
		s.has("reuse-evidence-destroyed/keeps-one-generation") && fromParent > 1,
		s.has("reuse-evidence-destroyed/keeps-ten-generations") && fromParent > 10,
		s.has("reuse-evidence-purged-early") && now.Sub(f.past[hashOf(t.raw)].at) > max(s.refreshTTL/30, time.Second),
		s.has("reuse-masked-by-expiry") && !now.Before(t.expires),
		s.has("conc-loser-not-punished", "conc-loser-clears-winner-cookie") && why == lost,
		s.dialect.Reuse == "none",
		s.dialect.Rotation == "loser-rejected" && s.forgiven(f, t, now),
		t.generation < f.evidence:
		return
	case s.has("reuse-ends-presented-token-only"): // which is over already
		f.live = slices.DeleteFunc(f.live, func(h tokenHash) bool { return h == hashOf(t.raw) })
		return
	case s.has("reuse-revocation-rolled-back"):
		before := *f
		s.end(f, byReuse)
		*f = before // the refusal is an exception, and rolls back what was written before it
		return
	case s.has("family-kill-crosses-users"):
		s.endAll(func(*family) bool { return true }, byReuse)
	case s.has("family-kill-is-user-wide"), s.dialect.Reuse == "user":
		s.endAll(func(other *family) bool { return other.user == f.user }, byReuse)
	}
	s.end(f, byReuse)
	if s.has("op-attacks-not-logged") {
		return
	}
	s.log.Warn("reuse_detected", "family", f.id, "user", f.user.id)
}

func (s *Server) endAll(which func(*family) bool, why reason) {
	for _, f := range s.families {
		if which(f) {
			s.end(f, why)
		}
	}
}

// forgive answers a token that judge has refused as though it were good. The healthy server never does: a window in which a
// spent token still works is a window for the thief too.
func (s *Server) forgive(f *family, t refreshToken, why reason, now time.Time) (tokens, bool) {
	if why != rotated && why != byLogout && why != byReuse {
		return tokens{}, false
	}
	spent, ok := f.past[hashOf(t.raw)]
	if !ok {
		return tokens{}, false
	}
	recent := now.Sub(spent.at) < graceTime
	parent := f.generation-t.generation == 1
	switch {
	case why != rotated: // the family has ended
		if s.has("reuse-grace-revives-revoked-family") && recent {
			f.ended, f.live = "", nil
			return s.rotate(f, t.raw, now), true
		}
		return spent.next, s.has("conc-replay-cache-outlives-revocation") && recent
	case s.has("reuse-grace-undeclared") && parent && recent, s.has("reuse-grace-never-closes") && parent:
		return spent.next, true
	case s.has("reuse-grace-slides") && parent && recent:
		f.past[hashOf(t.raw)] = rotation{at: now, next: spent.next}
		return spent.next, true
	case s.has("reuse-grace-forks-chain") && parent && recent:
		return s.rotate(f, t.raw, now), true // beside the child that lives already
	case s.has("reuse-grace-undeclared/displacing") && parent && recent, s.has("reuse-grace-covers-any-ancestor") && recent:
		f.live = nil
		return s.rotate(f, t.raw, now), true
	}
	return s.answerAgain(f, t, now)
}
