package handshake

import (
	"net/netip"
	"strings"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// checkServerName judges the server name of the first ClientHello against the host that the tunnel was opened for.
func (w *Watcher) checkServerName(h *clientHello) error {
	if !h.named {
		if w.cfg.RequireServerName {
			return reason.New(reason.ServerNameMissing, "host", w.cfg.Host)
		}
		w.debug("Client sends no SNI")
		return nil
	}
	name := canonicalName(h.serverName)
	if name == w.cfg.Host {
		name = w.cfg.Host // which is kept already
	}
	w.seen.ServerName = name
	if w.cfg.Debug != nil {
		w.debug("Client SNI: " + name)
	}
	if !w.allowedName(name) {
		return reason.New(reason.ServerNameNotAllowed, "name", name, "host", w.cfg.Host)
	}
	w.debug("Client SNI is verified")
	return nil
}

// allowedName reports whether name is that of the tunnel, or allowed itself. An IP literal is no server name (RFC 6066,
// section 3), but some clients send one: it must be that of the tunnel.
func (w *Watcher) allowedName(name string) bool {
	if name == w.cfg.Host {
		return true
	}
	if strings.HasSuffix(name, ".") {
		return false // it had more than one final dot, which no name has, and whoever is asked might drop another
	}
	if address, err := netip.ParseAddr(name); err == nil {
		host, err := netip.ParseAddr(w.cfg.Host)
		return err == nil && address == host
	}
	return w.cfg.AllowedName != nil && w.cfg.AllowedName(name)
}

// canonicalName is a name of ASCII in lower case and without a final dot.
func canonicalName(name []byte) string {
	return strings.ToLower(strings.TrimSuffix(string(name), "."))
}
