package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goodKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// load reads a configuration from flags, environment and the text of a .env file, as the program does.
func load(t *testing.T, args []string, env map[string]string, file string) (config, error) {
	t.Helper()
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	set, envFile := addSettingFlags(fs)
	require.NoError(t, fs.Parse(args))
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(".env", []byte(file), 0o600))
	return loadConfig(set, func(name string) string { return env[name] }, *envFile, true)
}

func TestConfigDefaults(t *testing.T) {
	c, err := load(t, nil, map[string]string{"JWT_SECRET_KEY": goodKey}, "")
	require.NoError(t, err)
	require.Equal(t, config{
		AppName: "jwt-toy", Env: "dev", Addr: "127.0.0.1:8080", JWTIssuer: "jwt-toy", JWTAudience: "jwt-toy-client", JWTAlgorithm: "HS256",
		JWTSecretKey: goodKey, AccessTTL: 15 * time.Minute, RefreshTTL: 720 * time.Hour, SessionMaxTTL: 2160 * time.Hour, BcryptCost: 12,
		FailuresPerAccount: 30, FailuresPerAddress: 100,
	}, c)

	c, err = load(t, nil, map[string]string{"JWT_SECRET_KEY": goodKey, "ENV": "production"}, "")
	require.NoError(t, err)
	require.Equal(t, ":8080", c.Addr)
	require.False(t, c.dev())
}

// Flag over environment over .env over default, and an empty variable is an unset one.
func TestConfigPrecedence(t *testing.T) {
	key := "JWT_SECRET_KEY=" + goodKey + "\n"
	issuer := func(c config) any { return c.JWTIssuer }
	access := func(c config) any { return c.AccessTTL }
	grace := func(c config) any { return c.ReuseGrace }
	tests := []struct {
		name  string
		flags []string
		env   map[string]string
		file  string
		got   func(config) any
		want  any
	}{
		{"default", nil, nil, "", issuer, "jwt-toy"},
		{"file", nil, nil, "JWT_ISSUER=file", issuer, "file"},
		{"environment over file", nil, map[string]string{"JWT_ISSUER": "env"}, "JWT_ISSUER=file", issuer, "env"},
		{"flag over environment", []string{"-jwt-issuer", "flag"}, map[string]string{"JWT_ISSUER": "env"}, "JWT_ISSUER=file", issuer, "flag"},
		{"empty environment falls through", nil, map[string]string{"JWT_ISSUER": ""}, "JWT_ISSUER=file", issuer, "file"},
		{"empty in file falls through", nil, nil, "JWT_ISSUER=", issuer, "jwt-toy"},
		{"minutes", nil, nil, "ACCESS_TOKEN_EXPIRES_MIN=5", access, 5 * time.Minute},
		{"duration over minutes", nil, nil, "ACCESS_TOKEN_EXPIRES_MIN=5\nACCESS_TOKEN_TTL=7s", access, 7 * time.Second},
		{"minutes of the environment over duration of the file", nil, map[string]string{"ACCESS_TOKEN_EXPIRES_MIN": "5"}, "ACCESS_TOKEN_TTL=7s", access, 5 * time.Minute},
		{"duration of the environment over minutes as a flag: the flag wins", []string{"-access-token-expires-min=3"}, map[string]string{"ACCESS_TOKEN_TTL": "7s"}, "", access, 3 * time.Minute},
		{"no grace", nil, nil, "", grace, time.Duration(0)},
		{"grace", []string{"-refresh-reuse-grace", "60s"}, map[string]string{"REFRESH_REUSE_GRACE": "1s"}, "", grace, time.Minute},
		{"dollar stays", nil, nil, `DATABASE_URL=mysql://u:p$A${B}$c@h/d`, func(c config) any { return c.DatabaseURL }, secret("mysql://u:p$A${B}$c@h/d")},
		{"dollar in double quotes stays", nil, nil, `DATABASE_URL="mysql://u:p$A\$c#x@h/d" # here`, func(c config) any { return c.DatabaseURL }, secret("mysql://u:p$A$c#x@h/d")},
		{"hash within a value stays", nil, nil, `DATABASE_URL=mysql://u:p#w@h/d # here`, func(c config) any { return c.DatabaseURL }, secret("mysql://u:p#w@h/d")},
		{"export and CRLF and BOM", nil, nil, "\uFEFFexport JWT_ISSUER='a b'\r\nJWT_AUDIENCE=c\r\n", issuer, "a b"},
		{"no limit", nil, map[string]string{"LOGIN_FAILURES_PER_ACCOUNT": "0"}, "", func(c config) any { return c.FailuresPerAccount }, 0},
		{"proxies", []string{"-trusted-proxies", " 10.1.2.3 , 192.168.7.7/16,2001:db8::/32, ::1,"}, nil, "", func(c config) any { return c.TrustedProxies },
			[]string{"10.1.2.3/32", "192.168.0.0/16", "2001:db8::/32", "::1/128"}},
		{"origins", []string{"-trusted-origins", " https://a.example , http://localhost:3000,"}, nil, "", func(c config) any { return c.TrustedOrigins }, []string{"https://a.example", "http://localhost:3000"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := load(t, tt.flags, tt.env, tt.file+"\n"+key)
			require.NoError(t, err)
			require.Equal(t, tt.want, tt.got(c))
		})
	}
}

func TestConfigRefuses(t *testing.T) {
	base := map[string]string{"JWT_SECRET_KEY": goodKey}
	tests := []struct {
		env  map[string]string
		want string // in the message
	}{
		{map[string]string{"JWT_SECRET_KEY": "", "ENV": "production"}, "JWT_SECRET_KEY is not set"},
		{map[string]string{"JWT_SECRET_KEY": "CHANGE_ME_TO_A_LONG_RANDOM_SECRET"}, "is a placeholder"},
		{map[string]string{"JWT_SECRET_KEY": "change-me-0123456789abcdef0123456789"}, "is a placeholder"},
		{map[string]string{"JWT_SECRET_KEY": "changeme0123456789abcdef0123456789"}, "is a placeholder"},
		{map[string]string{"JWT_SECRET_KEY": "secret0123456789abcdef0123456789abc"}, "is a placeholder"},
		{map[string]string{"JWT_SECRET_KEY": "your-256-bit-secret-0123456789abcdef"}, "is a placeholder"},
		{map[string]string{"JWT_SECRET_KEY": goodKey[:31]}, "has 31 bytes, HS256 needs at least 32"},
		{map[string]string{"JWT_SECRET_KEY": goodKey[:47], "JWT_ALGORITHM": "HS384"}, "has 47 bytes, HS384 needs at least 48"},
		{map[string]string{"JWT_SECRET_KEY": goodKey[:63], "JWT_ALGORITHM": "HS512"}, "has 63 bytes, HS512 needs at least 64"},
		{map[string]string{"JWT_SECRET_KEY": strings.Repeat("ab", 32)}, "too few different characters"},
		{map[string]string{"JWT_SECRET_KEY": goodKey + "\n"}, "white space"},
		{map[string]string{"JWT_SECRET_KEY_PREVIOUS": "CHANGE_ME_TO_A_LONG_RANDOM_SECRET"}, "JWT_SECRET_KEY_PREVIOUS in the environment is a placeholder"},
		{map[string]string{"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM"},
		{map[string]string{"JWT_ALGORITHM": "RS256"}, "JWT_ALGORITHM"},
		{map[string]string{"JWT_ALGORITHM": "hs256"}, "JWT_ALGORITHM"},
		{map[string]string{"ENV": "two words"}, "ENV"},
		{map[string]string{"APP_NAME": `a"b`}, "APP_NAME"},
		{map[string]string{"APP_NAME": "a\nb"}, "APP_NAME"},
		{map[string]string{"JWT_ISSUER": " "}, "JWT_ISSUER"},
		{map[string]string{"JWT_AUDIENCE": "ä"}, "JWT_AUDIENCE"},
		{map[string]string{"JWT_AUDIENCE": "jwt-toy-refresh"}, "JWT_AUDIENCE in the environment is the audience that refresh tokens have"},
		{map[string]string{"DATABASE_URL": "postgresql://app:pw@db/x"}, "DATABASE_URL in the environment cannot be used\n    \"postgresql\" is neither"},
		{map[string]string{"DATABASE_URL": "mysql://app:p@w@db/x"}, "write an @ in the password as %40"},
		{map[string]string{"ACCESS_TOKEN_EXPIRES_MIN": "0"}, "ACCESS_TOKEN_EXPIRES_MIN"},
		{map[string]string{"ACCESS_TOKEN_EXPIRES_MIN": "-1"}, "ACCESS_TOKEN_EXPIRES_MIN"},
		{map[string]string{"ACCESS_TOKEN_EXPIRES_MIN": "1441"}, "from 1 to 1440"},
		{map[string]string{"ACCESS_TOKEN_EXPIRES_MIN": "15.5"}, "ACCESS_TOKEN_EXPIRES_MIN"},
		{map[string]string{"REFRESH_TOKEN_EXPIRES_DAYS": "401"}, "from 1 to 400"},
		{map[string]string{"REFRESH_TOKEN_EXPIRES_DAYS": "99999999999999999999"}, "REFRESH_TOKEN_EXPIRES_DAYS"},
		{map[string]string{"ACCESS_TOKEN_TTL": "15"}, "ACCESS_TOKEN_TTL"},
		{map[string]string{"ACCESS_TOKEN_TTL": "1500ms"}, "ACCESS_TOKEN_TTL"},
		{map[string]string{"ACCESS_TOKEN_TTL": "25h"}, "ACCESS_TOKEN_TTL"},
		{map[string]string{"REFRESH_TOKEN_TTL": "0s"}, "REFRESH_TOKEN_TTL"},
		{map[string]string{"SESSION_MAX_TTL": "90d"}, "SESSION_MAX_TTL"},
		{map[string]string{"REFRESH_REUSE_GRACE": "61s"}, "REFRESH_REUSE_GRACE in the environment is \"61s\""},
		{map[string]string{"REFRESH_REUSE_GRACE": "-1s"}, "at most 60s"},
		{map[string]string{"REFRESH_REUSE_GRACE": "10"}, "Use a duration such as 10s"},
		{map[string]string{"BCRYPT_COST": "3"}, "BCRYPT_COST"},
		{map[string]string{"BCRYPT_COST": "16"}, "BCRYPT_COST"},
		{map[string]string{"BCRYPT_COST": "ten"}, "BCRYPT_COST"},
		{map[string]string{"BCRYPT_COST": "9", "ENV": "production"}, "Use 10 or more outside ENV=dev"},
		{map[string]string{"JWT_SECRET_KEY_PREVIOUS": goodKey[:31]}, "JWT_SECRET_KEY_PREVIOUS in the environment has 31 bytes, HS256 needs at least 32"},
		{map[string]string{"JWT_SECRET_KEY_PREVIOUS": goodKey}, "JWT_SECRET_KEY_PREVIOUS in the environment is the same as JWT_SECRET_KEY"},
		{map[string]string{"LOGIN_FAILURES_PER_ACCOUNT": "-1"}, "LOGIN_FAILURES_PER_ACCOUNT"},
		{map[string]string{"LOGIN_FAILURES_PER_ACCOUNT": "many"}, "LOGIN_FAILURES_PER_ACCOUNT"},
		{map[string]string{"LOGIN_FAILURES_PER_ADDRESS": "100001"}, "LOGIN_FAILURES_PER_ADDRESS"},
		{map[string]string{"TRUSTED_PROXIES": "proxy.example.com"}, "TRUSTED_PROXIES"},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.0/33"}, "TRUSTED_PROXIES"},
		{map[string]string{"TRUSTED_PROXIES": "::ffff:10.0.0.1"}, "TRUSTED_PROXIES"},
		{map[string]string{"TRUSTED_PROXIES": "fe80::1%eth0"}, "TRUSTED_PROXIES"},
		{map[string]string{"TRUSTED_PROXIES": "0.0.0.0/0"}, "whoever is trusted can claim any address"},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.1,::/0"}, "Name the proxies alone"},
		{map[string]string{"ADDR": "8080"}, "ADDR"},
		{map[string]string{"ADDR": ":http"}, "ADDR"},
		{map[string]string{"ADDR": ":65536"}, "ADDR"},
		{map[string]string{"TRUSTED_ORIGINS": "*"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "null"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "app.example.com"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "https://app.example.com/"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "https://App.example.com"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "https://app.example.com:443"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "https://*.example.com"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "https://app.example.com:"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "https://user@app.example.com"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "ftp://app.example.com"}, "TRUSTED_ORIGINS"},
		{map[string]string{"TRUSTED_ORIGINS": "http://app.example.com", "ENV": "production"}, "Use https outside ENV=dev"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.env), func(t *testing.T) {
			env := map[string]string{}
			for _, m := range []map[string]string{base, tt.env} {
				for k, v := range m {
					env[k] = v
				}
			}
			_, err := load(t, nil, env, "")
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, 1, strings.Count(err.Error(), "\n    "), "one problem only: %v", err)
		})
	}
}

// One message names everything that is wrong, where it was found, and how to mend it; never a secret.
func TestConfigMessage(t *testing.T) {
	_, err := load(t, []string{"-addr", "nowhere", "-bcrypt-cost", "99"},
		map[string]string{"JWT_ALGORITHM": "HS512", "ACCESS_TOKEN_TTL": "15", "ENV": "production"},
		"JWT_SECRET_KEY=CHANGE_ME_TO_A_LONG_RANDOM_SECRET\nJWT_SECRET_KEY_PREVIOUS=hunter2hunter2\nTRUSTED_ORIGINS=http://app.example.com,*\n"+
			"DATABASE_URL=mysql://app:hunter2@db/x?ssl_mode=REQUIRED\nJWT_AUDIENCE=jwt-toy-refresh\nJWT_ISUER=shop\nSMTP_HOST=mail\n")
	require.Error(t, err)
	requireGolden(t, "config-message.txt", err.Error()+"\n")
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "CHANGE_ME")
}

// An algorithm that is unknown hides no fault of the keys.
func TestConfigAlgorithmAndKeys(t *testing.T) {
	_, err := load(t, nil, map[string]string{"JWT_ALGORITHM": "RS256", "JWT_SECRET_KEY": "short", "JWT_SECRET_KEY_PREVIOUS": "CHANGE_ME"}, "")
	require.ErrorContains(t, err, `JWT_ALGORITHM in the environment is "RS256"`)
	require.ErrorContains(t, err, "JWT_SECRET_KEY in the environment has 5 bytes")
	require.ErrorContains(t, err, "JWT_SECRET_KEY_PREVIOUS in the environment is a placeholder")
}

func TestConfigWarnings(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want string // "" for none
	}{
		{"loopback", map[string]string{"ADDR": "127.0.0.2:80"}, ""},
		{"loopback v6", map[string]string{"ADDR": "[::1]:80"}, ""},
		{"localhost", map[string]string{"ADDR": "localhost:80"}, ""},
		{"every interface", map[string]string{"ADDR": ":80"}, "other machines"},
		{"every interface v4", map[string]string{"ADDR": "0.0.0.0:80"}, "other machines"},
		{"a name", map[string]string{"ADDR": "example.com:80"}, "other machines"},
		{"every interface in production", map[string]string{"ADDR": ":80", "ENV": "production"}, ""},
		{"idle life over absolute life", map[string]string{"SESSION_MAX_TTL": "1h"}, "SESSION_MAX_TTL ends every session after 1h"},
		{"access over refresh", map[string]string{"REFRESH_TOKEN_TTL": "1m"}, "longer than the refresh token"},
		{"no key in dev", map[string]string{"JWT_SECRET_KEY": ""}, "made one for this run"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, ok := tt.env["JWT_SECRET_KEY"]; !ok {
				tt.env["JWT_SECRET_KEY"] = goodKey
			}
			c, err := load(t, nil, tt.env, "")
			require.NoError(t, err)
			if tt.want == "" {
				require.Empty(t, c.Warnings)
				return
			}
			require.Len(t, c.Warnings, 1)
			require.Contains(t, c.Warnings[0], tt.want)
		})
	}
}

func TestGeneratedKeyIsGoodAndNew(t *testing.T) {
	c, err := load(t, nil, nil, "JWT_ALGORITHM=HS512")
	require.NoError(t, err)
	require.NoError(t, keyProblem(c.JWTSecretKey, "HS512"))
	again, err := load(t, nil, nil, "JWT_ALGORITHM=HS512")
	require.NoError(t, err)
	require.NotEqual(t, c.JWTSecretKey, again.JWTSecretKey)
}

// A command that signs nothing runs without the key, and with one that would be refused.
func TestConfigWithoutSigning(t *testing.T) {
	for _, key := range []string{"", "CHANGE_ME", goodKey} {
		env := map[string]string{"ENV": "production", "JWT_SECRET_KEY": key, "JWT_SECRET_KEY_PREVIOUS": "x"}
		t.Chdir(t.TempDir())
		c, err := loadConfig(nil, func(name string) string { return env[name] }, "", false)
		require.NoError(t, err)
		require.NoError(t, keyProblem(c.JWTSecretKey, "HS256"))
		require.Empty(t, c.JWTSecretKeyPrevious)
		require.NotEqual(t, key, string(c.JWTSecretKey))
		require.Empty(t, c.Warnings)
	}
}

func TestEnvFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.env")
	require.NoError(t, os.WriteFile(name, []byte("# a comment\nJWT_ISSUER=x\n\nthis line is hunter2 broken\nA=b\nso is this\n"), 0o600))
	_, err := loadConfig(nil, func(string) string { return "" }, name, true)
	require.EqualError(t, err, name+":4 is not of the form KEY=VALUE\n"+name+":6 is not of the form KEY=VALUE")

	_, err = loadConfig(nil, func(string) string { return "" }, filepath.Join(dir, "missing.env"), true)
	require.ErrorIs(t, err, os.ErrNotExist, "a file that is asked for must be there")

	t.Chdir(dir)
	_, err = loadConfig(nil, func(string) string { return "" }, "", true)
	require.NoError(t, err, ".env need not be there")

	require.NoError(t, os.Mkdir(".env", 0o700))
	_, err = loadConfig(nil, func(string) string { return "" }, "", true)
	require.Error(t, err, ".env that cannot be read is not the same as none")
}

func TestEnvFileIsNotExported(t *testing.T) {
	_, err := load(t, nil, nil, "JWT_ISSUER=from-file\n")
	require.NoError(t, err)
	_, ok := os.LookupEnv("JWT_ISSUER")
	require.False(t, ok)
}

// A name in .env that is no setting is not silently ignored, and what it resembles is named.
func TestConfigIgnoredNames(t *testing.T) {
	tests := []struct{ name, meant string }{
		{"JWT_SECRET_KYE", "JWT_SECRET_KEY"},
		{"JWT_SECRET", "JWT_SECRET_KEY"},
		{"SECRET_KEY", "JWT_SECRET_KEY"},
		{"JWT_SECRET_KEY_PREVIUS", "JWT_SECRET_KEY_PREVIOUS"},
		{"JWT_SECRET_KEY_OLD", "JWT_SECRET_KEY"},
		{"jwt_issuer", "JWT_ISSUER"},
		{"DATABASE_URI", "DATABASE_URL"},
		{"ENVIRONMENT", "ENV"},
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "ACCESS_TOKEN_EXPIRES_MIN"},
		{"REFRESH_TOKEN_EXPIRE_DAYS", "REFRESH_TOKEN_EXPIRES_DAYS"},
		{"ALLOWED_ORIGINS", ""},
		{"SMTP_HOST", ""},
		{"T", ""},
	}
	for _, tt := range tests {
		c, err := load(t, nil, nil, tt.name+"=hunter2\nJWT_SECRET_KEY="+goodKey+"\nMYSQL_PASSWORD=x\nPORT=80\n")
		require.NoError(t, err)
		want := tt.name + " in .env is no setting and is ignored: did you mean " + tt.meant + "?"
		if tt.meant == "" {
			want = tt.name + " in .env: no settings of this server, ignored"
		}
		require.Equal(t, []string{want}, c.Warnings)
	}

	c, err := load(t, nil, nil, "B=1\nA=1\nhunter2=1\nJWT_SECRET_KEY="+goodKey)
	require.NoError(t, err)
	require.Equal(t, []string{"A, B in .env: no settings of this server, ignored"}, c.Warnings, "sorted, and nothing that may be a secret")

	_, err = load(t, nil, nil, "ENV=production\nJWT_SECRET_KYE="+goodKey)
	require.ErrorContains(t, err, "JWT_SECRET_KEY is not set")
	require.ErrorContains(t, err, "did you mean JWT_SECRET_KEY?")
	require.NotContains(t, err.Error(), goodKey)
}

// .env.example, once its secret is good, is a configuration without warnings, and names every setting.
func TestConfigExample(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(repository(t), ".env.example"))
	require.NoError(t, err)
	text := strings.Replace(string(example), "CHANGE_ME_TO_A_LONG_RANDOM_SECRET", goodKey, 1)
	c, err := load(t, nil, nil, text)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	for _, s := range settings() {
		require.Regexp(t, `(?m)^(# )?`+s.name+`=`, text)
	}
	for _, name := range alsoInEnvFile {
		require.Regexp(t, `(?m)^(# )?`+name+`=`, text)
	}
}

// The original project's .env, its placeholder replaced, is a configuration of this server.
func TestConfigOriginalEnv(t *testing.T) {
	original, err := os.ReadFile("../testdata/original.env")
	require.NoError(t, err)
	_, err = load(t, nil, nil, string(original))
	require.ErrorContains(t, err, "JWT_SECRET_KEY in .env is a placeholder")
	require.ErrorContains(t, err, "openssl rand -hex 32")

	c, err := load(t, nil, nil, strings.Replace(string(original), "CHANGE_ME_TO_A_LONG_RANDOM_SECRET", goodKey, 1))
	require.NoError(t, err)
	require.Equal(t, secret("mysql+pymysql://app:app@localhost:3306/jwt_toy"), c.DatabaseURL)
	require.Empty(t, c.Warnings)
}

// No way of printing a configuration prints its secrets.
func TestSecretsAreNotPrinted(t *testing.T) {
	const canary = "canary-0123456789"
	c := config{JWTSecretKey: canary, JWTSecretKeyPrevious: canary, DatabaseURL: canary}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", c.JWTSecretKey)
		fmt.Fprintf(&out, verb+"\n", []any{c.JWTSecretKey, &c.JWTSecretKey, map[string]any{"k": c}})
	}
	b, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(b)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "config", c, "pointer", &c, "key", c.JWTSecretKey, slog.Any("any", c.DatabaseURL))
	}
	fmt.Fprintln(&out, c, fmt.Errorf("wrapped: %v", c.JWTSecretKey), c.JWTSecretKey.String())
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
	require.Contains(t, out.String(), redacted)
}

func TestSecretsHaveNoFlag(t *testing.T) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	addSettingFlags(fs)
	var flags []string
	fs.VisitAll(func(f *flag.Flag) { flags = append(flags, f.Name) })
	require.NotContains(t, flags, "jwt-secret-key")
	require.NotContains(t, flags, "jwt-secret-key-previous")
	require.NotContains(t, flags, "database-url", "it has a password in it")
	require.True(t, slices.Contains(flags, "addr"))
}

// requireGolden compares got with a file in testdata, or rewrites it: go test ./server -update
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(repository(t), "server", "testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
