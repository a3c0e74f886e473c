package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// target is what the verbs that use a server want to know: where it is, how it spells the contract, and who may log in.
type target struct {
	opts    conformance.Options
	targets []string
	profile string
	paths   [4]string // login, refresh, logout, me
	ca      string
}

func (t *target) targetFlags(fs *flag.FlagSet) {
	o := &t.opts
	fs.Func("target", "base `URL` of the running server; repeated, or separated by commas: of its replicas, which are asked in turn; or $CONFORMANCE_TARGET, separated by spaces", func(v string) error {
		t.targets = append(t.targets, strings.Split(v, ",")...)
		return nil
	})
	fs.Func("user", "`email:password` of an account at the target; give it twice, a third gets the wrong passwords; or $CONFORMANCE_USERS, separated by spaces (default: the demonstration users)", func(v string) error { return addUser(o, v) })
	fs.StringVar(&t.profile, "profile", "kit", "how the target spells the contract: a preset ("+strings.Join(conformance.Presets(), ", ")+") or a JSON `file`")
	fs.StringVar(&t.paths[0], "login", "", "`path` of the login, instead of the profile's")
	fs.StringVar(&t.paths[1], "refresh", "", "`path` of the refresh")
	fs.StringVar(&t.paths[2], "logout", "", "`path` of the logout")
	fs.StringVar(&t.paths[3], "me", "", "`path` of an endpoint that wants an access token; - if there is none")
	fs.DurationVar(&o.SessionMaxTTL, "session-max-ttl", 0, "absolute life of a session, for example 15s; without it that is not judged")
	fs.BoolVar(&o.AllowRemote, "allow-remote", false, "the target may be another host; a run ends sessions and sends wrong passwords there")
	fs.StringVar(&t.ca, "ca", "", "`file` of certificates in PEM to trust, for a target with one of its own")
	fs.BoolVar(&o.InsecureCookies, "insecure-cookies", false, "send Secure cookies over plain http to another host too")
	fs.DurationVar(&o.RequestTimeout, "timeout", 10*time.Second, "of one request")
}

// complete reads what the flags name, and the environment where they name nothing.
func (t *target) complete(getenv func(string) string) error {
	if len(t.targets) == 0 {
		t.targets = strings.Fields(getenv("CONFORMANCE_TARGET"))
	}
	if len(t.targets) > 0 {
		t.opts.Target, t.opts.Replicas = t.targets[0], t.targets[1:]
	}
	if err := envUsers(&t.opts, getenv); err != nil {
		return err
	}
	if err := t.loadProfile(); err != nil {
		return err
	}
	return trust(&t.opts, t.ca)
}

// loadProfile takes a preset, or a file where the name looks like one, and the paths of flags over it.
func (t *target) loadProfile() error {
	p, err := conformance.Preset(t.profile)
	if strings.ContainsAny(t.profile, "./\\") {
		raw, readErr := os.ReadFile(t.profile)
		if readErr != nil {
			return fmt.Errorf("cannot read the profile: %w", readErr)
		}
		if p, err = conformance.ParseProfile(raw); err != nil {
			return fmt.Errorf("%s: %w", t.profile, err)
		}
	}
	if err != nil {
		return err
	}
	for i, path := range []*string{&p.Login.Path, &p.Refresh.Path, &p.Logout.Path, &p.Me.Path} {
		if t.paths[i] != "" {
			*path = t.paths[i]
		}
	}
	t.opts.Profile = p
	return nil
}

// trust makes the certificates in a file those that are trusted; no file: the system's.
func trust(o *conformance.Options, file string) error {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("-ca %s: there is no certificate in PEM in it", file)
	}
	o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return nil
}

// envUsers takes the users from the environment where no flag names any.
func envUsers(o *conformance.Options, getenv func(string) string) error {
	if len(o.Users) > 0 {
		return nil
	}
	for _, u := range strings.Fields(getenv("CONFORMANCE_USERS")) {
		if err := addUser(o, u); err != nil {
			return fmt.Errorf("$CONFORMANCE_USERS: %w", err)
		}
	}
	return nil
}

func addUser(o *conformance.Options, v string) error {
	email, password, ok := strings.Cut(v, ":")
	if !ok || email == "" || password == "" {
		return errors.New("want email:password")
	}
	o.Users = append(o.Users, conformance.User{Email: email, Password: password})
	return nil
}
