package forward_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
)

const mebibyte = 1 << 20

// noise is data that no two tunnels share.
func noise(seed uint64) []byte {
	data := make([]byte, mebibyte)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = source.Read(data)
	return data
}

// TestDataBehindTheHandshake has both sides send a mebibyte right behind their part of the handshake, and read late and little at a
// time, so that the engine takes over while the gateway has more than the sockets take. Every byte must arrive, once and in order.
func TestDataBehindTheHandshake(t *testing.T) {
	clientConfig, serverConfig := configs(t)
	full13 := converse(t, clientConfig, serverConfig)[:3]
	clientConfig.MaxVersion = tls.VersionTLS12
	full12 := converse(t, clientConfig, serverConfig)
	tests := map[string][]turn{
		// The client sends before it has the server's ChangeCipherSpec (false start).
		"TLS 1.2": full12,
		// The server sends before it has the client's.
		"TLS 1.2 resumed": resumed(t),
		"TLS 1.3":         full13,
	}
	for name, turns := range tests {
		t.Run(name, func(t *testing.T) {
			target := startRaw(t)
			r := start(t, target, nil)
			rounds := 30
			if testing.Short() {
				rounds = 3
			}
			for round := range rounds {
				p := r.tunnel(target)
				for _, end := range p.ends {
					_ = end.SetReadBuffer(smallBuffer)
				}
				p.carry(turns, uint64(round))
			}
			r.sink.waitFor(t, "canonical", rounds, summary(" end=finished"))
			r.expectNoRefusal()
		})
	}
}

// carry plays a conversation whose last turn of each side has a mebibyte behind it.
func (p pair) carry(turns []turn, seed uint64) {
	p.t.Helper()
	last := len(turns) - 2
	p.play(turns[:last]...)
	var running sync.WaitGroup
	defer running.Wait()
	first := turns[last].from
	data := [2][]byte{client: noise(2 * seed), server: noise(2*seed + 1)}
	answered, pushed := make(chan struct{}), make(chan struct{})
	running.Go(func() {
		p.push(first, turns[last], data[first])
		<-answered // FIN before the verdict would end the handshake
		_ = p.ends[first].CloseWrite()
	})
	running.Go(func() {
		defer close(answered)
		p.await(first, turns[last+1].data)
	})
	running.Go(func() {
		defer close(pushed)
		// The other side reads what it needs to go on, and then nothing for a while: the gateway is stuck in a write to it.
		p.await(1-first, turns[last].data)
		p.push(1-first, turns[last+1], data[1-first])
		_ = p.ends[1-first].CloseWrite()
	})
	running.Go(func() {
		<-answered
		p.expectData(first, data[1-first])
	})
	<-pushed
	p.expectData(1-first, data[first])
}

// push writes a turn and more data at once.
func (p pair) push(from handshake.Direction, turn turn, data []byte) {
	if _, err := p.ends[from].Write(append(bytes.Clone(turn.data), data...)); err != nil {
		p.t.Errorf("writing as the %s: %v", from, err)
	}
}

// expectData reads an end, little at a time, to FIN.
func (p pair) expectData(at handshake.Direction, want []byte) {
	hash := sha256.New()
	n, err := io.CopyBuffer(hash, struct{ io.Reader }{p.ends[at]}, make([]byte, 4<<10))
	if err != nil || n != int64(len(want)) || [sha256.Size]byte(hash.Sum(nil)) != sha256.Sum256(want) {
		p.t.Errorf("the %s reads %d of %d bytes, %v", at, n, len(want), err)
	}
}

// TestDataInHandWhenAClientFinishes has the client finish a session that only the server has ended the handshake of, while the gateway
// is stuck in a write to the client: a loop gives the pair up with bytes that are not written.
func TestDataInHandWhenAClientFinishes(t *testing.T) {
	turns := resumed(t)
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, nil)
		for round := range 4 {
			p := r.tunnel(target)
			_ = p.client().SetReadBuffer(smallBuffer)
			p.play(turns[:2]...)
			data := noise(uint64(round))
			var sending sync.WaitGroup
			sending.Go(func() {
				_, _ = p.server().Write(data)
				_ = p.server().CloseWrite()
			})
			for written := 0; r.receives(written + 1); written = int(r.tunnels.List(nil)[0].Received) {
			}
			_ = p.client().CloseWrite()
			p.expectEnd(server, nil)
			p.expectData(client, data)
			sending.Wait()
			r.sink.waitFor(t, "canonical", round+1, summary(" end=finished"))
			counts := fmt.Sprintf(" sent=%d received=%d ", len(turns[0].data), len(turns[1].data)+len(data))
			if r.sink.find(summary(counts)) == nil {
				t.Errorf("no line with%s", counts)
			}
		}
		r.expectNoRefusal()
	})
}

// longDial is longer than the gateway leaves a client alone while it dials.
const longDial = 1200 * time.Millisecond

// TestBytesThatComeDuringALongDial has the client's part come before, while and after the gateway watches it for the dial's sake, and
// more of it than the gateway takes meanwhile.
func TestBytesThatComeDuringALongDial(t *testing.T) {
	t.Parallel()
	clientConfig, serverConfig := configs(t)
	clientConfig.MaxVersion = tls.VersionTLS12
	offending := record(22, 1, 0, 0, 0)
	large, _ := configs(t)
	large.NextProtos = slices.Repeat([]string{strings.Repeat("p", 200)}, 100)
	type conversation struct {
		pieces [3][]byte // with the request, at once behind it, late in the dial
		after  []byte    // once the tunnel is open; nil if it is refused
	}
	inPieces := func(hello []byte) conversation {
		third, end := len(hello)/3, len(hello)-10
		return conversation{[3][]byte{hello[:10], hello[10:third], hello[third:end]}, hello[end:]}
	}
	tests := map[string]conversation{
		"small":   inPieces(converse(t, clientConfig, serverConfig)[0].data),
		"large":   inPieces(hello(t, large)),
		"refused": {[3][]byte{offending[:2], offending[2:4], offending[4:]}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := startRaw(t)
			late, sent := make(chan struct{}), make(chan struct{})
			r := start(t, dialer(func(ctx context.Context, host hostname.Target) (net.Conn, error) {
				<-time.After(longDial)
				close(late)
				<-sent
				conn, _, err := target.Dial(ctx, host, policy.Decision{})
				return conn, err
			}), nil)
			conn := r.dial()
			p := pair{t, [2]*net.TCPConn{client: conn}}
			p.send(client, append([]byte(request), tt.pieces[0]...))
			p.send(client, tt.pieces[1])
			<-late
			p.send(client, tt.pieces[2])
			close(sent)
			p.ends[server] = <-target.peers
			defer p.server().Close()
			_ = p.server().SetDeadline(time.Now().Add(patience))
			p.expect(client, []byte(established))
			if tt.after == nil {
				p.expectOver(server)
				r.sink.wait(t, "canonical", summary(" end=refused"))
				return
			}
			p.send(client, tt.after)
			p.expect(server, slices.Concat(tt.pieces[0], tt.pieces[1], tt.pieces[2], tt.after))
			p.pass(server, serverAlert)
			_ = p.server().Close()
			p.expectEnd(client, nil)
			_ = conn.Close()
			r.expectEnded("handshake_ended")
		})
	}
}

// TestSessionsSideBySide has real sessions carry data both ways at once, in many tunnels.
func TestSessionsSideBySide(t *testing.T) {
	r := start(t, startTarget(t, nil), nil)
	var running sync.WaitGroup
	for i := range 20 {
		conn := r.dial()
		version := []uint16{tls.VersionTLS12, tls.VersionTLS13}[i%2]
		secure := r.secure(conn, request, func(c *tls.Config) { c.MaxVersion = version })
		data := noise(uint64(i))
		running.Go(func() {
			_, _ = secure.Write(data)
			_ = secure.CloseWrite()
		})
		running.Go(func() {
			got, err := io.ReadAll(secure)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("tunnel %d gives %d bytes back, %v", i, len(got), err)
			}
			_ = secure.Close()
		})
	}
	running.Wait()
	r.expectNoRefusal()
}

// TestOpenTunnelKeepsNoPolicy shows that a tunnel which stays open does not keep the policy of its beginning, which may be large.
func TestOpenTunnelKeepsNoPolicy(t *testing.T) {
	target := startTarget(t, nil)
	r := start(t, target, nil)
	secure := r.open(r.dial(), request)
	echo(t, secure, "ping")
	old := weak.Make(r.policy.Load())
	r.change(func(in *policy.Input) { in.RequireServerName = true })
	for end := time.Now().Add(patience); old.Value() != nil; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("the old policy is still in use")
		}
	}
	echo(t, secure, "pong")
}

// TestSummaryCountsAll compares what the canonical line says with what went through, handshake and answer to the CONNECT left out.
func TestSummaryCountsAll(t *testing.T) {
	r := start(t, startTarget(t, nil), nil)
	conn := r.dial()
	counted := &counting{TCPConn: conn}
	config, _ := configs(t)
	config.RootCAs = r.target.ca.Pool()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len(established))); err != nil {
		t.Fatal(err)
	}
	secure := tls.Client(counted, config)
	echo(t, secure, "hello")
	_ = secure.CloseWrite()
	if _, err := io.ReadAll(secure); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	r.sink.wait(t, "canonical", summary(" end=finished"))
	if sent, received := r.tunnels.Bytes(); sent != counted.sent || received != counted.received {
		t.Errorf("counted %d and %d bytes, not %d and %d", sent, received, counted.sent, counted.received)
	}
	r.sink.wait(t, "107", id(event.TLSVerified))
}

type counting struct {
	*net.TCPConn
	sent, received int64
}

func (c *counting) Write(data []byte) (int, error) {
	n, err := c.TCPConn.Write(data)
	c.sent += int64(n)
	return n, err
}

func (c *counting) Read(data []byte) (int, error) {
	n, err := c.TCPConn.Read(data)
	c.received += int64(n)
	return n, err
}
