package conformance

import (
	"slices"
	"strconv"
	"strings"
)

// want is a check that failed, and how the script judges it.
type want struct {
	*CheckResult
	slug  string
	at    *exchange
	judge []string    // a predicate and its arguments; exchanges stand there as their numbers
	with  []*exchange // what it looks at beside at
	any   bool        // and it can be judged by any of them
	eye   bool        // the script cannot judge it
}

func number(e *exchange) string { return strconv.Itoa(e.n) }

// alone judges the exchange by itself.
func (w *want) alone(predicate string, args ...string) {
	w.judge = append([]string{predicate, number(w.at)}, args...)
}

// against compares it with another one.
func (w *want) against(other *exchange, predicate string, args ...string) {
	if other != nil {
		w.with = append(w.with, other)
		w.judge = append([]string{predicate, number(w.at), number(other)}, args...)
	}
}

// over judges several together.
func (w *want) over(all []*exchange, words ...string) {
	if len(all) == 0 {
		return
	}
	w.with, w.judge, w.any = all, words, true
	for _, e := range all {
		w.judge = append(w.judge, number(e))
	}
}

// each judges several one by one.
func (w *want) each(all []*exchange, predicate string, args ...string) {
	if w.over(all, "each"); w.judge != nil {
		w.judge = append(append(w.judge, "--", predicate), args...)
	}
}

// judged says how the script judges a check that failed: where it takes more than one answer to tell, by the check itself, else by what was
// wanted, which is the same words for the same question in every story.
func (sc *script) judged(c *CheckResult, e *exchange) *want {
	w := &want{CheckResult: c, slug: c.ID[strings.IndexByte(c.ID, '/')+1:], at: e}
	for _, judges := range []map[string]judge{accountJudges(), tokenJudges(), cookieJudges(), familyJudges()} {
		if j := judges[c.ID]; j != nil {
			j(sc, w)
		}
	}
	if w.judge == nil {
		sc.byWords(w)
	}
	if w.judge == nil {
		w.eye = true
		w.alone("eye")
	}
	if e.race > 0 && len(w.judge) > 1 && w.judge[1] == number(e) && w.with == nil { // who of those that did the same got it is chance
		w.each(sc.alike(e), w.judge[0], w.judge[2:]...)
	}
	return w
}

// alike are the exchanges of a race that presented the same token, or if no other did, made the same call.
func (sc *script) alike(e *exchange) []*exchange {
	same := func(match func(*exchange) bool) []*exchange {
		return slices.DeleteFunc(sc.racing(e), func(o *exchange) bool { return !match(o) })
	}
	if all := same(func(o *exchange) bool { return o.presented == e.presented }); len(all) > 1 {
		return all
	}
	return same(func(o *exchange) bool { return o.call == e.call })
}

// byWords judges by what was wanted of one answer.
func (sc *script) byWords(w *want) {
	e := w.at
	p := e.target.profile
	cookie := e.target.cookieName
	switch w.Want {
	case asNamed:
		w.alone("as_named", missing(e)...)
	case "Path=" + p.folder():
		w.alone("attribute", "path=/[^;]+")
	case "no Set-Cookie " + cookie, "no Set-Cookie":
		w.alone("no_cookie")
	case "Set-Cookie that deletes " + cookie:
		w.alone("deletes_cookie")
	case "one Set-Cookie " + cookie:
		w.alone("one_cookie")
	case "no Access-Control-Allow-Origin for it":
		w.alone("foreign_origin", e.header.Get("Origin"))
	case "Bearer":
		w.alone("member", p.Answer.TokenType, "Bearer")
	case "a JSON number such as 900":
		w.alone("number", p.Answer.ExpiresIn)
	default:
		words := plainWants()[w.Want]
		switch {
		case words != nil:
			w.alone(words[0], words[1:]...)
		case strings.HasPrefix(w.Want, "200") || strings.HasPrefix(w.Want, "2xx"):
			w.alone("accepted")
		case strings.HasPrefix(w.Want, "refused"):
			w.alone("refused")
		}
	}
}

// missing are the further statuses by which the profile lets a request without a token be refused.
func missing(e *exchange) []string {
	var all []string
	for _, s := range e.target.call(e.call).Missing {
		if e.bare {
			all = append(all, strconv.Itoa(s))
		}
	}
	return all
}

// plainWants are the predicates for what is wanted of any target.
func plainWants() map[string][]string {
	return map[string][]string{
		"2xx":                               {"accepted"},
		"2xx with tokens":                   {"accepted"},
		"200":                               {"accepted"},
		"200 with tokens":                   {"accepted"},
		"200 and a new cookie":              {"rotated"},
		"200 and a new token":               {"rotated"},
		"503 and Retry-After":               {"is_503"},
		"429":                               {"status_in", "429"},
		"503, and the client tries again":   {"unavailable"},
		"iat at the time of the answer":     {"issued_now"},
		"new tokens":                        {"rotated"},
		"refused, no token":                 {"refused"},
		"4xx":                               {"client_error"},
		"4xx, no token":                     {"client_refusal"},
		"400, 413 or 422":                   {"status_in", "400", "413", "422"},
		"below 500":                         {"below_500"},
		"an answer":                         {"answered"},
		"no redirect":                       {"no_redirect"},
		"no token":                          {"no_tokens"},
		"no access token":                   {"no_access"},
		"one refresh token":                 {"brings_one"},
		"another refresh token":             {"new_refresh"},
		"a new token":                       {"new_refresh"},
		"another access token":              {"new_access"},
		"cookie octets":                     {"cookie_octets"},
		"no Set-Cookie with a value":        {"brings_none"},
		"Max-Age=0":                         {"deletes_cookie"},
		"HttpOnly":                          {"attribute", "httponly"},
		"Secure":                            {"attribute", "secure"},
		"SameSite=Strict or Lax":            {"attribute", "samesite=(strict|lax)"},
		"SameSite, or a refusal":            {"attribute", "samesite=(strict|lax)"},
		"no Domain":                         {"no_attribute", "domain=.*"},
		"Max-Age":                           {"attribute", "max-age=.*|expires=.*"},
		"Max-Age > 0":                       {"lives", "-gt", "0"},
		"at most 400 days":                  {"lives", "-le", "34560000"},
		"Retry-After":                       {"has", "Retry-After", ""},
		"WWW-Authenticate":                  {"has", "WWW-Authenticate", ""},
		"WWW-Authenticate: Bearer …":        {"has", "WWW-Authenticate", "bearer"},
		`error="invalid_token"`:             {"has", "WWW-Authenticate", "invalid_token"},
		"Allow: POST":                       {"has", "Allow", "POST"},
		"Vary: Origin":                      {"has", "Vary", "Origin"},
		"Cache-Control: no-store":           {"has", "Cache-Control", "no-store"},
		"application/json":                  {"has", "Content-Type", "application/json"},
		"application/problem+json":          {"has", "Content-Type", "json"},
		"a signature":                       {"claim_is", "1", "alg", `^"[^nN]`},
		"at+jwt":                            {"claim_is", "1", "typ", "at[+]jwt"},
		"1 s to 24 h":                       {"token_lives", "1", "86400"},
		"at most 3600 s":                    {"token_lives", "1", "3600"},
		"no password, no hash":              {"body_lacks", `[$]2[ab][$]|"[^"]*([Pp]assword|[Pp]asswd|[Hh]ash)[^"]*" *:`},
		"nothing of the inside":             {"body_lacks", "Traceback|goroutine |SQLSTATE|SELECT |INSERT INTO|UPDATE |Exception in thread|node_modules|site-packages|[.](go|java):"},
		"a token that was not there before": {"new_refresh"},
	}
}

// before is the last exchange of the same story before e that brought tokens, or that has the note.
func (sc *script) before(e *exchange, note string) *exchange {
	all := sc.scene.run.all[:e.n-1]
	for i := len(all) - 1; i >= 0; i-- {
		o := all[i]
		if o.story == e.story && o.note != "control" && (note == "" && o.refresh != nil && o.access != nil || note != "" && o.note == note) {
			return o
		}
	}
	return nil
}

// login is the login that a story begins with.
func (sc *script) firstLogin() *exchange {
	i := slices.IndexFunc(sc.scene.exchanges, func(e *exchange) bool { return e.call == "login" })
	if i < 0 {
		return nil
	}
	return sc.scene.exchanges[i]
}

// noted are the exchanges of the story with one of the notes, in a race those of e's round.
func (sc *script) noted(e *exchange, notes ...string) []*exchange {
	var found []*exchange
	for _, o := range sc.scene.exchanges {
		if slices.Contains(notes, o.note) && sc.raceOf(o) == sc.raceOf(e) {
			found = append(found, o)
		}
	}
	return found
}

// racing are the exchanges that were released together with e, or in the race before it.
func (sc *script) racing(e *exchange) []*exchange {
	var found []*exchange
	race := sc.raceOf(e)
	for _, o := range sc.scene.run.all {
		if o.race == race && race > 0 {
			found = append(found, o)
		}
	}
	return found
}
