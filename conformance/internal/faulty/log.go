package faulty

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// logRequest writes a line for each request: never its query, headers or body.
func (s *Server) logRequest(r *http.Request) {
	s.log.Info("request", "method", r.Method, "path", r.URL.Path)
	cookies, bearer := strings.Join(refreshCookies(r), " "), r.Header.Get("Authorization")
	switch {
	case s.has("st-token-in-logs") && cookies != "":
		s.log.Debug("cookie", "value", cookies)
	case s.has("st-token-in-logs/base64") && cookies != "":
		s.log.Debug("dump", "headers", base64.StdEncoding.EncodeToString([]byte("Cookie: refresh_token="+cookies+"\r\n")))
	case s.has("st-token-in-logs/signature") && cookies != "":
		s.log.Debug("cookie", "value", "…"+cookies[strings.LastIndexByte(cookies, '.')+1:])
	case s.has("st-token-in-logs/access") && bearer != "":
		s.log.Debug("authorization", "value", bearer)
	}
}

// logRefusal writes why a login was refused, for which the password is of no use.
func (s *Server) logRefusal(u user, password string) {
	switch {
	case s.has("st-token-in-logs/mistyped"):
		s.log.Warn("login_failed", "user", u.id, "password", password)
	case !s.has("op-attacks-not-logged/login"):
		s.log.Warn("login_failed", "user", u.id)
	}
}

func logFaults() []Fault {
	return []Fault{
		{Name: "st-token-in-logs", What: "the log holds the refresh cookies", Needs: Logs},
		{Name: "st-token-in-logs/base64", What: "the log holds a dump of the headers in base64", Needs: Logs},
		{Name: "st-token-in-logs/signature", What: "the log holds the last part of refresh tokens", Needs: Logs},
		{Name: "st-token-in-logs/access", What: "the log holds the Authorization headers", Needs: Logs},
		{Name: "st-token-in-logs/password", What: "the log holds the bodies of logins", Needs: Logs},
		{Name: "st-token-in-logs/mistyped", What: "the log holds the passwords that were wrong", Needs: Logs},
		{Name: "st-token-in-logs/secret", What: "the log holds the secret that signs tokens", Needs: Logs},
		{Name: "op-attacks-not-logged", What: "a rotated token that comes back is not logged", Needs: Logs},
		{Name: "op-attacks-not-logged/login", What: "a refused login is not logged", Needs: Logs},
	}
}
