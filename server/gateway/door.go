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

// door is where clients come in: the listener on ListenAddress and ListenPort. As an effect of a change of settings it opens the
// new listener before it closes the old one; where their addresses overlap, which the system does not allow, the old one closes
// first and is opened again if the new one cannot be. Tunnels stay in any case. A closed door can be opened again.
type door struct {
	serve  func(context.Context, net.Listener) // until the listener is closed; the context is done then
	events event.Sink

	// moving is held while the door opens or closes, and while a change of settings that moves it is made.
	moving sync.Mutex

	mu       sync.Mutex
	listener *entrance // nil before open and after close
	served   sync.WaitGroup
}

func newDoor(events event.Sink, serve func(context.Context, net.Listener)) *door {
	return &door{serve: serve, events: events}
}

// open begins to accept clients where the settings say, and no change of them gets in between; an open door stays as it is.
func (d *door) open(ctx context.Context, current func() config.Settings) error {
	d.moving.Lock()
	defer d.moving.Unlock()
	if d.addresses() != nil {
		return nil
	}
	listener, err := listen(ctx, listenAddress(current()))
	if err != nil {
		return err
	}
	d.use(listener)
	return nil
}

// close stops accepting clients and waits until no connection is being accepted.
func (d *door) close() {
	d.moving.Lock()
	defer d.moving.Unlock()
	d.mu.Lock()
	listener := d.listener
	d.listener = nil
	d.mu.Unlock()
	if listener != nil {
		listener.close()
	}
	d.served.Wait()
}

// addresses are where clients can connect, "ip:port".
func (d *door) addresses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return nil
	}
	return []string{d.listener.Addr().String()}
}

// Prepare implements settings.Effect.
func (d *door) Prepare(ctx context.Context, before, after *settings.Snapshot) (settings.Prepared, error) {
	from, to := listenAddress(before.Settings), listenAddress(after.Settings)
	if from == to {
		return settings.Prepared{}, nil
	}
	d.moving.Lock() // until the change is made or undone
	d.mu.Lock()
	old := d.listener
	d.mu.Unlock()
	if old == nil {
		return settings.Prepared{Commit: d.moving.Unlock, Rollback: d.moving.Unlock}, nil
	}
	overlap := overlaps(from, to)
	if overlap {
		old.close()
	}
	reopen := func() {
		if !overlap {
			return
		}
		// The context of the change may have ended; the old listener is owed all the same.
		again, err := listen(context.WithoutCancel(ctx), from)
		if err != nil {
			d.events.Emit(event.Failure(event.GatewayServer, "to listen again where clients connected before", err))
			return
		}
		d.use(again)
	}
	next, err := listen(ctx, to)
	if err != nil {
		reopen()
		d.moving.Unlock()
		return settings.Prepared{}, err
	}
	return settings.Prepared{
		Commit: func() {
			defer d.moving.Unlock()
			d.use(next)
			if !overlap {
				old.close()
			}
		},
		Rollback: func() {
			defer d.moving.Unlock()
			next.close()
			reopen()
		},
	}, nil
}

// use serves l from now on.
func (d *door) use(l *entrance) {
	d.mu.Lock()
	d.listener = l
	d.mu.Unlock()
	d.served.Go(func() { d.serve(l.open, l.Listener) })
}

// entrance is a listener that is open until its context is done.
type entrance struct {
	net.Listener
	open context.Context
	shut context.CancelFunc
}

func (e *entrance) close() {
	_ = e.Close()
	e.shut()
}

func listen(ctx context.Context, address string) (*entrance, error) {
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

func listenAddress(s config.Settings) string {
	host := "" // all
	if s.ListenAddress.IsValid() {
		host = s.ListenAddress.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(s.ListenPort)))
}

// overlaps tells whether two listen addresses cannot be open at the same time.
func overlaps(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	return portA == portB && portA != "0" && (isAll(hostA) || isAll(hostB) || hostA == hostB)
}

func isAll(host string) bool {
	if host == "" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}
