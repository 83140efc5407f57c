package admission

import (
	"strconv"
	"sync/atomic"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// bytes is the pool of what handshakes hold. It takes no lock.
type bytes struct {
	limit          int64
	taken, holders atomic.Int64
}

// Take accounts for n more bytes, before they are allocated. It fails with TLS_TOO_MUCH_COLLECTED or TLS_CLIENT_COLLECTED_TOO_MUCH.
// It may be called once the place belongs to a client.
func (p *Place) Take(n int) error {
	b, of := &p.control.bytes, p.client
	now := pool{limit: b.limit, taken: b.taken.Load(), holders: b.holders.Load()}
	if now.taken+int64(n) > now.limit {
		return reason.New(reason.TLSTooMuchCollected, "limit", strconv.FormatInt(b.limit, 10))
	}
	if err := now.check(of, of.bytes.Load(), reason.TLSClientCollectedTooMuch); err != nil {
		return err
	}
	b.taken.Add(int64(n))
	if n > 0 && of.bytes.Add(int64(n)) == int64(n) { // the first of this client
		b.holders.Add(1)
	}
	return nil
}

// Give takes n bytes back that Take has accounted for.
func (p *Place) Give(n int) {
	b, of := &p.control.bytes, p.client
	b.taken.Add(-int64(n))
	if n > 0 && of.bytes.Add(-int64(n)) == 0 {
		b.holders.Add(-1)
	}
}
