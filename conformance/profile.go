package conformance

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Profile says how a target spells the contract: its paths, how a request is encoded, and where tokens stand. Its JSON form is
// described by profile.schema.json. What a profile does not say is as in the kit's own contract.
type Profile struct {
	Schema  string `json:"$schema,omitempty"` // for editors
	Name    string `json:"name,omitempty"`
	About   string `json:"about,omitempty"`
	Login   Call   `json:"login"`
	Refresh Call   `json:"refresh"`
	Logout  Call   `json:"logout"`
	Me      Call   `json:"me"` // a protected endpoint; path "-": there is none
	Answer  Answer `json:"answer"`
	Policy  Policy `json:"policy"`
	Storage string `json:"storage,omitempty"` // what the database holds of a refresh token: sha256, or not said
}

// StorageSHA256 is a [Profile]'s claim that the database holds the SHA-256 of a live refresh token.
const StorageSHA256 = "sha256"

// Call is how one call is made. In Body, Query and Headers the words {email}, {password}, {refresh_token} and {access_token} stand for the
// values.
type Call struct {
	Method   string            `json:"method,omitempty"` // POST; of me: GET
	Path     string            `json:"path,omitempty"`
	Query    map[string]string `json:"query,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`  // for example a CSRF header or an Origin
	Encoding string            `json:"encoding,omitempty"` // of Body: json (default) or form
	Body     map[string]any    `json:"body,omitempty"`     // empty: none; of login: {"email": "{email}", "password": "{password}"}
	Token    string            `json:"token,omitempty"`    // where refresh and logout carry the refresh token: cookie (default), or body, which names {refresh_token} in Body, Query or Headers
	Bearer   bool              `json:"bearer,omitempty"`   // refresh and logout also send the access token as Authorization: Bearer
	Refused  []int             `json:"refused,omitempty"`  // statuses of a refused token or password; default 401
}

// Answer is where the target's answers hold what. The places are JSON pointers (RFC 6901).
type Answer struct {
	AccessToken      string `json:"access_token,omitempty"`       // default /access_token
	RefreshToken     string `json:"refresh_token,omitempty"`      // default: a cookie
	Cookie           string `json:"cookie,omitempty"`             // its name; default: the one with refresh in its name, or the only one
	TokenType        string `json:"token_type,omitempty"`         // default /token_type; "-": there is none
	ExpiresIn        string `json:"expires_in,omitempty"`         // default /expires_in; "-": there is none
	Unit             string `json:"unit,omitempty"`               // of lifetimes: s (default) or ms
	RefreshExpiresIn string `json:"refresh_expires_in,omitempty"` // where the refresh token's lifetime is stated, if not by its cookie or its own exp
	SuccessAt        string `json:"success_at,omitempty"`         // a 2xx is a success only if this place …
	SuccessIs        string `json:"success_is,omitempty"`         // … holds this value; for servers that always answer 200
}

//go:embed profiles/*.json
var presetFiles embed.FS

// Presets returns the names of the embedded profiles; the first is the kit's own contract, and the default.
func Presets() []string {
	names := []string{"kit"}
	entries, _ := presetFiles.ReadDir("profiles") // embedded, so it is there
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".json"); name != "kit" {
			names = append(names, name)
		}
	}
	return names
}

// Preset returns an embedded profile.
func Preset(name string) (Profile, error) {
	raw, err := presetFiles.ReadFile("profiles/" + name + ".json")
	if err != nil {
		return Profile{}, fmt.Errorf("there is no profile %q; the presets are %s, anything else is a file", name, strings.Join(Presets(), ", "))
	}
	return ParseProfile(raw)
}

// ParseProfile reads a profile strictly, and fills in the kit's contract where it says nothing. An error names line and column.
func ParseProfile(raw []byte) (Profile, error) {
	var p Profile
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
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
	var kind *json.UnmarshalTypeError
	text := err.Error()
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset - 1 // it has read the character that is wrong
	case errors.As(err, &kind):
		offset, text = kind.Offset, fmt.Sprintf("%s must be a %s, not a %s", kind.Field, kind.Type, kind.Value)
	case strings.HasPrefix(text, "json: unknown field "):
		key := strings.Trim(strings.TrimPrefix(text, "json: unknown field "), `"`)
		if i := bytes.Index(raw, []byte(`"`+key+`"`)); i >= 0 {
			offset = int64(i) + 1
		}
		text = fmt.Sprintf("unknown key %q; nearest: %s", key, nearestOf(key, profileKeys))
	}
	before := string(raw[:min(max(offset, 0), int64(len(raw)))])
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	return fmt.Errorf("profile, line %d, column %d: %s", line, column, strings.TrimPrefix(text, "json: "))
}

var profileKeys = []string{
	"$schema", "name", "about", "login", "refresh", "logout", "me", "answer", "storage", "method", "path", "query", "headers", "encoding", "body", "token", "bearer", "refused",
	"access_token", "refresh_token", "cookie", "token_type", "expires_in", "unit", "refresh_expires_in", "success_at", "success_is",
	"policy", "rotation", "grace_seconds", "grace_answer", "reuse", "lifetime", "access",
}

func nearestOf(word string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
}

// complete fills in the kit's contract and says everything that is wrong.
func (p Profile) complete() (Profile, error) {
	var wrong []string
	defaults := map[*string]string{
		&p.Login.Path: "/auth/login", &p.Refresh.Path: "/auth/refresh", &p.Logout.Path: "/auth/logout", &p.Me.Path: "/me",
		&p.Login.Method: http.MethodPost, &p.Refresh.Method: http.MethodPost, &p.Logout.Method: http.MethodPost, &p.Me.Method: http.MethodGet,
		&p.Refresh.Token: "cookie", &p.Logout.Token: "cookie",
		&p.Answer.AccessToken: "/access_token", &p.Answer.TokenType: "/token_type", &p.Answer.ExpiresIn: "/expires_in", &p.Answer.Unit: "s",
	}
	for field, value := range defaults {
		if *field == "" {
			*field = value
		}
	}
	if p.Login.Body == nil {
		p.Login.Body = map[string]any{"email": "{email}", "password": "{password}"}
	}
	for name, c := range map[string]*Call{"login": &p.Login, "refresh": &p.Refresh, "logout": &p.Logout, "me": &p.Me} {
		if c.Encoding == "" {
			c.Encoding = "json"
		}
		if len(c.Refused) == 0 {
			c.Refused = []int{http.StatusUnauthorized}
		}
		wrong = append(wrong, c.wrong(name)...)
	}
	for place, at := range map[string]string{"access_token": p.Answer.AccessToken, "refresh_token": p.Answer.RefreshToken, "success_at": p.Answer.SuccessAt, "refresh_expires_in": p.Answer.RefreshExpiresIn} {
		if at != "" && !strings.HasPrefix(at, "/") {
			wrong = append(wrong, fmt.Sprintf("answer.%s is %q; a place is a JSON pointer such as /data/%s", place, at, place))
		}
	}
	wrong = append(wrong, p.Policy.complete()...)
	if p.Storage != "" && p.Storage != StorageSHA256 {
		wrong = append(wrong, fmt.Sprintf("storage is %q; want sha256, or nothing where the database holds something else of a token", p.Storage))
	}
	if p.Answer.Unit != "s" && p.Answer.Unit != "ms" {
		wrong = append(wrong, fmt.Sprintf("answer.unit is %q; want s or ms", p.Answer.Unit))
	}
	if (p.Answer.RefreshToken != "") != (p.Refresh.Token == "body") {
		wrong = append(wrong, `answer.refresh_token and refresh.token "body" go together: the token is either in bodies or in a cookie`)
	}
	if wrong != nil {
		slices.Sort(wrong)
		return p, fmt.Errorf("profile: %s", strings.Join(wrong, "\n  "))
	}
	return p, nil
}

func (c Call) wrong(name string) []string {
	var wrong []string
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, c.Method) {
		wrong = append(wrong, fmt.Sprintf("%s.method is %q; want GET, POST, PUT, PATCH or DELETE", name, c.Method))
	}
	if c.Encoding != "json" && c.Encoding != "form" {
		wrong = append(wrong, fmt.Sprintf("%s.encoding is %q; want json or form", name, c.Encoding))
	}
	if !strings.HasPrefix(c.Path, "/") && (name != "me" || c.Path != "-") {
		wrong = append(wrong, fmt.Sprintf("%s.path is %q; want a path that begins with /", name, c.Path))
	}
	if name != "refresh" && name != "logout" {
		return wrong
	}
	template := fmt.Sprint(c.Body, c.Query, c.Headers)
	switch {
	case c.Token != "cookie" && c.Token != "body":
		wrong = append(wrong, fmt.Sprintf("%s.token is %q; want cookie or body", name, c.Token))
	case c.Token == "body" && !strings.Contains(template, "{refresh_token}"):
		wrong = append(wrong, fmt.Sprintf(`%s.token is body, but neither body, query nor headers of %s say where: for example "body": {"refresh_token": "{refresh_token}"}`, name, name))
	}
	return wrong
}

// fill makes the request of a call out of the profile, with values for its words.
func (c Call) fill(e *exchange, values map[string]string) {
	word := func(s string) string {
		for name, v := range values {
			s = strings.ReplaceAll(s, "{"+name+"}", v)
		}
		return s
	}
	e.method, e.path = c.Method, c.Path
	query := url.Values{}
	for k, v := range c.Query {
		query.Set(k, word(v))
	}
	if len(query) > 0 {
		e.path += "?" + query.Encode()
	}
	for k, v := range c.Headers {
		e.header.Set(k, word(v))
	}
	if len(c.Body) == 0 {
		return
	}
	if c.Encoding == "form" {
		form := url.Values{}
		for k, v := range c.Body {
			form.Set(k, word(fmt.Sprint(v)))
		}
		e.body = form.Encode()
		e.header.Set("Content-Type", "application/x-www-form-urlencoded")
		return
	}
	e.body = jsonText(fillJSON(c.Body, word))
	e.header.Set("Content-Type", "application/json")
}

func fillJSON(v any, word func(string) string) any {
	switch v := v.(type) {
	case string:
		return word(v)
	case map[string]any:
		m := map[string]any{}
		for k, item := range v {
			m[k] = fillJSON(item, word)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = fillJSON(item, word)
		}
		return list
	}
	return v
}

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // it was decoded from JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// at follows a JSON pointer (RFC 6901) through objects.
func at(doc map[string]any, pointer string) any {
	var v any = doc
	for _, key := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
	}
	return v
}

// inCookie: the refresh token travels in a cookie.
func (p Profile) inCookie() bool { return p.Answer.RefreshToken == "" }

// hasMe: there is a protected endpoint.
func (p Profile) hasMe() bool { return p.Me.Path != "-" }

// folder is the path that the refresh cookie should be confined to.
func (p Profile) folder() string { return path.Dir(p.Refresh.Path) }
