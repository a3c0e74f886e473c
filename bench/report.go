package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// report is everything that a run found out.
type report struct {
	Started  time.Time  `json:"started"`
	Complete bool       `json:"complete"` // false: interrupted or failed; the numbers that there are, hold
	Machine  machine    `json:"machine"`
	Settings settings   `json:"settings"`
	Parts    []measured `json:"parts"`
	Ratios   []ratio    `json:"ratios"`
	Studies  []study    `json:"studies,omitempty"` // with -all
}

type machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Cores      int    `json:"cores"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Go         string `json:"go"`
	MySQL      mySQL  `json:"mysql"`
}

// mySQL is the database's version and the settings that decide how long it takes to make a change durable.
type mySQL struct {
	Version    string `json:"version"`
	FlushLog   int    `json:"innodb_flush_log_at_trx_commit"`
	BinaryLog  bool   `json:"log_bin"`
	SyncBinlog int    `json:"sync_binlog"`
	BufferPool int64  `json:"innodb_buffer_pool_size,omitempty"`
	RedoLog    int64  `json:"innodb_redo_log_capacity,omitempty"` // 0: older than this setting
}

func thisMachine() machine {
	return machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Go: runtime.Version()}
}

// measured is a part with what its rounds found.
type measured struct {
	Name    string   `json:"name"`
	Clients int      `json:"clients"`
	Median  medians  `json:"median"`
	Rounds  []sample `json:"rounds"`
}

// medians are those of a part's rounds, each of its own.
type medians struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

func (m *measured) add(s sample) {
	m.Rounds = append(m.Rounds, s)
	m.Median = medians{m.median(perSecond), m.median(p50), m.median(p99)}
}

func (m *measured) median(of func(sample) float64) float64 { return median(m.values(of)) }

// values are what the rounds found.
func (m *measured) values(of func(sample) float64) (all []float64) {
	for _, s := range m.Rounds {
		all = append(all, of(s))
	}
	return all
}

func perSecond(s sample) float64 { return s.PerSecond }
func cost(s sample) float64      { return 1 / s.PerSecond }
func p50(s sample) float64       { return s.P50 }
func p99(s sample) float64       { return s.P99 }

// ratio compares two parts. Value is the median of what each round has found, which is not quite the quotient of the medians.
type ratio struct {
	Name    string    `json:"name"`
	Clients int       `json:"clients"`
	Value   float64   `json:"value"`
	Target  float64   `json:"target,omitempty"` // the least that we aim at; 0: no aim
	Limit   float64   `json:"limit,omitempty"`  // the most that we aim at; 0: no aim
	Rounds  []float64 `json:"rounds"`
	about   string
}

// aim is what we aim at, in words, or empty.
func (q ratio) aim() string {
	switch {
	case q.Target > 0:
		return fmt.Sprintf("%.2f or more", q.Target)
	case q.Limit > 0:
		return fmt.Sprintf("at most %.2f", q.Limit)
	}
	return ""
}

// comparison says which parts a ratio is of.
type comparison struct {
	name        string
	above, base string // parts
	clients     int
	of          func(sample) float64
	least, most float64 // that we aim at; 0: no aim
	about       string
}

// ofRounds are the comparisons that every run is for.
func ofRounds(s settings) []comparison {
	return []comparison{
		{"http/floor", partRefresh, partFloor, few, perSecond, 0, 0, "rotations over HTTP, by the bare UPDATE"},
		{"http/floor", partRefresh, partFloor, many, perSecond, 0.7, 0, "the same"},
		{"http/floor", partRefresh, partFloor, crowd, perSecond, 0, 0, "the same"},
		{"http/floor", partRefresh, partFloor, throng, perSecond, 0, 0, "the same"},
		{"login/bcrypt", partLogin, partBcrypt, s.LoginClients, perSecond, 0.95, 0, "logins over HTTP, by bare bcrypt"},
		{"busy/quiet", partBurst, partRefresh, few, p99, 0, 3, "p99 of a refresh while logins burst, by p99 without"},
		{"busy/quiet", partBurst, partRefresh, many, p99, 0, 3, "the same"},
	}
}

// compare returns the ratios. A part that no round has reached yields none.
func compare(parts []measured, comparisons []comparison) (all []ratio) {
	for _, c := range comparisons {
		above, base := find(parts, c.above, c.clients), find(parts, c.base, c.clients)
		found := ratio{Name: c.name, Clients: c.clients, Target: c.least, Limit: c.most, about: c.about}
		for i := range min(len(above.Rounds), len(base.Rounds)) {
			found.Rounds = append(found.Rounds, c.of(above.Rounds[i])/c.of(base.Rounds[i]))
		}
		if found.Value = median(found.Rounds); len(found.Rounds) > 0 {
			all = append(all, found)
		}
	}
	return all
}

// find returns the part of that name at that number of clients, or at whatever number if there is only one of that name.
func find(parts []measured, name string, clients int) measured {
	var named []measured
	for _, p := range parts {
		switch {
		case p.Name == name && p.Clients == clients:
			return p
		case p.Name == name:
			named = append(named, p)
		}
	}
	if len(named) == 1 {
		return named[0]
	}
	return measured{}
}

func (r *report) writeTable(out io.Writer) {
	m, s := r.Machine, r.Settings
	fmt.Fprintf(out, "MySQL %s (innodb_flush_log_at_trx_commit %d, sync_binlog %d), %s, %d cores, GOMAXPROCS %d\n",
		m.MySQL.Version, m.MySQL.FlushLog, m.MySQL.SyncBinlog, m.Go, m.Cores, m.GOMAXPROCS)
	fmt.Fprintf(out, "bcrypt cost %d, %d hash slots, %d clients log in; medians of %d rounds of %s\n\n",
		s.BcryptCost, s.HashSlots, s.LoginClients, r.rounds(), s.Duration)
	writeParts(out, r.Parts)
	fmt.Fprintln(out)
	writeRatios(out, r.Ratios)
	for _, st := range r.Studies {
		fmt.Fprintf(out, "\n# %s: %s\n", st.Name, st.about(s))
		writeParts(out, st.Parts)
		writeRatios(out, st.Ratios)
		writeFigures(out, st.Figures)
	}
	if !r.Complete {
		fmt.Fprintln(out, "\nThe run did not come to its end.")
	}
}

func writeParts(out io.Writer, parts []measured) {
	if len(parts) == 0 {
		return
	}
	fmt.Fprintf(out, "%-22s %7s %11s %9s %9s\n", "", "clients", "per second", "p50 ms", "p99 ms")
	for _, p := range parts {
		if len(p.Rounds) > 0 {
			fmt.Fprintf(out, "%-22s %7d %11.1f %9.2f %9.2f\n", p.Name, p.Clients, p.Median.PerSecond, p.Median.P50, p.Median.P99)
		}
	}
}

func writeRatios(out io.Writer, ratios []ratio) {
	if len(ratios) == 0 {
		return
	}
	fmt.Fprintf(out, "%-22s %7s %11s %9s %9s\n", "ratio in one round", "clients", "median", "lowest", "highest")
	for _, q := range ratios {
		about := q.about
		if aim := q.aim(); aim != "" {
			about += "; aim: " + aim
		}
		fmt.Fprintf(out, "%-22s %7d %11.2f %9.2f %9.2f  %s\n", q.Name, q.Clients, q.Value, slices.Min(q.Rounds), slices.Max(q.Rounds), about)
	}
}

// rounds returns how many rounds all parts have been through.
func (r *report) rounds() int {
	least := r.Settings.Rounds
	for _, p := range r.Parts {
		least = min(least, len(p.Rounds))
	}
	return least
}

func (r *report) writeJSON(out io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = out.Write(append(b, '\n'))
	return err
}
