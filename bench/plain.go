//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// runPlain is the process of the plain proxy, until its standard input ends: what a CONNECT proxy in Go usually is, two goroutines
// for each tunnel that io.Copy. It allows everything, looks at nothing and logs nothing.
func runPlain(ctx context.Context) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				fmt.Fprintln(os.Stderr, "plain proxy:", err)
				os.Exit(1)
			}
			go carry(ctx, conn)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func carry(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	target := ""
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		if rest, found := strings.CutPrefix(line, "CONNECT "); found {
			target, _, _ = strings.Cut(rest, " ")
		}
		if line == "\r\n" {
			break
		}
	}
	var dialer net.Dialer
	dialed, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer dialed.Close()
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	if _, err := io.CopyN(dialed, reader, int64(reader.Buffered())); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(dialed, conn)
	}()
	pass(conn, dialed)
	<-done
}

// pass copies one direction and its end.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.TCPConn).CloseWrite()
}
