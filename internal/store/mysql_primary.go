package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
)

// errNoPrimary: of the hosts in DATABASE_URL none takes writes now. A failover may be under way.
var errNoPrimary = errors.New("none of the hosts in DATABASE_URL takes writes")

// addresses returns the hosts of a DATABASE_URL with their ports. Several are separated by commas, as in db1:3306,db2,db3:3307.
func addresses(loc location) ([]string, error) {
	host := loc.host
	if strings.Contains(host, ":") { // IPv6, whose brackets are gone
		host = "[" + host + "]"
	}
	if loc.port != "" {
		host += ":" + loc.port // and whatever hosts come after the first with a port
	}
	var all []string
	for one := range strings.SplitSeq(host, ",") {
		name, port, err := net.SplitHostPort(one)
		if err != nil {
			name, port = strings.Trim(one, "[]"), "3306"
		}
		if name == "" && strings.Contains(host, ",") {
			return nil, fmt.Errorf("%w: a host is missing between commas", ErrURL)
		}
		if name == "" {
			name = "localhost"
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return nil, fmt.Errorf("%w: what follows the : after a host is not a port number", ErrURL)
		}
		all = append(all, net.JoinHostPort(name, port))
	}
	return all, nil
}

// newConnector connects to the host of cfg, or to the one of several that takes writes.
func newConnector(cfg *mysql.Config, hosts []string) (driver.Connector, error) {
	if len(hosts) == 1 {
		return mysql.NewConnector(cfg)
	}
	p := &primary{hosts: hosts}
	for _, host := range hosts {
		one := cfg.Clone()
		one.Addr = host
		c, err := mysql.NewConnector(one)
		if err != nil {
			return nil, err
		}
		p.connectors = append(p.connectors, c)
	}
	return p, nil
}

// primary is a driver.Connector to the one of several hosts that is not read-only, which is how a group with a single primary
// marks the others. It begins with the one where it was last found.
type primary struct {
	hosts      []string
	connectors []driver.Connector
	current    atomic.Int64 // index of the host that took writes when last asked
}

// Driver implements driver.Connector.
func (p *primary) Driver() driver.Driver { return p.connectors[0].Driver() }

// Connect implements driver.Connector.
func (p *primary) Connect(ctx context.Context) (driver.Conn, error) {
	first := p.current.Load()
	var errs []error
	for i := range p.connectors {
		host := (int(first) + i) % len(p.connectors)
		conn, err := connectWritable(ctx, p.connectors[host])
		if err == nil {
			p.current.Store(int64(host))
			return &primaryConn{mysqlConn: conn, of: p, host: int64(host)}, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", p.hosts[host], err))
	}
	return nil, fmt.Errorf("%w: %w", errNoPrimary, errors.Join(errs...))
}

// mysqlConn is all that database/sql asks of a connection of the driver.
type mysqlConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

var errReadOnly = errors.New("it is read-only")

func connectWritable(ctx context.Context, c driver.Connector) (mysqlConn, error) {
	raw, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := raw.(mysqlConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver's connection lacks a method"), raw.Close())
	}
	if err := writable(ctx, conn); err != nil {
		_ = conn.Close() // the first error is the one that tells
		return nil, err
	}
	return conn, nil
}

func writable(ctx context.Context, conn mysqlConn) error {
	rows, err := conn.QueryContext(ctx, `SELECT 1 FROM DUAL WHERE NOT @@GLOBAL.read_only`, nil)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // one row, read below
	err = rows.Next(make([]driver.Value, 1))
	if errors.Is(err, io.EOF) {
		return errReadOnly
	}
	return err
}

// primaryConn leaves the pool when the primary was found elsewhere: the old one may still answer, with old rows.
type primaryConn struct {
	mysqlConn
	of   *primary
	host int64
}

// ResetSession implements driver.SessionResetter. The pool calls it before it uses a connection again.
func (c *primaryConn) ResetSession(ctx context.Context) error {
	if c.of.current.Load() != c.host {
		return driver.ErrBadConn
	}
	return c.mysqlConn.ResetSession(ctx)
}
