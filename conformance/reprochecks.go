package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// judge sets how the script judges a check.
type judge func(*script, *want)

func accountJudges() map[string]judge {
	both := func(predicate string) judge {
		return func(sc *script, w *want) {
			w.each(sc.noted(w.at, "wrong password", "unknown user"), predicate)
		}
	}
	wrong := func(predicate string) judge {
		return func(sc *script, w *want) { w.against(sc.before(w.at, "wrong password"), predicate) }
	}
	malformed := func(predicate string) judge {
		return func(sc *script, w *want) { w.against(sc.before(w.at, "malformed"), predicate) }
	}
	ownAnswers := func(sc *script, w *want) { // which of them comes first is chance, and so is who gets another's answer
		all := sc.racing(w.at)
		wrong := slices.IndexFunc(all, func(e *exchange) bool { return strings.Contains(e.note, "wrong password") })
		w.over(slices.Concat(all[wrong:wrong+1], all[:wrong], all[wrong+1:]), "own_answers")
	}
	large := func(_ *script, w *want) {
		if w.Want == "4xx, no token" {
			w.alone("or_closed", "client_refusal")
		}
	}
	return map[string]judge{
		"login.success/status": func(_ *script, w *want) { w.alone("status_in", "200") },
		"login.wrong-password/status-401": func(sc *script, w *want) {
			w.each(sc.noted(w.at, "wrong password", "unknown user"), "as_named")
		},
		"login.wrong-password/same-status":  wrong("same_status"),
		"login.wrong-password/same-body":    wrong("same_answer"),
		"login.wrong-password/same-headers": wrong("same_headers"),
		"login.wrong-password/no-cookie":    both("brings_none"),
		"login.wrong-password/no-deletion":  both("keeps_cookie"),
		"login.besides/wrong-at-once":       ownAnswers,
		"admin.disable/same-answer":         wrong("same_answer"),
		"admin.disable/not-recognised":      wrong("same_answer"),
		"outage.logout/honest":              func(sc *script, w *want) { w.against(sc.before(w.at, "no database"), "refused_after") },
		"login.malformed/megabyte":          large,
		"login.malformed/megabyte-password": large,
		"login.independent/tokens-differ":   func(sc *script, w *want) { w.over(sc.racing(w.at), "one_each", "brought") },
		"login.independent/access-differ":   func(sc *script, w *want) { w.over(sc.racing(w.at), "one_each", "accessed") },
		"http.cors/vary":                    func(_ *script, w *want) { w.alone("open_says_vary") },
		"http.answers/retry-after":          func(_ *script, w *want) { w.alone("when", "503|429", "has", "Retry-After", "") },
		"http.answers/challenge":            func(_ *script, w *want) { w.alone("when", "401", "has", "WWW-Authenticate", "") },
		"http.answers/error-type":           func(_ *script, w *want) { w.alone("when", "4..", "has", "Content-Type", "json") },
		"http.answers/no-tokens":            func(_ *script, w *want) { w.alone("when", "4..", "no_tokens") },
		"http.answers/status-401":           func(_ *script, w *want) { w.alone("accepted_or", append([]string{"as_named"}, missing(w.at)...)...) },
		"http.caching/refusals":             func(_ *script, w *want) { w.alone("when", "4..", "has", "Cache-Control", "no-store") },
		"http.methods/allow":                func(_ *script, w *want) { w.alone("when", "405", "has", "Allow", "POST") },
		"access.required/challenge":         func(_ *script, w *want) { w.alone("when", "401", "has", "WWW-Authenticate", "bearer") },
		"http.answers/no-5xx":               func(_ *script, w *want) { w.alone("below_500", "503") },
		"http.odd-cookies/at-logout":        func(_ *script, w *want) { w.alone("below_500", "503") },
		"http.one-answer/status":            malformed("same_status"),
		"http.one-answer/rotated":           malformed("same_answer"),
		"http.one-answer/revoked":           malformed("same_answer"),
		"http.one-answer/logged-out":        malformed("same_answer"),
		"http.one-answer/missing":           malformed("same_answer"),
		"http.steady/thirty":                func(_ *script, w *want) { w.alone("plain_yes") },
		"http.steady/no-loss":               func(_ *script, w *want) { w.alone("plain_yes") },
		"http.odd-cookies/nul":              func(_ *script, w *want) { w.alone("or_closed", "client_error") },
		"http.odd-cookies/newline":          func(_ *script, w *want) { w.alone("or_closed", "client_error") },
		"http.secrecy/not-in-body":          func(sc *script, w *want) { w.alone("keeps_secret", append([]string{"body"}, sc.values(w.at)...)...) },
		"http.secrecy/not-in-header":        func(sc *script, w *want) { w.alone("keeps_secret", append([]string{"head"}, sc.values(w.at)...)...) },
		"http.secrecy/not-readable":         func(sc *script, w *want) { w.alone("one_place", sc.values(w.at)...) },
		"http.secrecy/no-echo":              func(sc *script, w *want) { w.alone("keeps_secret", append([]string{"body"}, sc.values(w.at)...)...) },
	}
}

// values are the secrets of a request and of its answer, as words of the shell.
func (sc *script) values(e *exchange) []string {
	words := []string{`"$(refresh ` + number(e) + `)"`}
	for _, s := range sc.words.in(requestParts(e)) {
		sc.words.derive(s, e)
		words = append(words, `"`+s.shell+`"`)
	}
	if _, value, ok := strings.Cut(e.header.Get("Cookie"), "="); ok && len(words) == 1 { // one that is nobody's secret
		words = append(words, value)
	}
	return words
}

func tokenJudges() map[string]judge {
	claim := func(pattern string) judge {
		return func(_ *script, w *want) { w.alone("claim_is", "2", w.slug, pattern) }
	}
	agrees := func(_ *script, w *want) {
		a := w.at.target.profile.Answer
		w.alone("life_agrees", a.ExpiresIn, map[string]string{"s": "1", "ms": "1000"}[a.Unit])
	}
	earlier := func(predicate string, args ...string) judge {
		return func(sc *script, w *want) { w.against(sc.before(w.at, ""), predicate, args...) }
	}
	inherits := func(sc *script, w *want) {
		w.against(sc.before(w.at, ""), "same_refresh_claim", strings.TrimPrefix(w.Want, "the same "))
	}
	return map[string]judge{
		"access.claims/iss":                 claim(`^"..*"$`),
		"access.claims/sub":                 claim(`^"..*"$`),
		"access.claims/jti":                 claim(`^"..*"$`),
		"access.claims/aud":                 claim(`[^"]`),
		"access.claims/exp":                 claim(`^-?[0-9]+$`),
		"access.claims/iat":                 claim(`^-?[0-9]+$`),
		"access.claims/jti-unique":          earlier("other_claim", "jti"),
		"access.claims/same-shape":          earlier("same_shape"),
		"access.claims/same-subject":        earlier("same_claims", "iss", "aud", "sub"),
		"family.inherits/subject":           earlier("same_claims", "sub"),
		"family.inherits/family":            inherits,
		"family.inherits/end":               inherits,
		"access.lifetime/expires-in-agrees": agrees,
		"access.lifetime/refresh-agrees":    agrees,
		"access.lifetime/same-lifetime":     earlier("same_life"),
		"access.lifetime/not-future":        func(_ *script, w *want) { w.alone("claim_not_after", "iat", "nbf") },
		"access.secret/not-empty":           func(_ *script, w *want) { w.alone("not_signed_with", "") },
		"access.secret/not-published":       func(_ *script, w *want) { w.alone("not_signed_with", strings.TrimPrefix(w.Got, "the key is ")) },
		"access.claims/no-secrets": func(sc *script, w *want) {
			w.alone("tells_nothing", sc.scene.Victim.user.Email, `password|passwd|"pwd"|[$]2[ab][$]|[$]argon2`)
		},
		"access.required/own-data": func(sc *script, w *want) {
			i := slices.IndexFunc(sc.scene.exchanges, func(e *exchange) bool { return e.call == "me" })
			w.against(sc.scene.exchanges[i], "different_body")
		},
		"rotation.rotates/same-members": earlier("same_members"),
		"rotation.rotates/token-type": func(sc *script, w *want) {
			w.against(sc.before(w.at, ""), "same_member", w.at.target.profile.Answer.ExpiresIn)
		},
		"rotation.unpredictable/length": func(sc *script, w *want) { w.over(sc.rotations(w.at), "long_enough") },
		"rotation.unpredictable/varied": func(sc *script, w *want) { w.over(sc.rotations(w.at), "varied") },
	}
}

// rotations are the last six refreshes up to e.
func (sc *script) rotations(e *exchange) []*exchange {
	var found []*exchange
	for _, o := range sc.scene.exchanges {
		if o.n <= e.n && o.call == "refresh" && o.refresh != nil && o.note == "" {
			found = append(found, o)
		}
	}
	return found[max(0, len(found)-6):]
}

func cookieJudges() map[string]judge {
	as := func(predicate string, names ...string) judge {
		return func(sc *script, w *want) { w.against(sc.firstLogin(), predicate, names...) }
	}
	reaches := func(sc *script, w *want) {
		w.alone("path_covers", sc.scene.target.call(strings.TrimPrefix(w.slug, "reaches-")).Path)
	}
	drops := func(sc *script, w *want) { w.against(sc.before(w.at, ""), "drops") }
	return map[string]judge{
		"cookie.identity/rotation-identity": as("same_attributes", "path", "domain"),
		"cookie.identity/deletion-identity": as("same_attributes", "path", "domain"),
		"cookie.identity/rotation-policy":   as("same_attributes", "secure", "httponly", "samesite"),
		"cookie.identity/deletion-policy":   as("same_attributes", "secure", "samesite"),
		"cookie.identity/rotation-lifetime": as("same_lifetime"),
		"logout.clears/same-path":           as("same_attributes", "path"),
		"cookie.browser/reaches-refresh":    reaches,
		"cookie.browser/reaches-logout":     reaches,
		"cookie.browser/signed-out":         drops,
		"logout.clears/jar-empty":           drops,
		"expiry.stated/longer":              func(_ *script, w *want) { w.alone("lives", "-gt", strconv.FormatInt(w.at.expires, 10)) },
		"expiry.stated/rotation":            func(sc *script, w *want) { w.against(sc.before(w.at, ""), "same_cookie_life") },
		"expiry.stated/agrees":              func(_ *script, w *want) { w.alone("own_end_agrees") },
		"expiry.absolute/bounded": func(_ *script, w *want) {
			if left, err := time.ParseDuration(strings.TrimPrefix(w.Want, "at most ")); err == nil {
				w.alone("lives", "-le", fmt.Sprint(int((left + 3*tick).Seconds())))
			}
		},
	}
}

func familyJudges() map[string]judge {
	clean := func(sc *script, w *want) { w.each(sc.racing(w.at), "below_500") }
	return map[string]judge{
		"race.refresh/winner":       func(sc *script, w *want) { w.over(sc.racing(w.at), "at_least_one") },
		"race.refresh/one-winner":   func(sc *script, w *want) { w.over(sc.racing(w.at), "at_most_one") },
		"race.refresh/one-live":     func(sc *script, w *want) { w.over(sc.noted(w.at, "which live?"), "one_works") },
		"race.refresh/clean-losers": func(sc *script, w *want) { w.each(sc.racing(w.at), "clean_loser") },
		"race.replay/clean":         clean,
		"race.logout/clean":         clean,
		"race.sessions/clean":       clean,
		"race.refresh/losers-keep-cookie": func(sc *script, w *want) {
			w.each(sc.racing(w.at), "loser_keeps_cookie")
		},
		"race.replay/replay-refused": func(sc *script, w *want) {
			w.each(slices.DeleteFunc(sc.racing(w.at), func(e *exchange) bool { return e.presented != w.at.presented }), "refused")
		},
		"race.replay/no-survivor":   func(sc *script, w *want) { w.each(sc.noted(w.at, "still alive?"), "refused") },
		"race.logout/nothing-lives": func(sc *script, w *want) { w.each(sc.noted(w.at, "still alive?"), "refused") },
		"reuse.one-leaf/one-live":   func(sc *script, w *want) { sc.sideBySide(w, "pairs_refused") },
		"reuse.one-leaf/collides":   func(sc *script, w *want) { sc.sideBySide(w, "collides") },
	}
}

// sideBySide judges the refreshes of two parties that go on with one family in turn, if the second could begin.
func (sc *script) sideBySide(w *want, predicate string) {
	i := slices.IndexFunc(sc.scene.exchanges, func(e *exchange) bool { return e.note == "at once" })
	if i < 0 {
		return
	}
	w.over(slices.DeleteFunc(slices.Clone(sc.scene.exchanges[i+1:]), func(e *exchange) bool { return e.note == "control" }), predicate)
	w.with = append([]*exchange{sc.scene.exchanges[i]}, w.with...)
}
