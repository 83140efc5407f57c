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

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/localsock"
)

const (
	// maxMessage is the most bytes of a message, either way; the gateway has the same limit.
	maxMessage = 1 << 20
	// handshakeTime bounds the HTTP/2 handshake.
	handshakeTime = 5 * time.Second
	// A connection on which nothing comes is asked for a sign of life after pingAfter, and given up pingTime later. The gateway
	// permits a ping every 10 s.
	pingAfter = 30 * time.Second
	pingTime  = 10 * time.Second
)

// connection implements grpc.ClientConnInterface. It has a session at a time, and makes a new one when that is lost.
type connection struct {
	gateway gateway

	turn    chan struct{} // holds one while somebody uses the fields below
	current *session      // nil if there is none
	closed  bool
}

func (c *connection) open(ctx context.Context) error {
	s, err := c.gateway.reach(ctx, true)
	c.current = s
	return err
}

// Invoke makes a unary call.
func (c *connection) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.invoke(ctx, method, args, reply, opts...)
	if wasNotSent(err) {
		err = c.invoke(ctx, method, args, reply, opts...)
	}
	return err
}

func (c *connection) invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	s, err := c.session(ctx, true)
	if err != nil {
		return apierr.FromStatus(apierr.ToStatus(err))
	}
	if s.isStandIn {
		defer s.end() // before the answer is given, so that the gateway can be started after it
	}
	return s.conn.Invoke(ctx, method, args, reply, opts...)
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
	s, err := c.session(ctx, false)
	if err != nil {
		return nil, apierr.FromStatus(apierr.ToStatus(err))
	}
	return s.conn.NewStream(ctx, desc, method, opts...)
}

// session is one that is connected. If it is a stand-in, it is the caller's, who ends it; else it is shared.
func (c *connection) session(ctx context.Context, mayStandIn bool) (*session, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.turn }()
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
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.closed = true
	if c.current != nil {
		c.current.end()
		c.current = nil
	}
}

var errClosed = status.Error(codes.Canceled, "the client of the admin API was closed before the call")

// session is gRPC over one connection.
type session struct {
	conn      *grpc.ClientConn
	raw       net.Conn // what conn runs over
	isStandIn bool
	end       func()
}

// isLost tells whether a call could not be sent. A gateway that has just gone is noticed too: what gRPC knows of that lags.
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

// speak begins gRPC over conn and waits until the other side answers. conn is closed with the answered connection, or if there
// is an error.
func speak(ctx context.Context, conn net.Conn) (*grpc.ClientConn, error) {
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
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0), // a batch may be silent for hours
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTime, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := ready(ctx, client); err != nil {
		_ = client.Close()
		_ = conn.Close() // gRPC may not have asked for it
		return nil, err
	}
	return client, nil
}

func ready(ctx context.Context, client *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
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
