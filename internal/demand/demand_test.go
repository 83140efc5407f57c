package demand_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/hostname"
)

var monday = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func days(n int) time.Time { return monday.AddDate(0, 0, n) }

func target(t testing.TB, text string) hostname.Target {
	t.Helper()
	parsed, err := hostname.ParseTarget(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func everything(hostname.Target) bool { return true }

// want compares what m has of all hosts at a time, without Since.
func want(t *testing.T, m *demand.Memory, at time.Time, want demand.Sum) {
	t.Helper()
	got := m.Of(everything, at)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b hostname.Target) bool { return a == b }),
		cmpopts.IgnoreFields(demand.Sum{}, "Since")); diff != "" {
		t.Errorf("at %v (-want +got):\n%s", at, diff)
	}
}

func TestADayAfterTheOther(t *testing.T) {
	m := demand.New()
	a, b := target(t, "a.example.com:443"), target(t, "b.example.com:8443")
	for n := range 3 {
		m.Allowed(a, client(n), days(0))
	}
	m.Allowed(a, client(1), days(1))
	m.Allowed(b, client(9), days(3))
	want(t, m, days(3), demand.Sum{Hosts: []demand.Host{{a, 4}, {b, 1}}, Requests: 5, Clients: 4})
	want(t, m, days(6), demand.Sum{Hosts: []demand.Host{{a, 4}, {b, 1}}, Requests: 5, Clients: 4})
	// The first day is over, and with it the clients that did not come again.
	want(t, m, days(7), demand.Sum{Hosts: []demand.Host{{a, 1}, {b, 1}}, Requests: 2, Clients: 2})
	want(t, m, days(8), demand.Sum{Hosts: []demand.Host{{b, 1}}, Requests: 1, Clients: 1})
	want(t, m, days(10), demand.Sum{})
}

func TestOnlyWhatFits(t *testing.T) {
	m := demand.New()
	a, b := target(t, "a.example.com:443"), target(t, "b.example.com:443")
	m.Allowed(a, client(1), days(0))
	m.Allowed(b, client(2), days(0))
	got := m.Of(func(t hostname.Target) bool { return t == b }, days(0))
	if len(got.Hosts) != 1 || got.Hosts[0].Target != b || got.Requests != 1 || got.Clients != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestSince(t *testing.T) {
	m := demand.New()
	if got := m.Of(everything, days(0)).Since; !got.IsZero() {
		t.Errorf("before the first request: %v", got)
	}
	m.Allowed(target(t, "a.example.com:443"), client(1), days(0).Add(time.Hour))
	for _, tt := range []struct {
		at, want time.Time
	}{
		{days(0).Add(2 * time.Hour), monday.Add(time.Hour)},
		{days(6), monday.Add(time.Hour)},
		{days(7), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}, // seven days of UTC, the seventh is not over
	} {
		if got := m.Of(everything, tt.at).Since; !got.Equal(tt.want) {
			t.Errorf("at %v: %v, want %v", tt.at, got.UTC(), tt.want)
		}
	}
}

// A client that comes to several hosts is one.
func TestManyClients(t *testing.T) {
	m := demand.New()
	for n := range 1000 {
		m.Allowed(target(t, fmt.Sprintf("h%d.example.com:443", n%7)), client(n), days(n/400))
		m.Allowed(target(t, "all.example.com:443"), client(n), days(n/400))
	}
	if got := m.Of(everything, days(3)); got.Clients < 850 || got.Clients > 1150 || got.Requests != 2000 {
		t.Errorf("%d clients and %d requests, want about 1,000 and 2,000", got.Clients, got.Requests)
	}
}

// A clock that was a year wrong for a while counts nothing for the next year.
func TestClockJumps(t *testing.T) {
	a := target(t, "a.example.com:443")
	for _, wrong := range []time.Time{days(365), days(-365), {}, time.Unix(1<<60, 0)} {
		m := demand.New()
		m.Allowed(a, client(1), days(0))
		m.Allowed(a, client(2), wrong)
		m.Allowed(a, client(3), days(0))
		got := m.Of(everything, days(0))
		if got.Requests < 1 || got.Requests > 2 || got.Clients < 1 || got.Clients > 2 || got.Since.After(days(0)) {
			t.Errorf("after %v: %+v", wrong, got)
		}
		want(t, m, days(20), demand.Sum{})
	}
}

func TestTooManyHosts(t *testing.T) {
	m := demand.New()
	for n := range demand.MaxHosts {
		m.Allowed(target(t, fmt.Sprintf("h%d.example.com:443", n)), client(1), days(0).Add(time.Duration(n)*time.Second))
	}
	if got := m.Of(everything, days(0)); len(got.Hosts) != demand.MaxHosts || got.AtLeast {
		t.Errorf("%d hosts, forgotten: %v", len(got.Hosts), got.AtLeast)
	}
	m.Allowed(target(t, "one-more.example.com:443"), client(1), days(0).Add(23*time.Hour/2))
	got := m.Of(everything, days(0).Add(23*time.Hour/2))
	if want := demand.MaxHosts - demand.MaxHosts/10 + 1; len(got.Hosts) != want || !got.AtLeast {
		t.Errorf("%d hosts, forgotten: %v; want %d, true", len(got.Hosts), got.AtLeast, want)
	}
	for _, h := range got.Hosts {
		if h.Target == target(t, "h0.example.com:443") {
			t.Error("the host that was asked for longest ago is still there")
		}
	}
	if m.Of(everything, days(7)).AtLeast {
		t.Error("a week later something is still missing")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	used := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := used()
	m := demand.New()
	for n := range demand.MaxHosts {
		m.Allowed(target(t, fmt.Sprintf("%040d.example.com:443", n)), client(n), days(0))
	}
	if got := used() - before; got > 9<<20 {
		t.Errorf("%d hosts take %d bytes", demand.MaxHosts, got)
	}
	runtime.KeepAlive(m)
}

func TestAKnownHostAllocatesNothing(t *testing.T) {
	m, a, now := demand.New(), target(t, "a.example.com:443"), days(0)
	m.Allowed(a, client(1), now)
	n := 0
	if got := testing.AllocsPerRun(100, func() { n++; m.Allowed(a, client(n), now) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestParallel(t *testing.T) {
	m := demand.New()
	hosts := make([]hostname.Target, 20)
	for i := range hosts {
		hosts[i] = target(t, fmt.Sprintf("h%d.example.com:443", i))
	}
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for n := range 1000 {
				m.Allowed(hosts[n%len(hosts)], client(w), days(0))
			}
		})
	}
	all.Wait()
	if got := m.Of(everything, days(0)); got.Requests != 8000 || got.Clients != 8 || len(got.Hosts) != len(hosts) {
		t.Errorf("%d requests, %d clients, %d hosts", got.Requests, got.Clients, len(got.Hosts))
	}
}

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demand")
	m := demand.New()
	for n, text := range []string{"a.example.com:443", "a.example.com:8443", "10.1.2.3:443", "[2001:db8::1]:8443"} {
		for c := range n + 1 {
			m.Allowed(target(t, text), client(c), days(n))
		}
	}
	again := restart(t, m, path)
	for _, at := range []time.Time{days(3), days(8)} {
		if diff := cmp.Diff(m.Of(everything, at), again.Of(everything, at), cmp.Comparer(
			func(a, b hostname.Target) bool { return a == b })); diff != "" {
			t.Errorf("at %v (-before +after):\n%s", at, diff)
		}
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	if !bytes.Equal(m.Encode(), again.Encode()) {
		t.Error("the same is written in another way")
	}
}

func restart(t *testing.T, m *demand.Memory, path string) *demand.Memory {
	t.Helper()
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	again := demand.New()
	if err := again.Load(path); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestSaveWritesOnlyWhatChanged(t *testing.T) {
	path, m := filepath.Join(t.TempDir(), "demand"), demand.New()
	save := func(want bool) {
		t.Helper()
		_ = os.Remove(path)
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil != want {
			t.Errorf("saved: %v, want %v", err == nil, want)
		}
	}
	save(false)
	m.Allowed(target(t, "a.example.com:443"), client(1), days(0))
	save(true)
	save(false)
}

func TestDamage(t *testing.T) {
	path, m := filepath.Join(t.TempDir(), "demand"), demand.New()
	for _, text := range []string{"a.example.com:443", "b.example.com:443"} {
		m.Allowed(target(t, text), client(1), days(0))
	}
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x20
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		m := demand.New()
		if err := m.Load(path); err == nil {
			t.Errorf("byte %d: no error", i)
		}
		want(t, m, days(0), demand.Sum{})
	}
}

// FuzzDecode reads what may stand in a file whose sum is right: it is refused, or is what Encode writes.
func FuzzDecode(f *testing.F) {
	m := demand.New()
	m.Allowed(target(f, "a.example.com:443"), client(1), days(0))
	m.Allowed(target(f, "[2001:db8::1]:8443"), client(2), days(1))
	f.Add(m.Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		m := demand.New()
		if err := m.Decode(body); err != nil {
			if got := m.Of(everything, days(0)); len(got.Hosts) > 0 {
				t.Errorf("%v, and %+v", err, got)
			}
			return
		}
		if again := m.Encode(); sha256.Sum256(again) != sha256.Sum256(body) {
			t.Errorf("read  %x\nwrote %x", body, again)
		}
		m.Allowed(target(t, "a.example.com:443"), client(1), days(0))
	})
}
