package handshake

import (
	"encoding/binary"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Alert descriptions (RFC 8446, section 6) that a Refusal tells the client; the last one is read from either side.
const (
	AlertBadCertificate   = 42
	AlertAccessDenied     = 49
	AlertDecodeError      = 50
	AlertProtocolVersion  = 70
	AlertUnrecognizedName = 112
	alertCloseNotify      = 0
)

const (
	levelWarning = 1
	levelFatal   = 2
)

// Events of a Refusal.
const (
	// EventCertificate: the client's certificate is not allowed.
	EventCertificate = 105
	// EventSession: TLS of a kind that is not let through, or that cannot be checked.
	EventSession = 106
	// EventParse: no TLS, or a handshake that cannot be followed.
	EventParse = 402
)

// Refusal says why a session must not go on. It carries a reason.
type Refusal struct {
	Event int           // EventCertificate, EventSession or EventParse
	Alert uint8         // the description to send
	Err   *reason.Error // reason and text

	record []byte
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap is the *reason.Error.
func (r *Refusal) Unwrap() error { return r.Err }

// AlertRecord is the fatal alert to send to the client before both sides are closed, 7 bytes. It is nil if the client could not
// read it: because it has had the server's ChangeCipherSpec, or what it has had ends within a record. All chunks of the server
// that were not refused must have been written before it.
func (r *Refusal) AlertRecord() []byte { return r.record }

// refuse ends the watch.
func (w *Watcher) refuse(err *reason.Error) error {
	event, alert := classify(err.Reason)
	w.refusal = &Refusal{Event: event, Alert: alert, Err: err}
	if w.clear {
		record := binary.BigEndian.AppendUint16([]byte{recordAlert}, w.legacy)
		w.refusal.record = append(record, 0, 2, levelFatal, alert)
	}
	w.state = Refused
	w.drop()
	return w.refusal
}

// classify is the event and the alert of a reason.
func classify(r reason.Reason) (event int, alert uint8) {
	switch r {
	case reason.ClientCertificateNotAllowed:
		return EventCertificate, AlertAccessDenied
	case reason.ClientCertificateNotGiven:
		return EventSession, AlertBadCertificate
	case reason.SSL2NotAllowed, reason.TLSVersionNotAllowed, reason.TLSDraftNotAllowed, reason.TLSEarlyDataLost,
		reason.ClientCertificateEncrypted, reason.ClientCertificateEarlyData:
		return EventSession, AlertProtocolVersion
	case reason.ServerNameNotAllowed, reason.ServerNameMissing, reason.ServerNameChanged:
		return EventSession, AlertUnrecognizedName
	case reason.TLSNotOffered, reason.TLSNotCheckable, reason.TLSHandshakeTimeout, reason.TLSTooMuchCollected,
		reason.ServerCertificateMissing, reason.ClientCertificateNotAsked, reason.ClientCertificateResumed:
		return EventSession, AlertAccessDenied
	default:
		return EventParse, AlertDecodeError
	}
}

// alert takes the bytes of an alert, which may be cut anywhere.
func (w *Watcher) alert(d Direction, fragment []byte) error {
	s := &w.streams[d]
	for _, b := range fragment {
		if s.alertLevel == 0 {
			if b != levelWarning && b != levelFatal {
				return invalidRecord(d, "an alert with an unknown level")
			}
			s.alertLevel = b
			continue
		}
		level := s.alertLevel
		s.alertLevel = 0
		if level == levelFatal || b == alertCloseNotify {
			if w.state == Pending {
				w.state = Ended
				w.drop()
			}
			continue
		}
		if s.warnings++; s.warnings > maxWarnings {
			return reason.New(reason.TLSTooManyWarnings, "side", d.String(), "limit", limit(maxWarnings))
		}
	}
	return nil
}
