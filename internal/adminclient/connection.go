package adminclient

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/localsock"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

const (
	// maxAnswer is the most bytes of an answer; the gateway has the same limit. How large a request may be it says for each method.
	maxAnswer = 1 << 20
	// handshakeTime bounds the HTTP/2 handshake.
	handshakeTime = 5 * time.Second
	// A connection on which nothing comes is asked for a sign of life after pingAfter, and given up pingTime later. The gateway
	// permits a ping every 10 s.
	pingAfter = 30 * time.Second
	pingTime  = 10 * time.Second
)

// connection implements grpc.ClientConnInterface. It has a session at a time, and makes a new one when that is lost.
type connection struct {
	gateway    gateway
	changed    func(stoodIn bool) // may be nil
	mayStandIn bool

	use     chan struct{} // holds one while somebody uses the fields below
	current *session      // nil if there is none
	closed  bool
}

func (c *connection) open(ctx context.Context) error {
	s, err := c.gateway.reach(ctx, c.mayStandIn)
	c.current = s
	return err
}

// Invoke makes a unary call.
func (c *connection) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.call(ctx, c.mayStandIn, method, args, reply, opts...)
}

// call makes a unary call, in its turn.
func (c *connection) call(ctx context.Context, mayStandIn bool, method string, args, reply any, opts ...grpc.CallOption) error {
	var turn turn
	var turnedAway error
	for {
		err := c.invoke(ctx, mayStandIn, method, args, reply, opts...)
		if wasNotSent(err) {
			err = c.invoke(ctx, mayStandIn, method, args, reply, opts...)
		}
		switch {
		case isTurnedAway(err):
			turnedAway = err
		case turnedAway != nil && isNotServed(err): // it was too busy even to say so
		default:
			return err
		}
		if !turn.wait(ctx) {
			return turnedAway
		}
	}
}

func (c *connection) invoke(ctx context.Context, mayStandIn bool, method string, args, reply any, opts ...grpc.CallOption) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	s, err := c.session(ctx, mayStandIn)
	if err != nil {
		c.unlock()
		return apierr.FromStatus(apierr.ToStatus(err))
	}
	if s.isStandIn {
		c.unlock()
		defer s.end() // before the answer is given, so that the gateway can be started after it
		return c.invokeOn(ctx, s, method, args, reply, opts...)
	}
	if s.isAdmitted {
		c.unlock()
		return c.invokeOn(ctx, s, method, args, reply, opts...)
	}
	// The first call shows whether the gateway serves this connection. Until then no other call is on it, so that it can be ended.
	defer c.unlock()
	err = c.invokeOn(ctx, s, method, args, reply, opts...)
	if s.isAdmitted = !isTurnedAway(err); !s.isAdmitted {
		s.end()
		c.current = nil
	}
	return err
}

func (c *connection) invokeOn(ctx context.Context, s *session, method string, args, reply any, opts ...grpc.CallOption) error {
	err := s.conn.Invoke(ctx, method, args, reply, opts...)
	if err == nil && c.changed != nil && isChange(args) {
		c.changed(s.isStandIn)
	}
	return err
}

// isChange reports whether a request changes the configuration: all that could have validate_only, and this one has not.
func isChange(request any) bool {
	message, ok := request.(proto.Message)
	if !ok {
		return false
	}
	m := message.ProtoReflect()
	field := m.Descriptor().Fields().ByName("validate_only")
	return field != nil && !m.Get(field).Bool()
}

// NewStream begins a streaming call.
func (c *connection) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (
	grpc.ClientStream, error) {
	stream, err := c.newStream(ctx, desc, method, opts...)
	if wasNotSent(err) {
		stream, err = c.newStream(ctx, desc, method, opts...)
	}
	return stream, err
}

func (c *connection) newStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (
	grpc.ClientStream, error) {
	for {
		// A stream that is refused tells so with its first message only; a unary call waits for the turn of this connection before it.
		if err := c.call(ctx, false, adminv1.StatusService_GetStatus_FullMethodName,
			&adminv1.GetStatusRequest{}, &adminv1.GetStatusResponse{}); err != nil {
			return nil, err
		}
		s, err := c.admitted(ctx)
		if err != nil {
			return nil, err
		}
		if s != nil {
			return s.conn.NewStream(ctx, desc, method, opts...)
		}
	}
}

// admitted returns the session on which a call was served, or nil if it was lost since then: the turn of the next one is still to come.
func (c *connection) admitted(ctx context.Context) (*session, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	s, err := c.session(ctx, false)
	switch {
	case err != nil:
		return nil, apierr.FromStatus(apierr.ToStatus(err))
	case !s.isAdmitted:
		return nil, nil //nolint:nilnil // see above
	}
	return s, nil
}

// lock waits until nobody else uses the fields of c.
func (c *connection) lock(ctx context.Context) error {
	select {
	case c.use <- struct{}{}:
		return nil
	case <-ctx.Done():
		return apierr.FromStatus(apierr.ToStatus(ctx.Err()))
	}
}

func (c *connection) unlock() { <-c.use }

// session is one that is connected; c is locked. If it is a stand-in, it is the caller's, who ends it; else it is shared.
func (c *connection) session(ctx context.Context, mayStandIn bool) (*session, error) {
	if c.closed {
		return nil, errClosed
	}
	if s := c.current; s != nil && (s.isStandIn && !mayStandIn || s.isLost()) {
		s.end()
		c.current = nil
	}
	if c.current == nil {
		s, err := c.gateway.reach(ctx, mayStandIn)
		if err != nil {
			return nil, err
		}
		c.current = s
	}
	s := c.current
	if s.isStandIn {
		c.current = nil
	}
	return s, nil
}

func (c *connection) close() {
	c.use <- struct{}{}
	defer c.unlock()
	c.closed = true
	if c.current != nil {
		c.current.end()
		c.current = nil
	}
}

var errClosed = status.Error(codes.Canceled, "the client of the admin API was closed before the call")

// session is gRPC over one connection.
type session struct {
	conn       *grpc.ClientConn
	raw        net.Conn // what conn runs over
	isStandIn  bool
	isAdmitted bool // a call was not refused for too many connections
	end        func()
}

// isLost reports whether a call could not be sent. A gateway that has just gone is noticed too: what gRPC knows of that lags.
func (s *session) isLost() bool {
	return s.conn.GetState() != connectivity.Ready || localsock.HungUp(s.raw)
}

// errLost is what gRPC gets instead of a second connection. Its text tells a call that was not sent, or that the gateway said it
// has not begun, from one whose fate is not known.
var errLost = errors.New("the connection to the gateway was lost before the call")

func wasNotSent(err error) bool {
	s, ok := status.FromError(err)
	return ok && s.Code() == codes.Unavailable && strings.Contains(s.Message(), errLost.Error())
}

// speak begins gRPC over conn and waits until the other side answers, at most as long as limit. conn is closed with the answered
// connection, or if there is an error.
func speak(ctx context.Context, conn net.Conn, program string, limit time.Duration) (*grpc.ClientConn, error) {
	only := make(chan net.Conn, 1)
	only <- conn
	client, err := grpc.NewClient("passthrough:///omsgateway",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case conn := <-only:
				return conn, nil
			default:
				return nil, errLost
			}
		}),
		grpc.WithTransportCredentials(localsock.ClientCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithUserAgent(program),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0), // whoever has the client closes it
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTime, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := ready(ctx, client, limit); err != nil {
		_ = client.Close()
		_ = conn.Close() // gRPC may not have asked for it
		return nil, err
	}
	return client, nil
}

func ready(ctx context.Context, client *grpc.ClientConn, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		state := client.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			return errors.New("it closes the connection")
		case connectivity.Idle: // at first, or when the connection was lost already, which the next attempt shows
			client.Connect()
		}
		if !client.WaitForStateChange(ctx, state) {
			return ctx.Err()
		}
	}
}
