package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// readEnvFile reads KEY=VALUE lines without exporting them. Without a name it reads .env if there is one. A $ is a $: nothing
// is expanded, since passwords have them. The parser's own errors quote the line, which may hold a secret, so the lines'
// numbers stand in for them.
func readEnvFile(name string) (map[string]string, error) {
	b, err := os.ReadFile(cmp.Or(name, ".env"))
	if errors.Is(err, os.ErrNotExist) && name == "" {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("the settings file cannot be read: %w", err)
	}
	const dollar = "\uE000" // any character that no .env holds
	text := strings.ReplaceAll(strings.TrimPrefix(string(b), "\uFEFF"), "$", dollar)
	values, err := godotenv.Unmarshal(text)
	if err != nil {
		return nil, badLines(cmp.Or(name, ".env"), text)
	}
	for k, v := range values {
		values[k] = strings.ReplaceAll(v, dollar, "$")
	}
	return values, nil
}

// badLines names the lines that keep a file from being read.
func badLines(name, text string) error {
	var bad []string
	for i, line := range strings.SplitAfter(text, "\n") {
		if _, err := godotenv.Unmarshal(line); err != nil {
			bad = append(bad, fmt.Sprintf("%s:%d is not of the form KEY=VALUE", name, i+1))
		}
	}
	if bad == nil {
		return fmt.Errorf("%s does not consist of KEY=VALUE lines", name)
	}
	return errors.New(strings.Join(bad, "\n"))
}

// alsoInEnvFile are the names in .env.example that only docker-compose.yml reads.
var alsoInEnvFile = []string{"MYSQL_PASSWORD", "PORT"}

// ignoredNames tells which names in the file are no settings, and what they may have been meant for: a setting that is misspelt
// would silently have its default. A file may serve other programs too, so this is no reason not to start.
func ignoredNames(file map[string]string, fileName string) []string {
	var ignored, foreign []string
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if slices.ContainsFunc(settings(), func(s setting) bool { return s.name == name }) || slices.Contains(alsoInEnvFile, name) {
			continue
		}
		if meant := nearestSetting(name); meant != "" {
			ignored = append(ignored, fmt.Sprintf("%s in %s is no setting and is ignored: did you mean %s?", name, fileName, meant))
		} else if regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,39}$`).MatchString(name) { // anything else may be a piece of a secret
			foreign = append(foreign, name)
		}
	}
	if foreign != nil {
		ignored = append(ignored, fmt.Sprintf("%s in %s: no settings of this server, ignored", strings.Join(foreign, ", "), fileName))
	}
	return ignored
}

// nearestSetting returns the setting that a name resembles most, "" if it resembles none: a few letters are other ones, a
// word before or behind is missing or too many, or it is in lower case.
func nearestSetting(name string) string {
	name = strings.ToUpper(name)
	nearest, least := "", 0
	for _, s := range settings() {
		d := distance(name, s.name)
		part := min(len(name), len(s.name)) > 2 &&
			(strings.HasPrefix(name, s.name) || strings.HasSuffix(name, s.name) || strings.HasPrefix(s.name, name) || strings.HasSuffix(s.name, name))
		if (part || d <= max(1, len(name)/4)) && (nearest == "" || d < least) {
			nearest, least = s.name, d
		}
	}
	return nearest
}

// distance counts the letters to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above
		row[0] = i + 1
		for j := range len(b) {
			replaced := before
			if a[i] != b[j] {
				replaced++
			}
			before = row[j+1]
			row[j+1] = min(replaced, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
