package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefreshTokens(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"none", nil, nil},
		{"another", []string{"session=x"}, nil},
		{"one", []string{"refresh_token=a.b-c_d"}, []string{"a.b-c_d"}},
		{"among others", []string{"x=1; refresh_token=a; y=2"}, []string{"a"}},
		{"no space", []string{"x=1;refresh_token=a;y=2"}, []string{"a"}},
		{"empty", []string{"refresh_token="}, []string{""}},
		{"without equals", []string{"refresh_token"}, nil},
		{"two", []string{"refresh_token=a; refresh_token=b"}, []string{"a", "b"}},
		{"two of the same", []string{"refresh_token=a; refresh_token=a"}, []string{"a", "a"}},
		{"two lines", []string{"refresh_token=a", "refresh_token=b"}, []string{"a", "b"}},
		{"quotes stay", []string{`refresh_token="a"`}, []string{`"a"`}},
		{"escapes stay", []string{"refresh_token=a%2Eb"}, []string{"a%2Eb"}},
		{"odd bytes stay", []string{"refresh_token=a\\b\x7f\xff,c"}, []string{"a\\b\x7f\xff,c"}},
		{"equals signs stay", []string{"refresh_token=a==b"}, []string{"a==b"}},
		{"space after the value stays", []string{"refresh_token=a ; x=1"}, []string{"a "}},
		{"space around equals", []string{"refresh_token =a; refresh_token= b"}, []string{" b"}},
		{"names are case-sensitive", []string{"Refresh_Token=a"}, nil},
		{"a longer name", []string{"refresh_token2=a; xrefresh_token=b; __Host-refresh_token=c"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, refreshTokens(&http.Request{Header: http.Header{"Cookie": tt.lines}}))
		})
	}
}

// What is read stands in the header as it is read, and where the standard library repairs nothing, it reads the same.
func FuzzRefreshTokens(f *testing.F) {
	f.Add("refresh_token=a; x=1", "refresh_token=b")
	f.Add(`refresh_token="a"`, "")
	f.Add("refresh_token=a\r\nb;;= ;refresh_token", " refresh_token=\t")
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{Header: http.Header{"Cookie": {first, second}}}
		got := refreshTokens(r)
		for _, token := range got {
			require.NotContains(t, token, ";")
			require.True(t, strings.Contains(first, cookieName+"="+token) || strings.Contains(second, cookieName+"="+token))
		}
		plain := func(s string) bool {
			return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' })
		}
		if plain(first) && plain(second) && strings.Count(first+second, ";") < 1000 {
			var standard []string
			for _, c := range r.CookiesNamed(cookieName) {
				standard = append(standard, c.Value)
			}
			bare := slices.ContainsFunc(strings.Split(first+";"+second, ";"), func(s string) bool { return s == cookieName })
			if !bare { // a name without = is an empty cookie to the library, and none to us
				require.Equal(t, standard, got)
			}
		}
	})
}

// Set, rotation and deletion differ in value and Max-Age alone.
func TestCookieAttributes(t *testing.T) {
	header := func(c *http.Cookie) string {
		w := httptest.NewRecorder()
		http.SetCookie(w, c)
		return w.Header().Get("Set-Cookie")
	}
	tests := []struct {
		cookie *http.Cookie
		want   string
	}{
		{refreshCookie("v", 30*day, true), "refresh_token=v; Path=/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict"},
		{refreshCookie("v", 30*day, false), "refresh_token=v; Path=/auth; Max-Age=2592000; HttpOnly; SameSite=Strict"},
		{refreshCookie("v", 1999*time.Millisecond, true), "refresh_token=v; Path=/auth; Max-Age=1; HttpOnly; Secure; SameSite=Strict"},
		{refreshCookie("v", time.Millisecond, true), "refresh_token=v; Path=/auth; Max-Age=1; HttpOnly; Secure; SameSite=Strict"},
		{deletedCookie(true), "refresh_token=; Path=/auth; Max-Age=0; HttpOnly; Secure; SameSite=Strict"},
		{deletedCookie(false), "refresh_token=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Strict"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, header(tt.cookie))
	}
}
