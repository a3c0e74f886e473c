package probe_test

import (
	"net/http"
	"strings"
)

// needsAccess are the stories in which the access token has ended before the logout that wants it.
var needsAccess = []string{"expiry.logout", "logout.stale"}

// servers are the shapes, most of them as a framework or its tutorials have them.
func servers() []server {
	return []server{
		{
			name: "OAuth 2", form: true, preset: "oauth2",
			routes: map[string]route{
				"POST /token": func(q query) (int, any) {
					var g got
					if len(q.in) == 0 {
						return problem(http.StatusUnsupportedMediaType)
					}
					switch q.text("grant_type") {
					case "password":
						g = q.login("username", "password")
					case "refresh_token":
						g = q.refresh(q.text("refresh_token"))
					default:
						return http.StatusBadRequest, members{"error": "unsupported_grant_type"}
					}
					if g.status == http.StatusUnauthorized {
						return http.StatusBadRequest, members{"error": "invalid_grant"}
					}
					return g.pair(members{"access_token": g.access, "refresh_token": g.refresh, "token_type": "Bearer", "expires_in": g.seconds})
				},
				"POST /revoke":  func(q query) (int, any) { q.logout(q.text("token")); return 200, members{} },
				"GET /userinfo": query.me,
			},
			profile: `{
				"login": {"path": "/token", "encoding": "form", "body": {"grant_type": "password", "username": "{email}", "password": "{password}"}, "refused": [400]},
				"refresh": {"path": "/token", "encoding": "form", "token": "body", "body": {"grant_type": "refresh_token", "refresh_token": "{refresh_token}"}, "refused": [400]},
				"logout": {"path": "/revoke", "encoding": "form", "token": "body", "body": {"token": "{refresh_token}", "token_type_hint": "refresh_token"}},
				"me": {"path": "/userinfo"},
				"answer": {"refresh_token": "/refresh_token"}}`,
		},
		{
			name: "names that only its document knows",
			document: `
openapi: 3.0.3
info: {title: renamed, version: "1"}
servers: [{url: "http://127.0.0.1/api"}]
paths:
  /people:
    post: {operationId: register, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}}, responses: {201: {description: made}}}
  /door:
    post:
      operationId: signIn
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}}
      responses: {200: {description: in}}
    put:
      summary: Renew the pair
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Renewal"}}}}
      responses: {200: {description: renewed}}
  /door/end:
    post:
      summary: Sign out, revoke
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Renewal"}}}}
      responses: {200: {description: out}}
  /who/self: {get: {security: [{bearer: []}], responses: {200: {description: you}}}}
components:
  schemas:
    Name: {type: object, required: [user], properties: {user: {type: string}}}
    Person:
      allOf:
        - {$ref: "#/components/schemas/Name"}
        - {type: object, required: [pass, kind], properties: {pass: {type: string}, kind: {enum: [human]}}}
    Renewal: {type: object, properties: {with: {type: object, properties: {renew: {type: string}}}}}
`,
			routes: map[string]route{
				"POST /api/door": func(q query) (int, any) {
					if q.text("kind") != "human" {
						return problem(http.StatusBadRequest)
					}
					g := q.login("user", "pass")
					return in400(g.pair(members{"data": members{"jwt": g.access, "renew": g.refresh, "ttl": g.seconds * 1000}}))
				},
				"PUT /api/door": func(q query) (int, any) {
					q.r.Method = "POST"
					g := q.refresh(q.text("with", "renew"))
					return in400(g.pair(members{"data": members{"jwt": g.access, "renew": g.refresh, "ttl": g.seconds * 1000}}))
				},
				"POST /api/door/end": func(q query) (int, any) { g := q.logout(q.text("with", "renew")); return g.status, nil },
				"GET /api/who/self":  query.me,
			},
			profile: `{
				"login": {"path": "/api/door", "body": {"user": "{email}", "pass": "{password}", "kind": "human"}, "refused": [400]},
				"refresh": {"path": "/api/door", "method": "PUT", "token": "body", "body": {"with": {"renew": "{refresh_token}"}}, "refused": [400]},
				"logout": {"path": "/api/door/end", "token": "body", "body": {"with": {"renew": "{refresh_token}"}}},
				"me": {"path": "/api/who/self"},
				"answer": {"access_token": "/data/jwt", "refresh_token": "/data/renew", "expires_in": "/data/ttl", "unit": "ms", "token_type": "-"}}`,
			guessed: []string{"answer.token_type"},
		},
		{
			name: "200 whatever happens",
			all: func(status int, body any) (int, any) {
				m, _ := body.(members)
				if status >= 300 || m == nil {
					m = members{}
				}
				m["status"] = map[bool]string{true: "OK", false: "DENIED"}[status < 300]
				return http.StatusOK, m
			},
			routes: map[string]route{
				"POST /auth/login": func(q query) (int, any) {
					g := q.login("email", "password")
					return g.pair(g.withRefresh("refresh_token"))
				},
				"POST /auth/refresh": func(q query) (int, any) {
					g := q.refresh(q.text("refresh_token"))
					return g.pair(g.withRefresh("refresh_token"))
				},
				"POST /auth/logout": func(q query) (int, any) { g := q.logout(q.text("refresh_token")); return g.status, nil },
				"GET /me":           query.me,
			},
			profile: `{
				"login": {"refused": [200]},
				"refresh": {"token": "body", "body": {"refresh_token": "{refresh_token}"}, "refused": [200]},
				"logout": {"token": "body", "body": {"refresh_token": "{refresh_token}"}},
				"me": {"refused": [200]},
				"answer": {"refresh_token": "/refresh_token", "success_at": "/status", "success_is": "OK"}}`,
		},
		{
			name: "Django simplejwt",
			guard: func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/") && strings.HasPrefix(r.URL.Path, "/api/users") {
					http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
					return false
				}
				return true
			},
			routes: map[string]route{
				"POST /api/token/": func(q query) (int, any) {
					if q.text("username") == "" {
						return 400, members{"username": []string{"This field is required."}, "password": []string{"This field is required."}}
					}
					g := q.login("username", "password")
					return g.pair(members{"access": g.access, "refresh": g.refresh})
				},
				"POST /api/token/refresh/": func(q query) (int, any) {
					g := q.refresh(q.text("refresh"))
					return g.pair(members{"access": g.access, "refresh": g.refresh})
				},
				"POST /api/token/blacklist/": func(q query) (int, any) { q.logout(q.text("refresh")); return 200, members{} },
				"GET /api/users/me/":         query.me,
			},
			profile: `{
				"login": {"path": "/api/token/", "body": {"username": "{email}", "password": "{password}"}},
				"refresh": {"path": "/api/token/refresh/", "token": "body", "body": {"refresh": "{refresh_token}"}},
				"logout": {"path": "/api/token/blacklist/", "token": "body", "body": {"refresh": "{refresh_token}"}},
				"me": {"path": "/api/users/me/"},
				"answer": {"access_token": "/access", "refresh_token": "/refresh", "expires_in": "-", "token_type": "-"}}`,
			guessed: []string{"answer.token_type", "answer.expires_in"},
		},
		{
			name: "Express with bodies",
			routes: map[string]route{
				"POST /api/auth/login": func(q query) (int, any) {
					if e := q.text("email"); e != strings.ToLower(e) {
						return problem(http.StatusUnauthorized) // compares the bytes
					}
					g := q.login("email", "password")
					return g.pair(g.camel())
				},
				"POST /api/auth/refresh-token": func(q query) (int, any) { g := q.refresh(q.text("refreshToken")); return g.pair(g.camel()) },
				"POST /api/auth/logout":        bearerOnly(func(q query) (int, any) { g := q.logout(q.text("refreshToken")); return g.status, nil }),
				"GET /api/users/profile":       query.me,
			},
			profile: `{
				"login": {"path": "/api/auth/login"},
				"refresh": {"path": "/api/auth/refresh-token", "token": "body", "body": {"refreshToken": "{refresh_token}"}},
				"logout": {"path": "/api/auth/logout", "token": "body", "body": {"refreshToken": "{refresh_token}"}, "bearer": true},
				"me": {"path": "-"},
				"answer": {"access_token": "/accessToken", "refresh_token": "/refreshToken", "expires_in": "-", "token_type": "-"}}`,
			guessed: []string{"me.path", "answer.token_type", "answer.expires_in"},
			fails:   needsAccess,
		},
		{
			name: "Express with the cookie jid, and a page's Origin",
			guard: func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == "POST" && r.Header.Get("Origin") == "" {
					http.Error(w, "no origin", http.StatusForbidden)
					return false
				}
				return true
			},
			routes: map[string]route{
				"POST /login":         func(q query) (int, any) { g := q.login("email", "password"); return q.jid(g) },
				"POST /refresh_token": func(q query) (int, any) { return q.jid(q.refresh(q.cookie("jid"))) },
				"POST /logout": func(q query) (int, any) {
					g := q.logout(q.cookie("jid"))
					q.jid(g)
					return g.status, nil
				},
				"GET /me": query.me,
			},
			profile: `{
				"login": {"path": "/login", "headers": {"Origin": "$ORIGIN"}},
				"refresh": {"path": "/refresh_token", "headers": {"Origin": "$ORIGIN"}},
				"logout": {"path": "/logout", "headers": {"Origin": "$ORIGIN"}},
				"answer": {"access_token": "/accessToken", "cookie": "jid", "expires_in": "-", "token_type": "-"}}`,
			guessed: []string{"answer.token_type", "answer.expires_in"},
		},
		{
			name: "Directus",
			routes: map[string]route{
				"POST /auth/login":   func(q query) (int, any) { g := q.login("email", "password"); return g.pair(g.directus()) },
				"POST /auth/refresh": func(q query) (int, any) { g := q.refresh(q.text("refresh_token")); return g.pair(g.directus()) },
				"POST /auth/logout":  func(q query) (int, any) { g := q.logout(q.text("refresh_token")); return g.status, nil },
				"GET /users/me":      query.me,
			},
			profile: `{
				"refresh": {"token": "body", "body": {"refresh_token": "{refresh_token}"}},
				"logout": {"token": "body", "body": {"refresh_token": "{refresh_token}"}},
				"me": {"path": "/users/me"},
				"answer": {"access_token": "/data/access_token", "refresh_token": "/data/refresh_token", "expires_in": "/data/expires", "unit": "ms", "token_type": "-"}}`,
			guessed: []string{"answer.token_type"},
		},
		{
			name: "FastAPI's template, the refresh token as bearer", form: true,
			routes: map[string]route{
				"POST /api/v1/login/access-token": func(q query) (int, any) {
					if q.text("username") == "" {
						return 422, members{"detail": []any{members{"loc": []string{"body", "username"}, "msg": "Field required"}}}
					}
					g := q.login("username", "password")
					return in400(g.pair(g.withRefresh("refresh_token")))
				},
				"POST /api/v1/login/refresh": func(q query) (int, any) {
					g := q.refresh(strings.TrimPrefix(q.r.Header.Get("Authorization"), "Bearer "))
					return g.pair(g.withRefresh("refresh_token"))
				},
				"DELETE /api/v1/logout": func(q query) (int, any) {
					g := q.logout(strings.TrimPrefix(q.r.Header.Get("Authorization"), "Bearer "))
					return g.status, nil
				},
				"GET /api/v1/users/me": query.me,
			},
			profile: `{
				"login": {"path": "/api/v1/login/access-token", "encoding": "form", "body": {"username": "{email}", "password": "{password}"}, "refused": [400]},
				"refresh": {"path": "/api/v1/login/refresh", "headers": {"Authorization": "Bearer {refresh_token}"}, "token": "header"},
				"logout": {"method": "DELETE", "path": "/api/v1/logout", "headers": {"Authorization": "Bearer {refresh_token}"}, "token": "header"},
				"me": {"path": "/api/v1/users/me"},
				"answer": {"refresh_token": "/refresh_token"}}`,
			fails: []string{"*.cookie-only"}, // they put something else into Authorization
		},
		{
			name: "ASP.NET Identity, which has no logout",
			routes: map[string]route{
				"POST /login":      func(q query) (int, any) { g := q.login("email", "password"); return g.pair(g.identity()) },
				"POST /refresh":    func(q query) (int, any) { g := q.refresh(q.text("refreshToken")); return g.pair(g.identity()) },
				"GET /manage/info": query.me,
			},
			profile: `{
				"login": {"path": "/login"},
				"refresh": {"path": "/refresh", "token": "body", "body": {"refreshToken": "{refresh_token}"}},
				"logout": {"path": "/logout", "token": "body", "body": {"refreshToken": "{refresh_token}"}},
				"me": {"path": "/manage/info"},
				"answer": {"access_token": "/accessToken", "refresh_token": "/refreshToken", "token_type": "/tokenType", "expires_in": "/expiresIn"}}`,
			guessed: []string{"logout.path"},
			fails:   []string{"logout.*", "*.logout"},
		},
		{
			name: "GoTrue",
			guard: func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("apikey") != "anon" {
					http.Error(w, `{"message":"No API key found in request"}`, http.StatusUnauthorized)
					return false
				}
				return true
			},
			routes: map[string]route{
				"POST /auth/v1/token": func(q query) (int, any) {
					var g got
					switch q.r.URL.Query().Get("grant_type") {
					case "password":
						g = q.login("email", "password")
					case "refresh_token":
						g = q.refresh(q.text("refresh_token"))
					default:
						return 400, members{"error_code": "validation_failed", "msg": "grant_type"}
					}
					return in400(g.pair(g.withRefresh("refresh_token")))
				},
				"POST /auth/v1/logout": bearerOnly(func(q query) (int, any) { g := q.logout(q.text("refresh_token")); return g.status, nil }),
				"GET /auth/v1/user":    query.me,
			},
			profile: `{
				"login": {"path": "/auth/v1/token", "query": {"grant_type": "password"}, "headers": {"Apikey": "anon"}, "refused": [400]},
				"refresh": {"path": "/auth/v1/token", "query": {"grant_type": "refresh_token"}, "headers": {"Apikey": "anon"}, "token": "body", "body": {"refresh_token": "{refresh_token}"}, "refused": [400]},
				"logout": {"path": "/auth/v1/logout", "headers": {"Apikey": "anon"}, "token": "body", "body": {"refresh_token": "{refresh_token}"}, "bearer": true},
				"me": {"path": "/auth/v1/user", "headers": {"Apikey": "anon"}},
				"answer": {"refresh_token": "/refresh_token"}}`,
			fails: needsAccess,
		},
	}
}
