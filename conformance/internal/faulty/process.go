package faulty

import (
	"crypto/rand"
	"sync"
	"time"
)

// process is what only one process knows: a restart forgets it and a replica has its own. The healthy server keeps nothing there.
type process struct {
	alone sync.Mutex           // held by a refresh that believes that there is no other process
	alive map[string]time.Time // families that a refresh found good, and when
	spent map[tokenHash]bool   // tokens that it rotated
	over  map[string]reason    // families that it ended
}

func newProcess() *process {
	return &process{alive: map[string]time.Time{}, spent: map[tokenHash]bool{}, over: map[string]reason{}}
}

// Replica returns a second process on the same database: the same users, sessions and keys.
func (s *Server) Replica() *Server {
	r := *s
	r.process = newProcess()
	if s.has("op-process-local-state") {
		r.database = &database{users: s.users, families: map[string]*family{}, memory: newMemory()}
	}
	if s.has("at-nbf-iat-in-future/skewed-replica") {
		r.clock = func() time.Time { return s.clock().Add(-3 * time.Second) }
	}
	r.routes = r.makeRoutes()
	return &r
}

// Restart ends the process and starts it anew: what is in the database stays.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.alive)
	clear(s.spent)
	clear(s.over)
	if s.has("op-process-local-state") {
		clear(s.families)
	}
	if s.has("op-process-local-state/signing-key") {
		s.accessKey = []byte(rand.Text() + rand.Text())
	}
	for _, f := range s.families {
		switch {
		case s.has("op-process-local-state/evidence"):
			f.evidence = f.generation
		case s.has("family-revocation-not-persistent/restart") && f.ended == byReuse,
			s.has("op-process-local-state/logouts") && f.ended == byLogout:
			f.ended = ""
		}
	}
}

// behind reports whether this process does not see yet what another wrote, under the fault that reads from a copy.
func (s *Server) behind(f *family, now time.Time) bool {
	return s.has("op-replica-lag-unknown-token") && f.writer != s.process && now.Sub(f.written) < s.window
}

// believed is what a process makes of a genuine token of which it keeps by itself whether it was rotated, and perhaps whether its family has
// ended, under the faults that keep it there.
func (s *Server) believed(f *family, hash tokenHash, live bool, ended reason) (bool, reason) {
	switch {
	case s.has("op-process-local-state/rotations"):
		return !s.spent[hash], ended
	case s.has("op-process-local-state/revocations"):
		return !s.spent[hash], s.over[f.id]
	case s.has("op-revocation-cache-stale") && ended != "":
		if seen, ok := s.alive[f.id]; ok && s.clock().Sub(seen) < cacheTime {
			return live, ""
		}
	}
	return live, ended
}

// cacheTime is for how long a process believes its cache, under the fault that has one.
const cacheTime = time.Minute

func processFaults() []Fault {
	return []Fault{
		{Name: "op-process-local-state", What: "sessions are kept in the process: a restart ends them all, and no replica knows another's", Needs: Restart},
		{Name: "op-process-local-state/signing-key", What: "the key of access tokens is made at each start", Needs: Restart},
		{Name: "op-process-local-state/rotations", What: "which tokens were rotated is kept in the process: after a restart they are good again", Needs: Restart},
		{Name: "op-process-local-state/logouts", What: "logouts are kept in the process: a restart takes them back", Needs: Restart},
		{Name: "op-process-local-state/evidence", What: "a token that was rotated before a restart ends nothing when it comes back", Needs: Restart},
		{Name: "op-process-local-state/revocations", What: "each process keeps by itself which tokens were rotated and which sessions ended, and takes what else is signed for live", Needs: Replicas},
		{Name: "family-revocation-not-persistent/restart", What: "families that ended by reuse are kept in the process: a restart brings them back", Needs: Restart},
		{Name: "op-revocation-cache-stale", What: "a process that saw a session alive believes it for a minute, whatever another process did", Needs: Replicas},
		{Name: "op-replica-lag-unknown-token", What: "refreshes read a copy of the database that is some milliseconds late", Needs: Replicas},
		{Name: "op-mixed-version-rollout", What: "a replica of another version takes the tokens of the first one for rotated", Needs: Replicas},
		{Name: "conc-process-local-lock", What: "refreshes take turns within a process, and race with those of another", Needs: Replicas},
		{Name: "at-nbf-iat-in-future/skewed-replica", What: "access tokens have nbf, and the clock of a replica is 3 seconds late", Needs: Replicas},
	}
}
