package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPresets(t *testing.T) {
	require.Equal(t, []string{"kit", "json-body", "oauth2"}, Presets())
	for _, name := range Presets() {
		p, err := Preset(name)
		require.NoError(t, err)
		require.Equal(t, name, p.Name)
		require.NotEmpty(t, p.About)
	}
	_, err := Preset("nonesuch")
	require.ErrorContains(t, err, "the presets are kit, json-body, oauth2, anything else is a file")
	zero, err := Profile{}.complete()
	require.NoError(t, err)
	kit, err := Preset("kit")
	require.NoError(t, err)
	kit.Schema, kit.Name, kit.About, kit.Storage = "", "", "", "" // a claim of the storage goes beyond what silence says
	require.Equal(t, zero, kit, "the zero value is the kit's contract")
	again, err := kit.complete()
	require.NoError(t, err)
	require.Equal(t, kit, again)
}

func TestProfileErrors(t *testing.T) {
	for raw, want := range map[string]string{
		"{\n  \"login\": {\"pth\": \"/x\"}\n}": `line 2, column 14: unknown key "pth" in login; nearest: path`,
		"{\n  \"login\": {\"path\": 1}\n}":     "line 2, column 22: login.path must be a string",
		"{\n  \"login\": }":                    "line 2, column 12: invalid character '}'",
		"{} {}":                                "there is more behind",
		"":                                     "EOF",
		`{"lgin": {}}`:                         `column 3: unknown key "lgin"; nearest: login`,
		`{"login": {"body": {"pth": 1}, "first": [{}, {"path": "/x", "pth": 2}]}}`: `column 62: unknown key "pth" in login.first[1]; nearest: path`,
		`{"login": {"words": {"w": {"form": "/x"}}}}`:                              `unknown key "form" in login.words.w; nearest: from`,
		`{"answer": {"expires": "/x"}}`:                                            `unknown key "expires" in answer; nearest: expires_in`,
		`{"login": {}, "about": "", "login": {}}`:                                  `column 29: key "login" comes twice`,
		`{"login": {"ok": 200}}`:                                                   "login.ok must be a list of whole numbers",
		`{"login": {"words": {"w": "/x"}}}`:                                        "login.words.w must be an object",

		`{"policy": {"rotation": "gracious"}}`: `policy.rotation is "gracious"; want one of ["strict" "grace" "loser-rejected" "none"]; nearest: grace`,
		`{"policy": {"rotation": "grace"}}`:    `policy.grace_seconds is 0; with rotation grace want 1 to 3600`,
		`{"policy": {"grace_seconds": 10}}`:    `policy.grace_seconds goes with "rotation": "grace"`,
		`{"policy": {"grace_answer": "same"}}`: `policy.grace_answer goes with`,
		`{"policy": {"rotations": "none"}}`:    `unknown key "rotations" in policy; nearest: rotation`,
		`{"storage": "md5"}`:                   `storage is "md5"; want sha256`,

		`{"login": {"path": "x"}}`:                                                                   `login.path is "x"; want a path that begins with /`,
		`{"login": {"path": "http://a/b"}}`:                                                          `login.path is "http://a/b"; want a path that begins with /`,
		`{"login": {"method": "FETCH"}}`:                                                             `login.method is "FETCH"; want GET, POST, PUT, PATCH or DELETE`,
		`{"login": {"encoding": "xml"}}`:                                                             `login.encoding is "xml"; want json or form`,
		`{"login": {"ok": [700]}}`:                                                                   `login.ok names 700; want statuses from 200 to 499`,
		`{"login": {"ok": [401]}}`:                                                                   `login: status 401 is a success and a refusal`,
		`{"login": {"token": "body"}}`:                                                               `login.token: only refresh and logout carry the refresh token`,
		`{"login": {"bearer": true}}`:                                                                `login.bearer: there is no access token yet`,
		`{"login": {"missing": [400]}}`:                                                              `login.missing: only a refresh can lack its token`,
		`{"login": {"command": "x", "path": "/x"}}`:                                                  `login is a command and a request`,
		`{"refresh": {"command": "x"}}`:                                                              `refresh.command: only login and provision may be commands`,
		`{"refresh": {"first": [{"path": "/x"}]}}`:                                                   `refresh.first: only login and provision have calls before them`,
		`{"login": {"first": [{"path": "/x", "first": [{"path": "/y"}]}]}}`:                          `login.first[0].first: only login and provision`,
		`{"login": {"first": [{}]}}`:                                                                 `login.first[0].path is ""; want a path`,
		`{"login": {"first": [{"path": "/x", "refused": [401]}]}}`:                                   `login.first[0].refused: whatever is not in ok is a failure there`,
		`{"login": {"encoding": "form", "body": {"a": {"b": "{email}"}}}}`:                           `login.body: a form has no objects or lists in it`,
		`{"refresh": {"token": "body"}}`:                                                             `refresh.token is body, but its body does not say where`,
		`{"refresh": {"token": "url"}}`:                                                              `refresh.token is "url"; want cookie, body, header, query or none`,
		`{"refresh": {"token": "header", "body": {"r": "{refresh_token}"}}}`:                         `refresh.token is header, but its header does not say where`,
		`{"refresh": {"token": "cookie", "body": {"r": "{refresh_token}"}}}`:                         `refresh.token is cookie, but {refresh_token} stands in its body`,
		`{"refresh": {"token": "none"}}`:                                                             `refresh carries no token: {refresh_token} must stand in its body, headers or query`,
		`{"refresh": {"body": {"r": "{refresh_token}"}}}`:                                            `refresh.token is body, but answer.refresh_token does not say where`,
		`{"answer": {"refresh_token": "/r"}}`:                                                        `refresh carries no token`,
		`{"answer": {"refresh_token": "/r"}, "logout": {"token": "cookie"}}`:                         `logout.token is cookie, but answer.refresh_token says`,
		`{"answer": {"refresh_token": "/r"}, "refresh": {"body": {"r": "{refresh_token}"}}}`:         `logout says nothing of the session that it ends`,
		`{"answer": {"refresh_token": "/r", "cookie": "c"}}`:                                         `answer.refresh_token and answer.cookie: the refresh token is in one of them`,
		`{"answer": {"refresh_token": "cookie:c"}}`:                                                  `answer.refresh_token is "cookie:c"; want a JSON pointer such as /data/token, header:NAME`,
		`{"answer": {"access_token": "token"}}`:                                                      `answer.access_token is "token"; want a JSON pointer such as /data/token, header:NAME, cookie:NAME`,
		`{"answer": {"unit": "min"}}`:                                                                `answer.unit is "min"; want s, ms or absolute`,
		`{"answer": {"refresh_unit": "s"}}`:                                                          `answer.refresh_unit without answer.refresh_expires_in`,
		`{"answer": {"success_at": "/s"}}`:                                                           `answer.success_at and answer.success_is go together`,
		`{"answer": {"refused_at": "/s"}}`:                                                           `answer.refused_at without a refused_is`,
		`{"refresh": {"refused_is": ["x"]}}`:                                                         `refresh.refused_is without answer.refused_at`,
		`{"refresh": {"headers": {"X": "{csrf}"}}}`:                                                  `refresh.headers names {csrf}, which has no value there; known are {email}, {refresh_token}, {access_token}`,
		`{"me": {"query": {"x": "{password}"}}}`:                                                     `me.query names {password}, which has no value there`,
		`{"login": {"first": [{"path": "/{a}"}, {"path": "/x", "words": {"a": {"from": "body"}}}]}}`: `login.first[0].path names {a}, which has no value there`,
		`{"login": {"words": {"email": {"from": "/x"}}}}`:                                            `login.words: {email} is a word already`,
		`{"login": {"words": {"A": {"from": "/x"}}}}`:                                                `login.words: "A" is no word`,
		`{"login": {"words": {"a": {"from": "x"}}}}`:                                                 `login.words.a.from is "x"; want a JSON pointer such as /data/token, header:NAME, cookie:NAME, location:NAME, body`,
		`{"login": {"words": {"a": {"from": "/x", "match": "("}}}}`:                                  `login.words.a.match: error parsing`,
		`{"login": {"words": {"a": {"from": "/x", "match": "x"}}}}`:                                  `login.words.a.match has no group`,
		`{"logout": {"words": {"a": {"from": "/x"}}}}`:                                               `logout.words: no later call could send them`,
	} {
		_, err := ParseProfile([]byte(raw))
		require.ErrorContains(t, err, want, raw)
	}
	_, err := ParseProfile([]byte(`{"login": {"method": "FETCH", "path": "x"}, "answer": {"unit": "min"}}`))
	require.Equal(t, 2, strings.Count(err.Error(), "\n"), "one message says all three: %v", err)
}

func TestProfileFillsIn(t *testing.T) {
	for raw, want := range map[string]string{
		`{}`: "cookie cookie",
		`{"answer": {"refresh_token": "/r"}, "refresh": {"body": {"a": ["{refresh_token}"]}}, "logout": {"bearer": true}}`:                                              "body none",
		`{"answer": {"refresh_token": "header:R"}, "refresh": {"headers": {"R": "{refresh_token}"}}, "logout": {"query": {"r": "{refresh_token}"}}}`:                    "header query",
		`{"answer": {"refresh_token": "/r"}, "login": {"words": {"h": {"from": "/h"}}}, "refresh": {"body": {"r": "{refresh_token}"}}, "logout": {"path": "/end/{h}"}}`: "body none",
	} {
		p, err := ParseProfile([]byte(raw))
		require.NoError(t, err, raw)
		require.Equal(t, want, p.Refresh.Token+" "+p.Logout.Token, raw)
		require.Equal(t, p.Login.Words, p.Refresh.Words)
		require.True(t, p.Me.Bearer)
	}
	p, err := ParseProfile([]byte(`{"me": {"headers": {"X-Access-Token": "{access_token}"}}, "login": {"first": [{"path": "/a"}, {"path": "/b", "body": {"x": 1}}]}}`))
	require.NoError(t, err)
	require.False(t, p.Me.Bearer)
	require.Equal(t, "GET POST POST", p.Login.First[0].Method+" "+p.Login.First[1].Method+" "+p.Login.Method)
}

func TestFill(t *testing.T) {
	e := &exchange{header: http.Header{}}
	Call{
		Method: "PUT", Path: "/x/{sid}/", Query: map[string]string{"g": "{refresh_token}"}, Headers: map[string]string{"X-Token": "t {refresh_token}", "X-None": "{none}"}, Encoding: "json", Bearer: true,
		Body: map[string]any{"a": map[string]any{"b": []any{"{refresh_token}", 1, "{none}"}, "n": "a {none}"}, "c": true, "d": map[string]any{"e": "{none}"}},
	}.fill(e, values{"refresh_token": `q"<&`, "sid": "a/b", "access_token": "t"})
	require.Equal(t, "PUT /x/a%2Fb/?g=q%22%3C%26", e.method+" "+e.path)
	require.Equal(t, http.Header{"X-Token": {`t q"<&`}, "Authorization": {"Bearer t"}, "Content-Type": {"application/json"}}, e.header)
	require.JSONEq(t, `{"a":{"b":["q\"<&",1]},"c":true}`, e.body)

	e = &exchange{header: http.Header{}}
	Call{Path: "{url}", Encoding: "form", Body: map[string]any{"p": "{password}", "n": json.Number("1000000"), "x": "{none}"}}.fill(e, values{"password": "a&b", "url": "http://h/p?a=b"})
	require.Equal(t, "http://h/p?a=b", e.path)
	require.Equal(t, "n=1000000&p=a%26b", e.body)
	require.Equal(t, "application/x-www-form-urlencoded", e.header.Get("Content-Type"))

	for _, encoding := range []string{"form", "json"} {
		e = &exchange{header: http.Header{}}
		Call{Path: "/x", Encoding: encoding, Body: map[string]any{"r": "{refresh_token}"}}.fill(e, values{})
		require.Empty(t, e.body+e.header.Get("Content-Type"), "nothing is left of the body")
	}
	e = &exchange{header: http.Header{}}
	Call{Path: "/x", Encoding: "json", Body: map[string]any{"p": "{password}"}}.fill(e, values{"password": map[string]any{"$ne": nil}})
	require.JSONEq(t, `{"p":{"$ne":null}}`, e.body)
}

// Where a path of the profile is: below the target's own, as it stands.
func TestURL(t *testing.T) {
	for _, tt := range [][3]string{
		{"http://h", "/auth/login", "http://h/auth/login"},
		{"http://h/", "/auth/login/", "http://h/auth/login/"},
		{"http://h/base", "/token/?grant_type=x", "http://h/base/token/?grant_type=x"},
		{"http://h/base/", "//a//", "http://h/base//a//"},
		{"http://h/b%2Fc", "/a%2Fb/%C3%A4", "http://h/b%2Fc/a%2Fb/%C3%A4"},
		{"http://h/base", "/100%", "http://h/base/100%25"},
		{"http://h/base", "http://other:1/x?y=z", "http://other:1/x?y=z"},
	} {
		base, err := url.Parse(tt[0])
		require.NoError(t, err)
		require.Equal(t, tt[2], (&client{base: base}).url(tt[1]).String())
	}
}

func TestPlaces(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	e := &exchange{sent: now, at: now, text: `<input name="csrf" value="c1">`, answer: http.Header{
		"Authorization": {"Bearer a1"}, "X-Token": {"r 1"}, "X-Life": {"900"}, "Location": {"http://h/cb?code=a%2Fb#x"},
		"Set-Cookie": {"csrf=old; Max-Age=0", "csrf=k1; Path=/"},
	}}
	e.decode()
	e.json = map[string]any{"list": []any{map[string]any{"code": "E"}}, "n": json.Number("12"), "at": json.Number(fmt.Sprint(now.Unix() + 900)), "at_ms": json.Number(fmt.Sprint(now.UnixMilli() + 900_400)), "at_text": now.Add(15 * time.Minute).Format(time.RFC3339)}
	for place, want := range map[string]any{
		"header:authorization": "a1", "header:X-Token": "r 1", "header:None": nil, "cookie:csrf": "k1", "cookie:none": nil, "location:code": "a/b", "location:none": nil,
		"/list/0/code": "E", "/list/1/code": nil, "/list/x": nil, "-": nil, "": nil, "body": e.text,
	} {
		require.Equal(t, want, e.find(place), place)
	}
	for want, w := range map[string]Word{"c1": {From: "body", Match: `name="csrf" value="([^"]+)"`}, "12": {From: "/n"}, "k1": {From: "cookie:csrf"}} {
		got, ok := e.word(w)
		require.True(t, ok, w)
		require.Equal(t, want, got)
	}
	for _, w := range []Word{{From: "/list"}, {From: "/none"}, {From: "body", Match: "(none)"}} {
		_, ok := e.word(w)
		require.False(t, ok, w)
	}
	for _, tt := range []struct {
		place, unit string
		want        time.Duration
	}{
		{"/n", "s", 12 * time.Second}, {"/n", "ms", 12 * time.Millisecond}, {"header:X-Life", "s", 15 * time.Minute},
		{"/at", "absolute", 15 * time.Minute}, {"/at_ms", "absolute", 15 * time.Minute}, {"/at_text", "absolute", 15 * time.Minute},
	} {
		got, ok := e.lifetime(tt.place, tt.unit)
		require.True(t, ok, tt.place)
		require.Equal(t, tt.want, got, tt.place)
	}
	for _, place := range []string{"/none", "/at_text", "/list", "header:Location", "-"} {
		_, ok := e.lifetime(place, "s")
		require.False(t, ok, place)
	}
	e.moved, e.at = true, now.Add(time.Hour)
	got, _ := e.lifetime("/at", "absolute")
	require.Equal(t, -45*time.Minute, got, "the clock that the run has moved")
}

func TestAt(t *testing.T) {
	doc := map[string]any{"a": map[string]any{"b/c": "x", "~": "y"}, "n": nil}
	require.Equal(t, "x", at(doc, "/a/b~1c"))
	require.Equal(t, "y", at(doc, "/a/~0"))
	for _, p := range []string{"/a/z", "/n/z", "/z", "-", ""} {
		require.Nil(t, at(doc, p), p)
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(`{"login": {"path": "/x", "body": {"a": "{email}"}}}`))
	f.Add([]byte(`{"answer": {"unit": "ms"}} x`))
	f.Add([]byte(`{"login": {"first": [{path": "{a}"}]}}`))
	f.Add([]byte(`{"login": {"first": [{"path": "{a}", "words": {"a": {"from": "body", "match": "(x)"}}}], "words": {"a": {"from": "/x"}}}, "logout": {"token": "none"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := ParseProfile(raw)
		if err != nil {
			return
		}
		if _, err := p.complete(); err != nil {
			t.Fatalf("a profile that was accepted is not: %v", err)
		}
	})
}
