package conformance_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faulty"
	"github.com/jwt-toy/jwt-toy/conformance/internal/faultydb"
	"github.com/jwt-toy/jwt-toy/conformance/storage"
)

// auditOf reads what the server would have in a database, through a file that is made when it is first asked for.
func auditOf(t *testing.T, s *faulty.Server) func(context.Context, []conformance.StoredSecret) (*conformance.AuditResult, error) {
	path := filepath.Join(t.TempDir(), "faulty.db")
	var file *faultydb.DB
	var db *storage.Database
	var once sync.Once
	return func(ctx context.Context, secrets []conformance.StoredSecret) (*conformance.AuditResult, error) {
		once.Do(func() {
			var err error
			file, err = faultydb.Open(ctx, path, s)
			require.NoError(t, err)
			db, err = storage.Open(ctx, path, storage.Limits{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()); require.NoError(t, file.Close()) })
		})
		if err := file.Save(ctx); err != nil {
			return nil, err
		}
		return db.Audit(ctx, secrets)
	}
}

// judgeStorage plays the storage stories against the server, with some others before that make tokens.
func judgeStorage(t *testing.T, o conformance.Options) (*conformance.Report, map[string]conformance.StoryResult) {
	o.Run = []string{"storage", "reuse.revokes-family", "login.success"}
	rep, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	stories := map[string]conformance.StoryResult{}
	for _, s := range rep.Stories {
		stories[s.ID] = s
	}
	return rep, stories
}

func check(t *testing.T, s conformance.StoryResult, slug string) conformance.CheckResult {
	for _, c := range s.Checks {
		if c.ID == s.ID+"/"+slug {
			return c
		}
	}
	t.Fatalf("%s has no check %s", s.ID, slug)
	return conformance.CheckResult{}
}

// What a check says names table and column, how many rows, and whose token by its pseudonym.
func TestStorageFindings(t *testing.T) {
	for fault, want := range map[string][2]string{
		"st-plaintext-token":                {"storage.tokens/live", `^token_families\.token_hash \(as it is, \d+ rows: ‹\w\.R\d+›, ‹\w\.R\d+›, \d+ more\)$`},
		"st-plaintext-token/hex":            {"storage.tokens/live", `^token_families\.token_hash \(in hex, \d+ rows: ‹`},
		"st-plaintext-token/base64":         {"storage.tokens/live", `^token_families\.token_hash \(in base64, \d+ rows: ‹`},
		"st-plaintext-token/log":            {"storage.tokens/spent", `^log\.entry \(as it is, \d+ rows: ‹`},
		"st-plaintext-token/signature":      {"storage.tokens/signature", `^token_families\.token_hash \(as it is, \d+ rows: ‹`},
		"st-plaintext-token/hmac":           {"storage.tokens/sha256", `^in none; if yours keeps an HMAC`},
		"st-successor-stored-raw-for-grace": {"storage.tokens/spent", `^successors\.successor \(as it is, \d+ rows: ‹`},
		"st-access-token-stored":            {"storage.tokens/access-token", `^token_families\.access_token \(as it is, \d+ rows: ‹\w\.A\d+›`},
		"st-password-plaintext":             {"storage.passwords/plain", `^users\.password_hash \(as it is, 2 rows: of alice@example.com, of bob@example.com\)$`},
		"st-password-plaintext/log":         {"storage.passwords/plain", `^log\.entry \(as it is, 2 rows: of alice@example.com, of bob@example.com\)$`},
		"st-password-fast-hash":             {"storage.passwords/fast-hash", `^users\.password_hash \(MD5, 2 rows: of alice`},
		"st-password-fast-hash/salted":      {"storage.passwords/fast-hash", `^users\.password_hash \(SHA-256 with a salt, 2 rows: of alice`},
		"st-password-cheap-hash":            {"storage.passwords/slow-hash", `^users\.password_hash \(PBKDF2, 64 rounds, 2 rows\)$`},
	} {
		t.Run(fault, func(t *testing.T) {
			rep, _ := judgeStorage(t, start(t, fault))
			require.Contains(t, failing(rep), want[0])
			for _, s := range rep.Stories {
				for _, c := range s.Checks {
					if c.ID == want[0] {
						require.Regexp(t, want[1], c.Got)
					}
				}
			}
		})
	}
}

// A healthy database passes, and the notes say what was read and which tables a refresh writes.
func TestStorageHealthy(t *testing.T) {
	rep, stories := judgeStorage(t, start(t))
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.Regexp(t, `(?s)a refresh writes to successors, token_families.5 refreshes added rows: 5 to successors.read \d+ rows of 4 tables in SQLite \S+, /`, strings.Join(stories["storage.tokens"].Notes, "\n"))
	require.Equal(t, []string{"passwords: users.password_hash (PBKDF2, 10000 rounds, 2 rows)"}, stories["storage.passwords"].Notes)
}

// What an audit cannot establish is inconclusive, never a pass and never a failure.
func TestStorageNotEstablished(t *testing.T) {
	inconclusive := func(t *testing.T, o conformance.Options, reason string) conformance.StoryResult {
		rep, stories := judgeStorage(t, o)
		require.Empty(t, failing(rep))
		require.Equal(t, conformance.Inconclusive, rep.Verdict)
		for _, s := range stories {
			if strings.Contains(s.Reason, reason) && s.Verdict == conformance.Inconclusive {
				for _, c := range s.Checks {
					require.NotEqual(t, conformance.Pass, c.Verdict, c.ID)
				}
				return s
			}
		}
		t.Fatalf("no story is inconclusive because %q", reason)
		return conformance.StoryResult{}
	}
	wrap := func(o conformance.Options, change func(*conformance.AuditResult)) conformance.Options {
		audit := o.Audit
		o.Audit = func(ctx context.Context, secrets []conformance.StoredSecret) (*conformance.AuditResult, error) {
			res, err := audit(ctx, secrets)
			if err == nil {
				change(res)
			}
			return res, err
		}
		return o
	}
	t.Run("another server's database", func(t *testing.T) {
		o := start(t)
		o.Audit = start(t).Audit
		inconclusive(t, o, "5 refreshes changed nothing in SQLite")
	})
	t.Run("a database without the users", func(t *testing.T) {
		o := start(t)
		other, err := faulty.New(faulty.Options{Users: map[string]string{"ann@example.org": "ann-demo-password", "ben@example.org": "ben-demo-password"}})
		require.NoError(t, err)
		o.Audit = auditOf(t, other)
		inconclusive(t, o, "no table of SQLite")
	})
	t.Run("it cannot be read", func(t *testing.T) {
		o := start(t)
		o.Audit = func(context.Context, []conformance.StoredSecret) (*conformance.AuditResult, error) {
			return nil, errors.New("the plug was pulled")
		}
		inconclusive(t, o, "could not be read: the plug was pulled")
	})
	t.Run("not all of it was read", func(t *testing.T) {
		o := wrap(start(t), func(res *conformance.AuditResult) { res.Unread = []string{"log was read up to row 7"} })
		rep, stories := judgeStorage(t, o)
		require.Equal(t, conformance.Inconclusive, rep.Verdict)
		for _, slug := range []string{"live", "spent", "signature", "access-token"} {
			c := check(t, stories["storage.tokens"], slug)
			require.Equal(t, conformance.Inconclusive, c.Verdict, slug)
			require.Contains(t, c.Got, "-dsn-rows")
			require.Contains(t, c.Got, "log was read up to row 7")
		}
		require.Equal(t, conformance.Pass, check(t, stories["storage.tokens"], "sha256").Verdict)
		require.Equal(t, conformance.Inconclusive, check(t, stories["storage.passwords"], "plain").Verdict)
	})
	t.Run("passwords in a form that nobody knows", func(t *testing.T) {
		o := wrap(start(t), func(res *conformance.AuditResult) {
			res.Found = slices.DeleteFunc(res.Found, func(f conformance.Found) bool { return f.Kind == conformance.PasswordSecret })
		})
		_, stories := judgeStorage(t, o)
		require.Equal(t, conformance.Inconclusive, check(t, stories["storage.passwords"], "slow-hash").Verdict)
		require.Equal(t, conformance.Pass, stories["storage.tokens"].Verdict)
	})
}

// Without a database the stories are not judged; an HMAC in the place of the SHA-256 is judged only where the profile promised that.
func TestStorageNotJudged(t *testing.T) {
	o := start(t)
	o.Audit = nil
	_, stories := judgeStorage(t, o)
	for _, id := range []string{"storage.tokens", "storage.passwords"} {
		require.Equal(t, conformance.NotJudged, stories[id].Verdict)
		require.Contains(t, stories[id].Reason, "-dsn")
	}

	o = start(t, "st-plaintext-token/hmac")
	p, err := conformance.ParseProfile([]byte(`{}`))
	require.NoError(t, err)
	o.Profile = p
	rep, stories := judgeStorage(t, o)
	require.Equal(t, conformance.Pass, rep.Verdict)
	require.Equal(t, conformance.NotJudged, check(t, stories["storage.tokens"], "sha256").Verdict)
	o.Profile, err = conformance.Preset("kit")
	require.NoError(t, err)
	rep, _ = judgeStorage(t, o)
	require.Equal(t, []string{"storage.tokens/sha256"}, failing(rep))
}

// A secret that cannot be told from other text is not looked for, and that is no pass; its hash still is.
func TestStorageUnsought(t *testing.T) {
	_, stories := judgeStorage(t, start(t, "st-low-entropy-token/counter"))
	for slug, want := range map[string]conformance.Verdict{
		"live": conformance.NotJudged, "spent": conformance.NotJudged, "signature": conformance.Pass, "access-token": conformance.Pass, "sha256": conformance.Pass,
	} {
		require.Equal(t, want, check(t, stories["storage.tokens"], slug).Verdict, slug)
	}
	require.Contains(t, check(t, stories["storage.tokens"], "live").Got, "every refresh token is so short or plain")
}

// The tokens of every story of the run are looked for, whatever became of them, and the passwords and names of every account.
func TestStorageLooksForEverything(t *testing.T) {
	o := start(t)
	var secrets []conformance.StoredSecret
	audit := o.Audit
	o.Audit = func(ctx context.Context, list []conformance.StoredSecret) (*conformance.AuditResult, error) {
		secrets = list
		return audit(ctx, list)
	}
	var given func() []string
	o.Target, given = spy(t, o.Target)
	_, err := conformance.Run(t.Context(), o)
	require.NoError(t, err)
	kinds, values := map[conformance.SecretKind]int{}, map[string]bool{}
	spent := 0
	for _, s := range secrets {
		kinds[s.Kind]++
		values[s.Value] = true
		if s.Spent {
			spent++
		}
	}
	require.Greater(t, kinds[conformance.RefreshSecret], 100)
	require.Greater(t, kinds[conformance.AccessSecret], 100)
	require.Greater(t, spent, 50)
	require.Greater(t, kinds[conformance.RefreshSecret]-spent, 10)
	for _, u := range o.Users {
		require.True(t, values[u.Password] && values[u.Email])
	}
	require.Greater(t, kinds[conformance.PasswordSecret], len(o.Users), "and those that the run changed to")
	require.Equal(t, len(o.Users), kinds[conformance.AccountName])
	missing := 0
	for _, v := range given() {
		if !values[v] {
			missing++
		}
	}
	require.LessOrEqual(t, missing, 4, "but for the control after the last reading, every token that the target gave out")
}
