package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func addUser(t *testing.T, db *store.DB) session.User {
	t.Helper()
	u := session.User{ID: uuid.Must(uuid.NewV7()), Email: rand.Text() + "@example.com", PasswordHash: []byte(rand.Text()), CreatedAt: start}
	require.NoError(t, db.AddUser(t.Context(), u))
	return u
}

func newFamily(u session.User) session.Family {
	return session.Family{
		ID: uuid.Must(uuid.NewV7()), UserID: u.ID, TokenHash: token.Hash(rand.Text()),
		CreatedAt: start, RotatedAt: start, ExpiresAt: start.Add(time.Hour), AbsoluteEnd: start.Add(2 * time.Hour),
	}
}

func startFamily(t *testing.T, db *store.DB) session.Family {
	t.Helper()
	u := addUser(t, db)
	f := newFamily(u)
	require.NoError(t, db.StartFamily(t.Context(), f, u.PasswordHash))
	return f
}

func next(f session.Family) session.Rotation {
	at := f.RotatedAt.Add(time.Second)
	return session.Rotation{
		FamilyID: f.ID, Generation: f.Generation, OldHash: f.TokenHash, NewHash: token.Hash(rand.Text()), At: at, ExpiresAt: at.Add(time.Hour),
	}
}

// TestLostStatements cuts the connection around the statement that matters. Each verb must end as if nothing had happened.
func TestLostStatements(t *testing.T) {
	p, through := newProxy(t, mysqlURL(t))
	db := migrated(t, through)
	for _, f := range []struct {
		name  string
		fault fault
	}{{"request lost", loseRequest}, {"cut in flight", cutInFlight}, {"answer lost", loseAnswer}} {
		t.Run(f.name, func(t *testing.T) { lostStatements(t, db, p, f.fault) })
	}
}

func lostStatements(t *testing.T, db *store.DB, p *proxy, f fault) {
	ctx := t.Context()
	strike := func(t *testing.T, trigger string) {
		p.arm(trigger, f)
		t.Cleanup(func() { require.True(t, p.hasFired(), "the fault was not met") })
	}
	t.Run("Rotate", func(t *testing.T) {
		family := startFamily(t, db)
		r := next(family)
		strike(t, "UPDATE token_families SET generation")
		rotated, err := db.Rotate(ctx, r)
		require.NoError(t, err)
		switch f {
		case loseRequest:
			require.True(t, rotated)
		case loseAnswer:
			require.False(t, rotated, "the repetition finds its own successor, not the old token")
		}
		got, err := db.Family(ctx, family.ID)
		require.NoError(t, err)
		require.Equal(t, r.NewHash, got.TokenHash)
		require.EqualValues(t, 1, got.Generation)
	})
	t.Run("StartFamily", func(t *testing.T) {
		u := addUser(t, db)
		family := newFamily(u)
		strike(t, "COMMIT")
		require.NoError(t, db.StartFamily(ctx, family, u.PasswordHash))
		got, err := db.Family(ctx, family.ID)
		require.NoError(t, err)
		require.Equal(t, family, got)
	})
	t.Run("AddUser", func(t *testing.T) {
		strike(t, "INSERT INTO users")
		u := addUser(t, db)
		got, err := db.UserByID(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, u, got)
	})
	t.Run("Revoke", func(t *testing.T) {
		family := startFamily(t, db)
		strike(t, "UPDATE token_families SET revoked_at")
		_, err := db.Revoke(ctx, family.ID, session.ReasonLogout, start)
		require.NoError(t, err)
		got, err := db.Family(ctx, family.ID)
		require.NoError(t, err)
		require.Equal(t, session.ReasonLogout, got.RevokeReason)
	})
	t.Run("SetPassword", func(t *testing.T) {
		family := startFamily(t, db)
		strike(t, "COMMIT")
		ended, err := db.SetPassword(ctx, family.UserID, []byte("new"), start)
		require.NoError(t, err)
		require.Equal(t, 1, ended)
		got, err := db.Family(ctx, family.ID)
		require.NoError(t, err)
		require.Equal(t, session.ReasonPassword, got.RevokeReason)
	})
	t.Run("UserByEmail", func(t *testing.T) {
		u := addUser(t, db)
		strike(t, "FROM users")
		got, err := db.UserByEmail(ctx, u.Email)
		require.NoError(t, err)
		require.Equal(t, u, got)
	})
}

// TestLostStatementOfRefresh is the same seen from above: a client never notices.
func TestLostStatementOfRefresh(t *testing.T) {
	p, through := newProxy(t, mysqlURL(t))
	db := migrated(t, through)
	signer, err := token.New(token.Config{
		Secret: []byte(strings.Repeat("k", 32)), Algorithm: "HS256", Issuer: "i", Audience: "a", AccessTTL: time.Minute,
	})
	require.NoError(t, err)
	passwords, err := session.NewPasswords(4, 1)
	require.NoError(t, err)
	service := session.New(session.Config{
		Store: db, Tokens: signer, Passwords: passwords, RefreshTTL: time.Hour, SessionMaxTTL: 24 * time.Hour,
	})
	_, err = service.AddUser(t.Context(), "a@example.com", "secret")
	require.NoError(t, err)
	tokens, err := service.Login(t.Context(), "a@example.com", "secret")
	require.NoError(t, err)
	for i := range 30 {
		p.arm("UPDATE token_families SET generation", []fault{loseRequest, cutInFlight, loseAnswer}[i%3])
		tokens, err = service.Refresh(t.Context(), tokens.Refresh)
		require.NoError(t, err)
		require.True(t, p.hasFired())
	}
}

// TestStalledConnection repeats on another connection what one connection swallowed, within the request's time.
func TestStalledConnection(t *testing.T) {
	p, through := newProxy(t, mysqlURL(t))
	db := migrated(t, through+"?read_timeout=1")
	f := startFamily(t, db)
	p.arm("UPDATE token_families SET generation", stall)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	rotated, err := db.Rotate(ctx, next(f))
	require.NoError(t, err)
	require.True(t, rotated)
	require.True(t, p.hasFired())
}

// TestUnreachable: no verb outlives its context, and what it returns is ErrUnavailable without a secret.
func TestUnreachable(t *testing.T) {
	for _, how := range []string{"down", "stalled"} {
		t.Run(how, func(t *testing.T) {
			p, through := newProxy(t, mysqlURL(t))
			db := migrated(t, through)
			f := startFamily(t, db)
			if how == "down" {
				p.close()
			} else {
				p.arm("UPDATE token_families SET generation", stall)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err := db.Rotate(ctx, next(f))
			require.ErrorIs(t, err, session.ErrUnavailable)
			require.Less(t, time.Since(begin), 2*time.Second)
			require.NotContains(t, err.Error(), "p@ss")
			if how == "down" {
				require.Error(t, db.Ping(ctx))
			}
		})
	}
}

// TestRestart: nobody listens for a moment, and the request that comes then succeeds.
func TestRestart(t *testing.T) {
	p, through := newProxy(t, mysqlURL(t))
	db := migrated(t, through)
	f := startFamily(t, db)
	p.close()
	type result struct {
		rotated bool
		err     error
	}
	done := make(chan result, 1)
	go func() {
		rotated, err := db.Rotate(t.Context(), next(f))
		done <- result{rotated, err}
	}()
	time.Sleep(200 * time.Millisecond)
	require.Empty(t, done, "it gave up")
	p.reopen(t)
	require.Equal(t, result{true, nil}, <-done)
}

// TestReadOnly is a failover under way: wait for the writable primary as long as the request lasts.
func TestReadOnly(t *testing.T) {
	p, through := newProxy(t, mysqlURL(t))
	db := migrated(t, through)
	f := startFamily(t, db)
	root := mysqltest.Root(t)
	readOnly := func(on bool) {
		_, err := root.Exec(fmt.Sprintf("SET GLOBAL super_read_only = %t", on))
		require.NoError(t, err)
		if !on {
			_, err := root.Exec("SET GLOBAL read_only = 0")
			require.NoError(t, err)
		}
	}
	t.Cleanup(func() { readOnly(false) })

	readOnly(true)
	connections := p.accepted()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := db.Rotate(ctx, next(f))
	require.ErrorIs(t, err, session.ErrUnavailable)
	require.ErrorContains(t, err, "the server is read-only")
	require.Greater(t, p.accepted(), connections, "the old primary was not left: behind its name may be a new one")

	time.AfterFunc(300*time.Millisecond, func() { readOnly(false) })
	begin := time.Now()
	rotated, err := db.Rotate(t.Context(), next(f))
	require.NoError(t, err)
	require.True(t, rotated)
	require.Greater(t, time.Since(begin), 200*time.Millisecond, "the server was not read-only")
}

// holdRow locks a family's row from outside until release is called.
func holdRow(t *testing.T, databaseURL string, id token.ID) (tx *sql.Tx, release func()) {
	t.Helper()
	tx, err := mysqltest.Root(t).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.Exec("UPDATE "+mysqltest.Name(databaseURL)+".token_families SET revoked_reason = 'held' WHERE family_id = ?", id[:])
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx, func() { require.NoError(t, tx.Rollback()) }
}

// waiting returns the connection that waits for a row with a statement on the table.
func waiting(t *testing.T, database string) (id int64) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := mysqltest.Root(t).QueryRow(`SELECT t.processlist_id FROM performance_schema.threads t
			JOIN performance_schema.data_lock_waits w ON w.requesting_thread_id = t.thread_id WHERE t.processlist_db = ?`, database).Scan(&id)
		if err == nil {
			return id
		}
		require.ErrorIs(t, err, sql.ErrNoRows)
		require.True(t, time.Now().Before(deadline), "nobody waits for the row")
	}
}

func TestLockWaitTimeout(t *testing.T) {
	databaseURL := mysqlURL(t)
	db := migrated(t, databaseURL)
	f := startFamily(t, db)
	_, release := holdRow(t, databaseURL, f.ID)
	time.AfterFunc(2300*time.Millisecond, release) // longer than a statement waits
	rotated, err := db.Rotate(t.Context(), next(f))
	require.NoError(t, err)
	require.True(t, rotated)

	// MySQL takes back the statement alone. Were the transaction not given up, its repetition would wait for its own locks.
	f = startFamily(t, db)
	_, release = holdRow(t, databaseURL, f.ID)
	time.AfterFunc(2300*time.Millisecond, release)
	ended, err := db.SetPassword(t.Context(), f.UserID, []byte("new"), start)
	require.NoError(t, err)
	require.Equal(t, 1, ended)
}

func TestKilledConnection(t *testing.T) {
	databaseURL := mysqlURL(t)
	db := migrated(t, databaseURL)
	for _, kill := range []string{"KILL QUERY", "KILL CONNECTION"} {
		f := startFamily(t, db)
		_, release := holdRow(t, databaseURL, f.ID)
		done := make(chan error, 1)
		go func() {
			rotated, err := db.Rotate(t.Context(), next(f))
			if err == nil && !rotated {
				err = fmt.Errorf("not rotated")
			}
			done <- err
		}()
		_, err := mysqltest.Root(t).Exec(fmt.Sprintf("%s %d", kill, waiting(t, mysqltest.Name(databaseURL))))
		require.NoError(t, err)
		release()
		require.NoError(t, <-done, kill)
	}
}

// TestDeadlock makes a password change the victim of a deadlock with somebody else's transaction.
func TestDeadlock(t *testing.T) {
	databaseURL := mysqlURL(t)
	db := migrated(t, databaseURL)
	f := startFamily(t, db)
	deadlocks := func() (n int) {
		require.NoError(t, mysqltest.Root(t).QueryRow(`SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'`).Scan(&n))
		return n
	}
	before := deadlocks()
	database := mysqltest.Name(databaseURL)
	_, err := mysqltest.Root(t).Exec("CREATE TABLE " + database + ".ballast (n INT)")
	require.NoError(t, err)
	hostile, release := holdRow(t, databaseURL, f.ID)
	_, err = hostile.Exec("INSERT INTO " + database + ".ballast VALUES (1)" + strings.Repeat(", (1)", 200)) // MySQL sacrifices who changed less
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		ended, err := db.SetPassword(t.Context(), f.UserID, []byte("new"), start)
		if err == nil && ended != 1 {
			err = fmt.Errorf("ended %d families", ended)
		}
		done <- err
	}()
	waiting(t, database) // it has the user's row, and wants the family's
	var statement string
	require.NoError(t, mysqltest.Root(t).QueryRow(`SELECT trx_query FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`).Scan(&statement),
		"MySQL cannot show a statement of ours")
	require.Contains(t, statement, "UPDATE token_families SET revoked_at")
	_, err = hostile.Exec("UPDATE "+database+".users SET last_login_at = 1 WHERE id = ?", f.UserID[:])
	require.NoError(t, err)
	release()
	require.NoError(t, <-done)
	require.Greater(t, deadlocks(), before, "there was no deadlock")
}
