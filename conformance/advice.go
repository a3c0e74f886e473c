package conformance

import "maps"

// advice is what it means and what to try where that of its story would mislead: by check ID. A check that is not here has its story's.
func advice() map[string][2]string {
	all := map[string][2]string{}
	for _, group := range []map[string][2]string{adviceLogin, adviceAccess, adviceSession, adviceLogout, adviceHTTP, adviceHooks} {
		maps.Copy(all, group)
	}
	return all
}

// advised gives the checks their own advice.
func advised(stories []Scenario) []Scenario {
	all := advice()
	for _, s := range stories {
		for i := range s.Checks {
			own := all[s.ID+"/"+s.Checks[i].Slug]
			s.Checks[i].Why, s.Checks[i].Hint = own[0], own[1]
		}
	}
	return stories
}

var adviceLogin = map[string][2]string{
	"login.success/email-case": {"who types a capital letter, or a blank that the telephone adds, cannot sign in", "trim the e-mail and compare it in lower case, at sign-up as at login"},

	"login.wrong-password/refused":         {"whoever knows an address signs in as its owner", "compare the password with the stored hash before anything is given out"},
	"login.wrong-password/unknown-refused": {"whoever makes an address up is signed in", "refuse where there is no such user, after a dummy hash"},
	"login.wrong-password/status-401":      {"a client tells a wrong password from a broken request by the answer that it was promised", "answer both as the contract does, or name what yours does: login.refused, and login.refused_is where there are codes, in the profile"},
	"login.wrong-password/no-cookie":       {"a refresh token that comes with a refusal is a session that nobody signed in to", "make tokens after the password was right, and nowhere else"},
	"login.wrong-password/no-deletion":     {"one slip in a form signs out who is signed in", "answer a refused login without Set-Cookie"},
	"login.wrong-password/session-lives":   {"one slip in a form signs out who is signed in", "touch no session before the password was right"},
	"login.wrong-password/right-after":     {"who mistypes once is locked out, and so is anybody whose address a stranger tries", "slow guesses down after several failures, not after one"},

	"login.malformed/duplicate-keys": {"two parsers read two logins: what a filter in front has checked is not what the server obeys", "refuse an object that has a member twice"},
	"login.malformed/trailing-data":  {"two parsers read two logins: what a filter in front has checked is not what the server obeys", "after the object, read to the end of the body, and refuse what is there"},
	"login.content-type/charset":     {"HTTP clients add the charset by themselves, and cannot log in", "compare what stands before the semicolon"},

	"policy.login/new-works":    {"who signs in is not signed in", "end the old session alone: the new one has another family"},
	"policy.login/other-device": {"a login in one browser signs out the other", "end the session of the cookie that came along, not those of the user"},
}

var adviceAccess = map[string][2]string{
	"access.claims/jti-unique":  {"of two tokens with one jti, a list of revoked ones ends both or neither", "draw jti anew for each token"},
	"access.claims/own-subject": {"two users are one to every service", "sub is the user's own ID, out of his row"},
	"access.claims/no-secrets":  {"whoever holds an access token reads it, and it goes to every service", "name the user by sub, and put nothing of his row beside it"},

	"access.lifetime/issued-now": {"who compares the times sees a token of the future, or one that has ended", "iat is the time in UTC; what is off by whole hours was UTC read as local time (Python's datetime.utcnow().timestamp() does that)"},
	"access.lifetime/not-future": {"a service whose clock is right refuses the token", "iat is the time in UTC; what is off by whole hours was UTC read as local time (Python's datetime.utcnow().timestamp() does that)"},
	"access.lifetime/plausible":  {"nothing revokes an access token: a copy works until its end", "compute exp once, in whole seconds, and take expires_in from the same value"},
	"access.lifetime/short":      {"nothing revokes an access token: a copy works until its end", "15 minutes is usual, and a refresh brings the next one"},

	"access.required/works":           {"nobody gets in, with the right token either", "verify with the key, issuer and audience that the login signs with"},
	"access.required/refreshed-works": {"a session is over with its first access token", "make the access token in one place, for login and refresh alike"},
	"access.required/own-data":        {"users see each other's data", "take the user out of the verified token, in each request anew"},
	"access.required/no-secrets":      {"who has the hash guesses at it at home", "name the members of the answer; never encode the row"},
	"access.required/none":            {"the endpoint is open to everybody", "put the check of the access token before it, and refuse where there is none"},
	"access.required/garbage":         {"the endpoint is open to everybody", "verify the token; that there is one says nothing"},
	"access.required/empty":           {"the endpoint is open to everybody", "verify the token; an empty one is none"},
	"access.required/basic":           {"a token that is accepted wherever it stands is accepted where logs and proxies keep it", "take it from Authorization with the scheme Bearer, and from nowhere else"},
	"access.required/query":           {"a token in a URL is kept by logs, histories and proxies", "take it from Authorization with the scheme Bearer, and from nowhere else"},
	"access.required/scheme-case":     {"a client that spells it bearer cannot get in", "compare the scheme without regard to case (RFC 9110 §11.1)"},

	"access.only-token/earlier-works": {"what a page has under way with the old token fails at each refresh", "let an access token live until its own end"},
}

var adviceSession = map[string][2]string{
	"rotation.rotates/accepted":        {"every session is over with its first access token", "take the refresh token from where the login puts it, and exchange it"},
	"rotation.rotates/successor-works": {"every session is over after its first refresh", "commit the successor before you answer with it"},
	"rotation.rotates/same-members":    {"a client that reads both answers alike breaks at its first refresh", "encode the answers of login and refresh in one place"},
	"rotation.rotates/token-type":      {"a client that reads both answers alike breaks at its first refresh", "encode the answers of login and refresh in one place"},
	"rotation.chain/access-works":      {"a session that is refreshed opens nothing any more", "make the access token in one place, for login and refresh alike"},
	"rotation.credential/untouched":    {"whoever sends garbage signs somebody out", "garbage names no session: refuse it and touch nothing"},
	"rotation.wrong-kind/untouched":    {"who holds an access token ends the session that it came from", "what is no refresh token names no session: refuse it and touch nothing"},

	"rotation.cookie-only/other-cookies": {"a cookie of another application on that host signs users out", "find the cookie by its whole name"},
	"rotation.cookie-only/odd-cookies":   {"a cookie of another application on that host signs users out", "a cookie that does not parse is no reason to refuse the others"},
	"rotation.cookie-only/like-named":    {"a cookie of another application on that host signs users out", "find the cookie by its whole name"},
	"rotation.cookie-only/empty-json":    {"HTTP clients send that header by habit, and cannot refresh", "do not parse a body that a refresh does not need"},
	"rotation.cookie-only/other-browser": {"the next update of the browser signs everybody out", "tie no session to the User-Agent"},
	"rotation.cookie-only/same-origin":   {"the application's own page cannot refresh", "compare Origin with the address at which users see the page"},

	"reuse.revokes-family/alive-before": {"users are signed out without any theft", "the successor is the live token from the answer on"},
	"reuse.thief-first/owner-back":      {"whose session was stolen can never sign in again", "a login starts a family of its own; revoke by family, not by user"},
	"reuse.stays-dead/new-login":        {"whose session was stolen can never sign in again", "a login starts a family of its own; revoke by family, not by user"},
	"reuse.forgery/unsigned":            {"whoever makes a token up is signed in", "verify the signature, or look up the hash of the whole token"},
	"reuse.forgery/tampered":            {"whoever makes a token up is signed in", "verify the signature, or look up the hash of the whole token"},
	"reuse.forgery/alg-none":            {"whoever makes a token up is signed in", "verify with the one algorithm that you sign with"},
	"reuse.forgery/random":              {"whoever makes a token up is signed in", "verify the signature, or look up the hash of the whole token"},

	"grace.answer/bounded":      {"whoever holds one old token is answered as often as he asks", "count the answers to a spent token, and stop at a few"},
	"grace.closes/inside":       {"a window that closes early signs an honest user out", "claim what the server does: policy.grace_seconds"},
	"grace.closes/not-extended": {"a client is told that the session lives longer than it does", "state what is left of the successor's life, not the whole of it"},
	"grace.closes/family-dead":  {"a thief who comes after the window is refused, and nobody notices him", "after the window the return of the parent is reuse: end the family"},

	"policy.reuse/other-user":  {"one user's theft signs another one out", "end sessions by their own key; no claim allows that"},
	"policy.logout/other-user": {"one user's sign-out signs another one out", "end sessions by their own key; no claim allows that"},
	"policy.logout/accepted":   {"nobody can sign out", "answer 2xx to the token of a live session"},
	"policy.access/before":     {"nobody gets in, with the right token either", "verify with the key, issuer and audience that the login signs with"},
	"policy.access/bystander":  {"the end of one session takes the access tokens of another", "look the session up that the token names, not its user"},

	"race.refresh/winner":             {"two tabs that refresh at once sign the user out", "the first of them changes the row: answer it, whatever the others get"},
	"race.refresh/clean-losers":       {"a client that gets an error cannot know whether its token is spent", "a loser changed no row: that is a refusal; repeat what the database rolled back"},
	"race.refresh/losers-keep-cookie": {"the loser's answer comes last and wipes the cookie that the winner brought", "refuse without Set-Cookie"},
	"race.replay/clean":               {"a client that gets an error cannot know whether its token is spent", "repeat what the database rolled back"},
	"race.logout/logout-accepted":     {"the second tab gets an error where the user signs out", "a session that is over already is a success"},
	"race.logout/clean":               {"a client that gets an error cannot know whether it is signed out", "repeat what the database rolled back"},

	"expiry.access/before":            {"users are signed out before the end that they were told", "take exp and expires_in from one value, in seconds"},
	"expiry.access/logout-remembered": {"who waits until the access token has ended has the session back", "remember the end of a session for as long as its refresh token lives"},
	"expiry.access/refresh-after":     {"everybody is signed out when the first access token ends", "mount refresh outside the access-token middleware; the refresh token has an end of its own"},
	"expiry.access/new-works":         {"everybody is signed out when the first access token ends", "each refresh makes an access token with an exp of its own"},
	"expiry.absolute/lives-until":     {"users are signed out before the end that they were told", "the idle end moves with each rotation, up to the absolute one"},
	"expiry.stated/at-most-a-year":    {"browsers keep a cookie for 400 days at most: users are signed out before the end that they were told", "a month is usual"},
	"expiry.fixed/used":               {"users are signed out before the end that they were told", "a refresh within the session's life succeeds"},
}

var adviceLogout = map[string][2]string{
	"logout.ends/accepted":            {"nobody can sign out", "answer 2xx to the token of a live session; by the refresh token alone, as the access token has mostly ended by then"},
	"logout.ends/no-tokens":           {"who signs out is signed in again", "answer a logout without a token"},
	"logout.cookie-only/any-body":     {"HTTP clients send {} by habit, and cannot sign out", "do not parse a body that a logout does not need"},
	"logout.cookie-only/claimed":      {"who relies on the claim believes that nobody else can end the session", "claim what the server does: bearer of logout in the profile"},
	"logout.idempotent/harmless":      {"whoever makes a token up signs its owner out", "verify the token before you end what it names, and answer 2xx all the same"},
	"logout.isolation/foreign-bearer": {"a session is ended that another token names", "end the session of the refresh token, and ignore Authorization"},
	"logout.stale/accepted":           {"the other tab gets an error where the user signs out", "answer 2xx to a genuine token of any generation"},
	"logout.stale/older-accepted":     {"the other tab gets an error where the user signs out", "answer 2xx to a genuine token of any generation"},
	"expiry.logout/dead":              {"a token that has ended works after the logout", "the row's expiry is a condition of the rotating UPDATE"},
}

var adviceHTTP = map[string][2]string{
	"http.answers/answered":    {"a client waits, and does not know whether its token is spent", "give the database, and each request, a time-out below the client's, and answer 503 then"},
	"http.answers/retry-after": {"a client that is not told when to come back comes at once", "send Retry-After with a few seconds"},
	"http.answers/status-401":  {"a client cannot tell “sign in again” from a mistake of its own", "one answer for every refused refresh token, as the contract has it; or name what yours is: refresh.refused, and refresh.refused_is where there are codes, in the profile"},
	"http.answers/challenge":   {"a client is not told what would let it in: RFC 9110 §11.6.1 wants a challenge with each 401", "send WWW-Authenticate: Bearer with each 401"},
	"http.answers/no-redirect": {"a client that follows gets a page where it reads an answer", "serve the paths as they are, with and without a slash alike, and send no API call to a login page"},
	"http.answers/error-type":  {"a client that reads JSON fails at the framework's own error page", "send errors as application/problem+json, the framework's 404 and 405 too"},
	"http.answers/no-tokens":   {"the refusal gives away what it refuses", "answer a refusal without a token"},

	"http.secrecy/no-echo":      {"errors are logged and shown: what is repeated there is kept there", "never echo input in an error"},
	"http.secrecy/no-internals": {"an attacker reads which database, framework and files there are", "log the error, and answer a fixed text"},

	"http.one-answer/browser":  {"a script in a page follows the redirect and reads a page where it wants an answer", "do not choose by Accept; send no API call to a login page"},
	"http.methods/login-query": {"a password in a URL is kept by logs, histories and proxies", "read the body and nothing else"},
	"http.methods/override":    {"a method that a header chooses passes every filter of methods", "turn method override off"},
	"http.methods/allow":       {"a client is not told what would work: RFC 9110 §15.5.6 wants Allow with each 405", "send Allow with the methods of the path"},

	"http.cross-site/no-cookie": {"a foreign page signs the victim out by being refused", "refuse without Set-Cookie"},
	"http.cors/vary":            {"a cache hands one origin's answer to another", "send Vary: Origin whenever the answer depends on it"},
}

var adviceHooks = map[string][2]string{
	"outage.logout/repeatable": {"after an outage nobody can sign out", "open the connection to the database anew"},
	"outage.refresh/goes-on":   {"an outage of seconds ends sessions for good", "consume no token that you could not exchange"},

	"admin.disable/same-answer":    {"whoever tries an address learns that its account is closed", "one answer for a wrong password and a disabled user"},
	"admin.disable/not-recognised": {"whoever tries an address learns that its account is closed", "one answer for a wrong password and a disabled user"},
	"admin.disable/other-user":     {"one user's end is another's", "revoke by the user's key and nothing else"},
	"admin.disable/enabled-login":  {"whose account is opened again cannot sign in", "a new login starts a family of its own"},
	"admin.password/new-works":     {"who has changed his password cannot sign in", "hash the new password as the login compares it"},
	"admin.password/new-session":   {"who signs in just after the change is signed out again", "revoke the families that there are; compare no issue time with the moment of the change"},
	"admin.password/new-access":    {"who signs in just after the change is signed out again", "revoke the families that there are; compare no issue time with the moment of the change"},
	"admin.password/other-user":    {"one user's change signs another one out", "revoke by the user's key and nothing else"},

	"operations.logs/reuse":        {"a theft that was noticed is seen by nobody", "log a replay as a warning, with family and user and no token"},
	"operations.logs/failed-login": {"who guesses passwords is seen by nobody", "log whether a login succeeded, with the account and no password"},
	"operations.limit/ends":        {"an account is locked for good by whoever wants that", "end the wait when you said that it ends"},
	"operations.limit/retry-after": {"a client that is not told when to come back comes at once", "send Retry-After with the seconds that are left"},
}
