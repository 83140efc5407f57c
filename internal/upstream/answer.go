package upstream

import (
	"bytes"
	"errors"
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
	fields []byte // the lines of the header fields
	rest   []byte // what came behind the head
}

// invalidAnswer is what is wrong with something that is no answer.
type invalidAnswer string

func (e invalidAnswer) Error() string { return string(e) }

// converse sends a request and reads the answer to it.
func converse(conn net.Conn, request string) (answer, error) {
	_, failed := io.WriteString(conn, request)
	buf := make([]byte, 0, 1<<10)
	for {
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		a, complete, wrong := parseAnswers(buf)
		switch {
		case wrong != nil:
			return answer{}, wrong
		case complete:
			return a, nil
		case err != nil && failed != nil:
			return answer{}, failed // a relay proxy may refuse, and say so, without reading all
		case errors.Is(err, io.EOF) && len(buf) > 0:
			return answer{}, io.ErrUnexpectedEOF
		case err != nil:
			return answer{}, err
		case len(buf) == maxAnswer:
			return answer{}, invalidAnswer(fmt.Sprintf("its head is larger than %d bytes", maxAnswer))
		case len(buf) == cap(buf):
			buf = append(make([]byte, 0, min(2*cap(buf), maxAnswer)), buf...)
		}
	}
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
	line, _, found := bytes.Cut(b, []byte("\n"))
	if !found {
		return answer{}, 0, nil
	}
	line, found = bytes.CutSuffix(line, []byte("\r"))
	if !found {
		return answer{}, 0, invalidAnswer("its first line ends without CR")
	}
	minor, rest, _ := bytes.Cut(line[len(version):], []byte(" "))
	code, phrase, spaced := bytes.Cut(rest, []byte(" "))
	status, ok := statusOf(code)
	if !ok || string(minor) != "0" && string(minor) != "1" || !spaced && len(phrase) > 0 {
		return answer{}, 0, invalidAnswer("its first line is no status line")
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return answer{}, 0, nil
	}
	return answer{status: status, phrase: string(phrase), fields: b[len(line)+2 : end+2]}, end + 4, nil
}

// statusOf reads three digits (RFC 9112, section 4), the first of which is 1 to 5 (RFC 9110, section 15).
func statusOf(code []byte) (int, bool) {
	if len(code) != 3 || code[0] < '1' || code[0] > '5' {
		return 0, false
	}
	status, err := strconv.ParseUint(string(code), 10, 16)
	return int(status), err == nil
}

// interim tells whether another answer follows. A switch of protocols (101) is none: nobody asked for it.
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

// values are those of the fields with this name, which ignores case.
func (a answer) values(name string) (values []string) {
	for line := range strings.SplitSeq(string(a.fields), "\r\n") {
		if n, value, found := strings.Cut(line, ":"); found && strings.EqualFold(n, name) {
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
