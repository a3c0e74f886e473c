package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// The life of a token family: login, rotation, and the return of a token that was rotated.
func Example() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// logged in
	// rotated: true
	// the rotated token is refused: true
	// and so is its successor: true
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := store.Open(ctx, "sqlite:///"+filepath.Join(dir, "example.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.MigrateUp(ctx); err != nil {
		return err
	}
	signer, err := token.New(token.Config{
		Secret:    []byte("an example secret of 32 bytes..."),
		Algorithm: "HS256",
		Issuer:    "jwt-toy",
		Audience:  "jwt-toy-client",
		AccessTTL: 15 * time.Minute,
	})
	if err != nil {
		return err
	}
	passwords, err := session.NewPasswords(10, 0)
	if err != nil {
		return err
	}
	sessions := session.New(session.Config{
		Store:         db,
		Tokens:        signer,
		Passwords:     passwords,
		RefreshTTL:    30 * 24 * time.Hour,
		SessionMaxTTL: 90 * 24 * time.Hour,
	})

	if _, err := sessions.AddUser(ctx, "alice@example.com", "correct horse"); err != nil {
		return err
	}
	first, err := sessions.Login(ctx, "alice@example.com", "correct horse")
	if err != nil {
		return err
	}
	fmt.Println("logged in")
	second, err := sessions.Refresh(ctx, first.Refresh)
	if err != nil {
		return err
	}
	fmt.Println("rotated:", first.Refresh != second.Refresh)

	_, err = sessions.Refresh(ctx, first.Refresh) // somebody kept a copy
	fmt.Println("the rotated token is refused:", errors.Is(err, session.ErrInvalidToken))
	_, err = sessions.Refresh(ctx, second.Refresh)
	fmt.Println("and so is its successor:", errors.Is(err, session.ErrInvalidToken))
	return nil
}
