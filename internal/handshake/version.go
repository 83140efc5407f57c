package handshake

import (
	"crypto/tls"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// draftVersions is the first byte of the numbers that drafts of TLS 1.3 had (draft-ietf-tls-tls13-28, section 4.2.1).
const draftVersions = 0x7f

// checkOffered judges whether a client offers any version that may be picked.
func (w *Watcher) checkOffered(h *clientHello) error {
	for _, version := range [...]uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		if version >= w.cfg.MinVersion && version <= w.cfg.MaxVersion && h.offersVersion(version) {
			return nil
		}
	}
	best := uint16(0)
	if h.versions.Empty() {
		best = min(h.version, tls.VersionTLS12)
	}
	var version uint16
	for rest := h.versions; rest.ReadUint16(&version); {
		if version>>8 == draftVersions {
			return reason.New(reason.TLSDraftNotAllowed, "side", FromClient.String(), "version", tls.VersionName(version))
		}
		if version <= tls.VersionTLS13 { // others are no versions (RFC 8701)
			best = max(best, version)
		}
	}
	return w.versionNotAllowed(FromClient, best)
}

// checkPickedVersion finds the version that a ServerHello picks, and judges it.
func (w *Watcher) checkPickedVersion(h *serverHello) error {
	version := h.version
	if h.supported != 0 {
		version = h.supported
	}
	switch {
	case version>>8 == draftVersions:
		return reason.New(reason.TLSDraftNotAllowed, "side", FromServer.String(), "version", tls.VersionName(version))
	case version < w.cfg.MinVersion || version > w.cfg.MaxVersion:
		return w.versionNotAllowed(FromServer, version)
	case !w.hello.offersVersion(version):
		return notOffered(tls.VersionName(version))
	case version == tls.VersionTLS13 && (h.supported != version || h.version != tls.VersionTLS12):
		return invalidServerHello("its version")
	}
	w.seen.Version, w.legacy = version, h.version
	return nil
}

func (w *Watcher) versionNotAllowed(d Direction, version uint16) error {
	return reason.New(reason.TLSVersionNotAllowed, "side", d.String(), "version", tls.VersionName(version),
		"minimum", tls.VersionName(w.cfg.MinVersion), "maximum", tls.VersionName(w.cfg.MaxVersion))
}
