package storage

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// ErrDSN refuses a DSN that cannot be read. Its text never holds a password.
var ErrDSN = errors.New("the DSN cannot be used")

const dsnForms = "want mysql://user:password@host:3306/database, postgres://user:password@host:5432/database, sqlite:///file.db (four slashes: an absolute path), or the path of an SQLite file that exists"

// location is a DSN taken apart.
type location struct {
	scheme         string // without the driver that SQLAlchemy's users name after a +
	user, password string
	host, port     string
	database       string // for SQLite the path
	options        url.Values
}

// parseDSN takes a DSN apart as SQLAlchemy does, so that a project's DATABASE_URL serves as it stands: a password may hold any character but
// @, as it is or percent-encoded.
func parseDSN(dsn string) (location, error) {
	scheme, rest, isURL := strings.Cut(dsn, "://")
	if !isURL {
		if _, err := os.Stat(dsn); err != nil {
			return location{}, fmt.Errorf("%w: it is neither a URL nor a file that exists; %s", ErrDSN, dsnForms) // not its text: it may hold a password
		}
		return location{scheme: "sqlite", database: dsn}, nil
	}
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	switch scheme {
	case "sqlite":
		path, _, _ := strings.Cut(rest, "?")
		if !strings.HasPrefix(path, "/") || path == "/" {
			return location{}, fmt.Errorf("%w: it names no file: sqlite:///file.db for one in the working directory, sqlite:////dir/file.db for another", ErrDSN)
		}
		return location{scheme: scheme, database: path[1:]}, nil
	case "mysql", "mariadb":
		return parseServer("mysql", rest)
	case "postgres", "postgresql":
		return parseServer("postgres", rest)
	}
	return location{}, fmt.Errorf("%w: its scheme is none of mysql, postgres and sqlite; %s", ErrDSN, dsnForms)
}

func parseServer(scheme, rest string) (location, error) {
	l := location{scheme: scheme}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, _ := strings.Cut(rest[:at], ":")
		l.user, l.password = unquote(user), unquote(password)
		rest = rest[at+1:]
	}
	rest, query, _ := strings.Cut(rest, "?")
	options, err := url.ParseQuery(query)
	if err != nil {
		return location{}, fmt.Errorf("%w: the options after the ? cannot be read", ErrDSN)
	}
	l.options = options
	address, database, _ := strings.Cut(rest, "/")
	l.database = unquote(database)
	if l.database == "" {
		return location{}, fmt.Errorf("%w: it names no database; %s", ErrDSN, dsnForms)
	}
	l.host = strings.Trim(address, "[]")
	if strings.Contains(address, ":") && !strings.HasSuffix(address, "]") {
		if l.host, l.port, err = net.SplitHostPort(address); err == nil {
			_, err = strconv.ParseUint(l.port, 10, 16)
		}
		if err != nil { // what stands there may be a piece of a password
			return location{}, fmt.Errorf("%w: what stands before the database's name is not host:port", ErrDSN)
		}
	}
	return l, nil
}

// unquote decodes %XX, and leaves alone what is no such code.
func unquote(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}
