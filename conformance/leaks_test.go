package conformance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"index/suffixarray"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/report"
)

// nasty are passwords that every format spells differently.
func nasty() []conformance.User {
	return []conformance.User{
		{Email: "alice@example.com", Password: `al"ice\demo/pass wörd<&>+%1`},
		{Email: "bob@example.com", Password: "bob:demo'päss$(wörd)`x`"},
		{Email: "carol@example.com", Password: strings.Repeat("carol-demo-password.", 4)[:72]},
	}
}

// Whatever goes wrong, and however much of it is shown: no report in any format, and no script, holds a token, a password or a part of one,
// however it is spelled.
func TestNothingHoldsASecret(t *testing.T) {
	for _, faults := range [][]string{
		{"reuse-plain-401", "tx-credential-echoed-in-error", "cookie-token-also-in-body"},
		{"conc-double-spend", "tx-credential-echoed-in-error/password", "cookie-token-also-in-body/header"},
		{"login-password-not-checked", "at-signature-not-verified", "rt-accepted-in-url", "at-accepted-in-url"},
		{"tx-credential-echoed-in-error/sql", "rt-signature-not-verified", "login-password-inexact/first-8"},
	} {
		t.Run(strings.Join(faults, " "), func(t *testing.T) {
			accounts := map[string]string{}
			for _, u := range nasty() {
				accounts[u.Email] = u.Password
			}
			c := &clock{}
			s, err := faulty.New(faulty.Options{Faults: faults, Users: accounts, Now: c.now, Secure: true, Window: 10 * time.Millisecond})
			require.NoError(t, err)
			srv := httptest.NewServer(s)
			t.Cleanup(srv.Close)
			target, secrets := spy(t, srv.URL)
			o := conformance.Options{Target: target, Users: nasty(), JWTSecret: faulty.DemoSecret, Advance: c.advance, Production: true, RaceRounds: 3, Patience: time.Nanosecond}
			everything, rep := written(t, o)
			index := suffixarray.New([]byte(everything))
			require.Equal(t, conformance.Fail, rep.Verdict)
			require.Greater(t, len(secrets()), 100)
			for i, token := range secrets() {
				for what, spelling := range spelled(parts(token)) {
					require.Empty(t, index.Lookup([]byte(spelling), 1), "token %d: %s", i, what)
				}
			}
			for i, u := range nasty() {
				p := u.Password
				values := map[string]string{"whole": p, "other case": strings.Map(otherCase, p), "all but the end": p[:len(p)-1], "beginning": p[:8], "with its user": u.Email + ":" + p}
				for what, spelling := range spelled(values) {
					require.Empty(t, index.Lookup([]byte(spelling), 1), "password %d: %s", i, what)
				}
			}
			require.NotContains(t, everything, faulty.DemoSecret)
		})
	}
}

// written is all that a run writes, in one text, each file as it is and with its own escapes taken back.
func written(t *testing.T, o conformance.Options) (string, *conformance.Report) {
	t.Helper()
	var out bytes.Buffer
	text := report.Text{W: &out, Verbose: true}
	o.Progress = text.Line
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	text.Summary(rep)
	for _, format := range report.Formats() {
		require.NoError(t, report.Write(format, &out, rep))
	}
	scripts := 0
	for _, s := range rep.Stories {
		out.WriteString(s.Script)
		if s.Script != "" {
			scripts++
		}
	}
	require.Greater(t, scripts, 2)
	plain := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&#34;", `"`, "&#39;", "'", `\"`, `"`, `\\`, `\`).Replace(out.String())
	return out.String() + plain, rep
}

// parts of a token leak as well as the whole: of a JWT claims, signature and ID.
func parts(token string) map[string]string {
	all := map[string]string{"whole": token}
	p := strings.Split(token, ".")
	if len(p) != 3 {
		return all
	}
	all["claims"], all["signature"] = p[1], p[2]
	raw, err := base64.RawURLEncoding.DecodeString(p[1])
	var claims struct {
		ID string `json:"jti"`
	}
	if err == nil && json.Unmarshal(raw, &claims) == nil && len(claims.ID) >= 8 {
		all["jti"] = claims.ID
	}
	return all
}

// spelled are values as texts spell them.
func spelled(values map[string]string) map[string]string {
	all := map[string]string{}
	for what, v := range values {
		raw, _ := json.Marshal(v)
		all[what] = v
		all[what+" in a form"] = url.QueryEscape(v)
		all[what+" in a URL"] = url.PathEscape(v)
		all[what+" in JSON"] = string(raw[1 : len(raw)-1])
		all[what+" in base64"] = strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(v)), "=")
		all[what+" in base64url"] = base64.RawURLEncoding.EncodeToString([]byte(v))
	}
	return all
}

func otherCase(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return unicode.ToUpper(r)
	case r >= 'A' && r <= 'Z':
		return unicode.ToLower(r)
	}
	return r
}

// An echo in any spelling is replaced: what a server may do with what it was sent.
func TestEchoesAreReplaced(t *testing.T) {
	u := nasty()[0]
	for what, spelling := range spelled(map[string]string{"password": u.Password}) {
		srv := httptest.NewServer(echo(spelling))
		t.Cleanup(srv.Close)
		o := conformance.Options{Target: srv.URL, Users: nasty(), Run: []string{"login.success"}}
		rep, err := conformance.Run(t.Context(), conformance.SkipPreflight(o))
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, report.JSON(&out, rep))
		require.Contains(t, out.String(), "it was ‹password of alice@example.com›", what)
		require.NotContains(t, out.String(), fmt.Sprintf("%q", spelling), what)
	}
}

func echo(what string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "it was "+what)
	})
}
