package report

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// document is a JSON text that remembers where everything stands.
type document struct {
	text []byte
	dec  *json.Decoder
	at   map[string]int64 // path, such as stories[3].verdict → offset
}

func newDocument(text []byte) *document {
	d := &document{text: text, dec: json.NewDecoder(bytes.NewReader(text)), at: map[string]int64{}}
	d.dec.UseNumber()
	return d
}

// errorf is an error about what stands at the path.
func (d *document) errorf(path, format string, args ...any) error {
	return d.errorAt(d.at[path], path+" "+fmt.Sprintf(format, args...))
}

func (d *document) errorAt(offset int64, message string) error {
	before := d.text[:min(offset, int64(len(d.text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Errorf("line %d, column %d: %s", line, column, message)
}

// here is where the next token begins.
func (d *document) here() int64 {
	rest := d.text[d.dec.InputOffset():]
	return int64(len(d.text) - len(bytes.TrimLeft(rest, " \t\r\n,:")))
}

func (d *document) token() (json.Token, error) {
	tok, err := d.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return tok, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, d.errorAt(int64(len(d.text)), "the report ends too early")
	case errors.As(err, &syntax):
		return nil, d.errorAt(d.here(), "this is not JSON: "+syntax.Error())
	}
	return nil, d.errorAt(d.here(), err.Error())
}

// check compares the text with the type of the value that v points at, member by member.
func (d *document) check(v any) error {
	if err := d.value(reflect.TypeOf(v).Elem(), ""); err != nil {
		return err
	}
	end := d.here()
	if _, err := d.dec.Token(); !errors.Is(err, io.EOF) {
		return d.errorAt(end, "the report ended, and this follows it")
	}
	return nil
}

func (d *document) value(t reflect.Type, path string) error {
	d.at[path] = d.here()
	tok, err := d.token()
	if err != nil {
		return err
	}
	mismatch := func(want string) error { return d.errorf(path, "is %s; want %s", kind(tok), want) }
	if text, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		s, ok := tok.(string)
		if !ok {
			return mismatch("a string")
		}
		if err := text.UnmarshalText([]byte(s)); err != nil {
			return d.errorf(path, "%v", err)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		if tok != json.Delim('{') {
			return mismatch("an object")
		}
		return d.members(t, path)
	case reflect.Slice:
		if tok == nil {
			return nil // Go writes an empty one so
		}
		if tok != json.Delim('[') {
			return mismatch("an array")
		}
		for i := 0; d.dec.More(); i++ {
			if err := d.value(t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		_, err := d.token()
		return err
	case reflect.String:
		if _, ok := tok.(string); !ok {
			return mismatch("a string")
		}
	case reflect.Int, reflect.Float64:
		n, ok := tok.(json.Number)
		if !ok {
			return mismatch("a number")
		}
		if err := json.Unmarshal([]byte(n), reflect.New(t).Interface()); err != nil {
			return d.errorf(path, "is %s; want a whole number within range", n)
		}
	default:
		return d.errorf(path, "has the type %s, which Verify does not know", t)
	}
	return nil
}

// members reads an object up to its end.
func (d *document) members(t reflect.Type, path string) error {
	known, required := map[string]reflect.Type{}, []string{}
	var names []string
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		known[name] = t.Field(i).Type
		names = append(names, name)
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	var seen []string
	for d.dec.More() {
		at := d.here()
		tok, err := d.token()
		if err != nil {
			return err
		}
		name, _ := tok.(string) // the decoder lets nothing else pass as a name
		switch {
		case known[name] == nil:
			return d.errorAt(at, fmt.Sprintf("%q is unknown here; known are %s", name, strings.Join(names, ", ")))
		case slices.Contains(seen, name):
			return d.errorAt(at, fmt.Sprintf("%q occurs twice", name))
		}
		seen = append(seen, name)
		if err := d.value(known[name], strings.TrimPrefix(path+"."+name, ".")); err != nil {
			return err
		}
	}
	at := d.here()
	if _, err := d.token(); err != nil {
		return err
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return d.errorAt(at, fmt.Sprintf("the object ends without %q", name))
		}
	}
	return nil
}

func kind(tok json.Token) string {
	switch tok.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	case json.Delim:
		if tok == json.Delim('[') {
			return "an array"
		}
	}
	return "an object"
}
