package conformance

import "time"

// Actor is somebody with a browser: a user, a jar, and the tokens that the last answer brought. Its verbs send raw values, so that
// one fault of the cookie's attributes does not redden every story; Browse sends what a browser would.
type Actor struct {
	scene   *Scene
	name    string
	user    User
	jar     *jar
	refresh *token // current
	access  *token
	since   time.Time // when the current tokens came, on the run's clock
	last    *exchange // the answer that brought them
	pin     int       // the replica that all requests go to, from 1; 0: to each in turn
}

func (s *Scene) actor(name string, u User) *Actor {
	return &Actor{scene: s, name: name, user: u, jar: &jar{insecure: s.target.secureOverHTTP}}
}

// send makes an exchange as this actor; its cookies go into the actor's jar, its tokens become the actor's.
func (a *Actor) send(e *exchange) *exchange {
	e.who = a.name
	a.scene.send(e)
	a.take(e)
	return e
}

func (a *Actor) take(e *exchange) {
	for _, c := range e.before {
		a.jar.put(c, a.scene.run.clock.now())
	}
	for _, c := range e.cookies {
		a.jar.store(a.scene.target.client.url(e.path), c, a.scene.run.clock.now())
	}
	if e.access != nil && e.accepted() {
		a.access = e.access
	}
	if e.accepted() && (e.refresh != nil || e.call == "login" && a.scene.run.opts.NoRefresh) {
		a.refresh, a.since, a.last = e.refresh, a.scene.run.clock.now(), e
	}
}

// Login presents the actor's e-mail and password.
func (a *Actor) Login() *exchange { return a.LoginAs(a.user.Email, a.user.Password, "") }

// LoginAs presents any e-mail and password; note says what is special about them.
func (a *Actor) LoginAs(email, password, note string) *exchange {
	return a.send(a.login(email, password, note))
}

// LoginBody sends any body.
func (a *Actor) LoginBody(body, contentType, note string) *exchange {
	e := a.loginWith(values{}, note)
	if e.done {
		return e // a call before it failed
	}
	e.header.Del("Content-Type")
	e.body, e.password, e.alone, e.odd = body, true, true, true
	if contentType != "" {
		e.header.Set("Content-Type", contentType)
	}
	return a.send(e)
}

// SignIn is the precondition of most stories: a session that has just been refreshed, so that what fails later is the story's doing. A
// family that an earlier story left alive serves as well as a new one.
func (a *Actor) SignIn() *Actor {
	if a.scene.run.opts.NoRefresh {
		return a.NewSession()
	}
	t := a.scene.target
	if spare := t.takeSpare(a.user, a.scene.run.clock.now()); spare != nil {
		a.jar, a.refresh, a.access, a.since, a.last = spare.jar, spare.refresh, spare.access, spare.since, spare.last
		if a.Refresh().rotated() {
			return a
		}
	}
	a.NewSession().Rotate()
	return a
}

// NewSession is a login of its own.
func (a *Actor) NewSession() *Actor {
	e := a.Login()
	a.scene.Given("the login did not work", e, e.accepted() && a.scene.signedIn(e))
	return a
}

// Refresh presents the actor's current token.
func (a *Actor) Refresh() *exchange { return a.RefreshWith(a.refresh, "") }

// RefreshWith presents a known token.
func (a *Actor) RefreshWith(t *token, note string) *exchange {
	e := a.call("refresh", note)
	e.presented, e.genuine = t, true
	return a.send(a.present(e, t.value))
}

// RefreshRaw presents a cookie value that is not a token as it was given out.
func (a *Actor) RefreshRaw(value, note string) *exchange {
	e := a.call("refresh", note)
	e.odd = len(value) > 4000 || !cookieOctets(value) || value == "" && !a.scene.target.profile.inCookie()
	return a.send(a.present(e, value))
}

// Rotate is a refresh as a precondition; it returns the token that is spent now.
func (a *Actor) Rotate() (spent *token) {
	spent = a.refresh
	a.renew()
	return spent
}

// renew brings the next access token: by a refresh, or by a login where there is none yet.
func (a *Actor) renew() *exchange {
	if a.scene.run.opts.NoRefresh {
		return a.NewSession().last
	}
	e := a.Refresh()
	a.scene.Given("a live token did not rotate", e, e.rotated())
	return e
}

// Logout presents the actor's current token.
func (a *Actor) Logout() *exchange { return a.LogoutWith(a.refresh, "") }

// LogoutWith presents a known token.
func (a *Actor) LogoutWith(t *token, note string) *exchange {
	e := a.call("logout", note)
	e.presented, e.genuine = t, true
	return a.send(a.present(e, t.value))
}

// browsing is the note of an exchange that carries what a browser's jar holds.
const browsing = "as a browser"

// Browse makes a refresh or a logout as a browser would: with the cookies that its jar holds for that address.
func (a *Actor) Browse(call string) *exchange {
	e := a.call(call, browsing)
	e.header.Del("Cookie")
	a.scene.target.call(call).fill(e, a.luggage(nil).values(a.user))
	if h := a.jar.header(a.scene.target.client.url(e.path), a.scene.run.clock.now()); h != "" {
		e.presented, e.genuine, e.bare = a.refresh, true, false
		addCookies(e, h)
	}
	return a.send(e)
}

// Me reads the protected endpoint with an access token; "" sends none.
func (a *Actor) Me(access, note string) *exchange {
	return a.send(a.meWith(access, note))
}

// Keep hands the actor's session on to later stories: its current token works and nobody else will use it.
func (a *Actor) Keep() { a.pin = 0; a.scene.target.keep(a) }
