package faulty

import (
	"encoding/base64"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A fault that no code asks for has no effect; code that asks for a fault that is not listed cannot be switched on.
func TestFaultsAreThoseOfTheCode(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range Faults() {
		if listed[f.Name] {
			t.Errorf("%s is listed twice", f.Name)
		}
		listed[f.Name] = true
		if f.Area == "" || f.What == "" || strings.HasSuffix(f.What, ".") {
			t.Errorf("%s: area %q, what %q; want both, and no full stop", f.Name, f.Area, f.What)
		}
		if !slices.Contains([]string{"", ShortLived, Production, PlainHTTP, Secret, Outage, Claimed, Storage, PublicKey, Admin, Restart, Replicas, Logs}, f.Needs) {
			t.Errorf("%s needs %q, which is nothing that there is", f.Name, f.Needs)
		}
	}
	asked := namesInCode(t)
	for _, name := range asked {
		if !listed[name] {
			t.Errorf("the code asks for %q, which Faults does not list", name)
		}
	}
	for name := range listed {
		if !slices.Contains(asked, name) {
			t.Errorf("Faults lists %q, which the code never asks for", name)
		}
	}
}

// namesInCode returns the arguments of every s.has in the package.
func namesInCode(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source files: %v", err)
	}
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if selector, ok := call.Fun.(*ast.SelectorExpr); !ok || selector.Sel.Name != "has" {
				return true
			}
			for _, arg := range call.Args {
				literal, ok := arg.(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: has is called with something else than a literal", name)
					continue
				}
				s, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, s)
			}
			return true
		})
	}
	return names
}

// Every fault can be seen, and what shows it says the opposite of the healthy server.
func TestEveryFaultCanBeSeen(t *testing.T) {
	probes := map[string]probe{}
	for _, area := range []map[string]probe{
		loginProbes(), loginBodyProbes(), accessTokenProbes(), accessProbes(), refreshProbes(), reuseProbes(), concurrencyProbes(),
		expiryProbes(), logoutProbes(), cookieProbes(), transportProbes(), storageProbes(), outageProbes(), adminProbes(), processProbes(), publicKeyProbes(), logProbes(),
		furtherLoginProbes(), furtherAccessProbes(), furtherRefreshProbes(),
	} {
		maps.Copy(probes, area)
	}
	for _, f := range Faults() {
		p, ok := probes[f.Name]
		delete(probes, f.Name)
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if !ok {
				t.Fatal("there is no probe for it")
			}
			o := Options{Secure: f.Needs == Production, RS256: f.Needs == PublicKey}
			if f.Needs == Claimed {
				o.Dialect = Dialect{Rotation: "grace", Grace: graceTime, Access: "dies", Login: "replaces", LoginLimit: 10}
			}
			if got := p.see(newWorld(t, o)); got != p.healthy {
				t.Errorf("healthy: got %q, want %q", got, p.healthy)
			}
			o.Faults = []string{f.Name}
			if got := p.see(newWorld(t, o)); got != p.faulty {
				t.Errorf("faulty: got %q, want %q", got, p.faulty)
			}
			if p.healthy == p.faulty {
				t.Error("the probe cannot tell")
			}
		})
	}
	for name := range probes {
		t.Errorf("there is a probe for %q, which is no fault", name)
	}
}

// probe looks at a server and says what it saw.
type probe struct {
	healthy, faulty string
	see             func(*world) string
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want string
	}{
		{"unknown fault", Options{Faults: []string{"reuse-plain-402"}}, `no fault is called "reuse-plain-402"; nearest: reuse-plain-401, `},
		{"empty fault", Options{Faults: []string{""}}, `no fault is called ""`},
		{"negative life", Options{RefreshTTL: -1}, "negative"},
		{"access tokens of half a second", Options{AccessTTL: 500 * time.Millisecond}, "whole seconds"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := New(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestDefaultsAreTheContracts(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.accessTTL != 15*time.Minute || s.refreshTTL != 30*24*time.Hour || s.sessionMaxTTL != 90*24*time.Hour || s.window != 15*time.Millisecond {
		t.Errorf("got %s, %s, %s, %s", s.accessTTL, s.refreshTTL, s.sessionMaxTTL, s.window)
	}
	users, err := os.ReadFile("../../../testdata/users.json")
	if err != nil {
		t.Fatal(err)
	}
	var demo []struct{ Email, Password string }
	if err := json.Unmarshal(users, &demo); err != nil || len(demo) < 2 {
		t.Fatalf("testdata/users.json: %d users, %v", len(demo), err)
	}
	for _, u := range demo {
		if _, ok := s.checkPassword(u.Email, u.Password); !ok {
			t.Errorf("%s cannot log in", u.Email)
		}
	}
}

// Several faults at once are all there.
func TestFaultsCombine(t *testing.T) {
	w := newWorld(t, Options{Faults: []string{"cookie-no-httponly", "logout-server-noop"}})
	a := w.login()
	w.logout(a.refresh)
	if a.set().HttpOnly || w.refresh(a.refresh).status != 200 {
		t.Errorf("got %+v", a.set())
	}
}

func TestJWTForm(t *testing.T) {
	good := newWorld(t, Options{}).login().access
	if _, ok := parseJWT(good, strictBase64()); !ok {
		t.Fatal("a good token is refused")
	}
	parts := strings.Split(good, ".")
	null := base64.RawURLEncoding.EncodeToString([]byte("null"))
	for name, raw := range map[string]string{
		"empty":          "",
		"two parts":      parts[0] + "." + parts[1],
		"four parts":     good + ".",
		"line break":     good + "\n",
		"padding":        good + "=",
		"null header":    null + "." + parts[1] + "." + parts[2],
		"null claims":    parts[0] + "." + null + "." + parts[2],
		"not base64":     "!." + parts[1] + "." + parts[2],
		"too long":       good + strings.Repeat("A", maxToken),
		"other spelling": otherSpelling(good),
	} {
		if _, ok := parseJWT(raw, strictBase64()); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Beside its fault a server is healthy: a browser's walk through it goes well, unless it is the walk that the fault is about.
func TestWalkUnderEveryFault(t *testing.T) {
	const healthy = "200 200 200 200 200 204 401" // login, me, refresh, me, refresh, logout, refresh
	exceptions := map[string]string{
		"at-ttl-unit-error/minutes-as-seconds":   "200 401 200 401 200 204 401", // over at once: ten seconds have become none
		"at-jti-derived-collides/denied":         "200 200 200 401 200 204 401",
		"rt-new-cookie-not-delivered":            "200 200 200 200 401 204 401",
		"rt-new-cookie-not-delivered/empty":      "200 200 200 200 401 204 401",
		"rt-needs-live-access-token":             "200 200 401 200 401 204 401",
		"logout-server-noop":                     "200 200 200 200 200 204 200",
		"logout-refresh-path-ignores-revocation": "200 200 200 200 200 204 200",
		"logout-effect-is-late":                  "200 200 200 200 200 204 200",
		"logout-needs-access-token":              "200 200 200 200 200 401 200",
		"cookie-renamed-on-refresh":              "200 200 200 200 401 204 401",
		"cookie-csrf-check-unsatisfiable":        "200 200 403 200 403 403 403",
		"tx-wrong-status/refresh-200":            "200 200 200 200 200 204 200",
		"tx-wrong-status/refresh-302":            "200 200 200 200 200 204 302",
		"tx-wrong-status/refresh-400":            "200 200 200 200 200 204 400",
		"tx-wrong-status/refresh-403":            "200 200 200 200 200 204 403",
		"tx-wrong-status/logout-200":             "200 200 200 200 200 200 401",
	}
	if got := walk(newWorld(t, Options{})); got != healthy {
		t.Fatalf("no fault: got %q, want %q", got, healthy)
	}
	for _, f := range Faults() {
		w := newWorld(t, Options{Faults: []string{f.Name}, Window: time.Millisecond})
		want, ok := exceptions[f.Name]
		if !ok {
			want = healthy
		}
		if got := walk(w); got != want {
			t.Errorf("%s: got %q, want %q", f.Name, got, want)
		}
		delete(exceptions, f.Name)
	}
	for name := range exceptions {
		t.Errorf("%q is no fault", name)
	}
}

// walk is what a browser does, which keeps the cookie that it has until it is told otherwise.
func walk(w *world) string {
	jar, access := "", ""
	var said []string
	step := func(r reply) {
		said = append(said, r.String())
		for _, c := range r.cookies {
			if c.Name == cookieName && c.MaxAge >= 0 {
				jar = c.Value
			}
		}
		if r.access != "" {
			access = r.access
		}
	}
	step(w.login())
	step(w.me(access))
	step(w.refresh(jar))
	step(w.me(access))
	step(w.refresh(jar))
	step(w.logout(jar))
	step(w.refresh(jar))
	return strings.Join(said, " ")
}
