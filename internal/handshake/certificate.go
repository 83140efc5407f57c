package handshake

import (
	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Requirement says what is asked of the client's certificate.
type Requirement uint8

const (
	// Off judges no certificate.
	Off Requirement = iota
	// IfShown judges a certificate that can be seen.
	IfShown
	// Required refuses a session in which none can be seen, too.
	Required
)

// certificateList reads the body of a Certificate message (RFC 5246, section 7.4.2) as it comes.
type certificateList struct {
	length [3]byte // of the list, then of each certificate
	have   int     // bytes of length
	known  bool    // whether the length of the list has come
	list   int     // bytes of the list behind the present certificate
	size   int     // of the present certificate
	left   int     // bytes of it that are still to come
	count  int     // of certificates, the present one included
}

// certificate takes a fragment of a Certificate message. The leaf of the client's is collected and judged, all the rest skipped.
func (w *Watcher) certificate(d Direction, fragment []byte, last bool) error {
	c := &w.certificates
	s := &w.streams[d]
	for len(fragment) > 0 {
		if c.left == 0 {
			n := copy(c.length[c.have:], fragment)
			c.have += n
			fragment = fragment[n:]
			if c.have == len(c.length) {
				if err := c.next(d, s.message.length()); err != nil {
					return err
				}
			}
			continue
		}
		n := min(c.left, len(fragment))
		if d == FromClient && c.count == 1 {
			if err := w.leaf(s, fragment[:n]); err != nil {
				return err
			}
		}
		c.left -= n
		fragment = fragment[n:]
	}
	if !last {
		return nil
	}
	whole := c.known && c.list == 0 && c.left == 0 && c.have == 0
	count := c.count
	*c = certificateList{}
	switch {
	case !whole:
		return invalidMessage(d, typeCertificate, "it is cut")
	case count > 0:
		return nil
	case d == FromServer:
		return reason.New(reason.ServerCertificateMissing, "host", w.cfg.Host)
	}
	w.seen.Certificate = Shown{Visibility: NotGiven}
	return w.judge()
}

// next takes the length that has come: of the list in a message of total bytes, or of a certificate.
func (c *certificateList) next(d Direction, total int) error {
	n := int(c.length[0])<<16 | int(c.length[1])<<8 | int(c.length[2])
	c.have = 0
	if !c.known {
		c.known, c.list = true, n
		if n != total-len(c.length) {
			return invalidMessage(d, typeCertificate, "its list does not end with it")
		}
		return nil
	}
	c.count++
	c.size, c.left = n, n
	c.list -= len(c.length) + n
	switch {
	case n == 0 || c.list < 0:
		return invalidMessage(d, typeCertificate, "a certificate in it is empty or does not end with it")
	case d == FromClient && c.count == 1 && n > maxLeaf:
		return reason.New(reason.TLSMessageTooLarge, "side", d.String(), "message", "first certificate", "limit", limit(maxLeaf))
	}
	return nil
}

// leaf takes a fragment of the client's certificate, and judges it once it is whole.
func (w *Watcher) leaf(s *stream, fragment []byte) error {
	c := &w.certificates
	der, err := w.gather(s, fragment, c.left, c.size)
	if err != nil || len(fragment) < c.left {
		return err
	}
	w.seen.Certificate = Shown{Visibility: Visible, Certificate: clientcert.Parse(der)}
	w.empty(s)
	return w.judge()
}

// judge applies the requirement to what is known of the client's certificate.
func (w *Watcher) judge() error {
	shown := w.seen.Certificate
	switch {
	case w.cfg.ClientCertificate == Off:
		return nil
	case shown.Visibility == Visible:
		if w.cfg.AllowedCertificate != nil && w.cfg.AllowedCertificate(shown.Certificate) {
			return nil
		}
		return reason.New(reason.ClientCertificateNotAllowed, "subject", shown.Certificate.Subject)
	case w.cfg.ClientCertificate == IfShown:
		return nil
	case w.seen.Resumed:
		return reason.New(reason.ClientCertificateResumed)
	case shown.Visibility == NotAsked:
		return reason.New(reason.ClientCertificateNotAsked, "host", w.cfg.Host)
	case shown.Visibility == NotGiven:
		return reason.New(reason.ClientCertificateNotGiven, "host", w.cfg.Host)
	}
	return reason.New(reason.ClientCertificateEncrypted)
}
