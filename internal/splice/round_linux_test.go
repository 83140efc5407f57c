package splice_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// TestGoRound has a loop hang in a reception.
func TestGoRound(t *testing.T) {
	made, err := splice.New()
	if err != nil {
		t.Fatal(err)
	}
	e := made.(splice.Accepter)
	e.GoRound()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hanging, goOn := make(chan struct{}), make(chan struct{})
	accepted := make(chan error, 1)
	go func() {
		accepted <- e.Accept(t.Context(), l.(*net.TCPListener), func(netip.AddrPort, []byte) splice.Plan {
			close(hanging)
			<-goOn
			return splice.Plan{}
		})
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-hanging
	round := make(chan struct{})
	go func() {
		e.GoRound()
		close(round)
	}()
	for range 1000 { // it has every chance to return
		runtime.Gosched()
	}
	select {
	case <-round:
		t.Error("it returned while a loop hangs")
	default:
	}
	close(goOn)
	<-round

	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	<-accepted
	e.GoRound() // returns also when there are no loops any more
}
