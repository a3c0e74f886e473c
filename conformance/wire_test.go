package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

func profile(t *testing.T, raw string) conformance.Profile {
	t.Helper()
	p, err := conformance.ParseProfile([]byte(raw))
	require.NoError(t, err)
	return p
}

// What a profile promises and the target, or a command, does not keep is one clear message, without secrets.
func TestPreflightSaysWhatIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		`{"login": {"command": "echo no luck with $PASSWORD at $TARGET >&2; exit 3"}}`:                                          "login.command: exit status 3; it wrote:\n    no luck with ‹password of alice@example.com› at http://127.0.0.1:",
		`{"login": {"command": "exit 1"}}`:                                                                                      "login.command: exit status 1; it wrote nothing to standard error",
		`{"login": {"command": "echo eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl >&2; exit 1"}}`:                          "it wrote:\n    …",
		`{"login": {"command": "echo hello"}}`:                                                                                  "it printed neither a JSON object in the shape of the login's answer nor an answer as curl -i prints it",
		`{"login": {"command": "printf 'HTTP/1.1 302 Found\\r\\nLocation: /x\\r\\n\\r\\nHTTP/2 401\\r\\nx: y\\r\\n\\r\\n{}'"}}`: "RUN login.command refused alice@example.com with 401",
		`{"login": {"command": "echo {}"}}`:                                                                                     "login.command printed an answer without a string at /access_token of a JSON body",
		`{"login": {"command": "echo '{\"access_token\":\"a.b.c\"}'"}}`:                                                         "login.command printed an answer and set no cookie",
		`{"login": {"command": "sleep 60 & sleep 60"}}`:                                                                         "login.command: it took longer than 200ms",
		`{"login": {"first": [{"path": "/nope"}]}}`:                                                                             "GET /nope answered 404: ",
		`{"login": {"first": [{"path": "/healthz", "words": {"csrf": {"from": "/csrf"}}}]}}`:                                    "GET /healthz answered 200 without {csrf}, which the profile reads from /csrf",
		`{"login": {"words": {"csrf": {"from": "cookie:csrf"}}}}`:                                                               "POST /auth/login answered 200 without {csrf}, which the profile reads from cookie:csrf",
		`{"login": {"first": [{"path": "http://192.0.2.1/x"}]}}`:                                                                "192.0.2.1 is another host than the target; if that is meant, say -allow-remote",
		`{"provision": {"path": "/signup"}}`:                                                                                    "cannot make the account alice@example.com: POST /signup answered 404: ",
		`{"provision": {"command": "false"}}`:                                                                                   "cannot make the account alice@example.com: provision.command: exit status 1",
		`{"provision": {"first": [{"path": "/nope"}], "path": "/signup"}}`:                                                      "cannot make the account alice@example.com: GET /nope answered 404: ",
		`{"answer": {"access_token": "header:X-Access"}}`:                                                                       "POST /auth/login answered 200 without a string at header:X-Access, where",
		`{"answer": {"success_at": "/status", "success_is": "OK"}}`:                                                             `POST /auth/login answered 200, but /status is not "OK"`,
		`{"login": {"ok": [201]}}`:                                                                                              "POST /auth/login answered 200 ‹#1.R0› ‹#1.A0›, so nobody can log in",
		`{"login": {"path": "/nope"}}`:                                                                                          "POST /nope answered 404 there is nothing here, so nobody can log in",
		`{"login": {"body": {"email": "{email}", "password": "wrong"}}}`:                                                        "POST /auth/login refused alice@example.com with 401; do the accounts exist there?",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			o := conformance.CommandTime(start(t), 200*time.Millisecond)
			if !strings.Contains(raw, "sleep") {
				o = conformance.CommandTime(o, 20*time.Second)
			}
			o.Profile = profile(t, raw)
			began := time.Now()
			_, err := conformance.Run(t.Context(), o)
			require.ErrorIs(t, err, conformance.ErrUnavailable)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), o.Users[0].Password)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

// Accounts are made before the first login, each one, and it does not matter that they are there already.
func TestProvision(t *testing.T) {
	for name, how := range map[string]string{
		"call":    `{"provision": {"first": [{"path": "/csrf", "words": {"csrf": {"from": "header:X-Form"}}}], "path": "/signup/{csrf}/", "headers": {"X-Key": "a-fixed-key"}, "body": {"user": {"mail": "{email}", "pass": "{password}"}}, "ok": [201, 409]}}`,
		"command": `{"provision": {"command": "printf '{\"user\":{\"mail\":\"%s\",\"pass\":\"%s\"}}' \"$EMAIL\" \"$PASSWORD\" | curl -s -X POST -H 'X-Key: a-fixed-key' --data-binary @- $TARGET/signup/f/"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			o := conformance.Options{Users: append(conformance.DemoUsers(), conformance.User{Email: "carol@example.com", Password: "carol-demo-password"}), Run: []string{"login.success", "login.wrong-password"}}
			o.Profile = profile(t, how)
			made := map[string]string{}
			var server http.Handler
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/csrf":
					w.Header().Set("X-Form", "f")
				case "/signup/f/":
					var body struct{ User struct{ Mail, Pass string } }
					if json.NewDecoder(r.Body).Decode(&body) != nil || r.Header.Get("X-Key") != "a-fixed-key" {
						w.WriteHeader(http.StatusBadRequest)
						return
					}
					if made[body.User.Mail] != "" {
						w.WriteHeader(http.StatusConflict)
						return
					}
					made[body.User.Mail] = body.User.Pass
					w.WriteHeader(http.StatusCreated)
				default:
					if server == nil {
						s, err := faulty.New(faulty.Options{Users: made})
						if err != nil {
							t.Error(err)
						}
						server = s
					}
					server.ServeHTTP(w, r)
				}
			}))
			t.Cleanup(srv.Close)
			o.Target = srv.URL
			for range 2 {
				rep, err := conformance.Run(t.Context(), o)
				require.NoError(t, err)
				require.Equal(t, conformance.Pass, rep.Verdict)
			}
			require.Equal(t, accounts(o.Users), made)
		})
	}
}

func allShapes(t *testing.T) map[string]shape {
	t.Helper()
	all := moreShapes(t)
	for name, sh := range cookielessShapes() {
		all[name] = sh
	}
	return all
}

// counting counts the answers that cost a password check.
func counting(inner http.Handler, n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		if r.URL.Path == "/auth/login" && (rec.Code == http.StatusOK || rec.Code == http.StatusUnauthorized) {
			n.Add(1)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()) // the suite reads it or not
	})
}

// A run states how many passwords the target had to check, however the login is spelled.
func TestPasswordChecksAreCounted(t *testing.T) {
	for name, sh := range allShapes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			c := &clock{}
			o := optionsFor(nil, c)
			o.Advance, o.RaceRounds = nil, 0
			s, err := faulty.New(faulty.Options{Users: accounts(o.Users), Now: c.now, Secure: true})
			require.NoError(t, err)
			srv := httptest.NewServer(sh.handler(counting(s, &n), c.now))
			t.Cleanup(srv.Close)
			o.Target, o.Profile = srv.URL, sh.load(t)
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			// Where a wrong password and an odd body are both answered 400, nobody can tell whether the password of the odd body was looked at.
			unread := 0
			if slices.Contains(sh.load(t).Login.Refused, http.StatusBadRequest) {
				unread = 1
			}
			require.InDelta(t, n.Load(), rep.Run.PasswordChecks, float64(unread))
			require.LessOrEqual(t, rep.Run.PasswordChecks, 60)
		})
	}
}

// secretLike is what the shapes' tokens, words and companions look like, and nothing else in an answer does.
var secretLike = regexp.MustCompile(`[A-Za-z0-9_-]{26,}`)

// harmless are the suite's own inventions, and a JWT's header.
var harmless = regexp.MustCompile(`^(Zm9yZ2Vk|00000000-0000|eyJhbGciOi)`)

// No report holds a token, a word or a companion of any shape, whatever is shown.
func TestShapesKeepSecrets(t *testing.T) {
	for name, sh := range allShapes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startShape(t, sh, "reuse-plain-401", "tx-credential-echoed-in-error")
			u, err := url.Parse(o.Target)
			require.NoError(t, err)
			var mu sync.Mutex
			secrets := map[string]bool{}
			proxy := httputil.NewSingleHostReverseProxy(u)
			proxy.ModifyResponse = func(r *http.Response) error {
				raw, err := httputil.DumpResponse(r, true)
				mu.Lock()
				defer mu.Unlock()
				for _, s := range secretLike.FindAllString(string(raw), -1) {
					secrets[s] = !harmless.MatchString(s)
				}
				return err
			}
			srv := httptest.NewServer(proxy)
			t.Cleanup(srv.Close)
			o.Target = srv.URL
			var out bytes.Buffer
			text := report.Text{W: &out, Verbose: true}
			o.Progress = text.Line
			rep, err := conformance.Run(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, conformance.Fail, rep.Verdict)
			text.Summary(rep)
			require.NoError(t, report.JSON(&out, rep))
			require.Greater(t, len(secrets), 100)
			for _, s := range rep.Stories {
				require.False(t, s.Script != "" && (o.Profile.Login.First != nil || o.Profile.Login.Command != ""), "a script of a login that curl cannot make in one request")
			}
			for s, secret := range secrets {
				if secret && strings.Contains(out.String(), s) {
					t.Errorf("%s is in the report", s)
				}
			}
		})
	}
}

// A server that does nothing right earns no MUST, in whatever shape it does so.
func TestNullTargetsEarnNothingInOtherShapes(t *testing.T) {
	for name, sh := range allShapes(t) {
		for _, target := range nulltarget.All() {
			if target.Name == "hang" || target.Name == "half" || name == "command" {
				continue // what breaks a connection breaks it in every shape; a command is stopped by the preflight
			}
			t.Run(name+"/"+target.Name, func(t *testing.T) {
				t.Parallel()
				base, stop, err := target.Start()
				require.NoError(t, err)
				t.Cleanup(stop)
				u, err := url.Parse(base)
				require.NoError(t, err)
				proxy := httputil.NewSingleHostReverseProxy(u)
				proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
				srv := httptest.NewServer(sh.handler(proxy, time.Now))
				t.Cleanup(srv.Close)
				o := conformance.Options{Target: srv.URL, RequestTimeout: 500 * time.Millisecond, RaceRounds: 1, Patience: time.Nanosecond, Profile: sh.load(t)}
				rep, err := conformance.Run(t.Context(), o)
				if err != nil {
					require.ErrorIs(t, err, conformance.ErrUnavailable)
					rep, err = conformance.Run(t.Context(), conformance.SkipPreflight(o))
					require.NoError(t, err)
				}
				require.NotEqual(t, conformance.Pass, rep.Verdict)
				for _, s := range rep.Stories {
					for _, c := range s.Checks {
						require.False(t, c.Level == conformance.Must && c.Verdict == conformance.Pass, c.ID)
					}
				}
			})
		}
	}
}

// Single calls have nothing to carry but tokens, and say so.
func TestDialRefusesWhatCallsCannotCarry(t *testing.T) {
	for name, sh := range moreShapes(t) {
		o := startShape(t, sh)
		c, err := conformance.Dial(t.Context(), o)
		if slices.Contains([]string{"headers", "gotrue", "directus"}, name) {
			require.NoError(t, err, name)
			login := c.Login(t.Context(), c.Users()[0])
			require.Equal(t, conformance.Accepted, c.Refresh(t.Context(), login.Refresh, login.Access).Outcome, name)
			c.Close()
			continue
		}
		require.ErrorIs(t, err, conformance.ErrUsage, name)
		require.ErrorContains(t, err, "single calls", name)
	}
}

// Paths are below the target's own.
func TestTargetWithAPath(t *testing.T) {
	sh := moreShapes(t)["headers"]
	for _, base := range []string{"/some/base", "/some/base/"} {
		c := &clock{}
		o := optionsFor(nil, c)
		s, err := faulty.New(faulty.Options{Now: c.now, Secure: true})
		require.NoError(t, err)
		srv := httptest.NewServer(http.StripPrefix("/some/base", sh.handler(s, c.now)))
		t.Cleanup(srv.Close)
		o.Target, o.Profile = srv.URL+base, sh.load(t)
		rep, err := conformance.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, conformance.Pass, rep.Verdict, fmt.Sprint(failing(rep)))
	}
}
