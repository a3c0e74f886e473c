package faulty

import (
	"fmt"
	"slices"
	"time"
)

// Dialect is what the server does where servers legitimately differ, in the words of the suite's profiles. The zero value is the kit's
// own contract: a spent token ends its family at any age. Each dialect is healthy by itself; what is wrong is to claim another one.
type Dialect struct {
	Rotation    string        // strict, grace (the live token's direct parent is answered for a while), loser-rejected (it is refused without effect for a while), none
	Grace       time.Duration // that while, from the rotation on
	GraceAnswer string        // same (the same successor again), sibling (another one beside it), displacing (another one in its place)
	Reuse       string        // what the return of a spent token ends: family, user, none
	Lifetime    string        // both, sliding (no absolute end), absolute (rotation does not prolong)
	Logout      string        // what it ends: family (from any generation), user (all sessions), token (a spent one ends nothing)
	Access      string        // what a session's end does to its access tokens: lives, dies
	Login       string        // what a login does to the session whose cookie comes along: adds, replaces
	LoginLimit  int           // so many wrong passwords for an account from an address, then none for a minute; 0: no limit
}

// maxReplays bounds how often the grace answers for one token, so that a flood of replays is noticed.
const maxReplays = 10

func (d Dialect) check() error {
	for _, c := range []struct {
		name, value string
		known       []string
	}{
		{"rotation", d.Rotation, []string{"", "strict", "grace", "loser-rejected", "none"}},
		{"grace answer", d.GraceAnswer, []string{"", "same", "sibling", "displacing"}},
		{"reuse", d.Reuse, []string{"", "family", "user", "none"}},
		{"lifetime", d.Lifetime, []string{"", "both", "sliding", "absolute"}},
		{"logout", d.Logout, []string{"", "family", "user", "token"}},
		{"access", d.Access, []string{"", "lives", "dies"}},
		{"login", d.Login, []string{"", "adds", "replaces"}},
	} {
		if !slices.Contains(c.known, c.value) {
			return fmt.Errorf("%s %q is none of %q", c.name, c.value, c.known[1:])
		}
	}
	return nil
}

// forgiven reports whether a spent token is the direct parent of a live one, and within the dialect's grace.
func (s *Server) forgiven(f *family, t refreshToken, now time.Time) bool {
	spent, ok := f.past[hashOf(t.raw)]
	return ok && now.Sub(spent.at) < s.dialect.Grace && slices.Contains(f.live, hashOf(spent.next.refresh))
}

// answerAgain is the grace: it answers a spent token as its dialect does. Nothing of it prolongs anything.
func (s *Server) answerAgain(f *family, t refreshToken, now time.Time) (tokens, bool) {
	if s.dialect.Rotation != "grace" || s.has("reuse-grace-not-kept") || !s.forgiven(f, t, now) {
		return tokens{}, false
	}
	spent := f.past[hashOf(t.raw)]
	if spent.replays++; spent.replays > maxReplays && !s.has("reuse-grace-unbounded") {
		return tokens{}, false
	}
	f.past[hashOf(t.raw)] = spent
	end := f.expires
	switch s.dialect.GraceAnswer {
	case "displacing":
		f.live = nil
		fallthrough
	case "sibling":
		next := s.rotate(f, t.raw, now)
		f.expires, next.life = end, end.Sub(now)
		return next, true
	}
	if s.has("reuse-grace-extends-life") {
		end = earlier(now.Add(s.refreshTTL), f.absoluteEnd)
		f.expires = end
	}
	return tokens{access: s.accessToken(f, onRefresh, now), refresh: spent.next.refresh, life: end.Sub(now)}, true
}

// sessionOver reports whether an access token's session has ended, for the dialect in which it dies with it.
func (s *Server) sessionOver(jti string) bool {
	f := s.sessions[jti]
	return s.dialect.Access == "dies" && !s.has("at-outlives-session") && f != nil && f.ended != ""
}
