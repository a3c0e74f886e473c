package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

// limited is a world that bears few failures, by its own clock, and believes what its peer says of the client's address.
func limited(t *testing.T, perAccount, perAddress int) *world {
	t.Helper()
	var w *world
	w = newWorld(t, func(d *deps) {
		d.trustedProxies = []string{"127.0.0.1/32", "10.0.0.0/8"}
		d.logins = throttle.New(throttle.Config{PerAccount: perAccount, PerAddress: perAddress, Now: func() time.Time { return w.clock.now() }})
	})
	return w
}

// loginFrom logs in as a client whose address the proxy has noted.
func (w *world) loginFrom(forwarded, email, password string) answer {
	w.t.Helper()
	return w.send("POST", "/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password), asJSON, "X-Forwarded-For: "+forwarded)
}

const (
	home  = "192.0.2.1"
	thief = "198.51.100.1"
)

func TestLoginThrottled(t *testing.T) {
	w := limited(t, 3, 100)
	alice := w.user(0)
	bodies := map[string]bool{}
	for _, email := range []string{alice.Email, "nobody@example.com", "no address"} { // whether there is such an account or not
		for range 3 {
			require.Equal(t, 401, w.loginFrom(thief, email, "wrong").status)
		}
		for _, password := range []string{"wrong", alice.Password} { // or the password is right
			a := w.loginFrom(thief, email, password)
			require.Equal(t, 429, a.status)
			require.Equal(t, "300", a.header.Get("Retry-After"))
			bodies[a.body] = true
		}
	}
	require.Len(t, bodies, 1, "one answer for all")
	require.Equal(t, 429, w.loginFrom(thief, " "+strings.ToUpper(alice.Email), alice.Password).status, "another spelling is no other account")

	p := w.tokens(w.loginFrom(home, alice.Email, alice.Password)) // the owner is not locked out
	p = w.alive(p.refresh)
	require.Equal(t, 200, w.send("GET", "/me", "", "Authorization: Bearer "+p.access).status)
	require.Equal(t, 204, w.logout(p.refresh).status)
	require.Equal(t, 200, w.loginFrom(thief, w.user(1).Email, w.user(1).Password).status, "another account")

	w.clock.advance(299 * time.Second)
	require.Equal(t, 429, w.loginFrom(thief, alice.Email, alice.Password).status)
	w.clock.advance(time.Second)
	require.Equal(t, 200, w.loginFrom(thief, alice.Email, alice.Password).status)
	for range 2 { // which made the budget whole
		require.Equal(t, 401, w.loginFrom(thief, alice.Email, "wrong").status)
	}

	log := w.log.String()
	require.Regexp(t, `level=WARN msg=login_throttled scope=pair address=198\.51\.100\.1/32 retry_after=5m0s request_id=\w{16}\n`, log)
	require.NotContains(t, strings.ToLower(log), alice.Email)
	require.NotContains(t, log, "nobody")
	w.requireNoSecrets(log)
}

func TestLoginThrottledByAddress(t *testing.T) {
	w := limited(t, 0, 4)
	for i := range 4 {
		require.Equal(t, 401, w.loginFrom(thief, fmt.Sprintf("user%d@example.com", i), "password1").status)
		if i < 3 {
			require.Equal(t, 200, w.loginFrom(thief, w.user(1).Email, w.user(1).Password).status)
		}
	}
	require.Equal(t, 429, w.loginFrom(thief, w.user(1).Email, w.user(1).Password).status)
	require.Equal(t, 200, w.loginFrom(home, w.user(1).Email, w.user(1).Password).status)
	require.Contains(t, w.log.String(), "scope=address address=198.51.100.1/32 retry_after=3m45s")
}

// TestLoginThrottledEverywhere: many guess, each from an address of his own.
func TestLoginThrottledEverywhere(t *testing.T) {
	w := limited(t, 2, 100)
	alice := w.user(0)
	for i := range 6 {
		require.Equal(t, 401, w.loginFrom(fmt.Sprintf("203.0.113.%d", i), alice.Email, "wrong").status)
	}
	a := w.loginFrom("203.0.113.1", alice.Email, "wrong")
	require.Equal(t, 429, a.status)
	require.Equal(t, "150", a.header.Get("Retry-After"))
	require.Equal(t, 200, w.loginFrom(home, alice.Email, alice.Password).status)
	require.Contains(t, w.log.String(), "scope=account address=203.0.113.1/32")
}

// TestOnlyWrongPasswordsSpend: what the client cannot help, or was not judged.
func TestOnlyWrongPasswordsSpend(t *testing.T) {
	w := limited(t, 1, 1)
	alice := w.user(0)
	for range 3 {
		require.Equal(t, 200, w.loginFrom(home, alice.Email, alice.Password).status)
		require.Equal(t, 422, w.loginFrom(home, alice.Email, strings.Repeat("x", 73)).status)
		require.Equal(t, 400, w.send("POST", "/auth/login", "{", asJSON, "X-Forwarded-For: "+home).status)
		w.store.down.Store(true)
		require.Equal(t, 503, w.loginFrom(home, alice.Email, "wrong").status)
		w.store.down.Store(false)
		w.store.panic.Store(true)
		require.Equal(t, 500, w.loginFrom(home, alice.Email, "wrong").status)
		w.store.panic.Store(false)
		w.dead("garbage")
	}
	require.Equal(t, 401, w.loginFrom(home, alice.Email, "wrong").status)
	require.Equal(t, 429, w.loginFrom(home, alice.Email, alice.Password).status)
}

// TestThrottledLoginsCostNothing: neither a query nor a hash. This service has no store and no hash slots, so that any use is a panic.
func TestThrottledLoginsCostNothing(t *testing.T) {
	w := newWorld(t, func(d *deps) {
		d.sessions = session.New(session.Config{})
		d.logins = throttle.New(throttle.Config{PerAddress: 1})
		a, err := d.logins.Begin("somebody", netip.MustParseAddr("127.0.0.1"))
		require.NoError(t, err)
		a.Failed()
		a.End()
	})
	for range 100 {
		require.Equal(t, 429, w.login(w.user(0)).status)
	}
	require.NotContains(t, w.log.String(), "panic")
}

// TestGarbageCostsNoQuery: bursts of tokens that we never made.
func TestGarbageCostsNoQuery(t *testing.T) {
	w := newWorld(t)
	p := w.loggedIn()
	w.store.panic.Store(true) // at any use of it
	for i := range 300 {
		w.dead(fmt.Sprint("garbage", i))
		w.dead(alterSignature(p.refresh))
		require.Equal(t, 204, w.logout(alterSignature(p.refresh), "garbage").status)
	}
	require.NotContains(t, w.log.String(), "panic")
	w.store.panic.Store(false)
	w.alive(p.refresh)
}

// TestClientAddress: the peer's own, and behind trusted proxies the last that is none of them.
func TestClientAddress(t *testing.T) {
	for _, c := range []struct {
		name, counted string // as whom the log names him
		forwarded     []string
	}{
		{"by one proxy", "192.0.2.1/32", []string{"192.0.2.1"}},
		{"by two proxies", "192.0.2.1/32", []string{"192.0.2.1, 10.1.2.3"}},
		{"in two lines", "192.0.2.1/32", []string{"192.0.2.1", "10.1.2.3"}},
		{"what the client wrote does not count", "192.0.2.1/32", []string{"203.0.113.7, 192.0.2.1"}},
		{"nor in a line of its own", "192.0.2.1/32", []string{"203.0.113.7", "192.0.2.1"}},
		{"nor that it comes from a proxy", "192.0.2.1/32", []string{"10.9.9.9, 192.0.2.1"}},
		{"a /64", "2001:db8:1:2::/64", []string{"2001:db8:1:2:3:4:5:6"}},
		{"IPv4 in IPv6", "192.0.2.1/32", []string{"::ffff:192.0.2.1"}},
		{"nothing that could be an address", `""`, []string{"192.0.2.1, unknown"}},
		{"no word of it", `""`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := limited(t, 1, 0)
			headers := []string{asJSON}
			for _, f := range c.forwarded {
				headers = append(headers, "X-Forwarded-For: "+f)
			}
			const wrong = `{"email":"alice@example.com","password":"wrong"}`
			require.Equal(t, 401, w.send("POST", "/auth/login", wrong, headers...).status)
			require.Equal(t, 429, w.send("POST", "/auth/login", wrong, headers...).status)
			require.Regexp(t, `address=`+c.counted+` `, w.log.String())
		})
	}
	t.Run("no proxy is trusted", func(t *testing.T) {
		w := newWorld(t, func(d *deps) { d.logins = throttle.New(throttle.Config{PerAccount: 1}) })
		require.Equal(t, 401, w.loginFrom(home, "a@b", "wrong").status)
		require.Equal(t, 429, w.loginFrom(thief, "a@b", "wrong").status)
		require.Contains(t, w.log.String(), "address=127.0.0.1/32")
	})
}

// The settings reach what they set, and a race of wrong passwords gets no further than the budget.
func TestThrottleSettings(t *testing.T) {
	env := devEnv(t)
	env["LOGIN_FAILURES_PER_ACCOUNT"], env["LOGIN_FAILURES_PER_ADDRESS"], env["TRUSTED_PROXIES"] = "1", "2", "127.0.0.0/8"
	s := startServer(t, env, "-seed")
	require.Equal(t, 401, s.loginFrom(thief, "alice@example.com", "wrong").status)
	require.Equal(t, 429, s.loginFrom(thief, "alice@example.com", "wrong").status)
	require.Equal(t, 401, s.loginFrom(thief, "bob@example.com", "wrong").status)
	require.Equal(t, 429, s.loginFrom(thief, "carol@example.com", "wrong").status)
	require.Contains(t, s.stderr.String(), "scope=address")
	require.Equal(t, 401, s.loginFrom(home, "carol@example.com", "wrong").status)
}
