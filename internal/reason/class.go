package reason

// Class is what kind of refusal a reason is. The HTTP status of a refused request (package forward) and the gRPC code of a failed
// call (package apierr) follow from it. A class is meant for one of the two, few for both: where it is not meant, a refusal is a
// fault of the gateway, 500 or INTERNAL, and tells nothing of itself.
type Class int

const (
	// Requests at the proxy port, and the tunnels that they ask for.

	ClassRequest   Class = iota + 1 // it cannot be understood
	ClassMethod                     // it is no CONNECT
	ClassForbidden                  // the policy does not allow it
	ClassOverload                   // there is no room for it
	ClassTarget                     // the target cannot be reached
	ClassRelay                      // the relay proxy cannot be reached, or does not open the tunnel
	ClassTimeout                    // the target or the relay proxy did not answer in time
	ClassSession                    // its TLS handshake is not let through: the status has been sent, and an alert ends the tunnel

	// Calls of the admin API.

	ClassInvalid       // a value is wrong, whatever the state of the gateway
	ClassNotFound      // there is nothing with this name
	ClassConflict      // the state of the gateway, or of its computer, does not let it be done
	ClassStale         // what it was made for has changed in between
	ClassLimit         // a limit would be exceeded
	ClassPermission    // the caller may not
	ClassCaller        // it is not known who calls
	ClassUnimplemented // the gateway does not know the method
	ClassUnreachable   // there is no gateway

	// Both.

	ClassRelayLoop // the relay proxy is this gateway itself, which is seen when it is set or when it is dialled
	ClassStopping  // the gateway is about to end
	ClassFault     // the gateway's own fault

	// Neither.

	ClassNotice // it is told within an answer, an event or an output, and refuses nothing by itself
)

// Alert is the description of a TLS alert (RFC 8446, section 6).
type Alert uint8

// The alerts that end a session which is refused.
const (
	AlertBadCertificate   Alert = 42
	AlertAccessDenied     Alert = 49
	AlertDecodeError      Alert = 50
	AlertProtocolVersion  Alert = 70
	AlertUnrecognizedName Alert = 112
)

// Class returns the class of r, or 0 if r is no reason of this program.
func (r Reason) Class() Class { return refusals[r].class }

// Event returns the id of the event (package event) that tells of a request, session or call that is refused for r. It is 0 for a
// reason without an event of its own: it is told where it arises, or what was being done decides about the event (400 for a failure,
// 401 for a wrong configuration).
func (r Reason) Event() int { return refusals[r].event }

// Alert returns the alert that tells the client of a session refused for r, or 0 if r refuses none.
func (r Reason) Alert() Alert { return refusals[r].alert }
