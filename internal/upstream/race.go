package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/socket"
)

// attemptDelay is how long an address may take before the next one is tried beside it: the recommended value of RFC 8305, section 8.
const attemptDelay = 250 * time.Millisecond

// maxUnderWay bounds how many addresses of one name are tried beside each other. One that as many or more follow is given up after as many
// turns, to make room for them.
const maxUnderWay = 8

// errSlower is why the connection to an address was given up.
var errSlower = errors.New("another address connected first")

// race connects to the one of addresses that connects first, and notes in each what became of it. They are tried in their order, the
// next one attemptDelay after the last, or as soon as one has failed (RFC 8305, section 5). When it returns, nothing is under way.
func (d Dialer) race(ctx context.Context, addresses []*Address, port uint16) (net.Conn, error) {
	if len(addresses) == 1 { // as nearly always
		a := d.attempt(ctx, addresses[0], port)
		return a.conn, a.err
	}
	racing, end := context.WithCancel(ctx)
	defer end()
	ended, next, underWay := make(chan attempt), 0, 0
	turn := time.NewTimer(attemptDelay)
	defer turn.Stop()
	begin := func() {
		address, limited, cancel := addresses[next], racing, context.CancelFunc(func() {})
		if len(addresses)-next > maxUnderWay {
			limited, cancel = context.WithTimeout(racing, maxUnderWay*attemptDelay)
		}
		go func() {
			defer cancel()
			ended <- d.attempt(limited, address, port)
		}()
		next, underWay = next+1, underWay+1
		turn.Reset(attemptDelay)
	}
	var won net.Conn
	var failed failures
	for begin(); underWay > 0; {
		select {
		case <-turn.C:
		case a := <-ended:
			underWay--
			switch {
			case won != nil:
				a.giveUp()
			case a.err == nil:
				won = a.conn
				end()
			default:
				failed = append(failed, a.err)
			}
		}
		if next < len(addresses) && underWay < maxUnderWay && racing.Err() == nil {
			begin()
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, failed
}

// attempt is the end of the connection to an address.
type attempt struct {
	address *Address
	conn    net.Conn
	err     error
}

// giveUp ends an attempt that another one has overtaken.
func (a attempt) giveUp() {
	a.address.Err = errSlower
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

// attempt connects to an address, notes in it what became of it, and remembers that.
func (d Dialer) attempt(ctx context.Context, address *Address, port uint16) attempt {
	began, to := time.Now(), netip.AddrPortFrom(address.Addr, port)
	dialer := net.Dialer{KeepAliveConfig: socket.KeepAlive()}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	address.Tried, address.Err = true, err
	switch {
	case err == nil:
		d.History.note(to, true)
	case exhausted(err), ctx.Err() != nil && time.Since(began) < attemptDelay: // which says nothing about the address
	default:
		d.History.note(to, false)
	}
	return attempt{address, conn, err}
}

// failures are why none of several addresses connected, those alone that were tried.
type failures []error

func (f failures) Error() string {
	const most = 4
	texts := make([]string, 0, most+1)
	for _, err := range f[:min(len(f), most)] {
		texts = append(texts, err.Error())
	}
	if more := len(f) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d addresses more", more))
	}
	return strings.Join(texts, "; ")
}

func (f failures) Unwrap() []error { return f }

// Timeout and Temporary make it a net.Error, which has timed out as soon as one of the addresses has.
func (f failures) Timeout() bool {
	for _, err := range f {
		if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
			return true
		}
	}
	return false
}

func (f failures) Temporary() bool { return false }
