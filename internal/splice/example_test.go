package splice_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// Two connections are joined, of which one has been read from before. The client finishes, which the target sees, and answers all the
// same; then the owner is told what became of the pair.
func Example() {
	engine, err := splice.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	client, fromClient := connected()
	defer client.Close()
	target, toTarget := connected()
	defer target.Close()
	ended := make(results, 1)
	engine.Join(fromClient, toTarget, splice.Options{ClientHead: []byte("one, "), Idle: time.Minute, Owner: ended})

	_, _ = io.WriteString(client, "two")
	_ = client.CloseWrite()
	asked, err := io.ReadAll(target)
	fmt.Printf("the target reads %q to the end, %v\n", asked, err)
	_, _ = io.WriteString(target, "three")
	_ = target.Close()
	answer, err := io.ReadAll(client)
	fmt.Printf("the client reads %q to the end, %v\n", answer, err)

	r := <-ended
	fmt.Println(r.End, r.Sent, r.Received)
	// Output:
	// the target reads "one, two" to the end, <nil>
	// the client reads "three" to the end, <nil>
	// finished 8 5
}

// Each chunk is put to an inspection before it is forwarded. Of one that is refused the target gets nothing, and the client an alert.
func ExampleInspection() {
	engine, err := splice.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	client, fromClient := connected()
	defer client.Close()
	target, toTarget := connected()
	defer target.Close()
	ended := make(results, 1)
	engine.Join(fromClient, toTarget, splice.Options{Inspection: greeting("hello"), InspectionLimit: time.Minute, Owner: ended})

	_, _ = io.WriteString(client, "good morning")
	nothing, err := io.ReadAll(target)
	fmt.Printf("the target reads %q to the end, %v\n", nothing, err)
	r := <-ended
	_ = r.Left.Client.Close()
	alert, err := io.ReadAll(client)
	fmt.Printf("the client reads %q to the end, %v\n", alert, err)
	fmt.Println(r.End, r.Sent, r.Received)
	// Output:
	// the target reads "" to the end, <nil>
	// the client reads "say hello first" to the end, <nil>
	// refused 0 0
}

// greeting is an inspection that wants the client's first chunk to begin with it, and then looks at nothing more.
type greeting string

func (g greeting) Chunk(from splice.Side, chunk []byte) splice.Verdict {
	switch {
	case from == splice.Target:
		return splice.Verdict{Action: splice.Pass}
	case bytes.HasPrefix(chunk, []byte(g)):
		return splice.Verdict{Action: splice.PassAll}
	}
	return splice.Verdict{Action: splice.Refuse, Alert: []byte("say " + string(g) + " first")}
}

func (greeting) End(splice.Side) splice.Verdict { return splice.Verdict{Action: splice.Pass} }
func (greeting) Late() splice.Verdict           { return splice.Verdict{Action: splice.Refuse} }

// results are an owner that hands on what it is told.
type results chan splice.Result

func (r results) Ended(result splice.Result) { r <- result }
func (results) Fallback(error)               {}

// connected are the two ends of a TCP connection.
func connected() (one, other *net.TCPConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		panic(err)
	}
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}
