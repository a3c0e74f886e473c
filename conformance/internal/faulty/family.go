package faulty

import (
	"crypto/sha256"
	"slices"
	"time"
)

// family is one login and all the refresh tokens that came of it.
type family struct {
	id          string
	user        *user
	generation  int         // of the latest token; that of the login is 0
	live        []tokenHash // the tokens that may be exchanged: one, unless a fault lets there be more
	rotatedAt   time.Time
	expires     time.Time // slides with each rotation
	absoluteEnd time.Time // never moves
	ended       reason    // why it is over; "" while it is not

	// What only faults look at.
	began     time.Time              // of the login
	written   time.Time              // of the latest token
	writer    *process               // who wrote it
	evidence  int                    // the generation at the latest restart
	number    int                    // of the login
	last      string                 // the latest refresh token
	claims    map[string]any         // of the latest access token
	past      map[tokenHash]rotation // by the token that was given up
	endsAt    time.Time              // of a logout that takes its time, or is forgotten
	ancestors []string               // the names of all its tokens
	busy      int                    // refreshes under way
	recent    []time.Time            // refreshes of the last minute
}

// reason is why a refresh token is refused. The client never learns it.
type reason string

const (
	missing   reason = "missing"
	malformed reason = "malformed" // or not ours, or of another kind
	unknown   reason = "unknown family"
	byLogout  reason = "ended by logout"
	byReuse   reason = "ended by reuse"
	byAdmin   reason = "ended by an operator"
	expired   reason = "expired"
	rotated   reason = "rotated before"

	// What only faults refuse for.
	lost    reason = "rotated meanwhile"
	failed  reason = "failed"
	limited reason = "too many"
)

// rotation is what became of a token.
type rotation struct {
	at      time.Time
	next    tokens
	replays int // that a grace answered
}

// tokens is the good answer to a login or a refresh.
type tokens struct {
	access, refresh string
	life            time.Duration // of the refresh token
}

// tokenHash is what is kept of a refresh token.
type tokenHash [sha256.Size]byte

func hashOf(raw string) tokenHash { return sha256.Sum256([]byte(raw)) }

// issue makes the two tokens of the family's current generation.
func (s *Server) issue(f *family, on call, now time.Time) tokens {
	f.last = s.refreshToken(f, now)
	f.written, f.writer = now, s.process
	return tokens{access: s.accessToken(f, on, now), refresh: f.last, life: f.expires.Sub(now)}
}

// rotate gives up a token for its successor, and lets the session live on from now.
func (s *Server) rotate(f *family, old string, now time.Time) tokens {
	f.generation++
	f.rotatedAt = now
	if s.has("exp-no-absolute-cap/moved-by-rotation") {
		f.absoluteEnd = now.Add(s.sessionMaxTTL)
	}
	if !s.has("exp-inherited-when-sliding-promised") && s.dialect.Lifetime != "absolute" {
		f.expires = earlier(now.Add(s.refreshTTL), f.absoluteEnd)
	}
	if s.has("family-id-not-inherited") {
		f = s.adopt(f, old)
	}
	t := s.issue(f, onRefresh, now)
	spent, again := f.past[hashOf(old)]
	if !again {
		spent.at = now // a grace is anchored at the first rotation
	}
	spent.next = t
	f.past[hashOf(old)] = spent
	s.spent[hashOf(old)] = true
	switch {
	case s.has("rt-not-rotated"):
		t.refresh = old
		return t
	case s.has("rt-not-rotated/none"):
		t.refresh = ""
		return t
	case s.has("rt-old-still-valid"):
		f.live = append(f.live, hashOf(t.refresh))
		return t
	}
	if i := slices.Index(f.live, hashOf(old)); i >= 0 {
		f.live[i] = hashOf(t.refresh)
	} else { // only a fault exchanges a token that is not live
		f.live = append(f.live, hashOf(t.refresh))
	}
	return t
}

// adopt moves a token into a new family of its own, so that nothing leads from its ancestors to it.
func (s *Server) adopt(f *family, token string) *family {
	child := *f
	child.id = newID()
	child.live = []tokenHash{hashOf(token)}
	child.past = map[tokenHash]rotation{}
	s.families[child.id] = &child
	f.live = nil
	return &child
}

// end ends a family, the first reason stands. Nobody is no family to end.
func (s *Server) end(f *family, why reason) {
	if f == nil {
		return
	}
	delete(s.alive, f.id)
	s.over[f.id] = why
	if f.ended == "" {
		f.ended = why
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
