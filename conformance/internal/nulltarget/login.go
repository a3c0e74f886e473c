package nulltarget

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// accessToken looks like an access token. It is nobody's, and nobody has signed it.
const accessToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJub2JvZHkifQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const tokenBody = `{"access_token":"` + accessToken + `","token_type":"Bearer","expires_in":900}` + "\n"

// sameTokens answers with the same two tokens as ever.
func sameTokens(w http.ResponseWriter) {
	setRefreshCookie(w, "the-same-as-ever-the-same-as-ever-the-same-as-ever")
	w.Header().Set("Cache-Control", "no-store")
	reply(w, http.StatusOK, "application/json", tokenBody)
}

func setRefreshCookie(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: "refresh_token", Value: value, Path: "/auth", MaxAge: 30 * 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// checked knows the two demonstration users, unchecked everybody.
func checked(email, password string) bool {
	return email == "alice@example.com" && password == "alice-demo-password" || email == "bob@example.com" && password == "bob-demo-password"
}

func unchecked(string, string) bool { return true }

// afterLogin answers POST /auth/login as it should be answered, with tokens that are new each time, and all else with rest.
func afterLogin(check func(email, password string) bool, rest func(http.ResponseWriter)) func() (string, func(), error) {
	return web(func() http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != "/auth/login" {
				rest(w)
				return
			}
			var login struct{ Email, Password string }
			err := json.NewDecoder(io.LimitReader(r.Body, 16<<10)).Decode(&login)
			if err != nil || !check(login.Email, login.Password) {
				refuse(w, http.StatusUnauthorized)
				return
			}
			setRefreshCookie(w, rand.Text()+rand.Text())
			w.Header().Set("Cache-Control", "no-store")
			reply(w, http.StatusOK, "application/json", newTokenBody(time.Now()))
		}
	})
}

// newTokenBody has an access token with claims that are in order and a signature that is noise.
func newTokenBody(now time.Time) string {
	segment := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"iss":"null","aud":"null","sub":"nobody","iat":%d,"exp":%d,"jti":%q}`, now.Unix(), now.Unix()+900, rand.Text())
	token := segment([]byte(`{"alg":"HS256","typ":"at+jwt"}`)) + "." + segment([]byte(claims)) + "." + segment([]byte(rand.Text()+"012345"))
	return fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":900}`+"\n", token)
}
