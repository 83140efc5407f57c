package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// maxSaved bounds what a file has of the events, in bytes: of more only the newest are kept.
const maxSaved = 8 << 20

// fileOfEvents is a file whose body has the events of the rings, the oldest first. Numbers are big-endian. An event is: sequence (8
// bytes), time in nanoseconds since 1970 (8), id (2), level (1), connection (8), then texts, each with its length before it (2): kind,
// component, text, reason, who has changed something; and the number of fields (1) with name and value of each.
var fileOfEvents = atomicfile.Sealed{Header: "omsgateway events 1\n", MaxBody: maxSaved}

// Load puts the events of a file of Save before those that there are; the hub must not have loaded one before. That there is no file is no
// error. After an error the events are as they were, and the next Save replaces the file. Only the process that alone writes the file may
// call it.
func (h *Hub) Load(path string) error {
	body, err := fileOfEvents.Read(path)
	var former []*Event
	if err == nil {
		former, err = decodeEvents(body)
	}
	if err != nil {
		return fmt.Errorf("reading the events before the start from %s, which is replaced later: %w", path, err)
	}
	if len(former) == 0 {
		return nil
	}
	h.saving.Lock()
	defer h.saving.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	last := former[len(former)-1].Sequence
	rings := newRings()
	for _, e := range former {
		rings.add(e)
	}
	if h.sequence == 0 {
		h.saved = last
	}
	for _, e := range h.rings.events() {
		later := *e // others may have it
		later.Sequence += last
		rings.add(&later)
	}
	h.rings, h.sequence = rings, h.sequence+last
	return nil
}

// Save writes the file, if there was an event since the last Save. It has mode 0600, on Windows the descriptor of its folder.
func (h *Hub) Save(path string) error {
	h.saving.Lock()
	defer h.saving.Unlock()
	h.mu.Lock()
	kept, sequence := h.rings.events(), h.sequence
	h.mu.Unlock()
	if sequence == h.saved {
		return nil
	}
	if err := fileOfEvents.Write(path, encodeEvents(kept)); err != nil {
		return fmt.Errorf("saving the events in %s: %w", path, err)
	}
	h.saved = sequence
	return nil
}

// encodeEvents has the newest events that there is room for.
func encodeEvents(events []*Event) []byte {
	var encoded [][]byte
	size := 0
	for _, e := range slices.Backward(events) {
		one := e.encode()
		if size += len(one); size > maxSaved {
			break
		}
		encoded = append(encoded, one)
	}
	slices.Reverse(encoded)
	return slices.Concat(encoded...)
}

func (e *Event) encode() []byte {
	data := binary.BigEndian.AppendUint64(nil, uint64(e.Sequence))
	data = binary.BigEndian.AppendUint64(data, uint64(e.Time.UnixNano()))
	data = binary.BigEndian.AppendUint16(data, uint16(e.ID))
	data = append(data, byte(e.Level))
	data = binary.BigEndian.AppendUint64(data, uint64(e.Connection))
	for _, text := range []string{string(e.Kind), string(e.Component), e.Text, string(e.Reason), e.changedBy} {
		data = appendText(data, text)
	}
	fields := e.Fields[:min(len(e.Fields), 255)]
	data = append(data, byte(len(fields)))
	for _, f := range fields {
		data = appendText(appendText(data, f.Name), f.Value)
	}
	return data
}

func appendText(data []byte, text string) []byte {
	text = text[:min(len(text), 1<<16-1)] // a hub has cut it long before
	return append(binary.BigEndian.AppendUint16(data, uint16(len(text))), text...)
}

// decodeEvents returns exactly what encodeEvents has written, or an error.
func decodeEvents(body []byte) ([]*Event, error) {
	in := cryptobyte.String(body)
	var events []*Event
	before := int64(0)
	for !in.Empty() {
		e, ok := readEvent(&in)
		if !ok || e.Sequence <= before {
			return nil, fmt.Errorf("event %d cannot be read: %w", len(events)+1, errForm)
		}
		events, before = append(events, e), e.Sequence
	}
	return events, nil
}

var errForm = errors.New("it has another form")

func readEvent(in *cryptobyte.String) (*Event, bool) {
	var sequence, nanoseconds, connection uint64
	var id uint16
	var level, fields uint8
	var kind, component, text, why, changedBy string
	if !in.ReadUint64(&sequence) || !in.ReadUint64(&nanoseconds) || !in.ReadUint16(&id) || !in.ReadUint8(&level) ||
		!in.ReadUint64(&connection) || !readTexts(in, &kind, &component, &text, &why, &changedBy) || !in.ReadUint8(&fields) ||
		Level(level) < Error || Level(level) > Debug || sequence>>62 != 0 {
		return nil, false
	}
	e := &Event{
		Sequence: int64(sequence), Time: time.Unix(0, int64(nanoseconds)), Kind: Kind(kind), ID: ID(id), Level: Level(level),
		Component: Component(component), Connection: int64(connection), Text: text, Reason: reason.Reason(why), changedBy: changedBy,
	}
	for range fields {
		var f Field
		if !readTexts(in, &f.Name, &f.Value) {
			return nil, false
		}
		e.Fields = append(e.Fields, f)
	}
	return e, true
}

func readTexts(in *cryptobyte.String, texts ...*string) bool {
	for _, text := range texts {
		var read cryptobyte.String
		if !in.ReadUint16LengthPrefixed(&read) {
			return false
		}
		*text = string(read)
	}
	return true
}
