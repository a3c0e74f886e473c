package conformance

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"strings"
)

// Profile says how a target spells the contract: its calls, where tokens travel, and how its answers are to be read. Its JSON form is
// described by profile.schema.json, and docs/profiles.md explains it by examples. What a profile does not say is as in the kit's own contract.
type Profile struct {
	Schema    string `json:"$schema,omitempty"` // for editors
	Name      string `json:"name,omitempty"`
	About     string `json:"about,omitempty"`
	Provision Call   `json:"provision,omitzero"` // makes an account, once for each user before the run: {"path": "/signup", "body": {"email": "{email}", "password": "{password}"}, "ok": [200, 409]}
	Login     Call   `json:"login"`
	Refresh   Call   `json:"refresh"`
	Logout    Call   `json:"logout"`
	Me        Call   `json:"me"` // a protected endpoint; path "-": there is none
	Answer    Answer `json:"answer"`
	Policy    Policy `json:"policy"`
	Storage   string `json:"storage,omitempty"` // what the database holds of a refresh token: sha256, or not said
}

// StorageSHA256 is a [Profile]'s claim that the database holds the SHA-256 of a live refresh token.
const StorageSHA256 = "sha256"

// Call is how one call is made, and which statuses mean what.
//
// Path, Query, Headers and Body are templates: the words {email}, {password}, {refresh_token}, {access_token}, and those that Words names,
// stand for values. A member whose word has no value is left out, so a request without a token lacks that member and nothing else.
type Call struct {
	Command string `json:"command,omitempty"` // instead of a request, of login and provision: a shell command that gets $EMAIL, $PASSWORD and $TARGET and prints the login's answer: its JSON, or all of it as curl -i does
	First   []Call `json:"first,omitempty"`   // of login and provision: requests that come before, in a browser of their own; a path may be a URL: [{"path": "/csrf", "words": {"csrf": {"from": "/token"}}}]

	Method   string            `json:"method,omitempty"`   // POST; of me, and of a first call without a body: GET
	Path     string            `json:"path,omitempty"`     // as it is, with its trailing slash: "/api/token/"
	Query    map[string]string `json:"query,omitempty"`    // {"grant_type": "password"}
	Headers  map[string]string `json:"headers,omitempty"`  // {"X-CSRF-Token": "{csrf}"}, {"Cookie": "access={access_token}"}; a header that is fixed, for example an Origin, as well
	Encoding string            `json:"encoding,omitempty"` // of Body: json (default) or form
	Body     map[string]any    `json:"body,omitempty"`     // empty: none; of login: {"email": "{email}", "password": "{password}"}

	Token  string `json:"token,omitempty"`  // of refresh and logout: what carries the refresh token: cookie, body, header, query or none; default: where {refresh_token} stands, else the cookie, if there is one
	Bearer bool   `json:"bearer,omitempty"` // of refresh and logout: the access token goes along as Authorization: Bearer; me sends it so unless {access_token} stands elsewhere

	OK        []int    `json:"ok,omitempty"`         // statuses of a success; default any 2xx, of a first call any 3xx too: [302]
	Refused   []int    `json:"refused,omitempty"`    // statuses of a refused token or password; default 401
	RefusedIs []string `json:"refused_is,omitempty"` // and what answer.refused_at then holds, one of: ["invalid_grant"]
	Missing   []int    `json:"missing,omitempty"`    // of refresh: statuses of a request without a token; default: as refused

	Words map[string]Word `json:"words,omitempty"` // what the answer brings for later calls; of refresh: default those of login, where they come: {"csrf": {"from": "cookie:csrf_token"}}
}

// Word is a value that an answer brings and a later call sends back.
type Word struct {
	From  string `json:"from"`            // a place: "/session/handle", "header:X-CSRF-Token", "cookie:csrf_token", "location:code" (a parameter of the redirect) or "body" (its text)
	Match string `json:"match,omitempty"` // a regular expression on what stands there; the first group is the value: "name=\"csrf\" value=\"([^\"]+)\""
}

// Answer is where the target's answers hold what. A place is a JSON pointer (RFC 6901), header:NAME, or cookie:NAME.
type Answer struct {
	AccessToken      string   `json:"access_token,omitempty"`       // default /access_token; header:Authorization is read without its Bearer
	RefreshToken     string   `json:"refresh_token,omitempty"`      // a JSON pointer or header:NAME; default: a cookie
	Cookie           string   `json:"cookie,omitempty"`             // the refresh cookie's name; default: the one with refresh in its name, or the only one
	Companions       []string `json:"companions,omitempty"`         // cookies of the same answers that go along with the refresh token: ["session.sig"]; ["*"]: all that were set
	TokenType        string   `json:"token_type,omitempty"`         // default /token_type; "-": there is none
	ExpiresIn        string   `json:"expires_in,omitempty"`         // the access token's lifetime; default /expires_in; "-": there is none
	Unit             string   `json:"unit,omitempty"`               // of lifetimes: s (default), ms, or absolute: the moment, as seconds or milliseconds since 1970 or as RFC 3339 text
	RefreshExpiresIn string   `json:"refresh_expires_in,omitempty"` // where the refresh token's lifetime is stated, if not by its cookie or its own exp
	RefreshUnit      string   `json:"refresh_unit,omitempty"`       // of RefreshExpiresIn; default: Unit
	SuccessAt        string   `json:"success_at,omitempty"`         // a status of success is one only if this place …
	SuccessIs        string   `json:"success_is,omitempty"`         // … holds this value; for servers that always answer 200
	RefusedAt        string   `json:"refused_at,omitempty"`         // where a refusal states its code, for refused_is: "/error"
}

// choices are the values that a member may have; nil: any. The schema says the same.
func choices(member string) []string {
	switch member {
	case "method":
		return []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	case "encoding":
		return []string{"json", "form"}
	case "token":
		return []string{"cookie", "body", "header", "query", "none"}
	case "unit", "refresh_unit":
		return []string{"s", "ms", "absolute"}
	}
	return nil
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

// inCookie: the refresh token travels in a cookie.
func (p Profile) inCookie() bool { return p.Answer.RefreshToken == "" }

// hasMe: there is a protected endpoint.
func (p Profile) hasMe() bool { return p.Me.Path != "-" }

// folder is the path that the refresh cookie should be confined to.
func (p Profile) folder() string { return path.Dir(p.Refresh.Path) }

// given: the profile has the call at all.
func (c Call) given() bool { return c.Command != "" || c.Path != "" }

// needsAccess: the call sends an access token along.
func (c Call) needsAccess() bool { return c.Bearer || c.names("access_token") }

// authorizes: the call has an Authorization of its own, be it the access token or something else.
func (c Call) authorizes() bool {
	for name := range c.Headers {
		if strings.EqualFold(name, "Authorization") {
			return true
		}
	}
	return c.needsAccess()
}

// hide keeps the profile's own secrets out of reports.
func (p Profile) hide(s *secrets) {
	for value, name := range p.secrets() {
		s.hideLong(value, name)
	}
}

// secrets are fixed secrets of the profile, a client's for example, with the member or header that holds each.
func (p Profile) secrets() map[string]string {
	all := map[string]string{}
	for _, c := range p.calls() {
		fixed := map[string]string{}
		maps.Copy(fixed, c.Headers)
		maps.Copy(fixed, c.Query)
		for name, v := range c.Body {
			fixed[name], _ = v.(string)
		}
		for name, value := range fixed {
			lower := strings.ToLower(name)
			secret := lower == "authorization" || strings.Contains(lower, "key") || strings.Contains(lower, "secret") || strings.Contains(lower, "password")
			if secret && !wordPattern.MatchString(value) {
				all[value] = name
			}
		}
	}
	return all
}

// lacks says why a story with these needs cannot be judged on this shape; "": it can.
func (p Profile) lacks(n Need) string {
	login := p.Login
	switch {
	case n&NeedCookie != 0 && !p.inCookie():
		return "the refresh token does not travel in a cookie"
	case n&(NeedPassword|NeedJSON|NeedLogin) != 0 && login.Command != "":
		return "the login is a command, so what it sends cannot be varied, and what is answered cannot be seen"
	case n&NeedPassword != 0 && !login.names("password") && !namedIn(login.First, "password"):
		return "the profile's login carries no password"
	case n&NeedJSON != 0 && login.Encoding != "json":
		return "the login is not JSON"
	case n&NeedJSON != 0 && (len(login.named("body")) == 0 || login.bodyNamesOthers("email", "password") || namedIn(login.First, "password")):
		return "the login's body is not that of an e-mail and a password alone, so it cannot be replaced"
	}
	return ""
}
