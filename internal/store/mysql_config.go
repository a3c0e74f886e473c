package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MySQL's timeouts. A lock is given up before the answer is, so that waiting for a lock ends in a definite rollback, and
// both before a request's own deadline, so that there is time to repeat. DATABASE_URL may set all but the first.
const (
	mysqlLockWait       = 2 * time.Second
	mysqlConnectTimeout = 3 * time.Second
	mysqlHostTimeout    = time.Second // the same, where there are other hosts to try
	mysqlAnswerTimeout  = 3 * time.Second
)

// mysqlConfig translates a DATABASE_URL for the driver, and returns its hosts, of which the configuration has the first.
func mysqlConfig(loc location) (*mysql.Config, []string, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = loc.user, loc.password, loc.database
	if cfg.DBName == "" {
		return nil, nil, fmt.Errorf("%w: it names no database: mysql+pymysql://user:password@host:3306/database", ErrURL)
	}
	hosts, err := addresses(loc)
	if err != nil {
		return nil, nil, err
	}
	cfg.Net, cfg.Addr = "tcp", hosts[0]
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = mysqlConnectTimeout, mysqlAnswerTimeout, mysqlAnswerTimeout
	if len(hosts) > 1 {
		cfg.Timeout = mysqlHostTimeout
	}
	if err := mysqlOptions(cfg, loc.options); err != nil {
		return nil, nil, err
	}
	if cfg.Net == "unix" {
		hosts = []string{cfg.Addr}
	}

	cfg.ClientFoundRows = true      // rows matched, not rows changed: a repeated statement matches again
	cfg.InterpolateParams = true    // one round trip for each statement
	cfg.RejectReadOnly = true       // after a failover the old primary is read-only: leave it, look for the new one
	cfg.ParseTime = false           // times are integers
	cfg.Logger = &mysql.NopLogger{} // what it would print is in the errors too
	// Ids and hashes stand in the statements as bytes. In latin1 each byte is a character; taken for broken UTF-8 they make
	// MySQL refuse to list its transactions (error 3854 from information_schema.innodb_trx) to whoever looks for a lock.
	cfg.Collation = "latin1_bin"
	cfg.Params = map[string]string{
		"autocommit":               "1", // a server may be configured otherwise, and then nothing would be durable
		"transaction_isolation":    "'READ-COMMITTED'",
		"innodb_lock_wait_timeout": strconv.Itoa(int(mysqlLockWait.Seconds())),
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
	}
	return cfg, hosts, nil
}

// mysqlOptions translates the options of SQLAlchemy's MySQL drivers, or names the one that it cannot.
func mysqlOptions(cfg *mysql.Config, options url.Values) error {
	var files tlsFiles
	for _, name := range slices.Sorted(maps.Keys(options)) {
		var err error
		switch value := options.Get(name); name {
		case "charset":
			if value != "utf8mb4" && value != "utf8" {
				err = errors.New("only utf8mb4 is supported")
			}
		case "use_unicode", "binary_prefix": // nothing here depends on them
		case "unix_socket":
			cfg.Net, cfg.Addr = "unix", value
		case "connect_timeout":
			cfg.Timeout, err = seconds(value)
		case "read_timeout":
			cfg.ReadTimeout, err = seconds(value)
		case "write_timeout":
			cfg.WriteTimeout, err = seconds(value)
		case "ssl_ca":
			files.ca = value
		case "ssl_cert":
			files.cert = value
		case "ssl_key":
			files.key = value
		case "ssl_check_hostname", "ssl_verify_identity":
			files.anyHost, err = no(value)
		case "ssl_verify_cert":
			var unverified bool
			if unverified, err = no(value); unverified {
				err = errors.New("a certificate that is not verified protects nothing; name its authority with ssl_ca")
			}
		default:
			err = errors.New("it is not known here; remove it")
		}
		if err != nil {
			return fmt.Errorf("%w: option %s: %w", ErrURL, name, err)
		}
		files.wanted = files.wanted || len(name) > 4 && name[:4] == "ssl_"
	}
	return files.apply(cfg)
}

func seconds(s string) (time.Duration, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 3600 {
		return 0, errors.New("it must be a number of seconds from 1 to 3600")
	}
	return time.Duration(n) * time.Second, nil
}

func no(s string) (bool, error) {
	yes, err := strconv.ParseBool(s)
	if err != nil {
		return false, errors.New("it must be true or false")
	}
	return !yes, nil
}

// tlsFiles is TLS as DATABASE_URL asks for it. The server's certificate is always verified.
type tlsFiles struct {
	wanted        bool
	ca, cert, key string // PEM files; no ca: the authorities of the system
	anyHost       bool   // the certificate may be for another host, as with authorities that serve one customer only
}

func (f tlsFiles) apply(cfg *mysql.Config) error {
	if !f.wanted {
		return nil
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return fmt.Errorf("%w: option ssl_ca: %w", ErrURL, err)
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%w: option ssl_ca: %s holds no PEM certificate", ErrURL, f.ca)
		}
	}
	if f.cert != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return fmt.Errorf("%w: options ssl_cert and ssl_key: %w", ErrURL, err)
		}
		cfg.TLS.Certificates = []tls.Certificate{pair}
	}
	if f.anyHost {
		roots := cfg.TLS.RootCAs
		cfg.TLS.InsecureSkipVerify = true // replaced by the next: all but the name
		cfg.TLS.VerifyConnection = func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, c := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(c)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	return nil
}
