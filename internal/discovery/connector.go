package discovery

import (
	"strings"
	"unicode"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// connector is the registry key of a workspace of the Microsoft Monitoring Agent, with the values that are read of it. The shared
// key, which is there too, is not.
type connector struct {
	name       string // of the key
	url        string // "Topology Request Url"
	thumbprint string // "Authentication Certificate Thumbprint", "" if there is none
}

// The names of the keys and values, as the agent writes them.
const (
	connectorPrefix = "Log Analytics - "
	valueURL        = "Topology Request Url"
	valueThumbprint = "Authentication Certificate Thumbprint"
)

// parseConnector learns from the key of a workspace. Keys of other connectors have nothing to learn.
func parseConnector(place string, c connector) *finding {
	f := &finding{place: place}
	name, ok := strings.CutPrefix(c.name, connectorPrefix)
	if !ok {
		return f
	}
	workspace, ok := workspaceID(name)
	if !ok {
		f.ignore(reason.New(reason.LearnedWorkspaceInvalid, "place", place, "value", shown(name)))
		return f
	}
	if c.url != "" {
		if host, ok := f.learnURL(c.url, workspace); ok {
			if domain, ok := strings.CutPrefix(host.Name(), workspace+".oms."); ok {
				f.learnWorkspace(workspace, domain)
			}
			f.learnName(contentHost, "")
		}
	}
	thumbprint := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == ' ' { // Cf: marks that a copied thumbprint begins with
			return -1
		}
		return r
	}, c.thumbprint)
	if thumbprint != "" && f.learnCertificate("sha1:"+thumbprint, workspace) {
		f.learnCertificate(workspace, workspace) // the CN that the certificates of all agents of a workspace share
	}
	return f
}
