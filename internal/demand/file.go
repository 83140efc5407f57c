package demand

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/hostname"
)

// kind is a file whose body has when counting began and when a host was forgotten for the last time, the day of each slot, and each host,
// sorted. Numbers are big-endian with 8 bytes each, unless said otherwise. A host is host:port, with its length before it (2 bytes), the
// requests in each slot (4 bytes each), the time of the last one, and its clients.
var kind = atomicfile.Sealed{
	Header:  "omsgateway demand 1\n",
	MaxBody: 8*(2+Days) + MaxHosts*(maxText+4*Days+8+8*words),
}

const maxText = 2 + 253 + len("[]:65535") // bytes of the longest target

// Load reads a file of Save into the memory, which must be new. That there is no file is no error. After an error the memory is empty and
// works, and the next Save of something replaces the file. Only the process that alone writes the file may call it.
func (m *Memory) Load(path string) error {
	body, err := kind.Read(path)
	if err == nil && body != nil {
		err = m.decode(body)
	}
	if err != nil {
		return fmt.Errorf("reading what clients asked for from %s, which is replaced later: %w", path, err)
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
		return fmt.Errorf("saving what clients asked for in %s: %w", path, err)
	}
	return nil
}

// encode keeps nobody waiting while it sorts and writes. If a day ends meanwhile it begins again, so that no slot is of two days.
func (m *Memory) encode() []byte {
	for {
		m.mu.RLock()
		all, days, began, forgotten := m.list(), m.days, m.began, m.forgotten
		m.mu.RUnlock()
		slices.SortFunc(all, func(a, b known) int { return compare(a.target, b.target) })
		data := binary.BigEndian.AppendUint64(nil, uint64(began))
		data = binary.BigEndian.AppendUint64(data, uint64(forgotten))
		for _, of := range days {
			data = binary.BigEndian.AppendUint64(data, uint64(of))
		}
		for _, h := range all {
			text := h.target.String()
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(text))), text...)
			for i := range h.requests {
				data = binary.BigEndian.AppendUint32(data, h.requests[i].Load())
			}
			data = binary.BigEndian.AppendUint64(data, uint64(h.last.Load()))
			for i := range h.clients {
				data = binary.BigEndian.AppendUint64(data, h.clients[i].Load())
			}
		}
		m.mu.RLock()
		same := m.days == days
		m.mu.RUnlock()
		if same {
			return data
		}
	}
}

func compare(a, b hostname.Target) int {
	return cmp.Or(cmp.Compare(a.Host.Name(), b.Host.Name()), cmp.Compare(a.Port, b.Port))
}

// decode fills an empty memory with exactly what encode makes of one, or leaves it empty.
func (m *Memory) decode(body []byte) error {
	in := cryptobyte.String(body)
	read := New()
	numbers := make([]int64, 2+Days)
	for i := range numbers {
		var ok bool
		if numbers[i], ok = readNumber(&in); !ok {
			return errFormat
		}
	}
	read.began, read.forgotten, read.days = numbers[0], numbers[1], [Days]int64(numbers[2:])
	var before hostname.Target
	for n := 1; !in.Empty(); n++ {
		target, made, ok := readHost(&in)
		switch {
		case !ok:
			return fmt.Errorf("host %d cannot be read", n)
		case n > 1 && compare(before, target) >= 0:
			return fmt.Errorf("host %d is not in its place", n)
		case n > MaxHosts:
			return fmt.Errorf("it has more than %d hosts", MaxHosts)
		}
		target.Host = target.Host.Clone() // not with the memory of the file
		read.hosts[target] = made
		before = target
	}
	m.hosts, m.began, m.forgotten, m.days = read.hosts, read.began, read.forgotten, read.days
	return nil
}

var errFormat = errors.New("it has another form")

func readHost(in *cryptobyte.String) (target hostname.Target, made *host, ok bool) {
	var text cryptobyte.String
	if !in.ReadUint16LengthPrefixed(&text) || 2+len(text) > maxText {
		return target, nil, false
	}
	target, err := hostname.ParseTarget(string(text))
	if err != nil || target.String() != string(text) {
		return target, nil, false
	}
	made = &host{}
	for i := range made.requests {
		var n uint32
		if !in.ReadUint32(&n) {
			return target, nil, false
		}
		made.requests[i].Store(n)
	}
	last, ok := readNumber(in)
	if !ok {
		return target, nil, false
	}
	made.last.Store(last)
	for i := range made.clients {
		var word uint64
		if !in.ReadUint64(&word) || word>>(width*inWord) != 0 {
			return target, nil, false
		}
		made.clients[i].Store(word)
	}
	return target, made, true
}

func readNumber(in *cryptobyte.String) (n int64, ok bool) {
	var read uint64
	ok = in.ReadUint64(&read) && read <= maxSeconds
	return int64(read), ok
}
