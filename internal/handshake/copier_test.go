package handshake_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/handshake"
)

var recordFlag = flag.Bool("record", false, "write the conversations of the real stacks to testdata/recordings")

// copier is a TCP proxy for one connection that watches and records it.
type copier struct {
	address string // where the client connects

	mu      sync.Mutex
	watcher *handshake.Watcher
	turns   conversation
	refused error
	ended   chan struct{}
}

// startCopier begins a copier to the server.
func startCopier(t *testing.T, cfg handshake.Config, server string) *copier {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	r := &copier{address: listener.Addr().String(), watcher: handshake.New(cfg), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		front, err := listener.Accept()
		if err != nil {
			return
		}
		defer front.Close()
		back, err := net.Dial("tcp", server)
		if err != nil {
			r.refused = err
			return
		}
		defer back.Close()
		deadline := time.Now().Add(20 * time.Second)
		front.SetDeadline(deadline)
		back.SetDeadline(deadline)
		var pumps sync.WaitGroup
		pumps.Go(func() { r.pump(handshake.FromClient, back, front) })
		pumps.Go(func() { r.pump(handshake.FromServer, front, back) })
		pumps.Wait()
	}()
	return r
}

func (r *copier) pump(from handshake.Direction, to, source net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := source.Read(buffer)
		if n > 0 {
			if r.feed(from, buffer[:n]) != nil {
				to.Close()
				source.Close()
				return
			}
			to.Write(buffer[:n])
		}
		if err != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

func (r *copier) feed(from handshake.Direction, chunk []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.watcher.Feed(from, chunk)
	r.turns = append(r.turns, turn{from, bytes.Clone(chunk)})
	if err != nil && r.refused == nil {
		r.refused = err
	}
	return err
}

// wait is for both sides to be closed. It answers the watcher and the conversation.
func (r *copier) wait(t *testing.T) (*handshake.Watcher, conversation) {
	t.Helper()
	<-r.ended
	if _, ok := errors.AsType[*handshake.Refusal](r.refused); r.refused != nil && !ok {
		t.Fatal(r.refused)
	}
	return r.watcher, r.turns
}

// keep replays a conversation of real stacks in every cut, and writes it to testdata with -record.
func keep(t *testing.T, name string, cfg handshake.Config, c conversation) outcome {
	t.Helper()
	want := judge(t, cfg, c)
	if diff := cmp.Diff(want, judge(t, cfg, recut(c)), sameVerdict); diff != "" {
		t.Errorf("records of one byte (-as sent +recut):\n%s", diff)
	}
	if *recordFlag {
		if err := os.WriteFile(filepath.Join("testdata", "recordings", name+".txt"), encode(handshakeOf(c)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// handshakeOf is a conversation as far as it is judged, and a little more of each direction.
func handshakeOf(c conversation) conversation {
	var short conversation
	w := handshake.New(handshake.Config{Host: "localhost"})
	for _, turn := range c {
		v, err := w.Feed(turn.from, turn.data)
		short = append(short, turn)
		if err != nil || v.State == handshake.Done {
			break
		}
	}
	return short
}

// encode writes what a recording gives when it is replayed, then a line for each turn: > or < and hexadecimal digits.
func encode(c conversation) []byte {
	var b bytes.Buffer
	var tb testing.T
	fmt.Fprintln(&b, replay(&tb, handshake.Config{Host: "localhost"}, c, whole))
	for _, turn := range c {
		fmt.Fprintf(&b, "%c %x\n", "><"[turn.from], turn.data)
	}
	return b.Bytes()
}

// recordings reads testdata: each conversation and what it gives.
func recordings(t testing.TB) (names, outcomes []string, conversations []conversation) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "recordings", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings (%v)", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(data), "\r", "")), "\n")
		var c conversation
		for _, line := range lines[1:] {
			bytes, err := hex.DecodeString(line[2:])
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			c = append(c, turn{handshake.Direction(strings.Index("><", line[:1])), bytes})
		}
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".txt"))
		outcomes = append(outcomes, lines[0])
		conversations = append(conversations, c)
	}
	return names, outcomes, conversations
}

func TestRecordings(t *testing.T) {
	names, outcomes, conversations := recordings(t)
	cfg := handshake.Config{Host: "localhost"}
	for i, c := range conversations {
		t.Run(names[i], func(t *testing.T) {
			want := judge(t, cfg, c)
			if diff := cmp.Diff(outcomes[i], want.String()); diff != "" {
				t.Errorf("(-recorded +now):\n%s", diff)
			}
			if diff := cmp.Diff(want, judge(t, cfg, recut(c)), sameVerdict); diff != "" {
				t.Errorf("records of one byte (-as sent +recut):\n%s", diff)
			}
		})
	}
}

// echo answers each line of a connection with the line reversed, as s_server -rev does.
func echo(conn io.ReadWriter) {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		line := slices.Clone(lines.Bytes())
		slices.Reverse(line)
		if _, err := conn.Write(append(line, '\n')); err != nil {
			return
		}
	}
}
