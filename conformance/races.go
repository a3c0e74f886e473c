package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const raceWidth = 8 // requests at once

func raceRefresh() Scenario {
	return Scenario{
		ID: "race.refresh", Title: "Of many refreshes with one token at once, one wins", Level: Must, Stage: 7, NotFor: needsRotation,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "15.4.2"), motivatedBy("RFC 9700", "§4.14.2")},
		Why:  "read, check, then write: between the two every copy of the token is good, and a thief's race makes a session of his own",
		Hint: "one conditional UPDATE … WHERE token_hash = ? that must change a row; the losers changed none",
		Checks: []Check{
			{Slug: "winner", Text: "one of the requests is answered with new tokens"},
			{Slug: "one-winner", Text: "not more than one is"},
			{Slug: "one-live", Text: "afterwards at most one refresh token of the family works"},
			{Slug: "clean-losers", Text: "the losers are refused with 4xx, not with an error of the server"},
			{Slug: "losers-keep-cookie", Text: "while the winner's session lives, no loser's answer deletes or replaces its cookie"},
		},
		Run: func(s *Scene) {
			var spread time.Duration
			wins := map[int]int{}
			for range s.run.opts.RaceRounds {
				v := s.actor("victim", s.Victim.user).SignIn()
				var held []*exchange
				for range raceWidth {
					held = append(held, v.held("refresh", v.refresh))
				}
				arrived, d := s.race(held...)
				spread = max(spread, d)
				wins[s.judgeRace(arrived)]++
			}
			s.Note("%s of %d requests, last bytes at most %v apart; %s", counted(s.run.opts.RaceRounds, "round"), raceWidth, spread.Round(10*time.Microsecond), winnersPerRound(wins))
			s.Control()
		},
	}
}

// winnersPerRound says in how many rounds how many won.
func winnersPerRound(wins map[int]int) string {
	var parts []string
	for i, n := range slices.Sorted(maps.Keys(wins)) {
		won := counted(n, "winner")
		if i > 0 {
			won = strconv.Itoa(n)
		}
		parts = append(parts, won+" in "+counted(wins[n], "round"))
	}
	return strings.Join(parts, ", ")
}

func counted(n int, what string) string {
	return fmt.Sprint(n, " ", what, map[bool]string{true: "s"}[n != 1])
}

// judgeRace judges one round and returns how many won.
func (s *Scene) judgeRace(arrived []*exchange) int {
	var winners []*token
	var last, deletion *exchange // deletion: a loser's answer that touches the cookie
	for _, e := range arrived {
		switch {
		case e.accepted():
			last = e
			if e.refresh != nil && !slices.Contains(winners, e.refresh) {
				winners = append(winners, e.refresh)
			}
		case (e.err != nil || e.status == http.StatusServiceUnavailable || e.status == http.StatusTooManyRequests) && s.unknown("clean-losers", e):
		default:
			s.Check("clean-losers", e, e.clientError(), "4xx", "")
			if len(e.cookie(s.target.cookieName)) > 0 {
				deletion = e
			}
		}
	}
	if !s.Check("winner", arrived[0], last != nil, "one 200", "none") {
		return 0
	}
	if p := s.policy(); p.Rotation == "grace" && p.GraceAnswer == "displacing" {
		s.Skip("one-winner", "each answer of a displacing grace displaces the one before")
	} else {
		s.Check("one-winner", last, len(winners) <= 1, "one refresh token", "several")
	}
	live := 0
	for _, t := range winners {
		if e := s.Attacker.RefreshWith(t, "which live?"); e.rotated() {
			live, last = live+1, e
		}
	}
	s.Check("one-live", last, live <= 1, "at most one that works", "several")
	if s.target.profile.inCookie() && live > 0 && deletion != nil {
		s.Check("losers-keep-cookie", deletion, false, "no Set-Cookie "+s.target.cookieName, "one, although the winner's session lives")
	} else if s.target.profile.inCookie() {
		s.Check("losers-keep-cookie", last, true, "", "")
	}
	return len(winners)
}

func raceReplay() Scenario {
	return Scenario{
		ID: "race.replay", Title: "No successor survives a replay that races a rotation", Level: Must, Stage: 7, NotFor: needsPunishment,
		Refs: []Ref{motivatedBy("the kit's contract", "no life after revocation"), recommendedBy("OWASP ASVS 5.0", "15.4.2")},
		Why:  "a revocation that sweeps rows misses the one that a concurrent rotation is just inserting: the family is punished and lives on",
		Hint: "keep validity in one row of the family, or lock that row first",
		Checks: []Check{
			{Slug: "replay-refused", Text: "the old token is refused, whatever races it"},
			{Slug: "no-survivor", Text: "afterwards no token of the family works"},
			{Slug: "clean", Text: "no answer is an error of the server"},
		},
		Run: func(s *Scene) {
			for round := range s.shortRace() {
				v := s.actor("victim", s.Victim.user).SignIn()
				old := v.Spend()
				arrived, _ := s.race(v.held("refresh", v.refresh), s.Attacker.held("refresh", old).late(round), s.Attacker.held("refresh", old).late(round))
				tokens := []*token{v.refresh}
				for _, e := range arrived {
					s.Check("clean", e, e.err != nil || e.status < 500, "below 500", "")
					if e.presented == old {
						s.Refused("replay-refused", e)
					} else if e.refresh != nil {
						tokens = append(tokens, e.refresh)
					}
				}
				slices.Reverse(tokens)
				for _, t := range tokens {
					s.Refused("no-survivor", v.RefreshWith(t, "still alive?"))
				}
			}
			s.Control()
		},
	}
}

// shortRace is the number of rounds of the races that widen their window by releasing one request a little later.
func (s *Scene) shortRace() int { return max(3, s.run.opts.RaceRounds*3/8) }

// late holds the request back a little longer, by another span each round: the hole that it shall hit is open while the other request waits
// for its database.
func (e *exchange) late(round int) *exchange {
	e.delay = []time.Duration{2 * time.Millisecond, 0, 5 * time.Millisecond, time.Millisecond}[round%4]
	return e
}

func raceLogout() Scenario {
	return Scenario{
		ID: "race.logout", Title: "A logout is final although a refresh is under way", Level: Must, Stage: 9, NotFor: needsLogoutOfFamily,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "7.4.1"), motivatedBy("the kit's contract", "no life after revocation")},
		Why:  "the user signed out, the refresh of another tab commits a moment later, and the session lives on",
		Hint: "logout and refresh must meet in one row: whichever commits second sees the other",
		Checks: []Check{
			{Slug: "logout-accepted", Text: "both logouts, of two tabs at once, are answered with 2xx"},
			{Slug: "nothing-lives", Text: "afterwards neither the old nor the new token works"},
			{Slug: "clean", Text: "no answer is an error of the server"},
		},
		Run: func(s *Scene) {
			for round := range s.shortRace() {
				v := s.actor("victim", s.Victim.user).SignIn()
				tokens := []*token{v.refresh}
				arrived, _ := s.race(v.held("logout", v.refresh).late(round), s.SecondTab.held("refresh", v.refresh), s.SecondTab.held("logout", v.refresh).late(round))
				for _, e := range arrived {
					s.Check("clean", e, e.err != nil || e.status < 500, "below 500", "")
					if e.call == "logout" {
						s.Accepted("logout-accepted", e)
					} else if e.refresh != nil {
						tokens = append(tokens, e.refresh)
					}
				}
				slices.Reverse(tokens)
				for _, t := range tokens {
					s.Refused("nothing-lives", v.RefreshWith(t, "still alive?"))
				}
			}
			s.Control()
		},
	}
}

func raceSessions() Scenario {
	return Scenario{
		ID: "race.sessions", Title: "Sessions that refresh at the same moment do not hinder each other", Level: Must, Stage: 7,
		Refs: []Ref{requiredBy("RFC 9110", "§15.6"), motivatedBy("the kit's contract", "503 is the only 5xx")},
		Why:  "a deadlock or a duplicate key under load is a 500, and the client cannot know whether its token is spent",
		Hint: "touch one row by its primary key; repeat what the database rolled back",
		Checks: []Check{
			{Slug: "all-accepted", Text: "four sessions, three of one user, are all refreshed at once"},
			{Slug: "own-tokens", Text: "each gets a token of its own"},
			{Slug: "clean", Text: "no answer is an error of the server"},
		},
		Run: func(s *Scene) {
			actors := []*Actor{s.Victim.SignIn(), s.Bystander.SignIn(), s.actor("third device", s.Victim.user).SignIn(), s.actor("other user's device", s.target.users[1]).SignIn()}
			for range 3 {
				var held []*exchange
				for _, a := range actors {
					held = append(held, a.held("refresh", a.refresh))
				}
				arrived, _ := s.race(held...)
				for _, e := range arrived {
					s.Check("clean", e, e.err != nil || e.status < 500, "below 500", "")
				}
				seen := map[*token]bool{}
				for i, e := range held {
					s.Accepted("all-accepted", e)
					if s.policy().rotates() && !s.Check("own-tokens", e, !seen[e.refresh], "a token of its own", "another session's") {
						return
					}
					seen[e.refresh] = true
					actors[i].take(e)
				}
			}
			s.Control()
			for _, a := range actors {
				a.Keep()
			}
		},
	}
}
