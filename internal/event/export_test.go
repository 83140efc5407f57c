package event

// Encode is what Save writes, without the disk, which is too slow to fuzz.
func Encode(h *Hub) []byte { return encodeEvents(h.rings.events()) }

// Reencoded is what becomes of events that are read and written again.
func Reencoded(body []byte) ([]byte, error) {
	events, err := decodeEvents(body)
	return encodeEvents(events), err
}
