package conformance

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

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
	kit.Schema, kit.Name, kit.About = "", "", ""
	require.Equal(t, zero, kit, "the zero value is the kit's contract")
	again, err := kit.complete()
	require.NoError(t, err)
	require.Equal(t, kit, again)
}

func TestProfileErrors(t *testing.T) {
	for raw, want := range map[string]string{
		"{\n  \"login\": {\"pth\": \"/x\"}\n}":  `line 2, column 14: unknown key "pth"; nearest: path`,
		"{\n  \"login\": {\"path\": 1}\n}":      "line 2, column 22: login.path must be a string, not a number",
		"{\n  \"login\": }":                     "line 2, column 12: invalid character '}'",
		"{} {}":                                 "there is more behind",
		`{"login": {"path": "x"}}`:              `login.path is "x"; want a path that begins with /`,
		`{"login": {"method": "FETCH"}}`:        `login.method is "FETCH"; want GET`,
		`{"policy": {"rotation": "gracious"}}`:  `policy.rotation is "gracious"; want one of ["strict" "grace" "loser-rejected" "none"]; nearest: grace`,
		`{"policy": {"rotation": "grace"}}`:     `policy.grace_seconds is 0; with rotation grace want 1 to 3600`,
		`{"policy": {"grace_seconds": 10}}`:     `policy.grace_seconds goes with "rotation": "grace"`,
		`{"policy": {"grace_answer": "same"}}`:  `policy.grace_answer goes with`,
		`{"policy": {"rotations": "none"}}`:     `unknown key "rotations"; nearest: rotation`,
		`{"login": {"encoding": "xml"}}`:        `login.encoding is "xml"; want json or form`,
		`{"refresh": {"token": "body"}}`:        `refresh.token is body, but neither body, query nor headers of refresh say where`,
		`{"refresh": {"token": "url"}}`:         `refresh.token is "url"; want cookie or body`,
		`{"answer": {"refresh_token": "/r"}}`:   "go together",
		`{"answer": {"access_token": "token"}}`: `answer.access_token is "token"; a place is a JSON pointer`,
		`{"answer": {"unit": "min"}}`:           `answer.unit is "min"; want s or ms`,
	} {
		_, err := ParseProfile([]byte(raw))
		require.ErrorContains(t, err, want, raw)
	}
}

func TestFill(t *testing.T) {
	e := &exchange{header: http.Header{}}
	Call{
		Method: "PUT", Path: "/x", Query: map[string]string{"g": "{refresh_token}"}, Headers: map[string]string{"X-Token": "t {refresh_token}"}, Encoding: "json",
		Body: map[string]any{"a": map[string]any{"b": []any{"{refresh_token}", 1}}, "c": true},
	}.fill(e, map[string]string{"refresh_token": `q"<&`})
	require.Equal(t, "PUT /x?g=q%22%3C%26", e.method+" "+e.path)
	require.Equal(t, `t q"<&`, e.header.Get("X-Token"))
	require.JSONEq(t, `{"a":{"b":["q\"<&",1]},"c":true}`, e.body)
	e = &exchange{header: http.Header{}}
	Call{Encoding: "form", Body: map[string]any{"p": "{password}", "n": 1}}.fill(e, map[string]string{"password": "a&b"})
	require.Equal(t, "n=1&p=a%26b", e.body)
	require.Equal(t, "application/x-www-form-urlencoded", e.header.Get("Content-Type"))
}

func TestAt(t *testing.T) {
	doc := map[string]any{"a": map[string]any{"b/c": "x", "~": "y"}, "n": nil}
	require.Equal(t, "x", at(doc, "/a/b~1c"))
	require.Equal(t, "y", at(doc, "/a/~0"))
	for _, p := range []string{"/a/z", "/n/z", "/z", "-", ""} {
		require.Nil(t, at(doc, p), p)
	}
}

// The published schema, the structs and the list for “nearest” know the same keys.
func TestSchemaKnowsEveryKey(t *testing.T) {
	raw, err := os.ReadFile("profile.schema.json")
	require.NoError(t, err)
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		Properties struct {
			Answer object `json:"answer"`
		} `json:"properties"`
		Defs struct {
			Call object `json:"call"`
		} `json:"$defs"`
	}
	var top object
	require.NoError(t, json.Unmarshal(raw, &schema))
	require.NoError(t, json.Unmarshal(raw, &top))
	for _, pair := range []struct {
		kind reflect.Type
		in   object
	}{{reflect.TypeFor[Profile](), top}, {reflect.TypeFor[Call](), schema.Defs.Call}, {reflect.TypeFor[Answer](), schema.Properties.Answer}} {
		require.Len(t, pair.in.Properties, pair.kind.NumField())
		for i := range pair.kind.NumField() {
			key, _, _ := strings.Cut(pair.kind.Field(i).Tag.Get("json"), ",")
			require.Contains(t, pair.in.Properties, key)
			require.Contains(t, profileKeys, key)
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(`{"login": {"path": "/x", "body": {"a": "{email}"}}}`))
	f.Add([]byte(`{"answer": {"unit": "ms"}} x`))
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
