package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

//go:embed cluster.cnf
var nodeConfig []byte

//go:embed bootstrap
var bootstrapScript []byte

const (
	bootTimeout    = 5 * time.Minute // the image may have to be pulled
	cleanupTimeout = time.Minute
	members        = 3
)

// group is a MySQL group of containers on a network of their own.
type group struct {
	name     string // of the network, and what the containers' names begin with
	image    string
	password string
	nodes    [members]*node
	started  bool // the network exists
}

// node is one member.
type node struct {
	host      string // db1, db2, db3
	container string
	addr      string // for this machine, the same for as long as the container exists
	root      *sql.DB
}

// command is how the node's mysqld is called: as docker-compose.cluster.yml does it, which a test compares.
func (n *node) command(id int) []string {
	return []string{"mysqld", "--defaults-extra-file=/etc/cluster.cnf", "--server-id=" + strconv.Itoa(id), "--report-host=" + n.host,
		"--loose-group-replication-local-address=" + n.host + ":33061"}
}

// docker runs the command-line client, which knows where Docker is.
func docker(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// startGroup starts the nodes and makes them a group. Close it also after an error, and after ctx has ended.
func startGroup(ctx context.Context, dir string) (*group, error) {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	g := &group{name: "jwt-toy-cluster-" + strings.ToLower(rand.Text()[:8]), image: os.Getenv("MYSQL_IMAGE"), password: rand.Text()}
	if g.image == "" {
		g.image = "mysql:9.7"
	}
	for name, content := range map[string][]byte{"cluster.cnf": nodeConfig, "bootstrap": bootstrapScript} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // mysqld reads it as another user
			return g, err
		}
	}
	if err := docker(ctx, "network", "create", g.name); err != nil {
		return g, err
	}
	g.started = true
	for i := range g.nodes {
		n, err := g.startNode(ctx, dir, i+1)
		if err != nil {
			return g, err
		}
		g.nodes[i] = n
	}
	args := []string{"run", "--rm", "--name", g.name + "-bootstrap", "--network", g.name, "-v", filepath.Join(dir, "bootstrap") + ":/bootstrap:ro"}
	args = append(args, g.secrets()...)
	args = append(args, "--entrypoint", "bash", g.image, "/bootstrap")
	for _, n := range g.nodes {
		args = append(args, n.host)
	}
	return g, docker(ctx, args...)
}

func (g *group) secrets() []string {
	return []string{"-e", "MYSQL_ROOT_HOST=%", "-e", "MYSQL_ROOT_PASSWORD=" + g.password, "-e", "MYSQL_PASSWORD=" + g.password}
}

func (g *group) startNode(ctx context.Context, dir string, id int) (*node, error) {
	n := &node{host: "db" + strconv.Itoa(id), container: g.name + "-db" + strconv.Itoa(id)}
	free, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.addr = free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	args := []string{"run", "-d", "--name", n.container, "--hostname", n.host, "--network", g.name, "--network-alias", n.host,
		"-p", n.addr + ":3306", "-v", filepath.Join(dir, "cluster.cnf") + ":/etc/cluster.cnf:ro"}
	args = append(append(args, g.secrets()...), g.image)
	if err := docker(ctx, append(args, n.command(id)...)...); err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = "root", g.password, "tcp", n.addr
	config.Timeout, config.ReadTimeout, config.Logger = time.Second, 5*time.Second, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	n.root = sql.OpenDB(connector)
	return n, nil
}

// url is the DATABASE_URL of a server on the group.
func (g *group) url() string {
	var all []string
	for _, n := range g.nodes {
		all = append(all, n.addr)
	}
	return "mysql://app:" + g.password + "@" + strings.Join(all, ",") + "/jwt_toy"
}

// close ends the containers and removes everything.
func (g *group) close() error {
	if !g.started {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	args := []string{"rm", "--force", "--volumes", g.name + "-bootstrap"}
	for i := range g.nodes {
		args = append(args, g.name+"-db"+strconv.Itoa(i+1))
		if n := g.nodes[i]; n != nil {
			_ = n.root.Close()
		}
	}
	return errors.Join(docker(ctx, args...), docker(ctx, "network", "rm", g.name))
}

// primarySeenBy returns the primary of the group in which the node is online, "" if there is none.
func primarySeenBy(ctx context.Context, n *node) string {
	var host string
	err := n.root.QueryRowContext(ctx, `SELECT MEMBER_HOST FROM performance_schema.replication_group_members
		WHERE MEMBER_ROLE = 'PRIMARY' AND MEMBER_STATE = 'ONLINE'`).Scan(&host)
	if err != nil { // a node that is down, or in no group, knows none
		return ""
	}
	return host
}

// primary returns the primary that most members see, nil if there is none.
func (g *group) primary(ctx context.Context) *node { return g.primaryWithout(ctx, nil) }

// primaryWithout is the same without asking one member, which may not answer, and which it is not.
func (g *group) primaryWithout(ctx context.Context, absent *node) *node {
	votes := map[string]int{}
	for _, n := range g.nodes {
		if n != absent {
			votes[primarySeenBy(ctx, n)]++
		}
	}
	for _, n := range g.nodes {
		if n != absent && votes[n.host] > members/2 {
			return n
		}
	}
	return nil
}

// whole reports whether all members are online in one group.
func (g *group) whole(ctx context.Context) bool {
	for _, n := range g.nodes {
		var online int
		err := n.root.QueryRowContext(ctx, `SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'`).Scan(&online)
		if err != nil || online != members {
			return false
		}
	}
	return true
}

// differences returns the tables in which the members differ, when all have applied what the first had.
func (g *group) differences(ctx context.Context) (tables []string, err error) {
	var done string
	if err := g.nodes[0].root.QueryRowContext(ctx, `SELECT @@GLOBAL.gtid_executed`).Scan(&done); err != nil {
		return nil, err
	}
	for _, table := range []string{"users", "token_families"} {
		sums := map[string]bool{}
		for _, n := range g.nodes {
			if _, err := n.root.ExecContext(ctx, `DO WAIT_FOR_EXECUTED_GTID_SET(?, 30)`, done); err != nil {
				return nil, fmt.Errorf("%s does not catch up: %w", n.host, err)
			}
			var name string
			var sum sql.NullString
			if err := n.root.QueryRowContext(ctx, "CHECKSUM TABLE jwt_toy."+table).Scan(&name, &sum); err != nil {
				return nil, err
			}
			sums[sum.String] = true
		}
		if len(sums) > 1 || sums[""] {
			tables = append(tables, table)
		}
	}
	return tables, nil
}
