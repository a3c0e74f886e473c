package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

type handlers struct{ deps }

// handle turns a handler that returns an error into one that answers it.
func (h *handlers) handle(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			h.fail(w, r, err)
		}
	}
}

// login answers POST /auth/login. A cookie that comes along is left alone, and so is its session.
func (h *handlers) login(w http.ResponseWriter, r *http.Request) error {
	c, err := decodeCredentials(w, r)
	if err != nil {
		return err
	}
	attempt, err := h.beginLogin(r.Context(), c.Email)
	if err != nil {
		return err
	}
	defer attempt.End()
	tokens, err := h.sessions.Login(r.Context(), c.Email, c.Password)
	switch {
	case errors.Is(err, session.ErrBadCredentials):
		attempt.Failed()
		return err
	case err != nil:
		return err
	}
	attempt.Succeeded()
	return h.writeTokens(w, tokens)
}

// beginLogin refuses a login, before it costs anything, where too many have failed; alike for accounts that exist and those that
// do not. Without an address, as when a trusted proxy names none, all who have none share one.
func (h *handlers) beginLogin(ctx context.Context, email string) (*throttle.Attempt, error) {
	if normalized, err := session.NormalizeEmail(email); err == nil {
		email = normalized
	}
	address := middleware.GetClientIPAddr(ctx)
	attempt, err := h.logins.Begin(email, address)
	var refused *throttle.Error
	if errors.As(err, &refused) {
		h.log.WarnContext(ctx, "login_throttled", "scope", refused.Scope, "address", throttle.Network(address), "retry_after", refused.RetryAfter)
		return nil, fmt.Errorf("%w: %w", errThrottled, err)
	}
	return attempt, err
}

// refresh answers POST /auth/refresh. Two cookies mean that somebody else set one of them, a sibling domain
// perhaps; using either could spend the right one, or punish its owner for the wrong one, so neither is used.
func (h *handlers) refresh(w http.ResponseWriter, r *http.Request) error {
	if _, err := readBody(w, r); err != nil { // ignored, but nothing must fail once the token is rotated
		return err
	}
	tokens := refreshTokens(r)
	if len(tokens) != 1 {
		return session.ErrInvalidToken
	}
	next, err := h.sessions.Refresh(r.Context(), tokens[0])
	if err != nil {
		return err
	}
	return h.writeTokens(w, next)
}

// logout answers POST /auth/logout, which ends the session of every refresh cookie: a header has room for some thirty, and only
// genuine ones reach the database. The browser's cookie is deleted when that is durable, not before: it is what the user
// needs to try again.
func (h *handlers) logout(w http.ResponseWriter, r *http.Request) error {
	if _, err := readBody(w, r); err != nil {
		return err
	}
	if err := h.sessions.Logout(r.Context(), refreshTokens(r)...); err != nil {
		return err
	}
	http.SetCookie(w, deletedCookie(h.secureCookie))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// me answers GET /me.
func (h *handlers) me(w http.ResponseWriter, r *http.Request) error {
	raw, err := bearerToken(r)
	if err != nil {
		return err
	}
	user, err := h.sessions.Authenticate(r.Context(), raw)
	if errors.Is(err, session.ErrInvalidToken) {
		return errBadBearer
	} else if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, "application/json", map[string]string{"id": user.ID.String(), "email": user.Email})
}

// bearerToken returns the access token of a request (RFC 6750 section 2.1).
func bearerToken(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", errNoBearer
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if token = strings.TrimLeft(token, " "); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoBearer
	}
	if len(headers) > 1 { // two proxies could each believe another one
		return "", errBadBearer
	}
	return token, nil
}

// alive answers GET /healthz: the process serves. It asks nobody, since a restart mends no database.
func (h *handlers) alive(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, "application/json", map[string]string{"status": "ok"})
}

// readyTimeout is how long the database may take to be called ready.
const readyTimeout = 2 * time.Second

// readiness answers GET /readyz: the database answers too.
func (h *handlers) readiness(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := h.ready(ctx); err != nil {
		return fmt.Errorf("%w: readiness: %w", session.ErrUnavailable, err)
	}
	return writeJSON(w, http.StatusOK, "application/json", map[string]string{"status": "ready"})
}

// writeTokens answers a login or a refresh: the refresh token as a cookie and nowhere else.
func (h *handlers) writeTokens(w http.ResponseWriter, t session.Tokens) error {
	http.SetCookie(w, refreshCookie(t.Refresh, t.RefreshTTL, h.secureCookie))
	return writeJSON(w, http.StatusOK, "application/json", struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}{t.Access, "Bearer", int64(t.AccessTTL / time.Second)})
}
