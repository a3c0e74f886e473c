package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/throttle"
)

// deps is what the HTTP edge needs. Clock and store are inside sessions.
type deps struct {
	sessions       *session.Service
	logins         *throttle.Logins
	ready          func(context.Context) error // asks the database, for /readyz
	log            *slog.Logger
	realm          string   // in WWW-Authenticate
	secureCookie   bool     // everywhere but in dev
	trustedOrigins []string // validated by loadConfig
	trustedProxies []string // this too
}

// requestTimeout bounds a request, the wait for a password slot included. Its store calls have a bound of their own (see
// session.Config.StoreTimeout), as they must outlive a client that hangs up.
const requestTimeout = 10 * time.Second

// newHandler is the whole API, and the order of everything that happens around it.
func newHandler(d deps) http.Handler {
	h := &handlers{deps: d}
	crossOrigin := http.NewCrossOriginProtection()
	for _, o := range d.trustedOrigins {
		_ = crossOrigin.AddTrustedOrigin(o)
	}
	crossOrigin.SetDenyHandler(h.handle(func(http.ResponseWriter, *http.Request) error { return errCrossSite }))

	r := chi.NewRouter()
	r.Use(withRequestID, h.logRequests, h.recoverPanics, safeHeaders, h.cors, crossOrigin.Handler, withDeadline, middleware.GetHead)
	r.NotFound(h.handle(func(http.ResponseWriter, *http.Request) error { return errNotFound }))
	r.MethodNotAllowed(h.methodNotAllowed(r))

	r.With(clientAddress(d.trustedProxies)).Post("/auth/login", h.handle(h.login))
	r.Post("/auth/refresh", h.handle(h.refresh))
	r.Post("/auth/logout", h.handle(h.logout))
	r.Get("/me", h.handle(h.me))
	r.Get("/healthz", h.handle(h.alive))
	r.Get("/readyz", h.handle(h.readiness))
	return r
}

// methodNotAllowed names the methods that the path does have, as RFC 9110 section 15.5.6 demands; chi would only in its own text.
func (h *handlers) methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return h.handle(func(w http.ResponseWriter, r *http.Request) error {
		path := r.URL.RawPath
		if path == "" {
			path = r.URL.Path
		}
		var allow []string
		for _, methods := range [][]string{{http.MethodGet, http.MethodHead}, {http.MethodPost}} {
			if routes.Match(chi.NewRouteContext(), methods[0], path) {
				allow = append(allow, methods...)
			}
		}
		if allow == nil { // chi comes here for a method that it does not know, whatever the path
			return errNotFound
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return errBadMethod
	})
}
