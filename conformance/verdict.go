package conformance

import "fmt"

// Verdict is the outcome of a check, a story or a run. Verdicts only rise: a story is the highest of its checks.
type Verdict int

// The verdicts, in rising order.
const (
	NotJudged    Verdict = iota // n/a: something that the run was not given would be needed
	Pass                        // seen, and a control after it succeeded
	Warn                        // a SHOULD that does not hold
	Inconclusive                // a precondition or a control failed, so nothing is established
	Fail                        // a MUST that does not hold
	Broken                      // the suite's own fault
)

var verdictNames = [...]string{"n/a", "pass", "warn", "inconclusive", "fail", "broken"}

// String returns the verdict as reports spell it.
func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdictNames) {
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
	return verdictNames[v]
}

// MarshalText spells the verdict in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(b []byte) error {
	for i, name := range verdictNames {
		if name == string(b) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q", b)
}

// Level says how binding a check is: in the words of RFC 2119, of the kit's contract. An RFC that a story cites says with
// its own strength what it says (see [Ref]).
type Level string

// The levels. A SHOULD that does not hold is a warning; a MAY is reported as one, and changes nothing of the run's verdict.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// violated is the verdict of a check of this level that does not hold.
func (l Level) violated() Verdict {
	if l == Must {
		return Fail
	}
	return Warn
}
