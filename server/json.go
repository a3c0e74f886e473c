package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody is the most that a request body may have, in bytes. A login needs some 400.
const maxBody = 16 << 10

// credentials is the body of a login.
type credentials struct {
	Email    string
	Password string
}

// decodeCredentials reads a login. encoding/json alone would take the last of two equal keys, a key in the wrong case, and bytes
// that are not UTF-8, each of which lets two readers of one request see two different requests (RFC 8259 section 4).
func decodeCredentials(w http.ResponseWriter, r *http.Request) (credentials, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || mediaType != "application/json" ||
		charset != "" && !strings.EqualFold(charset, "utf-8") || len(r.Header.Values("Content-Type")) > 1 {
		return credentials{}, errNotJSON
	}
	body, err := readBody(w, r)
	if err != nil {
		return credentials{}, err
	}
	fields, err := parseObject(body)
	if err != nil {
		return credentials{}, err
	}
	var c credentials
	if c.Email, err = stringField(fields, "email"); err != nil {
		return credentials{}, err
	}
	if c.Password, err = stringField(fields, "password"); err != nil {
		return credentials{}, err
	}
	return c, nil
}

// readBody reads the whole body, or fails without effect.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil: // cut off, too slow, or badly chunked
		return nil, errBodyIncomplete
	}
	return body, nil
}

// parseObject parses body, which must be one JSON object without a repeated key, and returns its members unparsed.
func parseObject(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errMalformedJSON
	}
	if err := checkKeys(json.NewDecoder(bytes.NewReader(body))); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("%w: the body is not an object", errWrongField)
	}
	return fields, nil
}

// checkKeys reads one value from d, which is known to be valid JSON, and refuses an object that names a key twice.
func checkKeys(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return errMalformedJSON
	}
	delim, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			t, err := d.Token()
			key, _ := t.(string)
			if err != nil || seen[key] {
				return fmt.Errorf("%w: a key appears twice", errMalformedJSON)
			}
			seen[key] = true
		}
		if err := checkKeys(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing bracket
	return err
}

// stringField returns a member that must be there and be a string.
func stringField(fields map[string]json.RawMessage, name string) (string, error) {
	raw, ok := fields[name]
	if !ok {
		return "", fmt.Errorf("%w: %s is missing", errWrongField, name)
	}
	if raw[0] != '"' {
		return "", fmt.Errorf("%w: %s is not a string", errWrongField, name)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", errMalformedJSON
	}
	if strings.ContainsRune(s, utf8.RuneError) { // encoding/json puts it for half a surrogate pair: two strings would become one
		return "", fmt.Errorf("%w: %s has a character that is not Unicode", errWrongField, name)
	}
	return s, nil
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may have hung up, which changes nothing here
	return nil
}
