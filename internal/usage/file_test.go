package usage_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/usage"
)

const header = "omsgateway usage 1\n"

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "usage")
}

// restart saves the memory and loads another from the file.
func restart(t *testing.T, m *usage.Memory, path string) *usage.Memory {
	t.Helper()
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	again := usage.New()
	if err := again.Load(path); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestRestart(t *testing.T) {
	path := file(t)
	m := usage.New()
	entries := []string{"a.example.com", "*.example.com:8443", "10.1.2.3", "2001:db8::1", "[2001:db8::1]:8443"}
	for i, e := range entries {
		for n := range i + 1 {
			m.Used(pattern(t, e), at(10*i+n))
		}
	}
	long := strings.Repeat(strings.Repeat("a", 60)+".", 4) + "example"
	deny(m, client(1), target(t, long+":65535"), target(t, "10.1.2.3:1"), target(t, "[2001:db8::1]:443"))
	for i := range 100 {
		deny(m, client(i), target(t, "a.example.com:443"))
	}
	m.Denied(target(t, "10.1.2.3:1"), netip.MustParseAddr("2001:db8::2"), reason.AddressNotAllowed, at(1000))

	again := restart(t, m, path)
	for _, e := range entries {
		if diff := cmp.Diff(m.UseOf(pattern(t, e)), again.UseOf(pattern(t, e))); diff != "" {
			t.Errorf("%s (-before +after):\n%s", e, diff)
		}
	}
	list(t, again, m.DeniedHosts()...)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	again.Used(pattern(t, "a.example.com"), at(2000))
	if got := restart(t, again, path).UseOf(pattern(t, "a.example.com")); got.Count != 2 || !got.Last.Equal(at(2000)) {
		t.Errorf("after two restarts: %+v", got)
	}
}

// A restart does not change who loses a host when there are too many.
func TestFullMemoryIsKept(t *testing.T) {
	path := file(t)
	m := usage.New()
	deny(m, client(1), numbered(t, 0), numbered(t, 1))
	for i := range usage.MaxDenied {
		deny(m, client(2), target(t, fmt.Sprintf("random%d.example.net:443", i)))
	}
	deny(m, client(1), numbered(t, 0))
	again := restart(t, m, path)
	deny(again, client(1), numbered(t, 2))
	deny(m, client(1), numbered(t, 2))
	list(t, again, m.DeniedHosts()...)
	if !remembered(again)[numbered(t, 1)] {
		t.Error("the host of the smaller share was forgotten")
	}
}

// A clock may be wrong by anything; what is written can be read.
func TestTimesOutOfRange(t *testing.T) {
	for _, when := range []time.Time{{}, time.Unix(-1, 0), time.Unix(1<<60, 0)} {
		m := usage.New()
		m.Used(pattern(t, "a.example.com"), when)
		m.Denied(numbered(t, 1), client(1), reason.HostNotAllowed, when)
		again := restart(t, m, file(t))
		if got := again.UseOf(pattern(t, "a.example.com")); got.Count != 1 {
			t.Errorf("%v: %+v", when, got)
		}
	}
}

func TestSaveWritesOnlyWhatChanged(t *testing.T) {
	path, m := file(t), usage.New()
	wantSaved := func(want bool) {
		t.Helper()
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil != want {
			t.Errorf("saved: %v, want %v", err == nil, want)
		}
	}
	wantSaved(false)
	m.Used(pattern(t, "a.example.com"), at(1))
	wantSaved(true)
	wantSaved(false)
	m.UseOf(pattern(t, "a.example.com"))
	m.DeniedHosts()
	m.Forget(func(hostname.Target) bool { return true })
	wantSaved(false)
	deny(m, client(1), numbered(t, 1))
	m = restart(t, m, path)
	wantSaved(false)
	m.Forget(func(hostname.Target) bool { return true })
	wantSaved(true)
}

func TestSaveThatFailsIsTriedAgain(t *testing.T) {
	m := usage.New()
	m.Used(pattern(t, "a.example.com"), at(1))
	path := filepath.Join(t.TempDir(), "later", "usage")
	if err := m.Save(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v, want one about %s", err, path)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := restart(t, m, path).UseOf(pattern(t, "a.example.com")); got.Count != 1 {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestNoFile(t *testing.T) {
	m := usage.New()
	if err := m.Load(file(t)); err != nil {
		t.Error(err)
	}
	list(t, m, []usage.DeniedHost{}...)
}

// sample has a use of two entries and two refused hosts.
func sample(t testing.TB) []byte {
	t.Helper()
	m := usage.New()
	m.Used(pattern(t, "a.example.com"), at(1))
	m.Used(pattern(t, "*.example.org:8443"), at(2))
	m.Used(pattern(t, "a.example.com"), at(3))
	m.Denied(target(t, "b.example.com:443"), netip.MustParseAddr("192.0.2.1"), reason.HostNotAllowed, at(4))
	m.Denied(target(t, "a.example.com:22"), netip.MustParseAddr("2001:db8::1"), reason.PortNotAllowed, at(5))
	m.Denied(target(t, "b.example.com:443"), netip.MustParseAddr("192.0.2.2"), reason.HostNotAllowed, at(6))
	return m.Encode()
}

// A gateway reads the files of those before it: what changes their format needs another header.
func TestFormatIsThatOfItsHeader(t *testing.T) {
	const want = "b08d65e54fe5901624564ec7746191d26549282757b2e1c5d86717cee7d58124"
	if got := fmt.Sprintf("%x", sha256.Sum256(sample(t))); got != want {
		t.Errorf("the hash of the sample is %s, want %s", got, want)
	}
}

// Parts of a file by hand.
func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func numbers(n ...uint64) (data []byte) {
	for _, n := range n {
		data = binary.BigEndian.AppendUint64(data, n)
	}
	return data
}

func addr(s string) []byte {
	octets := netip.MustParseAddr(s).As16()
	return octets[:]
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestDamagedFile(t *testing.T) {
	none, one := []byte{0, 0, 0, 0}, []byte{0, 0, 0, 1}
	entry := join(text("a.example.com"), numbers(1, 2, 3))
	all := bytes.Repeat([]byte{0xff}, 64) // a bitmap that has every client
	denied := func(target string, counts []byte, why string, clients ...[]byte) []byte {
		return join(text(target), counts, text(why), addr("192.0.2.1"), all, join(clients...))
	}
	times, client := numbers(1, 2, 3), join([]byte{1}, addr("192.0.2.1"))
	host := denied("b.example.com:443", times, "HOST_NOT_ALLOWED", client)

	var manyEntries, manyHosts []byte
	manyEntries = binary.BigEndian.AppendUint32(nil, usage.MaxUsed+1)
	for i := range usage.MaxDenied + 1 {
		manyHosts = append(manyHosts, denied(fmt.Sprintf("h%d.example.com:443", i), times, "HOST_NOT_ALLOWED", client)...)
	}
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"empty":                     {nil, "does not begin"},
		"cut number":                {none[:3], "does not begin"},
		"too many entries":          {manyEntries, "does not begin"},
		"missing entry":             {one, "entry 1 cannot"},
		"cut entry":                 {join(one, entry[:len(entry)-1]), "entry 1 cannot"},
		"entry in another spelling": {join(one, text("A.example.com"), times), "entry 1 cannot"},
		"entry that is none":        {join(one, text("https://a.example.com/"), times), "entry 1 cannot"},
		"entry that is too long":    {join(one, text(strings.Repeat(" ", 60_000)+"a"), times), "entry 1 cannot"},
		"claimed length":            {join(one, []byte{0xff, 0xff}, []byte("a.example.com"), times), "entry 1 cannot"},
		"entry twice":               {join([]byte{0, 0, 0, 2}, entry, entry), "entry 2 cannot"},
		"entries out of order":      {join([]byte{0, 0, 0, 2}, text("b.example.com"), times, entry), "entry 2 cannot"},
		"entry that was never used": {join(one, text("a.example.com"), numbers(0, 2, 3)), "entry 1 cannot"},
		"count out of range":        {join(one, text("a.example.com"), numbers(1<<62, 2, 3)), "entry 1 cannot"},
		"time out of range":         {join(one, text("a.example.com"), numbers(1, 1<<40, 3)), "entry 1 cannot"},
		"last time out of range":    {join(one, text("a.example.com"), numbers(1, 2, 1<<63)), "entry 1 cannot"},
		"rest":                      {join(none, []byte{0}), "host 1 cannot"},
		"cut host":                  {join(none, host, host[:len(host)-1]), "host 2 cannot"},
		"host twice":                {join(none, host, host), "host 2 is there twice"},
		"too many hosts":            {join(none, manyHosts), "more than 10000"},
		"host without a port":       {join(none, denied("b.example.com", times, "X", client)), "host 1 cannot"},
		"host in another spelling":  {join(none, denied("B.example.com:443", times, "X", client)), "host 1 cannot"},
		"host never refused":        {join(none, denied("b.example.com:443", numbers(0, 2, 3), "X", client)), "host 1 cannot"},
		"no reason":                 {join(none, denied("b.example.com:443", times, "", client)), "host 1 cannot"},
		"reason that is none":       {join(none, denied("b.example.com:443", times, "A\x1b[2J", client)), "host 1 cannot"},
		"no clients":                {join(none, denied("b.example.com:443", times, "X", []byte{0})), "host 1 cannot"},
		"too many clients":          {join(none, denied("b.example.com:443", times, "X", []byte{9})), "host 1 cannot"},
		"client twice":              {join(none, denied("b.example.com:443", times, "X", []byte{2}, client[1:], client[1:])), "host 1 cannot"},
		"client that was not counted": {
			join(none, text("b.example.com:443"), times, text("X"), addr("192.0.2.1"), make([]byte, 64), client), "host 1 cannot",
		},
		"bringer that is no network": {
			join(none, text("b.example.com:443"), times, text("X"), addr("2001:db8::1"), all, client), "host 1 cannot",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			write(t, path, header, c.body)
			m := usage.New()
			err := m.Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v, want one about %s with %q", err, path, c.want)
			}
			if diff := cmp.Diff(usage.New().Encode(), m.Encode()); diff != "" {
				t.Errorf("the memory is not empty:\n%s", diff)
			}
			m.Used(pattern(t, "c.example.com"), at(1))
			if got := restart(t, m, path).UseOf(pattern(t, "c.example.com")); got.Count != 1 {
				t.Errorf("after the next restart: %+v", got)
			}
		})
	}

	// The parts above are good by themselves.
	path := file(t)
	write(t, path, header, join(one, entry, host))
	m := usage.New()
	if err := m.Load(path); err != nil {
		t.Fatal(err)
	}
	if got := m.UseOf(pattern(t, "a.example.com")); got != (usage.Use{Count: 1, First: time.Unix(2, 0), Last: time.Unix(3, 0)}) {
		t.Errorf("use %+v", got)
	}
	list(t, m, usage.DeniedHost{Target: target(t, "b.example.com:443"), Count: 1, First: time.Unix(2, 0), Last: time.Unix(3, 0),
		Reason: reason.HostNotAllowed, Clients: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, ClientCount: 1})

	write(t, path, "omsgateway usage 2\n", m.Encode())
	if err := usage.New().Load(path); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("another version: %v", err)
	}
}

func write(t *testing.T, path, header string, body []byte) {
	t.Helper()
	data := append([]byte(header), body...)
	sum := sha256.Sum256(data)
	if err := os.WriteFile(path, append(data, sum[:]...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzDecode: a file that is taken is the one that is written of what was read, so nothing in it is overlooked.
func FuzzDecode(f *testing.F) {
	good := sample(f)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(usage.New().Encode())
	f.Fuzz(func(t *testing.T, body []byte) {
		m := usage.New()
		if err := m.Decode(body); err != nil {
			body = usage.New().Encode()
		}
		if got := m.Encode(); !bytes.Equal(got, body) {
			t.Errorf("%x is read, and written as %x", body, got)
		}
	})
}

func BenchmarkUsed(b *testing.B) {
	m, p, now := usage.New(), pattern(b, "a.example.com"), at(1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Used(p, now)
		}
	})
}

// BenchmarkFlood is one name after the other, all new, when there is no room left.
func BenchmarkFlood(b *testing.B) {
	m := usage.New()
	hosts := make([]hostname.Target, 4*usage.MaxDenied)
	for i := range hosts {
		hosts[i] = numbered(b, i)
		deny(m, client(i%1000), hosts[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Denied(hosts[i%len(hosts)], client(1), reason.HostNotAllowed, at(1))
	}
}

func BenchmarkSave(b *testing.B) {
	m, path := usage.New(), file(b)
	for i := range 100_000 {
		m.Used(pattern(b, fmt.Sprintf("host%d.department.example.com", i)), at(1))
	}
	for i := range usage.MaxDenied {
		deny(m, client(i), numbered(b, i))
	}
	for b.Loop() {
		m.Used(pattern(b, "host0.department.example.com"), at(1))
		if err := m.Save(path); err != nil {
			b.Fatal(err)
		}
	}
}
