package usage

import (
	"crypto/sha256"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

// clients are those of one host: the last ones, and how many there were.
type clients struct {
	last []netip.Addr // the latest last; at most MaxClients
	seen bitmap
}

func (c *clients) note(client netip.Addr) {
	i := slices.Index(c.last, client)
	if i < 0 {
		c.seen.add(client)
	}
	switch {
	case i >= 0:
		c.last = slices.Delete(c.last, i, i+1)
	case len(c.last) == MaxClients:
		c.last = slices.Delete(c.last, 0, 1)
	}
	c.last = append(c.last, client)
}

func (c *clients) latestFirst() []netip.Addr {
	latest := slices.Clone(c.last)
	slices.Reverse(latest)
	return latest
}

// count is exact as long as all clients are among the last ones.
func (c *clients) count() int {
	if len(c.last) < MaxClients {
		return len(c.last)
	}
	return max(c.seen.count(), MaxClients)
}

// bitmap has a bit for each value of a hash of the clients' addresses, from which their number can be estimated: linear counting
// (Whang, Vander-Zanden and Taylor, "A linear-time probabilistic counting algorithm for database applications", ACM TODS 15 (2),
// 1990). Its standard error is below 5 in a hundred up to 1,000 clients, and it does not count beyond
// 3,194.
type bitmap [512 / 64]uint64

func (b *bitmap) add(client netip.Addr) {
	word, bit := place(client)
	b[word] |= bit
}

func (b *bitmap) has(client netip.Addr) bool {
	word, bit := place(client)
	return b[word]&bit != 0
}

func (b *bitmap) count() int {
	const all = 64 * float64(len(b))
	zeros := all
	for _, word := range b {
		zeros -= float64(bits.OnesCount64(word))
	}
	return int(math.Round(all * math.Log(all/max(zeros, 1))))
}

// place is the same after a restart.
func place(client netip.Addr) (word int, bit uint64) {
	octets := client.As16()
	sum := sha256.Sum256(octets[:])
	return int(sum[0]) % len(bitmap{}), 1 << (sum[1] % 64)
}
