package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A ratio belongs to a round: the machine's weather must not come between what it compares.
func TestRatios(t *testing.T) {
	r := report{Settings: settings{Rounds: 3, Duration: time.Second, LoginClients: 4}}
	for _, p := range []struct {
		name    string
		clients int
		rates   []float64
		p99     []float64
	}{
		{partFloor, few, []float64{1000, 100}, []float64{1, 1}},
		{partRefresh, few, []float64{500, 80, 7}, []float64{2, 4, 8}}, // a round that the floor has not come to
		{partFloor, many, []float64{2000, 100, 300}, []float64{1, 1, 1}},
		{partRefresh, many, []float64{1000, 60, 300}, []float64{1, 10, 1}},
		{partBcrypt, 1, []float64{4}, []float64{1}},
		{partLogin, 4, []float64{3}, []float64{1}},
		{partBurst, few, []float64{1}, []float64{6}},
		{partBurst, many, nil, nil},
	} {
		m := measured{Name: p.name, Clients: p.clients}
		for i := range p.rates {
			m.add(sample{PerSecond: p.rates[i], P99: p.p99[i]})
		}
		r.Parts = append(r.Parts, m)
	}
	r.Ratios = compare(r.Parts, ofRounds(r.Settings))
	var got []ratio
	for _, q := range r.Ratios {
		q.about = ""
		got = append(got, q)
	}
	require.Equal(t, []ratio{
		{Name: "http/floor", Clients: few, Value: 0.65, Rounds: []float64{0.5, 0.8}},
		{Name: "http/floor", Clients: many, Value: 0.6, Target: 0.7, Rounds: []float64{0.5, 0.6, 1}},
		{Name: "login/bcrypt", Clients: 4, Value: 0.75, Target: 0.95, Rounds: []float64{0.75}},
		{Name: "busy/quiet", Clients: few, Value: 3, Limit: 3, Rounds: []float64{3}},
	}, got)

	var table bytes.Buffer
	r.writeTable(&table)
	require.Contains(t, table.String(), "medians of 0 rounds")
	require.Contains(t, table.String(), "\nhttp/floor                  16        0.60      0.50      1.00  the same; aim: 0.70 or more\n")
	require.Contains(t, table.String(), "p99 without; aim: at most 3.00\n")
	require.Contains(t, table.String(), "\nrefresh                      1        80.0 ")
	require.NotRegexp(t, partBurst+` +16`, table.String())
	require.Contains(t, table.String(), "did not come to its end")
}
