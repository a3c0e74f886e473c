package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

var rules = []test{
	{"users are found by e-mail and by id", alone(usersAreFound)},
	{"e-mails are bytes", alone(emailsAreBytes)},
	{"a family comes back as it was stored", alone(familyRoundTrip)},
	{"a login needs the user unchanged", alone(loginNeedsUser)},
	{"rotation replaces the live token", alone(rotationReplaces)},
	{"rotation needs the live token", alone(rotationNeedsLiveToken)},
	{"replays are counted on the live row alone", alone(replaysAreCounted)},
	{"a repeated rotation finds its own successor", rotationRepeated},
	{"rows do not grow with rotations", alone(rowsDoNotGrow)},
	{"revocation happens once and stays", alone(revocationStays)},
	{"a password change ends the user's families", alone(passwordChange)},
	{"disabling ends the user's families", alone(disabling)},
	{"a rehash ends nothing", alone(rehash)},
	{"cleanup deletes what has ended, in batches", alone(cleanup)},
	{"an ended context is unavailable", alone(endedContext)},
}

func usersAreFound(t *testing.T, s session.Store) {
	ctx := t.Context()
	u := addUser(t, s)
	addUser(t, s)
	got, err := s.UserByEmail(ctx, u.Email)
	require.NoError(t, err)
	require.Equal(t, u, got)
	got, err = s.UserByID(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, u, got)

	_, err = s.UserByEmail(ctx, "nobody@example.com")
	requireOutcome(t, err, session.ErrNoUser)
	_, err = s.UserByID(ctx, newID(t))
	requireOutcome(t, err, session.ErrNoUser)

	// Times that are not zero come back too, to the microsecond.
	full := session.User{
		ID: newID(t), Email: "full@example.com", PasswordHash: []byte("x\x00\xff'\\"), CreatedAt: start,
		LastLoginAt: start.Add(time.Microsecond), DisabledAt: start.Add(2 * time.Microsecond),
	}
	require.NoError(t, s.AddUser(ctx, full))
	got, err = s.UserByID(ctx, full.ID)
	require.NoError(t, err)
	require.Equal(t, full, got)

	same := full
	same.ID, same.PasswordHash = newID(t), []byte("other")
	requireOutcome(t, s.AddUser(ctx, same), session.ErrEmailTaken)
	_, err = s.UserByID(ctx, same.ID)
	requireOutcome(t, err, session.ErrNoUser, "the refused user was not stored")
}

// emailsAreBytes holds pairs that one or the other database takes for equal: letter case, accents, expansions, padding,
// trailing space, NUL.
func emailsAreBytes(t *testing.T, s session.Store) {
	emails := []string{
		"a@b.example", "A@b.example", "á@b.example", "a\u0301@b.example", "ａ@b.example", "a@b.example ", " a@b.example",
		"a@b.example\x00", "a@b.example\t", "strasse@b.example", "straße@b.example", "'@b.example", `\@b.example`, "1@", "01@", "1.0@",
	}
	ids := map[string]token.ID{}
	for _, email := range emails {
		u := session.User{ID: newID(t), Email: email, PasswordHash: []byte("x"), CreatedAt: start}
		require.NoError(t, s.AddUser(t.Context(), u), "%q", email)
		ids[email] = u.ID
	}
	for _, email := range emails {
		u, err := s.UserByEmail(t.Context(), email)
		require.NoError(t, err, "%q", email)
		require.Equal(t, email, u.Email)
		require.Equal(t, ids[email], u.ID, "%q", email)
	}
	for _, email := range []string{"A@B.EXAMPLE", "a@b.example  ", "Á@b.example", "%@b.example", "_@b.example"} {
		_, err := s.UserByEmail(t.Context(), email)
		requireOutcome(t, err, session.ErrNoUser, "%q", email)
	}
}

func familyRoundTrip(t *testing.T, s session.Store) {
	u := addUser(t, s)
	f := newFamily(t, u)
	f.CreatedAt = start.Add(time.Microsecond)
	// Bytes that text handling would damage.
	copy(f.TokenHash[:], "'\\\x00\xff\x1a\r\n\" ")
	f.TokenHash[31] = 0
	f.Salt, f.Replays = token.Salt(f.TokenHash), 3
	require.NoError(t, s.StartFamily(t.Context(), f, u.PasswordHash))
	require.Equal(t, f, family(t, s, f.ID))

	stamped, err := s.UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, f.CreatedAt, stamped.LastLoginAt)

	_, err = s.Family(t.Context(), newID(t))
	requireOutcome(t, err, session.ErrNoFamily)
}

func loginNeedsUser(t *testing.T, s session.Store) {
	ctx := t.Context()
	enabled, disabled := addUser(t, s), addUser(t, s)
	_, err := s.SetDisabled(ctx, disabled.ID, true, start)
	require.NoError(t, err)
	unknown := enabled
	unknown.ID = newID(t)
	flipped := append([]byte(nil), enabled.PasswordHash...)
	flipped[len(flipped)-1] ^= 0x20 // the other case of a letter

	for _, c := range []struct {
		name string
		user session.User
		hash []byte
	}{
		{"another hash", enabled, []byte("other")},
		{"the hash in another case", enabled, flipped},
		{"the hash and a space", enabled, append(append([]byte(nil), enabled.PasswordHash...), ' ')},
		{"no hash", enabled, nil},
		{"disabled", disabled, disabled.PasswordHash},
		{"unknown", unknown, enabled.PasswordHash},
	} {
		f := newFamily(t, c.user)
		requireOutcome(t, s.StartFamily(ctx, f, c.hash), session.ErrUserChanged, c.name)
		_, err := s.Family(ctx, f.ID)
		requireOutcome(t, err, session.ErrNoFamily, c.name)
	}
	u, err := s.UserByID(ctx, enabled.ID)
	require.NoError(t, err)
	require.True(t, u.LastLoginAt.IsZero(), "a refused login was stamped")

	taken := startFamily(t, s, enabled)
	other := newFamily(t, enabled)
	other.ID = taken.ID
	require.ErrorIs(t, s.StartFamily(ctx, other, enabled.PasswordHash), session.ErrUnavailable, "a family id that is taken")
	require.Equal(t, taken, family(t, s, taken.ID))
}

func rotationReplaces(t *testing.T, s session.Store) {
	u := addUser(t, s)
	f, bystander := startFamily(t, s, u), startFamily(t, s, u)
	for range 3 {
		r := next(f)
		mustRotate(t, s, r)
		f = after(f, r)
		require.Equal(t, f, family(t, s, f.ID))
	}
	require.Equal(t, bystander, family(t, s, bystander.ID), "another family changed")
}

func rotationNeedsLiveToken(t *testing.T, s session.Store) {
	u := addUser(t, s)
	for _, c := range []struct {
		name   string
		change func(r *session.Rotation)
		want   bool
	}{
		{"nothing changed", func(*session.Rotation) {}, true},
		{"another family", func(r *session.Rotation) { r.FamilyID = newID(t) }, false},
		{"an earlier generation", func(r *session.Rotation) { r.Generation-- }, false},
		{"a later generation", func(r *session.Rotation) { r.Generation++ }, false},
		{"a hash one bit away", func(r *session.Rotation) { r.OldHash[31] ^= 1 }, false},
		{"a hash in another case", func(r *session.Rotation) { r.OldHash[0] ^= 0x20 }, false},
		{"just before the idle end", func(r *session.Rotation) { r.At = start.Add(idleLife - time.Microsecond) }, true},
		{"at the idle end", func(r *session.Rotation) { r.At = start.Add(idleLife) }, false},
		{"after the absolute end", func(r *session.Rotation) { r.At = start.Add(absoluteLife + time.Hour) }, false},
	} {
		f := startFamily(t, s, u)
		r := next(f)
		c.change(&r)
		rotated, err := s.Rotate(t.Context(), r)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, rotated, c.name)
		if !c.want {
			require.Equal(t, f, family(t, s, f.ID), "%s: a rotation that did not match changed the row", c.name)
		}
	}

	// An idle end past the absolute end is no permission.
	f := newFamily(t, u)
	f.ExpiresAt = f.AbsoluteEnd.Add(time.Hour)
	require.NoError(t, s.StartFamily(t.Context(), f, u.PasswordHash))
	r := next(f)
	r.At = f.AbsoluteEnd
	rotated, err := s.Rotate(t.Context(), r)
	require.NoError(t, err)
	require.False(t, rotated, "a family lived past its absolute end")
}

// rotationRepeated is what a caller sees whose first attempt was committed, but whose answer was lost.
func rotationRepeated(t *testing.T, stores []session.Store) {
	f := startFamily(t, stores[0], addUser(t, stores[0]))
	r := next(f)
	mustRotate(t, stores[0], r)
	rotated, err := stores[1].Rotate(t.Context(), r)
	require.NoError(t, err)
	require.False(t, rotated)
	require.Equal(t, after(f, r), family(t, stores[1], f.ID), "the row names the successor of the repeated rotation")
}

func rowsDoNotGrow(t *testing.T, s session.Store) {
	f := startFamily(t, s, addUser(t, s))
	for range 200 {
		r := next(f)
		mustRotate(t, s, r)
		f = after(f, r)
	}
	deleted, err := s.DeleteEnded(t.Context(), f.AbsoluteEnd.Add(time.Hour), 1000)
	require.NoError(t, err)
	require.Equal(t, 1, deleted, "rows after 200 rotations")
}

func revocationStays(t *testing.T, s session.Store) {
	ctx := t.Context()
	u := addUser(t, s)
	f, bystander := startFamily(t, s, u), startFamily(t, s, u)
	ended, err := s.Revoke(ctx, f.ID, session.ReasonReuse, start.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, ended)
	ended, err = s.Revoke(ctx, f.ID, session.ReasonLogout, start.Add(time.Hour))
	require.NoError(t, err)
	require.False(t, ended, "ended twice")

	want := f
	want.RevokedAt, want.RevokeReason = start.Add(time.Minute), session.ReasonReuse
	require.Equal(t, want, family(t, s, f.ID))
	requireDead(t, s, f.ID)
	require.Equal(t, bystander, family(t, s, bystander.ID), "another family of the user changed")

	ended, err = s.Revoke(ctx, newID(t), session.ReasonLogout, start)
	require.NoError(t, err)
	require.False(t, ended)
}

func passwordChange(t *testing.T, s session.Store) {
	ctx := t.Context()
	u, other := addUser(t, s), addUser(t, s)
	a, b, loggedOut, bystander := startFamily(t, s, u), startFamily(t, s, u), startFamily(t, s, u), startFamily(t, s, other)
	_, err := s.Revoke(ctx, loggedOut.ID, session.ReasonLogout, start)
	require.NoError(t, err)

	at := start.Add(time.Minute)
	ended, err := s.SetPassword(ctx, u.ID, []byte("new"), at)
	require.NoError(t, err)
	require.Equal(t, 2, ended, "families that were alive")
	for _, f := range []session.Family{a, b} {
		f.RevokedAt, f.RevokeReason = at, session.ReasonPassword
		require.Equal(t, f, family(t, s, f.ID))
	}
	require.Equal(t, session.ReasonLogout, family(t, s, loggedOut.ID).RevokeReason, "the first reason stays")
	require.Equal(t, bystander, family(t, s, bystander.ID), "another user's family changed")
	requireDead(t, s, a.ID)

	changed, err := s.UserByID(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, []byte("new"), changed.PasswordHash)
	requireOutcome(t, s.StartFamily(ctx, newFamily(t, u), u.PasswordHash), session.ErrUserChanged, "a login with the old password")
	startFamily(t, s, changed)

	// The same again is no error: it ends the login of a moment ago.
	ended, err = s.SetPassword(ctx, u.ID, []byte("new"), at)
	require.NoError(t, err)
	require.Equal(t, 1, ended)
	_, err = s.SetPassword(ctx, newID(t), []byte("new"), at)
	requireOutcome(t, err, session.ErrNoUser)
}

func disabling(t *testing.T, s session.Store) {
	ctx := t.Context()
	u, other := addUser(t, s), addUser(t, s)
	f, bystander := startFamily(t, s, u), startFamily(t, s, other)
	at := start.Add(time.Minute)
	ended, err := s.SetDisabled(ctx, u.ID, true, at)
	require.NoError(t, err)
	require.Equal(t, 1, ended)
	want := f
	want.RevokedAt, want.RevokeReason = at, session.ReasonUserDisabled
	require.Equal(t, want, family(t, s, f.ID))
	require.Equal(t, bystander, family(t, s, bystander.ID), "another user's family changed")
	got, err := s.UserByID(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, at, got.DisabledAt)

	ended, err = s.SetDisabled(ctx, u.ID, false, at.Add(time.Minute))
	require.NoError(t, err)
	require.Zero(t, ended)
	got, err = s.UserByID(ctx, u.ID)
	require.NoError(t, err)
	require.True(t, got.DisabledAt.IsZero(), "enabled again")
	requireDead(t, s, f.ID)
	again := startFamily(t, s, u)
	ended, err = s.SetDisabled(ctx, u.ID, false, at)
	require.NoError(t, err)
	require.Zero(t, ended, "a user who is enabled already")
	require.Equal(t, again, family(t, s, again.ID))

	for _, disabled := range []bool{true, false} {
		_, err = s.SetDisabled(ctx, newID(t), disabled, at)
		requireOutcome(t, err, session.ErrNoUser)
	}
}

func rehash(t *testing.T, s session.Store) {
	ctx := t.Context()
	u := addUser(t, s)
	f := startFamily(t, s, u)
	replaced, err := s.Rehash(ctx, u.ID, []byte("not the hash"), []byte("new"))
	require.NoError(t, err)
	require.False(t, replaced)
	replaced, err = s.Rehash(ctx, u.ID, u.PasswordHash, []byte("new"))
	require.NoError(t, err)
	require.True(t, replaced)
	got, err := s.UserByID(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, []byte("new"), got.PasswordHash)
	require.Equal(t, f, family(t, s, f.ID))
}

func cleanup(t *testing.T, s session.Store) {
	ctx := t.Context()
	u := addUser(t, s)
	at := start.Add(absoluteLife)
	alive := newFamily(t, u)
	alive.AbsoluteEnd = at // ends now, not before
	revoked := newFamily(t, u)
	revoked.AbsoluteEnd = at.Add(time.Hour)
	for _, f := range []session.Family{alive, revoked} {
		require.NoError(t, s.StartFamily(ctx, f, u.PasswordHash))
	}
	_, err := s.Revoke(ctx, revoked.ID, session.ReasonReuse, start)
	require.NoError(t, err)
	for range 5 {
		f := newFamily(t, u)
		f.AbsoluteEnd = at.Add(-time.Microsecond)
		require.NoError(t, s.StartFamily(ctx, f, u.PasswordHash))
	}

	var counts []int
	for range 5 {
		n, err := s.DeleteEnded(ctx, at, 2)
		require.NoError(t, err)
		counts = append(counts, n)
	}
	require.Equal(t, []int{2, 2, 1, 0, 0}, counts)
	require.Equal(t, alive, family(t, s, alive.ID))
	require.Equal(t, session.ReasonReuse, family(t, s, revoked.ID).RevokeReason, "a replay of a dead family stays recognisable")
}

// endedContext calls every verb with a context that is over.
func endedContext(t *testing.T, s session.Store) {
	u := addUser(t, s)
	f := startFamily(t, s, u)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"UserByEmail": second(s.UserByEmail(ctx, u.Email)),
		"UserByID":    second(s.UserByID(ctx, u.ID)),
		"AddUser":     s.AddUser(ctx, session.User{ID: newID(t), Email: "x@example.com", PasswordHash: []byte("x"), CreatedAt: start}),
		"StartFamily": s.StartFamily(ctx, newFamily(t, u), u.PasswordHash),
		"Rotate":      second(s.Rotate(ctx, next(f))),
		"Replay":      second(s.Replay(ctx, nextReplay(f))),
		"Family":      second(s.Family(ctx, f.ID)),
		"Revoke":      second(s.Revoke(ctx, f.ID, session.ReasonLogout, start)),
		"SetPassword": second(s.SetPassword(ctx, u.ID, []byte("x"), start)),
		"Rehash":      second(s.Rehash(ctx, u.ID, u.PasswordHash, []byte("x"))),
		"SetDisabled": second(s.SetDisabled(ctx, u.ID, true, start)),
		"DeleteEnded": second(s.DeleteEnded(ctx, start.Add(2*absoluteLife), 10)),
	} {
		require.ErrorIs(t, err, session.ErrUnavailable, name)
	}
	require.Equal(t, f, family(t, s, f.ID))
}
