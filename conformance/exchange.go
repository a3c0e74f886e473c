package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// exchange is one request and its answer, recorded before it is judged. It holds raw secrets; only a [Step] leaves the package.
type exchange struct {
	n         int    // position in the run
	story     string // ID
	who       string // the actor
	call      string // login, refresh, logout, me, or what a story calls it
	note      string // what is special about it
	presented *token // the token that the request carried, if the suite knows it
	genuine   bool   // refresh: a cookie with a known, unaltered token went along
	method    string
	path      string
	header    http.Header
	body      string

	status   int
	answer   http.Header
	text     string // the answer's body, at most maxBody bytes
	err      error  // no answer
	sent     time.Time
	at       time.Time // when the answer was read, on the run's clock
	took     time.Duration
	json     map[string]any // the answer's body, if it is a JSON object; numbers as json.Number
	cookies  []setCookie    // every Set-Cookie of the answer
	refresh  *token         // what the answer brought
	fresh    bool           // it brought a token that the run had not seen
	access   *token
	ok       bool          // the answer is a success, as the profile defines it
	expires  int64         // the access token's life in seconds, as the answer states it
	stated   bool          // and it does, as a positive whole number
	odd      bool          // no ordinary refresh or login, so that its refusal may have another status
	alone    bool          // on a connection of its own: a server that leaves a body unread must not lose the next request
	outage   bool          // made while the target had no database
	dropped  bool          // the suite hung up before the answer came
	guess    bool          // that it is throttled is an answer, and nothing to wait for
	password bool          // cost the target a password check
	delay    time.Duration // in a race: released that much later than the others
	replica  int           // which one answers, from 1; 0: not chosen yet
	raw      string        // the token that the request carried, where it is looked up later
	event    string        // no request but something that the story did beside them, and how it ended
	race     int           // which race of the run; 0: none
	paused   time.Duration // the story waited that long before, on the target's clock
	user     User          // the actor's
	target   *target
	forged   *resigned // how the story made the access token that went along

	command func(context.Context, *exchange) // takes the place of the request
	step    *Call                            // the call of the profile, where its name does not tell it
	aside   bool                             // prepares something, or is a command: no observer judges it
	done    bool                             // sent and answered
	bare    bool                             // carries no refresh token at all
	moved   bool                             // the run had moved the target's clock by then
	named   bool                             // the status, and the code if any, are those that the profile names for a refusal
	words   map[string]string                // what the calls before it brought
	before  []jarCookie                      // the cookies that they set
	lacks   string                           // the word that its answer should have brought
}

const maxBody = 1 << 20

func (e *exchange) decode() {
	d := json.NewDecoder(bytes.NewReader([]byte(e.text)))
	d.UseNumber()
	if d.Decode(&e.json) != nil {
		e.json = nil
	}
	for _, line := range e.answer.Values("Set-Cookie") {
		e.cookies = append(e.cookies, parseSetCookie(line))
	}
}

// member returns a string member of the JSON answer.
func (e *exchange) member(name string) string {
	s, _ := e.json[name].(string)
	return s
}

// cookie returns the Set-Cookie lines of one name.
func (e *exchange) cookie(name string) []setCookie {
	var found []setCookie
	for _, c := range e.cookies {
		if c.Name == name {
			found = append(found, c)
		}
	}
	return found
}

// now is the target's clock if its answer said so, else ours.
func (e *exchange) now() time.Time {
	if t, err := http.ParseTime(e.answer.Get("Date")); err == nil {
		return t
	}
	return e.sent
}

// clocks are the two times at which the answer may have been made: by the target's clock and by ours. What holds by one of them holds, for
// clocks differ, and the Date of some servers is as old as the connection (uvicorn 0.17).
func (e *exchange) clocks() [2]time.Time { return [2]time.Time{e.now(), e.at} }

// accepted: the call did what it is for. A login and a refresh bring an access token.
func (e *exchange) accepted() bool {
	if e.err != nil || !e.ok {
		return false
	}
	return e.call != "login" && e.call != "refresh" || e.access != nil
}

// refused: the target said no and gave nothing away. Whether it said so with the right status is a check of its own
// (http.answers), so a login or refresh that brings no token is refused even with 200. An error of the target's own and too many requests
// are neither a yes nor a no (see [exchange.undecided]).
func (e *exchange) refused() bool {
	if e.undecided() || e.refresh != nil || e.access != nil {
		return false
	}
	return e.clientError() || !e.ok || e.call == "login" || e.call == "refresh"
}

// undecided: the answer, or its absence, says nothing about the request.
func (e *exchange) undecided() bool {
	return e.err != nil || e.status >= 500 && e.status != http.StatusNotImplemented || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout
}

// clientError: the answer blames the request, by its status or, where the profile says so, in its body.
func (e *exchange) clientError() bool {
	if e.err == nil && (e.status >= 200 && e.status <= 299 && !e.ok || e.named) {
		return true
	}
	return e.err == nil && e.status >= 400 && e.status <= 499 && e.status != http.StatusTooManyRequests
}

// got says in a few words what came.
func (e *exchange) got() string {
	if e.event != "" {
		return e.event
	}
	if e.err != nil {
		return "no answer: " + plainError(e.err)
	}
	s := fmt.Sprintf("%d", e.status)
	if e.refresh != nil {
		s += " " + e.refresh.pseudonym()
	}
	if e.access != nil {
		s += " " + e.access.pseudonym()
	}
	if e.refresh == nil && e.access == nil && e.status >= 400 {
		if d := e.complaint(); d != "" && len(d) < 80 {
			s += " " + d
		}
	}
	if e.status == http.StatusTooManyRequests && !e.guess {
		s += " (too many requests: lift that limit while the suite runs)"
	}
	return s
}

// complaint is what the body of a refusal says is wrong: a string, or the first of the errors that FastAPI lists, by its place.
func (e *exchange) complaint() string {
	list, _ := e.json["detail"].([]any)
	if len(list) == 0 {
		return e.member("detail") + e.member("error") + e.member("message")
	}
	first, _ := list[0].(map[string]any)
	place, _ := first["loc"].([]any)
	text := ""
	for _, p := range place {
		text += fmt.Sprint(p) + ": "
	}
	return text + fmt.Sprint(first["msg"])
}

// did says in a few words what was asked.
func (e *exchange) did() string {
	s := e.call
	if e.presented != nil && !strings.Contains(e.note, "‹") {
		s += " " + e.presented.pseudonym()
	}
	if e.note != "" {
		s += " (" + e.note + ")"
	}
	if e.replica != 0 {
		s += fmt.Sprintf(" @%d", e.replica)
	}
	return s
}

// Step is an exchange as reports show it: every secret replaced by its pseudonym.
type Step struct {
	N       int     `json:"n"`
	Who     string  `json:"who"`
	Did     string  `json:"did"`
	Got     string  `json:"got"`
	Mark    string  `json:"mark,omitempty"` // ok, or what was wanted instead
	Story   string  `json:"story,omitempty"`
	Request string  `json:"request"`
	Answer  string  `json:"answer,omitempty"`
	Took    float64 `json:"ms"`
}

// requestText and answerText are the exchange on the wire, headers in a stable order, bodies cut.
func (e *exchange) requestText() string {
	if e.event != "" {
		return ""
	}
	return fmt.Sprintf("%s %s\n%s\n%s", e.method, e.path, headerText(e.header), cut(e.body))
}

func (e *exchange) answerText() string {
	if e.err != nil || e.event != "" {
		return ""
	}
	return fmt.Sprintf("%d %s\n%s\n%s", e.status, http.StatusText(e.status), headerText(e.answer), cut(e.text))
}

func headerText(h http.Header) string {
	var b bytes.Buffer
	_ = h.Write(&b) // a buffer does not fail
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

const shownBody = 2000

func cut(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) > shownBody {
		return s[:shownBody] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return s
}
