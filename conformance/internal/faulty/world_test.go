package faulty

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is a server with a clock that stands still, and the requests that one makes of it.
type world struct {
	t *testing.T
	s *Server

	mu  sync.Mutex
	now time.Time
	log lockedBuffer
}

// lockedBuffer can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	alice, alicePassword = "alice@example.com", "alice-demo-password"
	bob, bobPassword     = "bob@example.com", "bob-demo-password"
)

// newWorld has short lives: access tokens live 10 s, refresh tokens 60 s, sessions 150 s.
func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{t: t, now: newClock()}
	if o.Log == nil {
		o.Log = &w.log
	}
	o.AccessTTL, o.RefreshTTL, o.SessionMaxTTL = 10*time.Second, time.Minute, 150*time.Second
	o.Now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}
	var err error
	if w.s, err = New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

func newClock() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.UTC) }

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// reply is an answer and what it brought.
type reply struct {
	status  int
	header  http.Header
	raw     string
	body    map[string]any
	cookies []*http.Cookie // of any name
	refresh string         // what the last cookie that is set brought
	access  string
	claims  map[string]any // of the access token
}

func (r reply) String() string { return fmt.Sprint(r.status) }

// set is the last cookie of the answer, an empty one if there is none.
func (r reply) set() *http.Cookie {
	if len(r.cookies) == 0 {
		return &http.Cookie{}
	}
	return r.cookies[len(r.cookies)-1]
}

type option func(*http.Request)

func header(key, value string) option { return func(r *http.Request) { r.Header.Add(key, value) } }
func cookie(value string) option      { return header("Cookie", cookieName+"="+value) }
func bearer(token string) option      { return header("Authorization", "Bearer "+token) }
func crossSite() option               { return header("Sec-Fetch-Site", "cross-site") }

func (w *world) do(method, target, body string, options ...option) reply {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, o := range options {
		o(r)
	}
	rec := httptest.NewRecorder()
	w.s.ServeHTTP(rec, r)
	a := reply{status: rec.Code, header: rec.Header(), raw: rec.Body.String(), cookies: rec.Result().Cookies()}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.body) // not every answer is JSON
	a.refresh = a.set().Value
	for _, member := range []string{"access_token", "accessToken"} {
		if s, ok := a.body[member].(string); ok {
			a.access = s
			t, _ := parseJWT(s, strictBase64())
			a.claims = t.claims
		}
	}
	return a
}

func (w *world) login() reply { return w.loginAs(alice, alicePassword) }

func (w *world) loginAs(email, password string, options ...option) reply {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.loginWith(string(body), options...)
}

func (w *world) loginWith(body string, options ...option) reply {
	w.t.Helper()
	return w.do("POST", "/auth/login", body, append([]option{header("Content-Type", "application/json")}, options...)...)
}

func (w *world) refresh(token string, options ...option) reply {
	w.t.Helper()
	return w.do("POST", "/auth/refresh", "", append([]option{cookie(token)}, options...)...)
}

func (w *world) logout(token string, options ...option) reply {
	w.t.Helper()
	return w.do("POST", "/auth/logout", "", append([]option{cookie(token)}, options...)...)
}

func (w *world) me(access string) reply {
	w.t.Helper()
	return w.do("GET", "/me", "", bearer(access))
}

// rotated logs in and refreshes once.
func (w *world) rotated() (login, next reply) {
	w.t.Helper()
	login = w.login()
	return login, w.refresh(login.refresh)
}

// chain logs in and refreshes n times.
func (w *world) chain(n int) []reply {
	w.t.Helper()
	all := []reply{w.login()}
	for range n {
		all = append(all, w.refresh(all[len(all)-1].refresh))
	}
	return all
}

// race makes a request and, when that is in a race's hole or answered, the others. The hole stays open until each of them is in one
// too or answered, so nothing depends on how busy the machine is. The answers come sorted by status.
func (w *world) race(first func() reply, others ...func() reply) []reply {
	paused, proceed := make(chan struct{}), make(chan struct{})
	w.s.sleep = func(d time.Duration) {
		if d == 0 { // a hash that takes no time is no hole
			return
		}
		paused <- struct{}{}
		<-proceed
	}
	var answers []reply
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, request := range append([]func() reply{first}, others...) {
		done := make(chan struct{})
		wg.Go(func() {
			defer close(done)
			r := request()
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, r)
		})
		select {
		case <-paused:
		case <-done:
		}
	}
	close(proceed)
	wg.Wait()
	w.s.sleep = func(time.Duration) {}
	slices.SortStableFunc(answers, func(a, b reply) int { return a.status - b.status })
	return answers
}

// forge makes an access token of a good one: its header and claims with some members replaced (nil: removed), signed with HS256 and
// key, or with HS512 if the header says so.
func forge(good string, head, claims map[string]any, key string) string {
	t, _ := parseJWT(good, strictBase64())
	edit(t.header, head)
	edit(t.claims, claims)
	signed := segment(t.header) + "." + segment(t.claims)
	signature := mac([]byte(key), signed)
	if t.header["alg"] == "HS512" {
		m := hmac.New(sha512.New, []byte(key))
		m.Write([]byte(signed))
		signature = m.Sum(nil)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func edit(m, changes map[string]any) {
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
}

// otherSpelling changes the last character of a token to one that decodes to the same bytes unless decoding is strict.
func otherSpelling(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])^1])
}

// flip changes the first character of a token's signature, and not only its case.
func flip(token string) string {
	i := strings.LastIndexByte(token, '.') + 1
	other := "1"
	if token[i] == '1' {
		other = "2"
	}
	return token[:i] + other + token[i+1:]
}
