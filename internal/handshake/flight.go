package handshake

import (
	"bytes"
	"crypto/tls"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// phase is how far both sides have come together; it is named for what has come or what must come next.
type phase uint8

const (
	awaitClientHello phase = iota
	awaitServerHello
	awaitSecondClientHello // after a HelloRetryRequest
	awaitSecondServerHello

	// Up to TLS 1.2, what follows.
	afterServerHello // a full handshake or a resumed one
	afterCertificate
	afterCertificateStatus
	afterServerKeyExchange
	afterCertificateRequest
	awaitClientCertificate
	awaitClientKeyExchange
	awaitCertificateVerify
	awaitClientChangeCipherSpec
	afterClientChangeCipherSpec
	afterNewSessionTicket
	resumedAfterTicket
	resumedAwaitClient
	complete
)

// step is a message that may come, and the phase after it.
type step struct {
	message uint8
	after   phase
}

// steps has for each phase which side sends next, and what; what is not here is out of place. TLS 1.3 ends at its ServerHello, and
// a HelloRetryRequest and a client certificate that was given change the phase once more.
var steps = [complete + 1]struct {
	from Direction
	may  []step
}{
	awaitClientHello:       {FromClient, []step{{typeClientHello, awaitServerHello}}},
	awaitServerHello:       {FromServer, []step{{typeServerHello, afterServerHello}}},
	awaitSecondClientHello: {FromClient, []step{{typeClientHello, awaitSecondServerHello}}},
	awaitSecondServerHello: {FromServer, []step{{typeServerHello, complete}}},

	// A full handshake (RFC 5246, section 7.3) begins with the server's certificate, a resumed one (RFC 5077, section 3.1) does not.
	afterServerHello: {FromServer, []step{
		{typeCertificate, afterCertificate},
		{typeNewSessionTicket, resumedAfterTicket},
		{typeChangeCipherSpec, resumedAwaitClient},
	}},
	afterCertificate: {FromServer, []step{
		{typeCertificateStatus, afterCertificateStatus},
		{typeServerKeyExchange, afterServerKeyExchange},
		{typeCertificateRequest, afterCertificateRequest},
		{typeServerHelloDone, awaitClientKeyExchange},
	}},
	afterCertificateStatus: {FromServer, []step{
		{typeServerKeyExchange, afterServerKeyExchange},
		{typeCertificateRequest, afterCertificateRequest},
		{typeServerHelloDone, awaitClientKeyExchange},
	}},
	afterServerKeyExchange: {FromServer, []step{
		{typeCertificateRequest, afterCertificateRequest},
		{typeServerHelloDone, awaitClientKeyExchange},
	}},
	afterCertificateRequest:     {FromServer, []step{{typeServerHelloDone, awaitClientCertificate}}},
	awaitClientCertificate:      {FromClient, []step{{typeCertificate, awaitClientKeyExchange}}},
	awaitClientKeyExchange:      {FromClient, []step{{typeClientKeyExchange, awaitClientChangeCipherSpec}}},
	awaitCertificateVerify:      {FromClient, []step{{typeCertificateVerify, awaitClientChangeCipherSpec}}},
	awaitClientChangeCipherSpec: {FromClient, []step{{typeChangeCipherSpec, afterClientChangeCipherSpec}}},
	afterClientChangeCipherSpec: {FromServer, []step{
		{typeNewSessionTicket, afterNewSessionTicket},
		{typeChangeCipherSpec, complete},
	}},
	afterNewSessionTicket: {FromServer, []step{{typeChangeCipherSpec, complete}}},
	resumedAfterTicket:    {FromServer, []step{{typeChangeCipherSpec, resumedAwaitClient}}},
	resumedAwaitClient:    {FromClient, []step{{typeChangeCipherSpec, complete}}},
}

// next is the phase after a message, which is not ok if it is out of place.
func (p phase) next(d Direction, typ uint8) (after phase, ok bool) {
	now := &steps[p]
	if now.from != d {
		return 0, false
	}
	for _, s := range now.may {
		if s.message == typ {
			return s.after, true
		}
	}
	return 0, false
}

// begin judges whether a message may come now.
func (w *Watcher) begin(d Direction, typ uint8) error {
	if typ == typeHelloRequest && d == FromServer {
		return nil // it is skipped wherever it comes (RFC 5246, section 7.4.1.1)
	}
	_, ok := w.phase.next(d, typ)
	switch {
	case w.phase == afterServerHello && d == FromServer &&
		(typ == typeServerKeyExchange || typ == typeCertificateRequest || typ == typeServerHelloDone):
		return reason.New(reason.ServerCertificateMissing, "host", w.cfg.Host)
	case !ok, typ == typeNewSessionTicket && !w.ticketAcked, typ == typeCertificateStatus && !w.statusAcked:
		return unexpected(d, typeName(typ))
	}
	return nil
}

// finish takes the step to the next phase when a message has come to its end without fault.
func (w *Watcher) finish(d Direction, typ uint8) error {
	if typ == typeHelloRequest {
		return nil
	}
	w.phase, _ = w.phase.next(d, typ) // which begin has found
	w.debugMessage(d, typ)
	switch {
	case typ == typeServerHelloDone:
		return w.serverHelloDone()
	case typ == typeCertificateRequest:
		w.asked = true
	case typ == typeClientKeyExchange && w.seen.Certificate.Visibility == Visible:
		w.phase = awaitCertificateVerify
	}
	return nil
}

// clientHello judges the first ClientHello or the second.
func (w *Watcher) clientHello(body []byte) error {
	if err := w.take(len(body)); err != nil {
		return err
	}
	h, err := parseClientHello(bytes.Clone(body))
	if err != nil {
		return err
	}
	if w.phase == awaitSecondClientHello {
		err = w.secondClientHello(&h)
	} else {
		err = w.firstClientHello(&h)
	}
	if err != nil {
		return err
	}
	w.forgetHello()
	w.hello = h
	return w.finish(FromClient, typeClientHello)
}

func (w *Watcher) firstClientHello(h *clientHello) error {
	if err := w.checkOffered(h); err != nil {
		return err
	}
	if err := w.checkServerName(h); err != nil {
		return err
	}
	w.earlyData = h.earlyData
	switch {
	case !h.earlyData:
		return nil
	case w.cfg.ClientCertificate == Required:
		return reason.New(reason.ClientCertificateEarlyData)
	case w.cfg.MaxVersion < tls.VersionTLS13:
		return reason.New(reason.TLSEarlyDataLost, "version", tls.VersionName(w.cfg.MaxVersion))
	}
	return nil
}

// secondClientHello compares a second ClientHello with the first, as far as it matters here (RFC 8446, section 4.1.2).
func (w *Watcher) secondClientHello(h *clientHello) error {
	first := &w.hello
	switch {
	case h.named != first.named || canonicalName(h.serverName) != canonicalName(first.serverName):
		return reason.New(reason.ServerNameChanged)
	case h.earlyData:
		return invalidClientHello("early data in the second one")
	case !bytes.Equal(h.session, first.session):
		return invalidClientHello("another session id than in the first one")
	}
	return nil
}

func (w *Watcher) forgetHello() {
	w.give(len(w.hello.body))
	w.hello = clientHello{}
}

// serverHello judges a ServerHello or HelloRetryRequest; rest bytes follow it in its record.
func (w *Watcher) serverHello(body []byte, rest int) error {
	h, err := parseServerHello(body)
	if err != nil {
		return err
	}
	if err := w.checkPickedVersion(&h); err != nil {
		return err
	}
	if err := w.checkPicked(&h); err != nil {
		return err
	}
	if w.seen.Version == tls.VersionTLS13 {
		return w.serverHello13(&h, rest)
	}
	return w.serverHello12(&h)
}

// checkPicked compares what the server picks, other than the version, with what the client has offered.
func (w *Watcher) checkPicked(h *serverHello) error {
	offer := &w.hello
	switch {
	case !offer.offersSuite(h.suite):
		return notOffered("the cipher suite " + tls.CipherSuiteName(h.suite))
	case bytes.IndexByte(offer.compressions, h.compression) < 0:
		return notOffered("the compression method " + limit(int(h.compression)))
	case h.alpn != nil && !offer.offersProtocol(h.alpn):
		return notOffered("an application protocol")
	}
	for rest := h.extensions; !rest.Empty(); {
		typ, _, ok := nextExtension(&rest)
		if !ok {
			return invalidServerHello("its extensions are cut")
		}
		if cookie := h.retry && typ == extCookie; !cookie && !offer.offersExtension(typ) {
			return notOffered("the extension " + limit(int(typ)))
		}
	}
	return nil
}

// serverHello13 is the last step of TLS 1.3 that can be seen, unless it is a HelloRetryRequest.
func (w *Watcher) serverHello13(h *serverHello, rest int) error {
	offer := &w.hello
	second := w.phase == awaitSecondServerHello
	switch {
	case !bytes.Equal(h.session, offer.session):
		return notOffered("a session id")
	case h.suite>>8 != suites13:
		return notOffered("a cipher suite of another version for TLS 1.3")
	case h.compression != 0:
		return invalidServerHello("compression in TLS 1.3")
	case second && h.retry:
		return unexpected(FromServer, "a second HelloRetryRequest")
	case second && h.suite != w.retrySuite:
		return notOffered("another cipher suite than in its HelloRetryRequest")
	}
	w.seen.CipherSuite = h.suite
	w.seen.Certificate = Shown{Visibility: Encrypted}
	if err := w.judge(); err != nil {
		return err
	}
	if h.retry {
		return w.helloRetryRequest(h)
	}
	switch {
	case !h.shared && !h.psk:
		return invalidServerHello("neither key_share nor pre_shared_key")
	case h.shared && !offer.offersShare(h.group):
		return notOffered("the key share of group " + limit(int(h.group)))
	case h.psk && int(h.identity) >= offer.identities:
		return notOffered("a pre-shared key")
	case rest > 0:
		return invalidServerHello("its record does not end with it")
	}
	w.seen.Resumed = h.psk
	w.phase = complete
	w.debugMessage(FromServer, typeServerHello)
	w.debug("Server-side passed verification")
	w.verify()
	w.close(FromClient)
	w.close(FromServer)
	return nil
}

func (w *Watcher) helloRetryRequest(h *serverHello) error {
	switch {
	case !h.shared && !h.cookie:
		return invalidServerHello("a HelloRetryRequest that changes nothing")
	case h.shared && (!contains(w.hello.groups, h.group) || w.hello.offersShare(h.group)):
		return notOffered("the group " + limit(int(h.group)) + " for a second hello")
	}
	w.retrySuite = h.suite
	w.phase = awaitSecondClientHello
	w.debug("[TLS][Handshake] <HelloRetryRequest")
	return nil
}

// serverHello12 begins what is visible up to TLS 1.2.
func (w *Watcher) serverHello12(h *serverHello) error {
	switch {
	case w.phase == awaitSecondServerHello:
		return notOffered("another version than in its HelloRetryRequest")
	case h.retry || h.supported != 0 || h.shared || h.psk:
		return invalidServerHello("parts of TLS 1.3 in another version")
	case h.suite>>8 == suites13:
		return notOffered("a cipher suite of TLS 1.3 for another version")
	case w.earlyData:
		return reason.New(reason.TLSEarlyDataLost, "version", tls.VersionName(w.seen.Version))
	case w.clientCCS:
		return unexpected(FromClient, typeName(typeChangeCipherSpec))
	case h.uncheckable:
		return reason.New(reason.TLSNotCheckable, "what", "certificates of another kind than X.509")
	}
	w.seen.CipherSuite, w.seen.ALPN = h.suite, string(h.alpn)
	w.ticketAcked, w.statusAcked = h.ticket, h.status
	w.noteSession(h)
	w.forgetHello()
	return w.finish(FromServer, typeServerHello)
}

func (w *Watcher) serverHelloDone() error {
	if w.asked {
		w.debug("Server-side passed verification")
		return nil
	}
	w.seen.Certificate = Shown{Visibility: NotAsked}
	if err := w.judge(); err != nil {
		return err
	}
	w.debug("Server-side passed verification")
	return nil
}

// changeCipherSpec takes the byte of such a record. In TLS 1.3 it means nothing and is sent to please middleboxes (RFC 8446,
// appendix D.4): by a client that offers 1.3, and by a server after its HelloRetryRequest.
func (w *Watcher) changeCipherSpec(d Direction, value byte) error {
	if value != 1 {
		return invalidRecord(d, "a ChangeCipherSpec that is not 1")
	}
	before := w.phase
	switch retried := before == awaitSecondClientHello || before == awaitSecondServerHello; {
	case d == FromClient && (retried || before == awaitServerHello && w.hello.offersVersion(tls.VersionTLS13)):
		w.clientCCS = true
		return nil
	case d == FromServer && retried:
		return nil
	}
	if err := w.begin(d, typeChangeCipherSpec); err != nil {
		return err
	}
	if before == afterServerHello {
		if err := w.resume(); err != nil {
			return err
		}
	}
	w.streams[d].advanced = true
	if err := w.finish(d, typeChangeCipherSpec); err != nil {
		return err
	}
	if d == FromServer {
		w.verify()
	}
	w.close(d)
	return nil
}

func (w *Watcher) debugMessage(d Direction, typ uint8) {
	switch {
	case w.cfg.Debug == nil || typ == typeChangeCipherSpec:
	case d == FromClient:
		w.debug("[TLS][Handshake] >" + typeName(typ))
	default:
		w.debug("[TLS][Handshake] <" + typeName(typ))
	}
}

func notOffered(what string) error { return reason.New(reason.TLSNotOffered, "what", what) }
