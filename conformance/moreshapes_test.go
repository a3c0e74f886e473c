package conformance_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// moreShapes are those of real servers, as their documents have them, and others that are about.
func moreShapes(t *testing.T) map[string]shape {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]shape{
		"headers": {profile: headersProfile, new: func(world) translator { return inHeaders{} }},
		"gotrue":  {profile: "gotrue.json", new: func(w world) translator { return &goTrue{world: w, sessions: newMemo()} }},
		"strapi":  {profile: "strapi.json", new: func(w world) translator { return strapi{w} }},
		"supertokens": {profile: "supertokens.json", new: func(w world) translator {
			return &superTokens{world: w, handles: newMemo(), latest: newMemo(), waiting: newMemo()}
		}},
		"directus":  {profile: "directus.json", new: func(world) translator { return directus{} }},
		"csrf":      {profile: csrfProfile, new: func(world) translator { return &doubleSubmit{issued: newMemo()} }},
		"two steps": {profile: twoStepsProfile, new: func(world) translator { return &twoSteps{forms: newMemo(), codes: newMemo()} }},
		"command":   {profile: fmt.Sprintf(`{"login": {"command": "CONFORMANCE_TEST_LOGIN=1 '%s'"}}`, self), new: func(world) translator { return plain{} }},
	}
}

// memo remembers what a shape gave out.
type memo struct {
	mu sync.Mutex
	m  map[string]any
}

func newMemo() *memo { return &memo{m: map[string]any{}} }

func (m *memo) put(key string, v any) { m.mu.Lock(); defer m.mu.Unlock(); m.m[key] = v }

func (m *memo) get(key string) any { m.mu.Lock(); defer m.mu.Unlock(); return m.m[key] }

func (m *memo) text(key string) string { s, _ := m.get(key).(string); return s }

// refuse answers by itself.
func refuse(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a test's client reads it or not
}

// post refuses what is no POST, or comes from another site.
func post(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		refuse(w, http.StatusMethodNotAllowed, nil)
	case http.NewCrossOriginProtection().Check(r) != nil:
		refuse(w, http.StatusForbidden, nil)
	default:
		return true
	}
	return false
}

// plain is the kit's own shape.
type plain struct{}

func (plain) ask(_ http.ResponseWriter, r *http.Request, a *asked) {
	a.call = strings.TrimPrefix(strings.TrimPrefix(a.origin, "/auth"), "/")
	a.tokens = cookies(r, "refresh_token")
}

func (plain) tell(_ *http.Request, _ *asked, t *told) { t.sets = append(t.sets, t.own...) }

// inHeaders brings and takes both tokens in headers; its logout redirects.
type inHeaders struct{}

const headersProfile = `{
	"login": {"path": "/session", "ok": [204]},
	"refresh": {"path": "/session/refresh/", "headers": {"X-Refresh-Token": "{refresh_token}"}},
	"logout": {"path": "/session/end", "headers": {"X-Refresh-Token": "{refresh_token}"}, "ok": [303]},
	"me": {"headers": {"x-access-token": "{access_token}"}},
	"answer": {"access_token": "header:X-Access-Token", "refresh_token": "header:X-Refresh-Token", "expires_in": "header:X-Expires-In", "token_type": "-"}
}`

func (inHeaders) ask(_ http.ResponseWriter, r *http.Request, a *asked) {
	a.call = map[string]string{"/session": "login", "/session/refresh/": "refresh", "/session/end": "logout", "/me": "me"}[a.origin]
	if values := r.Header.Values("X-Refresh-Token"); a.call != "login" && values != nil {
		a.tokens = values
	}
	if access := r.Header.Get("X-Access-Token"); a.call == "me" && access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
}

func (inHeaders) tell(_ *http.Request, a *asked, t *told) {
	switch {
	case t.refresh != "":
		t.header.Set("X-Access-Token", text(t.json, "access_token"))
		t.header.Set("X-Refresh-Token", t.refresh)
		t.header.Set("X-Expires-In", fmt.Sprint(t.json["expires_in"]))
		t.header.Del("Content-Type")
		t.json, t.text = nil, ""
		if a.call == "login" {
			t.status = http.StatusNoContent
		}
	case a.call == "logout" && t.status < 300:
		t.status = http.StatusSeeOther
		t.header.Set("Location", "/")
	}
}

// goTrue refuses with 400 and a code, and ends the session of the access token.
type goTrue struct {
	world
	sessions *memo // refresh tokens by access token
}

func (g *goTrue) ask(w http.ResponseWriter, r *http.Request, a *asked) {
	switch {
	case a.origin == "/signup":
		refuse(w, 422, map[string]any{"code": 422, "error_code": "user_already_exists"})
	case a.origin == "/token" && r.URL.Query().Get("grant_type") == "password":
		a.call = "login"
	case a.origin == "/token":
		a.call = "refresh"
		a.take("refresh_token")
	case a.origin == "/logout":
		a.call = "logout"
		_, access, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		token := g.sessions.text(access)
		if token == "" && r.Method == http.MethodPost {
			refuse(w, 401, map[string]any{"code": 401, "error_code": "no_authorization"})
		}
		a.tokens = []string{token}
	case a.origin == "/user":
		a.call = "me"
	}
}

func (g *goTrue) tell(_ *http.Request, a *asked, t *told) {
	code := map[string]string{"login": "invalid_credentials", "refresh": "refresh_token_not_found"}[a.call]
	switch {
	case t.refresh != "":
		t.json["refresh_token"] = t.refresh
		g.sessions.put(text(t.json, "access_token"), t.refresh)
	case t.status == 401 && code != "":
		t.status, t.json = 400, map[string]any{"code": 400, "error_code": code, "msg": "no"}
	case t.status == 400 || t.status == 422:
		t.status, t.json = 400, map[string]any{"code": 400, "error_code": "validation_failed", "msg": "no"}
	}
}

// strapi signs its cookie by a second one, and wants the access token for a logout.
type strapi struct{ world }

func sign(value string) string {
	m := hmac.New(sha256.New, []byte("a key of strapi's"))
	m.Write([]byte("strapi_up_refresh=" + value))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (s strapi) ask(w http.ResponseWriter, r *http.Request, a *asked) {
	a.tokens = cookies(r, "strapi_up_refresh")
	if sig := cookies(r, "strapi_up_refresh.sig"); len(a.tokens) == 1 && (len(sig) != 1 || sig[0] != sign(a.tokens[0])) {
		a.tokens = []string{"not signed"}
	}
	switch a.origin {
	case "/api/auth/local/register":
		refuse(w, 400, map[string]any{"error": map[string]any{"status": 400, "message": "Email or Username are already taken"}})
	case "/api/auth/local":
		a.call = "login"
		a.tokens = nil
		a.body = renamed(a.body, map[string]string{"identifier": "email"})
		if q := r.URL.Query(); q.Has("identifier") {
			q.Set("email", q.Get("identifier"))
			r.URL.RawQuery = q.Encode()
		}
	case "/api/auth/refresh":
		a.call = "refresh"
	case "/api/auth/logout":
		a.call = "logout"
		me := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/me", nil)
		me.Header.Set("Authorization", r.Header.Get("Authorization"))
		rec := httptest.NewRecorder()
		if s.inner.ServeHTTP(rec, me); rec.Code != 200 && r.Method == http.MethodPost {
			refuse(w, 401, map[string]any{"error": map[string]any{"status": 401}})
		}
	case "/api/users/me":
		a.call = "me"
	}
}

func (strapi) tell(_ *http.Request, a *asked, t *told) {
	for _, line := range t.own {
		line = strings.Replace(strings.Replace(line, "Path=/auth;", "Path=/api/auth;", 1), "refresh_token=", "strapi_up_refresh=", 1)
		pair, attributes, _ := strings.Cut(line, ";")
		_, value, _ := strings.Cut(pair, "=")
		t.sets = append(t.sets, line, "strapi_up_refresh.sig="+sign(value)+";"+attributes)
	}
	if t.json == nil {
		t.json = map[string]any{}
	}
	switch {
	case t.refresh != "":
		t.move("access_token", "jwt")
		if a.call == "login" {
			t.json["user"] = map[string]any{"id": 1}
		}
	case t.status == 401 && a.call == "login":
		t.status = 400
	case t.status == 204:
		t.status = 200
	}
}

// superTokens signs in first and makes a session of it then; the body says how it went, and a handle names the session.
type superTokens struct {
	world
	handles *memo // by refresh token
	latest  *memo // refresh tokens by handle
	waiting *memo // signed in and not yet a session, by user
}

func (s *superTokens) ask(w http.ResponseWriter, r *http.Request, a *asked) {
	switch a.origin {
	case "/recipe/signup":
		refuse(w, 200, map[string]any{"status": "EMAIL_ALREADY_EXISTS_ERROR"})
	case "/recipe/signin":
		a.call = "login"
	case "/recipe/session":
		if !post(w, r) {
			return
		}
		t, ok := s.waiting.get(text(a.json, "userId")).(*told)
		if !ok {
			refuse(w, 400, map[string]any{"message": "no such user"})
			return
		}
		handle := rand.Text()
		s.put(handle, t)
		t.json["session"] = map[string]any{"handle": handle}
		t.write(w)
	case "/recipe/session/refresh":
		a.call = "refresh"
		a.take("refreshToken")
	case "/recipe/session/remove":
		a.call = "logout"
		list, _ := a.json["sessionHandles"].([]any)
		for _, h := range list {
			a.tokens = append(a.tokens, s.latest.text(fmt.Sprint(h)))
		}
	}
}

// put makes tokens the session's.
func (s *superTokens) put(handle string, t *told) {
	s.handles.put(t.refresh, handle)
	s.latest.put(handle, t.refresh)
	life, _ := t.json["expires_in"].(float64)
	moment := func(seconds int) int64 { return s.now().Add(time.Duration(seconds) * time.Second).UnixMilli() }
	t.json = map[string]any{
		"status": "OK", "session": map[string]any{"handle": handle},
		"accessToken":  map[string]any{"token": t.json["access_token"], "expiry": moment(int(life))},
		"refreshToken": map[string]any{"token": t.refresh, "expiry": moment(t.life)},
	}
}

func (s *superTokens) tell(_ *http.Request, a *asked, t *told) {
	if t.json == nil {
		t.json = map[string]any{}
	}
	switch {
	case a.call == "login" && t.refresh != "":
		user, kept := rand.Text(), *t
		s.waiting.put(user, &kept)
		t.json = map[string]any{"status": "OK", "user": map[string]any{"id": user}}
	case a.call == "refresh" && t.refresh != "":
		s.put(s.handles.text(a.tokens[0]), t)
	case t.status == 204:
		t.status, t.json["status"] = 200, "OK"
	case t.status == 401:
		t.status = 200
		t.json = map[string]any{"status": map[string]string{"login": "WRONG_CREDENTIALS_ERROR", "refresh": "UNAUTHORISED"}[a.call]}
	}
}

// directus counts in milliseconds, has codes in a list, and another status where there is no token.
type directus struct{}

func (directus) ask(w http.ResponseWriter, r *http.Request, a *asked) {
	mode := text(a.json, "mode")
	switch a.origin {
	case "/auth/login", "/auth/refresh", "/auth/logout":
		a.call = strings.TrimPrefix(a.origin, "/auth/")
	case "/users/me":
		a.call = "me"
	}
	if a.call == "refresh" || a.call == "logout" {
		a.tokens = cookies(r, "directus_refresh_token")
	}
	if a.call == "refresh" && (len(a.tokens) == 0 || mode != "cookie") && r.Method == http.MethodPost {
		refuse(w, 400, map[string]any{"errors": []any{map[string]any{"extensions": map[string]any{"code": "INVALID_PAYLOAD"}}}})
	}
}

func (directus) tell(_ *http.Request, a *asked, t *told) {
	for _, line := range t.own {
		t.sets = append(t.sets, strings.Replace(line, "refresh_token=", "directus_refresh_token=", 1))
	}
	switch {
	case t.refresh != "":
		if ttl, ok := t.json["expires_in"].(float64); ok {
			t.json["expires_in"] = ttl * 1000
		}
		t.move("access_token", "data.access_token")
		t.move("expires_in", "data.expires")
	case t.status == 401:
		t.json = map[string]any{"errors": []any{map[string]any{"message": "Invalid user credentials.", "extensions": map[string]any{"code": "INVALID_CREDENTIALS"}}}}
	}
}

// doubleSubmit wants the value of a cookie that scripts can read as a header.
type doubleSubmit struct{ issued *memo }

const csrfProfile = `{
	"login": {"words": {"csrf": {"from": "cookie:csrf_token"}}},
	"refresh": {"headers": {"X-CSRF-Token": "{csrf}"}},
	"logout": {"headers": {"X-CSRF-Token": "{csrf}"}},
	"answer": {"companions": ["csrf_token"]}
}`

func (d *doubleSubmit) ask(w http.ResponseWriter, r *http.Request, a *asked) {
	plain{}.ask(w, r, a)
	if r.Method != http.MethodPost || a.call != "refresh" && a.call != "logout" {
		return
	}
	sent, header := cookies(r, "csrf_token"), r.Header.Get("X-CSRF-Token")
	if len(sent) != 1 || sent[0] != header || d.issued.get(header) == nil {
		refuse(w, 403, map[string]any{"detail": "the CSRF token does not fit"})
	}
}

func (d *doubleSubmit) tell(r *http.Request, a *asked, t *told) {
	plain{}.tell(r, a, t)
	if t.refresh != "" {
		value := rand.Text()
		d.issued.put(value, true)
		t.sets = append(t.sets, "csrf_token="+value+"; Path=/; SameSite=Strict; Secure; Max-Age=86400")
	}
}

// twoSteps signs in by a form in a page, with a hidden field and a cookie, and gives tokens for the code that it redirects with.
type twoSteps struct{ forms, codes *memo }

const twoStepsProfile = `{
	"login": {
		"first": [
			{"path": "/login", "words": {"form": {"from": "body", "match": "name=\"form\" value=\"([^\"]+)\""}}},
			{"path": "/login", "encoding": "form", "body": {"form": "{form}", "email": "{email}", "password": "{password}"}, "ok": [303], "words": {"code": {"from": "location:code"}}}
		],
		"path": "/code", "body": {"code": "{code}"}
	}
}`

func (s *twoSteps) ask(w http.ResponseWriter, r *http.Request, a *asked) {
	switch {
	case a.origin == "/login" && r.Method == http.MethodGet:
		form := rand.Text()
		s.forms.put(form, true)
		w.Header().Set("Set-Cookie", "pre="+form+"; Path=/login; HttpOnly")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, `<form method="post"><input type="hidden" name="form" value="`+form+`"></form>`) // a test's client reads it or not
	case a.origin == "/login":
		a.call = "login"
		r.Body = io.NopCloser(strings.NewReader(a.body))
		form := r.PostFormValue("form")
		if pre := cookies(r, "pre"); len(pre) != 1 || pre[0] != form || s.forms.get(form) == nil {
			refuse(w, 403, map[string]any{"detail": "another form"})
			return
		}
		body, _ := json.Marshal(map[string]string{"email": r.PostFormValue("email"), "password": r.PostFormValue("password")})
		a.body = string(body)
		r.Header.Set("Content-Type", "application/json")
	case a.origin == "/code":
		if !post(w, r) {
			return
		}
		t, ok := s.codes.get(text(a.json, "code")).(*told)
		if !ok {
			refuse(w, 401, map[string]any{"detail": "no such code"})
			return
		}
		s.codes.put(text(a.json, "code"), nil)
		t.write(w)
	default:
		plain{}.ask(w, r, a)
	}
}

func (s *twoSteps) tell(r *http.Request, a *asked, t *told) {
	plain{}.tell(r, a, t)
	if a.call == "login" && t.refresh != "" {
		code, kept := rand.Text(), *t
		s.codes.put(code, &kept)
		*t = told{status: http.StatusSeeOther, header: http.Header{"Location": {"/after?code=" + code}, "Cache-Control": {"no-store"}}}
	}
}

// TestMain is the login command of a shape as well: it signs in at the target and prints the answer.
func TestMain(m *testing.M) {
	if os.Getenv("CONFORMANCE_TEST_LOGIN") == "" {
		os.Exit(m.Run())
	}
	body, _ := json.Marshal(map[string]string{"email": os.Getenv("EMAIL"), "password": os.Getenv("PASSWORD")})
	res, err := http.Post(os.Getenv("TARGET")+"/auth/login", "application/json", strings.NewReader(string(body)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if res.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, "refused:", res.Status)
		os.Exit(1)
	}
	_ = res.Write(os.Stdout) // else nobody reads it
	os.Exit(0)
}
