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

// statusOf returns the HTTP status of a request that is refused for r, which follows from its class. It is 500 for a reason with which
// no request is meant to be refused.
func statusOf(r reason.Reason) int {
	switch r.Class() {
	case reason.ClassRequest:
		return http.StatusBadRequest
	case reason.ClassMethod:
		return http.StatusMethodNotAllowed
	case reason.ClassForbidden:
		return http.StatusForbidden
	case reason.ClassTarget, reason.ClassRelay, reason.ClassRelayLoop:
		return http.StatusBadGateway
	case reason.ClassTimeout:
		return http.StatusGatewayTimeout
	case reason.ClassOverload, reason.ClassStopping:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// refusal is the whole answer to a refused request. One that is not meant for a request shows nothing of itself.
func refusal(err error) string {
	refused := reason.From(err)
	status := statusOf(reason.Of(err))
	if status == http.StatusInternalServerError {
		refused = reason.New(reason.GatewayFault)
	}
	allow := ""
	if status == http.StatusMethodNotAllowed {
		allow = "Allow: CONNECT\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%s%s: %s\r\n%s", status, http.StatusText(status), allow, ReasonHeader, refused.Reason,
		body(refused.Reason.Text(refused.Parts)))
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

// answerAndClose sends the last answer and closes conn so that the client can read it. Each of the two takes no longer than limit.
func answerAndClose(conn net.Conn, answer string, limit time.Duration) {
	if conn.SetWriteDeadline(time.Now().Add(limit)) == nil {
		_, _ = io.WriteString(conn, answer)
	}
	lingerAndClose(conn, limit)
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
