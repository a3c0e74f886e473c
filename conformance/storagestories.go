package conformance

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// auditedRotations lie between the two readings that show whether it is the target's database.
const auditedRotations = 5

func storageTokens() Scenario {
	return Scenario{
		ID: "storage.tokens", Title: "The database holds no token that anybody could use", Level: Must, Stage: 4, Needs: NeedStorage,
		Refs: []Ref{requiredBy("RFC 6749", "§10.4"), recommendedBy("RFC 6819", "§5.1.4.1.3"), recommendedBy("OWASP ASVS 5.0", "6.5.2")},
		Why:  "a backup, a replica or an SQL injection would be every user's session",
		Hint: "keep the SHA-256 of the token, in every table: the answer that a grace period repeats, the audit log and the queue too",
		Checks: []Check{
			{Slug: "live", Text: "no column of any table holds a refresh token that was not exchanged yet, as it is, in hex, in base64, escaped, or inside other text"},
			{Slug: "spent", Text: "nor one that was"},
			{Slug: "signature", Text: "nor the signature of one, which is all that cannot be guessed of a JWT"},
			{Slug: "access-token", Text: "nor an access token", Level: Should},
			{Slug: "sha256", Text: "the SHA-256 of the live refresh token is there"},
		},
		Run: func(s *Scene) {
			v := s.Victim.SignIn()
			before := s.audit()
			for range auditedRotations {
				v.Rotate()
			}
			after := s.audit()
			s.absentWhole("live", after, RefreshSecret, func(f Found) bool { return !f.Spent })
			s.absentWhole("spent", after, RefreshSecret, func(f Found) bool { return f.Spent })
			s.absent("signature", after, RefreshSecret, func(f Found) bool { return f.Form == Signature })
			s.absentWhole("access-token", after, AccessSecret, func(Found) bool { return true })
			s.alive(before, after)
			s.sha256Kept(v.refresh, after)
			s.tell(after)
			s.Control()
			v.Keep()
		},
	}
}

func storagePasswords() Scenario {
	return Scenario{
		ID: "storage.passwords", Title: "Passwords are kept under a slow hash alone", Level: Must, Stage: 4, Needs: NeedStorage,
		Refs: []Ref{requiredBy("NIST SP 800-63B", "§5.1.1.2"), recommendedBy("OWASP ASVS 5.0", "11.4.2"), recommendedBy("OWASP ASVS 4.0.3", "2.4.4")},
		Why:  "who reads the table once has the passwords, here and wherever else their owners use them",
		Hint: "bcrypt at cost 12, or argon2id, in one column; no password in a log of requests or of refused logins",
		Checks: []Check{
			{Slug: "plain", Text: "no column of any table holds the password of an account, as it is, in hex, in base64, escaped, or inside other text"},
			{Slug: "fast-hash", Text: "nor its MD5, SHA-1 or SHA-2, with a salt or without"},
			{Slug: "slow-hash", Text: "they are kept as bcrypt of at least cost 10, argon2 of 16 MiB in all passes, scrypt of N=16384 r=8, or PBKDF2 of 10,000 rounds"},
		},
		Run: func(s *Scene) {
			found := s.run.audited // by the story before
			if found == nil {
				found = s.audit()
				s.tell(found)
			}
			as := func(forms ...Form) func(Found) bool {
				return func(f Found) bool { return slices.Contains(forms, f.Form) }
			}
			plain := s.absentWhole("plain", found, PasswordSecret, as(Whole))
			fast := s.absent("fast-hash", found, PasswordSecret, as(FastHash))
			slow := found.columns(PasswordSecret, as(SlowHash, CheapHash))
			switch {
			case slow != "":
				s.absent("slow-hash", found, PasswordSecret, as(CheapHash))
				s.Note("passwords: %s", slow)
			case !plain || !fast:
				s.Skip("slow-hash", "they are kept otherwise")
			default:
				s.record("slow-hash", Inconclusive, nil, "a hash in a form that is known here", "no such value in "+found.Database)
			}
			if plain && fast && !found.accounts() {
				s.stop(Inconclusive, "no table of %s holds the name of an account (%s): is it the target's database?", found.Database, s.target.users[0].Email)
			}
			s.Control()
		},
	}
}

// audit reads the target's database for everything that this run knows.
func (s *Scene) audit() *audited {
	if s.run.opts.Audit == nil {
		s.stop(Inconclusive, "there is no database to read")
	}
	secrets, names := s.run.stored()
	found, err := s.run.opts.Audit(s.ctx, secrets)
	if err != nil {
		s.stop(Inconclusive, "the database could not be read: %v", err)
	}
	s.run.audited = &audited{found, secrets, names}
	return s.run.audited
}

// tell notes what a reading covered.
func (s *Scene) tell(a *audited) {
	rows := 0
	for _, t := range a.Tables {
		rows += t.Rows
	}
	s.Note("read %d rows of %d tables in %s", rows, len(a.Tables), a.Database)
	for _, n := range slices.Concat(a.Notes, a.Unread) {
		s.Note("%s", n)
	}
}

// audited is a reading, what it looked for, and the pseudonyms of that.
type audited struct {
	*AuditResult
	secrets    []StoredSecret
	pseudonyms []string
}

// stored is what a database is searched for, in the order of the families, and its pseudonyms.
func (r *run) stored() (secrets []StoredSecret, names []string) {
	tokens := slices.SortedFunc(maps.Values(r.secrets.tokens), func(a, b *token) int {
		return cmp.Or(a.family-b.family, int(a.kind)-int(b.kind), a.gen-b.gen, a.twin-b.twin)
	})
	exchanged := map[*token]bool{}
	for _, t := range tokens {
		exchanged[t.parent] = true
	}
	for _, t := range tokens {
		kind := map[byte]SecretKind{'R': RefreshSecret, 'A': AccessSecret}[t.kind]
		secrets, names = append(secrets, StoredSecret{Kind: kind, Value: t.value, Spent: exchanged[t]}), append(names, t.pseudonym())
	}
	for _, u := range r.opts.Users {
		secrets = append(secrets, StoredSecret{Kind: PasswordSecret, Value: u.Password}, StoredSecret{Kind: AccountName, Value: u.Email})
		names = append(names, "of "+u.Email, u.Email)
	}
	for _, p := range r.passwords {
		if slices.ContainsFunc(r.opts.Users, func(u User) bool { return u.Password == p }) {
			continue
		}
		secrets, names = append(secrets, StoredSecret{Kind: PasswordSecret, Value: p}), append(names, "a password that was changed to")
	}
	return secrets, names
}

// absent judges that a reading found no secrets of a kind in some form, and had the chance to. It reports whether it found none.
func (s *Scene) absent(slug string, a *audited, kind SecretKind, which func(Found) bool) bool {
	switch where := a.columns(kind, which); {
	case where != "":
		s.record(slug, Fail, nil, "in no column", where)
		return false
	case len(a.Unread) > 0:
		s.record(slug, Inconclusive, nil, "everything read", "not all of it; -dsn-rows, -dsn-bytes and -dsn-time set how much: "+strings.Join(a.Unread, "; "))
	default:
		s.record(slug, Pass, nil, "", "")
	}
	return true
}

// absentWhole is absent for secrets as they are, which not all can be told from other text.
func (s *Scene) absentWhole(slug string, a *audited, kind SecretKind, which func(Found) bool) bool {
	for i, secret := range a.secrets {
		if secret.Kind == kind && !slices.Contains(a.Unsought, i) {
			return s.absent(slug, a, kind, func(f Found) bool { return f.Form == Whole && which(f) })
		}
	}
	s.Skip(slug, fmt.Sprintf("every %s is so short or plain that it cannot be told from other text", kind))
	return true
}

// accounts reports whether the name of an account was found.
func (a *audited) accounts() bool {
	return a.columns(AccountName, func(Found) bool { return true }) != ""
}

// shownColumns of those that a check names.
const shownColumns = 6

// columns says which columns hold secrets of a kind in some form, and which secrets, by their pseudonyms.
func (a *audited) columns(kind SecretKind, which func(Found) bool) string {
	var all []string
	for _, f := range a.Found {
		if f.Kind != kind || !which(f) {
			continue
		}
		var names []string
		for _, i := range f.Secrets {
			names = append(names, a.pseudonyms[i])
		}
		if n := len(names); n > 3 {
			names = append(names[:2:2], fmt.Sprintf("%d more", n-2))
		}
		text := fmt.Sprintf("%s.%s (%s", f.Table, f.Column, strings.Trim(f.How+", ", ", "))
		text += fmt.Sprintf(", %d %s", f.Rows, map[bool]string{true: "row", false: "rows"}[f.Rows == 1])
		if names != nil {
			text += ": " + strings.Join(names, ", ")
		}
		all = append(all, text+")")
	}
	if n := len(all); n > shownColumns {
		all = append(all[:shownColumns:shownColumns], fmt.Sprintf("%d more", n-shownColumns))
	}
	return strings.Join(all, "; ")
}

// sha256Kept judges the kit's contract, where the profile claims it.
func (s *Scene) sha256Kept(live *token, a *audited) {
	if s.target.profile.Storage != StorageSHA256 {
		s.Skip("sha256", `the profile does not claim it ("storage": "sha256")`)
		return
	}
	at := slices.IndexFunc(a.secrets, func(n StoredSecret) bool { return n.Value == live.value })
	is := slices.ContainsFunc(a.Found, func(f Found) bool { return f.Form == SHA256 && slices.Contains(f.Secrets, at) })
	switch {
	case is:
		s.record("sha256", Pass, nil, "", "")
	case len(a.Unread) > 0:
		s.record("sha256", Inconclusive, nil, "everything read", "not all of it")
	default:
		s.record("sha256", Fail, nil, "in some column", `in none; if yours keeps an HMAC or another hash, use a profile without "storage": "sha256"`)
	}
}

// alive is the proof that it is the target's database: a refresh writes there. Where refresh tokens stay the same nothing need be
// written, and an account's name must do. It also notes what grows.
func (s *Scene) alive(before, after *audited) {
	var wrote, grew []string
	for _, name := range slices.Sorted(maps.Keys(after.Tables)) {
		was, is := before.Tables[name], after.Tables[name]
		if was != is {
			wrote = append(wrote, name)
		}
		if is.Rows > was.Rows {
			grew = append(grew, fmt.Sprintf("%d to %s", is.Rows-was.Rows, name))
		}
	}
	still := s.target.profile.Policy.Rotation == "none" && after.accounts()
	switch {
	case wrote != nil:
		s.Note("a refresh writes to %s", strings.Join(wrote, ", "))
	case !s.failed() && !still:
		s.stop(Inconclusive, "%d refreshes changed nothing in %s: is it the target's database, and does it hold the sessions?", auditedRotations, after.Database)
	}
	if grew != nil {
		s.Note("%d refreshes added rows: %s", auditedRotations, strings.Join(grew, ", "))
	}
}

// playLast plays the stories that read the database, and the one after which no login may work.
func (r *run) playLast(ctx context.Context, scenes []*Scene) {
	for _, s := range scenes {
		if ctx.Err() != nil {
			s.skip("the run was stopped before")
			continue
		}
		s.play()
		r.tell(s)
	}
}
