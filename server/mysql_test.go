package main

import (
	"context"
	"database/sql"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/internal/mysqltest"
)

func mysqlEnv(databaseURL string) map[string]string {
	return map[string]string{"BCRYPT_COST": "4", "JWT_SECRET_KEY": goodKey, "DATABASE_URL": databaseURL}
}

// Who comes from the original project brings his .env, makes a key, and is served.
func TestMySQLOriginalEnv(t *testing.T) {
	b, err := os.ReadFile("../testdata/original.env")
	require.NoError(t, err)
	_, place, _ := strings.Cut(mysqltest.URL(t), "://")
	text := strings.Replace(string(b), "app:app@localhost:3306/jwt_toy", place, 1)
	require.NotEqual(t, string(b), text)
	file := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	r := runCommand(t, nil, "", "serve", "-env-file", file)
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "openssl rand -hex 32")

	text = strings.Replace(text, "CHANGE_ME_TO_A_LONG_RANDOM_SECRET", goodKey, 1)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	s := startServer(t, map[string]string{"BCRYPT_COST": "4"}, "-env-file", file, "-seed")
	require.Regexp(t, `database="mysql \d+\.\S+ at [^ @]+"`, s.stderr.String())
	p := s.loggedIn()
	p = s.alive(p.refresh)
	require.Equal(t, 200, s.send("GET", "/me", "", "Authorization: Bearer "+p.access).status)
	require.Equal(t, 204, s.logout(p.refresh).status)
	s.dead(p.refresh)
	password, _ := url.QueryUnescape(strings.SplitN(strings.SplitN(place, "@", 2)[0], ":", 2)[1])
	s.secret("database password", password)
	s.requireNoSecrets(s.stderr.String())
}

// The original project's own database is refused by name, by every command, and not touched.
func TestMySQLForeignSchema(t *testing.T) {
	databaseURL := mysqltest.RootURL(t)
	name := databaseURL[strings.LastIndex(databaseURL, "/")+1:]
	root := mysqltest.Root(t)
	for _, statement := range []string{
		`CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)`,
		`CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, hashed_password VARCHAR(255) NOT NULL)`,
		`CREATE TABLE refresh_tokens (id INT AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, jti VARCHAR(36) NOT NULL, FOREIGN KEY (user_id) REFERENCES users (id))`,
		`INSERT INTO alembic_version VALUES ('abc')`,
		`INSERT INTO users (email, hashed_password) VALUES ('a@example.com', 'x')`,
	} {
		statement = strings.NewReplacer("TABLE ", "TABLE "+name+".", "INTO ", "INTO "+name+".", "REFERENCES ", "REFERENCES "+name+".").Replace(statement)
		_, err := root.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	before := schema(t, root, name)
	require.Len(t, before, 3)
	for _, args := range [][]string{{"serve", "-addr", "127.0.0.1:0"}, {"migrate", "up"}, {"migrate", "down"}, {"migrate", "status"}, {"seed-user"}, {"cleanup"}} {
		r := runCommand(t, mysqlEnv(databaseURL), "", args...)
		require.Equal(t, 1, r.code, args)
		require.Contains(t, r.stderr, "another project's tables (alembic_version, users)", args)
		require.Contains(t, r.stderr, "a database of its own in DATABASE_URL", args)
		require.Empty(t, r.stdout)
		require.Equal(t, before, schema(t, root, name), args)
	}
}

// schema maps each table to its definition and the checksum of its rows.
func schema(t *testing.T, root *sql.DB, database string) map[string]string {
	t.Helper()
	rows, err := root.QueryContext(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = ?`, database)
	require.NoError(t, err)
	defer rows.Close()
	tables := map[string]string{}
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables[name] = ""
	}
	require.NoError(t, rows.Err())
	for name := range tables {
		var definition, sum string
		require.NoError(t, root.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+database+"."+name).Scan(new(string), &definition))
		require.NoError(t, root.QueryRowContext(t.Context(), "CHECKSUM TABLE "+database+"."+name).Scan(new(string), &sum))
		tables[name] = definition + sum
	}
	return tables
}

// A MySQL that may forget what it acknowledged is served, with a warning.
func TestMySQLDurabilityWarning(t *testing.T) {
	const name = "innodb_flush_log_at_trx_commit"
	_, err := mysqltest.Root(t).ExecContext(t.Context(), "SET GLOBAL "+name+" = 2")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := mysqltest.Root(t).Exec("SET GLOBAL " + name + " = DEFAULT")
		require.NoError(t, err)
	})
	s := startServer(t, mysqlEnv(mysqltest.URL(t)))
	require.Contains(t, s.stderr.String(), `level=WARN msg="`+name+` is 2, not 1`)
}

// Three servers start at once on an empty schema: one migrates, all serve, and a session is the same session on each.
func TestMySQLReplicas(t *testing.T) {
	env := mysqlEnv(mysqltest.URL(t))
	var servers []*server
	for range 3 {
		servers = append(servers, launch(t, env, "-seed"))
	}
	migrated := 0
	for _, s := range servers {
		s.listens()
		migrated += strings.Count(s.stderr.String(), "msg=migrated")
	}
	require.Equal(t, 1, migrated)

	a, b, c := servers[0], servers[1], servers[2]
	p := a.loggedIn()
	next := b.alive(p.refresh)
	require.Equal(t, 200, c.send("GET", "/me", "", "Authorization: Bearer "+next.access).status)
	last := c.alive(next.refresh)
	require.Equal(t, 204, a.logout(last.refresh).status)
	b.dead(last.refresh)

	p = a.loggedIn()
	var wg sync.WaitGroup
	answers := make([]answer, 12)
	for i := range answers {
		wg.Go(func() { answers[i] = servers[i%3].refresh(p.refresh) })
	}
	wg.Wait()
	var winners []pair
	for _, answer := range answers {
		if answer.status == 200 {
			winners = append(winners, a.tokens(answer))
		}
	}
	require.Len(t, winners, 1)
	c.dead(winners[0].refresh)
}

// When MySQL goes away the client keeps what it has, and when MySQL is back, so is the session: no restart, no new login.
func TestMySQLAway(t *testing.T) {
	databaseURL := mysqltest.URL(t)
	place := databaseURL[strings.LastIndex(databaseURL, "@")+1 : strings.LastIndex(databaseURL, "/")]
	proxy := startProxy(t, place)
	s := startServer(t, mysqlEnv(strings.Replace(databaseURL, place, proxy.addr, 1)), "-seed")
	p := s.loggedIn()
	rotated := p.refresh
	p = s.alive(p.refresh)

	for name, mode := range map[string]proxyMode{"gone": refuse, "silent": freeze} {
		t.Run(name, func(t *testing.T) {
			proxy.set(mode)
			start := time.Now()
			var wg sync.WaitGroup
			calls := []func() answer{
				func() answer { return s.refresh(p.refresh) },
				func() answer { return s.refresh(rotated) },
				func() answer { return s.logout(p.refresh) },
				func() answer { return s.login(s.user(1)) },
				func() answer { return s.send("GET", "/me", "", "Authorization: Bearer "+p.access) },
				func() answer { return s.send("GET", "/readyz", "") },
			}
			statuses := make([]int, len(calls))
			for i, call := range calls {
				wg.Go(func() { statuses[i] = call().status }) // each with the cookie intact, which send checks
			}
			require.Equal(t, 200, s.send("GET", "/healthz", "").status)
			require.Equal(t, 401, s.refresh("garbage").status)
			wg.Wait()
			require.Equal(t, slices.Repeat([]int{503}, len(calls)), statuses)
			require.Less(t, time.Since(start), requestTimeout)
			proxy.set(pass)
			require.Eventually(t, func() bool { return s.send("GET", "/readyz", "").status == 200 }, patience, 50*time.Millisecond)
			rotated, p = p.refresh, s.alive(p.refresh)
		})
	}

	proxy.set(loseAnswer) // of the UPDATE: committed, and nobody knows
	p = s.alive(p.refresh)
	require.Equal(t, pass, proxy.get(), "no answer was lost")
	require.Equal(t, 204, s.logout(p.refresh).status)
	s.dead(p.refresh)
	s.requireNoSecrets(s.stderr.String())
}

type proxyMode int

const (
	pass       proxyMode = iota
	refuse               // every connection is closed
	freeze               // nothing passes and nothing is closed; what was held is lost
	loseAnswer           // the next answer is lost with its connection; then pass
)

// proxy stands between server and database.
type proxy struct {
	addr, target string
	mu           sync.Mutex
	changed      *sync.Cond
	mode         proxyMode
	conns        map[net.Conn]bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	p.changed = sync.NewCond(&p.mu)
	t.Cleanup(func() { l.Close(); p.set(refuse) })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

func (p *proxy) get() proxyMode { p.mu.Lock(); defer p.mu.Unlock(); return p.mode }

func (p *proxy) set(mode proxyMode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	if mode == refuse {
		for c := range p.conns {
			c.Close()
		}
		clear(p.conns)
	}
	p.changed.Broadcast()
}

func (p *proxy) serve(client net.Conn) {
	if p.get() == refuse { // without a word to MySQL, which after 100 broken greetings blocks this host
		client.Close()
		return
	}
	backend, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[backend] = true, true
	p.mu.Unlock()
	go p.copy(backend, client, false)
	p.copy(client, backend, true)
}

// copy passes bytes on as the mode allows.
func (p *proxy) copy(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		size, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		lose := p.mode == freeze // passing it on later would be a commit that the client does not know of
		for p.mode == freeze {
			p.changed.Wait()
		}
		if p.mode == loseAnswer && answers {
			p.mode, lose = pass, true
		}
		p.mu.Unlock()
		if lose {
			return
		}
		if _, err := to.Write(buf[:size]); err != nil {
			return
		}
	}
}
