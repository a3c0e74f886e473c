package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// AdminAction is what the admin hook shall do to a user at the target.
type AdminAction struct {
	Action   string // disable, enable, or passwd: set another password
	Email    string
	Password string // the new one; of passwd only
}

// unhooked says which hook a story needs that the run was not given.
func (r *run) unhooked(t *target, sc Scenario) string {
	switch o, hmac := r.opts, strings.HasPrefix(t.alg, "HS"); {
	case r.split != nil && sc.Needs&NeedReplicas == 0:
		return "the replicas do not share their sessions, so nothing else was judged: see operations.replicas"
	case sc.Needs&(NeedSecret|NeedKeys) != 0 && t.alg == "":
		return "the access tokens are no JWTs, so there is no key to forge one with"
	case sc.Needs&NeedSecret != 0 && !hmac:
		return "the access tokens are signed with a private key (" + t.alg + "), and not with a secret; -jwks judges those"
	case sc.Needs&NeedKeys != 0 && hmac:
		return "the access tokens are signed with a shared secret (" + t.alg + "), so there is no public key to mistake for one"
	case sc.Needs&NeedSecret != 0 && o.JWTSecret == "":
		return "needs the secret that signs access tokens: -jwt-secret, or $CONFORMANCE_JWT_SECRET"
	case sc.Needs&NeedKeys != 0 && len(o.JWKS) == 0:
		return "needs the public keys that verify access tokens: -jwks URL or FILE"
	case sc.Needs&NeedReplicas != 0 && len(o.Replicas) == 0:
		return "needs two instances on one database: give -target twice or more"
	case sc.Needs&NeedAdmin != 0 && o.Admin == nil:
		return "needs a way to disable a user and to change his password: -admin CMD"
	case sc.Needs&NeedRestart != 0 && o.Restart == nil:
		return "needs a way to restart the target: -restart CMD"
	case sc.Needs&NeedOutage != 0 && o.Outage == nil:
		return "needs a way to take the target's database away and give it back: -outage CMD"
	case sc.Needs&NeedLogs != 0 && len(o.Logs) == 0:
		return "needs the file that the target logs to: -logs FILE"
	}
	return ""
}

// hookTime is what a story gets in addition where it calls a command, which may have to be built first.
const hookTime = 2 * time.Minute

// event records what a story did beside requests, so that the steps of its report tell the whole course.
func (s *Scene) event(did string, do func(context.Context) error) error {
	if s.ctx.Err() != nil {
		s.stop(Inconclusive, "stopped: %v", context.Cause(s.ctx))
	}
	e := &exchange{story: s.scenario.ID, who: "operator", call: did, event: "done", header: http.Header{}, sent: time.Now()}
	err := do(s.ctx)
	if err != nil {
		e.event = "failed"
	}
	e.took, e.at = time.Since(e.sent), s.run.clock.now()
	s.number(e)
	return err
}

// restart ends the target's process and starts it anew, and returns when it answers.
func (s *Scene) restart() {
	if err := s.run.logs.read(); err != nil { // a new process may write over what the old one wrote
		s.stop(Inconclusive, "blocked: %v", err)
	}
	err := s.event("restart", func(ctx context.Context) error {
		if err := s.run.opts.Restart(ctx); err != nil {
			return fmt.Errorf("the restart hook failed: %w", err)
		}
		return s.target.answers(ctx)
	})
	if err != nil {
		s.stop(Inconclusive, "blocked: %v", err)
	}
}

// answers waits until every replica of the target answers.
func (t *target) answers(ctx context.Context) error {
	most := 3 * t.client.timeout
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("the target does not answer %v after the restart hook has ended, which must return when the target is up again", most))
	defer cancel()
	for replica := 1; replica <= len(t.client.bases); {
		e := &exchange{method: http.MethodGet, path: t.profile.Refresh.Path, header: http.Header{}, replica: replica, alone: true}
		if t.client.once(ctx, e); e.err == nil && e.status != http.StatusBadGateway && e.status != http.StatusServiceUnavailable && e.status != http.StatusGatewayTimeout {
			replica++
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.client.close() // connections to the old process
	return nil
}

// account is a user whom a story changes and gives back as he was.
type account struct {
	scene    *Scene
	user     User
	disabled bool
	changed  bool // he may have another password
}

// borrow takes the account for what operators do: the third, if there is one, else the first, since the second is the control.
func (s *Scene) borrow() *account {
	u := s.target.users[0]
	if len(s.target.users) > 2 {
		u = s.target.users[2]
	}
	return &account{scene: s, user: u}
}

func (a *account) disable() { a.disabled = true; a.do(AdminAction{Action: "disable"}) }

func (a *account) enable() { a.do(AdminAction{Action: "enable"}); a.disabled = false }

// newPassword sets a password that nobody has, and returns it.
func (a *account) newPassword() string {
	p := "conformance-" + rand.Text()
	a.scene.run.secrets.hide(p, "‹new password of "+a.user.Email+"›")
	a.scene.run.passwords = append(a.scene.run.passwords, p)
	a.setPassword(p)
	return p
}

func (a *account) setPassword(p string) {
	a.changed = true // whether or not the hook gets that far
	a.do(AdminAction{Action: "passwd", Password: p})
	a.changed = p != a.user.Password
}

// do calls the admin hook, and blocks the story if that fails.
func (a *account) do(action AdminAction) {
	if err := a.try(action); err != nil {
		a.scene.stop(Inconclusive, "blocked: the admin hook failed to %s: %v", action.Action, err)
	}
}

func (a *account) try(action AdminAction) error {
	action.Email = a.user.Email
	what := map[string]string{"disable": "disable ", "enable": "enable ", "passwd": "new password for "}[action.Action]
	return a.scene.event(what+action.Email, func(ctx context.Context) error { return a.scene.run.opts.Admin(ctx, action) })
}

// giveBack leaves the user as he was, however the story ends, an interruption included.
func (a *account) giveBack() {
	s, before := a.scene, a.scene.ctx
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(before), hookTime, errors.New("the admin hook took too long"))
	defer func() { cancel(); s.ctx = before }()
	s.ctx = ctx
	if a.disabled {
		a.failed("may be disabled; look, and enable him by hand", a.try(AdminAction{Action: "enable"}))
	}
	if a.changed {
		a.failed("may be left with another password; set it by hand", a.try(AdminAction{Action: "passwd", Password: a.user.Password}))
	}
}

func (a *account) failed(how string, err error) {
	if err == nil {
		return
	}
	s := a.scene
	s.verdict = max(s.verdict, Inconclusive)
	s.reason = strings.TrimPrefix(fmt.Sprintf("%s; %s %s: the admin hook failed (%v)", s.reason, a.user.Email, how, err), "; ")
}
