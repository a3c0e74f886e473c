package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// writeDoc writes the part of docs/cluster.md that tells of a run, from its JSON.
func writeDoc(jsonFile string, out io.Writer) error {
	b, err := os.ReadFile(jsonFile)
	if err != nil {
		return fmt.Errorf("-doc: %w; %w", err, errUsage)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("-doc: %s was not written by -json: %w; %w", jsonFile, err, errUsage)
	}
	r.document(out)
	return nil
}

func (r *report) document(out io.Writer) {
	n, answers := 0, map[string]int{}
	for _, c := range r.Calls {
		n += c.Count
		for kind, k := range c.Answers {
			answers[kind] += k
		}
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(answers)) {
		kinds = append(kinds, fmt.Sprintf("%d × %s", answers[kind], kind))
	}
	fmt.Fprintf(out, "%s, MySQL %s, %s/%s with %d cores for everything, %s: %d servers, %d clients, %.0f seconds, %d calls\n(%s).\n\n",
		r.Started.Format("2 January 2006"), r.MySQL["version"], r.Machine.OS, r.Machine.Arch, r.Machine.Cores, r.Machine.Go,
		r.Servers, r.Settings.Clients, r.Seconds, n, strings.Join(kinds, ", "))
	fmt.Fprintf(out, "**%d violations** in %d sessions, %d unchecked, %d lost; tokens ahead of their row: %d; tables in which members differ: %d.\n",
		r.Violations, r.Sessions, r.Unchecked, r.Lost, r.TokensAhead, len(r.Differences))
	fmt.Fprint(out, "\n| fault | primary | then | elected after s | all servers write again after s | the old one is back, s after it started or thawed |\n| --- | --- | --- | ---: | ---: | ---: |\n")
	for _, f := range r.Faults {
		fmt.Fprintf(out, "| %s | %s | %s | %.1f | %.1f | %.1f |\n", f.Kind, f.Member, f.NewPrimary, f.Elected, slices.Max(f.Resumed), f.Whole)
	}
	fmt.Fprintf(out, "\nAll servers wrote again after %.1f seconds (median; %.1f to %.1f), none was restarted.\n", r.Resume.Median, r.Resume.Least, r.Resume.Most)
}
