package conformance_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// shape puts a server behind another wire shape: how a request names the call and its values, and how an answer is written.
type shape struct {
	profile string
	ask     func(r *http.Request, values map[string]any) (call, email, password, token string)
	answer  func(w http.ResponseWriter, call string, status int, body map[string]any, refresh string)
}

// ServeHTTP translates the request for the inner server, and its answer back.
func (s shape) handler(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		values := map[string]any{}
		if s.profile == "oauth2" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			form, _ := url.ParseQuery(string(raw))
			for k := range form {
				values[k] = form.Get(k)
			}
		} else if len(raw) > 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			w.Header().Set("Cache-Control", "no-store")
			s.answer(w, "", http.StatusUnsupportedMediaType, map[string]any{"detail": "not JSON"}, "")
			return
		} else if len(raw) > 0 {
			err = json.Unmarshal(raw, &values)
		}
		if err != nil {
			w.Header().Set("Cache-Control", "no-store")
			s.answer(w, "", http.StatusBadRequest, map[string]any{"detail": "malformed"}, "")
			return
		}
		call, email, password, token := s.ask(r, values)
		path := map[string]string{"login": "/auth/login", "refresh": "/auth/refresh", "logout": "/auth/logout", "me": "/me"}[call]
		body := ""
		if call == "login" {
			b, _ := json.Marshal(map[string]string{"email": email, "password": password})
			body = string(b)
		}
		in := httptest.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+path, strings.NewReader(body))
		in.Header = r.Header.Clone()
		in.Header.Set("Content-Type", "application/json")
		if token != "" {
			in.Header.Set("Cookie", "refresh_token="+token)
		}
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, in)
		refresh := ""
		for _, c := range rec.Result().Cookies() {
			if c.Name == "refresh_token" && c.MaxAge >= 0 {
				refresh = c.Value
			}
		}
		out := map[string]any{}
		if json.Unmarshal(rec.Body.Bytes(), &out) != nil {
			out = map[string]any{}
		}
		for _, h := range []string{"WWW-Authenticate", "Cache-Control", "Allow"} {
			if v := rec.Header().Get(h); v != "" {
				w.Header().Set(h, v)
			}
		}
		s.answer(w, call, rec.Code, out, refresh)
	})
}

func text(m map[string]any, key string) string { v, _ := m[key].(string); return v }

func write(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a test's client reads it or not
}

func shapes() map[string]shape {
	return map[string]shape{
		"oauth2": {
			profile: "oauth2",
			ask: func(r *http.Request, v map[string]any) (string, string, string, string) {
				switch {
				case r.URL.Path == "/token" && text(v, "grant_type") == "password":
					return "login", text(v, "username"), text(v, "password"), ""
				case r.URL.Path == "/token":
					return "refresh", "", "", text(v, "refresh_token")
				case r.URL.Path == "/revoke":
					return "logout", "", "", text(v, "token")
				case r.URL.Path == "/userinfo":
					return "me", "", "", ""
				}
				return "", "", "", ""
			},
			answer: func(w http.ResponseWriter, call string, status int, body map[string]any, refresh string) {
				switch {
				case status == 401 && call != "me":
					status, body = 400, map[string]any{"error": "invalid_grant"}
				case status == 204:
					status = 200
				case refresh != "":
					body["refresh_token"] = refresh
				}
				write(w, status, body)
			},
		},
		"renamed": {
			profile: `{
				"login": {"path": "/api/session", "body": {"user": "{email}", "pass": "{password}"}, "refused": [400]},
				"refresh": {"path": "/api/session", "method": "PUT", "token": "body", "body": {"with": {"renew": "{refresh_token}"}}, "refused": [400]},
				"logout": {"path": "/api/session/end", "token": "body", "body": {"with": {"renew": "{refresh_token}"}}},
				"me": {"path": "/api/me"},
				"answer": {"access_token": "/data/jwt", "refresh_token": "/data/renew", "expires_in": "/data/ttl", "unit": "ms", "token_type": "-"}
			}`,
			ask: func(r *http.Request, v map[string]any) (string, string, string, string) {
				with, _ := v["with"].(map[string]any)
				switch {
				case r.URL.Path == "/api/session" && r.Method == "PUT":
					r.Method = http.MethodPost
					return "refresh", "", "", text(with, "renew")
				case r.URL.Path == "/api/session":
					return "login", text(v, "user"), text(v, "pass"), ""
				case r.URL.Path == "/api/session/end":
					return "logout", "", "", text(with, "renew")
				}
				return "me", "", "", ""
			},
			answer: func(w http.ResponseWriter, call string, status int, body map[string]any, refresh string) {
				if status == 401 && call != "me" {
					status = 400
				}
				if access := text(body, "access_token"); access != "" {
					ttl, _ := body["expires_in"].(float64)
					data := map[string]any{"jwt": access, "ttl": ttl * 1000}
					if refresh != "" {
						data["renew"] = refresh
					}
					body = map[string]any{"data": data}
				}
				write(w, status, body)
			},
		},
		"status in the body": {
			profile: `{
				"login": {"refused": [200]},
				"refresh": {"token": "body", "body": {"refresh_token": "{refresh_token}"}, "refused": [200]},
				"logout": {"token": "body", "body": {"refresh_token": "{refresh_token}"}},
				"me": {"refused": [200]},
				"answer": {"refresh_token": "/refresh_token", "success_at": "/status", "success_is": "OK"}
			}`,
			ask: func(r *http.Request, v map[string]any) (string, string, string, string) {
				call := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/auth"), "/")
				return call, text(v, "email"), text(v, "password"), text(v, "refresh_token")
			},
			answer: func(w http.ResponseWriter, _ string, status int, body map[string]any, refresh string) {
				out := map[string]any{"status": "DENIED"}
				if status < 300 {
					out = body
					out["status"] = "OK"
				}
				if refresh != "" {
					out["refresh_token"] = refresh
				}
				write(w, http.StatusOK, out)
			},
		},
	}
}

// The verdict is about the server and not about its spelling: every check that both spellings can judge comes out alike.
func TestOtherShapesGetTheSameVerdict(t *testing.T) {
	faults := []string{
		"", "reuse-plain-401", "reuse-evidence-destroyed", "rt-old-still-valid", "family-kill-is-user-wide", "logout-server-noop", "logout-kills-all-devices",
		"conc-double-spend", "exp-refresh-never-checked", "at-alg-none-accepted", "rt-accepted-as-access", "reuse-grace-forks-chain", "at-aud-not-checked",
	}
	for name, sh := range shapes() {
		for _, fault := range faults {
			t.Run(name+"/"+fault, func(t *testing.T) {
				t.Parallel()
				var list []string
				if fault != "" {
					list = []string{fault}
				}
				own, err := conformance.Run(t.Context(), start(t, list...))
				require.NoError(t, err)

				c := &clock{}
				s, err := faulty.New(faulty.Options{Faults: list, Now: c.now, Secure: true, Window: 10 * time.Millisecond})
				require.NoError(t, err)
				srv := httptest.NewServer(sh.handler(s))
				t.Cleanup(srv.Close)
				o := conformance.Options{Target: srv.URL, JWTSecret: faulty.DemoSecret, Advance: c.advance, RaceRounds: 3, Patience: time.Nanosecond}
				if strings.HasPrefix(sh.profile, "{") {
					o.Profile, err = conformance.ParseProfile([]byte(sh.profile))
				} else {
					o.Profile, err = conformance.Preset(sh.profile)
				}
				require.NoError(t, err)
				other, err := conformance.Run(t.Context(), o)
				require.NoError(t, err)
				compare(t, fault, own, other)
			})
		}
	}
}

func compare(t *testing.T, fault string, own, other *conformance.Report) {
	t.Helper()
	verdicts := map[string]conformance.CheckResult{}
	for _, s := range own.Stories {
		for _, c := range s.Checks {
			verdicts[c.ID] = c
		}
	}
	compared := 0
	for _, s := range other.Stories {
		for _, c := range s.Checks {
			want := verdicts[c.ID]
			if c.Verdict == conformance.NotJudged || want.Verdict == conformance.NotJudged || strings.HasPrefix(c.ID, "race.") && fault != "" || slices.Contains(spelling, c.ID) {
				continue
			}
			compared++
			assert.Equal(t, want.Verdict, c.Verdict, "%s: %s %s", c.ID, c.Want, c.Got)
		}
	}
	require.Greater(t, compared, 100)
}

// spelling are the checks that judge what the shapes themselves do otherwise.
var spelling = []string{
	"http.answers/challenge", "http.answers/error-type", "access.required/challenge", "access.required/invalid-token", "login.wrong-password/same-headers",
	"http.methods/allow", "http.cors/vary", "login.malformed/duplicate-keys", "login.malformed/trailing-data",
}
