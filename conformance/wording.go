package conformance

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// say puts a text of the catalogue, which speaks of the kit's own contract, into the words of the target's profile: the statuses that it names for
// a refusal, and a refresh token where there is no cookie. IDs stay as they are.
func (s *Scene) say(text string) string {
	p, c := s.target.profile, s.refusing()
	if !p.inCookie() && s.scenario.Needs&NeedCookie == 0 {
		text = withoutCookie.Replace(text)
	}
	text = strings.ReplaceAll(text, asNamed, c.refusal(p.Answer.RefusedAt))
	if c.Refused == nil || strings.Contains(text, "WWW-Authenticate") || strings.Contains(text, "challenge") || strings.Contains(text, "refused_is") {
		return text // what RFC 9110 says of a 401 holds of no other
	}
	return status401.ReplaceAllLiteralString(text, c.statuses())
}

// asNamed is what is wanted of a refusal; say spells it out.
const asNamed = "401, or what the profile names"

var status401 = regexp.MustCompile(`\b401\b`)

// refusing is the call whose refusals the story is about.
func (s *Scene) refusing() Call {
	switch s.scenario.Area() {
	case "login":
		return s.target.profile.Login
	case "access":
		return s.target.profile.Me
	}
	return s.target.profile.Refresh
}

// statuses are those that the profile names for a refusal.
func (c Call) statuses() string {
	if c.Refused == nil {
		return strconv.Itoa(http.StatusUnauthorized)
	}
	var all []string
	for _, status := range c.Refused {
		all = append(all, strconv.Itoa(status))
	}
	return strings.Join(all, " or ")
}

// refusal is what the profile names for a refusal: statuses, and codes at their place.
func (c Call) refusal(place string) string {
	if len(c.RefusedIs) == 0 {
		return c.statuses()
	}
	return c.statuses() + " with " + strings.Join(c.RefusedIs, " or ") + " at " + place
}

// refusalGot is what came where the profile's refusal should have: where codes are named, with the one that is there.
func (s *Scene) refusalGot(e *exchange) string {
	c := s.target.call(e.call)
	if len(c.RefusedIs) == 0 || e.err != nil || !slices.Contains(c.Refused, e.status) {
		return e.got()
	}
	code, _ := e.find(s.target.profile.Answer.RefusedAt).(string)
	if code == "" {
		code = "no code"
	}
	return strconv.Itoa(e.status) + " with " + code[:min(len(code), 60)] + " at " + s.target.profile.Answer.RefusedAt
}

// withoutCookie are the catalogue's phrases that speak of a cookie, and what they are where the refresh token travels elsewhere.
var withoutCookie = strings.NewReplacer(
	"and set the refresh cookie", "and the refresh token where the profile reads it",
	"sets no refresh cookie", "brings no refresh token",
	"refresh cookie", "refresh token",
	"no Set-Cookie with a value", "no refresh token",
	"the lifetime that its cookie stated", "the lifetime that was stated",
	"an empty cookie", "an empty token",
	"the cookie undefined", "the token undefined",
	"the cookie null", "the token null",
	"a cookie of one character", "a token of one character",
	"without a cookie", "without a token",
	"a missing cookie", "a missing token",
	"the framework demands the cookie, as FastAPI's Cookie(...) does", "the framework demands the token, as a model of Pydantic does",
	"garbage cookie", "garbage token",
	"read the cookie and nothing else", "read the refresh token from its place and nothing else",
	"set it as the cookie of the same answer", "bring it in the same answer",
	"its own cookie or a second", "its own spelling or a second",
	"cookie-safe characters", "URL-safe characters",
	"no cookie outlives", "no refresh token outlives",
	"a logout that only deletes the cookie", "a logout of which only the client knows",
	", with a dead cookie that nothing removes", ", with a dead token that nothing removes",
	", and delete the cookie where there is one", "",
	", and always deletes the cookie", "",
	"a cookie with the access token's lifetime", "a refresh token with the access token's lifetime",
	"; one without any, when the browser closes", "",
	"Max-Age is the remaining life", "state the remaining life",
	"an HttpOnly cookie is for nothing when the same token stands in the body, where any script reads it", "a token that also stands where nobody expects it is kept, logged and read there",
	"put the refresh token into Set-Cookie and nowhere else", "put the refresh token into its place and nowhere else",
	"no refresh token stands in a body", "no refresh token stands in a body but in its place",
	"no refresh token stands in a header but Set-Cookie", "no refresh token stands in a header but in its place",
	"stands in a second cookie", "stands in a cookie",
	", with the cookie deleted, ", " ",
	", no Set-Cookie;", ";",
	"his cookie is gone", "his client has forgotten the token",
	"answer 2xx and delete the cookie only", "answer 2xx only",
)

// advice is what a story's failure means and what to try: its own words, or those of the checks that failed where they have some.
func (s *Scene) advised() (why, hint string) {
	var whys, hints []string
	add := func(list []string, text string) []string {
		if text = s.say(text); !slices.Contains(list, text) {
			return append(list, text)
		}
		return list
	}
	for _, r := range s.results {
		if r.Verdict != Fail && r.Verdict != Warn {
			continue
		}
		c, _ := s.scenario.check(r.ID[strings.IndexByte(r.ID, '/')+1:])
		setDefault(&c.Why, s.scenario.Why)
		setDefault(&c.Hint, s.scenario.Hint)
		if path := s.wrongPath(r); path != "" {
			c.Hint = path
		}
		whys, hints = add(whys, c.Why), add(hints, c.Hint)
	}
	if whys == nil {
		return s.say(s.scenario.Why), s.say(s.scenario.Hint)
	}
	return strings.Join(whys, "; "), strings.Join(hints, "; ")
}

// wrongPath asks whether the path is right, where nothing but 404 or 405 came from there in the whole run; "" elsewhere.
func (s *Scene) wrongPath(r *CheckResult) string {
	if r.Step == 0 {
		return ""
	}
	e := s.run.all[r.Step-1]
	if !e.nowhere() {
		return ""
	}
	for _, o := range s.run.all {
		if o.call == e.call && o.target == e.target && !o.nowhere() {
			return ""
		}
	}
	return e.askPath()
}

// nowhere: there is no such call at the path, as its answer says, unless the profile calls that a refusal.
func (e *exchange) nowhere() bool {
	return (e.call == "refresh" || e.call == "logout" || e.call == "me") && e.err == nil && !e.named && !e.ok &&
		(e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed)
}

// askPath asks whether the path is right.
func (e *exchange) askPath() string {
	text := e.method + " " + e.path + " answered " + strconv.Itoa(e.status) + ": is that the path and the method? -" + e.call + " names another path"
	if e.call == "me" {
		text += ", or - where there is no protected endpoint"
	}
	return text
}
