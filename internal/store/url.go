package store

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// ErrURL refuses a DATABASE_URL that cannot be read or asks for what this program does not do. Its text never holds a password.
var ErrURL = errors.New("DATABASE_URL cannot be used")

// defaultURL is the embedded database, for a start without any configuration.
const defaultURL = "sqlite:///jwt-toy.db"

// location is a DATABASE_URL taken apart.
type location struct {
	dialect  string // what stands before the first + of the scheme
	user     string
	password string
	host     string
	port     string
	database string // for SQLite the path
	options  url.Values
}

// urlForm is how SQLAlchemy reads a URL, so that its users can keep theirs: unlike RFC 3986 it lets a password hold any
// character but @ as it is.
var urlForm = regexp.MustCompile(`^([\w+]+)://(?:([^:/]*)(?::([^@]*))?@)?(?:\[([^/?]+)\]|([^/:?]+))?(?::([^/?]*))?(?:/([^?]*))?(?:\?(.*))?$`)

// parseURL takes a DATABASE_URL apart. Its errors name a part only where it cannot be a piece of a password.
func parseURL(databaseURL string) (location, error) {
	if databaseURL == "" {
		databaseURL = defaultURL
	}
	m := urlForm.FindStringSubmatch(databaseURL)
	if m == nil {
		return location{}, fmt.Errorf("%w: it must look like mysql+pymysql://user:password@host:3306/database or sqlite:///file.db", ErrURL)
	}
	for _, rest := range m[4:] {
		if strings.Contains(rest, "@") {
			return location{}, fmt.Errorf("%w: there is more than one @: write an @ in the password as %%40", ErrURL)
		}
	}
	dialect, _, _ := strings.Cut(m[1], "+")
	options, err := url.ParseQuery(m[8])
	if err != nil {
		return location{}, fmt.Errorf("%w: the options after the ? cannot be read", ErrURL)
	}
	return location{
		dialect:  dialect,
		user:     unquote(m[2]),
		password: unquote(m[3]),
		host:     m[4] + m[5],
		port:     m[6],
		database: m[7],
		options:  options,
	}, nil
}

// unquote decodes %XX, and leaves a % that begins no such code as it is, like SQLAlchemy.
func unquote(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				out.WriteString(c)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
