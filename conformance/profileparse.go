package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ParseProfile reads a profile strictly, and fills in the kit's contract where it says nothing. An error names line and column.
func ParseProfile(raw []byte) (Profile, error) {
	var p Profile
	if err := strict(raw, reflect.TypeFor[Profile]()); err != nil {
		return Profile{}, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return Profile{}, profileError(raw, d.InputOffset(), err)
	}
	if d.More() {
		return Profile{}, profileError(raw, d.InputOffset(), errors.New("there is more behind the profile's end"))
	}
	return p.complete()
}

func profileError(raw []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset - 1 // it has read the character that is wrong
	}
	return errorAt(raw, offset, strings.TrimPrefix(err.Error(), "json: "))
}

func errorAt(raw []byte, offset int64, text string) error {
	before := string(raw[:min(max(offset, 0), int64(len(raw)))])
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	return fmt.Errorf("profile, line %d, column %d: %s", line, column, text)
}

// fits reports whether a JSON token begins a value of the type; null fits any.
func fits(token json.Token, t reflect.Type) bool {
	if t == nil || token == nil {
		return true
	}
	switch v := token.(type) {
	case json.Delim:
		return v == '[' && t.Kind() == reflect.Slice || v == '{' && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map)
	case json.Number:
		_, err := v.Int64()
		return t.Kind() == reflect.Int && err == nil
	}
	return reflect.TypeOf(token).Kind() == t.Kind()
}

// kindName is a Go type in JSON's words.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		_, one, _ := strings.Cut(kindName(t.Elem()), " ")
		return "a list of " + one + "s"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	}
	return "a " + t.String()
}

// strict finds a key that the format does not know, or that comes twice, and a value of another kind than it should be, wherever it stands.
// What is no JSON is left to the decoder.
func strict(raw []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := valueOf(d, raw, t, ""); !errors.Is(err, errNoJSON) {
		return err
	}
	return nil
}

// errNoJSON: the decoder will say it better.
var errNoJSON = errors.New("no JSON")

// valueOf goes through the value that d comes to, which should be a t; t nil: anything.
func valueOf(d *json.Decoder, raw []byte, t reflect.Type, where string) error {
	token, err := d.Token()
	if err != nil {
		return errNoJSON
	}
	if !fits(token, t) {
		return errorAt(raw, d.InputOffset(), fmt.Sprintf("%s must be %s", cmp.Or(where, "a profile"), kindName(t)))
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		inner, at := elem(t), fmt.Sprintf("%s[%d]", where, i)
		if delim == '{' {
			token, err := d.Token()
			key, ok := token.(string)
			if err != nil || !ok {
				return errNoJSON
			}
			offset := d.InputOffset() - int64(len(key)) - 1
			if seen[key] {
				return errorAt(raw, offset, fmt.Sprintf("key %q comes twice", key))
			}
			seen[key] = true
			at = strings.TrimPrefix(where+"."+key, ".")
			if t != nil && t.Kind() == reflect.Struct {
				var known []string
				if inner, known = field(t, key); inner == nil {
					return errorAt(raw, offset, fmt.Sprintf("unknown key %q%s; nearest: %s", key, in(where), nearestOf(key, known)))
				}
			}
		}
		if err := valueOf(d, raw, inner, at); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // else the closing bracket
		return errNoJSON
	}
	return nil
}

func in(where string) string {
	if where == "" {
		return ""
	}
	return " in " + where
}

// elem is the type of what a list or a map of this type holds.
func elem(t reflect.Type) reflect.Type {
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && t.Elem().Kind() != reflect.Interface {
		return t.Elem()
	}
	return nil
}

// field is the type of a struct's member, nil: it has none of that name; and the names that it has.
func field(t reflect.Type, key string) (reflect.Type, []string) {
	var known []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == key {
			return t.Field(i).Type, nil
		}
		known = append(known, name)
	}
	return nil, known
}

func nearestOf(word string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
}
