package forward_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/testca"
	"github.com/omsgateway/omsgateway/internal/upstream"
	"github.com/omsgateway/omsgateway/server/forward"
)

// throughRelay is a dialer that goes through a relay proxy of the test's own, which connects to address whatever it is asked for. With
// secured the relay proxy is spoken to in TLS. ahead comes in one piece with its answer, as from the target.
func throughRelay(t *testing.T, secured bool, address, ahead string) forward.Dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	relay := &policy.Relay{Address: relayAddress(t, "http://"+listener.Addr().String())}
	var dialer upstream.Dialer
	if secured {
		ca, err := testca.New()
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := ca.Server("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
		relay.Address.TLS, dialer.Roots = true, ca.Pool()
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { relayTo(conn, address, ahead) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return relayed{dialer: dialer, relay: relay}
}

// startRawBehind is startRaw behind a relay proxy.
func startRawBehind(t *testing.T, secured bool) raw {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	peers, through := make(chan *net.TCPConn, 100), throughRelay(t, secured, listener.Addr().String(), "")
	return raw{peers: peers, Dialer: dialer(func(ctx context.Context, target hostname.Target) (net.Conn, error) {
		conn, _, err := through.Dial(ctx, target, policy.Decision{Limits: policy.Limits{DialTimeout: patience}})
		if err != nil {
			return nil, err
		}
		little(conn)
		peer, err := listener.Accept()
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		peers <- peer.(*net.TCPConn)
		return conn, nil
	})}
}

func relayAddress(t *testing.T, text string) hostname.RelayAddress {
	t.Helper()
	address, err := hostname.ParseRelayAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

type relayed struct {
	nothingKnown
	dialer upstream.Dialer
	relay  *policy.Relay
}

func (r relayed) Dial(ctx context.Context, target hostname.Target, how policy.Decision) (net.Conn, []byte, error) {
	how.Relay, how.Limits.RelayTimeout = r.relay, patience
	return r.dialer.Dial(ctx, target, how)
}

// relayTo is one connection of a relay proxy.
func relayTo(client net.Conn, address, ahead string) {
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(2 * patience))
	reader := bufio.NewReader(client)
	if _, err := http.ReadRequest(reader); err != nil {
		return
	}
	target, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer target.Close()
	little(client)
	little(target)
	if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"+ahead); err != nil {
		return
	}
	var running sync.WaitGroup
	running.Go(func() { relayOneWay(target, reader) })
	relayOneWay(client, target)
	running.Wait()
}

// little gives the TCP connection of conn little room in the system, so that a slow reader is noticed soon.
func little(conn net.Conn) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	_ = conn.(*net.TCPConn).SetWriteBuffer(smallBuffer)
	_ = conn.(*net.TCPConn).SetReadBuffer(smallBuffer)
}

func relayOneWay(to net.Conn, from io.Reader) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return
	}
	_ = to.(interface{ CloseWrite() error }).CloseWrite()
}

func TestTunnelsThroughARelayProxy(t *testing.T) {
	for name, secured := range map[string]bool{"TCP": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			target := startTarget(t, nil)
			r := start(t, throughRelay(t, secured, target.address, ""), nil)
			r.target = target
			var running sync.WaitGroup
			const tunnels = 8
			for i := range tunnels {
				secure := r.open(r.dial(), request)
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
			r.sink.waitFor(t, "canonical", tunnels, summary(" end=finished"))
			r.expectNoRefusal()
		})
	}
}

// TestDataBehindTheHandshakeThroughARelayProxy is TestDataBehindTheHandshake with a connection outward on which the engine takes over in
// the middle of a TLS record.
func TestDataBehindTheHandshakeThroughARelayProxy(t *testing.T) {
	clientConfig, serverConfig := configs(t)
	clientConfig.MaxVersion = tls.VersionTLS12 // whose clients send before the server has finished the handshake
	turns := converse(t, clientConfig, serverConfig)
	for name, secured := range map[string]bool{"TCP": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			target := startRawBehind(t, secured)
			r := start(t, target, nil)
			rounds := 20
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

// What comes in one piece with the relay proxy's answer is the target's, and is judged like the rest of what it sends.
func TestWhatComesWithTheAnswerOfARelayProxyIsTheTargets(t *testing.T) {
	target := startTarget(t, nil)
	r := start(t, throughRelay(t, false, target.address, "SSH-2.0-OpenSSH_10.0\r\n"), nil)
	r.target = target
	conn := r.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), established) || strings.Contains(string(all), "SSH") {
		t.Errorf("the client gets %q, %v", all, err)
	}
	refused := r.sink.wait(t, "of the refusal", id(event.NoTLS))
	if refused.Reason != reason.TLSServerFirst {
		t.Errorf("the reason is %s", refused.Reason)
	}
}

// Each way in which a relay proxy can fail has its answer and its event.
func TestRelayFailures(t *testing.T) {
	timeouts := []reason.Reason{reason.RelayTimeout, reason.RelaySilent}
	for _, why := range []reason.Reason{
		reason.RelayIsGateway, reason.RelayLoop, reason.RelayPasswordLost, reason.RelayNotFound, reason.RelayLookupFailed,
		reason.RelayUnreachable, reason.RelayTimeout,
		reason.RelayTLSFailed, reason.RelayNotTrusted, reason.RelayForbidden, reason.RelayAuthenticationMissing,
		reason.RelayAuthenticationRefused, reason.RelayAuthenticationUnsupported, reason.RelayFailed, reason.RelayRefused,
		reason.RelayAnswerInvalid, reason.RelayAnswerIncomplete, reason.RelayClosed, reason.RelaySilent,
	} {
		t.Run(string(why), func(t *testing.T) {
			want := http.StatusBadGateway
			for _, late := range timeouts {
				if why == late {
					want = http.StatusGatewayTimeout
				}
			}
			r := start(t, dialer(func(context.Context, hostname.Target) (net.Conn, error) {
				return nil, reason.New(why, "relay", "http://proxy:3128")
			}), nil)
			resp := r.exchange(request)
			if resp.StatusCode != want || resp.Header.Get(forward.ReasonHeader) != string(why) {
				t.Errorf("got %d %s", resp.StatusCode, resp.Header.Get(forward.ReasonHeader))
			}
			if e := r.sink.wait(t, "of the failure", id(event.Network)); e.Reason != why {
				t.Errorf("the event has the reason %s", e.Reason)
			}
		})
	}
}
