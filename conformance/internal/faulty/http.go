package faulty

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxBody is the most that a request body may have, in bytes.
const maxBody = 16 << 10

// call says which answer is being made, since some faults have only one of them.
type call string

const (
	onLogin   call = "login"
	onRefresh call = "refresh"
	onLogout  call = "logout"
)

type route struct {
	methods []string
	handle  http.HandlerFunc
}

func (s *Server) makeRoutes() map[string]route {
	get, post := []string{http.MethodGet, http.MethodHead}, []string{http.MethodPost}
	routes := map[string]route{
		"/auth/login":   {post, s.login},
		"/auth/refresh": {post, s.refresh},
		"/auth/logout":  {post, s.logout},
		"/me":           {get, s.me},
		"/healthz":      {get, s.health},
		"/readyz":       {get, s.health},
	}
	if s.has("login-credentials-in-url") {
		routes["/auth/login"] = route{append(get, post...), s.login}
	}
	if s.has("tx-get-refresh/get") {
		routes["/auth/refresh"] = route{append(get, post...), s.refresh}
	}
	if s.has("tx-get-refresh") {
		routes["/auth/refresh"] = route{append(get, "POST", "PUT", "PATCH", "DELETE"), s.refresh}
	}
	if s.has("logout-by-get") {
		routes["/auth/logout"] = route{append(get, post...), s.logout}
	}
	if s.has("at-filter-by-path") {
		routes["/me/"] = route{get, s.meUnfiltered}
	}
	return routes
}

// ServeHTTP answers every request: what holds for all of them, then the one handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.commonHeaders(w, r)
	s.logRequest(r)
	if !s.sameSite(r) {
		if s.has("cookie-cleared-by-csrf-failure") {
			s.setCookie(w, r, onLogout, "", 0)
		}
		if s.has("tx-refresh-csrf/checked-late") && r.URL.Path == "/auth/refresh" {
			s.refresh(nowhere{}, r) // the token is spent, and only then is the page refused
		}
		s.problem(w, http.StatusForbidden, "a page of another site may not do this")
		return
	}
	route, known := s.routes[r.URL.Path]
	method := r.Method
	if override := r.Header.Get("X-HTTP-Method-Override"); s.has("tx-get-refresh/method-override") && override != "" {
		method = override
	}
	switch {
	case !known:
		s.problem(w, http.StatusNotFound, "there is nothing here")
	case slices.Contains(route.methods, method):
		if !s.withoutState(w, r) {
			route.handle(w, r)
		}
	case s.has("tx-405-is-404"):
		s.problem(w, http.StatusNotFound, "there is nothing here")
	default: // RFC 9110 section 15.5.6 demands Allow
		if !s.has("tx-405-without-allow") {
			w.Header().Set("Allow", strings.Join(route.methods, ", "))
		}
		s.problem(w, http.StatusMethodNotAllowed, "this method is not allowed here, see Allow")
	}
}

// commonHeaders keeps answers out of caches (RFC 6749 section 5.1) and browsers from guessing what they are.
func (s *Server) commonHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case s.has("tx-no-store-missing"):
	case s.has("tx-no-store-missing/refresh") && r.URL.Path == "/auth/refresh":
	case s.has("tx-no-store-missing/weakened"):
		h.Set("Cache-Control", "no-cache, private")
	default:
		h.Set("Cache-Control", "no-store")
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if s.has("tx-cors-any-origin") {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Vary", "Origin")
		}
		if s.has("tx-cors-no-vary") {
			h.Set("Access-Control-Allow-Origin", origin)
		}
	}
}

// sameSite reports whether the request may change anything: browsers say where a page comes from, other clients say nothing.
func (s *Server) sameSite(r *http.Request) bool {
	switch {
	case s.has("login-csrf-simple-content-type/cross-site") && r.URL.Path == "/auth/login",
		s.has("tx-refresh-csrf") && r.URL.Path == "/auth/refresh",
		s.has("logout-csrf") && r.URL.Path == "/auth/logout":
		return true
	}
	return s.crossOrigin.Check(r) == nil
}

// readBody reads the whole body, or answers and returns false: nothing must fail for its sake once a token is spent.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	reader := http.MaxBytesReader(w, r.Body, maxBody)
	if s.has("login-unbounded-password-dos") {
		reader = r.Body
	}
	body, err := io.ReadAll(reader)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.problem(w, http.StatusRequestEntityTooLarge, "the body is larger than 16 KiB")
	case err != nil:
		s.problem(w, http.StatusBadRequest, "the body did not arrive in full")
	}
	return body, err == nil
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "application/json", map[string]any{"status": "ok"})
}

// unauthorized answers 401, which always carries a challenge (RFC 9110 section 15.5.2).
func (s *Server) unauthorized(w http.ResponseWriter, detail string) {
	if !s.has("tx-401-without-challenge") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="faulty"`)
	}
	s.problem(w, http.StatusUnauthorized, detail)
}

// problem answers with an error (RFC 9457). It never touches a cookie.
func (s *Server) problem(w http.ResponseWriter, status int, detail string) {
	if s.has("tx-no-store-missing/errors") {
		w.Header().Del("Cache-Control")
	}
	body := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail}
	switch {
	case s.has("tx-error-not-problem-json"):
		http.Error(w, detail, status)
	case s.has("tx-error-without-detail"):
		delete(body, "detail")
		fallthrough
	default:
		answer(w, status, "application/problem+json", body)
	}
}

// answer writes an answer in JSON.
func answer(w http.ResponseWriter, status int, contentType string, body map[string]any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // only strings and numbers are ever put in
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that has hung up changes nothing
}

// nowhere is an answer that nobody gets.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
