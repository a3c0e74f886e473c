package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

func loginSuccess() Scenario {
	return Scenario{
		ID: "login.success", Title: "The right password earns an access token and a refresh cookie", Level: Must, Stage: 1, Again: 3,
		Refs: []Ref{motivatedBy("RFC 6749", "§5.1"), requiredBy("RFC 9110", "§8.3"), motivatedBy("RFC 5321", "§2.4 advises against case-sensitive e-mail")},
		Why:  "every client is written against this answer; a member that is missing or has another type breaks them all",
		Hint: `answer 200 with {"access_token": "…", "token_type": "Bearer", "expires_in": 900} and set the refresh cookie`,
		Checks: []Check{
			{Slug: "status", Text: "the answer is 200"},
			{Slug: "access-token", Text: "access_token is a non-empty string"},
			{Slug: "token-type", Text: `token_type is "Bearer", in any case`},
			{Slug: "expires-in", Text: "expires_in is a positive whole number of seconds"},
			{Slug: "content-type", Text: "the answer says that it is application/json"},
			{Slug: "email-case", Text: "the e-mail may come in capitals and with spaces around it, as telephones type it", Level: May},
			{Slug: "refresh-cookie", Text: "it brings exactly one refresh token, in the cookie or the place that the profile names"},
		},
		Run: func(s *Scene) {
			e := s.Victim.Login()
			s.Accepted("access-token", e)
			s.Check("status", e, e.status == http.StatusOK || s.target.profile.Login.OK != nil, "200, or what the profile names", "")
			if place := s.target.profile.Answer.TokenType; place != "-" {
				s.Check("token-type", e, strings.EqualFold(e.textAt(place), "Bearer"), "Bearer", said(e.find(place)))
			} else {
				s.Skip("token-type", "the profile says that no answer states it")
			}
			if s.target.profile.Answer.ExpiresIn != "-" {
				place := s.target.profile.Answer.ExpiresIn
				s.Check("expires-in", e, e.stated, "a JSON number such as 900", said(e.find(place))+" at "+place)
			} else {
				s.Skip("expires-in", "the profile says that no answer states it")
			}
			if e.text != "" && !e.aside {
				s.Check("content-type", e, strings.HasPrefix(e.answer.Get("Content-Type"), "application/json"), "application/json", e.answer.Get("Content-Type"))
			}
			if !s.noRefresh("refresh-cookie") {
				s.Check("refresh-cookie", e, s.broughtOnce(e), "one refresh token", "")
			}
			if why := s.target.profile.lacks(NeedLogin); why != "" {
				s.Skip("email-case", why)
			} else if !s.target.profile.Login.takesEmail() {
				s.Skip("email-case", "the profile's login names no e-mail, and a user name may mind its case")
			} else {
				loud := s.SecondTab.LoginAs(" "+strings.ToUpper(s.Victim.user.Email)+" ", s.Victim.user.Password, "e-mail in capitals, with spaces")
				s.Check("email-case", loud, loud.accepted(), "200", "")
			}
			s.Control()
			s.Victim.Keep()
		},
	}
}

// wrongPassword is nobody's, and short enough that no server has another reason to refuse it.
const wrongPassword = "certainly-not-the-password"

func loginWrongPassword() Scenario {
	return Scenario{
		ID: "login.wrong-password", Title: "A wrong password and an unknown user get the same refusal", Level: Must, Stage: 1, Again: 3, Needs: NeedPassword,
		Refs: []Ref{motivatedBy("OWASP ASVS 5.0", "6.3.8"), requiredBy("RFC 9110", "§15.5.2")},
		Why:  "an answer that differs tells anyone which addresses have an account",
		Hint: "one answer for both, made in one place; hash a dummy password for an unknown user",
		Checks: []Check{
			{Slug: "refused", Text: "a wrong password is refused"},
			{Slug: "unknown-refused", Text: "an unknown user is refused"},
			{Slug: "status-401", Text: "both refusals are 401"},
			{Slug: "same-status", Text: "both refusals have the same status"},
			{Slug: "same-body", Text: "both refusals have the same body"},
			{Slug: "same-headers", Text: "both refusals have the same header names"},
			{Slug: "no-cookie", Text: "a refused login sets no refresh cookie"},
			{Slug: "no-deletion", Text: "nor does it delete the one that is there", Level: Should},
			{Slug: "session-lives", Text: "nor does it end the session whose cookie comes along"},
			{Slug: "right-after", Text: "the right password still works after a wrong one"},
		},
		Run: func(s *Scene) {
			a := s.actor("guesser", s.wrongUser())
			v := s.Victim.SignIn()
			wrong := a.send(s.alongWith(v, a.login(a.user.Email, wrongPassword, "wrong password")))
			unknown := a.send(s.alongWith(v, a.login("nobody-"+a.user.Email, wrongPassword, "unknown user")))
			s.Refused("refused", wrong)
			s.Refused("unknown-refused", unknown)
			first := wrong // the one that is another, to name it
			if wrong.named {
				first = unknown
			}
			s.Check("status-401", first, wrong.named && unknown.named, asNamed, s.refusalGot(wrong)+" and "+s.refusalGot(unknown))
			s.Check("same-status", unknown, wrong.status == unknown.status, wrong.got(), unknown.got())
			s.Check("same-body", unknown, sameAnswer(wrong, unknown), "the body of the wrong password's refusal", "another body")
			s.Check("same-headers", unknown, headerNames(wrong) == headerNames(unknown), headerNames(wrong), headerNames(unknown))
			s.Check("no-cookie", wrong, !s.brought(wrong) && !s.brought(unknown), "no Set-Cookie with a value", "")
			if s.target.profile.inCookie() {
				s.Check("no-deletion", wrong, !s.deleted(wrong) && !s.deleted(unknown), "no Set-Cookie", "a deletion")
			} else {
				s.Skip("no-deletion", "the refresh token does not travel in a cookie")
				s.Skip("session-lives", "likewise")
			}
			right := a.Login()
			s.Check("right-after", right, right.accepted(), "200", "")
			if s.target.profile.inCookie() && !s.noRefresh("session-lives") {
				alive := v.Refresh()
				s.Check("session-lives", alive, alive.accepted(), "200", "")
			}
			s.Control()
			v.Keep()
			if right.accepted() && right.refresh != nil {
				a.Keep()
			}
		},
	}
}

// alongWith adds the refresh cookie that the browser has already.
func (s *Scene) alongWith(v *Actor, e *exchange) *exchange {
	if s.target.profile.inCookie() && v.refresh != nil {
		addCookies(e, s.target.cookiePair(v.refresh.value))
	}
	return e
}

// wrongUser is the account that gets wrong passwords: the third, if there is one, so that a lock on it harms no other story.
func (s *Scene) wrongUser() User { return s.target.users[min(2, len(s.target.users)-1)] }

// brought reports whether an answer brought a refresh token.
func (s *Scene) brought(e *exchange) bool {
	if !s.target.profile.inCookie() {
		return e.refresh != nil
	}
	for _, c := range e.cookie(s.target.cookieName) {
		if c.Value != "" && !c.deletes(e.now()) {
			return true
		}
	}
	return false
}

// broughtOnce: and not two of them.
func (s *Scene) broughtOnce(e *exchange) bool {
	return s.brought(e) && (!s.target.profile.inCookie() || len(e.cookie(s.target.cookieName)) == 1)
}

func loginOddPasswords() Scenario {
	cases := []struct{ slug, text, note string }{
		{"empty", "an empty password is refused", "empty password"},
		{"case-flipped", "the password with its case flipped is refused", "password in the other case"},
		{"space-added", "the password with a space behind it is refused", "password and a space"},
		{"nul-tail", "the password with a NUL and more behind it is refused", "password, NUL and a tail"},
		{"cut", "the password without its last character is refused", "password without its last character"},
		{"first-eight", "the first eight characters are not enough", "first eight characters"},
		{"long", "a password of 100 bytes is refused without an error", "100 bytes"},
		{"very-long", "a password of 4,096 bytes is refused without an error", "4,096 bytes"},
		{"beyond-72", "another 73rd byte behind 72 right ones is refused", "72 right bytes and a tail"},
	}
	sc := Scenario{
		ID: "login.odd-passwords", Title: "Nothing but the exact password logs in", Level: Must, Stage: 1, Needs: NeedPassword,
		Refs: []Ref{recommendedBy("OWASP ASVS 5.0", "6.2.8"), motivatedBy("NIST SP 800-63B", "§5.1.1.2")},
		Why:  "a comparison that trims, folds or cuts makes one account open to many passwords; bcrypt cuts at 72 bytes and many bindings at NUL",
		Hint: "compare the bytes as they came; refuse more than 72 bytes before hashing and before comparing",
		Checks: []Check{
			{Slug: "exact-works", Text: "the exact password logs in"},
		},
	}
	for _, c := range cases {
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text})
	}
	sc.Run = func(s *Scene) {
		a := s.actor("guesser", s.wrongUser())
		p := a.user.Password
		flipped := strings.Map(flipCase, p)
		variants := []string{"", flipped, p + " ", p + "\x00tail", p[:max(0, len(p)-1)], p[:min(8, len(p))], strings.Repeat("x", 100), strings.Repeat("x", 4096), p[:min(72, len(p))] + "x"}
		for i, c := range cases {
			if c.slug != "long" && c.slug != "very-long" {
				s.run.secrets.hide(variants[i], "‹password of "+a.user.Email+": "+c.slug+"›") // who knows it knows the password
			}
		}
		var e *exchange
		for i, c := range cases {
			if i%wrongInARow == 0 { // a right one in between, so that no lock on guessing mistakes the suite for a guesser
				e = a.Login()
				s.Check("exact-works", e, e.accepted(), "200", "")
			}
			switch {
			case c.slug == "beyond-72" && len(p) < 72:
				s.Skip(c.slug, "needs an account with a password of 72 bytes, named as the third -user")
				continue
			case variants[i] == p:
				s.Skip(c.slug, "the password of this user does not allow it")
				continue
			}
			wrong := a.LoginAs(a.user.Email, variants[i], c.note)
			if c.slug == "long" || c.slug == "very-long" {
				s.ClientError(c.slug, wrong)
			} else {
				s.Refused(c.slug, wrong)
			}
		}
		s.Control()
		if e.accepted() && e.refresh != nil {
			a.Keep()
		}
	}
	return sc
}

// wrongInARow is fewer than the five wrong passwords after which many servers lock an account, rightly.
const wrongInARow = 3

func flipCase(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case r >= 'A' && r <= 'Z':
		return r - 'A' + 'a'
	}
	return r
}

func loginMalformed() Scenario {
	cases := []struct {
		slug, text string
		body       func(login func(values) string, u User) string // login fills the profile's body
	}{
		{"no-body", "a login without a body is refused", literal("")},
		{"cut-json", "a cut-off JSON body is refused", func(login func(values) string, u User) string {
			whole := login(values{"email": u.Email, "password": "x"})
			return whole[:len(whole)*2/3]
		}},
		{"array", "a JSON array is refused", literal("[]")},
		{"null", "a JSON null is refused", literal("null")},
		{"missing-password", "a body without password is refused", with(nil)},
		{"null-password", "a password of null is refused", with(values{"password": nil})},
		{"number-email", "an e-mail that is a number is refused", with(values{"email": 1, "password": "x"})},
		{"object-password", "a password that is an object is refused", with(values{"password": map[string]any{"$ne": ""}})},
		{"deep", "deep nesting is refused", with(values{"email": json.RawMessage(strings.Repeat("[", 2000) + strings.Repeat("]", 2000)), "password": "x"})},
		{"megabyte", "a body of a megabyte is refused", with(values{"email": strings.Repeat("a", 1<<20), "password": "x"})},
		{"megabyte-password", "a password of a megabyte is refused before it is hashed", with(values{"password": strings.Repeat("a", 1<<20)})},
		{"half-character", "half a surrogate pair, which JSON can spell and no text can hold, is refused", with(values{"email": json.RawMessage(`"nobody\ud800@example.com"`), "password": json.RawMessage(`"\udfff"`)})},
		{"invalid-utf8", "a body that is not UTF-8 is refused", func(login func(values) string, _ User) string {
			return strings.Replace(login(values{"email": "?@example.com", "password": "x"}), "?", "\xff\xfe", 1)
		}},
	}
	sc := Scenario{
		ID: "login.malformed", Title: "A malformed login is the client's error, and answered", Level: Must, Stage: 1, Needs: NeedJSON,
		Refs: []Ref{requiredBy("RFC 9110", "§15.5"), requiredBy("RFC 8259", "§2 one value, §8.1 UTF-8"), motivatedBy("RFC 8259", "§4 names should be unique")},
		Why:  "an unhandled exception is a 500 that pages someone at night, and often a stack trace for the attacker",
		Hint: "decode strictly, limit the size first, answer 400, 413 or 422; parsers may stop at deep nesting (Python: RecursionError), encoders at half a surrogate pair (UnicodeEncodeError)",
		Checks: []Check{
			// RFC 8259 §4 lets a reader do what it likes, and many parsers keep the last value; two of them that differ are a risk only where both read it.
			{Slug: "duplicate-keys", Text: "a key that comes twice is refused, though the last value is right", Level: May},
			{Slug: "trailing-data", Text: "data behind the object is refused, though the object is right", Level: Should},
		},
	}
	for _, c := range cases {
		level := Must
		if c.slug == "megabyte-password" {
			level = Should
		}
		sc.Checks = append(sc.Checks, Check{Slug: c.slug, Text: c.text, Level: level})
	}
	sc.Run = func(s *Scene) {
		login, u := s.target.profile.Login, s.Attacker.user
		body := func(v values) string { e := &exchange{header: http.Header{}}; login.fill(e, v); return e.body }
		for _, c := range cases {
			if strings.Contains(c.slug, "password") && !login.names("password") {
				s.Skip(c.slug, "the profile's login carries no password")
				continue
			}
			s.clientErrorOrCut(c.slug, s.Attacker.LoginBody(c.body(body, u), "application/json", c.slug))
		}
		right := body(values{"email": u.Email, "password": u.Password})
		wrong := body(values{"email": u.Email, "password": wrongPassword})
		s.ClientError("duplicate-keys", s.Attacker.LoginBody(wrong[:len(wrong)-1]+","+right[1:], "application/json", "password twice"))
		s.ClientError("trailing-data", s.Attacker.LoginBody(right+`{}`, "application/json", "two objects"))
		s.Control()
	}
	return sc
}

// literal is a body of that text.
func literal(text string) func(func(values) string, User) string {
	return func(func(values) string, User) string { return text }
}

// with is the profile's body with these values, and the user's e-mail where they say nothing else.
func with(v values) func(func(values) string, User) string {
	return func(login func(values) string, u User) string {
		all := values{"email": u.Email}
		maps.Copy(all, v)
		return login(all)
	}
}

// credentials are e-mail and password under the names that the profile's body has for them, and under the usual ones.
func (c Call) credentials(u User) url.Values {
	form := c.flat(values{"email": u.Email, "password": u.Password})
	for name, value := range map[string]string{"email": u.Email, "username": u.Email, "password": u.Password} {
		form.Set(name, value)
	}
	return form
}

// clientErrorOrCut is ClientError for requests that a server may answer by closing the connection, as it may a body that it does not want to
// read. A body that was read and compared instead is no refusal of the body.
func (s *Scene) clientErrorOrCut(slug string, e *exchange) {
	switch {
	case e.err != nil && s.ctx.Err() == nil && len(e.body) > 1<<16:
		s.record(slug, Pass, e, "", "")
		s.refusals++
	case slug == "megabyte-password" && e.named && s.target.checked(e):
		s.record(slug, Fail, e, "400, 413 or 422", "")
	default:
		s.ClientError(slug, e)
	}
}

func loginContentType() Scenario {
	return Scenario{
		ID: "login.content-type", Title: "Only JSON that says so logs in", Level: Must, Stage: 1, Needs: NeedJSON | NeedCookie,
		Refs: []Ref{motivatedBy("RFC 9110", "§15.5.16"), motivatedBy("Fetch Standard", "CORS-safelisted content types")},
		Why:  "a cross-site form can send text/plain without asking; it signs the victim into the attacker's account",
		Hint: "read a bounded body, and refuse any Content-Type but application/json with 415",
		Checks: []Check{
			{Slug: "text-plain", Text: "JSON sent as text/plain is refused"},
			{Slug: "form", Text: "JSON sent as application/x-www-form-urlencoded is refused"},
			{Slug: "form-encoded", Text: "a real form is refused", Level: Should},
			{Slug: "none", Text: "a body without Content-Type is refused", Level: Should},
			{Slug: "charset", Text: "application/json; charset=utf-8 is accepted"},
		},
		Run: func(s *Scene) {
			u := s.Victim.user
			body := s.Victim.login(u.Email, u.Password, "").body
			s.Refused("text-plain", s.Attacker.LoginBody(body, "text/plain", "as text/plain"))
			s.Refused("form", s.Attacker.LoginBody(body, "application/x-www-form-urlencoded", "as a form"))
			form := s.target.profile.Login.credentials(u).Encode()
			s.run.secrets.hide(form, "email=…&password=…")
			s.Refused("form-encoded", s.Attacker.LoginBody(form, "application/x-www-form-urlencoded", "as a real form"))
			s.Refused("none", s.Attacker.LoginBody(body, "", "without Content-Type"))
			s.Accepted("charset", s.Victim.LoginBody(body, "application/json; charset=utf-8", "with a charset"))
			s.Control()
			s.Victim.Keep()
		},
	}
}
