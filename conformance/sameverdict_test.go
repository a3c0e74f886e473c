package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// verdicts are the checks of a run by ID.
type verdicts map[string]conformance.CheckResult

func run(t *testing.T, o conformance.Options) (verdicts, error) {
	rep, err := conformance.Run(t.Context(), o)
	if err != nil {
		return nil, err
	}
	all := verdicts{}
	for _, s := range rep.Stories {
		for _, c := range s.Checks {
			all[c.ID] = c
		}
	}
	return all, nil
}

// atOnce runs f for each name, several at a time: a run mostly waits.
func atOnce(names []string, f func(name string)) {
	const width = 8
	slots := make(chan struct{}, width)
	var wg sync.WaitGroup
	for _, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(name)
		})
	}
	wg.Wait()
}

// byChance are the faults whose verdict the clock decides, which replica is asked when, or how many tokens were given out before; and one that
// leaves nothing else to judge, and so to compare.
var byChance = []string{
	"op-mixed-version-rollout",
	"at-cutoff-same-second", "at-nbf-iat-in-future/skewed-replica", "op-replica-lag-unknown-token", "op-password-change-vs-inflight-refresh", "op-password-change-vs-inflight-refresh/disable",
	"login-same-second-collision", "login-same-second-collision/same-token", "at-jti-derived-collides/denied", "rt-cookie-encoding-mangled", "st-low-entropy-token/counter",
}

// The verdict is about the server and not about its spelling: in three shapes that have no cookie, every fault gets the verdict that it
// gets in the kit's own shape, and where the fault is one of the cookie, that of a healthy server.
func TestEveryFaultGetsTheSameVerdict(t *testing.T) {
	names := []string{""}
	for i, f := range faulty.Faults() {
		if racing && i%60 > 0 {
			continue
		}
		if !slices.Contains(byChance, f.Name) {
			names = append(names, f.Name)
		}
	}
	judgeAll(t, cookielessShapes(), names)
}

func cookielessShapes() map[string]shape {
	return map[string]shape{"oauth2": {profile: "oauth2", new: func(world) translator { return oauth2{} }},
		"renamed":            {profile: renamedProfile, new: func(world) translator { return renamedJSON{} }},
		"status in the body": {profile: statusInBodyProfile, new: func(world) translator { return statusInBody{} }},
	}
}

// TestMoreShapesGetTheSameVerdict does so for shapes of real servers, with the healthy server and a dozen faults.
func TestMoreShapesGetTheSameVerdict(t *testing.T) {
	faults := []string{
		"", "reuse-plain-401", "logout-server-noop", "reuse-evidence-destroyed", "rt-old-still-valid", "family-kill-is-user-wide", "logout-kills-all-devices",
		"conc-double-spend", "exp-refresh-never-checked", "at-alg-none-accepted", "rt-accepted-as-access", "reuse-grace-forks-chain", "at-aud-not-checked",
	}
	if racing {
		faults = faults[:3]
	}
	judgeAll(t, moreShapes(t), faults)
}

func judgeAll(t *testing.T, all map[string]shape, faults []string) {
	t.Helper()
	healthy := map[string]verdicts{}
	for name, sh := range all {
		v, err := run(t, startShape(t, sh))
		require.NoError(t, err, name)
		healthy[name] = v
	}
	var mu sync.Mutex
	wrong := map[string][]string{}
	atOnce(faults, func(fault string) {
		own, err := run(t, lean(start(t, list(fault)...), fault))
		for name, sh := range all {
			var other verdicts
			if err == nil {
				other, err = run(t, lean(startShape(t, sh, list(fault)...), fault))
			}
			mu.Lock()
			if err != nil {
				wrong[name] = append(wrong[name], fmt.Sprintf("%s: %v", fault, err))
			} else {
				wrong[name] = append(wrong[name], compare(name, fault, own, other, healthy[name])...)
			}
			mu.Unlock()
		}
	})
	for name := range all {
		t.Run(name, func(t *testing.T) {
			slices.Sort(wrong[name])
			for _, w := range wrong[name] {
				t.Error(w)
			}
		})
	}
}

// lean leaves out what it does not take to see a fault, since it makes a run long: hooks, and races, which are not compared.
func lean(o conformance.Options, fault string) conformance.Options {
	all := faulty.Faults()
	i := slices.IndexFunc(all, func(f faulty.Fault) bool { return f.Name == fault })
	if i < 0 {
		return o // the healthy server gets it all
	}
	for hook, drop := range map[string]func(){
		faulty.Admin: func() { o.Admin = nil }, faulty.Outage: func() { o.Outage = nil },
		faulty.Storage: func() { o.Audit = nil }, faulty.Restart: func() { o.Restart = nil },
	} {
		if all[i].Needs != hook {
			drop()
		}
	}
	for _, s := range conformance.Scenarios() {
		if area := s.Area(); (area != "race" || all[i].Area == "concurrency") && !slices.Contains(o.Run, area) {
			o.Run = append(o.Run, area)
		}
	}
	return o
}

func list(fault string) []string {
	if fault == "" {
		return nil
	}
	return []string{fault}
}

// compare says which checks come out otherwise than in the kit's own shape.
func compare(name, fault string, own, other, healthy verdicts) []string {
	invisible := unseen(name, fault)
	var wrong []string
	compared := 0
	for id, c := range other {
		want := own[id]
		if invisible != "" {
			want = healthy[id]
		}
		if c.Verdict == conformance.NotJudged || want.Verdict == conformance.NotJudged || fault != "" && strings.HasPrefix(id, "race.") || spelledOtherwise(name, fault, id) {
			continue
		}
		compared++
		if c.Verdict != want.Verdict {
			wrong = append(wrong, fmt.Sprintf("%s: %s is %v, and %v in the other shape: want %s, got %s", fault, id, want.Verdict, c.Verdict, c.Want, c.Got))
		}
	}
	if compared < fewest(name) {
		wrong = append(wrong, fmt.Sprintf("%s: only %d checks could be compared", fault, compared))
	}
	if failed := failures(own); invisible == "" && len(failed) > 0 && len(failures(other)) == 0 && !slices.ContainsFunc(failed, func(id string) bool { return strings.HasPrefix(id, "race.") }) {
		wrong = append(wrong, fmt.Sprintf("%s: nothing notices it in this shape; in its own: %s", fault, strings.Join(failed, " ")))
	}
	return wrong
}

// fewest is how many checks must be comparable at least: less where there is no protected endpoint.
func fewest(name string) int {
	if name == "supertokens" {
		return 80
	}
	return 100
}

func failures(v verdicts) []string {
	var ids []string
	for id, c := range v {
		if c.Verdict == conformance.Fail || c.Verdict == conformance.Warn {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func spelledOtherwise(name, fault, id string) bool {
	story, _, _ := strings.Cut(id, "/")
	return spelling[""][id]+spelling[name][id]+spelling[""][fault+": "+story]+spelling[name][fault+": "+story] != ""
}

// spelling are, for each shape (or all: ""), the checks that judge what the shape itself does otherwise, or the stories that do so under one
// fault, with the reason.
var spelling = map[string]map[string]string{
	"": {
		"http.answers/challenge":                                        "a challenge belongs to 401, and refusals have another status",
		"http.odd-cookies/nul":                                          "in a header the HTTP library refuses it, in a body the application must",
		"http.odd-cookies/newline":                                      "likewise",
		"family-cap-evicts-live-session: login.keeps-sessions":          "which session is the oldest depends on what logged in before",
		"family-cap-evicts-live-session/any-user: login.keeps-sessions": "likewise",
	},
	"status in the body": {
		"access.only-token/head":           "the answer to a HEAD has no body, and refusals are 200",
		"access.required/challenge":        "a challenge belongs to 401, and refusals are 200",
		"login.wrong-password/same-status": "every status is 200",
		"http.one-answer/status":           "every status is 200",
		"rotation.wrong-kind/in-body":      "that is the refresh token's own place",
	},
	"gotrue": {
		"logout-kills-all-devices: expiry.absolute": "no story logs out meanwhile, since a logout needs the access token",
	},
	"strapi": {
		"logout-kills-all-devices: expiry.absolute": "no story logs out meanwhile, since a logout needs the access token",
	},
	"supertokens": {
		"reuse-evidence-destroyed: logout.stale": "the handle names the session, however old the token is",
	},
}

// unseen says why a fault cannot be seen in a shape; "": it can. Then the server must look healthy.
func unseen(name, fault string) string {
	for _, prefix := range cookieFaults {
		if strings.HasPrefix(fault, prefix) {
			return "it is one of the cookie, and there is none"
		}
	}
	if why := unseenIn[""][fault]; why != "" {
		return why
	}
	return unseenIn[name][fault]
}

// cookieFaults begin so.
var cookieFaults = []string{
	"cookie-cleared-on-refusal", "cookie-cleared-by", "cookie-domain", "cookie-no-", "cookie-path", "cookie-samesite", "cookie-secure-", "cookie-set-twice", "family-state-lost-on-rotation",
	"rt-cookie-name-by-suffix", "rt-foreign-cookie-breaks", "me-opens-web-session", "login-ends-presented-session/refused",
	"logout-clear-", "logout-cookie-not-cleared", "logout-two-cookies", "rt-two-cookies",
	"login-csrf-", "logout-csrf", "tx-refresh-csrf", // no browser sends what is not a cookie by itself
}

// unseenIn are the faults that a shape, or every one (""), does not show, with the reason.
var unseenIn = map[string]map[string]string{
	"": {
		"st-plaintext-token/hmac":         "the profile does not claim what the database holds",
		"logout-not-idempotent/no-cookie": "a logout without a token is malformed",
		"tx-wrong-status/missing-400":     "a refresh without a token is malformed",
		"tx-empty-json-refused":           "a refresh without a token is malformed",
		"at-filter-by-path":               "the shape's own router answers for every other path",
		"login-chunked-body-ignored":      "the shape's own code reads the body",
		"login-content-type-as-text":      "the shape's own code reads the body",
		"rt-grows":                        "a cookie has an end at 4,096 bytes, a body has none",
	},
	"oauth2": {
		"cookie-token-also-in-body":                      "the body is its place",
		"cookie-token-also-in-body/on-refresh":           "the body is its place",
		"login-email-not-normalized":                     "the login names no e-mail",
		"login-json-duplicate-keys":                      "the login is a form",
		"login-json-trailing-data":                       "the login is a form",
		"login-malformed-body-500":                       "the login is a form",
		"login-malformed-body-500/half-character":        "the login is a form",
		"login-malformed-body-500/missing-field":         "the login is a form",
		"login-malformed-body-500/not-an-object":         "the login is a form",
		"login-unbounded-password-dos":                   "the login is a form",
		"login-enum-by-response/language":                "the login is a form",
		"login-mass-assignment":                          "the login is a form",
		"conc-outcome-shared/login":                      "the login is a form",
		"login-refused-for-stale-token":                  "the login is a form",
		"exp-cookie-lifetime-of-access-token":            "the lifetime is the token's own",
		"exp-cookie-lifetime-of-access-token/on-refresh": "the lifetime is the token's own",
		"exp-cookie-is-session-cookie":                   "the lifetime is the token's own",
		"exp-persistence-flag-lost":                      "the lifetime is the token's own",
		"exp-cookie-max-age-in-ms":                       "the lifetime is the token's own",
		"exp-cookie-outlives-session":                    "the lifetime is the token's own",
		"tx-wrong-status/login-400":                      "the profile names 400 for refusals",
		"tx-wrong-status/refresh-400":                    "the profile names 400 for refusals",
		"tx-401-without-challenge":                       "refusals are 400",
	},
	"renamed": {
		"login-email-not-normalized":   "the login names no e-mail",
		"login-unbounded-password-dos": "400 is a wrong password, and a body too long as well",
		"tx-wrong-status/login-400":    "the profile names 400 for refusals",
		"tx-wrong-status/refresh-400":  "the profile names 400 for refusals",
		"tx-401-without-challenge":     "refusals are 400",
	},
	"supertokens": {
		"at-alg-none-accepted":  "the profile names no protected endpoint",
		"at-aud-not-checked":    "the profile names no protected endpoint",
		"rt-accepted-as-access": "the profile names no protected endpoint",
	},
	"status in the body": {
		"at-filter-by-method":                  "the answer to a HEAD has no body, and refusals are 200",
		"cookie-token-also-in-body":            "the body is its place",
		"cookie-token-also-in-body/on-refresh": "the body is its place",
		"tx-401-without-challenge":             "refusals are 200",
	},
}
