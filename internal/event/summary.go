package event

import (
	"strconv"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Summary is what the canonical line of a tunnel, or of a request that did not become one, tells.
type Summary struct {
	Client         Client
	Host           string // canonical; "" if the request named none
	Port           uint16
	Decision       string        // for example "allowed"
	Reason         reason.Reason // of a refusal or failure
	Entry          string        // the allowed host that let it through
	TLS            string        // version, once the session is verified
	ServerName     string        // that the client named
	Subject        string        // of the client's certificate, if it could be seen
	Sent, Received int64         // bytes from the client to the target, and back
	Dial, Total    time.Duration // how long connecting took, and all from the request to the end
	End            string        // why it ended

	repeats int // so many lines like this one were held back
}

// append appends the canonical line: key=value pairs, always all and in one order, an absent value as "-". It has printable ASCII only, or
// is escaped by the caller.
func (s *Summary) append(b []byte) []byte {
	text := func(key, value string) { b = appendValue(append(b, key...), value) }
	number := func(key string, value int64) { b = strconv.AppendInt(append(b, key...), value, 10) }
	text("client=", s.Client.String())
	text(" host=", s.Host)
	text(" port=", portText(s.Port))
	text(" decision=", s.Decision)
	text(" reason=", string(s.Reason))
	text(" entry=", s.Entry)
	text(" tls=", s.TLS)
	text(" server_name=", s.ServerName)
	text(" subject=", s.Subject)
	number(" sent=", s.Sent)
	number(" received=", s.Received)
	number(" dial_ms=", s.Dial.Milliseconds())
	text(" total_s=", strconv.FormatFloat(s.Total.Seconds(), 'f', 3, 64))
	text(" end=", s.End)
	if s.repeats > 0 {
		number(" repeats=", int64(s.repeats))
	}
	return b
}
