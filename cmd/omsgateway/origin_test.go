package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/testca"
)

// origin is a TLS server on loopback that clients reach through the gateway. It answers HTTP requests with "hello", and gives
// every line that begins with ECHO back.
type origin struct {
	listener net.Listener
	port     string
	ca       []byte // PEM
	running  sync.WaitGroup
	verified atomic.Int64 // TLS handshakes that have come to their end

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newOrigin() (*origin, error) { return newOriginWith(func(*tls.Config) {}) }

// newOriginWith makes an origin whose TLS differs from the usual by adjust.
func newOriginWith(adjust func(*tls.Config)) (*origin, error) {
	return newOriginAt("127.0.0.1:0", adjust, "localhost", "127.0.0.1")
}

// newOriginAt makes one that listens at address and has a certificate for names.
func newOriginAt(address string, adjust func(*tls.Config), names ...string) (*origin, error) {
	authority, err := testca.New()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Server(names...)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	adjust(config)
	listener, err := tls.Listen("tcp", address, config)
	if err != nil {
		return nil, err
	}
	o := &origin{listener: listener, ca: authority.PEM(), conns: map[net.Conn]struct{}{}}
	_, o.port, _ = net.SplitHostPort(listener.Addr().String())
	o.running.Go(o.accept)
	return o, nil
}

func (o *origin) Close() error {
	err := o.listener.Close()
	o.mu.Lock()
	for conn := range o.conns {
		_ = conn.Close()
	}
	o.mu.Unlock()
	o.running.Wait()
	return err
}

func (o *origin) accept() {
	for {
		conn, err := o.listener.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		o.conns[conn] = struct{}{}
		o.mu.Unlock()
		o.running.Go(func() {
			o.serve(conn)
			_ = conn.Close()
			o.mu.Lock()
			delete(o.conns, conn)
			o.mu.Unlock()
		})
	}
}

func (o *origin) serve(conn net.Conn) {
	if secure := conn.(*tls.Conn); secure.Handshake() != nil {
		// To close with unread bytes would reset the connection, and take away what was sent last.
		_, _ = io.Copy(io.Discard, secure.NetConn())
		return
	}
	o.verified.Add(1)
	reader := bufio.NewReader(conn)
	for {
		start, err := reader.Peek(5)
		if err != nil {
			return
		}
		if string(start) == "ECHO " {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			if _, err := fmt.Fprint(conn, strings.TrimPrefix(line, "ECHO ")); err != nil {
				return
			}
			continue
		}
		if _, err := http.ReadRequest(reader); err != nil {
			return
		}
		if _, err := fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"); err != nil {
			return
		}
	}
}

// connectTLS asks the proxy at the other end of conn for target and does the TLS handshake with it as client says, which gets the
// name of the target.
func connectTLS(client *tls.Config, conn net.Conn, target string) (net.Conn, error) {
	if err := connect(conn, target); err != nil {
		return nil, err
	}
	client.ServerName, _, _ = net.SplitHostPort(target)
	client.InsecureSkipVerify = true // the certificates of origins are made for each test; what is tested is the way, not the trust
	secure := tls.Client(conn, client)
	if err := secure.Handshake(); err != nil {
		return nil, fmt.Errorf("tls handshake through the tunnel: %w", err)
	}
	return secure, nil
}

// refusedError is the answer of the proxy to a CONNECT that it did not allow.
type refusedError struct {
	status int
	reason string
}

func (e refusedError) Error() string { return fmt.Sprintf("status %d, reason %s", e.status, e.reason) }

// connect sends one CONNECT and reads the answer. It must not read past it, so it reads byte by byte.
func connect(conn net.Conn, target string) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target); err != nil {
		return err
	}
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := conn.Read(one); err != nil {
			return fmt.Errorf("reading the proxy's answer: %w", err)
		}
		head = append(head, one[0])
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusedError{resp.StatusCode, resp.Header.Get("OMS-Gateway-Reason")}
	}
	return nil
}

// syncBuffer is a log that grows while it is searched.
type syncBuffer struct {
	mu      sync.Mutex
	data    bytes.Buffer
	changed chan struct{}
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return b.data.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// wait waits until something in the log matches, but not longer than the process writes to it.
func (b *syncBuffer) wait(ended <-chan struct{}, pattern *regexp.Regexp) ([]string, error) {
	timeout := time.After(patience)
	for {
		if match := pattern.FindStringSubmatch(b.String()); match != nil {
			return match, nil
		}
		select {
		case <-b.changed:
		case <-ended:
			if match := pattern.FindStringSubmatch(b.String()); match != nil {
				return match, nil
			}
			return nil, errors.New("the process has ended")
		case <-timeout:
			return nil, errors.New("time is over")
		}
	}
}
