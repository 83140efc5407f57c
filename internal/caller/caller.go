// Package caller is who uses the admin API and what they may do, whatever transport they come by: a transport finds out who is at
// the other end of a connection ([Identity]), [Handshake] counts it and makes the auth info that gRPC carries to each call, and the
// call asks [Caller.May].
//
// The package does not import gRPC: events carry a Caller, and the data path, which emits events, knows nothing of gRPC.
package caller

import "github.com/omsgateway/omsgateway/internal/reason"

// Role is what a caller may do with the admin API; a higher one includes the lower ones.
type Role int

// The roles.
const (
	None Role = iota
	Read
	Change
	Administer // changes also what opens the gateway, and who may administer it
)

func (r Role) String() string {
	switch r {
	case Read:
		return "read"
	case Change:
		return "change"
	case Administer:
		return "administer"
	default:
		return "none"
	}
}

// Caller is who uses the admin API, or, with no more than a name, who else changes the configuration.
type Caller struct {
	Name    string // for people; connections of one name count together
	Via     string // the transport, such as "unix socket"
	Role    Role   // at the moment
	Local   bool   // on this computer; a transport that does not say so has callers from elsewhere
	Address string // IP:port of a caller from elsewhere

	// What a caller below the role has to do about it.
	ToRead, ToChange, ToAdminister string

	refusal *reason.Error // set if the caller has too many connections; Role is None then
}

// May returns nil if the caller has the role, else a *reason.Error that says what to do: NOT_PERMITTED_TO_READ,
// NOT_PERMITTED_TO_CHANGE, NOT_PERMITTED_TO_ADMINISTER, or TOO_MANY_CALLS for a connection over the limits of [Limit].
func (c Caller) May(need Role) error {
	switch {
	case c.refusal != nil:
		return c.refusal
	case c.Role >= need:
		return nil
	case need == Read:
		return reason.New(reason.NotPermittedToRead, "caller", c.Name, "remedy", c.ToRead)
	case need == Change:
		return reason.New(reason.NotPermittedToChange, "caller", c.Name, "remedy", c.ToChange)
	default:
		return reason.New(reason.NotPermittedToAdminister, "caller", c.Name, "remedy", c.ToAdminister)
	}
}

// Identity returns who is at the other end of a connection, with the role that they have at the moment. It is asked at the
// handshake and again at each call, by several goroutines at a time, and must not block.
type Identity func() Caller

// Fixed returns the identity of a caller whose role does not change while the connection is open.
func Fixed(c Caller) Identity { return func() Caller { return c } }

// AuthInfo says who is at the other end of a connection. It is a credentials.AuthInfo of gRPC, and so to be found in the peer of
// each call; the zero value is nobody.
type AuthInfo struct{ identity Identity }

// AuthType names this kind of auth info.
func (AuthInfo) AuthType() string { return "omsgateway" }

// Caller returns who is calling at the moment.
func (a AuthInfo) Caller() Caller {
	if a.identity == nil {
		return Caller{}
	}
	return a.identity()
}

// refused returns the identity of a caller who has no role on this connection, since it is over the limits. To a caller who has
// none anyway the missing role is the better thing to say.
func (id Identity) refused(why *reason.Error) Identity {
	return func() Caller {
		c := id()
		if c.Role != None {
			c.Role, c.refusal = None, why
		}
		return c
	}
}
