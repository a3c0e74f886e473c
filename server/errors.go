package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

// What the edge itself refuses. The texts are sent to the client, so they say what to do and never quote the request.
var (
	errMalformedJSON  = errors.New("the body is not valid JSON")
	errBodyIncomplete = errors.New("the body did not arrive in full")
	errNoBearer       = errors.New("an access token is needed, as Authorization: Bearer")
	errBadBearer      = errors.New("the access token is not valid")
	errCrossSite      = errors.New("a page of another site may not do this")
	errNotFound       = errors.New("there is nothing here")
	errBadMethod      = errors.New("this method is not allowed here, see Allow")
	errTooLarge       = errors.New("the body is larger than 16 KiB")
	errNotJSON        = errors.New("the body must be sent as Content-Type: application/json, in UTF-8")
	errWrongField     = errors.New("the body does not fit")
	errThrottled      = errors.New("too many logins have failed, try again later")
	errPanic          = errors.New("panic")
)

// statuses is the one place where errors become statuses. What is not in it is a programming error, a 500.
var statuses = []struct {
	err    error
	status int
}{
	{errMalformedJSON, http.StatusBadRequest},
	{errBodyIncomplete, http.StatusBadRequest},
	{errNoBearer, http.StatusUnauthorized},
	{errBadBearer, http.StatusUnauthorized},
	{session.ErrBadCredentials, http.StatusUnauthorized},
	{session.ErrInvalidToken, http.StatusUnauthorized},
	{errCrossSite, http.StatusForbidden},
	{errNotFound, http.StatusNotFound},
	{errBadMethod, http.StatusMethodNotAllowed},
	{errTooLarge, http.StatusRequestEntityTooLarge},
	{errNotJSON, http.StatusUnsupportedMediaType},
	{errWrongField, http.StatusUnprocessableEntity},
	{errThrottled, http.StatusTooManyRequests},
	{session.ErrPasswordTooLong, http.StatusUnprocessableEntity},
	{session.ErrUnavailable, http.StatusServiceUnavailable},
}

// problem is an error as the client reads it: RFC 9457, whose detail member is also where FastAPI's clients look.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// fail answers with the problem that err is, and logs what is not the client's doing. It never touches a cookie.
func (h *handlers) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := http.StatusInternalServerError, "the server has failed"
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			status, detail = s.status, s.err.Error()
			break
		}
	}
	var throttled *throttle.Error
	switch {
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", strconv.Itoa(int(throttled.RetryAfter.Seconds())))
	case errors.Is(err, errWrongField), errors.Is(err, errMalformedJSON):
		detail = err.Error() // says which field, in words of ours
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", h.challenge(err))
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
		detail = session.ErrUnavailable.Error()
		h.log.LogAttrs(r.Context(), slog.LevelWarn, "unavailable", slog.Any("error", err))
	case status == http.StatusInternalServerError:
		h.log.LogAttrs(r.Context(), slog.LevelError, "failed", slog.Any("error", err))
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
	if err := writeJSON(w, status, "application/problem+json", p); err != nil {
		h.log.ErrorContext(r.Context(), "failed", "error", err)
	}
}

// challenge is the WWW-Authenticate of a 401, which RFC 9110 section 15.5.2 demands of every 401. The error code belongs
// to requests that showed an access token, not to those that showed none (RFC 6750 section 3.1).
func (h *handlers) challenge(err error) string {
	c := `Bearer realm="` + h.realm + `"`
	if errors.Is(err, errBadBearer) {
		c += `, error="invalid_token", error_description="` + errBadBearer.Error() + `"`
	}
	return c
}
