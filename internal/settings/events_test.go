package settings_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// A change of many hosts, or client certificates, is told in one event, and recorded with a line for each.
func TestManyItemsAreToldInOneEvent(t *testing.T) {
	events := &recorder{}
	s := open(t, settings.Options{Dir: t.TempDir(), Events: events})
	change := func(hosts, certificates int) func(*config.Config) error {
		return func(c *config.Config) error {
			c.AllowedHosts, c.AllowedClientCertificates = nil, nil
			for i := range hosts {
				c.AddHosts(config.AllowedHost{Pattern: pattern(t, fmt.Sprintf("h%d.example.com", i))})
			}
			for i := range certificates {
				c.AddClientCertificates(certificate(t, fmt.Sprintf("agent %d", i)))
			}
			return c.Settings.Set("DrainSeconds", fmt.Sprint(hosts))
		}
	}
	update(t, s, change(100, 100))
	if got := len(events.take()); got != 201 {
		t.Errorf("%d events of 100 hosts, 100 certificates and a setting", got)
	}
	events.recorded = nil
	update(t, s, change(201, 250))
	want := []string{
		`Setting DrainSeconds was changed from "100" to "201" by test`,
		"Allowed hosts were changed by test: 101 were added, 0 were removed, and 0 have another client certificate policy. " +
			"The log of changes has a line for each",
		"Allowed client certificates were changed by test: 150 were added, and 0 were removed. The log of changes has a line for each",
	}
	if diff := cmp.Diff(want, events.take()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := len(events.recorded); got != 253 {
		t.Errorf("%d lines were recorded", got)
	}
}
