package faulty

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// forged shows /me a token made of a good one.
func forged(head, claims map[string]any, key string) func(*world) string {
	return func(w *world) string { return w.me(forge(w.login().access, head, claims, key)).String() }
}

// cut shows /me a good token with the signature that f makes of the good one.
func cut(f func(signature string) string) func(*world) string {
	return func(w *world) string {
		good := w.login().access
		i := strings.LastIndexByte(good, '.') + 1
		return w.me(good[:i] + f(good[i:])).String()
	}
}

// claims prints claims of the access tokens of a login and of a refresh.
func claims(names ...string) func(*world) string {
	return func(w *world) string {
		a, b := w.rotated()
		var seen []any
		for _, c := range []map[string]any{a.claims, b.claims} {
			for _, name := range names {
				seen = append(seen, c[name])
			}
		}
		return strings.TrimSuffix(fmt.Sprintln(seen...), "\n")
	}
}

// claimNames says which claims the access tokens of a login and of a refresh have, but for the usual six.
func claimNames(w *world) string {
	a, b := w.rotated()
	var said []string
	for _, c := range []map[string]any{a.claims, b.claims} {
		for _, name := range []string{"aud", "exp", "iat", "iss", "jti", "sub"} {
			if _, ok := c[name]; !ok {
				said = append(said, "no "+name)
			}
			delete(c, name)
		}
		said = append(said, slices.Sorted(maps.Keys(c))...)
	}
	return strings.Join(said, " ")
}

func accessTokenProbes() map[string]probe {
	garbage := func(string) string { return strings.Repeat("A", 43) }
	lives := func(w *world) string {
		var lives []any
		a, b := w.rotated()
		for _, r := range []reply{a, b} {
			exp, _ := r.claims["exp"].(float64)
			iat, _ := r.claims["iat"].(float64)
			lives = append(lives, exp-iat)
		}
		return fmt.Sprint(lives...)
	}
	iat := float64(newClock().Unix())
	return map[string]probe{
		"at-alg-none-accepted":          {"401", "200", forged(map[string]any{"alg": "none"}, nil, "")},
		"at-alg-none-accepted/any-case": {"401", "200", forged(map[string]any{"alg": "nOnE"}, nil, "")},
		"at-alg-none-accepted/empty":    {"401", "200", forged(map[string]any{"alg": ""}, nil, "")},
		"at-signature-not-verified":     {"401", "200", cut(garbage)},
		"at-signature-not-verified/empty": {"401 401", "200 401", func(w *world) string {
			return cut(func(string) string { return "" })(w) + " " + cut(garbage)(w)
		}},
		"at-signature-not-verified/truncated":    {"401", "200", cut(func(s string) string { return s[:4] })},
		"at-signature-not-verified/loose-base64": {"401", "200", cut(otherSpelling)},
		"at-weak-or-default-secret":              {"401", "200", forged(nil, nil, "secret")},
		"at-algorithm-not-pinned":                {"401", "200", forged(map[string]any{"alg": "HS512"}, nil, DemoSecret)},
		"at-algorithm-not-pinned/jwk":            {"401", "200", forged(map[string]any{"jwk": map[string]any{"kty": "oct", "k": "b3Vycw"}}, nil, "ours")},
		"at-algorithm-not-pinned/kid":            {"401", "200", forged(map[string]any{"kid": "../../dev/null"}, nil, "")},
		"at-algorithm-not-pinned/crit":           {"401", "200", forged(map[string]any{"crit": []string{"x"}, "x": 1}, nil, DemoSecret)},
		"at-typ-not-checked":                     {"401", "200", forged(map[string]any{"typ": "JWT"}, nil, DemoSecret)},
		"at-aud-not-checked":                     {"401", "200", forged(nil, map[string]any{"aud": "other"}, DemoSecret)},
		"at-iss-not-checked":                     {"401", "200", forged(nil, map[string]any{"iss": "other"}, DemoSecret)},
		"at-iss-not-checked/prefix":              {"401", "200", forged(nil, map[string]any{"iss": issuer + ".evil.example"}, DemoSecret)},
		"at-exp-absent-or-optional/verifier":     {"401", "200", forged(nil, map[string]any{"exp": nil}, DemoSecret)},
		"at-nbf-iat-in-future/verifier":          {"401", "200", forged(nil, map[string]any{"nbf": iat + 1}, DemoSecret)},
		"at-aud-not-checked/empty-list":          {"401", "200", forged(nil, map[string]any{"aud": []string{}}, DemoSecret)},
		"at-aud-not-checked/part":                {"401", "200", forged(nil, map[string]any{"aud": "x-" + audience}, DemoSecret)},
		"at-iss-not-checked/list":                {"401", "200", forged(nil, map[string]any{"iss": []string{"other", issuer}}, DemoSecret)},
		"at-iss-not-checked/part":                {"401", "200", forged(nil, map[string]any{"iss": issuer[1:]}, DemoSecret)},
		"at-exp-absent-or-optional/zero":         {"401", "200", forged(nil, map[string]any{"exp": 0}, DemoSecret)},
		"at-claim-type-not-checked":              {"401", "200", forged(nil, map[string]any{"nbf": "9999999999"}, DemoSecret)},
		"at-claim-names-fold-case":               {"401", "200", forged(nil, map[string]any{"exp": nil, "EXP": iat + 100}, DemoSecret)},
		"at-duplicate-claims":                    {"401", "200", func(w *world) string { return w.me(expTwice(w.login().access, newClock().Unix())).String() }},
		"rt-forgeable-with-access-secret": {"401", "200", func(w *world) string {
			return w.refresh(forge(w.login().refresh, nil, map[string]any{"jti": "x"}, DemoSecret)).String()
		}},
		"at-aud-not-checked/missing-claim":          {"", "no aud no aud", claimNames},
		"at-iss-not-checked/missing-claim":          {"", "no iss no iss", claimNames},
		"at-iss-not-checked/other-on-refresh":       {"faulty faulty", "faulty faulty/", claims("iss")},
		"at-exp-absent-or-optional":                 {"", "no exp no exp", claimNames},
		"at-exp-absent-or-optional/on-refresh":      {"", "no exp", claimNames},
		"at-exp-absent-or-optional/text":            {"10 10", fmt.Sprint(-iat, -iat), lives},
		"at-ttl-unit-error/minutes-as-seconds":      {"10 10", "0 0", lives},
		"at-ttl-unit-error/milliseconds-as-seconds": {"10 10", "10000 10000", lives},
		"at-jti-missing":                            {"", "no jti no jti", claimNames},
		"at-nbf-iat-in-future":                      {fmt.Sprint(iat, iat), fmt.Sprint(iat+5, iat+5), claims("iat")},
		"at-nbf-iat-in-future/nbf":                  {"<nil> <nil>", fmt.Sprint(iat+5, iat+5), claims("nbf")},
		"at-local-time":                             {fmt.Sprint(iat, iat), fmt.Sprint(iat-localTime, iat-localTime), claims("iat")},
		"at-sensitive-claims/email":                 {"", "email email", claimNames},
		"at-sensitive-claims/password-hash":         {"", "pwd pwd", claimNames},
		"at-sensitive-claims/family":                {"", "fam fam", claimNames},
		"at-stale-claims-on-refresh/lost":           {"", "no iat", claimNames},
		"at-jti-derived-collides":                   {"false", "true", sameJTI},
		"at-stale-claims-on-refresh":                {"false", "true", sameJTI},
		"at-jti-derived-collides/denied":            {"200", "401", meAfterRefresh},
		"at-wrong-subject-on-refresh":               {alice, bob, func(w *world) string { _, b := w.rotated(); return fmt.Sprint(w.me(b.access).body["email"]) }},
		"at-expired-accepted":                       {"401", "200", meAfter(24 * time.Hour)},
		"at-expired-accepted/leeway-60s":            {"401 401", "200 401", func(w *world) string { return meAfter(30*time.Second)(w) + " " + meAfter(80*time.Second)(w) }},
		"at-ttl-unit-error/expires-in-ms":           {"10", "10000", func(w *world) string { return fmt.Sprint(w.login().body["expires_in"]) }},
	}
}

// expTwice is the token with an exp that is to come and one that is over, signed anew.
func expTwice(good string, iat int64) string {
	t, _ := parseJWT(good, strictBase64())
	delete(t.claims, "exp")
	rest, _ := json.Marshal(t.claims)
	signed := segment(t.header) + "." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d,"exp":%d,%s`, iat+100, iat-100, rest[1:]))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac([]byte(DemoSecret), signed))
}

func sameJTI(w *world) string {
	a, b := w.rotated()
	return fmt.Sprint(a.claims["jti"] == b.claims["jti"])
}

func meAfterRefresh(w *world) string {
	_, b := w.rotated()
	return w.me(b.access).String()
}

func meAfter(d time.Duration) func(*world) string {
	return func(w *world) string {
		a := w.login()
		w.wait(d)
		return w.me(a.access).String()
	}
}

func accessProbes() map[string]probe {
	challenge := func(w *world) string {
		r := w.me("bad")
		return r.String() + " " + r.header.Get("WWW-Authenticate")
	}
	const healthy = `401 Bearer realm="faulty", error="invalid_token"`
	return map[string]probe{
		"at-401-without-challenge-or-403":               {healthy, `401 `, challenge},
		"at-401-without-challenge-or-403/basic":         {healthy, `401 Basic realm="faulty"`, challenge},
		"at-401-without-challenge-or-403/no-error-code": {healthy, `401 Bearer realm="faulty"`, challenge},
		"at-401-without-challenge-or-403/403":           {"401 401", "403 403", badMe},
		"at-401-without-challenge-or-403/400":           {"401 401", "400 400", badMe},
		"at-accepted-in-url":                            {"401", "200", func(w *world) string { return w.do("GET", "/me?access_token="+w.login().access, "").String() }},
		"at-scheme-case-sensitive": {"200", "401", func(w *world) string {
			return w.do("GET", "/me", "", header("Authorization", "bearer "+w.login().access)).String()
		}},
		"rt-accepted-as-access":  {"401", "200", func(w *world) string { return w.me(w.login().refresh).String() }},
		"me-leaks-password-hash": {"2", "3", func(w *world) string { return fmt.Sprint(len(w.me(w.login().access).body)) }},
		"me-answers-other-user": {alice + " " + bob, alice + " " + alice, func(w *world) string {
			a, b := w.login(), w.loginAs(bob, bobPassword)
			return fmt.Sprint(w.me(a.access).body["email"], " ", w.me(b.access).body["email"])
		}},
	}
}

func badMe(w *world) string { return fmt.Sprint(w.me("bad"), w.do("GET", "/me", "")) }
