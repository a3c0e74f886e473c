package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwt-toy/jwt-toy/internal/session"
	"github.com/jwt-toy/jwt-toy/internal/store"
	"github.com/jwt-toy/jwt-toy/internal/token"
)

// config is everything that the environment decides: read once, valid, and safe to print.
type config struct {
	AppName              string // the realm of WWW-Authenticate
	Env                  string // "dev" relaxes what a laptop needs relaxed; any other name means production
	Addr                 string
	DatabaseURL          secret // empty: the embedded SQLite file
	TrustedOrigins       []string
	JWTIssuer            string
	JWTAudience          string
	JWTAlgorithm         string // HS256, HS384 or HS512
	JWTSecretKey         secret
	JWTSecretKeyPrevious secret        // accepted, never used to sign; empty: none
	AccessTTL            time.Duration // whole seconds, as the other two
	RefreshTTL           time.Duration // idle life of a session, moved by every rotation
	SessionMaxTTL        time.Duration // absolute life of a session, never moved
	ReuseGrace           time.Duration // how long a rotated refresh token still yields its successor; 0: strict
	BcryptCost           int
	FailuresPerAccount   int      // failed logins from one address before it has to wait; 0: any number
	FailuresPerAddress   int      // the same on all accounts together
	TrustedProxies       []string // whose X-Forwarded-For is believed, as CIDRs
	Warnings             []string // what works but deserves a look, for the log
}

func (c config) dev() bool { return c.Env == "dev" }

// setting is one environment variable. If it is not secret, it is a flag as well: ADDR is -addr.
type setting struct {
	name, def, help string
	secret          bool
}

func (s setting) flag() string { return strings.ToLower(strings.ReplaceAll(s.name, "_", "-")) }

func settings() []setting {
	return []setting{
		{name: "ADDR", help: "where to listen (default 127.0.0.1:8080 in dev, :8080 otherwise; port 0 picks a free one)"},
		{name: "ENV", def: "dev", help: "dev, or any other name, which then means production: Secure cookies, JSON logs"},
		{name: "APP_NAME", def: "jwt-toy", help: "the realm that a 401 names"},
		{name: "DATABASE_URL", secret: true, help: "mysql+pymysql://user:password@host:3306/db, several hosts for a MySQL group, mysql://… or sqlite:///path (default an embedded SQLite file)"},
		{name: "JWT_SECRET_KEY", secret: true, help: "signs the tokens; at least 32, 48, 64 bytes for HS256, HS384, HS512. Make one: " + makeKey},
		{name: "JWT_SECRET_KEY_PREVIOUS", secret: true, help: "still accepted, never used to sign: for changing the key without ending sessions"},
		{name: "JWT_ALGORITHM", def: "HS256", help: "HS256, HS384 or HS512; to change it ends every session"},
		{name: "JWT_ISSUER", def: "jwt-toy", help: "iss of every token; to change it ends every session"},
		{name: "JWT_AUDIENCE", def: "jwt-toy-client", help: "aud of every access token"},
		{name: "ACCESS_TOKEN_EXPIRES_MIN", def: "15", help: "life of an access token in minutes"},
		{name: "ACCESS_TOKEN_TTL", help: "the same as a duration such as 90s; wins over the minutes"},
		{name: "REFRESH_TOKEN_EXPIRES_DAYS", def: "30", help: "life of an unused refresh token in days"},
		{name: "REFRESH_TOKEN_TTL", help: "the same as a duration such as 12h; wins over the days"},
		{name: "SESSION_MAX_TTL", def: "2160h", help: "life of a session however often it is refreshed (90 days)"},
		{name: "REFRESH_REUSE_GRACE", def: "0s", help: "how long a refresh token that was just replaced yields its successor again, at most 60s; 0s ends the session at once"},
		{name: "TRUSTED_ORIGINS", help: "origins whose pages may call this server, comma-separated, such as https://app.example.com; same site only, as the cookie is SameSite=Strict"},
		{name: "BCRYPT_COST", def: "12", help: "4 to 15; below 10 only in dev"},
		{name: "LOGIN_FAILURES_PER_ACCOUNT", def: "30", help: "failed logins on one account from one address within 15 minutes before 429 (three times as many from all addresses); 0 is no limit"},
		{name: "LOGIN_FAILURES_PER_ADDRESS", def: "100", help: "failed logins from one address on all accounts within 15 minutes before 429; 0 is no limit"},
		{name: "TRUSTED_PROXIES", help: "addresses or networks of the proxies in front, comma-separated, such as 10.0.7.0/28: the client's address is what they say in X-Forwarded-For"},
	}
}

const makeKey = "openssl rand -hex 32"

// reader looks settings up, the strongest source first, and collects everything that is wrong with them.
type reader struct {
	flags    map[string]string // by the variable's name
	getenv   func(string) string
	file     map[string]string
	fileName string
	problems []string
}

// Where a setting was found. A higher rank wins.
const (
	fromDefault = iota
	fromFile
	fromEnv
	fromFlag
)

// get returns the value of a setting and where it was found. An empty variable counts as unset.
func (r *reader) get(name string) (value string, rank int) {
	if v, ok := r.flags[name]; ok {
		return v, fromFlag
	}
	if v := r.getenv(name); v != "" {
		return v, fromEnv
	}
	if v := r.file[name]; v != "" {
		return v, fromFile
	}
	i := slices.IndexFunc(settings(), func(s setting) bool { return s.name == name })
	return settings()[i].def, fromDefault
}

func (r *reader) text(name string) string { v, _ := r.get(name); return v }

// problem records what is wrong with a setting and how to mend it. It must not be given a secret value.
func (r *reader) problem(name, what, mend string) {
	_, rank := r.get(name)
	where := [...]string{"", " in " + r.fileName, " in the environment", " as a flag"}[rank]
	r.problems = append(r.problems, fmt.Sprintf("%s%s %s\n    %s", name, where, what, mend))
}

// addSettingFlags gives fs a flag for every setting that is not secret, and for the file that holds the rest. What the
// flags set is in the map once fs has parsed.
func addSettingFlags(fs *flag.FlagSet) (set map[string]string, envFile *string) {
	set = map[string]string{}
	for _, s := range settings() {
		if !s.secret {
			fs.Func(s.flag(), s.help, func(v string) error { set[s.name] = v; return nil })
		}
	}
	return set, fs.String("env-file", "", "read settings from this `file` (default .env, if there is one)")
}

// loadConfig reads the configuration from flags, the environment and a .env file, in falling strength. The error is one
// message that lists everything that is wrong. Only a server that signs tokens needs a signing key.
func loadConfig(flags map[string]string, getenv func(string) string, envFile string, signs bool) (config, error) {
	file, err := readEnvFile(envFile)
	if err != nil {
		return config{}, err
	}
	r := &reader{flags: flags, getenv: getenv, file: file, fileName: cmp.Or(envFile, ".env")}
	c := config{
		Env:                  r.text("ENV"),
		DatabaseURL:          r.databaseURL(),
		JWTSecretKey:         secret(r.text("JWT_SECRET_KEY")),
		JWTSecretKeyPrevious: secret(r.text("JWT_SECRET_KEY_PREVIOUS")),
		JWTAlgorithm:         r.text("JWT_ALGORITHM"),
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`).MatchString(c.Env) {
		r.problem("ENV", fmt.Sprintf("is %.40q", c.Env), "Use one word, such as dev or production.")
	}
	c.AppName, c.JWTIssuer, c.JWTAudience = r.label("APP_NAME"), r.label("JWT_ISSUER"), r.label("JWT_AUDIENCE")
	if c.JWTAudience == token.RefreshAudience {
		r.problem("JWT_AUDIENCE", "is the audience that refresh tokens have", "Use another: whoever accepts access tokens must not accept the others.")
	}
	c.Addr = r.addr(&c)
	c.TrustedOrigins = r.origins(c.dev())
	c.BcryptCost = r.bcryptCost(c.dev())
	c.FailuresPerAccount, c.FailuresPerAddress = r.failures("LOGIN_FAILURES_PER_ACCOUNT"), r.failures("LOGIN_FAILURES_PER_ADDRESS")
	c.TrustedProxies = r.proxies()
	r.lifetimes(&c)
	r.keys(&c, signs)
	ignored := ignoredNames(file, r.fileName)
	if len(r.problems) > 0 {
		return config{}, errors.New("the configuration needs mending:\n\n  " + strings.Join(append(r.problems, ignored...), "\n  "))
	}
	c.Warnings = append(c.Warnings, ignored...)
	return c, nil
}

func (r *reader) databaseURL() secret {
	v := r.text("DATABASE_URL")
	if err := store.CheckURL(v); err != nil {
		r.problem("DATABASE_URL", "cannot be used", strings.TrimPrefix(err.Error(), store.ErrURL.Error()+": "))
	}
	return secret(v)
}

// label reads a name that is sent in headers and claims.
func (r *reader) label(name string) string {
	v := r.text(name)
	if !regexp.MustCompile(`^[!#-\[\]-~]([ !#-\[\]-~]{0,126}[!#-\[\]-~])?$`).MatchString(v) {
		r.problem(name, fmt.Sprintf("is %.40q", v), `Use 1 to 128 printable ASCII characters, no " and no \.`)
	}
	return v
}

func (r *reader) addr(c *config) string {
	v := r.text("ADDR")
	if v == "" {
		v = ":8080"
		if c.dev() {
			v = "127.0.0.1:8080"
		}
	}
	host, port, err := net.SplitHostPort(v)
	if n, portErr := strconv.Atoi(port); err != nil || portErr != nil || n < 0 || n > 65535 {
		r.problem("ADDR", fmt.Sprintf("is %.60q", v), "Use host:port, such as 127.0.0.1:8080 or :8080.")
		return v
	}
	if ip, err := netip.ParseAddr(host); c.dev() && host != "localhost" && (err != nil || !ip.IsLoopback()) {
		c.Warnings = append(c.Warnings, "ENV=dev listens on "+v+", which other machines can reach: cookies travel without Secure")
	}
	return v
}

// origins reads origins in the form in which browsers send them (RFC 6454 section 6.2), so that comparing bytes is enough.
func (r *reader) origins(dev bool) []string {
	var origins []string
	for o := range strings.SplitSeq(r.text("TRUSTED_ORIGINS"), ",") {
		if o = strings.TrimSpace(o); o == "" {
			continue
		}
		u, err := url.Parse(o)
		defaultPort := map[string]string{"http": "80", "https": "443"}
		switch {
		case err != nil || defaultPort[u.Scheme] == "" || u.Hostname() == "" || u.Port() == defaultPort[u.Scheme] ||
			o != u.Scheme+"://"+strings.ToLower(u.Host) || strings.HasSuffix(u.Host, ":") || strings.Contains(o, "*"):
			r.problem("TRUSTED_ORIGINS", fmt.Sprintf("has %.80q", o),
				"Write it as the browser does: https://app.example.com, lower case, no path, no default port, no wildcard.")
		case u.Scheme == "http" && !dev:
			r.problem("TRUSTED_ORIGINS", fmt.Sprintf("has %.80q", o), "Use https outside ENV=dev: anybody on the way can change a page that came by http.")
		}
		origins = append(origins, o)
	}
	return origins
}

func (r *reader) bcryptCost(dev bool) int {
	v := r.text("BCRYPT_COST")
	cost, err := strconv.Atoi(v)
	if err != nil || cost < 4 || cost > 15 {
		r.problem("BCRYPT_COST", fmt.Sprintf("is %.40q", v), "Use a number from 4 to 15; 12 takes about a quarter of a second per login.")
	} else if cost < 10 && !dev {
		r.problem("BCRYPT_COST", fmt.Sprintf("is %d", cost), "Use 10 or more outside ENV=dev.")
	}
	return cost
}

func (r *reader) failures(name string) int {
	v := r.text(name)
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 100_000 {
		r.problem(name, fmt.Sprintf("is %.40q", v), "Use a whole number up to 100000; 0 is no limit.")
	}
	return n
}

// proxies reads addresses and networks, and returns all of them as networks.
func (r *reader) proxies() []string {
	var proxies []string
	for p := range strings.SplitSeq(r.text("TRUSTED_PROXIES"), ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		network, err := netip.ParsePrefix(p)
		if address, addressErr := netip.ParseAddr(p); addressErr == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil || network.Addr().Is4In6() || strings.Contains(p, "%"):
			r.problem("TRUSTED_PROXIES", fmt.Sprintf("has %.80q", p), "Write an address or a network in CIDR form: 10.1.2.3, 10.0.7.0/28, 2001:db8::7.")
		case network.Bits() == 0:
			r.problem("TRUSTED_PROXIES", fmt.Sprintf("has %.80q", p), "Name the proxies alone: whoever is trusted can claim any address.")
		}
		proxies = append(proxies, network.Masked().String())
	}
	return proxies
}

const day = 24 * time.Hour

func (r *reader) lifetimes(c *config) {
	c.AccessTTL = r.lifetime("ACCESS_TOKEN_TTL", "ACCESS_TOKEN_EXPIRES_MIN", time.Minute, day)
	// Browsers keep no cookie for more than 400 days (RFC 6265bis section 5.5).
	c.RefreshTTL = r.lifetime("REFRESH_TOKEN_TTL", "REFRESH_TOKEN_EXPIRES_DAYS", day, 400*day)
	c.SessionMaxTTL = r.duration("SESSION_MAX_TTL", 3650*day)
	c.ReuseGrace = r.grace()
	if len(r.problems) > 0 {
		return
	}
	if c.RefreshTTL > c.SessionMaxTTL {
		c.Warnings = append(c.Warnings, fmt.Sprintf("refresh tokens would live %s, but SESSION_MAX_TTL ends every session after %s", c.RefreshTTL, c.SessionMaxTTL))
	}
	if c.AccessTTL > c.RefreshTTL {
		c.Warnings = append(c.Warnings, fmt.Sprintf("an access token lives %s, longer than the refresh token's %s", c.AccessTTL, c.RefreshTTL))
	}
}

// lifetime reads a duration, or a count of units where that comes from a stronger source.
func (r *reader) lifetime(name, countName string, unit, most time.Duration) time.Duration {
	v, rank := r.get(name)
	count, countRank := r.get(countName)
	if v != "" && rank >= countRank {
		return r.duration(name, most)
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > int(most/unit) {
		r.problem(countName, fmt.Sprintf("is %.40q", count), fmt.Sprintf("Use a whole number from 1 to %d.", most/unit))
		return 0
	}
	return time.Duration(n) * unit
}

func (r *reader) duration(name string, most time.Duration) time.Duration {
	v := r.text(name)
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Second || d > most || d%time.Second != 0 {
		r.problem(name, fmt.Sprintf("is %.40q", v), fmt.Sprintf("Use whole seconds such as 90s, 15m or 12h, from 1s to %dh.", most/time.Hour))
		return 0
	}
	return d
}

func (r *reader) grace() time.Duration {
	v := r.text("REFRESH_REUSE_GRACE")
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > session.MaxGrace {
		r.problem("REFRESH_REUSE_GRACE", fmt.Sprintf("is %.40q", v), fmt.Sprintf("Use a duration such as 10s, at most %.0fs; 0s is none.", session.MaxGrace.Seconds()))
	}
	return d
}

// keys checks the signing keys, and in dev makes one where there is none.
func (r *reader) keys(c *config, signs bool) {
	algorithm := c.JWTAlgorithm
	if minKeyBytes[algorithm] == 0 {
		r.problem("JWT_ALGORITHM", fmt.Sprintf("is %.40q", algorithm), "Use HS256, HS384 or HS512.")
		algorithm = "HS256" // what it asks of a key, the others do too
	}
	mend := fmt.Sprintf("Make one: openssl rand -hex %d", minKeyBytes[algorithm])
	switch {
	case !signs: // nothing is signed or verified, so nobody needs the operator's keys
		c.JWTSecretKey, c.JWTSecretKeyPrevious = randomKey(), ""
	case c.JWTSecretKey == "" && c.dev():
		c.JWTSecretKey = randomKey()
		c.Warnings = append(c.Warnings, "JWT_SECRET_KEY is not set: made one for this run, and every session ends with it")
	case c.JWTSecretKey == "":
		r.problem("JWT_SECRET_KEY", "is not set", mend)
	default:
		if err := keyProblem(c.JWTSecretKey, algorithm); err != nil {
			r.problem("JWT_SECRET_KEY", err.Error(), mend)
		}
	}
	if c.JWTSecretKeyPrevious != "" {
		if err := keyProblem(c.JWTSecretKeyPrevious, algorithm); err != nil {
			r.problem("JWT_SECRET_KEY_PREVIOUS", err.Error(), "Leave it unset: whoever guesses a key that is accepted can sign in as anybody.")
		} else if c.JWTSecretKeyPrevious == c.JWTSecretKey {
			r.problem("JWT_SECRET_KEY_PREVIOUS", "is the same as JWT_SECRET_KEY, so that no key has changed", "Leave it unset, or give JWT_SECRET_KEY the new key. "+mend)
		}
	}
}

func randomKey() secret {
	b := make([]byte, 64) // long enough for every algorithm
	_, _ = rand.Read(b)   // never fails, see crypto/rand
	return secret(hex.EncodeToString(b))
}
