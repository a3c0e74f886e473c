package conformance_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// Mutants show that a check can fail where no fault of the faulty server makes it: each is the healthy server behind a few lines that spoil one
// exchange. They prove the check, not that anybody ships the bug; what projects do ship is in the faulty server.

// hop is one request on its way to the healthy server.
type hop struct {
	w    http.ResponseWriter
	r    *http.Request
	next http.Handler
}

// pass hands the request on as it is by now.
func (h hop) pass() { h.next.ServeHTTP(h.w, h.r) }

// refuse answers in the server's place.
func (h hop) refuse(status int) {
	h.w.Header().Set("Content-Type", "application/problem+json")
	h.w.Header().Set("Cache-Control", "no-store")
	h.w.Header().Set("WWW-Authenticate", "Bearer")
	h.w.WriteHeader(status)
}

// change lets the server answer, and then changes status, headers or the JSON members of the answer.
func (h hop) change(f func(res *httptest.ResponseRecorder, body map[string]any)) {
	rec := httptest.NewRecorder()
	h.next.ServeHTTP(rec, h.r)
	var body map[string]any
	isJSON := json.Unmarshal(rec.Body.Bytes(), &body) == nil
	if body == nil {
		body = map[string]any{}
	}
	f(rec, body)
	out := rec.Body.Bytes()
	if isJSON || len(body) > 0 {
		out, _ = json.Marshal(body) // it was JSON before
	}
	for k, v := range rec.Header() {
		if k != "Content-Length" {
			h.w.Header()[k] = v
		}
	}
	h.w.WriteHeader(rec.Code)
	_, _ = h.w.Write(out)
}

func (h hop) bearer() string {
	_, token, _ := strings.Cut(h.r.Header.Get("Authorization"), " ")
	return token
}

func (h hop) token() string {
	c, err := h.r.Cookie("refresh_token")
	if err != nil {
		return ""
	}
	return c.Value
}

// wrap spoils a server.
type wrap func(http.Handler) http.Handler

// on spoils the requests of one path ("": all); the others pass.
func on(path string, f func(hop)) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if h := (hop{w, r, next}); path == "" || r.URL.Path == path {
				f(h)
			} else {
				h.pass()
			}
		})
	}
}

// in spoils the nth request (0: every one) that a story makes of a path.
func in(story, path string, nth int, f func(hop)) wrap {
	var mu sync.Mutex
	n := 0
	return on(path, func(h hop) {
		mu.Lock()
		mine := strings.Contains(h.r.UserAgent(), "("+story+")")
		if mine {
			n++
		}
		mine = mine && (nth == 0 || n == nth)
		mu.Unlock()
		if mine {
			f(h)
		} else {
			h.pass()
		}
	})
}

// afterwards refuses the refresh that follows a request which the trigger knows.
func afterwards(trigger func(hop) bool) wrap {
	var mu sync.Mutex
	armed := false
	return on("", func(h hop) {
		mu.Lock()
		fires := armed && h.r.URL.Path == refreshPath && !trigger(h) && strings.HasPrefix(h.token(), "ey")
		armed = !fires && (armed || trigger(h))
		mu.Unlock()
		if fires {
			h.refuse(http.StatusUnauthorized)
			return
		}
		h.pass()
	})
}

const (
	loginPath, refreshPath, logoutPath, mePath = "/auth/login", "/auth/refresh", "/auth/logout", "/me"

	alicesLogin = `{"email":"alice@example.com","password":"alice-demo-password"}`
)

func refusing(status int) func(hop) { return func(h hop) { h.refuse(status) } }

// lenient logs alice in wherever the body says something else and matches.
func lenient(matches func(body string) bool) wrap {
	return on(loginPath, func(h hop) {
		raw, _ := io.ReadAll(h.r.Body) // what broke off does not match
		if matches(string(raw)) {
			raw = []byte(alicesLogin)
		}
		h.r.Body = io.NopCloser(bytes.NewReader(raw))
		h.pass()
	})
}

func saying(words ...string) func(string) bool {
	return func(body string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(body, w) })
	}
}

// resign gives a JWT other header members and claims; nil removes one. The signature stays.
func resign(raw string, header, claims map[string]any) string {
	parts := strings.Split(raw, ".")
	for i, changes := range []map[string]any{header, claims} {
		var m map[string]any
		b, _ := base64.RawURLEncoding.DecodeString(parts[i])
		_ = json.Unmarshal(b, &m) // the healthy server made it
		for k, v := range changes {
			if m[k] = v; v == nil {
				delete(m, k)
			}
		}
		b, _ = json.Marshal(m)
		parts[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	return strings.Join(parts, ".")
}

func claimsOf(raw string) map[string]any {
	var m map[string]any
	if parts := strings.Split(raw, "."); len(parts) == 3 {
		b, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(b, &m) // nothing, then
	}
	return m
}

// otherAccess shows the client other access tokens than the server gave out, and takes them back.
func otherAccess(alter func(string) string) wrap {
	var known sync.Map
	return on("", func(h hop) {
		if real, ok := known.Load(h.bearer()); ok {
			scheme, _, _ := strings.Cut(h.r.Header.Get("Authorization"), " ")
			h.r.Header.Set("Authorization", scheme+" "+real.(string))
		}
		h.change(func(_ *httptest.ResponseRecorder, body map[string]any) {
			if raw, ok := body["access_token"].(string); ok {
				shown := alter(raw)
				known.Store(shown, raw)
				body["access_token"] = shown
			}
		})
	})
}

// otherCookies changes what sets cookies, and undoes it where they come back.
func otherCookies(set, back func(string) string) wrap {
	return on("", func(h hop) {
		if c := h.r.Header.Get("Cookie"); c != "" && back != nil {
			h.r.Header.Set("Cookie", back(c))
		}
		h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
			for i, c := range res.Header().Values("Set-Cookie") {
				res.Header()["Set-Cookie"][i] = set(c)
			}
		})
	})
}

func replacing(old, new string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, old, new) }
}

// opens answers /me with somebody's data.
func opens(which func(hop) bool) wrap {
	return on(mePath, func(h hop) {
		if !which(h) {
			h.pass()
			return
		}
		h.w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(h.w, `{"id":"1","email":"alice@example.com"}`)
	})
}

// asPost hides a method from the server.
func asPost(method, path string) wrap {
	return on(path, func(h hop) {
		if h.r.Method == method {
			h.r.Method, h.r.URL.Path = http.MethodPost, refreshPath
		}
		h.pass()
	})
}

type mutant struct {
	check string
	wrap  wrap
	base  []string // faults beneath
	does  faulty.Dialect
	says  conformance.Policy
}

func mutants() []mutant {
	grace, saysGrace := faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second}, conformance.Policy{Rotation: "grace", GraceSeconds: 10}
	dies, saysDies := faulty.Dialect{Access: "dies"}, conformance.Policy{Access: "dies"}
	all, saysAll := faulty.Dialect{Logout: "user"}, conformance.Policy{Logout: "user"}
	isAccess := func(h hop) bool { return len(h.token()) > 0 && claimsOf(h.token())["aud"] == "faulty-client" }
	longCookie := func(h hop) bool { return strings.Contains(h.r.Header.Get("Cookie"), "%") }
	noTokens := func(rec *httptest.ResponseRecorder, body map[string]any) {
		if rec.Code == http.StatusUnauthorized {
			body["access_token"] = "oops-oops-oops"
		}
	}
	return []mutant{
		{check: "login.success/status", wrap: on(loginPath, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
				if res.Code == http.StatusOK {
					res.Code = http.StatusCreated
				}
			})
		})},
		{check: "login.success/access-token", wrap: in("login.success", loginPath, 1, func(h hop) {
			h.change(func(_ *httptest.ResponseRecorder, body map[string]any) { delete(body, "access_token") })
		})},
		{check: "login.success/refresh-cookie", wrap: in("login.success", loginPath, 1, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) { res.Header().Del("Set-Cookie") })
		})},
		{check: "login.wrong-password/unknown-refused", wrap: lenient(saying("nobody-"))},
		{check: "login.wrong-password/right-after", wrap: func() wrap {
			guessed := false
			return in("login.wrong-password", loginPath, 0, func(h hop) {
				if unknown := strings.HasPrefix(peekEmail(h.r), "nobody-"); guessed && !unknown {
					h.refuse(http.StatusUnauthorized)
					return
				} else if unknown {
					guessed = true
				}
				h.pass()
			})
		}()},
		{check: "login.malformed/number-email", wrap: lenient(func(b string) bool {
			var m map[string]any
			_ = json.Unmarshal([]byte(b), &m) // not JSON does not match
			_, number := m["email"].(float64)
			return number
		})},
		{check: "login.malformed/object-password", wrap: lenient(func(b string) bool {
			var m map[string]any
			_ = json.Unmarshal([]byte(b), &m) // not JSON does not match
			_, object := m["password"].(map[string]any)
			return object
		})},
		{check: "login.malformed/deep", wrap: lenient(saying("[[[[[["))},
		{check: "login.malformed/megabyte", wrap: lenient(func(b string) bool { return len(b) > 900_000 })},
		{check: "access.claims/signed", wrap: otherAccess(func(t string) string { return resign(t, map[string]any{"alg": "none"}, nil) })},
		{check: "access.claims/typ", wrap: otherAccess(func(t string) string { return resign(t, map[string]any{"typ": "JWT"}, nil) })},
		{check: "access.claims/sub", wrap: otherAccess(func(t string) string { return resign(t, nil, map[string]any{"sub": ""}) })},
		{check: "access.claims/own-subject", wrap: otherAccess(func(t string) string { return resign(t, nil, map[string]any{"sub": "1"}) })},
		{check: "access.secret/not-empty", wrap: otherAccess(func(t string) string { return emptyKey(t) })},
		{check: "access.required/refreshed-works", wrap: in("access.required", mePath, 2, refusing(http.StatusUnauthorized))},
		{check: "access.required/garbage", wrap: opens(func(h hop) bool { return h.bearer() == "garbage" })},
		{check: "access.forged/genuine", wrap: onlyOnce("access.forged")},
		{check: "access.forged/lists", wrap: opens(func(h hop) bool { return strings.HasPrefix(h.bearer(), "W10.") })},
		{check: "access.forged/two-parts", wrap: opens(func(h hop) bool { return strings.Count(h.bearer(), ".") == 1 })},
		{check: "access.forged/other-subject", wrap: in("access.forged", mePath, 0, func(h hop) {
			if sub, ok := claimsOf(h.bearer())["sub"].(string); ok && len(sub) < 20 {
				opens(func(hop) bool { return true })(h.next).ServeHTTP(h.w, h.r)
				return
			}
			h.pass()
		})},
		{check: "access.wrong-kind/harmless", wrap: afterwards(func(h hop) bool { return claimsOf(h.bearer())["aud"] == "faulty-refresh" })},
		{check: "access.signed/sub-missing", wrap: opens(func(h hop) bool { c := claimsOf(h.bearer()); return c != nil && c["sub"] == nil })},
		{check: "access.signed/sub-unknown", wrap: opens(func(h hop) bool { return claimsOf(h.bearer())["sub"] == "00000000-0000-7000-8000-000000000000" })},
		{check: "rotation.rotates/successor-works", wrap: in("rotation.rotates", refreshPath, 2, refusing(http.StatusUnauthorized))},
		{check: "rotation.chain/all-different", wrap: in("rotation.chain", refreshPath, 5, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) { res.Header().Del("Set-Cookie") })
		})},
		{check: "rotation.chain/access-works", wrap: in("rotation.chain", mePath, 3, refusing(http.StatusUnauthorized))},
		{check: "rotation.chain/octets", wrap: otherCookies(replacing("; Path", "%7E; Path"), replacing("%7E", ""))},
		{check: "rotation.wrong-kind/untouched", wrap: afterwards(isAccess)},
		{check: "rotation.cookie-only/no-authorization", wrap: in("rotation.cookie-only", refreshPath, 2, refusing(http.StatusUnauthorized))},
		{check: "rotation.cookie-only/other-cookies", wrap: on(refreshPath, func(h hop) {
			if strings.Contains(h.r.Header.Get("Cookie"), "theme=dark") {
				h.refuse(http.StatusUnauthorized)
				return
			}
			h.pass()
		})},
		{check: "rotation.cookie-only/same-origin", wrap: on(refreshPath, func(h hop) {
			if h.r.Header.Get("Origin") == "http://"+h.r.Host {
				h.refuse(http.StatusForbidden)
				return
			}
			h.pass()
		})},
		{check: "rotation.duplicates/no-effect", wrap: afterwards(func(h hop) bool { return len(h.r.CookiesNamed("refresh_token")) > 1 })},
		{check: "rotation.unpredictable/unique", wrap: func() wrap {
			n, before := 0, ""
			return in("rotation.unpredictable", refreshPath, 0, func(h hop) {
				h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
					if n++; n == 7 {
						res.Header().Set("Set-Cookie", before)
					}
					before = res.Header().Get("Set-Cookie")
				})
			})
		}()},
		{check: "cookie.attributes/prefix", wrap: otherCookies(replacing("refresh_token=", "__Host-refresh="), replacing("__Host-refresh=", "refresh_token="))},
		{check: "cookie.browser/reaches-logout", wrap: otherCookies(replacing("Path=/auth", "Path=/auth/refresh"), nil)},
		{check: "cookie.refusal/still-lives", wrap: in("cookie.refusal", refreshPath, 5, refusing(http.StatusUnauthorized))},
		{check: "reuse.revokes-family/alive-before", wrap: in("reuse.revokes-family", refreshPath, 3, refusing(http.StatusUnauthorized))},
		{check: "reuse.thief-first/owner-back", wrap: in("reuse.thief-first", refreshPath, 5, refusing(http.StatusUnauthorized))},
		{check: "reuse.stays-dead/new-login", wrap: in("reuse.stays-dead", refreshPath, 11, refusing(http.StatusUnauthorized))},
		{check: "family.isolation/same-user-later", wrap: in("family.isolation", refreshPath, 9, refusing(http.StatusUnauthorized))},
		{check: "family.isolation/distinct", wrap: in("family.isolation", refreshPath, 12, refusing(http.StatusUnauthorized))},
		{check: "family.inherits/subject", wrap: in("family.inherits", refreshPath, 4, func(h hop) {
			h.change(func(_ *httptest.ResponseRecorder, body map[string]any) {
				if raw, ok := body["access_token"].(string); ok {
					body["access_token"] = resign(raw, nil, map[string]any{"sub": "another"})
				}
			})
		})},
		{check: "family.inherits/end", wrap: movedEnd()},
		{check: "grace.answer/lost-answer", wrap: in("grace.answer", refreshPath, 9, refusing(http.StatusUnauthorized)), does: grace, says: saysGrace},
		{check: "policy.rotation/other-access", wrap: func() wrap {
			first := ""
			return in("policy.rotation", refreshPath, 0, func(h hop) {
				h.change(func(_ *httptest.ResponseRecorder, body map[string]any) {
					if raw, ok := body["access_token"].(string); ok && first == "" {
						first = raw
					} else if ok {
						body["access_token"] = first
					}
				})
			})
		}(), does: faulty.Dialect{Rotation: "none", Lifetime: "absolute"}, says: conformance.Policy{Rotation: "none", Lifetime: "absolute"}},
		{check: "policy.logout/accepted", wrap: in("policy.logout", logoutPath, 0, refusing(http.StatusBadRequest)), does: all, says: saysAll},
		{check: "policy.logout/other-user", wrap: in("policy.logout", refreshPath, 6, refusing(http.StatusUnauthorized)), does: all, says: saysAll},
		{check: "policy.access/before", wrap: in("policy.access", mePath, 1, refusing(http.StatusUnauthorized)), does: dies, says: saysDies},
		{check: "policy.access/bystander", wrap: in("policy.access", mePath, 3, refusing(http.StatusUnauthorized)), does: dies, says: saysDies},
		{check: "expiry.access/before", wrap: in("expiry.access", mePath, 1, refusing(http.StatusUnauthorized))},
		{check: "expiry.access/new-works", wrap: in("expiry.access", mePath, 3, refusing(http.StatusUnauthorized))},
		{check: "expiry.fixed/used", wrap: in("expiry.fixed", refreshPath, 3, refusing(http.StatusUnauthorized)), does: faulty.Dialect{Lifetime: "absolute"}, says: conformance.Policy{Lifetime: "absolute"}},
		{check: "expiry.logout/dead", base: []string{"exp-refresh-never-checked", "logout-server-noop"}},
		{check: "logout.ends/no-tokens", wrap: on(logoutPath, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, body map[string]any) {
				if res.Code == http.StatusNoContent {
					res.Code, body["access_token"] = http.StatusOK, "oops-oops-oops"
				}
			})
		})},
		{check: "logout.cookie-only/any-body", wrap: on(logoutPath, func(h hop) {
			if h.r.ContentLength > 0 {
				h.refuse(http.StatusBadRequest)
				return
			}
			h.pass()
		})},
		{check: "logout.cookie-only/claimed"}, // in TestLogoutThatNeedsTheAccessToken
		{check: "logout.stale/older-accepted", wrap: in("logout.stale", logoutPath, 2, refusing(http.StatusUnauthorized))},
		{check: "logout.isolation/other-user", wrap: in("logout.isolation", refreshPath, 5, refusing(http.StatusUnauthorized))},
		{check: "logout.clears/empty", wrap: on(logoutPath, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
				res.Header().Set("Set-Cookie", strings.Replace(res.Header().Get("Set-Cookie"), "refresh_token=", "refresh_token="+h.token(), 1))
			})
		})},
		{check: "http.answers/answered", wrap: on(refreshPath, func(h hop) {
			if h.token() == "garbage" {
				panic(http.ErrAbortHandler)
			}
			h.pass()
		})},
		{check: "http.answers/retry-after", wrap: in("http.odd-cookies", refreshPath, 0, func(h hop) {
			if longCookie(h) {
				h.refuse(http.StatusServiceUnavailable)
				return
			}
			h.pass()
		})},
		{check: "http.answers/no-tokens", wrap: on(refreshPath, func(h hop) { h.change(noTokens) })},
		{check: "http.methods/refresh-head", wrap: asPost(http.MethodHead, refreshPath)},
		{check: "http.methods/refresh-put", wrap: asPost(http.MethodPut, refreshPath)},
		{check: "http.methods/refresh-delete", wrap: asPost(http.MethodDelete, refreshPath)},
		{check: "http.cross-site/protected", base: []string{"cookie-samesite-weak/none", "tx-refresh-csrf", "logout-csrf"}},
		{check: "http.cross-site/refresh-origin", wrap: on(refreshPath, func(h hop) {
			if h.r.Header.Get("Sec-Fetch-Site") == "" {
				h.r.Header.Del("Origin")
			}
			h.pass()
		})},
		{check: "http.cross-site/refresh-null", wrap: on(refreshPath, func(h hop) {
			if h.r.Header.Get("Origin") == "null" {
				h.r.Header.Del("Origin")
				h.r.Header.Del("Sec-Fetch-Site")
			}
			h.pass()
		})},
		{check: "http.odd-cookies/untouched", wrap: afterwards(longCookie)},
		{check: "outage.refresh/goes-on", wrap: in("outage.refresh", refreshPath, 6, refusing(http.StatusUnauthorized))},
		{check: "http.steady/no-loss", wrap: in("http.steady", refreshPath, 10, refusing(http.StatusUnauthorized))},
		{check: "http.steady/login-after", wrap: in("http.steady", loginPath, 1, refusing(http.StatusForbidden))},
	}
}

// onlyOnce opens /me for each token of one story once.
func onlyOnce(story string) wrap {
	seen := map[string]bool{}
	return in(story, mePath, 0, func(h hop) {
		if seen[h.bearer()] {
			h.refuse(http.StatusUnauthorized)
			return
		}
		seen[h.bearer()] = true
		h.pass()
	})
}

// emptyKey signs a token with no key at all.
func emptyKey(raw string) string {
	parts := strings.Split(raw, ".")
	return parts[0] + "." + parts[1] + "." + hs256(nil, parts[0]+"."+parts[1])
}

// movedEnd shows refresh tokens with a claim of an absolute end that each rotation moves.
func movedEnd() wrap {
	var known sync.Map
	return on("", func(h hop) {
		if real, ok := known.Load(h.token()); ok {
			h.r.Header.Set("Cookie", "refresh_token="+real.(string))
		}
		h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
			line := res.Header().Get("Set-Cookie")
			raw, rest, _ := strings.Cut(strings.TrimPrefix(line, "refresh_token="), ";")
			if len(raw) > 100 {
				shown := resign(raw, nil, map[string]any{"abs_exp": time.Now().UnixNano()})
				known.Store(shown, raw)
				res.Header().Set("Set-Cookie", "refresh_token="+shown+";"+rest)
			}
		})
	})
}

// TestEveryCheckCanFail holds that each check of the catalogue fails against some server: of the golden matrices, or a mutant of its own.
func TestEveryCheckCanFail(t *testing.T) {
	killed := map[string]bool{}
	for _, name := range []string{"kills.golden", "dialects.golden"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		for id := range strings.FieldsSeq(string(b)) {
			killed[id] = true
		}
	}
	for _, m := range slices.Concat(mutants(), hookMutants(), loginClaimMutants()) {
		if m.wrap == nil && m.base == nil {
			killed[m.check] = true
			continue
		}
		assert.False(t, killed[m.check], "%s fails by a fault already: it needs no mutant", m.check)
		killed[m.check] = true
		t.Run(m.check, func(t *testing.T) {
			t.Parallel()
			o := speaking(t, m.does, m.says, m.base...)
			if m.wrap != nil {
				o = wrapped(t, m)
			}
			o.Run = nil
			if story, _, _ := strings.Cut(m.check, "/"); story != "http.answers" {
				o.Run = []string{story}
			}
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			require.Contains(t, failing(rep), m.check)
		})
	}
	for _, s := range conformance.Scenarios() {
		for _, c := range s.Checks {
			if id := s.ID + "/" + c.Slug; !killed[id] && cannotFail[id] == "" && s.Area() != "race" {
				t.Errorf("nothing makes %s fail: a check that cannot fail is no check", id)
			}
		}
	}
}

// cannotFail names checks that only other tests make fail, with the reason.
var cannotFail = map[string]string{
	"http.odd-cookies/nul":     "net/http refuses it before any handler; TestRawCookies has a server of its own",
	"http.odd-cookies/newline": "likewise",
}

// wrapped serves a mutant.
func wrapped(t *testing.T, m mutant) conformance.Options {
	t.Helper()
	c := &clock{}
	s, err := faulty.New(faulty.Options{Faults: m.base, Dialect: m.does, Now: c.now, Secure: true, Window: 10 * time.Millisecond, RS256: strings.HasPrefix(m.check, "access.confusion/")})
	require.NoError(t, err)
	srv := httptest.NewServer(m.wrap(s))
	t.Cleanup(srv.Close)
	return conformance.Options{
		JWKS: bytes.Replace(s.PublicKeys(), []byte(`{"kty"`), []byte(`{"x5c":["AAAA"],"kty"`), 1), // a certificate of no use, to be mistaken for a secret
		Admin: func(_ context.Context, a conformance.AdminAction) error {
			return s.Admin(a.Action, a.Email, a.Password)
		},
		Restart: func(context.Context) error { s.Restart(); return nil },
		Outage:  func(_ context.Context, begin bool) error { s.Outage(begin); return nil },
		Target:  srv.URL, JWTSecret: faulty.DemoSecret, Advance: c.advance, Production: true, RaceRounds: 1, Patience: time.Nanosecond,
		Profile: conformance.Profile{Policy: m.says},
	}
}

func hs256(key []byte, signed string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// TestRawCookies has a server that does not mind control characters, as hand-made HTTP parsers do not.
func TestRawCookies(t *testing.T) {
	s, err := faulty.New(faulty.Options{Now: time.Now})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &httptest.Server{Listener: carefree{l}, Config: &http.Server{Handler: s, ReadHeaderTimeout: time.Second}}
	srv.Start()
	t.Cleanup(srv.Close)
	rep, err := conformance.Run(t.Context(), conformance.Options{Target: srv.URL, Run: []string{"http.odd-cookies"}})
	require.NoError(t, err)
	require.Equal(t, []string{"http.odd-cookies/nul", "http.odd-cookies/newline"}, failing(rep))
}

// carefree answers a request that holds a NUL or a bare newline as if nothing were wrong.
type carefree struct{ net.Listener }

func (l carefree) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &carefreeConn{Conn: c}, err
}

type carefreeConn struct{ net.Conn }

func (c *carefreeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if bytes.Contains(b[:n], []byte("a\x00b")) || bytes.Contains(b[:n], []byte("a\nb")) {
		_, _ = io.WriteString(c.Conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}") // whoever hung up misses it
		return 0, io.EOF
	}
	return n, err
}
