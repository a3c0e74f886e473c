package faulty

// flight is work under way, for whose outcome others wait.
type flight struct {
	done    chan struct{}
	outcome any
}

// shared does some work, unless work of the same name is under way: then its outcome is this one's too. It is for faults whose name is too short.
func (s *Server) shared(name string, work func() any) any {
	s.mu.Lock()
	f, running := s.flights[name]
	if !running {
		f = &flight{done: make(chan struct{})}
		s.flights[name] = f
	}
	s.mu.Unlock()
	s.sleep(s.window) // what takes its time
	if running {
		<-f.done
		return f.outcome
	}
	f.outcome = work()
	s.mu.Lock()
	delete(s.flights, name)
	s.mu.Unlock()
	close(f.done)
	return f.outcome
}

// checked is the outcome of a password check, which logins of one e-mail share under the fault that thinks them alike.
type checked struct {
	user user
	ok   bool
}

// checkOnce is checkPassword, but for that fault.
func (s *Server) checkOnce(email, password string) (user, bool) {
	if !s.has("conc-outcome-shared/login") {
		return s.checkPassword(email, password)
	}
	c, _ := s.shared("login "+normalize(email), func() any {
		u, ok := s.checkPassword(email, password)
		return checked{u, ok}
	}).(checked)
	return c.user, c.ok
}

// exchanged is the outcome of a refresh, which all refreshes of one user share under the fault that thinks them alike.
type exchanged struct {
	tokens tokens
	why    reason
}

// exchangeOnce is exchange, but for that fault.
func (s *Server) exchangeOnce(raw string) (tokens, reason) {
	t, genuine := s.parseRefresh(raw)
	if !genuine || !s.has("conc-outcome-shared/refresh") {
		return s.exchange(raw)
	}
	e, _ := s.shared("refresh "+t.user, func() any {
		next, why := s.exchange(raw)
		return exchanged{next, why}
	}).(exchanged)
	return e.tokens, e.why
}
