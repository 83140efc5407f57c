package gateway

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// listener listens where the settings say, and follows them. As an effect of a change it opens the new address before it closes the old
// one; where the two overlap, which the system does not allow, the old one closes first and is opened again if the new one cannot be.
// Connections stay in any case.
type listener struct {
	address func(config.Settings) string        // "host:port", or "" for nowhere
	serve   func(context.Context, net.Listener) // until the listener is closed; the context is done then
	listen  func(context.Context, string) (*entrance, error)
	events  event.Sink

	// moving is held while it opens or closes, and while a change of settings that moves it is made.
	moving  sync.Mutex
	isOpen  bool // it listens where the settings say, be it nowhere; false before open and after close
	current *entrance

	mu     sync.Mutex // for addresses, which reads current while it moves
	served sync.WaitGroup
}

// open begins to listen where the settings say, and no change of them gets in between; an open listener stays as it is.
func (l *listener) open(ctx context.Context, current func() config.Settings) error {
	l.moving.Lock()
	defer l.moving.Unlock()
	if l.isOpen {
		return nil
	}
	next, err := l.at(ctx, l.address(current()))
	if err != nil {
		return err
	}
	l.isOpen = true
	l.use(next)
	return nil
}

// close stops listening and waits until no connection is being accepted. It can be opened again.
func (l *listener) close() {
	l.moving.Lock()
	defer l.moving.Unlock()
	old := l.current
	l.isOpen = false
	l.use(nil)
	old.close()
	l.served.Wait()
}

// addresses are where it can be connected to, "ip:port".
func (l *listener) addresses() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil
	}
	return []string{l.current.Addr().String()}
}

// Prepare implements settings.Effect.
func (l *listener) Prepare(ctx context.Context, before, after *settings.Snapshot) (settings.Prepared, error) {
	from, to := l.address(before.Settings), l.address(after.Settings)
	if from == to {
		return settings.Prepared{}, nil
	}
	l.moving.Lock() // until the change is made or undone
	if !l.isOpen {
		return settings.Prepared{Commit: l.moving.Unlock, Rollback: l.moving.Unlock}, nil
	}
	old := l.current
	overlap := overlaps(from, to)
	if overlap {
		old.close()
	}
	reopen := func() {
		if !overlap {
			return
		}
		// The context of the change may have ended; the old listener is owed all the same.
		again, err := l.at(context.WithoutCancel(ctx), from)
		if err != nil {
			l.events.Emit(event.Failure(event.GatewayServer, "to listen again where clients connected before", err))
			return
		}
		l.use(again)
	}
	next, err := l.at(ctx, to)
	if err != nil {
		reopen()
		l.moving.Unlock()
		return settings.Prepared{}, err
	}
	return settings.Prepared{
		Commit: func() {
			defer l.moving.Unlock()
			l.use(next)
			if !overlap {
				old.close()
			}
		},
		Rollback: func() {
			defer l.moving.Unlock()
			next.close()
			reopen()
		},
	}, nil
}

// at listens at address; nowhere is nil.
func (l *listener) at(ctx context.Context, address string) (*entrance, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // nowhere is a place, too
	}
	return l.listen(ctx, address)
}

// use serves e, which may be nil, from now on.
func (l *listener) use(e *entrance) {
	l.mu.Lock()
	l.current = e
	l.mu.Unlock()
	if e != nil {
		l.served.Go(func() { l.serve(e.open, e.Listener) })
	}
}

// entrance is a net.Listener that is open until its context is done.
type entrance struct {
	net.Listener
	open context.Context
	shut context.CancelFunc
}

func (e *entrance) close() {
	if e != nil {
		_ = e.Close()
		e.shut()
	}
}

// listenForClients opens the entrance of the data path.
func listenForClients(ctx context.Context, address string) (*entrance, error) {
	config := listenConfig()
	config.SetMultipathTCP(false) // its connections cannot be spliced
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, reason.Wrap(err, reason.ListenNotPossible, "address", address)
	}
	e := &entrance{Listener: l}
	e.open, e.shut = context.WithCancel(context.WithoutCancel(ctx))
	return e, nil
}

// clientAddress is where clients connect.
func clientAddress(s config.Settings) string {
	host := "" // all
	if s.ListenAddress.IsValid() {
		host = s.ListenAddress.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(s.ListenPort)))
}

// overlaps reports whether two addresses cannot be listened at at the same time.
func overlaps(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	return a != "" && b != "" && portA == portB && portA != "0" && (isAll(hostA) || isAll(hostB) || hostA == hostB)
}

func isAll(host string) bool {
	if host == "" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}
