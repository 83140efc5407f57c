package usage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// kind is a file whose body has the number of entries that were used (4 bytes) and each of them, sorted, then each host that was
// refused, the one refused longest ago first. Numbers are big-endian. A text is its length (2 bytes) and its octets, a time the
// seconds since 1970 (8 bytes), an address 16 bytes, with IPv4 mapped to IPv6.
//
// A use is the pattern, the count (8 bytes), the times of the first and the last use. A refused host is host:port, the count (8
// bytes), the times of the first and the last refusal, the reason of the last one, the address of its bringer, the bitmap of its
// clients (64 bytes), the number of the last clients (1 byte) and their addresses, the latest last.
var kind = atomicfile.Sealed{
	Header:  "omsgateway usage 1\n",
	MaxBody: 4 + MaxUsed*(maxText+24) + MaxDenied*(2*maxText+24+64+1+16*(1+MaxClients)),
}

const (
	maxText     = 2 + len("*.") + 253 + len("[]:65535") // bytes of the longest pattern, target or reason
	secondsBits = 40
	countBits   = 62
)

// Load reads a file of Save into the memory, which must be new. That there is no file is no error. After an error the memory is
// empty and works, and the next Save of something replaces the file. Only the process that alone writes the file may call it.
func (m *Memory) Load(path string) error {
	body, err := kind.Read(path)
	if err == nil && body != nil {
		err = m.decode(body)
	}
	if err != nil {
		return fmt.Errorf("reading the use counts and refused hosts from %s, which is replaced later: %w", path, err)
	}
	return nil
}

// Save writes the file, if there was anything new since the last Save or Load. It has mode 0600, on Windows the descriptor of its
// folder. After an error the next Save tries again.
func (m *Memory) Save(path string) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	if !m.changed.Swap(false) {
		return nil
	}
	if err := kind.Write(path, m.encode()); err != nil {
		m.changed.Store(true)
		return fmt.Errorf("saving the use counts and refused hosts in %s: %w", path, err)
	}
	return nil
}

func (m *Memory) encode() []byte {
	return m.denied.encode(m.uses.encode())
}

func (u *uses) encode() []byte {
	all := u.sorted()
	data := binary.BigEndian.AppendUint32(nil, uint32(len(all)))
	for _, use := range all {
		data = appendText(data, use.pattern.String())
		data = appendNumbers(data, use.count.Load(), use.first, use.last.Load())
	}
	return data
}

func (d *denied) encode(data []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.byAge.Front(); e != nil; e = e.Next() {
		host := e.Value.(*denial)
		data = appendText(data, host.target.String())
		data = appendNumbers(data, host.count, host.first, host.last)
		data = appendText(data, string(host.reason))
		data = appendAddr(data, host.bringer.addr)
		for _, word := range host.clients.seen {
			data = binary.BigEndian.AppendUint64(data, word)
		}
		data = append(data, byte(len(host.clients.last)))
		for _, client := range host.clients.last {
			data = appendAddr(data, client)
		}
	}
	return data
}

func appendText(data []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(data, uint16(len(text))), text...)
}

func appendNumbers(data []byte, count, first, last int64) []byte {
	for _, n := range []int64{count, first, last} {
		data = binary.BigEndian.AppendUint64(data, uint64(n))
	}
	return data
}

func appendAddr(data []byte, addr netip.Addr) []byte {
	octets := addr.As16()
	return append(data, octets[:]...)
}

// decode fills an empty memory with exactly what encode makes of one, or leaves it empty.
func (m *Memory) decode(body []byte) error {
	in := cryptobyte.String(body)
	read := New()
	if err := read.uses.decode(&in); err != nil {
		return err
	}
	if err := read.denied.decode(&in); err != nil {
		return err
	}
	m.uses, m.denied = read.uses, read.denied
	return nil
}

func (u *uses) decode(in *cryptobyte.String) error {
	var count uint32
	if !in.ReadUint32(&count) || count > MaxUsed {
		return fmt.Errorf("it does not begin with a number of at most %d", MaxUsed)
	}
	var before hostname.Pattern
	for i := range count {
		pattern, made, ok := readUse(in)
		if !ok || i > 0 && before.Compare(pattern) >= 0 {
			return fmt.Errorf("entry %d cannot be read", i+1)
		}
		u.put(pattern, made)
		before = pattern
	}
	return nil
}

func readUse(in *cryptobyte.String) (pattern hostname.Pattern, made *use, ok bool) {
	text, ok := readText(in)
	if !ok {
		return pattern, nil, false
	}
	pattern, err := hostname.ParsePattern(text)
	if err != nil || pattern.String() != text {
		return pattern, nil, false
	}
	count, first, last, ok := readNumbers(in)
	return pattern, newUse(count, first, last), ok
}

func (d *denied) decode(in *cryptobyte.String) error {
	for n := 1; !in.Empty(); n++ {
		host, by, err := readDenial(in)
		switch {
		case err != nil:
			return fmt.Errorf("refused host %d cannot be read: %w", n, err)
		case d.hosts[host.target] != nil:
			return fmt.Errorf("refused host %d is there twice", n)
		case len(d.hosts) == MaxDenied:
			return fmt.Errorf("it has more than %d refused hosts", MaxDenied)
		}
		d.put(host, by)
	}
	return nil
}

var errFormat = errors.New("it has another form")

func readDenial(in *cryptobyte.String) (host *denial, by netip.Addr, err error) {
	text, ok := readText(in)
	if !ok {
		return nil, by, errFormat
	}
	target, err := hostname.ParseTarget(text)
	if err != nil || target.String() != text {
		return nil, by, errFormat
	}
	host = &denial{target: target}
	if host.count, host.first, host.last, ok = readNumbers(in); !ok {
		return nil, by, errFormat
	}
	why, ok := readText(in)
	if host.reason = reason.Reason(why); !ok || !isReason(why) {
		return nil, by, errFormat
	}
	if by, ok = readAddr(in); !ok || bringerOf(by) != by {
		return nil, by, errFormat
	}
	if host.clients, ok = readClients(in); !ok {
		return nil, by, errFormat
	}
	return host, by, nil
}

func readClients(in *cryptobyte.String) (c clients, ok bool) {
	for i := range c.seen {
		if !in.ReadUint64(&c.seen[i]) {
			return c, false
		}
	}
	var count uint8
	if !in.ReadUint8(&count) || count == 0 || count > MaxClients {
		return c, false
	}
	for range count {
		client, ok := readAddr(in)
		if !ok || slices.Contains(c.last, client) || !c.seen.has(client) {
			return c, false
		}
		c.last = append(c.last, client)
	}
	return c, true
}

// isReason reports whether text is spelled as reasons are. It may be one of another version.
func isReason(text string) bool {
	for _, c := range []byte(text) {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}

func readText(in *cryptobyte.String) (string, bool) {
	var text cryptobyte.String
	ok := in.ReadUint16LengthPrefixed(&text) && 2+len(text) <= maxText
	return string(text), ok
}

func readNumbers(in *cryptobyte.String) (count, first, last int64, ok bool) {
	var n [3]uint64
	for i := range n {
		if !in.ReadUint64(&n[i]) {
			return 0, 0, 0, false
		}
	}
	ok = n[0] > 0 && n[0]>>countBits == 0 && n[1]>>secondsBits == 0 && n[2]>>secondsBits == 0
	return int64(n[0]), int64(n[1]), int64(n[2]), ok
}

func readAddr(in *cryptobyte.String) (netip.Addr, bool) {
	var octets [16]byte
	ok := in.CopyBytes(octets[:])
	return netip.AddrFrom16(octets).Unmap(), ok
}
