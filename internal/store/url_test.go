package store

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct {
		url  string
		want location
	}{
		{"", location{dialect: "sqlite", database: "jwt-toy.db"}},
		{"sqlite:///rel/file.db", location{dialect: "sqlite", database: "rel/file.db"}},
		{"sqlite:////abs/file.db", location{dialect: "sqlite", database: "/abs/file.db"}},
		{"sqlite+aiosqlite:///x.db", location{dialect: "sqlite", database: "x.db"}},
		{"mysql://root@localhost/app", location{dialect: "mysql", user: "root", host: "localhost", database: "app"}},
		{"mysql+pymysql://user:pw@db.example:3306/app", location{dialect: "mysql", user: "user", password: "pw", host: "db.example", port: "3306", database: "app"}},
		{"mysql+asyncmy://u:p%40ss%2Fw%3Ard%2520@h/d", location{dialect: "mysql", user: "u", password: "p@ss/w:rd%20", host: "h", database: "d"}},
		{"mysql://u%40corp:pw@h/d", location{dialect: "mysql", user: "u@corp", password: "pw", host: "h", database: "d"}},
		// What RFC 3986 forbids and SQLAlchemy takes as it is.
		{"mysql://u:a#b?c/d:e%zz+%4@h/d", location{dialect: "mysql", user: "u", password: "a#b?c/d:e%zz+%4", host: "h", database: "d"}},
		{"mysql://u:@h/d", location{dialect: "mysql", user: "u", host: "h", database: "d"}},
		{"mysql://u:pw@[::1]:3307/d", location{dialect: "mysql", user: "u", password: "pw", host: "::1", port: "3307", database: "d"}},
		{"mysql:///d", location{dialect: "mysql", database: "d"}},
	} {
		got, err := parseURL(c.url)
		require.NoError(t, err, c.url)
		require.Empty(t, got.options, c.url)
		got.options = nil
		require.Equal(t, c.want, got, c.url)
	}
}

func TestMySQLConfig(t *testing.T) {
	e, err := newEngine("mysql+pymysql://u:p%40ss@db.example/app?charset=utf8mb4&connect_timeout=7&read_timeout=8&write_timeout=9")
	require.NoError(t, err)
	cfg := e.(mysqlEngine).cfg
	require.Equal(t, "u", cfg.User)
	require.Equal(t, "p@ss", cfg.Passwd)
	require.Equal(t, "tcp", cfg.Net)
	require.Equal(t, "db.example:3306", cfg.Addr)
	require.Equal(t, "app", cfg.DBName)
	require.Equal(t, [3]time.Duration{7 * time.Second, 8 * time.Second, 9 * time.Second}, [3]time.Duration{cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout})
	require.True(t, cfg.ClientFoundRows, "rotation counts matched rows")
	require.Nil(t, cfg.TLS)
	require.Equal(t, "db.example:3306/app", e.place())

	require.LessOrEqual(t, len(e.(mysqlEngine).lockName()), 64, "MySQL's limit")
	other, err := newEngine("mysql://u:pw@db.example/other")
	require.NoError(t, err)
	require.NotEqual(t, e.(mysqlEngine).lockName(), other.(mysqlEngine).lockName(), "the lock is the server's, and for one database")

	e, err = newEngine("mysql://u:pw@/app?unix_socket=/run/mysqld.sock")
	require.NoError(t, err)
	require.Equal(t, "unix", e.(mysqlEngine).cfg.Net)
	require.Equal(t, "/run/mysqld.sock", e.(mysqlEngine).cfg.Addr)

	e, err = newEngine("mysql://u:pw@h/app?ssl_check_hostname=true")
	require.NoError(t, err)
	require.NotNil(t, e.(mysqlEngine).cfg.TLS)
	require.False(t, e.(mysqlEngine).cfg.TLS.InsecureSkipVerify)
}

// TestBadURL: what, why, and what to do; and never a piece of the password, which is "se@cr/et?x" here.
func TestBadURL(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"user:secret@host/db", "it must look like"},
		{"mysql:user:secret@host/db", "it must look like"},
		{"postgresql://u:secret@h/d", `"postgresql" is neither mysql nor sqlite`},
		{"mysql://u:se@cret@h/d", "write an @ in the password as %40"},
		{"mysql://u:se@cr/secret@h/d", "write an @ in the password as %40"},
		{"mysql://u:se@cr?secret@h/d", "write an @ in the password as %40"},
		{"mysql://u:secret@h", "names no database"},
		{"mysql://u:secret@h/", "names no database"},
		{"mysql://u:secret/d", "not a port number"}, // the host is missing
		{"mysql://u:secret@h:99999/d", "not a port number"},
		{"mysql://u:secret@h/d?ssl_mode=REQUIRED", "option ssl_mode: it is not known here"},
		{"mysql://u:secret@h/d?charset=latin1", "option charset: only utf8mb4"},
		{"mysql://u:secret@h/d?connect_timeout=soon", "option connect_timeout: it must be a number of seconds"},
		{"mysql://u:secret@h/d?ssl_verify_cert=false", "option ssl_verify_cert: a certificate that is not verified"},
		{"mysql://u:secret@h/d?ssl_check_hostname=perhaps", "option ssl_check_hostname: it must be true or false"},
		{"mysql://u:secret@h/d?ssl_ca=/no/such/file", "option ssl_ca: open /no/such/file"},
		{"mysql://u:secret@h/d?ssl_ca=url_test.go", "option ssl_ca: url_test.go holds no PEM certificate"},
		{"mysql://u:secret@h/d?ssl_cert=/no/such/file", "options ssl_cert and ssl_key"},
		{"mysql://u:secret@h/d?a=%zz", "options after the ? cannot be read"},
		{"sqlite://file.db", "SQLite has no host"},
		{"sqlite://", "names no file"},
		{"sqlite:///", "names no file"},
		{"sqlite:///:memory:", "names no file"},
		{"sqlite:///x.db?check_same_thread=False", "option check_same_thread: SQLite takes no options"},
	} {
		_, err := newEngine(c.url)
		require.ErrorIs(t, err, ErrURL, c.url)
		require.ErrorContains(t, err, c.want, c.url)
		require.NotContains(t, err.Error(), "secret", c.url)
		require.NotContains(t, err.Error(), "cr/", c.url)
	}
}

// FuzzURL: no panic; what was accepted names an engine; a well-escaped password arrives as it was, and no error tells it.
func FuzzURL(f *testing.F) {
	f.Add("mysql+pymysql://u:%40@h:3306/d?charset=utf8mb4", "p@ss/w:rd%20")
	f.Add("sqlite:////a/b?c", "#?&=+ %zz")
	f.Add("mysql://[::1]:1/d", "\x00\xff\r\n")
	f.Fuzz(func(t *testing.T, raw, password string) {
		if e, err := newEngine(raw); err == nil {
			require.NotEmpty(t, e.place())
		} else {
			require.ErrorIs(t, err, ErrURL)
		}
		escaped := strings.ReplaceAll(url.QueryEscape(password), "+", "%20")
		loc, err := parseURL("mysql://user:" + escaped + "@host:1/db?o=1")
		require.NoError(t, err)
		require.Equal(t, password, loc.password)
		require.Equal(t, "host", loc.host)

		marked := "se" + "\u2603" + "cret" // cannot stand in any of our texts
		for _, around := range []string{"@", "/", "?", ":", "#", ""} {
			if _, err := newEngine("mysql://user:" + password + around + marked + "@host:1/db?nonsense=1"); err != nil {
				require.NotContains(t, err.Error(), marked)
			}
		}
	})
}
