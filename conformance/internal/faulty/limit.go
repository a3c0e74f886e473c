package faulty

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limitTime is how long nobody may guess again.
const limitTime = time.Minute

// guesser is whose wrong passwords are counted: an account, whether there is one or not, and where they come from. So a stranger's guesses do not
// lock the owner out, who comes from elsewhere.
type guesser struct{ email, address string }

type guesses struct {
	wrong int
	last  time.Time
}

// address is where a request comes from, by its connection: what its headers say of that anybody may write.
func (s *Server) address(r *http.Request) string {
	if first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ","); s.has("login-throttle-xff-spoof") && first != "" {
		return first
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr) // a server's own requests have one
	return host
}

// throttled answers 429 to whom has guessed too often, in the dialect that has a limit.
func (s *Server) throttled(w http.ResponseWriter, g guesser) bool {
	s.mu.Lock()
	left := s.guesses[g].last.Add(limitTime).Sub(s.clock())
	if left <= 0 {
		delete(s.guesses, g)
	}
	full := s.dialect.LoginLimit > 0 && s.guesses[g].wrong >= s.dialect.LoginLimit && !s.has("login-no-throttle")
	s.mu.Unlock()
	if full {
		w.Header().Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
		s.problem(w, http.StatusTooManyRequests, "too many wrong passwords")
	}
	return full
}

// count keeps a wrong password in mind, and forgets all of them with the right one.
func (s *Server) count(g guesser, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		delete(s.guesses, g)
		return
	}
	s.guesses[g] = guesses{s.guesses[g].wrong + 1, s.clock()}
}
