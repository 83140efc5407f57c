package forward_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/server/forward"
)

// dialFrom connects to the server from an address of loopback.
func (r *rig) dialFrom(from string) *net.TCPConn {
	r.t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// until waits for something.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !is(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: %+v", what, r.server.Left())
		}
	}
}

// TestRequestHeadsGiveWay has a client take all places of request heads, and another one come.
func TestRequestHeadsGiveWay(t *testing.T) {
	const places = 4
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { in.Limits.MaxRequestHeads = places })
		begin := func(from string, waiting int64) *net.TCPConn {
			conn := r.dialFrom(from)
			if _, err := io.WriteString(conn, request[:7]); err != nil {
				t.Fatal(err)
			}
			r.until("a request has begun", func() bool { return r.server.Left().Heads == waiting })
			return conn
		}
		var held []*net.TCPConn
		for n := range int64(places) {
			held = append(held, begin("127.0.0.2", n+1))
		}
		refused := r.dialFrom("127.0.0.2")
		if _, err := io.WriteString(refused, "C"); err != nil {
			t.Fatal(err)
		}
		if resp := r.answer(refused); resp.StatusCode != 503 || resp.Header.Get(forward.ReasonHeader) != string(reason.TooManyClientHeads) {
			t.Errorf("one more of the client gets %d %v", resp.StatusCode, resp.Header)
		}
		other := begin("127.0.0.3", places)
		if resp := r.answer(held[0]); resp.StatusCode != 503 || resp.Header.Get(forward.ReasonHeader) != string(reason.EndedForRoom) {
			t.Errorf("the one that waits longest gets %d %v", resp.StatusCode, resp.Header)
		}
		ended := r.sink.wait(t, "of the end", func(e event.Event) bool { return e.Reason == reason.EndedForRoom })
		if ended.ID != event.Fault {
			t.Errorf("event %d %s", ended.ID, ended.Text)
		}
		if counts := r.counters.Snapshot(); counts.Refused[reason.EndedForRoom] != 1 || counts.Rejections != 0 {
			t.Errorf("counted %+v", counts)
		}
		for _, conn := range append(held[1:], other) {
			if _, err := io.WriteString(conn, request[7:]); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, len(established))
			if _, err := io.ReadFull(conn, answer); err != nil {
				t.Errorf("one that may stay reads %q, %v", answer, err)
			}
		}
		for range places {
			peer := <-target.peers
			t.Cleanup(func() { _ = peer.Close() })
		}
	})
}

// tunnelFrom opens a tunnel from an address of loopback.
func (r *rig) tunnelFrom(from string, target raw) pair {
	r.t.Helper()
	conn := r.dialFrom(from)
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	answer := make([]byte, len(established))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != established {
		r.t.Fatalf("the answer is %q, %v", answer, err)
	}
	peer := <-target.peers
	r.t.Cleanup(func() { _ = peer.Close() })
	_ = peer.SetDeadline(time.Now().Add(patience))
	return pair{r.t, [2]*net.TCPConn{client: conn, server: peer}}
}

// TestHandshakesGiveWay has a client take all places of handshakes, and another one come: the one ends that has waited longest, and a
// tunnel whose handshake is over never does.
func TestHandshakesGiveWay(t *testing.T) {
	const places = 4
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) {
			in.Limits.MaxHandshakes, in.Limits.HelloTimeout = places, 10*patience // of which a fifth is left
		})
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		open := r.tunnelFrom("127.0.0.2", target)
		open.play(turns...)
		r.until("a tunnel is open", func() bool { return r.server.Left().Handshakes == 0 })
		var held []pair
		for range places {
			held = append(held, r.tunnelFrom("127.0.0.2", target))
		}
		held[0].play(turns[0])
		<-time.After(300 * time.Millisecond) // what is closer together has no order
		held[1].play(turns[0])
		held[0].play(turns[1])

		other := r.tunnelFrom("127.0.0.3", target)
		held[2].expectOver(client)
		held[2].expectOver(server)
		ended := r.sink.wait(t, "of the end", func(e event.Event) bool { return e.Reason == reason.EndedForRoom })
		if ended.ID != event.Fault {
			t.Errorf("event %d %s", ended.ID, ended.Text)
		}
		r.sink.wait(t, "canonical", summary("decision=allowed reason=ENDED_FOR_ROOM"))
		r.sink.wait(t, "canonical", summary(" end=closed"))
		if counts := r.counters.Snapshot(); counts.Refused[reason.EndedForRoom] != 1 || counts.Rejections != 0 {
			t.Errorf("counted %+v", counts)
		}
		held[0].play(turns[2:]...)
		held[1].play(turns[1:]...)
		held[3].play(turns...)
		other.play(turns...)
		for _, p := range []pair{open, held[0], held[1], held[3], other} {
			p.pass(client, []byte("all stay"))
			p.pass(server, []byte("as they are"))
		}
	})
}

// TestHandshakeEndedInPieces ends a handshake for room that goroutines watch.
func TestHandshakeEndedInPieces(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { in.Limits.MaxHandshakes = 1 })
		p := r.tunnelFrom("127.0.0.2", target)
		_ = p.server().CloseWrite() // an end is none that goes simply well
		p.expectEnd(client, nil)
		r.tunnelFrom("127.0.0.3", target)
		p.expectOver(server)
		r.sink.wait(t, "canonical", summary(" end=closed"))
		r.sink.wait(t, "of the end", func(e event.Event) bool { return e.Reason == reason.EndedForRoom })
	})
}

// TestClientThatSaysNothing has a tunnel end soon in which no hello begins, and one stay in which it has.
func TestClientThatSaysNothing(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { in.Limits.HelloTimeout = time.Second })
		clientConfig, serverConfig := configs(t)
		turns := converse(t, clientConfig, serverConfig)
		slow := r.tunnel(target)
		slow.pass(client, turns[0].data[:1])
		silent := r.tunnel(target)
		silent.expectOver(client)
		silent.expectOver(server)
		r.expectRefusal(refusal{event.TLSRefused, reason.TLSHelloTimeout, refusedBecause + "the client had sent nothing 1 seconds after its tunnel was opened"})
		slow.pass(client, turns[0].data[1:])
		slow.play(turns[1:]...)
		slow.pass(client, []byte("still open"))
	})
}

// TestManyGiveWay has far more clients than there are places come at the same time, and go in all ways: whoever is not ended is served,
// and nothing is left.
func TestManyGiveWay(t *testing.T) {
	const clients, tunnels = 8, 40
	overEngines(t, func(t *testing.T, start starter) {
		target := startTarget(t, nil)
		r := start(t, target, func(in *policy.Input) {
			in.Limits.MaxConnections, in.Limits.MaxHandshakes, in.Limits.MaxRequestHeads = 1000, 3, 3
		})
		done := make(chan int, clients)
		for n := range clients {
			go func() {
				passed := 0
				for range tunnels {
					passed += r.tryTunnel(net.IPv4(127, 0, 0, byte(2+n)))
				}
				done <- passed
			}()
		}
		passed := 0
		for range clients {
			passed += <-done
		}
		if passed == 0 {
			t.Error("nobody was served")
		}
		r.until("everything is given back", func() bool { return r.server.Left() == forward.Left{} })
	})
}

// tryTunnel opens a tunnel, has a line answered in it, and returns 1 if that has worked. The request comes in two pieces.
func (r *rig) tryTunnel(from net.IP) int {
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: from}}
	conn, err := d.Dial("tcp", r.address)
	if err != nil {
		r.t.Error(err)
		return 0
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request[:9]); err != nil {
		return 0
	}
	secure := r.secure(conn.(*net.TCPConn), request[9:], nil)
	if _, err := io.WriteString(secure, "hello"); err != nil {
		return 0
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(secure, got); err != nil {
		return 0
	}
	if !bytes.Equal(got, []byte("hello")) {
		r.t.Errorf("got %q", got)
	}
	return 1
}
