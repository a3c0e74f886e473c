package store_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// BenchmarkRotate is the store's part of a refresh, at several numbers of clients, each with a family of its own.
func BenchmarkRotate(b *testing.B) {
	for _, e := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"mysql", mysqlURL}} {
		for _, clients := range []int{1, 16, 48} {
			b.Run(fmt.Sprintf("%s/clients=%d", e.name, clients), func(b *testing.B) {
				benchmarkRotate(b, e.url(b), clients)
			})
		}
	}
}

func benchmarkRotate(b *testing.B, url string, clients int) {
	db := migrated(b, url)
	now := time.Now().UTC()
	user := session.User{ID: uuid.Must(uuid.NewV7()), Email: "a@b", PasswordHash: []byte("x"), CreatedAt: now}
	require.NoError(b, db.AddUser(b.Context(), user))
	rotations := make(chan session.Rotation, clients)
	for range clients {
		f := session.Family{
			ID: uuid.Must(uuid.NewV7()), UserID: user.ID, TokenHash: token.Hash(rand.Text()),
			CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour), AbsoluteEnd: now.Add(time.Hour),
		}
		require.NoError(b, db.StartFamily(b.Context(), f, user.PasswordHash))
		rotations <- session.Rotation{FamilyID: f.ID, OldHash: f.TokenHash, At: now, ExpiresAt: f.ExpiresAt}
	}
	left := make(chan struct{}, b.N)
	for range b.N {
		left <- struct{}{}
	}
	close(left)
	done := make(chan error, clients)
	b.ResetTimer()
	for range clients {
		go func() {
			r := <-rotations
			for range left {
				r.NewHash = token.Hash(rand.Text())
				rotated, err := db.Rotate(b.Context(), r)
				if err != nil || !rotated {
					done <- errors.Join(fmt.Errorf("rotate: %t", rotated), err)
					return
				}
				r.Generation, r.OldHash = r.Generation+1, r.NewHash
			}
			done <- nil
		}()
	}
	for range clients {
		require.NoError(b, <-done)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rotations/s")
}
