// Package discovery reads what the monitoring agents on this computer are configured to reach, so that the gateway can allow it
// without anybody typing it. It only reads: the Azure Monitor Agent, the OMS agent (Linux) and the Microsoft Monitoring Agent
// (Windows) know nothing of it.
//
// Who may write an agent's configuration decides what is learned. Therefore only names that Azure's monitoring services have are
// learned, everything is bounded, and no link is followed.
package discovery

import (
	"slices"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// The particulars of what is learned.
const (
	Agent     = "agent"     // whose configuration has it
	PlaceRead = "place"     // the file or registry key that it was read from
	Workspace = "workspace" // to which the agent sends; there is none if it is for all
)

// Limits of one reading.
const (
	maxFile       = 1 << 20  // bytes of a file
	maxTotal      = 16 << 20 // bytes of all files together
	maxFiles      = 1000     // also elements of a folder, and folders that are searched
	maxName       = 128      // bytes of the name of a file or folder; no agent gives a longer one
	maxHosts      = 1000
	maxIgnored    = 100 // that are kept of a reading; the rest is counted
	maxIgnoredOf  = 20  // that are kept of one place
	maxWorkspaces = 10  // of an agent
	maxConnectors = 4   // workspaces of the Microsoft Monitoring Agent
)

// Reading is what was found at one time. It is never changed.
type Reading struct {
	At      time.Time
	On      bool           // LearnHosts; if it is off, nothing was read
	Places  []Place        // everywhere that agents are looked for
	Entries []policy.Entry // sorted by pattern; one host may be there for several agents and workspaces
	// ClientCertificates are what the agents of the learned workspaces show.
	ClientCertificates []ClientCertificate
	// Ignored has an error for each thing that was read and is not learned, with a LEARNED_ reason; IgnoredLeftOut is how many
	// more there were.
	Ignored        []error
	IgnoredLeftOut int
}

// Place is a file, folder or registry key.
type Place struct {
	Agent   string
	Path    string
	State   State
	ReadAt  time.Time // when it was read last; zero if it never was
	Version string    // of the agent, such as 8.0.18053.0; empty if that is not known
	Err     error     // of one that could not be read, with a LEARNED_ reason: what was learned from it before stays
}

// State is what became of a place in a reading.
type State int

// The states.
const (
	Missing State = iota + 1 // the agent is not there
	Empty                    // the agent is there, without configuration
	Read
	Failed
)

// ClientCertificate is an entry for the list of allowed client certificates.
type ClientCertificate struct {
	Entry  clientcert.Entry
	Source policy.Source
}

// AgentFound reports whether there is any agent on this computer.
func (r *Reading) AgentFound() bool {
	return slices.ContainsFunc(r.Places, func(p Place) bool { return p.State != Missing })
}

// Hosts is the number of different hosts.
func (r *Reading) Hosts() int {
	n := 0
	for i, e := range r.Entries { // sorted
		if i == 0 || e.Pattern != r.Entries[i-1].Pattern {
			n++
		}
	}
	return n
}

// Reader reads again and again, and remembers what it needs when a place cannot be read. It is not safe for concurrent use.
type Reader struct {
	agents []osdefaults.AgentFiles
	now    func() time.Time
	kept   map[string]kept          // by place
	first  map[learnedKey]time.Time // since when something is learned
}

// kept is the last good finding of a place.
type kept struct {
	agent   string
	finding *finding
	readAt  time.Time
}

// NewReader makes a Reader for agents at these places.
func NewReader(agents []osdefaults.AgentFiles, now func() time.Time) *Reader {
	return &Reader{agents: agents, now: now, kept: map[string]kept{}, first: map[learnedKey]time.Time{}}
}

// Read reads everything once. Problems are in the Reading.
func (r *Reader) Read() *Reading { return r.read(func(string, string) {}) }

// read calls watch for each folder before it looks into it, with the name of the one element that matters there, "" for any.
func (r *Reader) read(watch func(folder, name string)) *Reading {
	s := &search{reader: r, now: r.now(), watch: watch, kept: map[string]kept{}}
	for _, row := range table() {
		for _, files := range r.agents {
			if files.Kind == row.kind {
				row.read(s, row.agent, files)
			}
		}
	}
	s.defaultChunks()
	r.kept = s.kept
	return r.merge(s)
}
