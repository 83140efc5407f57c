package resumption_test

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/resumption"
	"github.com/omsgateway/omsgateway/internal/testca"
)

// stack is a server of crypto/tls that asks for a certificate and gives tickets, and a client that has one.
type stack struct {
	address        string
	server, client *tls.Config
}

func newStack(t *testing.T) *stack {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.Server("agents.example.com")
	if err != nil {
		t.Fatal(err)
	}
	agent, err := ca.Client(pkix.Name{CommonName: "agent", Organization: []string{"Microsoft"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{
		server: &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12},
		client: &tls.Config{Certificates: []tls.Certificate{agent}, RootCAs: ca.Pool(), ServerName: "agents.example.com"},
	}
	s.server.SetSessionTicketKeys([][32]byte{{1}})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", s.server)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	s.address = listener.Addr().String()
	return s
}

// ticketCache has one session, whatever the server.
type ticketCache struct{ state *tls.ClientSessionState }

func (c *ticketCache) Get(string) (*tls.ClientSessionState, bool) { return c.state, c.state != nil }

func (c *ticketCache) Put(_ string, state *tls.ClientSessionState) { c.state = state }

// session is what became of a connection.
type session struct {
	seen  handshake.Seen
	err   error                   // of the watcher
	state *tls.ClientSessionState // that the client can resume
}

// connect offers the session, if it is not nil, through a gateway with that memory and configuration.
func (s *stack) connect(t *testing.T, tunnel *resumption.Tunnel, cfg handshake.Config, offered *tls.ClientSessionState) session {
	t.Helper()
	cfg.Host, cfg.Resumed = "agents.example.com", tunnel.Recall
	watcher := handshake.New(cfg)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var got session
	var gateway sync.WaitGroup
	gateway.Go(func() { got.err = relay(t, listener, s.address, watcher) })

	cache := &ticketCache{offered}
	client := s.client.Clone()
	client.ClientSessionCache = cache
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", listener.Addr().String(), client)
	if err == nil {
		ping := make([]byte, 4)
		conn.Write(ping)
		if _, err := io.ReadFull(conn, ping); err != nil {
			t.Errorf("no echo: %v", err)
		}
		conn.Close()
	}
	gateway.Wait()
	if err == nil != (got.err == nil) {
		t.Fatalf("the client has the error %v, the watcher %v", err, got.err)
	}
	got.seen, got.state = watcher.Seen(), cache.state
	tunnel.Remember(watcher.Sessions(), got.seen)
	return got
}

// relay is a tunnel that ends with the first of its sides, or with a refusal, which it answers.
func relay(t *testing.T, listener net.Listener, server string, watcher *handshake.Watcher) error {
	front, err := listener.Accept()
	if err != nil {
		t.Error(err)
		return nil
	}
	defer front.Close()
	back, err := net.Dial("tcp", server)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer back.Close()
	var mu sync.Mutex
	var refused error
	pump := func(from handshake.Direction, to, source net.Conn) {
		defer to.Close()
		defer source.Close()
		buffer := make([]byte, 16<<10)
		for {
			n, err := source.Read(buffer)
			if err != nil {
				return
			}
			mu.Lock()
			_, err = watcher.Feed(from, buffer[:n])
			if err != nil && refused == nil {
				refused = err
			}
			mu.Unlock()
			if err != nil {
				return
			}
			to.Write(buffer[:n])
		}
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(handshake.FromClient, back, front) })
	pumps.Go(func() { pump(handshake.FromServer, front, back) })
	pumps.Wait()
	return refused
}

// allowing judges certificates by a list with those entries.
func allowing(t *testing.T, policy handshake.Requirement, entries ...string) handshake.Config {
	t.Helper()
	list, err := clientcert.Compile(entries)
	if err != nil {
		t.Fatal(err)
	}
	return handshake.Config{ClientCertificate: policy, AllowedCertificate: func(c *clientcert.Certificate) bool {
		_, ok := list.Match(c)
		return ok
	}}
}

func TestResumedSessionIsJudgedByTheListOfToday(t *testing.T) {
	const subject = "CN=agent, O=Microsoft"
	s, c, path := newStack(t), newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	first := s.connect(t, m.For(target), allowing(t, handshake.IfShown, "agent"), nil)
	if first.err != nil || first.seen.Resumed || first.seen.Certificate.Visibility != handshake.Visible || first.state == nil {
		t.Fatalf("the full handshake: %+v", first)
	}
	if m.Len() != 1 {
		t.Fatalf("%d sessions are remembered, want that of the ticket", m.Len())
	}

	restarted := restart(t, m, path, c.now)
	later := newClock()
	later.pass(resumption.MaxAge)
	tomorrow := restart(t, m, path, later.now)

	for name, c := range map[string]struct {
		tunnel *resumption.Tunnel
		cfg    handshake.Config
		want   reason.Reason
		shown  handshake.Visibility
	}{
		"allowed":                {m.For(target), allowing(t, handshake.Required, "agent"), "", handshake.Visible},
		"allowed by its subject": {m.For(target), allowing(t, handshake.Required, subject), "", handshake.Visible},
		"removed from the list": {
			m.For(target), allowing(t, handshake.IfShown, "other"), reason.ClientCertificateNotAllowed, handshake.Visible,
		},
		"allowed, after a restart": {restarted.For(target), allowing(t, handshake.Required, subject), "", handshake.Visible},
		"removed, after a restart": {
			restarted.For(target), allowing(t, handshake.IfShown, "other"), reason.ClientCertificateNotAllowed, handshake.Visible,
		},
		"a day later": {
			tomorrow.For(target), allowing(t, handshake.Required, "agent"), reason.ClientCertificateResumed, handshake.UnknownSession,
		},
		"another target": {
			m.For("agents.example.com:8443"), allowing(t, handshake.Required, "agent"),
			reason.ClientCertificateResumed, handshake.UnknownSession,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.connect(t, c.tunnel, c.cfg, first.state)
			if reason.Of(got.err) != c.want {
				t.Errorf("refused by %v, want %q", got.err, c.want)
			}
			if !got.seen.Resumed || got.seen.Certificate.Visibility != c.shown {
				t.Errorf("seen %+v, want a resumed session with visibility %v", got.seen, c.shown)
			}
			if shown := got.seen.Certificate.Certificate; shown != nil && shown.Subject != subject {
				t.Errorf("subject %q, want %q", shown.Subject, subject)
			}
		})
	}
}

func TestSessionMadeUnderAnotherPolicyIsRemembered(t *testing.T) {
	s := newStack(t)
	m := resumption.New(newClock().now)
	first := s.connect(t, m.For(target), allowing(t, handshake.Off), nil)
	if first.err != nil {
		t.Fatal(first.err)
	}
	got := s.connect(t, m.For(target), allowing(t, handshake.IfShown, "other"), first.state)
	if reason.Of(got.err) != reason.ClientCertificateNotAllowed {
		t.Errorf("refused by %v, want %q", got.err, reason.ClientCertificateNotAllowed)
	}
}

func TestRefusedSessionIsNotRemembered(t *testing.T) {
	m := resumption.New(newClock().now)
	got := newStack(t).connect(t, m.For(target), allowing(t, handshake.IfShown, "other"), nil)
	if reason.Of(got.err) != reason.ClientCertificateNotAllowed || m.Len() != 0 {
		t.Errorf("refused by %v, %d sessions are remembered", got.err, m.Len())
	}
}

// The server renews a ticket because its key has changed.
func TestTicketThatIsRenewedOnTheWire(t *testing.T) {
	s, c := newStack(t), newClock()
	m := resumption.New(c.now)
	cfg := allowing(t, handshake.Required, "agent")
	first := s.connect(t, m.For(target), cfg, nil)
	if first.err != nil {
		t.Fatal(first.err)
	}
	s.server.SetSessionTicketKeys([][32]byte{{2}, {1}})
	c.pass(20 * time.Hour)
	renewed := s.connect(t, m.For(target), cfg, first.state)
	if renewed.err != nil || !renewed.seen.Resumed || m.Len() != 2 {
		t.Fatalf("the ticket is not renewed: %+v, %d sessions", renewed, m.Len())
	}

	got := s.connect(t, m.For(target), cfg, renewed.state)
	if got.err != nil || got.seen.Certificate.Visibility != handshake.Visible {
		t.Errorf("the renewed ticket: %+v", got)
	}
	c.pass(4 * time.Hour)
	got = s.connect(t, m.For(target), cfg, renewed.state)
	if reason.Of(got.err) != reason.ClientCertificateResumed {
		t.Errorf("the renewed ticket, a day after the full handshake: refused by %v, want %q", got.err, reason.ClientCertificateResumed)
	}
}
