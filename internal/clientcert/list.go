package clientcert

// List is a set of entries, ready to be matched. It is never changed, and nil is an empty one.
type List struct {
	entries [kinds]map[string]string // by kind and key: the entry as it was given
}

// Compile reads the entries of a list. The error names the first that cannot be read; it carries a reason.
func Compile(entries []string) (*List, error) {
	l := &List{}
	for _, text := range entries {
		e, err := ParseEntry(text)
		if err != nil {
			return nil, err
		}
		if l.entries[e.kind] == nil {
			l.entries[e.kind] = map[string]string{}
		}
		for _, key := range e.keys {
			l.entries[e.kind][key] = e.text
		}
	}
	return l, nil
}

// Match reports whether c is in the list, and the entry because of which. Its cost depends on the number of c's CNs, not on the
// length of the list.
func (l *List) Match(c *Certificate) (entry string, ok bool) {
	if l == nil || c == nil {
		return "", false
	}
	if entry, ok = l.entries[kindSHA256][string(c.SHA256[:])]; ok {
		return entry, true
	}
	if entry, ok = l.entries[kindSHA1][string(c.SHA1[:])]; ok {
		return entry, true
	}
	var room [128]byte
	for _, name := range c.CommonNames {
		if entry, ok = l.entries[kindCommonName][string(appendFolded(room[:0], name))]; ok {
			return entry, true
		}
	}
	if c.key == "" {
		return "", false
	}
	entry, ok = l.entries[kindSubject][c.key]
	return entry, ok
}
