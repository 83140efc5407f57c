package forward_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/testca"
	"github.com/omsgateway/omsgateway/server/forward"
)

const (
	request     = "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n"
	established = "HTTP/1.1 200 Connection established\r\n\r\n"
)

// raw is a dialer whose connections lead to the test itself.
type raw struct {
	forward.Dialer
	peers chan *net.TCPConn
}

func startRaw(t *testing.T) raw {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peers, accepting := make(chan *net.TCPConn, 100), make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			peer, err := listener.Accept()
			if err != nil {
				return
			}
			peers <- peer.(*net.TCPConn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
	})
	return raw{peers: peers, Dialer: dialTo(listener.Addr().String())}
}

// pair is the two ends of a tunnel, and what each of them has to say.
type pair struct {
	t    *testing.T
	ends [2]*net.TCPConn // by the direction that is written to them
}

// tunnel opens a tunnel to the raw target; the client has read the answer.
func (r *rig) tunnel(target raw) pair {
	r.t.Helper()
	client := r.dial()
	if _, err := io.WriteString(client, request); err != nil {
		r.t.Fatal(err)
	}
	answer := make([]byte, len(established))
	if _, err := io.ReadFull(client, answer); err != nil || string(answer) != established {
		r.t.Fatalf("the answer is %q, %v", answer, err)
	}
	server := <-target.peers
	r.t.Cleanup(func() { _ = server.Close() })
	_ = server.SetDeadline(time.Now().Add(patience))
	return pair{r.t, [2]*net.TCPConn{handshake.FromClient: client, handshake.FromServer: server}}
}

func (p pair) client() *net.TCPConn { return p.ends[handshake.FromClient] }
func (p pair) server() *net.TCPConn { return p.ends[handshake.FromServer] }

// send writes data to one end; nobody need read it.
func (p pair) send(from handshake.Direction, data []byte) {
	p.t.Helper()
	if _, err := p.ends[from].Write(data); err != nil {
		p.t.Fatalf("writing as the %s: %v", from, err)
	}
}

// pass writes data to one end and reads it at the other.
func (p pair) pass(from handshake.Direction, data []byte) {
	p.t.Helper()
	p.send(from, data)
	p.expect(1-from, data)
}

// expect reads as many bytes at an end as want has, which are to be those.
func (p pair) expect(at handshake.Direction, want []byte) {
	p.t.Helper()
	if !p.await(at, want) {
		p.t.FailNow()
	}
}

// await is expect for any goroutine.
func (p pair) await(at handshake.Direction, want []byte) bool {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.ends[at], got)
	if err != nil || !bytes.Equal(got, want) {
		p.t.Errorf("the %s reads %d of %d bytes, %v; the same: %v", at, n, len(want), err, bytes.Equal(got, want))
		return false
	}
	return true
}

// expectEnd reads an end to FIN; what comes before it is to be want.
func (p pair) expectEnd(at handshake.Direction, want []byte) {
	p.t.Helper()
	got, err := io.ReadAll(p.ends[at])
	if err != nil || !bytes.Equal(got, want) {
		p.t.Fatalf("the %s reads %d bytes %.40x, %v; want %d bytes %.40x and FIN", at, len(got), got, err, len(want), want)
	}
}

// expectOver reads an end until it is over, in whatever way.
func (p pair) expectOver(at handshake.Direction) {
	p.t.Helper()
	if got, err := io.ReadAll(p.ends[at]); len(got) > 0 || isTimeout(err) {
		p.t.Fatalf("the %s reads %d bytes %.40x, %v; want none and the end", at, len(got), got, err)
	}
}

// play passes what a conversation says.
func (p pair) play(turns ...turn) {
	p.t.Helper()
	for _, turn := range turns {
		p.pass(turn.from, turn.data)
	}
}

// turn is what one side sends before the other does.
type turn struct {
	from handshake.Direction
	data []byte
}

// authority is one CA and what it has issued, for all tests: keys take their time.
var authority = sync.OnceValues(func() (*issued, error) {
	ca, err := testca.New()
	if err != nil {
		return nil, err
	}
	server, err := ca.Server("a.example.com", "b.example.com")
	if err != nil {
		return nil, err
	}
	agent, err := ca.Client(pkix.Name{
		CommonName: "agent", OrganizationalUnit: []string{"Linux Monitoring Agent"}, Organization: []string{"Microsoft"},
	})
	return &issued{ca, server, agent}, err
})

type issued struct {
	ca            *testca.CA
	server, agent tls.Certificate
}

const agentSubject = "CN=agent, OU=Linux Monitoring Agent, O=Microsoft"

func certificates(t *testing.T) *issued {
	t.Helper()
	all, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// configs are those of a client and a server that know each other.
func configs(t *testing.T) (client, server *tls.Config) {
	t.Helper()
	all := certificates(t)
	client = &tls.Config{ServerName: "a.example.com", RootCAs: all.ca.Pool(), MinVersion: tls.VersionTLS10,
		CurvePreferences: []tls.CurveID{tls.X25519}} // a short hello
	server = &tls.Config{Certificates: []tls.Certificate{all.server}, ClientCAs: all.ca.Pool(), MinVersion: tls.VersionTLS10}
	return client, server
}

// converse makes a TLS session in memory and returns what each side has said in its handshake.
func converse(t *testing.T, client, server *tls.Config) []turn {
	t.Helper()
	c, s := net.Pipe()
	defer c.Close()
	defer s.Close()
	var tape tape
	done := make(chan error, 1)
	go func() {
		secure := tls.Server(recorder{s, handshake.FromServer, &tape}, server)
		err := secure.Handshake()
		_, _ = secure.Write(nil)
		done <- err
	}()
	secure := tls.Client(recorder{c, handshake.FromClient, &tape}, client)
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	if secure.ConnectionState().Version == tls.VersionTLS13 { // a ticket may follow
		go func() { _, _ = io.Copy(io.Discard, secure) }()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	tape.mu.Lock()
	defer tape.mu.Unlock()
	return tape.turns
}

// hello is the ClientHello that a client begins with.
func hello(t *testing.T, client *tls.Config) []byte {
	t.Helper()
	c, s := net.Pipe()
	defer s.Close()
	var tape tape
	go func() {
		_ = tls.Client(recorder{c, handshake.FromClient, &tape}, client).Handshake()
		_ = c.Close()
	}()
	buf := make([]byte, 64<<10)
	n, err := s.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

type tape struct {
	mu    sync.Mutex
	turns []turn
}

type recorder struct {
	net.Conn
	from handshake.Direction
	tape *tape
}

func (r recorder) Write(data []byte) (int, error) {
	r.tape.mu.Lock()
	if n := len(r.tape.turns); n > 0 && r.tape.turns[n-1].from == r.from {
		r.tape.turns[n-1].data = append(r.tape.turns[n-1].data, data...)
	} else {
		r.tape.turns = append(r.tape.turns, turn{r.from, bytes.Clone(data)})
	}
	r.tape.mu.Unlock()
	return r.Conn.Write(data)
}

// record is a TLS record.
func record(typ byte, payload ...byte) []byte {
	return append([]byte{typ, 3, 3, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

// firstRecord is the record that a flight begins with; here it has one message.
func firstRecord(flight []byte) []byte {
	return flight[:5+int(flight[3])<<8+int(flight[4])]
}

// inOnes is a flight of records, in records of one byte each.
func inOnes(flight []byte) (records [][]byte) {
	for len(flight) > 0 {
		first := firstRecord(flight)
		for _, b := range first[5:] {
			records = append(records, []byte{first[0], first[1], first[2], 0, 1, b})
		}
		flight = flight[len(first):]
	}
	return records
}

// fatal is the alert that a refused client gets; the version is that of its hello's record, or TLS 1.0 if it had none.
func fatal(version, description byte) []byte { return []byte{21, 3, version, 0, 2, 2, description} }

var (
	serverAlert = record(21, 2, 40) // handshake_failure
	clientAlert = record(21, 2, 42) // bad_certificate
)
