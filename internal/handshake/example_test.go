package handshake_test

import (
	"fmt"

	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Each chunk is fed before it is forwarded. What is no TLS is refused at its first wrong byte, and nothing of it has left.
func Example() {
	w := handshake.New(handshake.Config{Host: "a.example.com"})
	defer w.Close()
	_, err := w.Feed(handshake.FromClient, []byte("SSH-2.0-OpenSSH_9.2\r\n"))
	fmt.Println(reason.Of(err))
	fmt.Println(w.State() == handshake.Refused)
	// Output:
	// TLS_NOT_SPOKEN
	// true
}
