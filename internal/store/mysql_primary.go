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
	"time"

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
	p := &primary{hosts: hosts, timeout: cfg.Timeout}
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
// marks the others.
type primary struct {
	hosts      []string
	connectors []driver.Connector
	timeout    time.Duration // until one host has said whether it takes writes
	current    atomic.Int64  // index of the host that took writes when last asked
	next       atomic.Int64  // index of the host to ask first: not the one that has just failed, since a whole request may wait for it
}

// Driver implements driver.Connector.
func (p *primary) Driver() driver.Driver { return p.connectors[0].Driver() }

// Connect implements driver.Connector.
func (p *primary) Connect(ctx context.Context) (driver.Conn, error) {
	var errs []error
	for range p.connectors {
		host := p.next.Load()
		conn, err := p.connect(ctx, host)
		if err == nil {
			p.current.Store(host)
			return &primaryConn{mysqlConn: conn, of: p, host: host}, nil
		}
		p.next.CompareAndSwap(host, (host+1)%int64(len(p.connectors)))
		errs = append(errs, fmt.Errorf("%s: %w", p.hosts[host], err))
		if ctx.Err() != nil { // the next host has not failed, but was not asked
			break
		}
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

func (p *primary) connect(ctx context.Context, host int64) (mysqlConn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	raw, err := p.connectors[host].Connect(ctx)
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
