package session_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

func TestLogin(t *testing.T) {
	w := newWorld(t)
	tokens := w.login(t)
	require.Equal(t, accessTTL, tokens.AccessTTL)
	require.Equal(t, refreshTTL, tokens.RefreshTTL)
	require.Equal(t, start.Add(refreshTTL), tokens.RefreshExpires)
	f := w.family(t, tokens.Refresh)
	require.Equal(t, session.Family{
		ID: f.ID, UserID: f.UserID, TokenHash: token.Hash(tokens.Refresh), CreatedAt: start, RotatedAt: start,
		ExpiresAt: start.Add(refreshTTL), AbsoluteEnd: start.Add(maxTTL),
	}, f)
	user, err := w.db.UserByEmail(t.Context(), email)
	require.NoError(t, err)
	require.Equal(t, user.ID, f.UserID)
	require.Equal(t, start, user.LastLoginAt)
	require.Equal(t, []string{"login_ok"}, w.messages(t))

	w.requireAlive(t, w.login(t).Refresh)
	w.requireAlive(t, tokens.Refresh) // a second login leaves the first alone
}

func TestLoginRefused(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("ä", 36) // 72 bytes
	for _, u := range []struct{ email, password string }{{"long@example.com", long}, {"disabled@example.com", password}, {"nul@example.com", "a"}} {
		_, err := w.AddUser(t.Context(), u.email, u.password)
		require.NoError(t, err)
	}
	_, err := w.SetDisabled(t.Context(), "disabled@example.com", true)
	require.NoError(t, err)
	w.events(t)
	for _, c := range []struct {
		name, email, password string
		want                  error
		reason                string
	}{
		{"right", email, password, nil, ""},
		{"right, e-mail in capitals and spaces", " Alice@EXAMPLE.com\t", password, nil, ""},
		{"wrong password", email, "wrong", session.ErrBadCredentials, "wrong_password"},
		{"password in another case", email, strings.ToUpper(password), session.ErrBadCredentials, "wrong_password"},
		{"empty password", email, "", session.ErrBadCredentials, "wrong_password"},
		{"unknown user", "bob@example.com", password, session.ErrBadCredentials, "unknown_user"},
		{"accented user", "álice@example.com", password, session.ErrBadCredentials, "unknown_user"},
		{"no e-mail", "", password, session.ErrBadCredentials, "unknown_user"},
		{"no address", "alice", password, session.ErrBadCredentials, "unknown_user"},
		{"endless e-mail", strings.Repeat("a", 300) + "@b", password, session.ErrBadCredentials, "unknown_user"},
		{"disabled user", "disabled@example.com", password, session.ErrBadCredentials, "user_disabled"},
		{"72 bytes", "long@example.com", long, nil, ""},
		{"72 bytes and a tail", "long@example.com", long + "x", session.ErrPasswordTooLong, ""},
		{"endless password of an unknown user", "bob@example.com", strings.Repeat("x", 1<<20), session.ErrPasswordTooLong, ""},
		{"the password repeated with NUL, which bcrypt takes for the same", "nul@example.com", "a\x00a", session.ErrBadCredentials, "wrong_password"},
	} {
		tokens, err := w.Login(t.Context(), c.email, c.password)
		require.ErrorIs(t, err, c.want, c.name)
		require.Equal(t, c.want == nil, tokens.Refresh != "", c.name)
		for _, e := range w.events(t) {
			if c.want != nil {
				require.Equal(t, "login_failed", e["msg"], c.name)
				require.Equal(t, c.reason, e["reason"], c.name)
			}
		}
	}
}

// TestLoginCostsTheSame: how long the answer takes must not tell which e-mails have an account. Compared are the fastest of
// several tries, since a busy machine makes times longer, never shorter: a refusal that skips the hash is never slow for long.
func TestLoginCostsTheSame(t *testing.T) {
	w := newWorld(t)
	s := w.service(t, 9)
	for _, e := range []string{"known@example.com", "disabled@example.com"} {
		_, err := s.AddUser(t.Context(), e, password)
		require.NoError(t, err)
	}
	_, err := s.SetDisabled(t.Context(), "disabled@example.com", true)
	require.NoError(t, err)
	fastest := map[string]time.Duration{}
	alike := func(email string) bool {
		ratio := float64(fastest[email]) / float64(fastest["known@example.com"])
		return ratio > 0.5 && ratio < 1.5
	}
	others := []string{"unknown@example.com", "disabled@example.com", "no address"}
	different := func(email string) bool { return !alike(email) }
	for round := 0; round < 5 || round < 50 && slices.ContainsFunc(others, different); round++ {
		for _, email := range append(others, "known@example.com") {
			begin := time.Now()
			_, err := s.Login(t.Context(), email, "wrong")
			took := time.Since(begin)
			require.ErrorIs(t, err, session.ErrBadCredentials)
			if fastest[email] == 0 || took < fastest[email] {
				fastest[email] = took
			}
		}
	}
	for _, email := range others {
		require.True(t, alike(email), "%s: %v", email, fastest)
	}
}

// TestRehash raises the cost under users who are logged in.
func TestRehash(t *testing.T) {
	w := newWorld(t)
	before := w.login(t)
	cost := func() int {
		user, err := w.db.UserByEmail(t.Context(), email)
		require.NoError(t, err)
		cost, err := bcrypt.Cost(user.PasswordHash)
		require.NoError(t, err)
		return cost
	}
	require.Equal(t, 4, cost())
	dearer := w.service(t, 5)
	_, err := dearer.Login(t.Context(), email, "wrong")
	require.ErrorIs(t, err, session.ErrBadCredentials)
	require.Equal(t, 4, cost(), "a wrong password changes nothing")

	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for range cap(errs) {
		wg.Go(func() {
			_, err := dearer.Login(t.Context(), email, password)
			errs <- err
		})
	}
	wg.Wait()
	for range cap(errs) {
		require.NoError(t, <-errs, "a login next to the one that raised the cost")
	}
	require.Equal(t, 5, cost())
	w.requireAlive(t, before.Refresh)

	w.login(t)
	require.Equal(t, 5, cost(), "a lower cost does not come back")
}

// TestUserChangesDuringLogin: the password was right when it was checked, and no longer is when the family would start.
func TestUserChangesDuringLogin(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world){
		"password": func(t *testing.T, w *world) {
			_, err := w.SetPassword(t.Context(), email, "new")
			require.NoError(t, err)
		},
		"disabled": func(t *testing.T, w *world) {
			_, err := w.SetDisabled(t.Context(), email, true)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.faults.Store = &changeAfterRead{Store: w.db, change: func() { change(t, w) }}
			_, err := w.Login(t.Context(), email, password)
			require.ErrorIs(t, err, session.ErrBadCredentials)
			var families int
			require.NoError(t, w.raw.QueryRow(`SELECT COUNT(*) FROM token_families`).Scan(&families))
			require.Zero(t, families)
		})
	}
}
