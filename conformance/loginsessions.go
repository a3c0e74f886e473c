package conformance

import (
	"net/http"
	"slices"
)

func loginIndependent() Scenario {
	return Scenario{
		ID: "login.independent", Title: "Logins at the same moment are sessions of their own", Level: Must, Stage: 4, Needs: NeedLogin,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.2.3")},
		Why:  "a token made from user and second collides: one login fails, or two devices share a session and each other's end",
		Hint: "draw each token from a CSPRNG, at least 128 bits",
		Checks: []Check{
			{Slug: "all-accepted", Text: "three logins of one user at once all succeed"},
			{Slug: "tokens-differ", Text: "each has a refresh token of its own"},
			{Slug: "access-differ", Text: "each has an access token of its own"},
			{Slug: "each-works", Text: "each session can be refreshed"},
		},
		Run: func(s *Scene) {
			u, arrived := s.Victim.user, s.raceLogins()
			refresh, access, ok := map[*token]bool{}, map[*token]bool{}, true
			for _, e := range arrived {
				ok = ok && s.Check("all-accepted", e, e.accepted() && e.refresh != nil, "200 with tokens", "")
				refresh[e.refresh], access[e.access] = true, true
			}
			if !ok {
				return
			}
			s.Check("tokens-differ", arrived[2], len(refresh) == 3, "three refresh tokens", "the same one twice")
			s.Check("access-differ", arrived[2], len(access) == 3, "three access tokens", "the same one twice")
			s.Control()
			for _, e := range arrived {
				a := s.actor("victim", u)
				again := a.RefreshWith(e.refresh, "")
				if s.Check("each-works", again, again.accepted(), "200", "") && again.rotated() {
					a.Keep()
				}
			}
			s.Control()
		},
	}
}

// raceLogins logs in three times at once, and does it all again after the wait that a 429 asks for.
func (s *Scene) raceLogins() []*exchange {
	for {
		var held []*exchange
		for range 3 {
			held = append(held, s.Victim.login(s.Victim.user.Email, s.Victim.user.Password, "racing"))
		}
		arrived, _ := s.race(held...)
		throttled := slices.IndexFunc(arrived, func(e *exchange) bool { return e.status == http.StatusTooManyRequests })
		if throttled < 0 || !s.target.client.again(s.ctx, arrived[throttled]) {
			return arrived
		}
	}
}

func loginKeepsSessions() Scenario {
	return Scenario{
		ID: "login.keeps-sessions", Title: "A login does not end the user's other sessions", Level: Must, Stage: 6,
		Refs: []Ref{motivatedBy("the kit's contract", "family isolation")},
		Why:  "signing in on the telephone signs out the laptop, and users learn to sign in all the time",
		Hint: "a login starts a family of its own and touches no other",
		Checks: []Check{
			{Slug: "first-lives", Text: "the first session still refreshes after a second login"},
			{Slug: "second-lives", Text: "so does the second"},
			{Slug: "others-live", Text: "nor do twelve more logins end the session of another user (-slow)", Seen: "with -slow"},
		},
		Run: func(s *Scene) {
			s.Victim.SignIn()
			s.Bystander.NewSession()
			s.Control()
			first := s.Victim.Refresh()
			s.Check("first-lives", first, first.accepted(), "200", "")
			second := s.Bystander.Refresh()
			s.Check("second-lives", second, second.accepted(), "200", "")
			s.Control()
			if first.rotated() && second.rotated() {
				s.Victim.Keep()
				s.Bystander.Keep()
			}
			if !s.run.opts.Slow {
				s.Skip("others-live", "takes twelve logins: -slow")
				return
			}
			for range 12 { // more than most limits allow
				s.SecondTab.NewSession()
			}
			other := s.target.stranger.as(s).Refresh()
			s.Check("others-live", other, other.accepted(), "200", "")
			s.Control()
		},
	}
}
