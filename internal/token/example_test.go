package token_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jwt-toy/jwt-toy/internal/token"
)

func Example() {
	signer, err := token.New(token.Config{
		Secret:    []byte("an example secret of 32 bytes..."),
		Algorithm: "HS256",
		Issuer:    "jwt-toy",
		Audience:  "jwt-toy-client",
		AccessTTL: 15 * time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	user := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	login := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

	access, _ := signer.Access(user, login)
	said, _ := signer.VerifyAccess(access, login)
	fmt.Println("user", said.UserID, "until", said.ExpiresAt.Format(time.TimeOnly))

	_, err = signer.VerifyAccess(access, said.ExpiresAt)
	fmt.Println("later:", errors.Is(err, token.ErrInvalid))

	// A refresh token is genuine for ever; whether it is alive, its family's row says.
	refresh, _ := signer.Refresh(token.Refresh{
		FamilyID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058"), UserID: user, Generation: 3,
		IssuedAt: login, ExpiresAt: login.Add(30 * 24 * time.Hour), AbsoluteEnd: login.Add(90 * 24 * time.Hour),
	})
	parsed, err := signer.ParseRefresh(refresh)
	fmt.Println("generation", parsed.Generation, err)
	_, err = signer.ParseRefresh(access)
	fmt.Println("an access token is none:", errors.Is(err, token.ErrInvalid))
	// Output:
	// user 01890a5d-ac96-774b-bcce-b302099a8057 until 03:19:05
	// later: true
	// generation 3 <nil>
	// an access token is none: true
}
