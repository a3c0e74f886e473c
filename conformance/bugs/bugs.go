// Package bugs is the catalogue of what real projects got wrong with login, refresh and logout: each class of bug with its symptom, public
// precedents, and the checks of the suite that catch it, or the reason why nothing outside the server can.
package bugs

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Bug is a class of bug.
type Bug struct {
	ID       string   `json:"id"` // never renamed; the faulty server's faults of that name, and of that name and a slash, have it
	Area     string   `json:"area"`
	Bug      string   `json:"bug"`      // what is wrong
	Symptom  string   `json:"symptom"`  // what one sees of it
	Severity string   `json:"severity"` // Critical, High, Medium, Low or Info
	Violates string   `json:"violates"` // the requirement, with its source
	Links    []string `json:"links"`    // where it was found
	Checks   []string `json:"checks,omitempty"`
	Unseen   string   `json:"unseen,omitempty"` // why no check catches it, and the nearest thing that does
}

//go:embed bugs.json
var catalogue []byte

// All returns the catalogue by area. It cannot fail: a test reads the same bytes.
func All() []Bug {
	var all []Bug
	if err := json.Unmarshal(catalogue, &all); err != nil {
		panic(fmt.Sprintf("bugs.json: %v", err))
	}
	return all
}

// Find returns the bugs whose ID begins with one of the words, or whose area is one; none given: all.
func Find(words ...string) []Bug {
	all := All()
	if len(words) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(b Bug) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return b.Area == w || strings.HasPrefix(b.ID, w) })
	})
}

// Markdown is the catalogue as a page.
func Markdown() string {
	var b strings.Builder
	all, caught := All(), 0
	for _, bug := range all {
		if len(bug.Checks) > 0 {
			caught++
		}
	}
	fmt.Fprintf(&b, "# What real projects got wrong\n\n%d classes of bugs that shipped, each with public precedents. The suite catches %d of them; of the others it says why not.\n", len(all), caught)
	area := ""
	for _, bug := range all {
		if bug.Area != area {
			area = bug.Area
			fmt.Fprintf(&b, "\n## %s\n", area)
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", bug.ID, bug.Bug)
		fmt.Fprintf(&b, "- **Seen as:** %s\n- **Severity:** %s\n- **Violates:** %s\n", bug.Symptom, bug.Severity, bug.Violates)
		if len(bug.Checks) > 0 {
			fmt.Fprintf(&b, "- **Caught by:** `%s`\n", strings.Join(bug.Checks, "`, `"))
		}
		if bug.Unseen != "" {
			fmt.Fprintf(&b, "- **Not caught:** %s\n", bug.Unseen)
		}
		fmt.Fprintf(&b, "- **Found in:** %s\n", bug.FoundIn())
	}
	return b.String()
}

// FoundIn links to where the bug was found.
func (b Bug) FoundIn() string { return strings.Join(links(b.Links), " · ") }

// links shortens addresses to what tells them apart.
func links(addresses []string) []string {
	short := make([]string, len(addresses))
	for i, a := range addresses {
		text := strings.TrimPrefix(strings.TrimPrefix(a, "https://"), "github.com/")
		text = strings.NewReplacer("/issues/", "#", "/pull/", "#", "/discussions/", "#", "/security/advisories/", " ").Replace(text)
		short[i] = fmt.Sprintf("[%s](%s)", text, a)
	}
	return short
}
