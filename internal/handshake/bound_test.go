package handshake_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/omsgateway/omsgateway/internal/handshake"
)

// mostHeld is what one handshake holds at most, in bytes: a ClientHello that is collected and then kept, both up to 64 KiB, or one
// that grows.
const mostHeld = 2*(64<<10) + 512

// hugeHello is a ClientHello of 64 KiB.
func hugeHello() []byte {
	h := hello12()
	h = h.with(extension{21, nil})
	h = h.with(extension{21, make([]byte, 64<<10-(len(h.client())-4))})
	return h.client()
}

// huge has every bound used up to the end.
func huge() map[string]conversation {
	ticketOf := ticket(string(make([]byte, 64<<10-1)))
	hello := client(inRecords(hugeHello(), 1<<14))
	leafAndChain := fullWithRecords(slices.Repeat([]byte{1}, 64<<10), make([]byte, 100<<10))
	withTicket := full()
	withTicket[3] = server(inRecords(ticketOf, 1<<14), ccs)
	second := retried()
	second[0] = client(inRecords(longer(hello13()), 1<<14))
	second[2] = client(inRecords(longer(hello13().with(shares(23))), 1<<14))
	return map[string]conversation{
		"hello": append(conversation{hello}, full()[1:]...), "leaf": leafAndChain, "ticket": withTicket, "two hellos": second,
	}
}

// longer is h with an extension that makes it 60,000 bytes.
func longer(h hello) []byte { return h.with(extension{21, make([]byte, 60000)}).client() }

func TestHeldAtMost(t *testing.T) {
	for title, c := range huge() {
		t.Run(title, func(t *testing.T) {
			for _, divide := range []cut{whole, bytewise} {
				shared := newBudget(1 << 30)
				w := handshake.New(handshake.Config{Host: host, Budget: shared})
				for _, turn := range c {
					for _, chunk := range divide(turn.from, turn.data) {
						if _, err := w.Feed(turn.from, chunk); err != nil {
							t.Fatal(err)
						}
						if used := shared.Used(); used > mostHeld || used < 0 {
							t.Fatalf("%d bytes are held, at most %d may be", used, mostHeld)
						}
					}
				}
				if w.State() != handshake.Done || shared.Used() != 0 {
					t.Fatalf("state %d, %d bytes held", w.State(), shared.Used())
				}
			}
		})
	}
}

// TestAllocatesAsBytesArrive: a claimed length costs nothing.
func TestAllocatesAsBytesArrive(t *testing.T) {
	for title, c := range map[string]conversation{
		"ClientHello": first(messages(claimed(clientHelloType, 64<<10), []byte{3})),
		"ServerHello": {full()[0], server(messages(claimed(serverHelloType, 16<<10), []byte{3}))},
		"Certificate": after(fullWith()[:2], client(messages(claimed(certificateType, 64<<10+6), u24(64<<10+3), u24(64<<10), []byte{1}))),
		"ticket":      after(full()[:3], server(messages(claimed(newSessionTicket, 64<<10+6), []byte{1}))),
	} {
		t.Run(title, func(t *testing.T) {
			const count, limit = 100, 8 << 10
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range count {
				w := handshake.New(handshake.Config{Host: host})
				for _, turn := range c {
					if _, err := w.Feed(turn.from, turn.data); err != nil {
						t.Fatal(err)
					}
				}
			}
			runtime.ReadMemStats(&after)
			if each := (after.TotalAlloc - before.TotalAlloc) / count; each > limit {
				t.Errorf("%d bytes are allocated, want at most %d", each, limit)
			}
		})
	}
}

// TestAllocatesInProportion: the total of what is allocated for the largest messages, in the worst cut, stays near their size.
func TestAllocatesInProportion(t *testing.T) {
	for title, c := range huge() {
		t.Run(title, func(t *testing.T) {
			const limit = 512 << 10
			var before, after runtime.MemStats
			w := handshake.New(handshake.Config{Host: host})
			runtime.ReadMemStats(&before)
			for _, turn := range c {
				for i := range turn.data {
					w.Feed(turn.from, turn.data[i:i+1])
				}
			}
			runtime.ReadMemStats(&after)
			if w.State() != handshake.Done {
				t.Fatalf("state %d", w.State())
			}
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > limit {
				t.Errorf("%d bytes are allocated, want at most %d", bytes, limit)
			}
		})
	}
}

// TestKeepsNothingAfterTheVerdict: what a watcher still refers to when it is done is a few hundred bytes.
func TestKeepsNothingAfterTheVerdict(t *testing.T) {
	c := huge()
	for title := range c {
		t.Run(title, func(t *testing.T) {
			const count, limit = 200, 2 << 10
			watchers := make([]*handshake.Watcher, count)
			heap := func() int64 {
				runtime.GC()
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			before := heap()
			for i := range watchers {
				watchers[i] = handshake.New(handshake.Config{Host: host})
				for _, turn := range c[title] {
					if _, err := watchers[i].Feed(turn.from, turn.data); err != nil {
						t.Fatal(err)
					}
				}
			}
			if each := (heap() - before) / count; each > limit {
				t.Errorf("each watcher keeps %d bytes, want at most %d", each, limit)
			}
			runtime.KeepAlive(watchers)
			runtime.KeepAlive(c)
		})
	}
}

func BenchmarkFull12WithClientCertificate(b *testing.B) { benchmark(b, "go-tls12-client-certificate") }
func BenchmarkResumed12(b *testing.B)                   { benchmark(b, "go-tls12-resumed") }
func BenchmarkFull13(b *testing.B)                      { benchmark(b, "go-tls13") }
func BenchmarkFull13PostQuantum(b *testing.B)           { benchmark(b, "go-tls13-post-quantum") }

// benchmark is a recorded handshake, a chunk for each read of the copier.
func benchmark(b *testing.B, recording string) {
	names, _, conversations := recordings(b)
	c := conversations[slices.Index(names, recording)]
	shared := newBudget(handshake.MaxCollected)
	b.ReportAllocs()
	for b.Loop() {
		w := handshake.New(handshake.Config{Host: "localhost", Budget: shared})
		for _, turn := range c {
			if _, err := w.Feed(turn.from, turn.data); err != nil {
				b.Fatal(err)
			}
		}
		if w.State() != handshake.Done {
			b.Fatal(w.State())
		}
	}
}
