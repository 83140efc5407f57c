package discovery

import (
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// finding is what one file or registry key says.
type finding struct {
	place        string
	hosts        []foundHost
	certificates []foundCertificate
	clouds       clouds // of hosts
	ignored      []error
	leftOut      int // of ignored
}

type clouds [len(domainsOf)]bool

type foundHost struct {
	host      hostname.Host
	workspace string // "" if it is for all
}

type foundCertificate struct {
	entry     clientcert.Entry
	workspace string
}

// learnURL learns the host of a URL, for a workspace or for all of them (""). A blank one is none.
func (f *finding) learnURL(url, workspace string) (hostname.Host, bool) {
	if strings.TrimSpace(url) == "" {
		return hostname.Host{}, false
	}
	host, err := hostOf(url)
	if err != nil {
		f.ignore(reason.New(reason.LearnedURLInvalid, "place", f.place, "value", shownURL(url), "problem", err.Error()))
		return hostname.Host{}, false
	}
	return host, f.learn(host, workspace)
}

// learnName learns a name of the table of domains, or one below it that a workspace has.
func (f *finding) learnName(name, workspace string) {
	if host, err := hostname.ParseHost(name); err == nil {
		f.learn(host, workspace)
	}
}

// learn reports whether the host is one that may be learned.
func (f *finding) learn(host hostname.Host, workspace string) bool {
	where, ok := cloudOf(host)
	if !ok {
		f.ignore(reason.New(reason.LearnedHostForeign, "place", f.place, "host", host.Name()))
		return false
	}
	f.clouds[where] = true
	if len(f.hosts) <= maxHosts { // one more than may be learned, so that it is noticed
		f.hosts = append(f.hosts, foundHost{host, workspace})
	}
	return true
}

func (f *finding) learnCertificate(entry, workspace string) bool {
	e, err := clientcert.ParseEntry(entry)
	if err != nil {
		f.ignore(reason.New(reason.LearnedCertificate, "place", f.place, "problem", err.Error()))
		return false
	}
	f.certificates = append(f.certificates, foundCertificate{e, workspace})
	return true
}

func (f *finding) ignore(err error) {
	if slices.ContainsFunc(f.ignored, func(before error) bool { return before.Error() == err.Error() }) {
		return
	}
	if len(f.ignored) == maxIgnoredOf {
		f.leftOut++
		return
	}
	f.ignored = append(f.ignored, err)
}

// hostOf is the host that an agent's URL leads to. Only https at its usual port is what agents speak through the gateway.
func hostOf(url string) (hostname.Host, error) {
	url = strings.TrimSpace(url)
	const scheme = "https://"
	if len(url) < len(scheme) || !strings.EqualFold(url[:len(scheme)], scheme) {
		return hostname.Host{}, errors.New("it is no https URL")
	}
	authority := url[len(scheme):]
	if end := strings.IndexAny(authority, `/?#\`); end >= 0 {
		authority = authority[:end]
	}
	authority = strings.TrimSuffix(authority, ":443")
	switch {
	case strings.Contains(authority, "@"):
		return hostname.Host{}, errors.New("it has a user name")
	case strings.Contains(authority, ":"):
		return hostname.Host{}, errors.New("its port is not 443, or its host is an IP address")
	}
	host, err := hostname.ParseHost(strings.Clone(authority)) // a Host may share the memory of the whole file otherwise
	switch {
	case err != nil:
		return hostname.Host{}, errors.New("it has no host name that can be read")
	case host.IsAddr():
		return hostname.Host{}, errors.New("its host is an IP address")
	}
	return host, nil
}

var workspaceForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// workspaceID is the canonical spelling of a workspace's id, which is a GUID.
func workspaceID(s string) (string, bool) {
	id := strings.ToLower(strings.TrimSpace(s))
	return id, workspaceForm.MatchString(id)
}

// learnWorkspace learns what every workspace needs: ods and oms below domain, and the agent service of Azure Automation.
func (f *finding) learnWorkspace(workspace, domain string) {
	for where, names := range domainsOf {
		if strings.EqualFold(domain, names.opinsights) {
			f.learnName(workspace+".ods."+names.opinsights, workspace)
			f.learnName(workspace+".oms."+names.opinsights, workspace)
			f.learnName(workspace+".agentsvc."+names.automation, workspace)
			f.clouds[where] = true
			return
		}
	}
	f.ignore(reason.New(reason.LearnedHostForeign, "place", f.place, "host", shown(workspace+".ods."+domain)))
}

// learnSubject learns from an agent's client certificate, in PEM, what all agents of its workspace share: the CN that is the
// workspace's id.
func (f *finding) learnSubject(certificate []byte, workspace string) {
	block, rest := pem.Decode(certificate)
	for block != nil && block.Type != "CERTIFICATE" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		f.ignore(reason.New(reason.LearnedCertificate, "place", f.place, "problem", "the file has no certificate in PEM"))
		return
	}
	c := clientcert.Parse(block.Bytes)
	for _, name := range c.CommonNames {
		if id, ok := workspaceID(name); ok && id == workspace {
			f.learnCertificate(workspace, workspace)
			return
		}
	}
	f.ignore(reason.New(reason.LearnedCertificate, "place", f.place,
		"problem", fmt.Sprintf("no CN of %s is the workspace %s", shown(c.Subject), workspace)))
}

// shownURL is the scheme and the authority of a URL, for a person; what may be secret is left out.
func shownURL(url string) string {
	scheme, rest, found := strings.Cut(strings.TrimSpace(url), "://")
	if !found {
		scheme, rest = "", scheme
	} else {
		scheme += "://"
	}
	if end := strings.IndexAny(rest, `/?#\`); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = "***" + rest[at:]
	}
	return shown(scheme + rest)
}

// shown is something that was read, cut and cleaned for a person.
func shown(s string) string { return printable.Typed(s, 120) }
