package storage_test

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

// as returns the database's DSN for another user.
func as(d *database, user, password string) string {
	scheme, rest, _ := strings.Cut(d.dsn, "://")
	return scheme + "://" + user + ":" + strings.ReplaceAll(url.QueryEscape(password), "+", "%20") + rest[strings.LastIndexByte(rest, '@'):]
}

// TestOtherSchemas: a token is found in whatever schema the user may read; what else is looked for, in the target's own database alone.
func TestOtherSchemas(t *testing.T) {
	token := jwt(rand.New(rand.NewPCG(8, 8)))
	const password = "alice-demo-password"
	secrets := []conformance.StoredSecret{refresh(token), {Kind: conformance.PasswordSecret, Value: password}}

	t.Run("mysql", func(t *testing.T) {
		d, other := mysqlDatabase(t), mysqlDatabase(t)
		d.exec("CREATE TABLE t (v VARCHAR(400))")
		other.exec("CREATE TABLE t (v VARCHAR(400))")
		for _, v := range []string{token, password, "$2a$04$" + strings.Repeat("x", 53)} {
			other.insert("t", v)
		}
		f := whole(t, d.audit(secrets...))
		_, name, _ := strings.Cut(other.dsn[strings.LastIndexByte(other.dsn, '@'):], "/")
		name, _, _ = strings.Cut(name, "?")
		require.Equal(t, name+".t", f.Table)
		require.Equal(t, conformance.RefreshSecret, f.Kind)
	})
	t.Run("postgres", func(t *testing.T) {
		d := postgresDatabase(t)
		d.exec(`CREATE SCHEMA "o'ther"`, `CREATE TABLE "o'ther".t (v TEXT)`, `INSERT INTO "o'ther".t VALUES ('`+token+`'), ('`+password+`')`,
			`CREATE TABLE parent (k INT, v TEXT) PARTITION BY LIST (k)`, `CREATE TABLE part PARTITION OF parent FOR VALUES IN (1)`, `INSERT INTO parent VALUES (1, '`+token+`')`,
			`CREATE TABLE base (v TEXT)`, `CREATE TABLE derived () INHERITS (base)`, `INSERT INTO derived VALUES ('`+token+`')`,
			`CREATE MATERIALIZED VIEW seen AS SELECT * FROM base`, `CREATE VIEW live AS SELECT * FROM base`)
		var where []string
		for _, f := range d.audit(secrets...).Found {
			require.Equal(t, 1, f.Rows)
			where = append(where, f.Table)
		}
		require.Equal(t, []string{"derived", "o'ther.t", "o'ther.t", "parent", "seen"}, where)
	})
}

// TestRights: what the user may not read is said, and does not end the rest.
func TestRights(t *testing.T) {
	token := jwt(rand.New(rand.NewPCG(9, 9)))
	t.Run("postgres", func(t *testing.T) {
		d := postgresDatabase(t)
		d.exec(`CREATE ROLE reader LOGIN PASSWORD 'p@ss w:rd/%'`, `CREATE SCHEMA hidden`, `CREATE TABLE hidden.t (v TEXT)`, `CREATE TABLE closed (v TEXT)`,
			`CREATE TABLE partly (id INT PRIMARY KEY, open TEXT, shut TEXT)`, `GRANT SELECT (id, open) ON partly TO reader`,
			`CREATE TABLE secured (v TEXT)`, `ALTER TABLE secured ENABLE ROW LEVEL SECURITY`, `GRANT SELECT ON secured TO reader`)
		d.insert("partly", 1, token, token)
		t.Cleanup(func() { d.exec(`DROP OWNED BY reader`, `DROP ROLE reader`) })
		db, err := storage.Open(t.Context(), as(d, "reader", "p@ss w:rd/%"), storage.Limits{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		res, err := db.Audit(t.Context(), []conformance.StoredSecret{refresh(token)})
		require.NoError(t, err)
		require.Equal(t, "open", whole(t, res).Column)
		require.Equal(t, []string{
			"not read: hidden.t may not be read by this user", "not read: closed may not be read by this user",
			"not read: partly.shut may not be read by this user", "not read: secured may not be read by this user",
		}, res.Notes)
	})
	t.Run("mysql", func(t *testing.T) {
		d := mysqlDatabase(t)
		d.exec("CREATE TABLE open (v VARCHAR(400))", "CREATE TABLE insertable (v INT)", "CREATE TABLE invisible (v INT)",
			"CREATE USER reader IDENTIFIED BY 'p@ss w:rd/%'", "GRANT SELECT ON open TO reader", "GRANT INSERT ON insertable TO reader")
		d.insert("open", token)
		t.Cleanup(func() { d.exec("DROP USER reader") })
		db, err := storage.Open(t.Context(), as(d, "reader", "p@ss w:rd/%"), storage.Limits{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		res, err := db.Audit(t.Context(), []conformance.StoredSecret{refresh(token)})
		require.NoError(t, err)
		require.Equal(t, "open", whole(t, res).Table)
		require.Equal(t, []string{"not read: insertable may not be read by this user"}, res.Notes)
	})
}

// TestUnavailable: one clear error, and never the password.
func TestUnavailable(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		var dsns []string
		switch d.engine {
		case "sqlite":
			text := t.TempDir() + "/text.db"
			dsns = []string{"sqlite:////nonesuch/x.db", "sqlite:///" + text}
		default:
			dsns = []string{as(d, "root", "s3cret-but-wrong"), as(d, "nobody", "s3cret"), d.dsn[:strings.LastIndexByte(d.dsn, '/')] + "/nonesuch", strings.Split(d.dsn, "://")[0] + "://u:s3cret@127.0.0.1:1/x"}
		}
		for _, dsn := range dsns {
			_, err := storage.Open(t.Context(), dsn, storage.Limits{})
			require.ErrorIs(t, err, storage.ErrUnavailable)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "p@ss")
			require.NotContains(t, err.Error(), "\n")
			t.Log(err)
		}
	})
}
