package forward_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/server/forward"
)

// FuzzHead checks that a head is read the same however it is cut, that every refusal has a reason, and that what is accepted means
// the same to another reader: net/http.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\nUser-Agent: curl/7.37.0\r\n\r\n\x16\x03\x01",
		"CONNECT [2001:db8::1]:443 HTTP/1.0\r\nProxy-Authorization: Basic eDp5\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\nHost: a\n\n",
		"CONNECT a:443 HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n",
		"\x16\x03\x01\x02\x00",
	} {
		f.Add([]byte(seed), 7)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		method, target, rest, done, err := forward.ParseHead(data)
		if cut > 0 && cut < len(data) {
			method2, target2, rest2, done2, err2 := forward.ParseHead(data, cut)
			if method != method2 || target != target2 || !bytes.Equal(rest, rest2) || done != done2 || (err == nil) != (err2 == nil) {
				t.Fatalf("cut at %d: %q %q %v %v, whole: %q %q %v %v", cut, method2, target2, done2, err2, method, target, done, err)
			}
		}
		if err != nil {
			if reason.Of(err) == "" {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		if !done {
			return
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			return // stricter than we are: it parses the target as a URL, and values of headers that mean nothing to us
		}
		if request.Method != method || request.RequestURI != target {
			t.Fatalf("read %q %q, net/http reads %q %q", method, target, request.Method, request.RequestURI)
		}
		if strings.ContainsAny(method+target, " \r\n\x00") {
			t.Fatalf("%q %q has a delimiter inside", method, target)
		}
	})
}
