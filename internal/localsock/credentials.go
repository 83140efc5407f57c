package localsock

import (
	"context"
	"errors"
	"net"
	"os/user"

	"google.golang.org/grpc/credentials"

	"github.com/omsgateway/omsgateway/internal/caller"
)

// ServerCredentials find out who is calling; the auth info of each call is a [caller.AuthInfo]. A caller without any role passes
// the handshake, so that the call can be refused with a text ([caller.Caller.May]). The handshake ends with the deadline that the
// server sets on the connection.
func ServerCredentials(rules Rules) credentials.TransportCredentials {
	return transport{identify: func(conn net.Conn) (net.Conn, caller.Identity, error) {
		known, who, err := identify(conn, rules)
		return known, caller.Fixed(who), err
	}}
}

// StdioCredentials are for a server on its own standard streams ([StdioListener]): the caller is the account of this process,
// which may do everything, since it can write the files.
func StdioCredentials() credentials.TransportCredentials {
	who := caller.Caller{Name: "unknown", Via: "stand-in", Role: caller.Administer, Local: true}
	if account, err := user.Current(); err == nil {
		who.Name = account.Username
	}
	return transport{identify: func(conn net.Conn) (net.Conn, caller.Identity, error) { return conn, caller.Fixed(who), nil }}
}

// ClientCredentials are for a connection that [Dial] or [PipeConn] made. They add nothing to it: nobody else on the way sees
// its bytes.
func ClientCredentials() credentials.TransportCredentials { return transport{} }

// transport implements credentials.TransportCredentials; identify is nil at a client.
type transport struct {
	identify func(net.Conn) (net.Conn, caller.Identity, error)
}

func (t transport) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if t.identify == nil {
		return nil, nil, errors.New("client credentials cannot serve")
	}
	return caller.Handshake(conn, t.identify)
}

func (t transport) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, gatewayInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

// gatewayInfo is what a client knows of the gateway.
type gatewayInfo struct{ credentials.CommonAuthInfo }

func (gatewayInfo) AuthType() string { return "omsgateway-local" }

func (t transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "omsgateway-local"}
}

func (t transport) Clone() credentials.TransportCredentials { return t }

func (t transport) OverrideServerName(string) error { return nil }
