// Package adminclient reaches the admin API of a gateway: on this computer one that runs, one that is starting, which is waited for, or one
// that is stopped, which is stood in for by the program omsgateway itself; on another computer one that runs, through ssh.
package adminclient

import (
	"cmp"
	"context"
	"os"
	"time"

	"google.golang.org/grpc"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// AddressVariable is the environment variable that has the address of the admin API, for example unix:/run/omsgateway/admin.sock.
const AddressVariable = "OMSGATEWAY_ADDRESS"

// defaultWait is how long a gateway that is starting is waited for.
const defaultWait = 10 * time.Second

// Client has a client for each service of the admin API. It is safe for concurrent use.
//
// It connects again when a call finds the connection lost, so that it outlives a restart of the gateway; a call that was already
// sent is not sent again. A gateway that has too many connections already is asked again for up to 20 s, and only then the error
// has the reason TOO_MANY_CALLS. A gateway that is stopped is stood in for during one unary call at a time (the first time from Dial on),
// since the stand-in keeps the gateway from starting; for the same reason a stream is never served by a stand-in.
//
// A call has the time limit of its context only. Its error is a gRPC status, or an *apierr.Error if no gateway was reached.
type Client struct {
	Hosts         adminv1.AllowedHostServiceClient
	DeniedHosts   adminv1.DeniedHostServiceClient
	Certificates  adminv1.AllowedClientCertificateServiceClient
	RelayProxy    adminv1.RelayProxyServiceClient
	Settings      adminv1.SettingServiceClient
	Events        adminv1.EventServiceClient
	Tunnels       adminv1.TunnelServiceClient
	Configuration adminv1.ConfigurationServiceClient
	Revisions     adminv1.RevisionServiceClient
	Discovery     adminv1.DiscoveryServiceClient
	Status        adminv1.StatusServiceClient

	Conn grpc.ClientConnInterface // what they all use, for calls by name

	connection *connection
}

// Options tell which gateway to reach.
type Options struct {
	// Address is "unix:PATH", "npipe:NAME" or "ssh:[USER@]HOST". Without it the environment variable OMSGATEWAY_ADDRESS decides, and
	// without that the system's default.
	Address string
	// Wait is how long a gateway that is starting is waited for, each time that it has to be reached; 0 means 10 s.
	Wait time.Duration
	// Alone says that nobody can be asked for a password or about the key of a host.
	Alone bool
	// NoStandIn lets a gateway that is stopped be one that is not reached: GATEWAY_UNREACHABLE.
	NoStandIn bool
	// Program is the name and version of the program, such as "omsgwctl/1.4.0", which stands in the revisions of the changes that it makes.
	Program string
	// Changed is told of each change of the configuration that was made, and whether it was made for a gateway that is stopped. It may be
	// nil.
	Changed func(stoodIn bool)
}

func (o Options) address() string {
	return cmp.Or(o.Address, os.Getenv(AddressVariable), osdefaults.AdminAddress())
}

// StateDir is the folder that the gateway has its state in, if its address tells.
func StateDir(o Options) (dir string, ok bool) {
	kind, err := kindOf(o.address())
	if err != nil {
		return "", false
	}
	return kind.stateDir(o.address())
}

// Dial reaches the gateway. The error is a *reason.Error in the chain: GATEWAY_UNREACHABLE with what can be done, GATEWAY_DENIED
// if this account may not open the socket, or ADDRESS_INVALID; or it is that of ctx.
func Dial(ctx context.Context, o Options) (*Client, error) {
	address := o.address()
	kind, err := kindOf(address)
	if err != nil {
		return nil, err
	}
	c := &connection{
		gateway: gateway{
			address: address,
			kind:    kind,
			wait:    cmp.Or(o.Wait, defaultWait),
			program: o.Program,
			alone:   o.Alone,
		},
		changed:    o.Changed,
		mayStandIn: !o.NoStandIn,
		use:        make(chan struct{}, 1),
	}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return &Client{
		Certificates:  adminv1.NewAllowedClientCertificateServiceClient(c),
		Hosts:         adminv1.NewAllowedHostServiceClient(c),
		RelayProxy:    adminv1.NewRelayProxyServiceClient(c),
		DeniedHosts:   adminv1.NewDeniedHostServiceClient(c),
		Settings:      adminv1.NewSettingServiceClient(c),
		Events:        adminv1.NewEventServiceClient(c),
		Tunnels:       adminv1.NewTunnelServiceClient(c),
		Configuration: adminv1.NewConfigurationServiceClient(c),
		Revisions:     adminv1.NewRevisionServiceClient(c),
		Discovery:     adminv1.NewDiscoveryServiceClient(c),
		Status:        adminv1.NewStatusServiceClient(c),
		Conn:          c,
		connection:    c,
	}, nil
}

// Close ends the connection, and the stand-in if there is one (at most 2 s). Later calls fail.
func (c *Client) Close() { c.connection.close() }
