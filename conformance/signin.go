package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// login is a login that is not sent yet; calls that come before it are made. If one of them is refused, that is the login's answer.
func (a *Actor) login(email, password, note string) *exchange {
	return a.loginWith(values{"email": email, "password": password}, note)
}

// loginWith is a login with other values, or without some.
func (a *Actor) loginWith(v values, note string) *exchange {
	c := a.scene.target.profile.Login
	e := &exchange{call: "login", note: note, who: a.name, user: a.user, header: http.Header{}, replica: a.pin}
	if c.Command != "" {
		e.aside, e.password, e.method, e.path = true, true, "RUN", "login.command"
		e.command = a.scene.command(c.Command, v)
		return e
	}
	words, failed := a.first(c, v, e)
	if failed != nil {
		failed.call, failed.note, failed.aside = "login", note, false // it is judged as what the login came to
		failed.named = a.scene.target.refuses(c, failed)
		return failed
	}
	fixed := maps.Clone(v)
	for name, value := range words {
		fixed[name] = value
	}
	e.words, e.password = words, c.names("password")
	c.fill(e, fixed)
	a.sendBack(e)
	return e
}

// first makes the calls that come before another one, in a browser of their own, and returns the words that they bring, or the call that failed.
func (a *Actor) first(c Call, v values, main *exchange) (map[string]string, *exchange) {
	words := map[string]string{}
	browser := &jar{insecure: a.scene.target.secureOverHTTP}
	for _, step := range c.First {
		filled := maps.Clone(v)
		for name, value := range words {
			filled[name] = value
		}
		e := &exchange{
			call: "step", note: step.Method + " " + step.Path, who: a.name, user: a.user, header: http.Header{}, replica: main.replica,
			aside: true, step: &step, password: step.names("password"), before: browser.cookies,
		}
		step.fill(e, filled)
		a.sendBack(e)
		a.scene.sendAside(e)
		main.replica = e.replica // one browser stays at one of them
		for _, cookie := range e.cookies {
			browser.store(a.scene.target.client.url(e.path), cookie, a.scene.run.clock.now())
		}
		for name, w := range step.Words {
			value, ok := e.word(w)
			if e.ok && !ok {
				e.ok, e.lacks = false, fmt.Sprintf("{%s}, which the profile reads from %s", name, w.From)
			}
			words[name] = value
			a.scene.run.secrets.hideLong(value, name)
		}
		if !e.ok {
			return nil, e
		}
	}
	main.before = browser.cookies
	return words, nil
}

// sendBack sends along the cookies that the calls before this one have set.
func (a *Actor) sendBack(e *exchange) {
	browser := &jar{insecure: a.scene.target.secureOverHTTP, cookies: e.before}
	addCookies(e, browser.header(a.scene.target.client.url(e.path), a.scene.run.clock.now()))
}

// sendAside sends a request that prepares something, if it goes to where the run may send to.
func (s *Scene) sendAside(e *exchange) {
	u := s.target.client.url(e.path)
	if loopback(u) || u.Host == s.target.client.base.Host || s.run.opts.AllowRemote {
		s.send(e)
		return
	}
	e.err = fmt.Errorf("%s is another host than the target; if that is meant, say -allow-remote", u.Host)
	s.learn(e)
}

// provision makes the accounts, if the profile says how.
func (r *run) provision(s *Scene) error {
	c := r.opts.Profile.Provision
	if !c.given() {
		return nil
	}
	for _, u := range r.opts.Users {
		a := s.actor("provision", u)
		e := &exchange{call: "provision", who: a.name, user: a.user, header: http.Header{}, replica: a.pin, aside: true, step: &c, path: "provision.command"}
		v := values{"email": u.Email, "password": u.Password}
		words, failed := a.first(c, v, e)
		switch {
		case failed != nil:
			e = failed
		case c.Command != "":
			e.command = s.command(c.Command, v)
			s.send(e)
		default:
			for name, value := range words {
				v[name] = value
			}
			c.fill(e, v)
			a.sendBack(e)
			s.sendAside(e)
		}
		if !e.ok {
			return fmt.Errorf("cannot make the account %s: %s", u.Email, e.failure())
		}
	}
	return nil
}

// failure says what became of a call that prepares something.
func (e *exchange) failure() string {
	what := strings.TrimSpace(e.method + " " + e.path)
	switch {
	case e.err != nil && e.command != nil:
		return e.err.Error()
	case e.err != nil:
		return what + ": " + plainError(e.err)
	case e.lacks != "":
		return fmt.Sprintf("%s answered %d without %s", what, e.status, e.lacks)
	}
	return fmt.Sprintf("%s answered %d: %s", what, e.status, strings.TrimSpace(cut(e.text[:min(len(e.text), 200)])))
}

// command prepares a command of the profile: what it prints is the answer.
func (s *Scene) command(line string, v values) func(context.Context, *exchange) {
	return func(ctx context.Context, e *exchange) {
		limit := s.run.opts.commandTime
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Env = append(os.Environ(), fmt.Sprint("EMAIL=", v["email"]), fmt.Sprint("PASSWORD=", v["password"]), "TARGET="+s.target.client.base.String())
		cmd.WaitDelay = time.Second // for what it has started itself
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		e.sent = time.Now()
		err := cmd.Run()
		e.took = time.Since(e.sent)
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			err = fmt.Errorf("it took longer than %v", limit)
		case err == nil:
			err = e.printed(out.Bytes())
		}
		if err != nil {
			e.err = fmt.Errorf("%s: %w%s", e.path, err, lastWords(errs.String()))
		}
	}
}

// printed takes what a command printed for an answer with status 200: a JSON object, or the whole of an answer as curl -i prints it.
func (e *exchange) printed(out []byte) error {
	e.status, e.answer, e.text = http.StatusOK, http.Header{}, strings.ReplaceAll(string(out), "\r\n", "\n")
	for strings.HasPrefix(e.text, "HTTP/") { // redirects that were followed come first
		e.answer = http.Header{}
		head, body, _ := strings.Cut(e.text, "\n\n")
		if words := strings.Fields(head); len(words) > 1 {
			e.status, _ = strconv.Atoi(words[1]) // 0 is no success either
		}
		for line := range strings.SplitSeq(head, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				e.answer.Add(strings.TrimSpace(name), strings.TrimSpace(value))
			}
		}
		e.text = body
	}
	if e.decode(); e.json == nil && len(e.answer) == 0 && e.call != "provision" {
		return errors.New("it printed neither a JSON object in the shape of the login's answer nor an answer as curl -i prints it")
	}
	return nil
}

// tokenLike is what might be a token in the words of a command that failed before the run could learn its tokens.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_+/=.~-]{24,}`)

// lastWords are the last lines that a command wrote to standard error.
func lastWords(errs string) string {
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	text := strings.Join(lines[max(0, len(lines)-5):], "\n    ")
	if text == "" {
		return "; it wrote nothing to standard error"
	}
	return "; it wrote:\n    " + tokenLike.ReplaceAllString(cut(text), "…")
}
