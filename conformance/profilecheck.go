package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// complete fills in the kit's contract and says everything that is wrong.
func (p Profile) complete() (Profile, error) {
	var wrong []string
	for _, c := range p.calls() {
		wrong = append(wrong, c.contradictions(c.name)...)
	}
	p.fillIn()
	for _, c := range p.calls() {
		wrong = append(wrong, c.wrong(c.name)...)
	}
	wrong = append(wrong, p.Answer.wrong()...)
	wrong = append(wrong, p.Policy.complete()...)
	if p.Storage != "" && p.Storage != StorageSHA256 {
		wrong = append(wrong, fmt.Sprintf("storage is %q; want sha256, or nothing where the database holds something else of a token", p.Storage))
	}
	wrong = append(wrong, p.wrongTogether()...)
	wrong = append(wrong, p.unknownWords()...)
	if wrong != nil {
		slices.Sort(wrong)
		return p, fmt.Errorf("profile: %s", strings.Join(slices.Compact(wrong), "\n  "))
	}
	return p, nil
}

// namedCall is a call with its place in the profile.
type namedCall struct {
	*Call
	name string // login, login.first[0] …
}

// main is the call's name without its place among the first ones; a first call is a step.
func (c namedCall) step() bool { return strings.HasSuffix(c.name, "]") }

// calls lists every call that the profile has, steps included.
func (p *Profile) calls() []namedCall {
	all := []namedCall{{&p.Login, "login"}, {&p.Refresh, "refresh"}, {&p.Logout, "logout"}, {&p.Me, "me"}}
	if p.Provision.given() || len(p.Provision.First) > 0 {
		all = append(all, namedCall{&p.Provision, "provision"})
	}
	for _, c := range all {
		for i := range c.First {
			all = append(all, namedCall{&c.First[i], fmt.Sprintf("%s.first[%d]", c.name, i)})
		}
	}
	return all
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// fillIn is the kit's own contract, where the profile says nothing else.
func (p *Profile) fillIn() {
	p.Login.First, p.Provision.First = slices.Clone(p.Login.First), slices.Clone(p.Provision.First) // the caller's stay as they are
	paths := map[string]string{"login": "/auth/login", "refresh": "/auth/refresh", "logout": "/auth/logout", "me": "/me"}
	for _, c := range p.calls() {
		if c.Command != "" {
			continue
		}
		setDefault(&c.Path, paths[c.name])
		if c.name == "login" && c.Body == nil {
			c.Body = map[string]any{"email": "{email}", "password": "{password}"}
		}
		if c.name == "me" && !c.names("access_token") {
			c.Bearer = true
		}
		if c.name == "me" || c.step() && len(c.Body) == 0 {
			setDefault(&c.Method, http.MethodGet)
		}
		setDefault(&c.Method, http.MethodPost)
		setDefault(&c.Encoding, "json")
		if len(c.Refused) == 0 && !c.step() && c.name != "provision" {
			c.Refused = []int{http.StatusUnauthorized}
		}
	}
	if p.Refresh.Words == nil {
		p.Refresh.Words = p.Login.Words
	}
	for _, c := range []*Call{&p.Refresh, &p.Logout} {
		setDefault(&c.Token, c.carrier(p.inCookie()))
	}
	setDefault(&p.Answer.AccessToken, "/access_token")
	setDefault(&p.Answer.TokenType, "/token_type")
	setDefault(&p.Answer.ExpiresIn, "/expires_in")
	setDefault(&p.Answer.Unit, "s")
}

// carrier is what carries the refresh token, where the profile does not name it.
func (c Call) carrier(inCookie bool) string {
	for _, part := range []string{"body", "headers", "query"} {
		if slices.Contains(c.named(part), "refresh_token") {
			return strings.TrimSuffix(part, "s")
		}
	}
	if inCookie {
		return "cookie"
	}
	return "none"
}

// contradictions are what the profile itself says of a call and what does not belong to it, before anything is filled in.
func (c namedCall) contradictions(name string) []string {
	var wrong []string
	say := func(has bool, format string, args ...any) {
		if has {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	main := name == "login" || name == "provision"
	say(c.Command != "" && !main, "%s.command: only login and provision may be commands", name)
	say(len(c.First) > 0 && !main, "%s.first: only login and provision have calls before them", name)
	request := c.Method + c.Path + c.Encoding
	say(c.Command != "" && (request != "" || c.Query != nil || c.Headers != nil || c.Body != nil || c.First != nil || c.OK != nil || c.Refused != nil),
		"%s is a command and a request; say one of them", name)
	say(c.Token != "" && name != "refresh" && name != "logout", "%s.token: only refresh and logout carry the refresh token", name)
	say(c.Bearer && (main || c.step()), "%s.bearer: there is no access token yet", name)
	say(c.Words != nil && (name == "logout" || name == "me" || name == "provision"), "%s.words: no later call could send them", name)
	say(c.Missing != nil && name != "refresh", "%s.missing: only a refresh can lack its token", name)
	say((c.Refused != nil || c.RefusedIs != nil) && (name == "provision" || c.step()), "%s.refused: whatever is not in ok is a failure there", name)
	return wrong
}

// wrong says what is wrong with a call by itself.
func (c namedCall) wrong(name string) []string {
	var wrong []string
	say := func(has bool, format string, args ...any) {
		if has {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	for member, value := range map[string]string{"method": c.Method, "encoding": c.Encoding, "token": c.Token} {
		list := choices(member)
		say(value != "" && !slices.Contains(list, value), "%s.%s is %q; want %s or %s", name, member, value, strings.Join(list[:len(list)-1], ", "), list[len(list)-1])
	}
	whole := (c.step() || name == "provision") && regexp.MustCompile(`^(https?://|\{)`).MatchString(c.Path)
	say(c.Command == "" && !strings.HasPrefix(c.Path, "/") && !whole && (name != "me" || c.Path != "-"), "%s.path is %q; want a path that begins with /", name, c.Path)
	for _, v := range c.Body {
		_, object := v.(map[string]any)
		_, list := v.([]any)
		say(c.Encoding == "form" && (object || list), "%s.body: a form has no objects or lists in it", name)
	}
	for member, statuses := range map[string][]int{"ok": c.OK, "refused": c.Refused, "missing": c.Missing} {
		for _, s := range statuses {
			say(s < 200 || s > 499, "%s.%s names %d; want statuses from 200 to 499", name, member, s)
		}
	}
	for _, word := range slices.Sorted(maps.Keys(c.Words)) {
		w := c.Words[word]
		say(wordPattern.FindString("{"+word+"}") != "{"+word+"}", "%s.words: %q is no word; want lower-case letters, digits and _", name, word)
		say(slices.Contains(ownWords(), word), "%s.words: {%s} is a word already", name, word)
		problem := placeProblem(w.From, "header", "cookie", "location", "body")
		say(problem != "", "%s.words.%s.from is %q; %s", name, word, w.From, problem)
		re, err := regexp.Compile(w.Match)
		say(err != nil, "%s.words.%s.match: %v", name, word, err)
		say(err == nil && w.Match != "" && re.NumSubexp() == 0, "%s.words.%s.match has no group (…) that is the value", name, word)
	}
	return wrong
}

// wrong says what is wrong with the places.
func (a Answer) wrong() []string {
	var wrong []string
	place := func(member, value string, kinds ...string) {
		if value == "" || value == "-" && (member == "token_type" || member == "expires_in") {
			return
		}
		if problem := placeProblem(value, kinds...); problem != "" {
			wrong = append(wrong, fmt.Sprintf("answer.%s is %q; %s", member, value, problem))
		}
	}
	place("access_token", a.AccessToken, "header", "cookie")
	place("refresh_token", a.RefreshToken, "header")
	place("token_type", a.TokenType, "header")
	place("expires_in", a.ExpiresIn, "header")
	place("refresh_expires_in", a.RefreshExpiresIn, "header")
	place("success_at", a.SuccessAt, "header")
	place("refused_at", a.RefusedAt, "header")
	for member, unit := range map[string]string{"unit": a.Unit, "refresh_unit": a.RefreshUnit} {
		if unit != "" && !slices.Contains(choices(member), unit) {
			wrong = append(wrong, fmt.Sprintf("answer.%s is %q; want s, ms or absolute", member, unit))
		}
	}
	return wrong
}

// wrongTogether says which members contradict each other.
func (p Profile) wrongTogether() []string {
	var wrong []string
	say := func(has bool, format string, args ...any) {
		if has {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	a := p.Answer
	say(a.RefreshToken == "" && p.Refresh.Token != "cookie" && p.Refresh.Token != "none", "refresh.token is %s, but answer.refresh_token does not say where answers bring the refresh token, so it comes in a cookie", p.Refresh.Token)
	say(a.RefreshToken != "" && a.Cookie != "", "answer.refresh_token and answer.cookie: the refresh token is in one of them")
	say((a.SuccessAt == "") != (a.SuccessIs == ""), "answer.success_at and answer.success_is go together")
	say(a.RefreshUnit != "" && a.RefreshExpiresIn == "", "answer.refresh_unit without answer.refresh_expires_in: there is no lifetime to read in it")
	codes := false
	for name, c := range map[string]Call{"login": p.Login, "refresh": p.Refresh, "logout": p.Logout, "me": p.Me} {
		codes = codes || len(c.RefusedIs) > 0
		say(len(c.RefusedIs) > 0 && a.RefusedAt == "", "%s.refused_is without answer.refused_at: say where the code stands", name)
		for _, s := range c.Refused {
			say(slices.Contains(c.OK, s) && a.SuccessAt == "", "%s: status %d is a success and a refusal; answer.success_at could tell them apart", name, s)
		}
	}
	say(a.RefusedAt != "" && !codes, "answer.refused_at without a refused_is: say which codes a refusal has")
	for name, c := range map[string]Call{"refresh": p.Refresh, "logout": p.Logout} {
		stands := c.carrier(p.inCookie())
		say(c.Token == "none" && name == "refresh", `refresh carries no token: {refresh_token} must stand in its body, headers or query, for example "body": {"refresh_token": "{refresh_token}"}`)
		explicit := stands == "body" || stands == "header" || stands == "query"
		say(slices.Contains([]string{"body", "header", "query"}, c.Token) && !c.tokenIn(c.Token),
			`%s.token is %s, but its %s does not say where: {refresh_token} must stand there`, name, c.Token, c.Token)
		say(explicit && (c.Token == "cookie" || c.Token == "none"), "%s.token is %s, but {refresh_token} stands in its %s", name, c.Token, stands)
		say(c.Token == "cookie" && !p.inCookie(), "%s.token is cookie, but answer.refresh_token says that the token is in none", name)
	}
	own := func(w string) bool { return w == "access_token" || !slices.Contains(ownWords(), w) }
	says := slices.ContainsFunc(callParts(), func(part string) bool { return slices.ContainsFunc(p.Logout.named(part), own) })
	say(p.Logout.Token == "none" && !p.Logout.Bearer && !says, "logout says nothing of the session that it ends: name {refresh_token}, {access_token} or a word of the login's in it, or set bearer")
	return wrong
}

// tokenIn: {refresh_token} stands in the body, the headers or the query.
func (c Call) tokenIn(carrier string) bool {
	part := map[string]string{"header": "headers"}[carrier]
	setDefault(&part, carrier)
	return slices.Contains(c.named(part), "refresh_token")
}

// ownWords are the words that need no bringing.
func ownWords() []string { return []string{"email", "password", "refresh_token", "access_token"} }

// unknownWords says which words stand in a call that cannot have a value there.
func (p Profile) unknownWords() []string {
	brought := map[string][]string{} // by login and provision: what their first calls bring, in order
	var wrong []string
	check := func(c Call, name string, known []string) {
		for _, part := range callParts() {
			for _, w := range c.named(part) {
				if !slices.Contains(known, w) {
					wrong = append(wrong, fmt.Sprintf("%s.%s names {%s}, which has no value there; known are {%s}", name, part, w, strings.Join(known, "}, {")))
				}
			}
		}
	}
	for main, c := range map[string]Call{"login": p.Login, "provision": p.Provision} {
		brought[main] = []string{"email", "password"}
		for i, step := range c.First {
			check(step, fmt.Sprintf("%s.first[%d]", main, i), brought[main])
			brought[main] = append(brought[main], slices.Sorted(maps.Keys(step.Words))...)
		}
		check(c, main, brought[main])
	}
	later := append([]string{"email", "refresh_token", "access_token"}, brought["login"][2:]...)
	later = append(later, slices.Sorted(maps.Keys(p.Login.Words))...)
	for _, w := range slices.Sorted(maps.Keys(p.Refresh.Words)) {
		if !slices.Contains(later, w) {
			later = append(later, w)
		}
	}
	check(p.Refresh, "refresh", later)
	check(p.Logout, "logout", later)
	check(p.Me, "me", later)
	return wrong
}
