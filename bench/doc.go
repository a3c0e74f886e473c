package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// writeDoc writes docs/performance.md from the JSON of a run.
func writeDoc(jsonFile string, out io.Writer) error {
	b, err := os.ReadFile(jsonFile)
	if err != nil {
		return fmt.Errorf("-doc: %w; %w", err, errUsage)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("-doc: %s was not written by -json: %w; %w", jsonFile, err, errUsage)
	}
	if !r.Complete {
		return errors.New("-doc: that run did not come to its end, so nothing is to be published of it")
	}
	r.document(out)
	return nil
}

func (r *report) document(out io.Writer) {
	m, s := r.Machine, r.Settings
	fmt.Fprintf(out, `# Performance

<!-- Written by: go run ./bench -doc docs/results/bench.json >docs/performance.md -->

How near the server comes to what its database and its password hash allow, measured by [%[1]s](../bench). Every number here is of the
run in [%[2]s](results/bench.json).

**Machine.** %[3]s, %[4]s/%[5]s, %[6]d cores that load generator, server and database share, GOMAXPROCS %[7]d, %[8]s. No other
measurement ran meanwhile, but other programs share the machine; how much they took shows only in the distance from the lowest to the
highest. So a rate is worth nothing elsewhere, and a ratio is worth more.

**Database.** MySQL %[9]s, innodb_flush_log_at_trx_commit %[10]d, sync_binlog %[11]d, binary log %[12]s: each rotation is on the disk before it
is acknowledged. Otherwise as the image has it.

**Method.** %[13]d rounds; in each, every part runs for %[14]s, after one short round that does not count. Parts that are compared are
neighbours in a round, and change places from one to the next, so that both meet the same weather. Clients are a closed loop over kept-alive
connections: the next request goes when the last has been answered. A ratio is taken within a round; shown are the median of the rounds, and
in brackets the lowest and the highest. No server is faster than its own
floor: where such a ratio is above 1, that is the weather. bcrypt cost %[15]d; the server hashes %[16]d at a time, and so does the bare bcrypt.
`, "`bench/`", "`docs/results/bench.json`", r.Started.Format("2 January 2006"), m.OS, m.Arch, m.Cores, m.GOMAXPROCS, m.Go,
		m.MySQL.Version, m.MySQL.FlushLog, m.MySQL.SyncBinlog, onOff(m.MySQL.BinaryLog), r.rounds(), s.Duration, s.BcryptCost, s.HashSlots)
	documentParts(out, r.Parts)
	documentRatios(out, r.Ratios)
	fmt.Fprint(out, `
"Bare UPDATE" is the statement of a rotation on the same kind of table, from as many connections, without server, tokens or HTTP; both have
at most 32 connections to MySQL. "Refresh without a token" is refused before the database is asked: what HTTP and all around the statement cost
at least. "Logins burst" means that logins keep every hash slot busy while the refreshes are measured.
`)
	all := ""
	if len(r.Studies) > 0 {
		all = "-all "
		fmt.Fprintf(out, `
What follows was measured after these rounds, one question at a time. As no login is timed, the servers hash at cost %d, and at cost %d
only for the start-up.
`, sessionCost, s.BcryptCost)
	}
	for _, st := range r.Studies {
		st.document(out, s)
	}
	fmt.Fprintf(out, `
Measure yours, where Docker runs and nothing else does: `+"`go run ./bench %s-json bench.json`.\n", all)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// partNames are the parts in a reader's words.
var partNames = map[string]string{
	partFloor: "bare UPDATE", partRefresh: "refresh over HTTP", partAnswer: "refresh without a token",
	partBcrypt: "bare bcrypt", partLogin: "login over HTTP", partBurst: "refresh while logins burst",
	partMySQL: "refresh on MySQL", partSQLite: "refresh on SQLite",
	partReplayYoung: "replay, young session", partReplayOld: "replay, old session",
	partLogoutYoung: "logout, young session", partLogoutOld: "logout, old session",
	partQuiet: "refresh without a cleanup", partCleanup: "refresh during a cleanup",
	partSmall: "bare UPDATE, small table", partLarge: "bare UPDATE, large table",
}

// ratioNames are the ratios in a reader's words.
var ratioNames = map[string]string{
	"http/floor": "refreshes over HTTP to bare UPDATEs", "login/bcrypt": "logins over HTTP to bare bcrypt",
	"busy/quiet":        "p99 of a refresh while logins burst to p99 without",
	"sqlite/mysql":      "refreshes on SQLite to refreshes on MySQL",
	"old/young, replay": "p50 of a replay that ends an old session to a young one's", "old/young, logout": "the same for a logout",
	"cleanup/quiet": "p99 of a refresh during a cleanup to p99 without",
	"large/small":   "what an UPDATE costs on the large table to what it costs on the small one",
}

func documentParts(out io.Writer, parts []measured) {
	if len(parts) == 0 {
		return
	}
	fmt.Fprint(out, "\n| | clients | per second | p50 ms | p99 ms |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, p := range parts {
		fmt.Fprintf(out, "| %s | %d | %s | %s | %s |\n", partNames[p.Name], p.Clients,
			spread("%.0f", p.values(perSecond)), spread("%.2f", p.values(p50)), spread("%.2f", p.values(p99)))
	}
}

func documentRatios(out io.Writer, ratios []ratio) {
	if len(ratios) == 0 {
		return
	}
	fmt.Fprint(out, "\n| ratio | clients | median (lowest to highest) | aim |\n| --- | ---: | ---: | ---: |\n")
	for _, q := range ratios {
		fmt.Fprintf(out, "| %s | %d | %s | %s |\n", ratioNames[q.Name], q.Clients, spread("%.2f", q.Rounds), cmp.Or(q.aim(), "–"))
	}
}

func documentFigures(out io.Writer, figures []figure) {
	if len(figures) == 0 {
		return
	}
	fmt.Fprint(out, "\n| | median (lowest to highest) |\n| --- | ---: |\n")
	for _, f := range figures {
		fmt.Fprintf(out, "| %s, %s | %s |\n", f.Name, f.Unit, spread("%.0f", f.Rounds))
	}
}

// spread is the median of the rounds, with the lowest and the highest if there were several.
func spread(format string, rounds []float64) string {
	if len(rounds) == 1 {
		return fmt.Sprintf(format, rounds[0])
	}
	return fmt.Sprintf(strings.ReplaceAll("F (F to F)", "F", format), median(rounds), slices.Min(rounds), slices.Max(rounds))
}

// document writes a section on a study.
func (st *study) document(out io.Writer, s settings) {
	title, text := st.explain(s)
	fmt.Fprintf(out, "\n## %s\n\n%s\n", title, text)
	if st.LeftOut != "" {
		fmt.Fprintf(out, "\nIt was %s.\n", st.LeftOut)
	}
	documentParts(out, st.Parts)
	documentRatios(out, st.Ratios)
	documentFigures(out, st.Figures)
}

// explain returns the heading of a study and what a reader must know of it.
func (st *study) explain(s settings) (title, text string) {
	switch st.Name {
	case studyEngines:
		return "SQLite beside MySQL", "The same server and clients on a fresh SQLite file, which lies in the folder for temporary files."
	case studyAge:
		return "Old sessions", fmt.Sprintf(`A replay must end a session, and a logout too, however often it was rotated before: old sessions %s times, young ones %s. %d of each
were ended in each way, in turn, by one client; of each it was checked that it had ended. The replay presents the token of the login.`,
			thousands(s.oldRotations()), thousands(s.youngRotations()), ends-1)
	case studyCleanup:
		return "Cleanup beside load", fmt.Sprintf(`In each round `+"`server cleanup`"+` removes %s families whose life has ended, while clients refresh from its first moment to its last. It
pauses between its batches, so its rate is not what the database could do.`, thousands(s.expired()))
	case studyMemory:
		return "Memory", fmt.Sprintf(`Resident size of the server's process, which is read after every %s logins. The growth is that from one reading to the next,
after the first; as sessions live in the database, it should be about nothing.`, thousands(s.idleSessions()))
	case studyStart:
		return "Start-up", fmt.Sprintf(`From the start of the process until it listens, %d times each: with all migrations where the database is empty, and one bcrypt
hash of cost %d, against which the passwords of unknown users are checked.`, starts, s.BcryptCost)
	case studySize:
		text = fmt.Sprintf(`The bare UPDATE on random rows of a table of %s families (large) and of one of %s (small).`, thousands(s.Families), thousands(s.smallTable()))
		if st.MySQL != nil {
			text += fmt.Sprintf(` For this alone innodb_buffer_pool_size is
%.1f GiB and innodb_redo_log_capacity %.1f GiB: what is compared are tables in memory.`, gib(st.MySQL.BufferPool), gib(st.MySQL.RedoLog))
		}
		return "Table size", text
	}
	return st.Name, ""
}
