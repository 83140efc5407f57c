package forward

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// ReasonHeader is the header of a refusal that carries its reason.
const ReasonHeader = "OMS-Gateway-Reason"

// established is the answer to an allowed CONNECT, in the words that the original uses.
const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// Bounds of the lingering close.
const (
	lingerBytes = 64 << 10
	lingerTime  = 2 * time.Second
)

// statuses has the HTTP status of each reason for which the data path refuses a request.
var statuses = map[reason.Reason]int{
	reason.MethodNotAllowed:               http.StatusMethodNotAllowed,
	reason.RequestInvalid:                 http.StatusBadRequest,
	reason.RequestTooLarge:                http.StatusBadRequest,
	reason.RequestTimeout:                 http.StatusBadRequest,
	reason.RequestBody:                    http.StatusBadRequest,
	reason.AuthorityInvalid:               http.StatusBadRequest,
	reason.HostNotAllowed:                 http.StatusForbidden,
	reason.PortNotAllowed:                 http.StatusForbidden,
	reason.AddressNotAllowed:              http.StatusForbidden,
	reason.TargetNotFound:                 http.StatusBadGateway,
	reason.TargetUnreachable:              http.StatusBadGateway,
	reason.TargetTimeout:                  http.StatusGatewayTimeout,
	reason.RelayIsGateway:                 http.StatusBadGateway,
	reason.RelayLoop:                      http.StatusBadGateway,
	reason.RelayPasswordLost:              http.StatusBadGateway,
	reason.RelayNotFound:                  http.StatusBadGateway,
	reason.RelayUnreachable:               http.StatusBadGateway,
	reason.RelayTimeout:                   http.StatusGatewayTimeout,
	reason.RelayTLSFailed:                 http.StatusBadGateway,
	reason.RelayNotTrusted:                http.StatusBadGateway,
	reason.RelayForbidden:                 http.StatusBadGateway,
	reason.RelayAuthenticationMissing:     http.StatusBadGateway,
	reason.RelayAuthenticationRefused:     http.StatusBadGateway,
	reason.RelayAuthenticationUnsupported: http.StatusBadGateway,
	reason.RelayFailed:                    http.StatusBadGateway,
	reason.RelayRefused:                   http.StatusBadGateway,
	reason.RelayAnswerInvalid:             http.StatusBadGateway,
	reason.RelayClosed:                    http.StatusBadGateway,
	reason.RelaySilent:                    http.StatusGatewayTimeout,
	reason.ResourcesExhausted:             http.StatusServiceUnavailable,
	reason.TooManyConnections:             http.StatusServiceUnavailable,
	reason.TooManyRequestHeads:            http.StatusServiceUnavailable,
	reason.TooManyClientHeads:             http.StatusServiceUnavailable,
	reason.TooManyClientConnection:        http.StatusServiceUnavailable,
	reason.TooManyHandshakes:              http.StatusServiceUnavailable,
	reason.GatewayStopping:                http.StatusServiceUnavailable,
}

// refusal is the whole answer to a refused request. An error without a known reason shows nothing of itself.
func refusal(err error) string {
	why, text := reason.GatewayFault, reason.GatewayFault.Text(nil)
	status, known := statuses[reason.Of(err)]
	if known {
		refused := reason.From(err)
		why, text = refused.Reason, refused.Reason.Text(refused.Parts)
	} else {
		status = http.StatusInternalServerError
	}
	allow := ""
	if status == http.StatusMethodNotAllowed {
		allow = "Allow: CONNECT\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%s%s: %s\r\n%s", status, http.StatusText(status), allow, ReasonHeader, why, body(text))
}

// healthy is the answer to a probe of a load balancer; HEAD gets no body, but its length.
func healthy(method string) string {
	answer := "HTTP/1.1 200 OK\r\n" + body("ok")
	if method == http.MethodHead {
		return answer[:len(answer)-len("ok\n")]
	}
	return answer
}

// body is the end of a head with text as the body behind it.
func body(text string) string {
	return fmt.Sprintf("Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n", len(text)+1, text)
}

// answerAndClose sends the last answer and closes conn so that the client can read it.
func answerAndClose(conn net.Conn, answer string) {
	if conn.SetWriteDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.WriteString(conn, answer)
	}
	lingerAndClose(conn, lingerTime)
}

// lingerAndClose closes conn so that the peer can read what was written last: closing a socket that still holds unread bytes would
// reset the connection and take that away (RFC 9112 section 9.6). It takes no longer than limit.
func lingerAndClose(conn net.Conn, limit time.Duration) {
	defer conn.Close()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || conn.SetReadDeadline(time.Now().Add(limit)) != nil || half.CloseWrite() != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, lingerBytes)
}
