package faulty

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// credentials reads a login, or answers what is wrong with it and returns false.
func (s *Server) credentials(w http.ResponseWriter, r *http.Request) (email, password string, ok bool) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	isJSON := err == nil && mediaType == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8"))
	body, read := s.readBody(w, r)
	if s.has("login-chunked-body-ignored") && r.ContentLength < 0 {
		body = nil
	}
	switch {
	case s.has("login-content-type-as-text") && r.Header.Get("Content-Type") != "application/json":
		s.problem(w, http.StatusUnsupportedMediaType, "the body must be sent as Content-Type: application/json")
		return "", "", false
	case !read:
		return "", "", false
	case s.has("login-credentials-in-url") && r.URL.Query().Has("password"):
		return r.URL.Query().Get("email"), r.URL.Query().Get("password"), true
	case s.has("login-csrf-simple-content-type/form") && mediaType == "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body))
		return form.Get("email"), form.Get("password"), true
	case s.has("login-csrf-simple-content-type/cross-site") && mediaType == "text/plain":
	case !isJSON && !s.has("login-csrf-simple-content-type"):
		s.problem(w, http.StatusUnsupportedMediaType, "the body must be sent as Content-Type: application/json, in UTF-8")
		return "", "", false
	}
	fields, status, detail := s.parseObject(body)
	if status == http.StatusOK {
		email, status, detail = s.stringField(fields, "email")
	}
	if status == http.StatusOK {
		password, status, detail = s.stringField(fields, "password")
	}
	if status != http.StatusOK {
		s.problem(w, status, detail)
	} else if s.has("login-mass-assignment") {
		s.keepOthers(email, fields)
	}
	return email, password, status == http.StatusOK
}

// keepOthers keeps what a login sent beside e-mail and password, for the claims of its access tokens.
func (s *Server) keepOthers(email string, fields map[string]json.RawMessage) {
	others := map[string]any{}
	for name, raw := range fields {
		var value any
		if err := json.Unmarshal(raw, &value); err == nil && name != "email" && name != "password" {
			others[name] = value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loginBodies[normalize(email)] = others
}

// parseObject parses one JSON object in UTF-8, without a key that comes twice and without anything after it: two readers of such a
// body could see two different requests (RFC 8259 section 4). The status is 200, or what to refuse with.
func (s *Server) parseObject(body []byte) (fields map[string]json.RawMessage, status int, detail string) {
	malformed := http.StatusBadRequest
	if s.has("login-malformed-body-500") {
		malformed = http.StatusInternalServerError
	}
	if s.has("login-json-trailing-data") {
		var first json.RawMessage
		if json.NewDecoder(bytes.NewReader(body)).Decode(&first) == nil {
			body = first
		}
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, malformed, "the body is not valid JSON"
	}
	if repeated(json.NewDecoder(bytes.NewReader(body))) && !s.has("login-json-duplicate-keys") {
		return nil, malformed, "the body is not valid JSON: a key appears twice"
	}
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		if s.has("login-malformed-body-500/not-an-object") {
			return nil, http.StatusInternalServerError, "the server has failed"
		}
		return nil, http.StatusUnprocessableEntity, "the body does not fit: it is not an object"
	}
	return fields, http.StatusOK, ""
}

// repeated reports whether any object in the value that d comes to, which is known to be valid, has a key twice.
func repeated(d *json.Decoder) bool {
	t, err := d.Token()
	delim, nested := t.(json.Delim)
	if err != nil || !nested {
		return false
	}
	seen, twice := map[string]bool{}, false
	for d.More() {
		if delim == '{' {
			t, _ := d.Token()
			key, _ := t.(string)
			twice = twice || seen[key]
			seen[key] = true
		}
		if repeated(d) {
			twice = true
		}
	}
	_, _ = d.Token() // the closing bracket
	return twice
}

// stringField returns a member that must be there and be a string; the status is as in parseObject.
func (s *Server) stringField(fields map[string]json.RawMessage, name string) (value string, status int, detail string) {
	raw, ok := fields[name]
	switch {
	case s.has("login-malformed-body-500/missing-field") && !ok:
		return "", http.StatusInternalServerError, "the server has failed"
	case s.has("login-empty-password-accepted/missing") && name == "password" && (!ok || string(raw) == "null"):
		return "", http.StatusOK, ""
	case !ok:
		return "", http.StatusUnprocessableEntity, fmt.Sprintf("the body does not fit: %s is missing", name)
	case raw[0] != '"':
		return "", http.StatusUnprocessableEntity, fmt.Sprintf("the body does not fit: %s is not a string", name)
	}
	if s.has("login-malformed-body-500/half-character") && bytes.Contains(raw, []byte(`\ud`)) {
		return "", http.StatusInternalServerError, "the server has failed"
	}
	if s.has("login-malformed-body-500/nul") && bytes.Contains(raw, []byte(`\u0000`)) { // PostgreSQL takes none in a text, bcrypt none in a password
		return "", http.StatusInternalServerError, "the server has failed"
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", http.StatusBadRequest, "the body is not valid JSON"
	}
	return value, http.StatusOK, ""
}
