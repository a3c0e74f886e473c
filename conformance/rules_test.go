package conformance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

func scenario(run func(*conformance.Scene)) conformance.Scenario {
	return conformance.Scenario{ID: "test.story", Level: conformance.Must, Checks: []conformance.Check{{Slug: "no", Text: "a no"}, {Slug: "yes", Text: "a yes"}}, Run: run}
}

// The runner's own rules, each with a story that breaks it.
func TestRunnerRules(t *testing.T) {
	for _, tt := range []struct {
		name    string
		run     func(*conformance.Scene)
		verdict conformance.Verdict
		reason  string
	}{
		{"a refusal without a control is broken", func(s *conformance.Scene) {
			s.Refused("no", s.Attacker.RefreshRaw("garbage", ""))
		}, conformance.Broken, "no control after it"},
		{"a refusal with a control passes", func(s *conformance.Scene) {
			s.Refused("no", s.Attacker.RefreshRaw("garbage", ""))
			s.Accepted("yes", s.Victim.SignIn().Refresh())
			s.Control()
		}, conformance.Pass, ""},
		{"a pass without a control after it proves nothing", func(s *conformance.Scene) {
			s.Accepted("yes", s.Victim.SignIn().Refresh())
		}, conformance.Inconclusive, ""},
		{"a precondition that fails blocks", func(s *conformance.Scene) {
			e := s.Attacker.RefreshRaw("garbage", "")
			s.Given("the weather is bad", e, false)
		}, conformance.Inconclusive, "blocked: the weather is bad"},
		{"a refused yes fails and stops", func(s *conformance.Scene) {
			s.Accepted("yes", s.Attacker.RefreshRaw("garbage", ""))
			panic("not reached")
		}, conformance.Fail, ""},
		{"an accepted no fails", func(s *conformance.Scene) {
			s.Refused("no", s.Victim.SignIn().Refresh())
			s.Control()
		}, conformance.Fail, ""},
		{"a check that is not declared is broken", func(s *conformance.Scene) {
			s.Check("nonesuch", nil, true, "", "")
		}, conformance.Broken, `no check "nonesuch"`},
		{"a panic is the suite's fault", func(*conformance.Scene) { panic("oops") }, conformance.Broken, "oops"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rep, err := conformance.Play(t.Context(), start(t), scenario(tt.run))
			require.NoError(t, err)
			require.Equal(t, tt.verdict, rep.Stories[0].Verdict)
			require.Contains(t, rep.Stories[0].Reason, tt.reason)
		})
	}
}

// spy passes everything on and remembers every secret that the target gave out.
func spy(t *testing.T, target string) (string, func() []string) {
	u, err := url.Parse(target)
	require.NoError(t, err)
	var mu sync.Mutex
	var secrets []string
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		defer mu.Unlock()
		var answer struct {
			Access string `json:"access_token"`
		}
		if json.Unmarshal(body, &answer) == nil && answer.Access != "" {
			secrets = append(secrets, answer.Access)
		}
		for _, c := range r.Cookies() {
			if c.Value != "" {
				secrets = append(secrets, c.Value)
			}
		}
		return nil
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	return srv.URL, func() []string { mu.Lock(); defer mu.Unlock(); return secrets }
}

// The suite judges any server, so it may not depend on ours; and the library depends on nothing but Go.
func TestImports(t *testing.T) {
	const module = "github.com/jwt-toy/jwt-toy/"
	deps := func(pkg string) []string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg).Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	require.Equal(t, []string{module + "conformance"}, deps(module+"conformance"))
	for _, pkg := range deps(module + "conformance/...") {
		require.True(t, !strings.HasPrefix(pkg, module) || strings.HasPrefix(pkg, module+"conformance"), "the suite imports %s", pkg)
	}
	for _, free := range []string{"report", "conformancetest", "internal/faulty", "internal/nulltarget"} {
		for _, pkg := range deps(module + "conformance/" + free) {
			require.True(t, strings.HasPrefix(pkg, module+"conformance"), "%s imports %s", free, pkg)
		}
	}
	for _, rule := range []struct {
		pkg       string
		forbidden []string
	}{
		{"internal/session", []string{"net/http", "database/sql", module + "internal/store", "github.com/go-chi"}},
		{"internal/token", []string{module + "internal/session", module + "internal/store", "net/http"}},
		{"internal/store", []string{module + "internal/token ", "github.com/go-chi", module + "conformance"}},
		{"server", []string{module + "conformance"}},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, module+rule.pkg).Output()
		require.NoError(t, err)
		for _, imported := range strings.Fields(string(out)) {
			for _, f := range rule.forbidden {
				require.False(t, strings.HasPrefix(imported, f), "%s imports %s", rule.pkg, imported)
			}
		}
	}
}
