package demand

// Encode and Decode are exported because the disk is too slow to fuzz Load and Save.
func (m *Memory) Encode() []byte           { return m.encode() }
func (m *Memory) Decode(body []byte) error { return m.decode(body) }
