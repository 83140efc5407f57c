package setup

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
)

// addedBy is who has added what was taken over.
const addedBy = "setup"

// Original is what setup has saved of an original OMS gateway, in the spelling of the original's cmdlets. The password of its relay
// proxy cannot be read from there.
type Original struct {
	Version                   int      `json:"version"` // 1
	ListenPort                string   `json:"listenPort"`
	LogLevel                  string   `json:"logLevel"`
	RelayProxy                string   `json:"relayProxy"` // address
	AllowedHosts              []string `json:"allowedHosts"`
	AllowedClientCertificates []string `json:"allowedClientCertificates"`
}

// ReadOriginal reads the file that setup writes (packaging/msi/original.ps1).
func ReadOriginal(file []byte) (Original, error) {
	var o Original
	if err := json.Unmarshal(file, &o, json.RejectUnknownMembers(true)); err != nil {
		return Original{}, fmt.Errorf("reading what was saved from the original: %w", err)
	}
	if o.Version != 1 {
		return Original{}, fmt.Errorf("reading what was saved from the original: version %d is unknown to this program", o.Version)
	}
	return o, nil
}

// Change puts into c what the original had, each added now, and returns a text for people about what was taken over and what was not:
// the original was less strict.
func (o Original) Change(c *config.Config, now time.Time) (report string) {
	var taken, left []string
	leave := func(what, value string, err error) { left = append(left, fmt.Sprintf("%s %q (%s)", what, value, err)) }
	for _, s := range []struct{ key, value string }{{"ListenPort", o.ListenPort}, {"LogLevel", o.LogLevel}} {
		if s.value == "" {
			continue
		}
		if err := c.Settings.Set(s.key, s.value); err != nil {
			leave(s.key, s.value, err)
			continue
		}
		taken = append(taken, s.key+" "+c.Settings.Get(s.key))
	}
	if o.RelayProxy != "" {
		if relay, err := config.NewRelayProxy(o.RelayProxy, "", ""); err != nil {
			left = append(left, fmt.Sprintf("relay proxy (%s)", err)) // the address may have a password in it
		} else {
			c.RelayProxy = relay
			taken = append(taken, "relay proxy "+relay.Address.String()+" (if it needs a password, set it again)")
		}
	}
	var hosts []config.AllowedHost
	for _, text := range o.AllowedHosts {
		pattern, err := hostname.ParsePattern(text)
		if err != nil {
			leave("allowed host", text, err)
			continue
		}
		hosts = append(hosts, config.AllowedHost{Pattern: pattern, AddedAt: now, AddedBy: addedBy})
	}
	addedHosts := count(c.AddHosts(hosts...))
	var certificates []config.AllowedClientCertificate
	for _, text := range o.AllowedClientCertificates {
		entry, err := clientcert.ParseEntry(text)
		if err != nil {
			leave("allowed client certificate", text, err)
			continue
		}
		certificates = append(certificates, config.AllowedClientCertificate{Entry: entry, AddedAt: now, AddedBy: addedBy})
	}
	addedCertificates := count(c.AddClientCertificates(certificates...))
	taken = append(taken, fmt.Sprintf("%d allowed hosts", addedHosts), fmt.Sprintf("%d allowed client certificates", addedCertificates))
	report = "Taken over from the original OMS Gateway: " + strings.Join(taken, ", ")
	if len(left) > 0 {
		report += "; not taken over: " + strings.Join(left, "; ")
	}
	return report
}

func count(added []bool) (n int) {
	for _, yes := range added {
		if yes {
			n++
		}
	}
	return n
}
