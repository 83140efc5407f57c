package forward

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/splice"
)

// maxHead is the largest request head in bytes, from the first byte to the empty line: 16 KiB, which is all that an engine that accepts
// shows of it, so that the same limit holds everywhere.
const maxHead = splice.MaxFirst

// head is the head of one request (RFC 9112 sections 2 to 5).
type head struct {
	method  string
	target  string // as it was sent: an authority for CONNECT (RFC 9110 section 9.3.6)
	proto   string
	headers []event.Header
	hasBody bool // as it says itself, whether or not a body follows
}

// values are those of all headers with this name, as one list.
func (h head) values(name string) string {
	var values []string
	for _, field := range h.headers {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	return strings.Join(values, ", ")
}

// errNoByte says that the connection ended, or its time ran out, before it sent anything, as the probes of load balancers do.
var errNoByte = errors.New("no byte was sent")

// readHead reads one request head from conn into buf, whose length bounds it, until its deadline, and calls heard whenever bytes have
// come. Those behind the head are returned as rest, which is a part of buf. A head that cannot be read is a *reason.Error; a
// connection that breaks is the error of the read.
func readHead(conn io.Reader, buf []byte, heard func()) (h head, rest []byte, err error) {
	filled, checked := 0, 0
	for {
		n, readErr := conn.Read(buf[filled:])
		if n > 0 {
			heard()
		}
		filled += n
		end, err := scanHead(buf[:filled], checked)
		if err != nil {
			return head{}, nil, err
		}
		if end > 0 {
			h, err := parseHead(buf[:end])
			return h, buf[end:filled], err
		}
		checked = filled
		switch {
		case filled == len(buf):
			return head{}, nil, reason.New(reason.RequestTooLarge, "limit", strconv.Itoa(len(buf)))
		case readErr == nil:
		case filled == 0:
			return head{}, nil, errNoByte
		case isTimeout(readErr):
			return head{}, nil, reason.New(reason.RequestTimeout)
		case errors.Is(readErr, io.EOF):
			return head{}, nil, unreadable("it ends before the empty line")
		default:
			return head{}, nil, readErr
		}
	}
}

// scanHead looks for the end of the head in data, of which the first checked bytes were looked at before. It returns the offset
// behind the empty line, or 0 if that has not come. What can never become a head is an error at once, so that a client that
// speaks something else (TLS, SSH) is not waited for.
func scanHead(data []byte, checked int) (end int, err error) {
	for i := checked; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\n':
			if i == 0 || data[i-1] != '\r' {
				return 0, unreadable("a line ends with LF instead of CRLF")
			}
			if i >= 3 && data[i-2] == '\n' {
				return i + 1, nil
			}
		case i > 0 && data[i-1] == '\r':
			return 0, unreadable("it has a CR inside a line")
		case c == '\r' || c == '\t':
		case c < ' ' || c == 0x7f:
			return 0, unreadable("it has a control character; the proxy port expects plain HTTP")
		}
	}
	return 0, nil
}

// parseHead takes a head apart; data ends with the empty line and has passed scanHead.
func parseHead(data []byte) (head, error) {
	lines := strings.Split(string(data[:len(data)-4]), "\r\n")
	method, after, ok1 := strings.Cut(lines[0], " ")
	target, proto, ok2 := strings.Cut(after, " ")
	h := head{method: method, target: strings.Clone(target), proto: proto} // an open tunnel keeps the target, but not the head
	switch {
	case !ok1 || !ok2 || !isToken(method) || target == "" || strings.ContainsAny(target, "\t"):
		return head{}, unreadable("the first line is not METHOD TARGET HTTP/1.1")
	case proto != "HTTP/1.1" && proto != "HTTP/1.0":
		return head{}, unreadable("the version is not HTTP/1.0 or HTTP/1.1")
	}
	h.headers = make([]event.Header, 0, len(lines)-1)
	hosts := 0
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return head{}, unreadable("a header line is not Name: value")
		}
		value = strings.Trim(value, " \t")
		h.headers = append(h.headers, event.Header{Name: name, Value: value})
		switch {
		case strings.EqualFold(name, "Host"):
			hosts++
		case strings.EqualFold(name, "Transfer-Encoding"), strings.EqualFold(name, "Content-Length") && !isZero(value):
			h.hasBody = true
		}
	}
	if hosts > 1 {
		return head{}, unreadable("it has more than one Host header")
	}
	return h, nil
}

// isZero reports whether s is the number 0 in one or more digits (RFC 9110 section 8.6).
func isZero(s string) bool { return s != "" && strings.Trim(s, "0") == "" }

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			continue
		}
		if strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func unreadable(problem string) error { return reason.New(reason.RequestInvalid, "problem", problem) }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
