package localsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/user"

	"google.golang.org/grpc/credentials"
)

// ServerCredentials find out who is calling; [CallerFrom] tells it. A caller without any role passes the handshake, so that the
// call can be refused with a text ([Caller.May]). The handshake ends with the deadline that the server sets on the connection.
func ServerCredentials(rules Rules) credentials.TransportCredentials {
	return transport{identify: func(conn net.Conn) (net.Conn, Caller, error) { return identify(conn, rules) }}
}

// StdioCredentials are for a server on its own standard streams ([StdioListener]): the caller is the account of this process,
// which may change whatever it can write.
func StdioCredentials() credentials.TransportCredentials {
	caller := Caller{Name: "unknown", Via: "stand-in", Role: Change}
	if account, err := user.Current(); err == nil {
		caller.Name = account.Username
	}
	return transport{identify: func(conn net.Conn) (net.Conn, Caller, error) { return conn, caller, nil }}
}

// ClientCredentials are for a connection that [Dial] or [PipeConn] made. They add nothing to it: nobody else on the way sees
// its bytes.
func ClientCredentials() credentials.TransportCredentials { return transport{} }

// transport implements credentials.TransportCredentials; identify is nil at a client.
type transport struct {
	identify func(net.Conn) (net.Conn, Caller, error)
}

// authInfo is what CallerFrom finds in a call's context.
type authInfo struct {
	credentials.CommonAuthInfo
	caller Caller
}

func newAuthInfo(caller Caller) authInfo {
	return authInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, caller}
}

func (authInfo) AuthType() string { return "omsgateway-local" }

func (t transport) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if t.identify == nil {
		return nil, nil, errors.New("client credentials cannot serve")
	}
	limited, hasLimit := conn.(*limitedConn)
	if hasLimit {
		conn = limited.Conn
	}
	known, caller, err := t.identify(conn)
	if err != nil {
		return nil, nil, fmt.Errorf("finding out who is calling: %w", err)
	}
	if hasLimit {
		if known, caller, err = limited.admit(known, caller); err != nil {
			return nil, nil, err
		}
	}
	return known, newAuthInfo(caller), nil
}

func (t transport) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, newAuthInfo(Caller{}), nil
}

func (t transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "omsgateway-local"}
}

func (t transport) Clone() credentials.TransportCredentials { return t }

func (t transport) OverrideServerName(string) error { return nil }
