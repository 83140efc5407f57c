package discovery

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// httpsPort is the only port that is learned.
const httpsPort = 443

// learnedKey is what stays the same while something is learned, whichever files say it.
type learnedKey struct{ what, agent, workspace string }

// merge makes one Reading of all findings, within the limits. What several places of an agent say for one workspace is there once,
// with the first of these places.
func (r *Reader) merge(s *search) *Reading {
	m := &merger{
		reading:    &Reading{At: s.now, On: true, Places: s.places},
		before:     r.first,
		first:      map[learnedKey]time.Time{},
		hosts:      map[hostname.Host]bool{},
		workspaces: map[agentWorkspace]bool{},
		fitting:    map[string]int{},
	}
	for _, err := range s.ignored {
		m.ignore(err)
	}
	for _, place := range slices.Sorted(maps.Keys(s.kept)) {
		m.add(s.kept[place])
	}
	r.first = m.first
	slices.SortStableFunc(m.reading.Entries, func(a, b policy.Entry) int { return a.Pattern.Compare(b.Pattern) })
	slices.SortFunc(m.reading.Places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Path, b.Path))
	})
	return m.reading
}

type merger struct {
	reading    *Reading
	before     map[learnedKey]time.Time
	first      map[learnedKey]time.Time
	hosts      map[hostname.Host]bool
	workspaces map[agentWorkspace]bool // whether they fit
	fitting    map[string]int          // workspaces, by agent
	overHosts  bool
}

type agentWorkspace struct{ agent, workspace string }

func (m *merger) add(k kept) {
	for _, h := range k.finding.hosts {
		if !m.workspaceFits(k, h.workspace) || !m.hostFits(k, h.host) {
			continue
		}
		if since, isNew := m.sinceOf(learnedKey{h.host.Name(), k.agent, h.workspace}); isNew {
			m.reading.Entries = append(m.reading.Entries, policy.Entry{
				Pattern: hostname.Pattern{Host: h.host, Port: httpsPort},
				Source:  source(k, h.workspace, since),
			})
		}
	}
	for _, c := range k.finding.certificates {
		if !m.workspaceFits(k, c.workspace) {
			continue
		}
		if since, isNew := m.sinceOf(learnedKey{c.entry.String(), k.agent, c.workspace}); isNew {
			m.reading.ClientCertificates = append(m.reading.ClientCertificates, ClientCertificate{c.entry, source(k, c.workspace, since)})
		}
	}
	m.reading.IgnoredLeftOut += k.finding.leftOut
	for _, err := range k.finding.ignored {
		m.ignore(err)
	}
}

func source(k kept, workspace string, since time.Time) policy.Source {
	particulars := []policy.Particular{{Name: Agent, Value: k.agent}, {Name: PlaceRead, Value: k.finding.place}}
	if workspace != "" {
		particulars = append(particulars, policy.Particular{Name: Workspace, Value: workspace})
	}
	return policy.Source{Kind: policy.Learned, Since: since, Particulars: particulars}
}

// sinceOf is since when something is learned; isNew is false if it is in this reading already.
func (m *merger) sinceOf(key learnedKey) (since time.Time, isNew bool) {
	if _, there := m.first[key]; there {
		return time.Time{}, false
	}
	since, before := m.before[key]
	if !before {
		since = m.reading.At
	}
	m.first[key] = since
	return since, true
}

func (m *merger) hostFits(k kept, host hostname.Host) bool {
	if m.hosts[host] {
		return true
	}
	if len(m.hosts) == maxHosts {
		if !m.overHosts {
			m.overHosts = true
			m.ignore(reason.New(reason.LearnedTooManyHosts, "place", k.finding.place, "limit", strconv.Itoa(maxHosts)))
		}
		return false
	}
	m.hosts[host] = true
	return true
}

func (m *merger) workspaceFits(k kept, workspace string) bool {
	if workspace == "" {
		return true
	}
	key := agentWorkspace{k.agent, workspace}
	fits, known := m.workspaces[key]
	if known {
		return fits
	}
	limit := workspacesOf(k.agent)
	if fits = m.fitting[k.agent] < limit; fits {
		m.fitting[k.agent]++
	} else {
		m.ignore(reason.New(reason.LearnedTooManyWorkspaces, "place", k.finding.place, "limit", strconv.Itoa(limit),
			"agent", k.agent, "workspace", workspace))
	}
	m.workspaces[key] = fits
	return fits
}

func (m *merger) ignore(err error) {
	if len(m.reading.Ignored) == maxIgnored {
		m.reading.IgnoredLeftOut++
		return
	}
	m.reading.Ignored = append(m.reading.Ignored, err)
}
