//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// originHost is the name of the origin; the system's hosts file knows it.
const originHost = "localhost"

// client opens connections to the origin, through a proxy or directly.
type client struct {
	proxy    string // "ip:port"; empty for directly
	origin   string // "host:port"
	tls      *tls.Config
	content  content
	patience time.Duration // what takes longer is an error
}

// newClient makes a client that trusts ca and goes directly to the origin.
func newClient(origin string, ca []byte, certificate tls.Certificate, c content) *client {
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(ca)
	return &client{
		origin:   origin,
		content:  c,
		patience: time.Minute,
		tls: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			RootCAs:      trusted,
			ServerName:   originHost,
			MinVersion:   tls.VersionTLS12,
			MaxVersion:   tls.VersionTLS12, // of TLS 1.3 the gateway sees less
		},
	}
}

// session is one TLS session with the origin.
type session struct {
	*client
	conn   *net.TCPConn
	secure *tls.Conn // nil once TLS was left
	stream io.ReadWriter
}

// open connects from an address that belongs to computer n, of 64,000 at most: a gateway serves many.
func (c *client) open(ctx context.Context, n int) (*session, error) {
	conn, err := c.connect(ctx, n)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, c.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return &session{conn: conn, secure: secure, stream: secure, client: c}, nil
}

// connect returns a connection on which the origin is waiting for the TLS handshake.
func (c *client) connect(ctx context.Context, n int) (*net.TCPConn, error) {
	address := c.proxy
	if address == "" {
		address = c.origin
	}
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n/250), byte(1+n%250))},
		KeepAlive: -1,
		Timeout:   c.patience,
	}
	dialed, err := dialer.DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	conn := dialed.(*net.TCPConn)
	if err := conn.SetDeadline(time.Now().Add(c.patience)); err != nil || c.proxy == "" {
		return conn, err
	}
	if err := askProxy(conn, c.origin); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// askProxy sends the request and reads the head of the answer. Nothing follows it before the client has spoken.
func askProxy(conn net.Conn, target string) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target); err != nil {
		return fmt.Errorf("sending CONNECT: %w", err)
	}
	buf := make([]byte, 4<<10)
	filled := 0
	for !bytes.HasSuffix(buf[:filled], []byte("\r\n\r\n")) {
		n, err := conn.Read(buf[filled:])
		filled += n
		switch {
		case err != nil:
			return fmt.Errorf("reading the answer to CONNECT, after %q: %w", buf[:filled], noEOF(err))
		case filled == len(buf):
			return errors.New("reading the answer to CONNECT: it is too long")
		}
	}
	if status := buf[:min(filled, len("HTTP/1.1 200"))]; !bytes.HasSuffix(status, []byte(" 200")) {
		return fmt.Errorf("the answer to CONNECT is %q", buf[:filled])
	}
	return nil
}

// leaveTLS makes what follows go beneath TLS.
func (s *session) leaveTLS() error {
	if err := s.ask(request{kind: leaveTLS}); err != nil {
		return err
	}
	if err := checkSum(s.stream, 0); err != nil {
		return err
	}
	s.stream, s.secure = s.conn, nil
	return nil
}

// upload sends size bytes and waits until the origin says that it has them.
func (s *session) upload(offset, size int64) error {
	if err := s.ask(request{upload, offset, size}); err != nil {
		return err
	}
	sum, err := s.content.send(s.stream, offset, size)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return checkSum(s.stream, sum)
}

// download has the origin send size bytes.
func (s *session) download(offset, size int64) error {
	if err := s.ask(request{download, offset, size}); err != nil {
		return err
	}
	sum, err := receive(s.stream, size)
	if err != nil {
		return err
	}
	if sum != s.content.sum(offset, size) {
		return errWrong
	}
	return checkSum(s.stream, sum)
}

func (s *session) ask(r request) error {
	if err := s.conn.SetDeadline(time.Now().Add(s.patience)); err != nil {
		return err
	}
	if _, err := s.stream.Write(r.encode()); err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	return nil
}

// close ends the session as clients do: with the alert close_notify, if it is TLS.
func (s *session) close() {
	if s.secure != nil {
		_ = s.secure.Close()
	}
	_ = s.conn.Close()
}
