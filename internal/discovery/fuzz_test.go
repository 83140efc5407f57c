package discovery_test

import (
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/hostname"
)

// result is what all parsers answer.
type result interface {
	Hosts() []string
	Certificates() []string
	Ignored() []error
}

// wantSafe checks what must hold whatever an agent's file has: only names of Azure's monitoring services, no wildcard, bounded, and
// no control character in any text.
func wantSafe(t *testing.T, r result, err error) {
	t.Helper()
	if err != nil {
		if strings.ContainsFunc(err.Error(), isControl) {
			t.Errorf("error %q", err)
		}
		return
	}
	if len(r.Hosts()) > 1001 || len(r.Ignored()) > 20 || len(r.Certificates()) > 1 {
		t.Errorf("%d hosts, %d ignored, %d certificates", len(r.Hosts()), len(r.Ignored()), len(r.Certificates()))
	}
	for _, name := range r.Hosts() {
		host, err := hostname.ParseHost(name)
		if err != nil || host.Name() != name || host.IsAddr() {
			t.Errorf("%q is no canonical name: %v", name, err)
		}
		if _, ok := discovery.CloudOf(host); !ok {
			t.Errorf("%s is no name of a monitoring service", name)
		}
	}
	for _, entry := range r.Certificates() {
		if _, err := clientcert.ParseEntry(entry); err != nil || strings.Contains(entry, "=") {
			t.Errorf("entry %q: %v", entry, err)
		}
	}
	for _, err := range r.Ignored() {
		if strings.ContainsFunc(err.Error(), isControl) || len(err.Error()) > 2000 {
			t.Errorf("ignored %q", err)
		}
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func FuzzChunk(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := discovery.ParseChunk("place", data)
		wantSafe(t, r, err)
	})
}

func FuzzOnboarding(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := discovery.ParseOnboarding("place", workspace, data)
		wantSafe(t, r, err)
	})
}

func FuzzCertificate(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := discovery.ParseCertificate("place", workspace, data)
		wantSafe(t, r, err)
	})
}

func FuzzConnector(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, url, thumbprint string) {
		r := discovery.ReadConnectors("place", discovery.Connector{Name: name, URL: url, Thumbprint: thumbprint})
		for _, e := range r.Entries {
			if _, ok := discovery.CloudOf(e.Pattern.Host); !ok || e.Pattern.Wildcard || e.Pattern.Port != 443 {
				t.Errorf("%s is no name of a monitoring service", e.Pattern)
			}
		}
		for _, c := range r.ClientCertificates {
			if text := c.Entry.String(); text != c.Source.Particular(discovery.Workspace) && !strings.HasPrefix(text, "sha1:") {
				t.Errorf("entry %q", text)
			}
		}
		for _, err := range r.Ignored {
			if strings.ContainsFunc(err.Error(), isControl) {
				t.Errorf("ignored %q", err)
			}
		}
	})
}
