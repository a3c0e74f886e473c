package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func loginRequest(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/auth/login", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestDecodeCredentials(t *testing.T) {
	const good = `{"email":"a@example.com","password":"p"}`
	const maxBody = 16384 // as documented
	want := credentials{"a@example.com", "p"}
	tests := []struct {
		name        string
		contentType string
		body        string
		err         error // nil: want
	}{
		{"plain", "application/json", good, nil},
		{"charset", "application/json; charset=utf-8", good, nil},
		{"charset in capitals", "Application/JSON;charset=UTF-8", good, nil},
		{"white space", "application/json", " \r\n\t" + good + "\n", nil},
		{"another order", "application/json", `{"password":"p","email":"a@example.com"}`, nil},
		{"escapes", "application/json", `{"\u0065mail":"a\u0040example.com","password":"\u0070"}`, nil},
		{"extra keys", "application/json", `{"email":"a@example.com","x":{"y":[1,{"z":null}]},"password":"p","Email":"b","PASSWORD":1}`, nil},

		{"no type", "", good, errNotJSON},
		{"text", "text/plain", good, errNotJSON},
		{"form", "application/x-www-form-urlencoded", "email=a%40example.com&password=p", errNotJSON},
		{"multipart", "multipart/form-data; boundary=x", good, errNotJSON},
		{"a relative", "application/problem+json", good, errNotJSON},
		{"latin-1", "application/json; charset=iso-8859-1", good, errNotJSON},
		{"two types in one", "text/plain, application/json", good, errNotJSON},

		{"empty", "application/json", "", errMalformedJSON},
		{"cut off", "application/json", good[:20], errMalformedJSON},
		{"trailing value", "application/json", good + "{}", errMalformedJSON},
		{"trailing bracket", "application/json", good + "}", errMalformedJSON},
		{"trailing comma", "application/json", `{"email":"a@example.com","password":"p",}`, errMalformedJSON},
		{"byte order mark", "application/json", "\uFEFF" + good, errMalformedJSON},
		{"single quotes", "application/json", `{'email':'a@example.com','password':'p'}`, errMalformedJSON},
		{"not UTF-8", "application/json", `{"email":"a@example.com","password":"p` + "\xff" + `"}`, errMalformedJSON},
		{"control character", "application/json", "{\"email\":\"a@example.com\",\"password\":\"p\n\"}", errMalformedJSON},
		{"twice the same", "application/json", `{"email":"a@example.com","password":"p","email":"a@example.com"}`, errMalformedJSON},
		{"twice, once escaped", "application/json", `{"email":"a@example.com","password":"p","\u0065mail":"b@example.com"}`, errMalformedJSON},
		{"twice within", "application/json", `{"email":"a@example.com","password":"p","x":[{"y":1,"y":1}]}`, errMalformedJSON},
		{"deep", "application/json", strings.Repeat("[", maxBody), errMalformedJSON},

		{"null", "application/json", "null", errWrongField},
		{"array", "application/json", "[" + good + "]", errWrongField},
		{"string", "application/json", `"email"`, errWrongField},
		{"empty object", "application/json", "{}", errWrongField},
		{"no password", "application/json", `{"email":"a@example.com"}`, errWrongField},
		{"no email", "application/json", `{"password":"p"}`, errWrongField},
		{"wrong case", "application/json", `{"Email":"a@example.com","password":"p"}`, errWrongField},
		{"null password", "application/json", `{"email":"a@example.com","password":null}`, errWrongField},
		{"number", "application/json", `{"email":"a@example.com","password":1}`, errWrongField},
		{"list", "application/json", `{"email":["a@example.com"],"password":"p"}`, errWrongField},
		{"object", "application/json", `{"email":{"$ne":null},"password":"p"}`, errWrongField},
		{"bool", "application/json", `{"email":true,"password":"p"}`, errWrongField},
		{"half a surrogate pair", "application/json", `{"email":"a@example.com","password":"\ud800"}`, errWrongField},

		{"too large", "application/json", `{"email":"a@example.com","password":"p","x":"` + strings.Repeat("x", maxBody) + `"}`, errTooLarge},
		{"just too large", "application/json", good + strings.Repeat(" ", maxBody-len(good)+1), errTooLarge},
		{"just not too large", "application/json", good + strings.Repeat(" ", maxBody-len(good)), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeCredentials(httptest.NewRecorder(), loginRequest(tt.contentType, tt.body))
			require.ErrorIs(t, err, tt.err)
			if tt.err == nil {
				require.Equal(t, want, got)
			}
		})
	}
}

func TestDecodeRefusesTwoContentTypes(t *testing.T) {
	r := loginRequest("application/json", `{"email":"a@example.com","password":"p"}`)
	r.Header.Add("Content-Type", "text/plain")
	_, err := decodeCredentials(httptest.NewRecorder(), r)
	require.ErrorIs(t, err, errNotJSON)
}

// Whatever arrives is refused as one of the client's faults, or read as a reader of JSON objects into a map would.
func FuzzDecodeCredentials(f *testing.F) {
	for _, body := range []string{
		`{"email":"a@example.com","password":"p"}`, `{"email":"a","email":"b","password":"p"}`, `{"Email":"a","password":"p"}`,
		`{"email":"\ud83d\ude00","password":"\ud800"}`, `[[[{}]]]`, `null`, `{"email":1,"password":2}`, "{\"email\":\"\xff\"}", `{}{}`, `{"x":{"y":1,"y":2}}`,
	} {
		f.Add("application/json", body)
	}
	f.Add("text/plain", "{}")
	f.Add("application/json; charset=\"utf-8", "{}")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := loginRequest("", body)
		r.Header.Set("Content-Type", contentType)
		got, err := decodeCredentials(httptest.NewRecorder(), r)
		if err != nil {
			for _, known := range []error{errNotJSON, errMalformedJSON, errWrongField, errTooLarge} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error that is not in the table: %v", err)
		}
		var oracle map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &oracle))
		require.Equal(t, oracle["email"], any(got.Email))
		require.Equal(t, oracle["password"], any(got.Password))
		require.True(t, utf8.ValidString(got.Email) && utf8.ValidString(got.Password))
	})
}
