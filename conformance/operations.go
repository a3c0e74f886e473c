package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func operationsRestart() Scenario {
	return Scenario{
		ID: "operations.restart", Title: "A restart changes nothing: what lives goes on, and what has ended stays so", Level: Must, Stage: 11, Needs: NeedRestart,
		Refs: []Ref{motivatedBy("the kit's contract", "the 401 is sent only when the revocation is durable"), recommendedBy("OWASP ASVS 5.0", "7.4.1")},
		Why:  "a list of spent or revoked tokens in memory is empty after every deployment: every thief's copy works again",
		Hint: "keep sessions and their ends in the database, and the signing keys in the configuration; a server that means to forget its sessions is not given -restart",
		Checks: []Check{
			{Slug: "session-lives", Text: "a session goes on after it"},
			{Slug: "access-lives", Text: "an access token of before opens the protected endpoint", Level: Should},
			{Slug: "logged-out", Text: "a session that was logged out before stays so"},
			{Slug: "revoked", Text: "a family that a replay ended before stays ended, with every token that it had"},
			{Slug: "spent", Text: "a token that was rotated before is refused"},
			{Slug: "evidence", Text: "and its replay ends the family, as it would have before"},
			{Slug: "new-login", Text: "a new session begins and goes on"},
		},
		Run: func(s *Scene) {
			out := s.actor("signed-out device", s.Victim.user).SignIn()
			e := out.Logout()
			s.Given("the logout did not work", e, e.accepted())
			e = s.Attacker.RefreshWith(out.refresh, "logged out")
			s.Given("the logout ended nothing", e, e.refused())
			revoked := s.revoked()
			v, b := s.Victim.SignIn(), s.Bystander.SignIn()
			spent := b.Spend()
			v.Rotate()
			before := v.access

			s.restart()
			s.Accepted("session-lives", v.Refresh())
			if s.target.profile.hasMe() {
				me := v.Me(before.value, "of before")
				s.Check("access-lives", me, me.accepted(), "200", "")
			} else {
				s.Skip("access-lives", "needs a protected endpoint: name one with -me PATH")
			}
			s.Refused("logged-out", s.Attacker.RefreshWith(out.refresh, "logged out"))
			for _, t := range append(revoked, revoked...) {
				s.Refused("revoked", s.Attacker.RefreshWith(t, "of a family that ended"))
			}
			if why := needsRotation(s.policy()); why != "" {
				s.Skip("spent", why)
				s.Skip("evidence", why)
			} else if s.Refused("spent", s.Attacker.RefreshWith(spent, "rotated")) {
				s.Ended("evidence", b.Refresh())
			}
			s.Accepted("new-login", b.NewSession().Refresh())
			s.Control()
			b.Keep()
		},
	}
}

// revoked returns the tokens of a family that a replay has ended, the newest first, where the profile claims that it does.
func (s *Scene) revoked() []*token {
	if why := needsPunishment(s.policy()); why != "" {
		s.Skip("revoked", why)
		return nil
	}
	a := s.actor("robbed device", s.Victim.user).SignIn()
	old := a.Spend()
	tokens := []*token{a.refresh, old}
	for _, t := range []*token{old, a.refresh, old} {
		e := s.Attacker.RefreshWith(t, "")
		s.Given("a replay did not end the family", e, e.refused())
	}
	return tokens
}

func operationsLogs() Scenario {
	return Scenario{
		ID: "operations.logs", Title: "The log holds no token and no password, and tells of attacks", Level: Must, Stage: 11, Needs: NeedLogs,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "16.2.5, 16.3.1, 16.3.3"), motivatedBy("RFC 9700", "§4.14.2")},
		Why:  "logs are read by many, kept for long and sent elsewhere: a token in them is a session of whoever reads it",
		Hint: "log methods, paths, statuses and IDs; never headers, cookies, bodies or queries; of a token at most a hash",
		Checks: []Check{
			{Slug: "refresh-tokens", Text: "no refresh token of the run stands in it: as it is, escaped, in hex or base64, or its signature alone"},
			{Slug: "access-tokens", Text: "nor does an access token"},
			{Slug: "passwords", Text: "nor does a password"},
			{Slug: "mistyped", Text: "nor does one that was refused: it is often a slip from the right one, or that of another site", Level: Should},
			{Slug: "secret", Text: "nor does the secret that signs access tokens"},
			{Slug: "reuse", Text: "a replay is logged as more than any refused token", Level: Should},
			{Slug: "failed-login", Text: "a refused login can be told from a successful one", Level: Should},
		},
		Run:  func(s *Scene) { s.logEvents(); s.Control() },
		Last: (*Scene).searchLogs,
	}
}

// logEvents judges whether events leave a trace: words that stand in what the log gained by each of several such events, and in none of what it gained
// by harmless ones. What belongs to one request only (a time, a request's name) is not in all of them.
func (s *Scene) logEvents() {
	var replays, refusals, failures, logins []string
	canary := s.canary()
	late := func(text string) bool {
		if text == "" {
			s.Skip("reuse", "the log is written later than a moment after the answer")
			s.Skip("failed-login", "the log is written later than a moment after the answer")
		}
		return text == ""
	}
	for range 3 {
		v := s.actor("victim", s.Victim.user).SignIn()
		old := v.Spend()
		tampered := flipLast(v.refresh.value)
		s.run.secrets.hide(tampered, "‹forged›")
		refusals = append(refusals, s.logged(func() { s.Attacker.RefreshRaw(tampered, "tampered") }))
		if late(refusals[0]) {
			return
		}
		replays = append(replays, s.logged(func() { s.Attacker.RefreshWith(old, "rotated") }))
		guesser := s.actor("guesser", s.wrongUser())
		failures = append(failures, s.logged(func() { guesser.LoginAs(guesser.user.Email, canary, "wrong password") }))
		logins = append(logins, s.logged(func() { guesser.Login() }))
	}
	if why := needsPunishment(s.policy()); why != "" {
		s.Skip("reuse", why)
	} else {
		s.trace("reuse", replays, refusals)
	}
	s.trace("failed-login", failures, logins)
}

// canary is a wrong password that nothing else looks like.
func (s *Scene) canary() string {
	s.run.canary = "mistyped-" + rand.Text()
	s.run.secrets.hide(s.run.canary, "‹wrong password›")
	return s.run.canary
}

// logged returns what the logs gain by doing something.
func (s *Scene) logged(do func()) string {
	l := s.run.logs
	if err := l.settle(s.ctx, -1); err != nil {
		s.stop(Inconclusive, "blocked: %v", err)
	}
	before := len(l.gain)
	do()
	if err := l.settle(s.ctx, before); err != nil {
		s.stop(Inconclusive, "blocked: %v", err)
	}
	return string(l.gain[before:])
}

func (s *Scene) trace(slug string, events, harmless []string) {
	var ordinary, left []string
	for _, text := range harmless {
		ordinary = append(ordinary, logWord.FindAllString(text, -1)...)
	}
	for i, text := range events {
		words := logWord.FindAllString(text, -1)
		if i == 0 {
			left = words
		}
		left = slices.DeleteFunc(left, func(w string) bool { return slices.Contains(ordinary, w) || !slices.Contains(words, w) })
	}
	s.Check(slug, s.exchanges[len(s.exchanges)-1], len(left) > 0, "a word that the harmless case does not have", "the same words")
}

var logWord = regexp.MustCompile(`[\pL_]{3,}|\b[1-5]\d\d\b`)

// searchLogs judges what the logs gained in the whole run.
func (s *Scene) searchLogs(ctx context.Context) {
	l := s.run.logs
	if err := l.settle(ctx, -1); err != nil {
		s.stop(Inconclusive, "blocked: %v", err)
	}
	for _, n := range l.notes {
		s.Note("%s", n)
	}
	if len(l.gain) == 0 {
		s.stop(Inconclusive, "blocked: nothing was written to %s during the run: is it this target's log, and is it written by now?", strings.Join(s.run.opts.Logs, " and "))
	}
	if !s.speaksOfRun(l.gain) {
		s.stop(Inconclusive, "blocked: %d bytes were written to %s during the run, but they speak of none of its paths, users or user agents: is it this target's log?", len(l.gain), strings.Join(s.run.opts.Logs, " and "))
	}
	s.Note("%d bytes of log were searched", len(l.gain))
	sought := s.sought()
	for _, slug := range []string{"refresh-tokens", "access-tokens", "passwords", "mistyped", "secret"} {
		n := sought[slug]
		if n == nil {
			s.Skip(slug, "there is none that could be looked for")
			continue
		}
		found, before := n.find(l.gain)
		switch {
		case found != nil:
			s.record(slug, Fail, nil, "none in the log", listed(found)+before)
		case l.left > 0:
			s.record(slug, Inconclusive, nil, "all of the log", fmt.Sprintf("%d bytes more than the %d that are searched", l.left, l.most))
		default:
			s.record(slug, Pass, nil, "", "")
		}
	}
}

func listed(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// speaksOfRun is the control of the search: the log mentions something that only this run can have caused.
func (s *Scene) speaksOfRun(text []byte) bool {
	p := s.target.profile
	marks := []string{"conformance/", p.Login.Path, p.Refresh.Path, p.Logout.Path}
	for _, u := range s.target.users {
		marks = append(marks, u.Email)
	}
	for value := range s.run.secrets.tokens {
		if t, is := parseJWT(value); is {
			if sub, ok := t.claims["sub"].(string); ok && len(sub) > 3 {
				marks = append(marks, sub)
			}
		}
	}
	return slices.ContainsFunc(marks, func(m string) bool { return m != "" && strings.Contains(string(text), m) }) // a command has no path
}

// sought are the secrets of the run by the check that looks for them. What a story put into a URL is left out: there it is the client's
// fault if a server logs it.
func (s *Scene) sought() map[string]needles {
	var urls strings.Builder
	for _, e := range s.run.all {
		if strings.Contains(e.path, "?") {
			urls.WriteString(e.path + "\n")
		}
	}
	sought := map[string]needles{}
	add := func(slug, secret, name string) {
		if len(secret) < needleKey || strings.Contains(urls.String(), secret) || strings.Contains(urls.String(), url.QueryEscape(secret)) {
			return
		}
		if sought[slug] == nil {
			sought[slug] = needles{}
		}
		sought[slug].add(secret, name)
	}
	for value, t := range s.run.secrets.tokens {
		secret := value
		if parts := strings.Split(value, "."); len(parts) == 3 { // header and claims of a JWT are no secret
			secret = parts[2]
		}
		add(map[byte]string{'R': "refresh-tokens", 'A': "access-tokens"}[t.kind], secret, t.pseudonym())
	}
	for _, p := range s.run.passwords {
		if !ordinaryWord.MatchString(p) {
			add("passwords", p, s.run.secrets.redact(p))
		}
	}
	add("mistyped", s.run.canary, "‹wrong password›")
	add("secret", s.run.opts.JWTSecret, "‹JWT secret›")
	return sought
}

// ordinaryWord: a password of letters alone may stand in a log by chance, as password does.
var ordinaryWord = regexp.MustCompile(`^\pL*$`)
