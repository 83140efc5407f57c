package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// maxAnswer bounds what is read of a relay proxy's answer, in bytes: interim answers, the head, and what follows it in one piece.
const maxAnswer = 16 << 10

// answer is what a relay proxy answers to CONNECT.
type answer struct {
	status int
	phrase string // as it came; may be empty
	fields []byte // the lines of the header fields, up to the empty one
	rest   []byte // what came behind the head
}

// invalidAnswer is what is wrong with something that is no answer.
type invalidAnswer string

func (e invalidAnswer) Error() string { return string(e) }

// converse sends a request and reads the answer to it. An error comes with the beginning of what was sent, "" if that is nothing.
func converse(conn net.Conn, request string) (a answer, beginning string, err error) {
	_, failed := io.WriteString(conn, request)
	buf := make([]byte, 0, 1<<10)
	for {
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		a, complete, wrong := parseAnswers(buf)
		switch {
		case wrong != nil:
			return answer{}, beginningOf(buf), wrong
		case complete:
			return a, "", nil
		case err != nil && failed != nil:
			return answer{}, beginningOf(buf), failed // a relay proxy may refuse, and say so, without reading all
		case err != nil:
			return answer{}, beginningOf(buf), err
		case len(buf) == maxAnswer:
			return answer{}, beginningOf(buf), invalidAnswer(fmt.Sprintf("its head is larger than %d bytes", maxAnswer))
		case len(buf) == cap(buf):
			buf = append(make([]byte, 0, min(2*cap(buf), maxAnswer)), buf...)
		}
	}
}

// beginningOf is the first bytes of b as a text may show them.
func beginningOf(b []byte) string {
	const most = 64
	if len(b) <= most {
		return printable.Escaped(string(b))
	}
	return printable.Escaped(string(b[:most])) + "..."
}

// parseAnswers reads the final answer in b, which interim ones may precede (RFC 9110, section 15.2).
func parseAnswers(b []byte) (a answer, complete bool, err error) {
	for {
		a, size, err := parseAnswer(b)
		if err != nil || size == 0 {
			return answer{}, false, err
		}
		b = b[size:]
		if !a.interim() {
			a.rest = b
			return a, true, nil
		}
	}
}

// parseAnswer reads the head at the beginning of b, which is size bytes long; size is 0 if it is not complete yet. What cannot become
// an answer any more is refused at once.
func parseAnswer(b []byte) (a answer, size int, err error) {
	const version = "HTTP/1."
	if n := min(len(b), len(version)); string(b[:n]) != version[:n] {
		if b[0] == 0x15 || b[0] == 0x16 { // a TLS record with an alert or a handshake message
			return answer{}, 0, invalidAnswer("it begins in TLS; set its address with https://")
		}
		return answer{}, 0, invalidAnswer("it does not begin with HTTP/1.0 or HTTP/1.1")
	}
	line, fields, found := bytes.Cut(b, []byte("\n"))
	if !found {
		return answer{}, 0, nil
	}
	minor, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\r"))[len(version):], []byte(" "))
	code, phrase, spaced := bytes.Cut(rest, []byte(" "))
	status, ok := statusOf(code)
	if !ok || string(minor) != "0" && string(minor) != "1" || !spaced && len(phrase) > 0 {
		return answer{}, 0, invalidAnswer("its first line is no status line")
	}
	size = headSize(b)
	head := b[:size]
	if size == 0 {
		head = bytes.TrimSuffix(b, []byte("\r")) // of which LF may come
	}
	if bytes.Count(head, []byte("\r")) != bytes.Count(head, []byte("\r\n")) {
		return answer{}, 0, invalidAnswer("it has a CR inside a line")
	}
	if size == 0 {
		return answer{}, 0, nil
	}
	return answer{status: status, phrase: string(phrase), fields: fields[:size-len(line)-1]}, size, nil
}

// headSize is the size of the head at the beginning of b with the empty line that ends it, or 0 if that has not come. A line ends with
// CRLF or with LF alone, also in turns (RFC 9112, section 2.2): where the head ends is the same for everybody who reads on.
func headSize(b []byte) int {
	size := 0
	for _, end := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(b, []byte(end)); i >= 0 && (size == 0 || i+len(end) < size) {
			size = i + len(end)
		}
	}
	return size
}

// statusOf reads three digits (RFC 9112, section 4), the first of which is 1 to 5 (RFC 9110, section 15).
func statusOf(code []byte) (int, bool) {
	if len(code) != 3 || code[0] < '1' || code[0] > '5' {
		return 0, false
	}
	status, err := strconv.ParseUint(string(code), 10, 16)
	return int(status), err == nil
}

// interim reports whether another answer follows. A switch of protocols (101) is none: nobody asked for it.
func (a answer) interim() bool { return a.status < 200 && a.status != 101 }

// refusal is the reason for which a does not open a tunnel, with parts of its text, or "" if it does, as every 2xx: what its fields say
// of a body is to be ignored then (RFC 9110, section 9.3.6).
func (a answer) refusal(credentialsSent bool) (why reason.Reason, parts []string) {
	parts = []string{"answer", a.shown()}
	switch {
	case a.status/100 == 2:
		return "", nil
	case a.status == 403:
		return reason.RelayForbidden, parts
	case a.status == 407:
		schemes, basic := schemesOf(a.values("Proxy-Authenticate"))
		switch {
		case len(schemes) > 0 && !basic:
			return reason.RelayAuthenticationUnsupported, append(parts, "schemes", strings.Join(schemes, ", "))
		case credentialsSent:
			return reason.RelayAuthenticationRefused, parts
		}
		return reason.RelayAuthenticationMissing, parts
	case a.status/100 == 5:
		return reason.RelayFailed, parts
	}
	return reason.RelayRefused, parts
}

// shown is the status and what is known to tell the cause: another gateway's reason, or the error of a Squid.
func (a answer) shown() string {
	text := strings.TrimSpace(strconv.Itoa(a.status) + " " + visible(a.phrase))
	for _, name := range []string{"OMS-Gateway-Reason", "X-Squid-Error"} {
		if values := a.values(name); len(values) > 0 {
			text += ", " + visible(values[0])
		}
	}
	return text
}

// visible is what somebody else wrote as our texts may show it.
func visible(s string) string { return printable.Typed(s, 100) }

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// values are those of the fields with this name, which ignores case. A line that begins with white space goes on with the field
// before it (RFC 9112, section 5.2).
func (a answer) values(name string) (values []string) {
	named := false // whether the field is one of them
	for line := range strings.Lines(string(a.fields)) {
		if line[0] == ' ' || line[0] == '\t' {
			if named {
				values[len(values)-1] += " " + strings.TrimSpace(line)
			}
			continue
		}
		n, value, found := strings.Cut(line, ":")
		if named = found && strings.EqualFold(n, name); named {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// schemesOf names the schemes in the values of Proxy-Authenticate (RFC 9110, section 11.7.1), at most a few. A value may have several
// challenges, each "SCHEME [PARAMETER=VALUE, ...]", so that a word counts as a scheme that begins a list element and is no parameter.
func schemesOf(values []string) (schemes []string, basic bool) {
	const most = 8
	for _, value := range values {
		for _, element := range elements(value) {
			scheme, _, _ := strings.Cut(element, " ")
			if scheme == "" || strings.Contains(scheme, "=") {
				continue
			}
			basic = basic || strings.EqualFold(scheme, "Basic")
			if len(schemes) < most {
				schemes = append(schemes, visible(scheme))
			}
		}
	}
	return schemes, basic
}

// elements parts a list at the commas that stand in no quoted string.
func elements(list string) (elements []string) {
	quoted, begin := false, 0
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == ',' && !quoted:
			elements = append(elements, strings.TrimSpace(list[begin:i]))
			begin = i + 1
		case list[i] == '\\' && quoted:
			i++
		case list[i] == '"':
			quoted = !quoted
		}
	}
	return append(elements, strings.TrimSpace(list[begin:]))
}
