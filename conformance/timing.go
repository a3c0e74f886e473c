package conformance

import (
	"fmt"
	"slices"
	"time"
)

const timingPairs = 12

func loginTiming() Scenario {
	return Scenario{
		ID: "login.timing", Title: "An unknown user takes as long to refuse as a wrong password", Level: Must, Stage: 1, Needs: NeedSlow | NeedPassword,
		Refs: []Ref{motivatedBy("OWASP ASVS 5.0", "6.3.8"), motivatedBy("the kit's contract", "in like time")},
		Why:  "whoever is refused at once has no account: a list of addresses becomes a list of customers",
		Hint: "compare with a dummy hash of the same cost when there is no such user, or the user is disabled",
		Checks: []Check{
			{Slug: "alike", Text: "the medians differ by no more than 20 ms or three tenths of the slower"},
		},
		Run: func(s *Scene) {
			s.alike(s.wrongUser(), wrongPassword, "wrong password")
			s.Control()
		},
	}
}

func adminTiming() Scenario {
	return Scenario{
		ID: "admin.timing", Title: "A disabled user takes as long to refuse as an unknown one", Level: Must, Stage: 11, Needs: NeedAdmin | NeedSlow,
		Refs: []Ref{motivatedBy("OWASP ASVS 5.0", "6.3.8"), motivatedBy("the kit's contract", "in like time")},
		Why:  "who is refused at once has a closed account here: that is known without any password",
		Hint: "compare with the dummy hash for a disabled user too, then refuse",
		Checks: []Check{
			{Slug: "alike", Text: "the medians differ by no more than 20 ms or three tenths of the slower"},
		},
		Run: func(s *Scene) {
			a := s.borrow()
			defer a.giveBack()
			a.disable()
			s.alike(a.user, a.user.Password, "disabled user")
			s.Control()
			a.enable()
		},
	}
}

// alike compares the time that a login of the user takes to be refused with that of an unknown user.
func (s *Scene) alike(user User, password, what string) {
	a := s.actor("guesser", user)
	var known, unknown []time.Duration
	var last *exchange
	for range timingPairs {
		last = a.LoginAs(a.user.Email, password, what)
		s.Given("a "+what+" was not refused", last, last.refused())
		known = append(known, last.took)
		last = a.LoginAs("nobody-"+a.user.Email, wrongPassword, "unknown user")
		s.Given("an unknown user was not refused", last, last.refused())
		unknown = append(unknown, last.took)
	}
	slices.Sort(known)
	slices.Sort(unknown)
	k, u := known[timingPairs/2], unknown[timingPairs/2]
	limit := max(20*time.Millisecond, max(k, u)*3/10)
	s.Note("medians of %d: %v for a %s, %v for an unknown user", timingPairs, k, what, u)
	s.Check("alike", last, (k-u).Abs() <= limit, fmt.Sprintf("within %v of %v", limit, k), fmt.Sprint(u))
}
