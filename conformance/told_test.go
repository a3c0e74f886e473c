package conformance_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// Whoever cannot even log in is told what the target says is wrong with the request, in the form in which FastAPI lists it, and no secret.
func TestPreflightQuotesTheTarget(t *testing.T) {
	for answer, want := range map[string]string{
		`{"detail": "use username"}`: "answered 422 use username, so",
		`{"detail": [{"type": "missing", "loc": ["body", "username"], "msg": "Field required", "input": {"password": "alice-demo-password"}}]}`: "answered 422 body: username: Field required, so",
		`{"detail": ["odd", 1]}`:           "answered 422",
		`{"detail": {"email": "missing"}}`: "answered 422, so",
		`nothing of the kind`:              "answered 422, so",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, answer)
		}))
		t.Cleanup(srv.Close)
		_, err := conformance.Run(t.Context(), conformance.Options{Target: srv.URL})
		require.ErrorIs(t, err, conformance.ErrUnavailable)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "demo-password")
	}
}
