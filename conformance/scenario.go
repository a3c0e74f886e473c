package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Scenario is a story: actors do something, and its checks judge what the target answered. Fields are data, so that lists,
// reports, documents and the course come from one place.
type Scenario struct {
	ID     string  // area.story; an API: never renamed, never reused
	Title  string  // what must hold, as a sentence
	Level  Level   // of the checks that do not name their own
	Stage  int     // its place in the course, 1 to 11
	Again  int     // a later stage that judges it once more, since only then there is what some of its checks need; 0: none
	Needs  Need    // what the run must have been given; without it the story is not judged
	Refs   []Ref   // the sources of the requirement
	Why    string  // what it means for a user when it does not hold
	Hint   string  // what to try
	Checks []Check // every check that Run or Observe may record
	Bugs   []string

	// NotFor, where set, says why the story does not apply to what a profile claims; "" if it does. A story that does not apply to the kit's own
	// contract either is for those who claim otherwise: it is left out, not listed as not judged.
	NotFor func(Policy) string

	// Run plays the story.
	Run func(*Scene)

	// Observe, where set, also judges every exchange of the whole run, whichever story made it.
	Observe func(*Scene, *exchange)

	// Last, where set, also judges when everything else is over.
	Last func(*Scene, context.Context)

	_ struct{} // keyed literals only
}

// later reports whether the story is not over when it has been played.
func (s Scenario) later() bool { return s.Observe != nil || s.Last != nil }

// Area is the part of the ID before the dot.
func (s Scenario) Area() string { area, _, _ := strings.Cut(s.ID, "."); return area }

// Check is one thing that is judged. Its ID is the story's ID, a slash and the slug.
type Check struct {
	Slug  string
	Text  string // what must hold
	Level Level  // empty: the story's
	Why   string `json:",omitempty"` // what it means when this does not hold; empty: the story's
	Hint  string `json:",omitempty"` // what to try then; empty: the story's
	Seen  string `json:"-"`          // when there is something to judge it by, where a healthy target may give nothing
}

// Ref is a source of a requirement. Strength says honestly how it binds: "required by", "recommended by" or "motivated by".
type Ref struct{ Strength, Doc, Section string }

// String spells the reference as reports show it.
func (r Ref) String() string { return strings.TrimSpace(r.Strength + " " + r.Doc + " " + r.Section) }

func requiredBy(doc, section string) Ref    { return Ref{"required by", doc, section} }
func recommendedBy(doc, section string) Ref { return Ref{"recommended by", doc, section} }
func motivatedBy(doc, section string) Ref   { return Ref{"motivated by", doc, section} }

// Need is a set of things that a story cannot do without.
type Need int

// What a story may need.
const (
	NeedMe       Need = 1 << iota // a protected endpoint (-me)
	NeedTime                      // tokens that expire during the run (-advance, or a target with short lifetimes)
	NeedAbsolute                  // the absolute life of a session, and time to see it end (-session-max-ttl)
	NeedSlow                      // many password checks (-slow)
	NeedCookie                    // a refresh token that travels in a cookie
	NeedJSON                      // a login in JSON
	NeedSecret                    // the secret that signs access tokens (-jwt-secret)
	NeedGrace                     // to wait for the end of the grace that the profile claims
	NeedOutage                    // a command that takes the target's database away and gives it back (-outage)
	NeedStorage                   // the target's database (-dsn)
	NeedKeys                      // access tokens that are signed with a private key, and the public ones (-jwks)
	NeedAdmin                     // a way to disable a user and to change his password (-admin)
	NeedRestart                   // a way to restart the target (-restart)
	NeedReplicas                  // several instances of the target (-target, repeated)
	NeedLogs                      // the files that the target logs to (-logs)
	NeedLogin                     // a login that is a request, not a command
	NeedPassword                  // and that carries a password
	NeedLast                      // that no story comes after it
)

// Scenarios returns the catalogue in teaching order.
func Scenarios() []Scenario {
	return advised([]Scenario{
		loginSuccess(), loginWrongPassword(), loginOddPasswords(), loginMalformed(), loginContentType(), loginIndependent(), loginKeepsSessions(), loginTiming(), loginExact(), loginBesides(),
		accessClaims(), accessLifetime(), accessWeakSecret(), accessRequired(), accessOnlyToken(), accessForged(), accessWrongKind(), accessSigned(), accessConfusion(),
		rotationRotates(), rotationChain(), rotationCredential(), rotationAccessToken(), rotationCookieOnly(), rotationExactBytes(), rotationDuplicates(), rotationUnpredictable(),
		cookieAttributes(), cookieSecure(), cookieIdentity(), cookieBrowser(), cookieRefusal(),
		reuseReplay(), reuseRevokesFamily(), reuseThief(), reuseDepth(), reuseStaysDead(), reuseForgery(), reuseLeaves(),
		familyIsolation(), familyState(),
		graceAnswer(), graceTheft(), graceCloses(), graceLife(),
		policyLogin(), policyRotation(), policyReuse(), policyLogout(), policyAccess(),
		raceRefresh(), raceReplay(), raceLogout(), raceSessions(),
		expiryStated(), expiryAccess(), expiryRefresh(), expirySliding(), expiryFixed(), expiryReplay(), expiryLogout(), expiryAbsolute(),
		logoutEnds(), logoutAlone(), logoutIdempotent(), logoutStale(), logoutIsolation(), logoutClears(), logoutFinal(), logoutDuplicates(),
		httpAnswers(), httpSecrecy(), httpCaching(), httpOneAnswer(), httpMethods(), httpCrossSite(), httpCORS(), httpOddCookies(), httpSteady(),
		outageRefresh(), outageLogout(), outageReplay(),
		storageTokens(), storagePasswords(),
		adminDisable(), adminPassword(), adminUnderWay(), adminTiming(),
		operationsRestart(), operationsReplicas(), operationsLimit(), operationsLogs(),
	})
}

// CatalogueDigest identifies the catalogue: the first 12 hex digits of a hash over every story's and check's ID and level.
func CatalogueDigest() string {
	h := sha256.New()
	for _, s := range Scenarios() {
		fmt.Fprintf(h, "%s %s\n", s.ID, s.Level)
		for _, c := range s.Checks {
			fmt.Fprintf(h, "%s/%s %s\n", s.ID, c.Slug, s.level(c))
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

func (s Scenario) level(c Check) Level {
	if c.Level != "" {
		return c.Level
	}
	return s.Level
}

func (s Scenario) check(slug string) (Check, bool) {
	for _, c := range s.Checks {
		if c.Slug == slug {
			return c, true
		}
	}
	return Check{}, false
}
