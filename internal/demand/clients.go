package demand

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/netip"
	"sync/atomic"
)

// clients are those that asked for a host, each with the slot of the day on which it did so last: for each value of a hash of their
// addresses three bits, which are zero or the slot and one. Their number follows from how many are zero, by linear counting (Whang,
// Vander-Zanden and Taylor, "A linear-time probabilistic counting algorithm for database applications", ACM TODS 15 (2), 1990): the
// standard error is below 6 in a hundred up to 1,000 clients, and it does not count beyond 3,136.
type clients [words]atomic.Uint64

const (
	words  = 24
	inWord = 21 // values in a word
	width  = 3  // bits
	mask   = 1<<width - 1
)

// note is called beside itself and beside the other methods. A client that is there already for the day writes nothing.
func (c *clients) note(client netip.Addr, slot int) {
	word, shift := place(client)
	want := uint64(slot+1) << shift
	for {
		old := c[word].Load()
		if old&(mask<<shift) == want || c[word].CompareAndSwap(old, old&^(mask<<shift)|want) {
			return
		}
	}
}

// forget removes those that were there on the day of slot and not since.
func (c *clients) forget(slot int) {
	for i := range c {
		word := c[i].Load()
		for shift := 0; shift < width*inWord; shift += width {
			if word>>shift&mask == uint64(slot+1) {
				word &^= mask << shift
			}
		}
		c[i].Store(word)
	}
}

// join adds the clients of another host.
func (c *clients) join(other *clients) {
	for i := range c {
		c[i].Or(filled(other[i].Load()))
	}
}

// filled has a bit for each value of a word that is not zero, the lowest of it.
func filled(word uint64) uint64 {
	const lowest = 0o1111_1111_1111_1111_1111_1
	return (word | word>>1 | word>>2) & lowest
}

func (c *clients) count() int {
	const all = float64(words * inWord)
	zeros := all
	for i := range c {
		for word := filled(c[i].Load()); word != 0; word &= word - 1 {
			zeros--
		}
	}
	return int(math.Round(all * math.Log(all/max(zeros, 1))))
}

// place is the same after a restart.
func place(client netip.Addr) (word, shift int) {
	octets := client.As16() // of an invalid address zeros
	sum := sha256.Sum256(octets[:])
	value := int(binary.BigEndian.Uint32(sum[:]) % (words * inWord))
	return value / inWord, value % inWord * width
}
