package handshake

import (
	"encoding/binary"
	"strconv"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Content types of records (RFC 8446, appendix B.1; RFC 6520).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplicationData  = 23
	recordHeartbeat        = 24
)

const (
	headerLength   = 5
	maxRecord      = 1 << 14         // in the clear
	maxEarlyRecord = maxRecord + 256 // encrypted, as early data is (RFC 8446, section 5.2)
)

// stream is the record layer of one direction. Payload is handed on as it comes; only the header is kept.
type stream struct {
	header [headerLength]byte
	have   int  // bytes of header; 0 between two records
	left   int  // payload bytes of the record that are still to come
	opaque bool // nothing more to watch

	records  int
	plain    int  // payload bytes
	idle     int  // records in a row that advanced nothing
	advanced bool // by the present record
	alerts   int

	alertLevel uint8 // of an alert whose description is still to come; else 0
	message    message
	buffer     []byte // what gather collects
}

// read takes a chunk apart into records, until the direction is opaque.
func (w *Watcher) read(d Direction, chunk []byte) error {
	s := &w.streams[d]
	for len(chunk) > 0 && !s.opaque {
		if s.have < headerLength {
			n := copy(s.header[s.have:], chunk)
			s.have += n
			chunk = chunk[n:]
			if err := w.checkHeader(d); err != nil {
				return err
			}
			continue
		}
		if w.state == Ended && s.header[0] != recordAlert {
			return ErrEnded
		}
		n := min(s.left, len(chunk))
		s.left -= n
		if err := w.payload(d, chunk[:n]); err != nil {
			return err
		}
		chunk = chunk[n:]
		if s.left == 0 && !s.opaque {
			if err := w.endRecord(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkHeader judges a record header as far as it has come, byte after byte, so that the cut makes no difference.
func (w *Watcher) checkHeader(d Direction) error {
	s := &w.streams[d]
	if w.state == Ended && s.header[0] != recordAlert {
		return ErrEnded
	}
	if d == FromClient && s.records == 0 {
		if wait, err := w.checkFirst(s); wait || err != nil {
			return err
		}
	} else if err := w.checkType(d, s.header[0]); err != nil {
		return err
	}
	if s.have >= 2 && s.header[1] != 3 {
		return invalidRecord(d, "its version is not one of TLS")
	}
	if s.have >= 3 {
		if err := w.checkVersion(d); err != nil {
			return err
		}
	}
	if s.have < headerLength {
		return nil
	}
	length := int(binary.BigEndian.Uint16(s.header[3:]))
	most := maxRecord
	if s.header[0] == recordApplicationData {
		most = maxEarlyRecord
	}
	switch {
	case length == 0:
		return invalidRecord(d, "it is empty")
	case length > most:
		return invalidRecord(d, "it is larger than "+limit(most)+" bytes")
	case s.header[0] == recordChangeCipherSpec && length != 1:
		return invalidRecord(d, "a ChangeCipherSpec that is not one byte")
	}
	if s.records++; s.records > maxRecords {
		return reason.New(reason.TLSHandshakeTooLarge, "side", d.String(), "limit", limit(maxRecords), "unit", "records")
	}
	if s.plain += length; s.plain > maxPlain {
		return reason.New(reason.TLSHandshakeTooLarge, "side", d.String(), "limit", limit(maxPlain), "unit", "bytes")
	}
	s.left, s.advanced = length, false
	return nil
}

// checkFirst judges what a client begins with: a handshake record, a hello in the format of SSL 2 (two bytes of length with the
// first bit set, then the type 1; RFC 5246, appendix E.2) or something else. It may have to wait for more.
func (w *Watcher) checkFirst(s *stream) (wait bool, err error) {
	switch {
	case s.header[0] == recordHandshake && (s.have < 2 || s.header[1] == 3):
		if s.have >= 3 && s.header[2] >= 1 && s.header[2] <= 3 {
			w.legacy = binary.BigEndian.Uint16(s.header[1:])
		}
		return false, nil
	case s.header[0]&0x80 != 0 && s.have < 3:
		return true, nil
	case s.header[0]&0x80 != 0 && s.header[2] == 1:
		return false, reason.New(reason.SSL2NotAllowed)
	}
	return false, reason.New(reason.TLSNotSpoken, "problem", "the client does not begin with a handshake record")
}

// checkType judges whether a record of that type may come now.
func (w *Watcher) checkType(d Direction, typ uint8) error {
	s := &w.streams[d]
	if d == FromServer && w.phase == awaitClientHello {
		client := &w.streams[FromClient]
		if silent := client.records == 0 && client.have == 0; silent || typ != recordAlert {
			return reason.New(reason.TLSServerFirst)
		}
	}
	if s.alertLevel != 0 && typ != recordAlert {
		return invalidRecord(d, "it comes within an alert")
	}
	switch typ {
	case recordHandshake, recordAlert:
		return nil
	case recordChangeCipherSpec:
		if s.message.have == 0 {
			return nil
		}
		return unexpected(d, "ChangeCipherSpec")
	case recordApplicationData:
		refused := w.phase == awaitServerHello || w.phase == awaitSecondClientHello
		if d == FromClient && w.earlyData && refused && s.message.have == 0 {
			return nil
		}
		return unexpected(d, "application data")
	case recordHeartbeat:
		return unexpected(d, "a heartbeat")
	}
	return invalidRecord(d, "its type "+limit(int(typ))+" is not one of TLS")
}

// checkVersion holds the records after the ServerHello to its version, as clients do up to TLS 1.2. Since the ServerHello alone
// names the version, a single byte could otherwise show another one than both sides use.
func (w *Watcher) checkVersion(d Direction) error {
	s := &w.streams[d]
	if d == FromServer && w.phase > awaitSecondServerHello && s.header[0] != recordAlert &&
		binary.BigEndian.Uint16(s.header[1:]) != w.seen.Version {
		return invalidRecord(d, "its version is not that of the ServerHello")
	}
	return nil
}

func (w *Watcher) payload(d Direction, fragment []byte) error {
	s := &w.streams[d]
	switch s.header[0] {
	case recordHandshake:
		return w.messages(d, fragment)
	case recordAlert:
		return w.alert(d, fragment)
	case recordChangeCipherSpec:
		return w.changeCipherSpec(d, fragment[0])
	}
	s.advanced = true // early data, which maxPlain bounds
	return nil
}

func (w *Watcher) endRecord(d Direction) error {
	s := &w.streams[d]
	s.have = 0
	if s.advanced {
		s.idle = 0
		return nil
	}
	if s.idle++; s.idle > maxIdle {
		return reason.New(reason.TLSNoProgress, "side", d.String(), "limit", limit(maxIdle))
	}
	return nil
}

func invalidRecord(d Direction, problem string) error {
	return reason.New(reason.TLSRecordInvalid, "side", d.String(), "problem", problem)
}

func limit(n int) string { return strconv.Itoa(n) }
