package conformance_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// A server may do these things and conforms all the same. Each stands for a false alarm that somebody's server would get.
func variants() map[string]wrap {
	return map[string]wrap{
		"another cookie name":     otherCookies(replacing("refresh_token=", "rt="), replacing("rt=", "refresh_token=")),
		"a __Host- cookie":        otherCookies(chain(replacing("refresh_token=", "__Host-rt="), replacing("Path=/auth", "Path=/")), replacing("__Host-rt=", "refresh_token=")),
		"SameSite=Lax":            otherCookies(replacing("SameSite=Strict", "SameSite=Lax"), nil),
		"Expires, no Max-Age":     otherCookies(expiresOnly, nil),
		"another cookie beside":   on("", func(h hop) { http.SetCookie(h.w, &http.Cookie{Name: "visit", Value: rand.Text(), Path: "/"}); h.pass() }),
		"logout answers 200":      logoutSays(http.StatusOK, map[string]any{"message": "signed out"}),
		"logout answers 205":      logoutSays(http.StatusResetContent, nil),
		"dead family, no cookie":  deletesWithDeadFamilies(),
		"opaque refresh tokens":   renamedRefresh(func() string { return rand.Text() + rand.Text() }),
		"40-byte refresh tokens":  renamedRefresh(func() string { return (rand.Text() + rand.Text())[:40] }),
		"4,000-byte refresh ones": renamedRefresh(func() string { return strings.Repeat(rand.Text(), 160)[:4000] }),
		"opaque access tokens":    otherAccess(func(string) string { return rand.Text() + rand.Text() }),
		"more members": on("", func(h hop) {
			h.change(func(_ *httptest.ResponseRecorder, body map[string]any) {
				body["scope"], body["user"] = "all", map[string]any{"n": 1}
			})
		}),
		"token_type bearer":       on("", func(h hop) { h.change(lowerTokenType) }),
		"plain JSON errors":       on("", func(h hop) { h.change(plainJSONErrors) }),
		"chunked answers":         on("", chunked),
		"slow answers":            on("", func(h hop) { time.Sleep(10 * time.Millisecond); h.pass() }),
		"one answer a connection": on("", func(h hop) { h.w.Header().Set("Connection", "close"); h.pass() }),
		"a Date that lags": on("", func(h hop) {
			h.w.Header().Set("Date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
			h.pass()
		}),
		"no Date": on("", func(h hop) { h.w.Header()["Date"] = nil; h.pass() }),
		"422 for bad bodies": on(loginPath, func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
				res.Code = map[int]int{400: 422, 415: 400}[res.Code] + res.Code*b2i(res.Code != 400 && res.Code != 415)
			})
		}),
		"501 for other methods": on("", func(h hop) {
			h.change(func(res *httptest.ResponseRecorder, _ map[string]any) { res.Code += 96 * b2i(res.Code == 405) })
		}),
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func chain(fs ...func(string) string) func(string) string {
	return func(s string) string {
		for _, f := range fs {
			s = f(s)
		}
		return s
	}
}

var maxAge = regexp.MustCompile(`Max-Age=(\d+)`)

// expiresOnly says when, not for how long.
func expiresOnly(line string) string {
	return maxAge.ReplaceAllStringFunc(line, func(m string) string {
		d, _ := time.ParseDuration(strings.TrimPrefix(m, "Max-Age=") + "s")
		if d == 0 {
			d = -time.Hour
		}
		return "Expires=" + time.Now().Add(d).UTC().Format(http.TimeFormat)
	})
}

func logoutSays(status int, body map[string]any) wrap {
	return on(logoutPath, func(h hop) {
		h.change(func(res *httptest.ResponseRecorder, out map[string]any) {
			if res.Code != http.StatusNoContent {
				return
			}
			res.Code = status
			for k, v := range body {
				out[k] = v
				res.Header().Set("Content-Type", "application/json")
			}
		})
	})
}

// deletesWithDeadFamilies deletes the cookie where its family has ended, as a courtesy: a genuine token that is refused has a dead family here.
func deletesWithDeadFamilies() wrap {
	return on(refreshPath, func(h hop) {
		h.change(func(res *httptest.ResponseRecorder, _ map[string]any) {
			genuine := strings.Count(h.r.Header.Get("Cookie"), "=") == 1 && claimsOf(h.token())["aud"] == "faulty-refresh" && len(strings.Split(h.token(), ".")[2]) == 43
			if res.Code == http.StatusUnauthorized && genuine {
				http.SetCookie(res, &http.Cookie{Name: "refresh_token", Path: "/auth", MaxAge: -1, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode})
			}
		})
	})
}

// renamedRefresh shows the client other refresh tokens than the server gave out, and takes them back.
func renamedRefresh(name func() string) wrap {
	var shown, real sync.Map
	pair := regexp.MustCompile(`refresh_token=([^;]+)`)
	return otherCookies(
		func(line string) string {
			m := pair.FindStringSubmatch(line)
			if m == nil {
				return line
			}
			to, known := shown.LoadOrStore(m[1], name())
			if !known {
				real.Store(to, m[1])
			}
			return strings.Replace(line, m[1], to.(string), 1)
		},
		func(line string) string {
			return pair.ReplaceAllStringFunc(line, func(p string) string {
				if to, ok := real.Load(strings.TrimPrefix(p, "refresh_token=")); ok {
					return "refresh_token=" + to.(string)
				}
				return "refresh_token=unknown"
			})
		})
}

func lowerTokenType(_ *httptest.ResponseRecorder, body map[string]any) {
	if body["token_type"] != nil {
		body["token_type"] = "bearer"
	}
}

func plainJSONErrors(res *httptest.ResponseRecorder, body map[string]any) {
	if res.Code < 400 {
		return
	}
	res.Header().Set("Content-Type", "application/json; charset=utf-8")
	for k := range body {
		delete(body, k)
	}
	body["error"] = http.StatusText(res.Code)
}

// chunked lets no Content-Length be known.
func chunked(h hop) {
	rec := httptest.NewRecorder()
	h.next.ServeHTTP(rec, h.r)
	for k, v := range rec.Header() {
		h.w.Header()[k] = v
	}
	h.w.WriteHeader(rec.Code)
	for b := range bytes.SplitSeq(rec.Body.Bytes(), []byte(",")) {
		_, _ = h.w.Write(b) // who hung up misses it
		_ = http.NewResponseController(h.w).Flush()
		if !bytes.HasSuffix(b, []byte("}\n")) {
			_, _ = h.w.Write([]byte(","))
		}
	}
}

func TestHealthyVariants(t *testing.T) {
	for name, w := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep, err := conformance.Run(t.Context(), wrapped(t, mutant{wrap: w}))
			require.NoError(t, err)
			conforms(t, rep)
		})
	}
}

// conforms: no check fails or warns, and no story is left open.
func conforms(t *testing.T, rep *conformance.Report) {
	t.Helper()
	require.Empty(t, failing(rep))
	require.Equal(t, conformance.Pass, rep.Verdict)
	for _, s := range rep.Stories {
		require.Contains(t, []conformance.Verdict{conformance.Pass, conformance.NotJudged}, s.Verdict, "%s: %s", s.ID, s.Reason)
	}
}

func TestHTTP2(t *testing.T) {
	c := &clock{}
	s, err := faulty.New(faulty.Options{Now: c.now, Secure: true, Window: 10 * time.Millisecond})
	require.NoError(t, err)
	var protocols sync.Map
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols.Store(r.Proto, true)
		s.ServeHTTP(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	rep, err := conformance.Run(t.Context(), conformance.Options{
		Target: srv.URL, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, JWTSecret: faulty.DemoSecret, Advance: c.advance, RaceRounds: 1, Patience: time.Nanosecond,
	})
	require.NoError(t, err)
	conforms(t, rep)
	_, used := protocols.Load("HTTP/2.0")
	require.True(t, used)
}

// A limit on logins is waited for within the run's patience; beyond it, what it kept from being judged is open, and never a failure.
func TestRateLimits(t *testing.T) {
	limit := func(perSecond int) wrap {
		var mu sync.Mutex
		var recent []time.Time
		return on(loginPath, func(h hop) {
			mu.Lock()
			for len(recent) > 0 && time.Since(recent[0]) > time.Second {
				recent = recent[1:]
			}
			full := len(recent) >= perSecond
			if !full {
				recent = append(recent, time.Now())
			}
			mu.Unlock()
			if full {
				h.w.Header().Set("Retry-After", "1")
				h.refuse(http.StatusTooManyRequests)
				return
			}
			h.pass()
		})
	}
	for name, patience := range map[string]time.Duration{"patient": 30 * time.Second, "impatient": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := wrapped(t, mutant{wrap: limit(8)})
			o.Patience = patience
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			require.Empty(t, failing(rep))
			b, err := json.Marshal(rep)
			require.NoError(t, err)
			require.NotContains(t, string(b), "demo-password")
			if patience > time.Second {
				conforms(t, rep)
			}
		})
	}
}
