package conformance_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/nulltarget"
)

// dialects are what servers do and claim, each healthy.
var dialects = []struct {
	name   string
	does   faulty.Dialect
	claims conformance.Policy
	faults []string // that must be seen under it, beside the claim's being wrong
}{
	{
		"same", faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second}, conformance.Policy{Rotation: "grace", GraceSeconds: 10},
		[]string{"reuse-grace-not-kept", "reuse-grace-unbounded", "reuse-grace-extends-life", "reuse-grace-slides", "reuse-grace-never-closes", "reuse-grace-forks-chain", "reuse-grace-covers-any-ancestor", "reuse-grace-revives-revoked-family", "reuse-grace-undeclared/displacing", "conc-replay-cache-outlives-revocation", "reuse-plain-401", "rt-old-still-valid"},
	},
	{
		"displacing", faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second, GraceAnswer: "displacing"}, conformance.Policy{Rotation: "grace", GraceSeconds: 10, GraceAnswer: "displacing"},
		[]string{"reuse-grace-not-kept", "reuse-grace-never-closes", "reuse-plain-401", "conc-double-spend"},
	},
	{
		"loser-rejected", faulty.Dialect{Rotation: "loser-rejected", Grace: 10 * time.Second}, conformance.Policy{Rotation: "loser-rejected", GraceSeconds: 10},
		[]string{"reuse-grace-undeclared", "reuse-plain-401", "reuse-plain-401/direct-parent", "conc-double-spend"},
	},
	{
		"none", faulty.Dialect{Rotation: "none", Lifetime: "absolute"}, conformance.Policy{Rotation: "none", Lifetime: "absolute"},
		[]string{"logout-server-noop", "exp-refresh-never-checked", "rt-no-credential-needed", "at-accepted-as-refresh", "logout-kills-all-devices"},
	},
	{
		"reuse ends nothing", faulty.Dialect{Reuse: "none"}, conformance.Policy{Reuse: "none"},
		[]string{"rt-old-still-valid", "conc-double-spend", "logout-server-noop"},
	},
	{
		"everything ends the user", faulty.Dialect{Reuse: "user", Logout: "user", Access: "dies", Login: "replaces", LoginLimit: 5},
		conformance.Policy{Reuse: "user", Logout: "user", Access: "dies", Login: "replaces", LoginLimit: 5},
		[]string{"login-old-session-not-superseded", "login-no-throttle", "login-throttle-xff-spoof", "family-kill-crosses-users", "at-outlives-session", "reuse-plain-401", "logout-server-noop"},
	},
	{
		"sliding", faulty.Dialect{Lifetime: "sliding", Logout: "token"}, conformance.Policy{Lifetime: "sliding", Logout: "token"},
		[]string{"exp-refresh-never-checked", "logout-server-noop", "logout-kills-all-devices"},
	},
	{
		"absolute", faulty.Dialect{Lifetime: "absolute", Access: "dies"}, conformance.Policy{Lifetime: "absolute", Access: "dies"},
		[]string{"at-outlives-session", "exp-refresh-never-checked"},
	},
}

// speaking serves a faulty server of a dialect, and claims what is said.
func speaking(t *testing.T, does faulty.Dialect, claims conformance.Policy, faults ...string) conformance.Options {
	t.Helper()
	c := &clock{}
	s, err := faulty.New(faulty.Options{Faults: faults, Dialect: does, Now: c.now, Secure: true, Window: 10 * time.Millisecond})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return conformance.Options{
		Target: srv.URL, JWTSecret: faulty.DemoSecret, Advance: c.advance, Production: true, RaceRounds: 3, Patience: time.Nanosecond,
		Profile: conformance.Profile{Policy: claims},
	}
}

// Each dialect passes when it is claimed, and every part of it that differs from the contract is noticed when it is not.
func TestDialects(t *testing.T) {
	var rows []string
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			t.Run("claimed", func(t *testing.T) {
				t.Parallel()
				rep, err := conformance.Run(t.Context(), speaking(t, d.does, d.claims))
				require.NoError(t, err)
				require.Empty(t, failing(rep))
				require.Equal(t, conformance.Pass, rep.Verdict)
				for _, s := range rep.Stories {
					require.Contains(t, []conformance.Verdict{conformance.Pass, conformance.NotJudged}, s.Verdict, "%s: %s", s.ID, s.Reason)
				}
			})
		})
		for _, fault := range append([]string{"(not claimed)", "(claimed, and strict)"}, d.faults...) {
			rows = append(rows, d.name+" "+fault)
		}
	}
	got := make([]string, len(rows))
	t.Run("faults", func(t *testing.T) {
		i := 0
		for _, d := range dialects {
			for _, fault := range append([]string{"(not claimed)", "(claimed, and strict)"}, d.faults...) {
				row := i
				i++
				t.Run(rows[row], func(t *testing.T) {
					t.Parallel()
					does, claims, faults := d.does, d.claims, []string{fault}
					switch fault {
					case "(not claimed)":
						claims, faults = conformance.Policy{}, nil
					case "(claimed, and strict)":
						does, faults = faulty.Dialect{}, nil
					}
					rep, err := conformance.Run(t.Context(), speaking(t, does, claims, faults...))
					require.NoError(t, err)
					caught := steady(fault, failing(rep))
					assert.NotEmpty(t, caught, "nothing noticed it")
					got[row] = fmt.Sprintf("%s: %s\n", rows[row], strings.Join(caught, " "))
				})
			}
		}
	})
	if t.Failed() || slices.Contains(got, "") {
		return
	}
	golden(t, "dialects.golden", []byte(strings.Join(got, "")))
}

// Two live tokens are what no claim allows: a sibling grace is told from the others, explained, and fails although it is claimed.
func TestSiblingGrace(t *testing.T) {
	does := faulty.Dialect{Rotation: "grace", Grace: 10 * time.Second, GraceAnswer: "sibling"}
	rep, err := conformance.Run(t.Context(), speaking(t, does, conformance.Policy{Rotation: "grace", GraceSeconds: 10, GraceAnswer: "sibling"}))
	require.NoError(t, err)
	require.Equal(t, conformance.Fail, rep.Verdict)
	require.NotContains(t, failing(rep), "grace.answer/answer")
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			if c.ID == "reuse.one-leaf/one-live" {
				require.Contains(t, c.Got, "a second successor beside the first, a sibling grace")
				return
			}
		}
	}
	require.Fail(t, "reuse.one-leaf was not judged")
}

// Whatever is claimed, a server that does nothing right earns nothing.
func TestNullTargetsEarnNothingByClaims(t *testing.T) {
	for _, d := range dialects[:6] {
		if d.name == "displacing" || d.name == "loser-rejected" {
			continue // "same" has their stories
		}
		for _, target := range nulltarget.All() {
			t.Run(d.name+"/"+target.Name, func(t *testing.T) {
				t.Parallel()
				url, stop, err := target.Start()
				require.NoError(t, err)
				t.Cleanup(stop)
				o := conformance.Options{Target: url, RequestTimeout: 100 * time.Millisecond, RaceRounds: 1, Patience: time.Nanosecond, Profile: conformance.Profile{Policy: d.claims}}
				rep, err := conformance.Run(t.Context(), conformance.SkipPreflight(o))
				require.NoError(t, err)
				for _, s := range rep.Stories {
					for _, c := range s.Checks {
						if c.Level == conformance.Must {
							require.NotEqual(t, conformance.Pass, c.Verdict, c.ID)
						}
					}
				}
			})
		}
	}
}

// Whether a logout needs the access token is a claim like the others.
func TestLogoutThatNeedsTheAccessToken(t *testing.T) {
	o := speaking(t, faulty.Dialect{}, conformance.Policy{}, "logout-needs-access-token")
	o.Profile.Logout.Bearer = true
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, failing(rep))
	require.Equal(t, conformance.Pass, rep.Verdict)

	o = speaking(t, faulty.Dialect{}, conformance.Policy{})
	o.Profile.Logout.Bearer = true
	rep, err = conformance.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, []string{"logout.cookie-only/claimed"}, failing(rep))
}

// What is measured of a dialect is what it claims, so that a draft of a profile passes.
func TestMeasure(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			o := speaking(t, d.does, conformance.Policy{})
			m, err := conformance.Measure(t.Context(), o)
			require.NoError(t, err)
			want := d.claims
			want.Login, want.LoginLimit = "", 0 // are not measured: nobody wants a probe that guesses passwords
			for _, member := range []struct{ value, def *string }{
				{&want.Rotation, ptr("strict")}, {&want.Reuse, ptr("family")}, {&want.Lifetime, ptr("both")}, {&want.Logout, ptr("family")}, {&want.Access, ptr("lives")},
			} {
				if *member.value == "" {
					*member.value = *member.def
				}
			}
			if want.Rotation == "grace" && want.GraceAnswer == "" {
				want.GraceAnswer = "same"
			}
			switch {
			case want.Rotation == "none":
				want.Reuse = "" // there is nothing that could be reused
			case want.Lifetime == "sliding":
				want.Lifetime = "both" // an end that is not there cannot be seen
			}
			require.Equal(t, want, m.Policy, m.Seen)
			require.NotEmpty(t, m.Seen)
		})
	}
}

func ptr(s string) *string { return &s }
