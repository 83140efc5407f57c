package handshake

import (
	"crypto/tls"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Extensions (IANA, TLS ExtensionType Values) that are read, or that change the messages that follow.
const (
	extServerName            = 0
	extStatusRequest         = 5
	extCertificateType       = 9 // RFC 6091
	extSupportedGroups       = 10
	extALPN                  = 16
	extStatusRequestV2       = 17
	extClientCertificateType = 19 // RFC 7250
	extServerCertificateType = 20 // RFC 7250
	extCachedInfo            = 25 // RFC 7924
	extSessionTicket         = 35
	extPreSharedKey          = 41
	extEarlyData             = 42
	extSupportedVersions     = 43
	extCookie                = 44
	extKeyShare              = 51
	extRenegotiationInfo     = 0xff01
)

const (
	suiteRenegotiation = 0x00ff // TLS_EMPTY_RENEGOTIATION_INFO_SCSV
	suiteFallback      = 0x5600 // TLS_FALLBACK_SCSV
	suites13           = 0x13   // the first byte of those of TLS 1.3 (RFC 8446, appendix B.4)
)

const (
	randomLength  = 32
	maxSessionID  = 32
	maxServerName = 255 // as OpenSSL bounds it; a DNS name has at most 253
)

// retryRandom is the random of a HelloRetryRequest (RFC 8446, section 4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// clientHello is a ClientHello (RFC 8446, section 4.1.2) as far as the ServerHello is compared with it. Its parts are slices of
// body.
type clientHello struct {
	body         []byte
	version      uint16
	session      []byte
	suites       cryptobyte.String
	compressions []byte
	extensions   cryptobyte.String

	named      bool
	serverName []byte
	versions   cryptobyte.String // of supported_versions; empty without it
	groups     cryptobyte.String
	shares     cryptobyte.String
	alpn       cryptobyte.String
	ticket     []byte
	identities int // of pre_shared_key
	earlyData  bool
	last       uint16 // the type of the last extension
}

// parseClientHello reads a ClientHello. Errors carry a reason.
func parseClientHello(body []byte) (clientHello, error) {
	h := clientHello{body: body}
	var random []byte
	var session, compressions cryptobyte.String
	in := cryptobyte.String(body)
	switch {
	case !in.ReadUint16(&h.version) || !in.ReadBytes(&random, randomLength):
		return h, invalidClientHello("it is cut")
	case !in.ReadUint8LengthPrefixed(&session) || len(session) > maxSessionID:
		return h, invalidClientHello("its session id")
	case !in.ReadUint16LengthPrefixed(&h.suites) || len(h.suites) == 0 || len(h.suites)%2 != 0:
		return h, invalidClientHello("its cipher suites")
	case !in.ReadUint8LengthPrefixed(&compressions) || len(compressions) == 0:
		return h, invalidClientHello("its compression methods")
	}
	h.session, h.compressions = session, compressions
	if in.Empty() {
		return h, nil
	}
	if !in.ReadUint16LengthPrefixed(&h.extensions) || !in.Empty() {
		return h, invalidClientHello("its extensions do not end with it")
	}
	err := eachExtension(h.extensions, invalidClientHello, h.readExtension)
	switch {
	case err != nil:
		return h, err
	case h.identities > 0 && h.last != extPreSharedKey:
		return h, invalidClientHello("pre_shared_key is not the last extension")
	case h.identities == 0 && h.earlyData:
		return h, invalidClientHello("early data without pre_shared_key")
	}
	return h, nil
}

func (h *clientHello) readExtension(typ uint16, data cryptobyte.String) error {
	h.last = typ
	ok := true
	switch typ {
	case extServerName:
		h.named = true
		return h.readServerName(data)
	case extSupportedGroups:
		ok = data.ReadUint16LengthPrefixed(&h.groups) && len(h.groups) > 0 && len(h.groups)%2 == 0 && data.Empty()
	case extALPN:
		filled := func(name []byte) bool { return len(name) > 0 }
		ok = data.ReadUint16LengthPrefixed(&h.alpn) && data.Empty() && !h.alpn.Empty() && eachPrefixed(h.alpn, filled)
	case extSessionTicket:
		h.ticket = data
	case extPreSharedKey:
		ok = h.readPreSharedKey(data)
	case extEarlyData:
		h.earlyData = true
		ok = data.Empty()
	case extSupportedVersions:
		ok = data.ReadUint8LengthPrefixed(&h.versions) && len(h.versions) > 0 && len(h.versions)%2 == 0 && data.Empty()
	case extKeyShare:
		ok = data.ReadUint16LengthPrefixed(&h.shares) && data.Empty() && eachShare(h.shares, func(uint16) bool { return true })
	}
	if !ok {
		return invalidClientHello("its extension " + limit(int(typ)))
	}
	return nil
}

// readServerName reads a ServerNameList (RFC 6066, section 3), of which only host_name is defined.
func (h *clientHello) readServerName(data cryptobyte.String) error {
	var list, name cryptobyte.String
	var typ uint8
	invalid := func(problem string) error { return reason.New(reason.ServerNameInvalid, "problem", problem) }
	if !data.ReadUint16LengthPrefixed(&list) || !data.Empty() || !list.ReadUint8(&typ) || !list.ReadUint16LengthPrefixed(&name) {
		return invalid("its list is cut")
	}
	switch {
	case typ != 0:
		return invalid("it is of an unknown type")
	case !list.Empty() && list[0] == 0:
		return invalid("there are two")
	case !list.Empty():
		return invalid("something follows that is of an unknown type")
	case len(name) == 0 || string(name) == ".":
		return invalid("it is empty")
	case len(name) > maxServerName:
		return invalid("it is longer than " + limit(maxServerName) + " bytes")
	}
	for _, b := range name {
		if b <= ' ' || b >= 0x7f {
			return invalid("it has a character that no host name has")
		}
	}
	h.serverName = name
	return nil
}

// readPreSharedKey counts the identities (RFC 8446, section 4.2.11).
func (h *clientHello) readPreSharedKey(data cryptobyte.String) bool {
	var identities, identity, binders cryptobyte.String
	var age uint32
	if !data.ReadUint16LengthPrefixed(&identities) || !data.ReadUint16LengthPrefixed(&binders) || !data.Empty() {
		return false
	}
	for !identities.Empty() {
		if !identities.ReadUint16LengthPrefixed(&identity) || identity.Empty() || !identities.ReadUint32(&age) {
			return false
		}
		h.identities++
	}
	count := 0
	return eachPrefixed(binders, func([]byte) bool { count++; return true }) && count == h.identities && count > 0
}

// offersExtension reports whether the client allows the server to answer with that extension.
func (h *clientHello) offersExtension(typ uint16) bool {
	for rest := h.extensions; !rest.Empty(); {
		if offered, _, ok := nextExtension(&rest); !ok || offered == typ {
			return ok
		}
	}
	return typ == extRenegotiationInfo && contains(h.suites, suiteRenegotiation)
}

// offersVersion reports whether the server may pick version. Without supported_versions a client offers all up to its own.
func (h *clientHello) offersVersion(version uint16) bool {
	if h.versions.Empty() {
		return version >= tls.VersionTLS10 && version <= min(h.version, tls.VersionTLS12)
	}
	return contains(h.versions, version)
}

// offersSuite reports whether the server may pick suite.
func (h *clientHello) offersSuite(suite uint16) bool {
	return suite != suiteRenegotiation && suite != suiteFallback && contains(h.suites, suite)
}

// offersShare reports whether the client has sent a key share of group.
func (h *clientHello) offersShare(group uint16) bool {
	return !eachShare(h.shares, func(offered uint16) bool { return offered != group })
}

// offersProtocol reports whether name is in the client's ALPN list.
func (h *clientHello) offersProtocol(name []byte) bool {
	return !eachPrefixed(h.alpn, func(offered []byte) bool { return string(offered) != string(name) })
}

// serverHello is a ServerHello or a HelloRetryRequest.
type serverHello struct {
	version     uint16
	retry       bool
	session     []byte
	suite       uint16
	compression uint8
	extensions  cryptobyte.String

	supported   uint16 // of supported_versions; 0 without it
	group       uint16 // of key_share
	shared      bool   // it has a key_share
	identity    uint16 // of pre_shared_key
	psk         bool   // it has a pre_shared_key
	cookie      bool
	alpn        []byte
	ticket      bool // a NewSessionTicket will follow
	status      bool // a CertificateStatus may follow
	uncheckable bool // certificates will not be as RFC 5246 has them
}

// parseServerHello reads a ServerHello. Errors carry a reason.
func parseServerHello(body []byte) (serverHello, error) {
	var h serverHello
	var random []byte
	var session cryptobyte.String
	in := cryptobyte.String(body)
	switch {
	case !in.ReadUint16(&h.version) || !in.ReadBytes(&random, randomLength):
		return h, invalidServerHello("it is cut")
	case !in.ReadUint8LengthPrefixed(&session) || len(session) > maxSessionID:
		return h, invalidServerHello("its session id")
	case !in.ReadUint16(&h.suite) || !in.ReadUint8(&h.compression):
		return h, invalidServerHello("it is cut")
	}
	h.session, h.retry = session, string(random) == retryRandom
	if in.Empty() {
		return h, nil
	}
	if !in.ReadUint16LengthPrefixed(&h.extensions) || !in.Empty() {
		return h, invalidServerHello("its extensions do not end with it")
	}
	return h, eachExtension(h.extensions, invalidServerHello, h.readExtension)
}

func (h *serverHello) readExtension(typ uint16, data cryptobyte.String) error {
	ok := true
	switch typ {
	case extSupportedVersions:
		ok = data.ReadUint16(&h.supported) && h.supported != 0 && data.Empty()
	case extKeyShare:
		var key cryptobyte.String
		h.shared = true
		ok = data.ReadUint16(&h.group) && (h.retry || data.ReadUint16LengthPrefixed(&key) && !key.Empty()) && data.Empty()
	case extPreSharedKey:
		h.psk = true
		ok = data.ReadUint16(&h.identity) && data.Empty()
	case extCookie:
		var cookie cryptobyte.String
		h.cookie = true
		ok = h.retry && data.ReadUint16LengthPrefixed(&cookie) && !cookie.Empty() && data.Empty()
	case extALPN:
		var list, name cryptobyte.String
		ok = data.ReadUint16LengthPrefixed(&list) && data.Empty() &&
			list.ReadUint8LengthPrefixed(&name) && list.Empty() && !name.Empty()
		h.alpn = name
	case extSessionTicket:
		h.ticket = true
		ok = data.Empty()
	case extStatusRequest, extStatusRequestV2:
		h.status = true
		ok = data.Empty()
	case extCertificateType, extClientCertificateType, extServerCertificateType:
		var certificate uint8
		ok = data.ReadUint8(&certificate) && data.Empty()
		h.uncheckable = h.uncheckable || certificate != 0 // 0 is X.509
	case extCachedInfo:
		h.uncheckable = true
	}
	if !ok {
		return invalidServerHello("its extension " + limit(int(typ)))
	}
	return nil
}

// eachExtension calls f for each extension; none may come twice.
func eachExtension(
	extensions cryptobyte.String, invalid func(problem string) error, f func(typ uint16, data cryptobyte.String) error,
) error {
	var seen [maxExtensions]uint16
	for count := 0; !extensions.Empty(); count++ {
		typ, data, ok := nextExtension(&extensions)
		switch {
		case !ok:
			return invalid("its extensions are cut")
		case count == maxExtensions:
			return invalid("it has more than " + limit(maxExtensions) + " extensions")
		case slices.Contains(seen[:count], typ):
			return invalid("its extension " + limit(int(typ)) + " comes twice")
		}
		seen[count] = typ
		if err := f(typ, data); err != nil {
			return err
		}
	}
	return nil
}

// nextExtension takes the first of a list of extensions off it.
func nextExtension(list *cryptobyte.String) (typ uint16, data cryptobyte.String, ok bool) {
	ok = list.ReadUint16(&typ) && list.ReadUint16LengthPrefixed(&data)
	return typ, data, ok
}

// eachPrefixed calls f for each part with a length of one byte before it, until f is false. It reports whether all were read.
func eachPrefixed(list cryptobyte.String, f func(part []byte) bool) bool {
	for !list.Empty() {
		var part cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&part) || !f(part) {
			return false
		}
	}
	return true
}

// eachShare calls f for the group of each KeyShareEntry, until f is false. It reports whether all were read.
func eachShare(list cryptobyte.String, f func(group uint16) bool) bool {
	for !list.Empty() {
		var group uint16
		var key cryptobyte.String
		if !list.ReadUint16(&group) || !list.ReadUint16LengthPrefixed(&key) || key.Empty() || !f(group) {
			return false
		}
	}
	return true
}

// contains reports whether a list of numbers of two bytes has value.
func contains(list cryptobyte.String, value uint16) bool {
	var v uint16
	for list.ReadUint16(&v) {
		if v == value {
			return true
		}
	}
	return false
}

func invalidClientHello(problem string) error {
	return invalidMessage(FromClient, typeClientHello, problem)
}

func invalidServerHello(problem string) error {
	return invalidMessage(FromServer, typeServerHello, problem)
}
