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
	m.Median = medians{m.median(perSecond), m.median(func(s sample) float64 { return s.P50 }), m.median(p99)}
}

func (m *measured) median(of func(sample) float64) float64 {
	var values []float64
	for _, s := range m.Rounds {
		values = append(values, of(s))
	}
	return median(values)
}

func perSecond(s sample) float64 { return s.PerSecond }
func p99(s sample) float64       { return s.P99 }

// ratio compares two parts. Value is the median of what each round has found, which is not quite the quotient of the medians.
type ratio struct {
	Name    string    `json:"name"`
	Clients int       `json:"clients"`
	Value   float64   `json:"value"`
	Target  float64   `json:"target,omitempty"` // the least that we aim at; 0: no aim
	Rounds  []float64 `json:"rounds"`
	about   string
}

// ratios are what the run is for. A part that no round has reached yields none.
func (r *report) ratios() (all []ratio) {
	for _, q := range []struct {
		name        string
		above, base string // parts
		clients     int
		of          func(sample) float64
		target      float64
		about       string
	}{
		{"http/floor", partRefresh, partFloor, few, perSecond, 0, "rotations over HTTP, by the bare UPDATE"},
		{"http/floor", partRefresh, partFloor, many, perSecond, 0.55, "the same; aim: 0.55 or more"},
		{"login/bcrypt", partLogin, partBcrypt, r.Settings.LoginClients, perSecond, 0.9, "logins over HTTP, by bare bcrypt; aim: 0.90 or more"},
		{"busy/quiet", partBurst, partRefresh, few, p99, 0, "p99 of a refresh while logins burst, by p99 without"},
		{"busy/quiet", partBurst, partRefresh, many, p99, 0, "the same"},
	} {
		above, base := r.part(q.above, q.clients), r.part(q.base, q.clients)
		found := ratio{Name: q.name, Clients: q.clients, Target: q.target, about: q.about}
		for i := range min(len(above.Rounds), len(base.Rounds)) {
			found.Rounds = append(found.Rounds, q.of(above.Rounds[i])/q.of(base.Rounds[i]))
		}
		if found.Value = median(found.Rounds); len(found.Rounds) > 0 {
			all = append(all, found)
		}
	}
	return all
}

// part returns the part of that name, at that number of clients if it was measured at several.
func (r *report) part(name string, clients int) (found measured) {
	for _, p := range r.Parts {
		if p.Name == name && (found.Name == "" || p.Clients == clients) {
			found = p
		}
	}
	return found
}

func (r *report) writeTable(out io.Writer) {
	m, s := r.Machine, r.Settings
	fmt.Fprintf(out, "MySQL %s (innodb_flush_log_at_trx_commit %d, sync_binlog %d), %s, %d cores, GOMAXPROCS %d\n",
		m.MySQL.Version, m.MySQL.FlushLog, m.MySQL.SyncBinlog, m.Go, m.Cores, m.GOMAXPROCS)
	fmt.Fprintf(out, "bcrypt cost %d, %d hash slots, %d clients log in; medians of %d rounds of %s\n\n",
		s.BcryptCost, s.HashSlots, s.LoginClients, r.rounds(), s.Duration)
	fmt.Fprintf(out, "%-22s %7s %11s %9s %9s\n", "", "clients", "per second", "p50 ms", "p99 ms")
	for _, p := range r.Parts {
		if len(p.Rounds) > 0 {
			fmt.Fprintf(out, "%-22s %7d %11.1f %9.2f %9.2f\n", p.Name, p.Clients, p.Median.PerSecond, p.Median.P50, p.Median.P99)
		}
	}
	fmt.Fprintf(out, "\n%-22s %7s %11s %9s %9s\n", "ratio in one round", "clients", "median", "lowest", "highest")
	for _, q := range r.Ratios {
		fmt.Fprintf(out, "%-22s %7d %11.2f %9.2f %9.2f  %s\n", q.Name, q.Clients, q.Value, slices.Min(q.Rounds), slices.Max(q.Rounds), q.about)
	}
	if !r.Complete {
		fmt.Fprintln(out, "\nThe run did not come to its end.")
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
