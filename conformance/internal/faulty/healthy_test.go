package faulty

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

func TestHappyPath(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	if a.status != 200 || a.body["token_type"] != "Bearer" || a.body["expires_in"] != 10.0 || len(a.body) != 3 {
		t.Fatalf("login: %d %v", a.status, a.body)
	}
	if got, want := a.header["Set-Cookie"], cookieName+"="+a.refresh+"; Path=/auth; Max-Age=60; HttpOnly; SameSite=Strict"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	if me := w.me(a.access); me.status != 200 || me.body["email"] != alice || me.body["id"] != a.claims["sub"] || len(me.body) != 2 {
		t.Errorf("me: %d %v", me.status, me.body)
	}
	for i := range 5 {
		b := w.refresh(a.refresh)
		if b.status != 200 || b.refresh == a.refresh || b.access == a.access || w.me(b.access).status != 200 {
			t.Fatalf("refresh %d: %d %v", i, b.status, b.body)
		}
		a = b
	}
	out := w.logout(a.refresh)
	if got, want := out.header["Set-Cookie"], cookieName+"=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Strict"; out.status != 204 || len(got) != 1 || got[0] != want {
		t.Errorf("logout: %d %q, want %q", out.status, got, want)
	}
	if got := w.refresh(a.refresh); got.status != 401 || len(got.cookies) != 0 {
		t.Errorf("refresh after logout: %d %v", got.status, got.cookies)
	}
	if got := w.me(a.access); got.status != 200 {
		t.Errorf("an access token lives to its exp, got %d", got.status)
	}
}

// In production every cookie is Secure, deletions too.
func TestSecure(t *testing.T) {
	w := newWorld(t, Options{Secure: true})
	a, b := w.rotated()
	for _, r := range []reply{a, b, w.logout(b.refresh)} {
		if !r.set().Secure {
			t.Errorf("%v is not Secure", r.header["Set-Cookie"])
		}
	}
}

// One answer for missing, unknown, rotated, revoked, expired and malformed tokens; none of them touches the cookie.
func TestRefusalsAreAlike(t *testing.T) {
	w := newWorld(t, Options{})
	a, b := w.rotated()
	over := w.loginAs(bob, bobPassword)
	w.logout(over.refresh)
	old := w.loginAs(bob, bobPassword)
	refusals := map[string]reply{
		"rotated":      w.refresh(a.refresh),
		"family ended": w.refresh(b.refresh),
		"logged out":   w.refresh(over.refresh),
		"missing":      w.do("POST", "/auth/refresh", ""),
		"empty":        w.refresh(""),
		"garbage":      w.refresh("garbage"),
		"quoted":       w.refresh(`"` + b.refresh + `"`),
		"long":         w.refresh(strings.Repeat("x", 9000)),
		"access token": w.refresh(b.access),
		"forged":       w.refresh(flip(b.refresh)),
		"two cookies":  w.refresh(old.refresh, cookie("other")),
	}
	w.wait(time.Minute)
	refusals["expired"] = w.refresh(old.refresh)
	want := refusals["missing"]
	for name, got := range refusals {
		if got.status != 401 || got.raw != want.raw || len(got.cookies) != 0 || got.header.Get("WWW-Authenticate") == "" ||
			got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", name, got.status, got.raw, got.header)
		}
	}
}

// A rotated token ends its family at any age and from any distance, and no other family.
func TestReuseEndsTheFamily(t *testing.T) {
	for generation := range 4 {
		w := newWorld(t, Options{})
		all := w.chain(4)
		second, stranger := w.login(), w.loginAs(bob, bobPassword)
		if got := w.refresh(all[generation].refresh); got.status != 401 {
			t.Errorf("generation %d: replay %d", generation, got.status)
		}
		if got := w.refresh(all[4].refresh); got.status != 401 {
			t.Errorf("generation %d: the live token still works", generation)
		}
		if w.refresh(second.refresh).status != 200 || w.refresh(stranger.refresh).status != 200 {
			t.Errorf("generation %d: another family died", generation)
		}
	}
}

func TestTokenPastItsOwnLifeEndsTheFamily(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	w.wait(50 * time.Second)
	b := w.refresh(a.refresh)
	w.wait(50 * time.Second) // a is over, b is not
	if got := w.refresh(a.refresh).String() + w.refresh(b.refresh).String(); got != "401401" {
		t.Errorf("got %s", got)
	}
}

// The idle life slides, the absolute end does not.
func TestLives(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	var statuses []string
	var lives []int
	for range 4 { // 40, 80, 120, 160 s after the login
		w.wait(40 * time.Second)
		a2 := w.refresh(a.refresh)
		statuses, lives = append(statuses, a2.String()), append(lives, a2.set().MaxAge)
		if a2.status == 200 {
			a = a2
		}
	}
	if got := fmt.Sprint(statuses, lives); got != "[200 200 200 401] [60 60 30 0]" {
		t.Errorf("got %s", got)
	}
	b := w.login()
	w.wait(time.Minute)
	if got := w.refresh(b.refresh); got.status != 401 {
		t.Errorf("idle for the whole life: %d", got.status)
	}
	c := w.login() // 600 ms after the second, and exp is whole seconds
	w.wait(9400*time.Millisecond - time.Microsecond)
	if got := w.me(c.access); got.status != 200 {
		t.Errorf("access token before exp: %d", got.status)
	}
	w.wait(time.Microsecond)
	if got := w.me(c.access); got.status != 401 {
		t.Errorf("access token at exp: %d", got.status)
	}
}

// Of many refreshes at once with one token one wins, and the family is dead afterwards: the losers showed a rotated token.
func TestRace(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	var mu sync.Mutex
	var wins []reply
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r := w.refresh(a.refresh)
			mu.Lock()
			defer mu.Unlock()
			if r.status == 200 {
				wins = append(wins, r)
			} else if r.status != 401 || len(r.cookies) != 0 {
				t.Errorf("loser: %d %v", r.status, r.cookies)
			}
		})
	}
	wg.Wait()
	if len(wins) != 1 {
		t.Fatalf("%d of 16 won", len(wins))
	}
	if got := w.refresh(wins[0].refresh); got.status != 401 {
		t.Errorf("the family lives: %d", got.status)
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t, Options{})
	a, b := w.rotated()
	second, third := w.login(), w.loginAs(bob, bobPassword)
	for name, r := range map[string]reply{
		"no cookie":   w.do("POST", "/auth/logout", ""),
		"garbage":     w.logout("garbage"),
		"stale":       w.logout(a.refresh),
		"again":       w.logout(b.refresh),
		"two cookies": w.logout(second.refresh, cookie(third.refresh)),
	} {
		if r.status != 204 || r.set().MaxAge >= 0 || r.raw != "" {
			t.Errorf("%s: %d %v", name, r.status, r.header["Set-Cookie"])
		}
	}
	for name, token := range map[string]string{"stale": b.refresh, "first of two": second.refresh, "second of two": third.refresh} {
		if got := w.refresh(token); got.status != 401 {
			t.Errorf("%s: still alive", name)
		}
	}
}

// Two refresh cookies: nothing is spent and nobody is punished.
func TestTwoCookiesHaveNoEffect(t *testing.T) {
	w := newWorld(t, Options{})
	a, b := w.rotated()
	if got := w.refresh(a.refresh, cookie(b.refresh)); got.status != 401 || len(got.cookies) != 0 {
		t.Errorf("got %d %v", got.status, got.cookies)
	}
	if got := w.refresh(b.refresh, cookie(b.refresh)); got.status != 200 {
		t.Errorf("the same cookie twice is one cookie, got %d", got.status)
	}
}

func TestStatuses(t *testing.T) {
	w := newWorld(t, Options{})
	json, form := header("Content-Type", "application/json"), header("Content-Type", "application/x-www-form-urlencoded")
	good := `{"email":"` + alice + `","password":"` + alicePassword + `"}`
	for _, tc := range []struct {
		name string
		got  reply
		want int
	}{
		{"health", w.do("GET", "/healthz", ""), 200},
		{"readiness", w.do("HEAD", "/readyz", ""), 200},
		{"nothing there", w.do("GET", "/auth", ""), 404},
		{"e-mail in another case", w.loginAs(" ALICE@example.com ", alicePassword), 200},
		{"wrong password", w.loginAs(alice, "wrong"), 401},
		{"unknown user", w.loginAs("nobody@example.com", alicePassword), 401},
		{"long password", w.loginAs(alice, strings.Repeat("x", 73)), 422},
		{"charset", w.do("POST", "/auth/login", good, header("Content-Type", "Application/JSON; charset=UTF-8")), 200},
		{"other charset", w.do("POST", "/auth/login", good, header("Content-Type", "application/json; charset=latin1")), 415},
		{"form", w.do("POST", "/auth/login", good, form), 415},
		{"no content type", w.do("POST", "/auth/login", good), 415},
		{"empty", w.do("POST", "/auth/login", "", json), 400},
		{"cut off", w.do("POST", "/auth/login", `{"email`, json), 400},
		{"trailing", w.do("POST", "/auth/login", good+"{}", json), 400},
		{"key twice", w.do("POST", "/auth/login", `{"email":"x",`+good[1:], json), 400},
		{"nested key twice", w.do("POST", "/auth/login", `{"a":[{"b":1,"b":2}],`+good[1:], json), 400},
		{"not UTF-8", w.do("POST", "/auth/login", "{\"email\":\"\xff\"}", json), 400},
		{"list", w.do("POST", "/auth/login", `[]`, json), 422},
		{"null", w.do("POST", "/auth/login", `null`, json), 422},
		{"missing", w.do("POST", "/auth/login", `{"email":"a"}`, json), 422},
		{"number", w.do("POST", "/auth/login", `{"email":"a","password":1}`, json), 422},
		{"too large", w.do("POST", "/auth/login", `"`+strings.Repeat("x", maxBody)+`"`, json), 413},
		{"too large for refresh", w.do("POST", "/auth/refresh", strings.Repeat("x", maxBody+1)), 413},
		{"cross-site login", w.loginAs(alice, alicePassword, crossSite()), 403},
		{"cross-origin logout", w.do("POST", "/auth/logout", "", header("Origin", "https://evil.example")), 403},
		{"no token", w.do("GET", "/me", ""), 401},
		{"basic", w.do("GET", "/me", "", header("Authorization", "Basic YTpi")), 401},
		{"two tokens", w.do("GET", "/me", "", bearer(w.login().access), bearer("other")), 401},
	} {
		if tc.got.status != tc.want {
			t.Errorf("%s: got %d %s, want %d", tc.name, tc.got.status, tc.got.raw, tc.want)
		}
		if tc.want >= 400 && (tc.got.header.Get("Content-Type") != "application/problem+json" || tc.got.body["detail"] == nil || len(tc.got.cookies) != 0) {
			t.Errorf("%s: %v %s", tc.name, tc.got.header, tc.got.raw)
		}
		if challenge := tc.got.header.Get("WWW-Authenticate"); (tc.want == 401) != strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", tc.name, challenge)
		}
	}
}

// A body that breaks off is refused before the token is spent.
func TestBrokenBody(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	broken := func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }
	if r, o := w.refresh(a.refresh, broken), w.logout(a.refresh, broken); r.status != 400 || o.status != 400 {
		t.Errorf("got %d and %d", r.status, o.status)
	}
	if got := w.refresh(a.refresh); got.status != 200 {
		t.Errorf("the token was spent: %d", got.status)
	}
}

// Key, type, audience and issuer of a refresh token are each judged: what is right in all but one is refused, and ends nothing.
func TestOddRefreshTokens(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	good, _ := parseJWT(a.refresh, strictBase64())
	with := func(name string, value any) map[string]any {
		claims := maps.Clone(good.claims)
		edit(claims, map[string]any{name: value})
		return claims
	}
	for name, token := range map[string]string{
		"key":      makeJWT(w.s.accessKey, "rt+jwt", good.claims),
		"type":     makeJWT(w.s.refreshKey, "at+jwt", good.claims),
		"audience": makeJWT(w.s.refreshKey, "rt+jwt", with("aud", audience)),
		"issuer":   makeJWT(w.s.refreshKey, "rt+jwt", with("iss", "other")),
		"no gen":   makeJWT(w.s.refreshKey, "rt+jwt", with("gen", nil)),
		"no exp":   makeJWT(w.s.refreshKey, "rt+jwt", with("exp", nil)),
		"family":   makeJWT(w.s.refreshKey, "rt+jwt", with("fam", "other")),
	} {
		if got := w.refresh(token); got.status != 401 {
			t.Errorf("another %s: %d", name, got.status)
		}
	}
	if got := w.refresh(a.refresh); got.status != 200 {
		t.Errorf("the family has ended: %d", got.status)
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t, Options{})
	for path, allow := range map[string]string{
		"/auth/login": "POST", "/auth/refresh": "POST", "/auth/logout": "POST", "/me": "GET, HEAD", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			if got := w.do(method, path, ""); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, path, got.status, got.header.Get("Allow"))
			}
		}
	}
}

// A cross-site refresh and logout change nothing.
func TestCrossSiteHasNoEffect(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.login()
	if r, o := w.refresh(a.refresh, crossSite()), w.logout(a.refresh, crossSite()); r.status != 403 || o.status != 403 || len(r.cookies)+len(o.cookies) != 0 {
		t.Errorf("got %d %v, %d %v", r.status, r.cookies, o.status, o.cookies)
	}
	if got := w.refresh(a.refresh); got.status != 200 {
		t.Errorf("the token was spent: %d", got.status)
	}
}

// The holes of races are wide enough to be found over real connections, not only by tests that hold them open.
func TestHoleIsWide(t *testing.T) {
	s, err := New(Options{Faults: []string{"conc-double-spend"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	login, err := server.Client().Post(server.URL+"/auth/login", "application/json", strings.NewReader(`{"email":"`+alice+`","password":"`+alicePassword+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	login.Body.Close()
	var wins atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/auth/refresh", nil)
			if err != nil {
				t.Error(err)
				return
			}
			r.AddCookie(login.Cookies()[0])
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
			if answer.StatusCode == 200 {
				wins.Add(1)
			}
		})
	}
	wg.Wait()
	if wins.Load() < 2 {
		t.Errorf("%d of 8 won", wins.Load())
	}
}
