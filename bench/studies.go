package main

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// study is one of the measurements of -all: what takes long, or concerns one question alone.
type study struct {
	Name    string     `json:"name"`
	MySQL   *mySQL     `json:"mysql,omitempty"` // while it ran, if that was not as before
	Parts   []measured `json:"parts,omitempty"`
	Ratios  []ratio    `json:"ratios,omitempty"`
	Figures []figure   `json:"figures,omitempty"`
	LeftOut string     `json:"left_out,omitempty"` // why there are no numbers
}

// figure is a number that is neither rate nor latency. Value is the median.
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Value  float64   `json:"value"`
	Rounds []float64 `json:"rounds"`
}

func (f *figure) add(v float64) {
	f.Rounds = append(f.Rounds, v)
	f.Value = median(f.Rounds)
}

// The names of the studies.
const (
	studyEngines = "engines"
	studyAge     = "age"
	studyCleanup = "cleanup"
	studyMemory  = "memory"
	studyStart   = "start-up"
	studySize    = "table size"
)

// sessionCost is the bcrypt cost of servers at which only sessions are measured, so that these are quickly made.
const sessionCost = 4

// What the studies count follows from the size of the large table, so that all of them shrink together.
func (s settings) smallTable() int     { return s.Families / 100 }
func (s settings) expired() int        { return s.Families / 50 }
func (s settings) oldRotations() int   { return s.Families / 1000 }
func (s settings) youngRotations() int { return max(1, s.Families/1_000_000) }
func (s settings) idleSessions() int   { return s.Families / 10_000 }

// measureStudies runs them one after another. The last one leaves MySQL changed.
func (r *report) measureStudies(ctx context.Context, l *lab) error {
	for _, s := range []struct {
		name        string
		run         func(context.Context, *lab, *study) error
		comparisons []comparison
	}{
		{studyEngines, engines, []comparison{
			{"sqlite/mysql", partSQLite, partMySQL, few, perSecond, 0, 0, "rotations over HTTP on SQLite, by those on MySQL"},
			{"sqlite/mysql", partSQLite, partMySQL, many, perSecond, 0, 0, "the same"},
		}},
		{studyAge, age, []comparison{
			{"old/young, replay", partReplayOld, partReplayYoung, 1, p50, 0, 1.15, "p50 of a replay that ends an old family, by that of a young one"},
			{"old/young, logout", partLogoutOld, partLogoutYoung, 1, p50, 0, 1.15, "the same for a logout"},
		}},
		{studyCleanup, cleanup, []comparison{
			{"cleanup/quiet", partCleanup, partQuiet, many, p99, 0, 0, "p99 of a refresh during a cleanup, by p99 without"},
		}},
		{studyMemory, memory, nil},
		{studyStart, startUp, nil},
		{studySize, tableSize, []comparison{
			{"large/small", partLarge, partSmall, many, cost, 0, 1.3, "what an UPDATE costs on the large table, by the small one"},
		}},
	} {
		st := study{Name: s.name}
		fmt.Fprintf(l.stderr, "%s: %s\n", st.Name, st.about(l.settings))
		err := s.run(ctx, l, &st)
		if st.Ratios = compare(st.Parts, s.comparisons); st.measured() {
			r.Studies = append(r.Studies, st)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// measured reports whether there is anything to tell.
func (st *study) measured() bool { return len(st.Parts)+len(st.Figures) > 0 || st.LeftOut != "" }

// about says in one sentence what was measured.
func (st *study) about(s settings) string {
	if st.LeftOut != "" {
		return st.LeftOut
	}
	switch st.Name {
	case studyEngines:
		return "the server on a fresh SQLite file, beside the server on MySQL"
	case studyAge:
		return fmt.Sprintf("the end of sessions that were rotated %s times, beside that of sessions rotated %s times",
			thousands(s.oldRotations()), thousands(s.youngRotations()))
	case studyCleanup:
		return fmt.Sprintf("refreshes while the cleanup removes %s expired families in each round, beside refreshes without", thousands(s.expired()))
	case studyMemory:
		return fmt.Sprintf("resident size of the server, which is read again after every %s logins", thousands(s.idleSessions()))
	case studyStart:
		return "from the start of the process until it listens"
	case studySize:
		text := fmt.Sprintf("the bare UPDATE on random rows of %s families, beside the same on %s", thousands(s.Families), thousands(s.smallTable()))
		if st.MySQL != nil {
			text += fmt.Sprintf("; innodb_buffer_pool_size is %.1f GiB, innodb_redo_log_capacity %.1f GiB", gib(st.MySQL.BufferPool), gib(st.MySQL.RedoLog))
		}
		return text
	}
	return ""
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// thousands writes a number with separators.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func writeFigures(out io.Writer, figures []figure) {
	if len(figures) == 0 {
		return
	}
	fmt.Fprintf(out, "%-30s %11s %9s %9s\n", "", "median", "lowest", "highest")
	for _, f := range figures {
		fmt.Fprintf(out, "%-30s %11.1f %9.1f %9.1f  %s\n", f.Name, f.Value, slices.Min(f.Rounds), slices.Max(f.Rounds), f.Unit)
	}
}
