package main

import (
	"io"
	"net/http"

	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
)

// operator is what an operator does to a server beside HTTP, over HTTP, so that shell commands can do it: for the suite's -admin, -restart and
// -jwks.
func operator(s *faulty.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users/{email}/{action}", func(w http.ResponseWriter, r *http.Request) {
		password, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		if err == nil {
			err = s.Admin(r.PathValue("action"), r.PathValue("email"), string(password))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /restart", func(http.ResponseWriter, *http.Request) { s.Restart() })
	mux.HandleFunc("POST /outage/{when}", func(_ http.ResponseWriter, r *http.Request) { s.Outage(r.PathValue("when") == "begin") })
	mux.HandleFunc("GET /jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(s.PublicKeys()) // a client that has hung up changes nothing
	})
	return mux
}
