package conformance

import "slices"

// A server that is being built along the course has a login long before it has a refresh. Options.NoRefresh judges its first stages all the same,
// and what a refresh would have to show is left open.

// LoginStages are the stages of the course that a server with a login and a protected endpoint can pass.
const LoginStages = 2

const noRefreshYet = "the target has no refresh yet"

// noRefresh leaves these checks open where there is no refresh to judge them by.
func (s *Scene) noRefresh(slugs ...string) bool {
	if !s.run.opts.NoRefresh {
		return false
	}
	for _, slug := range slugs {
		s.Skip(slug, noRefreshYet)
	}
	return true
}

// signedIn: a login brought what a session is made of.
func (s *Scene) signedIn(e *exchange) bool { return e.refresh != nil || s.run.opts.NoRefresh }

// learnLogin takes from the preflight's login what there is to take. Whatever is wrong with it, a story says.
func (t *target) learnLogin(e *exchange) {
	if c, problem := refreshCookie(e); t.cookieName == "" && problem == "" {
		t.cookieName = c.Name
	}
	setDefault(&t.cookieName, "refresh_token")
	if e.access != nil {
		access, _ := parseJWT(e.access.value)
		t.alg, _ = access.header["alg"].(string)
		t.accessLife = accessLife(e)
	}
}

// loginControl gets a yes that means something without a refresh: the other user's right password earns an access token that is nobody else's. A
// server that gives all the same token says yes to everybody, which proves nothing.
func (s *Scene) loginControl() {
	a := s.actor("other user", s.target.users[1])
	e := a.Login()
	others := slices.ContainsFunc(s.run.all, func(o *exchange) bool {
		return o.access == e.access && o.user.Email != a.user.Email
	})
	if !e.accepted() || others {
		s.stop(Inconclusive, "the control failed: another user cannot log in, or gets a token that is not his own (%s), so nothing is proven", e.got())
	}
	s.target.stranger = a
	s.proven()
}
