package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoginRefreshMeLogout(t *testing.T) {
	w := newWorld(t)
	a := w.login(w.user(0))
	first := w.tokens(a)
	require.Equal(t, "refresh_token="+first.refresh+"; Path=/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict", a.header.Get("Set-Cookie"))

	w.clock.advance(time.Minute)
	a = w.refresh(first.refresh)
	second := w.tokens(a)
	require.NotEqual(t, first, second)
	require.Equal(t, "refresh_token="+second.refresh+"; Path=/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict", a.header.Get("Set-Cookie"))

	a = w.send("GET", "/me", "", "Authorization: Bearer "+second.access)
	require.Equal(t, 200, a.status)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	var me map[string]string
	require.NoError(t, json.Unmarshal([]byte(a.body), &me))
	require.Len(t, me, 2)
	require.Equal(t, w.user(0).Email, me["email"])
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, me["id"])

	a = w.logout(second.refresh)
	require.Equal(t, 204, a.status)
	require.Empty(t, a.body)
	require.Equal(t, []string{"refresh_token=; Path=/auth; Max-Age=0; HttpOnly; Secure; SameSite=Strict"}, a.header.Values("Set-Cookie"))
	w.dead(second.refresh)
}

func TestCookieIsNotSecureInDev(t *testing.T) {
	w := newWorld(t, func(d *deps) { d.secureCookie = false })
	a := w.login(w.user(0))
	require.Equal(t, "refresh_token="+w.tokens(a).refresh+"; Path=/auth; Max-Age=2592000; HttpOnly; SameSite=Strict", a.header.Get("Set-Cookie"))
	require.Equal(t, "refresh_token=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Strict", w.logout().header.Get("Set-Cookie"))
}

// Near the absolute end of the session the cookie lives no longer than the session, and then nothing does.
func TestMaxAgeIsTheRemainingLife(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	for range 3 {
		w.clock.advance(29 * day)
		p = w.alive(p.refresh)
	}
	w.clock.advance(2*day - 500*time.Millisecond)
	a := w.refresh(p.refresh)
	p = w.tokens(a)
	c, _ := a.cookie()
	require.Equal(t, int(day/time.Second), c.MaxAge, "of one day and half a second that are left")
	w.clock.advance(day)
	a = w.refresh(p.refresh)
	p = w.tokens(a)
	c, _ = a.cookie()
	require.Equal(t, 1, c.MaxAge, "of half a second that is left; 0 would delete the cookie")
	w.clock.advance(500 * time.Millisecond)
	w.dead(p.refresh)
}

// What is refused on every path, whoever asks.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	cookie := cookieOf(p.refresh)
	good := `{"email":"alice@example.com","password":"alice-demo-password"}`
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		detail                   string
	}{
		{"not there", "GET", "/", "", nil, 404, "nothing here"},
		{"not there, POST", "POST", "/auth", "", nil, 404, ""},
		{"trailing slash", "POST", "/auth/refresh/", "", []string{cookie}, 404, ""},
		{"double slash", "POST", "//auth/refresh", "", []string{cookie}, 404, ""},
		{"dots", "POST", "/auth/../auth/refresh", "", []string{cookie}, 404, ""},
		{"capitals", "POST", "/AUTH/refresh", "", []string{cookie}, 404, ""},
		{"method and path unknown", "BREW", "/pot", "", nil, 404, ""},
		{"method unknown, path in another spelling", "BREW", "/m%65", "", nil, 404, ""},

		{"login is text", "POST", "/auth/login", good, []string{"Content-Type: text/plain"}, 415, "application/json"},
		{"login is a form", "POST", "/auth/login", "email=a&password=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, ""},
		{"login without type", "POST", "/auth/login", good, nil, 415, ""},
		{"login is empty", "POST", "/auth/login", "", []string{asJSON}, 400, "not valid JSON"},
		{"login is no JSON", "POST", "/auth/login", "{", []string{asJSON}, 400, "not valid JSON"},
		{"login twice", "POST", "/auth/login", good + good, []string{asJSON}, 400, ""},
		{"login with two emails", "POST", "/auth/login", `{"email":"x@example.com",` + good[1:], []string{asJSON}, 400, "a key appears twice"},
		{"login without password", "POST", "/auth/login", `{"email":"alice@example.com"}`, []string{asJSON}, 422, "password is missing"},
		{"login with a number", "POST", "/auth/login", `{"email":1,"password":"x"}`, []string{asJSON}, 422, "email is not a string"},
		{"login is a list", "POST", "/auth/login", "[]", []string{asJSON}, 422, "not an object"},
		{"login is large", "POST", "/auth/login", good + strings.Repeat(" ", maxBody), []string{asJSON}, 413, "16 KiB"},
		{"password of 73 bytes", "POST", "/auth/login", `{"email":"alice@example.com","password":"` + strings.Repeat("x", 73) + `"}`, []string{asJSON}, 422, "72 bytes"},
		{"wrong password", "POST", "/auth/login", `{"email":"alice@example.com","password":"x"}`, []string{asJSON}, 401, "e-mail or password is wrong"},
		{"empty password", "POST", "/auth/login", `{"email":"alice@example.com","password":""}`, []string{asJSON}, 401, ""},
		{"empty email", "POST", "/auth/login", `{"email":"","password":"x"}`, []string{asJSON}, 401, ""},
		{"long email", "POST", "/auth/login", `{"email":"` + strings.Repeat("x", 999) + `@example.com","password":"x"}`, []string{asJSON}, 401, ""},

		{"refresh without cookie", "POST", "/auth/refresh", "", nil, 401, "token is not valid"},
		{"refresh with a token in the body", "POST", "/auth/refresh", `{"refresh_token":"` + p.refresh + `"}`, []string{asJSON}, 401, ""},
		{"refresh with a token in the URL", "POST", "/auth/refresh?refresh_token=" + p.refresh, "", nil, 401, ""},
		{"refresh with a token as bearer", "POST", "/auth/refresh", "", []string{"Authorization: Bearer " + p.refresh}, 401, ""},
		{"refresh with an access token", "POST", "/auth/refresh", "", []string{cookieOf(p.access)}, 401, ""},
		{"refresh with a large body", "POST", "/auth/refresh", strings.Repeat("x", maxBody+1), []string{cookie}, 413, ""},
		{"logout with a large body", "POST", "/auth/logout", strings.Repeat("x", maxBody+1), []string{cookie}, 413, ""},

		{"me without token", "GET", "/me", "", nil, 401, "access token is needed"},
		{"me with a cookie", "GET", "/me", "", []string{cookie}, 401, ""},
		{"me with basic", "GET", "/me", "", []string{"Authorization: Basic YTpi"}, 401, ""},
		{"me with an empty token", "GET", "/me", "", []string{"Authorization: Bearer "}, 401, ""},
		{"me with a token in the URL", "GET", "/me?access_token=" + p.access, "", nil, 401, ""},
		{"me with garbage", "GET", "/me", "", []string{"Authorization: Bearer x"}, 401, "not valid"},
		{"me with a refresh token", "GET", "/me", "", []string{"Authorization: Bearer " + p.refresh}, 401, ""},
		{"me with two words", "GET", "/me", "", []string{"Authorization: Bearer " + p.access + " x"}, 401, ""},
		{"me with two tokens", "GET", "/me", "", []string{"Authorization: Bearer " + p.access, "Authorization: Bearer " + p.access}, 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := w.send(tt.method, tt.path, tt.body, tt.headers...)
			require.Equal(t, tt.status, a.status, a.body)
			require.Contains(t, a.problem(t).Detail, tt.detail)
			for value, what := range w.secrets {
				require.NotContains(t, a.body, value, what)
			}
		})
	}
	w.alive(p.refresh)
}

func TestMethods(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	allowed := map[string]string{
		"/auth/login": "POST", "/auth/refresh": "POST", "/auth/logout": "POST",
		"/me": "GET, HEAD", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD",
	}
	for path, allow := range allowed {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if strings.Contains(allow, method) {
				continue
			}
			a := w.send(method, path, "", cookieOf(p.refresh), "Authorization: Bearer "+p.access)
			require.Equal(t, 405, a.status, "%s %s", method, path)
			require.Equal(t, []string{allow}, a.header.Values("Allow"), "%s %s", method, path)
		}
	}
	for _, path := range []string{"/me", "/healthz", "/readyz"} {
		a := w.send("HEAD", path, "", "Authorization: Bearer "+p.access)
		require.Equal(t, 200, a.status)
		require.Empty(t, a.body)
	}
	w.alive(p.refresh)
}

func TestChallenges(t *testing.T) {
	w := newWorld(t)
	challenge := func(a answer) []string { return a.header.Values("WWW-Authenticate") }
	bare := []string{`Bearer realm="jwt-toy"`}
	require.Equal(t, bare, challenge(w.login(credentials{"alice@example.com", "wrong"})))
	require.Equal(t, bare, challenge(w.refresh("x")))
	require.Equal(t, bare, challenge(w.send("POST", "/auth/refresh", "", "Authorization: Bearer x")))
	require.Equal(t, bare, challenge(w.send("GET", "/me", "")))
	require.Equal(t, []string{`Bearer realm="jwt-toy", error="invalid_token", error_description="the access token is not valid"`},
		challenge(w.send("GET", "/me", "", "Authorization: Bearer x")))
	p := w.loggedIn()
	require.Equal(t, 200, w.send("GET", "/me", "", "Authorization: bearer  "+p.access).status, "the scheme has no case (RFC 9110 section 11.1)")
	w.clock.advance(15 * time.Minute)
	require.Contains(t, challenge(w.send("GET", "/me", "", "Authorization: Bearer "+p.access))[0], `error="invalid_token"`)
}

// Who is not there, who is shut out and who has forgotten the password are not to be told apart.
func TestLoginRefusalsAreAlike(t *testing.T) {
	w := newWorld(t)
	bob := w.loggedInAs(1)
	_, err := w.sessions.SetDisabled(t.Context(), w.user(1).Email, true)
	require.NoError(t, err)
	var seen []answer
	for _, c := range []credentials{{w.user(0).Email, "wrong"}, {"nobody@example.com", "wrong"}, {"no address", "wrong"}, {w.user(0).Email, ""}, w.user(1)} {
		a := w.login(c)
		for _, volatile := range []string{"Date", "X-Request-Id"} {
			a.header.Del(volatile)
		}
		seen = append(seen, a)
		require.Equal(t, 401, a.status)
		require.Equal(t, seen[0], a)
	}
	require.Equal(t, 401, w.send("GET", "/me", "", "Authorization: Bearer "+bob.access).status, "disabled")
	w.dead(bob.refresh)
	w.loggedIn()
}

func (w *world) loggedInAs(i int) pair { w.t.Helper(); return w.tokens(w.login(w.user(i))) }

func TestPasswordOf72BytesHasNoTail(t *testing.T) {
	w := newWorld(t)
	long := credentials{"long@example.com", strings.Repeat("é", 36)} // 72 bytes
	_, err := w.sessions.AddUser(t.Context(), long.Email, long.Password)
	require.NoError(t, err)
	w.tokens(w.login(long))
	require.Equal(t, 422, w.login(credentials{long.Email, long.Password + "x"}).status)
	require.Equal(t, 422, w.login(credentials{"nobody@example.com", long.Password + "x"}).status, "no oracle for users")
	require.Equal(t, 401, w.login(credentials{long.Email, long.Password[:70]}).status)
}

func TestLoginLeavesTheOldSessionAlone(t *testing.T) {
	w := newWorld(t)
	old := w.loggedIn()
	b := `{"email":" ALICE@example.com ","password":"alice-demo-password"}`
	w.tokens(w.send("POST", "/auth/login", b, asJSON, cookieOf(old.refresh)))
	w.alive(old.refresh)
}

// Every cookie but the live one is refused alike, and none but a rotated one does harm.
func TestRefreshRefusesOddCookies(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	for name, odd := range map[string]func(live string) string{
		"empty":              func(string) string { return "" },
		"garbage":            func(string) string { return "garbage" },
		"dots":               func(string) string { return ".." },
		"quoted":             func(live string) string { return `"` + live + `"` },
		"half quoted":        func(live string) string { return `"` + live },
		"newline inside":     func(live string) string { return live[:20] + "\n" + live[20:] },
		"newline after":      func(live string) string { return live + "\n" },
		"carriage return":    func(live string) string { return live + "\r" },
		"NUL after":          func(live string) string { return live + "\x00" },
		"space after":        func(live string) string { return live + " " },
		"tab after":          func(live string) string { return live + "\t" },
		"space before":       func(live string) string { return " " + live },
		"padding":            func(live string) string { return live + "=" },
		"percent-encoded":    func(live string) string { return strings.ReplaceAll(live, ".", "%2E") },
		"without signature":  func(live string) string { return live[:strings.LastIndex(live, ".")+1] },
		"altered signature":  alterSignature,
		"other last bits":    func(live string) string { return live[:len(live)-1] + string(rune(live[len(live)-1]^1)) },
		"cut off":            func(live string) string { return live[:len(live)-1] },
		"four parts":         func(live string) string { return live + ".x" },
		"comma and another":  func(live string) string { return live + ", " + live },
		"not ASCII":          func(live string) string { return live + "\xff" },
		"access token":       func(string) string { return p.access },
		"long":               func(string) string { return strings.Repeat("x", 8000) },
		"capitals in header": func(live string) string { return strings.ToUpper(live[:5]) + live[5:] },
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/auth/refresh", nil) // past the client, which would repair some of it
			r.Header["Cookie"] = []string{"x=1; refresh_token=" + odd(p.refresh) + "; y=2"}
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			a := w.check(answer{rec.Code, rec.Header(), rec.Body.String()})
			require.Equal(t, 401, a.status)
			require.Equal(t, "token is not valid", a.problem(t).Detail)
			r.URL.Path = "/auth/logout"
			rec = httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			require.Equal(t, 204, rec.Code, "logout does not mind garbage")
		})
		p = w.alive(p.refresh)
	}
}

// alterSignature changes the first character of the signature, all of whose bits count.
func alterSignature(token string) string {
	i, first := strings.LastIndex(token, ".")+1, "A"
	if token[i] == 'A' {
		first = "B"
	}
	return token[:i] + first + token[i+1:]
}

// One answer for all: missing, malformed, unknown, rotated, revoked, expired.
func TestRefreshRefusalsAreAlike(t *testing.T) {
	w := newWorld(t)
	expired := w.loggedIn()
	w.clock.advance(31 * day)
	rotated, revoked := w.loggedIn(), w.loggedIn()
	w.alive(rotated.refresh)
	require.Equal(t, 204, w.logout(revoked.refresh).status)
	first := w.send("POST", "/auth/refresh", "")
	for _, token := range []string{"garbage", expired.refresh, rotated.refresh, revoked.refresh} {
		a := w.refresh(token)
		for _, volatile := range []string{"Date", "X-Request-Id"} {
			a.header.Del(volatile)
			first.header.Del(volatile)
		}
		require.Equal(t, first, a)
	}
}

func TestReplayEndsTheFamily(t *testing.T) {
	w := newWorld(t)
	p, bystander := w.loggedIn(), w.loggedIn()
	next := w.alive(p.refresh)
	w.dead(p.refresh)
	w.dead(next.refresh)
	w.alive(bystander.refresh)
}

func TestTwoRefreshCookies(t *testing.T) {
	w := newWorld(t)
	a, b := w.loggedIn(), w.loggedIn()
	rotated := b.refresh
	b = w.alive(b.refresh)
	for name, headers := range map[string][]string{
		"with garbage":       {cookieOf(a.refresh, "garbage")},
		"garbage first":      {cookieOf("garbage", a.refresh)},
		"with nothing":       {cookieOf(a.refresh, "")},
		"two live ones":      {cookieOf(a.refresh, b.refresh)},
		"twice the same":     {cookieOf(a.refresh, a.refresh)},
		"with a rotated one": {cookieOf(rotated, a.refresh)},
		"in two headers":     {cookieOf(a.refresh), cookieOf(b.refresh)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 401, w.send("POST", "/auth/refresh", "", headers...).status)
			a, b = w.alive(a.refresh), w.alive(b.refresh)
			rotated = ""
		})
		if rotated == "" { // used up as a witness; another for the next round
			rotated = b.refresh
			b = w.alive(b.refresh)
		}
	}

	bystander := w.loggedIn()
	require.Equal(t, 204, w.logout("garbage", a.refresh, b.refresh, a.refresh).status)
	w.dead(a.refresh)
	w.dead(b.refresh)
	w.alive(bystander.refresh)
}

// Whoever can set cookies, a sibling domain perhaps, cannot keep a user from logging out.
func TestLogoutAmongManyCookies(t *testing.T) {
	w := newWorld(t)
	p, other := w.loggedIn(), w.loggedIn()
	many := append(slices.Repeat([]string{"x"}, 500), p.refresh, other.refresh)
	require.Equal(t, 204, w.logout(many...).status)
	w.dead(p.refresh)
	w.dead(other.refresh)
}

func TestLogoutAlwaysSucceeds(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	next := w.alive(p.refresh)
	deletion := []string{"refresh_token=; Path=/auth; Max-Age=0; HttpOnly; Secure; SameSite=Strict"}
	for _, headers := range [][]string{nil, {cookieOf("")}, {cookieOf("garbage")}, {cookieOf(p.access)}} {
		a := w.send("POST", "/auth/logout", "", headers...)
		require.Equal(t, 204, a.status)
		require.Equal(t, deletion, a.header.Values("Set-Cookie"))
	}
	next = w.alive(next.refresh)
	for range 2 { // with a token of an earlier generation, and again
		require.Equal(t, 204, w.logout(p.refresh).status)
		w.dead(next.refresh)
	}
	require.Equal(t, 200, w.send("GET", "/me", "", "Authorization: Bearer "+next.access).status, "access tokens live on, as documented")
}

func TestBodiesOfRefreshAndLogoutAreIgnored(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	for _, headers := range [][]string{{asJSON}, {"Content-Type: text/plain"}, nil} {
		for _, body := range []string{"{", `{"refresh_token":"x"}`, strings.Repeat("x", maxBody)} {
			p = w.tokens(w.send("POST", "/auth/refresh", body, append(headers, cookieOf(p.refresh))...))
		}
	}
	require.Equal(t, 204, w.send("POST", "/auth/logout", "{", cookieOf(p.refresh)).status)
	w.dead(p.refresh)
}

// A body that stops halfway is refused before anything is changed.
func TestBodyThatIsCutOff(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	for _, path := range []string{"/auth/login", "/auth/refresh", "/auth/logout"} {
		require.Equal(t, 400, w.cutOff(path, cookieOf(p.refresh)).status)
	}
	w.alive(p.refresh)
}

// cutOff sends a request whose body breaks off.
func (w *world) cutOff(path string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequest("POST", path, brokenBody{})
	for _, h := range append(headers, asJSON) {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return w.check(answer{rec.Code, rec.Header(), rec.Body.String()})
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// Without the database every call is 503, the cookie stays, and what the client holds is good again afterwards.
func TestDatabaseAway(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	rotated := p.refresh
	p = w.alive(p.refresh)
	w.store.down.Store(true)
	for _, a := range []answer{
		w.login(w.user(0)), w.login(credentials{"nobody@example.com", "x"}), w.refresh(p.refresh), w.refresh(rotated), w.logout(p.refresh),
		w.send("GET", "/me", "", "Authorization: Bearer "+p.access),
	} {
		require.Equal(t, 503, a.status)
		require.Equal(t, "1", a.header.Get("Retry-After"))
		require.NotContains(t, a.body, errDatabaseAway.Error())
	}
	require.Equal(t, 401, w.refresh("garbage").status, "garbage needs no database")
	require.Equal(t, 204, w.logout("garbage").status)
	require.Equal(t, 401, w.send("GET", "/me", "", "Authorization: Bearer x").status)
	require.Contains(t, w.log.String(), errDatabaseAway.Error())
	w.store.down.Store(false)
	p = w.alive(p.refresh)
	require.Equal(t, 204, w.logout(p.refresh).status)
	w.dead(p.refresh)
	w.requireNoSecrets(w.log.String())
}

func TestHealth(t *testing.T) {
	var broken error
	w := newWorld(t, func(d *deps) {
		d.ready = func(ctx context.Context) error {
			if _, ok := ctx.Deadline(); !ok {
				return errors.New("no deadline")
			}
			return broken
		}
	})
	require.Equal(t, 200, w.send("GET", "/readyz", "").status)
	broken = errDatabaseAway
	require.Equal(t, 503, w.send("GET", "/readyz", "").status)
	require.Equal(t, 200, w.send("GET", "/healthz", "").status)
}

func TestPanicIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	w.store.panic.Store(true)
	a := w.refresh(p.refresh)
	require.Equal(t, 500, a.status)
	require.NotContains(t, a.body, "a bug")
	require.Contains(t, w.log.String(), "a bug")
	require.Regexp(t, `msg=request method=POST path=/auth/refresh status=500 .*request_id=`+a.header.Get("X-Request-Id"), w.log.String())
	w.store.panic.Store(false)
	w.alive(p.refresh)
	w.requireNoSecrets(w.log.String())
}

func TestRequestsHaveADeadline(t *testing.T) {
	w := newWorld(t) // whose store timeout is an hour
	w.login(w.user(0))
	deadline, ok := (*w.store.ctx.Load()).Deadline()
	require.True(t, ok)
	require.WithinDuration(t, time.Now().Add(requestTimeout), deadline, requestTimeout)
}

// The log has a line for every request, with the name that the client was told, and none of what was in it.
func TestRequestLog(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	a := w.send("POST", "/auth/refresh?refresh_token="+p.refresh, "", cookieOf(p.refresh), "X-Request-Id: mine")
	require.NotEqual(t, "mine", a.header.Get("X-Request-Id"))
	require.Regexp(t, `level=INFO msg=request method=POST path=/auth/refresh status=200 took=\S+ request_id=`+a.header.Get("X-Request-Id")+"\n", w.log.String())
	require.Regexp(t, `msg=refresh_ok .*request_id=`+a.header.Get("X-Request-Id")+"\n", w.log.String(), "the domain's records too")
	w.send("GET", "/"+p.access, "")
	w.send("GET", "/a%0Ab", "")
	require.NotContains(t, w.log.String(), "a\nb")
	w.requireNoSecrets(w.log.String())
}

// A logger with attributes or a group of its own names the request too.
func TestRequestLogDerived(t *testing.T) {
	out := new(syncBuffer)
	log := slog.New(requestLog{slog.NewTextHandler(out, nil)})
	ctx := context.WithValue(t.Context(), requestIDKey{}, "this-request")
	log.With("a", 1).InfoContext(ctx, "x")
	log.WithGroup("g").InfoContext(ctx, "x")
	require.Equal(t, 2, strings.Count(out.String(), "request_id=this-request"), out)
}
