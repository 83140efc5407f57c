package upstream_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

// FuzzAnswer feeds what a relay proxy may send: it is understood the same in whatever pieces it comes, and what it says cannot get out
// of the texts.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 Connection established\r\n\r\nand more"), true)
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 403\r\nX-Squid-Error: ERR 0\r\n\r\n"), false)
	f.Add([]byte("HTTP/1.1 407 no\r\nProxy-Authenticate: Digest realm=\"a, \\\" b\", x=1, Basic\r\n\r\n"), true)
	f.Add([]byte("HTTP/1.1 502 Bad Gateway\r\nOMS-Gateway-Reason: TARGET_NOT_FOUND\r\n\r\n"), false)
	f.Add([]byte("HTTP/1.1 407 no\r\nProxy-Authenticate: NTLM,\n\tBasic\n\r\n\n"), false)
	f.Add([]byte("\x15\x03\x01\x00\x02\x02\x46"), false)
	f.Fuzz(func(t *testing.T, data []byte, sent bool) {
		if len(data) > 4<<10 {
			return
		}
		why, parts, rest, complete, err := upstream.ParseAnswers(data, sent)
		if err != nil {
			if invalid, ok := errors.AsType[upstream.InvalidAnswer](err); !ok || complete || invalid == "" {
				t.Fatalf("complete %v, %v", complete, err)
			}
			return
		}
		if !bytes.HasSuffix(data, rest) || !complete && rest != nil {
			t.Fatalf("behind the answer stands %q", rest)
		}
		if why != "" && reason.New(why).Error() == string(why) {
			t.Fatalf("%s is no reason", why)
		}
		for _, part := range parts {
			if len(part) > 4000 || printable.Escaped(part) != part {
				t.Fatalf("the part %q", part)
			}
		}
		if !complete {
			return
		}
		// Every beginning up to the end of the head is incomplete, and none is wrong.
		for end := range len(data) - len(rest) {
			if _, _, _, early, err := upstream.ParseAnswers(data[:end], sent); early || err != nil {
				t.Fatalf("after %d bytes: complete %v, %v", end, early, err)
			}
		}
	})
}
