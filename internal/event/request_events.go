package event

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Header is one field of a request head.
type Header struct {
	Name, Value string
}

// How many bytes of a request's headers, and of its target or its first line, an event shows.
const (
	maxHeaders = 2 << 10
	maxTarget  = 512
)

// ConnectReceived is event 103. Target is host:port as it was asked for. Values of headers that are not known to
// carry no secret print as ***, and headers are cut at 2 KiB.
func ConnectReceived(c Client, target string, headers []Header) Event {
	target, shown := printable.Cut(withoutUser(target), maxTarget), headerText(headers)
	return c.about(Event{Kind: "CONNECT_RECEIVED", ID: Connect, Level: Debug, Component: GatewayLogic,
		Text:   fmt.Sprintf("Got request from %s: CONNECT %s with headers %s", c, target, shown),
		Fields: []Field{{"target", target}, {"headers", shown}}})
}

// NotConnect is event 104. Of the request line the user information and the query of the target print as ***.
func NotConnect(c Client, requestLine string) Event {
	method, rest, _ := strings.Cut(requestLine, " ")
	target, version, _ := strings.Cut(rest, " ")
	if path, _, found := strings.Cut(target, "?"); found {
		target = path + "?***"
	}
	line := printable.Cut(strings.TrimSpace(method+" "+withoutUser(target)+" "+version), maxTarget)
	return c.refusing("", Event{Kind: "NOT_A_CONNECT",
		ID: NotAConnect, Level: Warning, Component: GatewayLogic, Reason: reason.MethodNotAllowed,
		Text:   fmt.Sprintf("Got a request from %s that is not CONNECT and is refused: %s", c, line),
		Fields: []Field{{"request", line}}})
}

// HostForbidden is event 105 for a host (canonical, without port) that no entry covers.
func HostForbidden(c Client, host string, port uint16) Event {
	return forbidden("HOST_FORBIDDEN",
		c, host, reason.HostNotAllowed, "It is not in the allowed list. Check that the agent on the client and the "+
			"agent on the gateway use the same workspace, or add the host with: omsgwctl allowed-host add "+allowedHost(host, port),
		Field{"port", portText(port)})
}

// PortForbidden is event 105 for a host that is allowed by entry, but not on this port.
func PortForbidden(c Client, host string, port uint16, entry string) Event {
	return forbidden("PORT_FORBIDDEN",
		c, host, reason.PortNotAllowed, fmt.Sprintf("Port %d is not allowed for it (the allowed list has %s). Add it "+
			"with: omsgwctl allowed-host add %s", port, entry, allowedHost(host, port)),
		Field{"port", portText(port)}, Field{"entry", entry})
}

// AddressForbidden is event 105 for an allowed host that leads to addresses that a name may not lead to; err tells which and why.
func AddressForbidden(c Client, host string, err error) Event {
	return forbidden("ADDRESS_FORBIDDEN", c, host, reason.AddressNotAllowed, err.Error(), partsOf(err)...)
}

func forbidden(kind Kind, c Client, host string, why reason.Reason, text string, fields ...Field) Event {
	return c.refusing(host, Event{Kind: kind, ID: Forbidden, Level: Error, Component: GatewayLogic, Reason: why,
		Text:   fmt.Sprintf("Target host (%s) is forbidden. %s", host, text),
		Fields: append([]Field{{"host", host}}, fields...)})
}

// RequestUnreadable is event 400 for a request head or target that cannot be understood.
func RequestUnreadable(c Client, err error) Event {
	return c.refusing("", Event{Kind: "REQUEST_UNREADABLE", ID: Fault, Level: Error, Component: GatewayLogic, Reason: reason.Of(err),
		Text:   fmt.Sprintf("Request from %s is refused: %s", c, withoutUser(err.Error())),
		Fields: withoutUsers(partsOf(err))})
}

// Refused is event 400 for a connection that is refused by a limit or because the gateway is stopping.
func Refused(c Client, err error) Event {
	return c.refusing("", Event{Kind: "CONNECTION_REFUSED", ID: Fault, Level: Error, Component: TCPConnection, Reason: reason.Of(err),
		Text:   fmt.Sprintf("Connection from %s is refused: %s", c, err),
		Fields: partsOf(err)})
}

// DialFailed is event 403. Target is the canonical host:port.
func DialFailed(c Client, target string, err error) Event {
	return c.refusing(target, Event{Kind: "DIAL_FAILED", ID: Network, Level: Error, Component: TCPConnection, Reason: reason.Of(err),
		Text:   fmt.Sprintf("Cannot connect to server %s for %s: %s", target, c, err),
		Fields: partsOf(err, Field{"target", target})})
}

// ConnectedToRelayProxy is event 200, before ConnectedToServer.
func ConnectedToRelayProxy(c Client, relay string, address netip.AddrPort) Event {
	return c.about(Event{Kind: "RELAY_PROXY_CONNECTED",
		ID: Detail, Level: Debug, Component: TCPConnection, Text: "Connected to relay proxy " + relay,
		Fields: []Field{{"relay", relay}, {"address", address.String()}}})
}

// ConnectedToServer is event 200. Target is the canonical host:port; the address is that of the relay proxy if there is one.
func ConnectedToServer(c Client, target string, address netip.AddrPort) Event {
	return c.about(Event{Kind: "TARGET_CONNECTED",
		ID: Detail, Level: Debug, Component: TCPConnection, Text: "Connected to server " + target,
		Fields: []Field{{"target", target}, {"address", address.String()}}})
}

// TunnelStarted is event 200, when bytes begin to move unwatched.
func TunnelStarted(c Client) Event {
	return c.about(Event{Kind: "TUNNEL_STARTED", ID: Detail, Level: Debug, Component: TCPConnection, Text: "Start tunneling data ..."})
}

// TunnelStalled is event 100 for a tunnel that is closed because bytes waited for its receiver, "client" or "target", which has taken none
// for so long. Target is the canonical host:port. Repeats for one client address and target are collapsed.
func TunnelStalled(c Client, target, receiver string, limit time.Duration) Event {
	seconds := strconv.FormatFloat(limit.Seconds(), 'f', -1, 64)
	return c.refusing(target, Event{Kind: "TUNNEL_STALLED", ID: Information, Level: Info, Component: TCPConnection,
		Text: fmt.Sprintf("Tunnel from %s to %s is closed, because the %s has taken none of the bytes that waited for it for %s s "+
			"(StallTimeoutSeconds)", c, target, receiver, seconds),
		Fields: []Field{{"target", target}, {"receiver", receiver}, {"seconds", seconds}}})
}

// TunnelEnded is event 200.
func TunnelEnded(c Client) Event {
	return c.about(Event{Kind: "TUNNEL_ENDED", ID: Detail, Level: Debug, Component: TCPConnection, Text: "End tunneling data"})
}

// ClientDisconnected is event 200, when the client's connection is closed.
func ClientDisconnected(c Client) Event {
	return c.about(Event{Kind: "CLIENT_DISCONNECTED",
		ID: Detail, Level: Debug, Component: TCPConnection, Text: "Client socket disconnected"})
}

// HandshakeStep is event 200, a line of the original about the TLS handshake, such as "Client SNI: a.example.com".
func HandshakeStep(c Client, line string) Event {
	return c.about(Event{Kind: "HANDSHAKE_STEP",
		ID: Detail, Level: Debug, Component: TLSParser, Text: line, Fields: []Field{{"step", line}}})
}

// HandshakeVerified is event 107.
func HandshakeVerified(c Client) Event {
	return c.about(Event{Kind: "SESSION_VERIFIED",
		ID: TLSVerified, Level: Debug, Component: TLSParser, Text: "TLS session is successfully verified"})
}

// SessionRefused is event 105 for a client certificate that is not allowed, 106 for TLS of a kind that is not let through, and 402
// for what is no TLS or cannot be followed, as the reason of err says. Target is the canonical host:port.
func SessionRefused(c Client, target string, err error) Event {
	why := reason.Of(err)
	e := Event{Kind: "SESSION_REFUSED", ID: ID(why.Event()), Level: Error, Component: TLSParser, Reason: why, Text: err.Error(),
		Fields: partsOf(err, Field{"target", target})}
	if e.ID == Forbidden {
		e.Component = TCPConnection // as the original has it, and nothing after the subject, which scripts take from the text
	} else {
		e.Text = fmt.Sprintf("TLS session with %s is refused: %s", target, err)
	}
	return c.refusing(target, e)
}

// TunnelSummary is the canonical line. It is an Info event 100 for the outputs only.
func TunnelSummary(s Summary) Event {
	e := Event{Kind: "TUNNEL_SUMMARY",
		ID: Information, Level: Info, Component: GatewayLogic, Connection: s.Client.Connection, Reason: s.Reason,
		Summary: &s, logOnly: true}
	if s.Reason != "" {
		e.repeat = repeatOf{client: s.Client.Addr.Addr().Unmap(), about: s.Host}
	}
	return e
}

// headerText prints headers as [Name, value];[Name, value], at most maxHeaders bytes of them.
func headerText(headers []Header) string {
	var b strings.Builder
	for i, h := range headers {
		if i > 0 {
			b.WriteByte(';')
		}
		value := "***"
		if isShown(h.Name) {
			value = withoutUser(h.Value)
		}
		b.WriteString("[" + bound(h.Name, maxHeaders) + ", " + bound(value, maxHeaders) + "]")
		if b.Len() > maxHeaders {
			break
		}
	}
	return printable.Cut(b.String(), maxHeaders)
}

// shownHeaders are those whose values are shown: they say where to and by what program, and carry no secret. What others carry is not
// known.
var shownHeaders = []string{"Accept", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection",
	"Transfer-Encoding", "User-Agent", "Via"}

func isShown(header string) bool {
	return slices.ContainsFunc(shownHeaders, func(name string) bool { return strings.EqualFold(header, name) })
}

// withoutUser masks what may be a name and a password before an @: all of a word up to its last @.
func withoutUser(s string) string {
	const blanks = " \t\r\n"
	var masked strings.Builder
	for {
		at := strings.IndexByte(s, '@')
		if at < 0 {
			masked.WriteString(s)
			return masked.String()
		}
		word := strings.LastIndexAny(s[:at], blanks) + 1
		if s[word] == '"' {
			word++
		}
		end := len(s)
		if n := strings.IndexAny(s[at:], blanks); n >= 0 {
			end = at + n
		}
		last := strings.LastIndexByte(s[:end], '@')
		masked.WriteString(s[:word])
		masked.WriteString("***@")
		s = s[last+1:]
	}
}

// withoutUsers masks the values of fields in the same way.
func withoutUsers(fields []Field) []Field {
	for i := range fields {
		fields[i].Value = withoutUser(fields[i].Value)
	}
	return fields
}

// allowedHost is host and port as omsgwctl takes them.
func allowedHost(host string, port uint16) string {
	if port == 443 {
		return host
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(addr, port).String() // brackets around IPv6
	}
	return host + ":" + portText(port)
}

func portText(port uint16) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(int(port))
}
