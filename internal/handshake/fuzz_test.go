package handshake_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/handshake"
)

// pack writes a conversation as bytes that a fuzzer can change: for each turn the direction, two bytes of length, and data.
func pack(c conversation) []byte {
	var packed []byte
	for _, t := range c {
		for part := range slices.Chunk(t.data, 1<<16-1) {
			packed = append(packed, byte(t.from))
			packed = binary.BigEndian.AppendUint16(packed, uint16(len(part)))
			packed = append(packed, part...)
		}
	}
	return packed
}

// unpack reads any bytes as a conversation.
func unpack(packed []byte) conversation {
	var c conversation
	for len(packed) >= 3 {
		from := handshake.Direction(packed[0] & 1)
		n := min(int(binary.BigEndian.Uint16(packed[1:])), len(packed)-3)
		c = append(c, turn{from, packed[3 : 3+n]})
		packed = packed[3+n:]
	}
	return c
}

func addConversations(f *testing.F, add func(c conversation)) {
	f.Helper()
	_, _, recorded := recordings(f)
	for _, c := range append(recorded, full(), fullWith(leaf("a"), leaf("b")), resumed("a", "b"), offering("id", "", true),
		offering("id", "ticket", false), full13(), retried(), refused0RTT()) {
		add(c)
	}
}

// FuzzCut: however a conversation is cut into chunks, the verdict is the same, and no more is held than the bounds allow.
func FuzzCut(f *testing.F) {
	addConversations(f, func(c conversation) { f.Add(pack(c), []byte{1, 5, 4, 100}) })
	f.Fuzz(func(t *testing.T, packed, sizes []byte) {
		c := unpack(packed)
		want := replay(t, handshake.Config{}, c, whole)
		next := 0
		got := replay(t, handshake.Config{}, c, func(_ handshake.Direction, data []byte) [][]byte {
			var chunks [][]byte
			for len(data) > 0 {
				n := 1
				if len(sizes) > 0 {
					n = min(len(data), 1+int(sizes[next%len(sizes)]))
					next++
				}
				chunks = append(chunks, data[:n])
				data = data[n:]
			}
			return chunks
		})
		if diff := cmp.Diff(want, got, sameVerdict); diff != "" {
			t.Errorf("(-whole +cut):\n%s", diff)
		}
		got = replay(t, handshake.Config{Budget: newBudget(mostHeld)}, c, bytewise)
		if diff := cmp.Diff(want, got, sameVerdict); diff != "" {
			t.Errorf("(-whole +bytes):\n%s", diff)
		}
	})
}

// verifiedAs reports whether a conversation is verified, and as what.
func verifiedAs(t testing.TB, cfg handshake.Config, c conversation) (version, name string, ok bool) {
	got := replay(t, cfg, c, whole)
	return got.Version, got.Seen.ServerName, got.State == handshake.Verified || got.State == handshake.Done
}

// change is a conversation with the byte at offset replaced by value.
func change(c conversation, offset int, value byte) conversation {
	c = slices.Clone(c)
	for i := range c {
		if offset < len(c[i].data) {
			c[i].data = slices.Clone(c[i].data)
			c[i].data[offset] = value
			return c
		}
		offset -= len(c[i].data)
	}
	return c
}

// FuzzChange: a conversation with one byte changed is never verified under another name or version than its own.
func FuzzChange(f *testing.F) {
	var conversations []conversation
	addConversations(f, func(c conversation) {
		if _, name, ok := verifiedAs(f, handshake.Config{Host: hostOf(f, c)}, c); ok && name != "" {
			f.Add(uint(len(conversations)), uint(9), byte(2))
			conversations = append(conversations, c)
		}
	})
	f.Fuzz(func(t *testing.T, which, offset uint, value byte) {
		c := conversations[which%uint(len(conversations))]
		own := hostOf(t, c)
		version, _, _ := verifiedAs(t, handshake.Config{Host: own}, c)
		checkChanged(t, version, own, c, int(offset%uint(size(c))), value)
	})
}

func checkChanged(t testing.TB, version, name string, c conversation, offset int, value byte) {
	t.Helper()
	changed := change(c, offset, value)
	for _, cfg := range []handshake.Config{{Host: name, RequireServerName: true}, {Host: name}} {
		gotVersion, gotName, ok := verifiedAs(t, cfg, changed)
		nameless := gotName == "" && !cfg.RequireServerName // no name is not another one
		if ok && (gotVersion != version || gotName != name && !nameless) {
			t.Fatalf("byte %d as %#x: verified as %s %q, and both sides mean %s %q", offset, value, gotVersion, gotName, version, name)
		}
	}
}

// hostOf is the server name of a conversation.
func hostOf(t testing.TB, c conversation) string {
	any := handshake.Config{AllowedName: func(string) bool { return true }}
	return replay(t, any, c, whole).Seen.ServerName
}

func size(c conversation) int {
	n := 0
	for _, t := range c {
		n += len(t.data)
	}
	return n
}

// TestEveryByteChanged is FuzzChange for each byte of one recording of each kind.
func TestEveryByteChanged(t *testing.T) {
	names, _, conversations := recordings(t)
	for i, name := range names {
		if strings.HasPrefix(name, "go-") == strings.HasSuffix(name, "-resumed") {
			continue // of Go the full handshakes, of OpenSSL the resumed ones
		}
		t.Run(name, func(t *testing.T) {
			c := conversations[i]
			version, own, ok := verifiedAs(t, handshake.Config{Host: "localhost"}, c)
			if !ok {
				t.Fatal("the recording is not verified")
			}
			flat := make([]byte, 0, size(c))
			for _, turn := range c {
				flat = append(flat, turn.data...)
			}
			for offset, b := range flat[:min(len(flat), 3000)] {
				for _, flip := range []byte{1, 7} {
					checkChanged(t, version, own, c, offset, b^flip)
				}
			}
		})
	}
}

func TestPack(t *testing.T) {
	want := full()
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(unpack(pack(want)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
