//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/omsgateway/omsgateway/internal/testca"
)

// originAddress is what an origin says about itself in its first line.
type originAddress struct {
	Port int    `json:"port"`
	CA   []byte `json:"ca"` // PEM
}

// origin is what the clients reach: a TLS server that wants a client certificate and serves exchanges.
type origin struct {
	config  *tls.Config
	content content
}

// runOrigin is the process of an origin, until its standard input ends.
func runOrigin(ctx context.Context) error {
	o, ca, err := newOrigin(newContent())
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	go o.accept(listener)
	// Where localhost is ::1 too, a proxy may try that first.
	if second, err := listen.Listen(ctx, "tcp", net.JoinHostPort("::1", strconv.Itoa(port))); err == nil {
		go o.accept(second)
	}
	if err := json.NewEncoder(os.Stdout).Encode(originAddress{port, ca}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// newOrigin makes an origin with an authority of its own, whose certificate is ca.
func newOrigin(c content) (o *origin, ca []byte, err error) {
	authority, err := testca.New()
	if err != nil {
		return nil, nil, err
	}
	certificate, err := authority.Server(originHost)
	if err != nil {
		return nil, nil, err
	}
	return &origin{
		config: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			ClientAuth:   tls.RequireAnyClientCert,
			MinVersion:   tls.VersionTLS12,
		},
		content: c,
	}, authority.PEM(), nil
}

func (o *origin) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				fmt.Fprintln(os.Stderr, "origin:", err)
			}
			return
		}
		go func() {
			defer conn.Close()
			// A connection that ends in the middle is an error of the client, which reports it.
			if err := o.serve(conn); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				fmt.Fprintln(os.Stderr, "origin:", err)
			}
		}()
	}
}

// serve answers requests until the connection ends, and always with an error.
func (o *origin) serve(conn net.Conn) error {
	secure := tls.Server(conn, o.config)
	if err := secure.Handshake(); err != nil { //nolint:noctx // it ends with the process
		return err
	}
	var stream io.ReadWriter = secure
	for {
		r, err := readRequest(stream)
		if err != nil {
			return err
		}
		switch r.kind {
		case upload:
			sum, err := receive(stream, r.size)
			if err != nil {
				return err
			}
			if err := writeSum(stream, sum); err != nil {
				return err
			}
		case download:
			sum, err := o.content.send(stream, r.offset, r.size)
			if err != nil {
				return err
			}
			if err := writeSum(stream, sum); err != nil {
				return err
			}
		case leaveTLS:
			// The client sends nothing until it has the answer, so TLS has read nothing that comes after the request.
			if err := writeSum(stream, 0); err != nil {
				return err
			}
			stream = conn
		default:
			return fmt.Errorf("%w: request of kind %d", errWrong, r.kind)
		}
	}
}
