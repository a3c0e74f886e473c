package conformance

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseSetCookie(t *testing.T) {
	c := parseSetCookie("refresh_token=a=b; Path=/auth; DOMAIN=.Example.com; max-age=60; HttpOnly; secure; SameSite=Strict; Expires=Wed, 21 Oct 2026 07:28:00 GMT")
	require.Equal(t, setCookie{
		Name: "refresh_token", Value: "a=b", Path: "/auth", HasPath: true, Domain: "example.com", HasDomain: true, MaxAge: 60, HasMaxAge: true,
		Expires: time.Date(2026, 10, 21, 7, 28, 0, 0, time.UTC), HasExpires: true, Secure: true, HTTPOnly: true, SameSite: "Strict",
	}, c)
	require.Equal(t, setCookie{Name: "x"}, parseSetCookie("x=; Max-Age=soon; Expires=never; Unknown"))
}

func TestDeletes(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for line, want := range map[string]bool{
		"a=": false, "a=; Max-Age=0": true, "a=; Max-Age=-1": true, "a=; Max-Age=1": false,
		"a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT": true, "a=; Expires=Fri, 01 Jan 2027 00:00:00 GMT": false,
		"a=; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT": false, // Max-Age wins, RFC 6265 section 5.3 step 3
	} {
		require.Equal(t, want, parseSetCookie(line).deletes(now), line)
	}
}

func TestJar(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, set, from, to string
		insecure            bool
		want                string
	}{
		{"path matches", "r=1; Path=/auth", "http://a.example/auth/login", "http://a.example/auth/refresh", false, "r=1"},
		{"path does not", "r=1; Path=/auth", "http://a.example/auth/login", "http://a.example/v1/auth/refresh", false, ""},
		{"path is no prefix of a name", "r=1; Path=/auth", "http://a.example/auth/login", "http://a.example/authority", false, ""},
		{"default path", "r=1", "http://a.example/auth/login", "http://a.example/auth/x", false, "r=1"},
		{"default path elsewhere", "r=1", "http://a.example/auth/login", "http://a.example/me", false, ""},
		{"host only", "r=1; Path=/", "http://a.example/", "http://b.a.example/", false, ""},
		{"domain", "r=1; Path=/; Domain=a.example", "http://a.example/", "http://b.a.example/", false, "r=1"},
		{"foreign domain", "r=1; Path=/; Domain=b.example", "http://a.example/", "http://b.example/", false, ""},
		{"secure over http", "r=1; Path=/; Secure", "http://a.example/", "http://a.example/", false, ""},
		{"secure over http, allowed", "r=1; Path=/; Secure", "http://127.0.0.1/", "http://127.0.0.1/", true, "r=1"},
		{"secure over https", "r=1; Path=/; Secure", "https://a.example/", "https://a.example/", false, "r=1"},
		{"host prefix", "__Host-r=1; Path=/; Secure", "https://a.example/", "https://a.example/x", false, "__Host-r=1"},
		{"host prefix with a path", "__Host-r=1; Path=/auth; Secure", "https://a.example/", "https://a.example/auth", false, ""},
		{"secure prefix without", "__Secure-r=1; Path=/", "https://a.example/", "https://a.example/", false, ""},
		{"expired", "r=1; Path=/; Max-Age=0", "https://a.example/", "https://a.example/", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &jar{insecure: tt.insecure}
			from, err := url.Parse(tt.from)
			require.NoError(t, err)
			to, err := url.Parse(tt.to)
			require.NoError(t, err)
			j.store(from, parseSetCookie(tt.set), now)
			require.Equal(t, tt.want, j.header(to, now))
		})
	}
}

func TestJarReplacesByIdentity(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	u, err := url.Parse("http://a.example/auth/login")
	require.NoError(t, err)
	j := &jar{}
	j.store(u, parseSetCookie("r=1; Path=/auth; Max-Age=60"), now)
	j.store(u, parseSetCookie("r=2; Path=/; Max-Age=60"), now)
	require.Equal(t, "r=1; r=2", j.header(u, now), "another Path is another cookie, the longer one first")
	j.store(u, parseSetCookie("r=; Path=/; Max-Age=0"), now)
	require.Equal(t, "r=1", j.header(u, now))
	require.Empty(t, j.header(u, now.Add(time.Minute)), "expired")
}

func FuzzParseSetCookie(f *testing.F) {
	f.Add("refresh_token=a; Path=/auth; Max-Age=60; HttpOnly")
	f.Add(";;;=;Max-Age=99999999999999999999")
	f.Fuzz(func(t *testing.T, line string) {
		c := parseSetCookie(line)
		u := &url.URL{Scheme: "http", Host: "a.example", Path: "/auth/login"}
		j := &jar{}
		j.store(u, c, time.Unix(0, 0))
		if j.header(u, time.Unix(0, 0)) != "" && c.deletes(time.Unix(0, 0)) {
			t.Fatalf("a deletion was stored: %q", line)
		}
	})
}
