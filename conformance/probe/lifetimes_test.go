package probe_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/probe"
)

// ends is the access token's exp.
func (g got) ends() time.Time {
	raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(g.access+"..", ".")[1])
	var claims struct{ Iat, Exp int64 }
	_ = json.Unmarshal(raw, &claims) // of a refusal there is none
	if claims.Exp == 0 {
		claims.Exp = claims.Iat + 900
	}
	return time.Unix(claims.Exp, 0)
}

// stating is a server with refresh tokens that say nothing, and lifetimes as told.
func stating(told func(g got) members) server {
	var real sync.Map
	pair := func(g got) (int, any) {
		opaque := rand.Text()
		real.Store(opaque, g.refresh)
		body := told(g)
		body["accessToken"], body["renewalToken"] = g.access, opaque
		return g.pair(body)
	}
	of := func(q query) string {
		v, _ := real.Load(q.text("renewalToken"))
		s, _ := v.(string)
		return s
	}
	return server{routes: map[string]route{
		"POST /login":  func(q query) (int, any) { return pair(q.login("email", "password")) },
		"POST /renew":  func(q query) (int, any) { return pair(q.refresh(of(q))) },
		"POST /logout": func(q query) (int, any) { g := q.logout(of(q)); return g.status, nil },
		"GET /me":      query.me,
	}}
}

// A lifetime is found by its value, wherever and however it is stated; a name alone is a guess.
func TestLifetimes(t *testing.T) {
	const twoWeeks = 14 * 86400
	for _, tt := range []struct {
		name     string
		told     func(g got) members
		want     string // of the answer's members
		measured bool
		evidence string
		fault    string
	}{
		{"milliseconds, both", func(g got) members {
			return members{"accessValidForMs": g.seconds * 1000, "renewalValidForMs": twoWeeks * 1000}
		}, "/accessValidForMs ms /renewalValidForMs ", true, "fits exp", ""},
		{"a date", func(g got) members {
			return members{"expiresAt": g.ends().UTC().Format("2006-01-02T15:04:05.000Z07:00"), "passwordExpiresAt": "2099-01-01T00:00:00Z", "createdAt": "2020-01-01T00:00:00Z"}
		}, "/expiresAt absolute  ", true, "fits exp", ""},
		{"a moment in seconds, and the refresh token's span", func(g got) members {
			return members{"life": members{"expires": g.ends().Unix()}, "refreshExpiresIn": twoWeeks}
		}, "/life/expires absolute /refreshExpiresIn s", true, "fits exp", ""},
		{"a moment in milliseconds, and another", func(g got) members {
			return members{"expiresOn": g.ends().UnixMilli(), "refreshExpiresOn": g.ends().Add(twoWeeks * time.Second).UnixMilli()}
		}, "/expiresOn absolute /refreshExpiresOn ", true, "fits exp", ""},
		{"a name that says nothing", func(g got) members {
			return members{"aaUserId": g.seconds, "session": members{"left": g.seconds}}
		}, "/session/left   ", true, "fits exp", ""},
		{"minutes", func(g got) members { return members{"validMinutes": g.seconds / 60} }, "-   ", false, "/validMinutes is 15 min, and a profile has no unit for minutes", ""},
		{"a date as nobody else has it", func(g got) members {
			return members{"validUntil": g.ends().UTC().Format(time.RFC1123Z)}
		}, "-   ", false, "/validUntil is text, and no date as RFC 3339 has it", ""},
		{"somebody else's date", func(got) members { return members{"passwordExpiresAt": "2099-01-01T00:00:00Z", "emailValidations": 1} }, "-   ", false, "no member states it", ""},
		{"an hour too much", func(g got) members {
			return members{"expiresAt": g.ends().Add(time.Hour).UTC().Format(time.RFC3339)}
		}, "/expiresAt absolute  ", false, "does NOT fit", ""},
		{"a date, and no exp", func(g got) members {
			return members{"expiresAt": g.ends().UTC().Format(time.RFC3339)}
		}, "/expiresAt absolute  ", false, "no exp of the access token confirms it", "at-exp-absent-or-optional"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var faults []string
			if tt.fault != "" {
				faults = []string{tt.fault}
			}
			r, err := find(t, stating(tt.told).handler(healthy(t, &clock{}, faults...)), probe.Options{Login: "/login", Refresh: "/renew", Logout: "/logout", Me: "/me"})
			require.NoError(t, err)
			a := minimal(t, r)
			assert.Equal(t, tt.want, strings.Join([]string{a.ExpiresIn, a.Unit, a.RefreshExpiresIn, a.RefreshUnit}, " "))
			for _, f := range r.Findings {
				if f.Member == "answer.expires_in" {
					assert.Equal(t, tt.measured, f.Measured)
					assert.Contains(t, f.Evidence, tt.evidence)
				}
			}
		})
	}
}

// minimal is the answer's part of a draft as it is written.
func minimal(t *testing.T, r *probe.Result) conformance.Answer {
	t.Helper()
	var p struct{ Answer conformance.Answer }
	require.NoError(t, json.Unmarshal(r.JSON, &p))
	return p.Answer
}
