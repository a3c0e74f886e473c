package faulty

import (
	"slices"
	"strings"
)

// Fault is one way to be wrong.
type Fault struct {
	Name  string // never changes; what stands before the slash is a class of bug, what stands after it a variant
	Area  string
	What  string // is wrong, in one sentence
	Needs string // what it takes to see it beside HTTP, one of the constants below; "" for nothing
}

// What it takes to see a fault, beside requests.
const (
	ShortLived = "short-lived" // tokens must expire: short lives, or a clock that is moved
	Production = "production"  // cookies must be Secure
	PlainHTTP  = "plain http"  // browsers must come by plain http from another host
	Secret     = "secret"      // tokens must be forged with the real secret
	Outage     = "outage"      // the state must be taken away and given back
	Claimed    = "claimed"     // a dialect in which it can occur must be in force
	Storage    = "storage"     // what a database would hold must be read
	PublicKey  = "public key"  // access tokens must be signed with a private key
	Admin      = "admin"       // a user must be disabled, or get another password
	Restart    = "restart"     // the process must end and start anew
	Replicas   = "replicas"    // there must be a second process on the same database
	Logs       = "logs"        // the log must be read
)

// Faults lists every fault by area, always in the same order.
func Faults() []Fault {
	var all []Fault
	for _, area := range []struct {
		name   string
		faults []Fault
	}{
		{"login", loginFaults()},
		{"access", append(accessFaults(), publicKeyFaults()...)},
		{"refresh", refreshFaults()},
		{"reuse", reuseFaults()},
		{"concurrency", concurrencyFaults()},
		{"expiry", expiryFaults()},
		{"logout", logoutFaults()},
		{"cookie", cookieFaults()},
		{"transport", transportFaults()},
		{"storage", storageFaults()},
		{"outage", outageFaults()},
		{"administration", adminFaults()},
		{"operations", append(processFaults(), logFaults()...)},
	} {
		for _, f := range area.faults {
			f.Area = area.name
			all = append(all, f)
		}
	}
	return all
}

// nearest returns the three names that look most like the given one.
func nearest(name string) string {
	var names []string
	for _, f := range Faults() {
		names = append(names, f.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	return strings.Join(names[:3], ", ")
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}
