package usage

// FairShare and Eldest are how room is made.
const (
	FairShare = fairShare
	Eldest    = eldest
)

// Encode and Decode are exported because the disk is too slow to fuzz Load and Save.
func (m *Memory) Encode() []byte           { return m.encode() }
func (m *Memory) Decode(body []byte) error { return m.decode(body) }
