// Package event makes the gateway's numbered events and takes them to the logs and to the admin API.
//
// An event is a value, made by one constructor for each kind of event; its id, and the texts that scripts know, are a contract.
// A [Hub] takes events, never blocks, and hands them to every [Output] (standard error, the log file) through a bounded queue
// and a goroutine of the output's own, and to the rings that the admin API lists and watches.
//
// Texts and fields hold printable characters only when they leave the hub: control characters, characters that change the
// direction of writing, and bytes that are not UTF-8 are written as \n, \x1b, \u202e. A backslash stays as it is.
//
// The file of an output is kept by [File] and not by a library: the one in common use keeps a goroutine after its end and does
// not notice that its file was deleted.
package event

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// ID is the number of a kind of event.
type ID int

// The ids, with the levels that their events have.
const (
	Information        ID = 100 // Info: general information
	ServiceStarted     ID = 101 // Info
	ServiceStopped     ID = 102 // Info
	Connect            ID = 103 // Debug: CONNECT received
	NotAConnect        ID = 104 // Warning: another request than CONNECT
	Forbidden          ID = 105 // Error: target host or client certificate is not allowed
	TLSRefused         ID = 106 // Error
	TLSVerified        ID = 107 // Debug
	Detail             ID = 200 // Debug
	NoAgent            ID = 300 // Warning: no monitoring agent on the gateway
	Fault              ID = 400 // Error: has no id of its own
	WrongConfiguration ID = 401 // Error
	NoTLS              ID = 402 // Error: the handshake could not be parsed, or there is none
	Network            ID = 403 // Error: for example, the target cannot be reached
)

// Level is how serious an event is, and as a limit: the least serious one that is wanted. A smaller number is more serious.
type Level int

// The levels, numbered as in the admin API.
const (
	Error Level = iota + 1
	Warning
	Info
	Debug
)

// String is the level as the setting LogLevel spells it.
func (l Level) String() string {
	switch l {
	case Error:
		return "Error"
	case Warning:
		return "Warning"
	case Info:
		return "Info"
	case Debug:
		return "Debug"
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

// ParseLevel is the inverse of String; it ignores case.
func ParseLevel(s string) (Level, error) {
	for l := Error; l <= Debug; l++ {
		if strings.EqualFold(s, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%q is not a log level: it is one of Error, Warning, Info, Debug", s)
}

// Component is the part of the gateway that an event comes from.
type Component string

// The components, named as in the original.
const (
	GatewayServer Component = "GatewayServer" // the process, its configuration and administration
	GatewayLogic  Component = "GatewayLogic"  // reading and deciding requests
	TCPConnection Component = "TcpConnection" // connections and tunnels
	TLSParser     Component = "TlsParser"     // watching the handshake
)

// Event is one event. The hub sets Sequence, and Time where it is zero.
type Event struct {
	Sequence   int64     // counts up from 1, also over a restart; 0 for an event that only logs get
	Time       time.Time // when it happened
	Kind       Kind
	ID         ID
	Level      Level
	Component  Component
	Connection int64         // number of the client connection (and of its tunnel), 0 if there is none
	Text       string        // "" of a Summary
	Summary    *Summary      // of the canonical line of a tunnel, which each output formats by itself; read only
	Reason     reason.Reason // "" if there is none
	Fields     []Field       // the parts of the text by name; never a secret

	repeat    repeatOf // what makes a repeat of it, zero for an event that is never collapsed
	logOnly   bool     // for the outputs, not for the rings
	changedBy string   // who has changed something by hand; "" for an event of another kind
}

// Field is a named part of an event's text.
type Field struct {
	Name, Value string
}

// Sink takes events. Emit never blocks.
type Sink interface {
	Emit(Event)
}

// Client is the client connection that an event is about.
type Client struct {
	Connection int64          // number of the connection, which its log lines and its tunnel share
	Addr       netip.AddrPort // where it comes from
}

// String is ip:port, an IPv4 address always as such.
func (c Client) String() string {
	return netip.AddrPortFrom(c.Addr.Addr().Unmap(), c.Addr.Port()).String()
}

// about makes e an event about c, with the field "client" first.
func (c Client) about(e Event) Event {
	e.Connection = c.Connection
	e.Fields = append([]Field{{"client", c.String()}}, e.Fields...)
	return e
}

// refusing is about for a refusal or failure, whose repeats for one client address, host and reason are collapsed.
func (c Client) refusing(host string, e Event) Event {
	e.repeat = repeatOf{client: c.Addr.Addr().Unmap(), about: host}
	return c.about(e)
}

// partsOf are the fields of an event about err: the given ones, the parts of err under their own names, sorted, and without a reason the
// whole text as "error".
func partsOf(err error, given ...Field) []Field {
	why := reason.From(err)
	if why == nil {
		return append(given, Field{"error", err.Error()})
	}
	for _, name := range slices.Sorted(maps.Keys(why.Parts)) {
		if !slices.ContainsFunc(given, func(f Field) bool { return f.Name == name }) {
			given = append(given, Field{name, why.Parts[name]})
		}
	}
	if why.Err != nil {
		given = append(given, Field{"error", why.Err.Error()})
	}
	return given
}
