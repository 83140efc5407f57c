package handshake

import (
	"encoding/binary"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Levels of an alert, and the description that ends a direction (RFC 8446, section 6).
const (
	levelWarning     = 1
	levelFatal       = 2
	alertCloseNotify = 0
)

// Refusal says why a session must not go on. It carries a reason.
type Refusal struct {
	Err *reason.Error // reason and text; the reason says which event and alert

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
	w.refusal = &Refusal{Err: err}
	if w.clear {
		record := binary.BigEndian.AppendUint16([]byte{recordAlert}, w.legacy)
		w.refusal.record = append(record, 0, 2, levelFatal, byte(err.Reason.Alert()))
	}
	w.state = Refused
	w.drop()
	return w.refusal
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
		if s.alerts++; s.alerts > maxAlerts {
			return reason.New(reason.TLSTooManyWarnings, "side", d.String(), "limit", limit(maxAlerts))
		}
		if level == levelFatal || b == alertCloseNotify {
			if w.state == Pending {
				w.state = Ended
				w.drop()
			}
		}
	}
	return nil
}
