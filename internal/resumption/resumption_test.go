package resumption_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/resumption"
)

const target = "agents.example.com:443"

var (
	notAsked = handshake.Shown{Visibility: handshake.NotAsked}
	notGiven = handshake.Shown{Visibility: handshake.NotGiven}
)

// clock is a time that a test sets.
type clock struct{ time time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.time }

func (c *clock) pass(d time.Duration) { c.time = c.time.Add(d) }

func key(i int) handshake.SessionKey { return sha256.Sum256(fmt.Append(nil, i)) }

// visible is a certificate with the CN and nothing else.
func visible(t testing.TB, commonName string) handshake.Shown {
	t.Helper()
	raw, err := asn1.Marshal(pkix.Name{CommonName: commonName}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	c := clientcert.Restore(raw, sha256.Sum256(raw), sha1.Sum(raw))
	if len(c.RawSubject) == 0 {
		t.Fatalf("%q is no subject", commonName)
	}
	return handshake.Shown{Visibility: handshake.Visible, Certificate: c}
}

// full remembers sessions of a full handshake.
func full(m *resumption.Memory, shown handshake.Shown, keys ...handshake.SessionKey) {
	m.For(target).Remember(keys, handshake.Seen{Certificate: shown})
}

// wantShown looks a session up.
func wantShown(t *testing.T, m *resumption.Memory, target string, key handshake.SessionKey, want handshake.Shown) {
	t.Helper()
	got, ok := m.For(target).Recall(key)
	if !ok {
		t.Fatal("the session is not remembered")
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(clientcert.Certificate{})); diff != "" {
		t.Errorf("what was shown (-want +got):\n%s", diff)
	}
}

func wantUnknown(t *testing.T, m *resumption.Memory, target string, key handshake.SessionKey) {
	t.Helper()
	if got, ok := m.For(target).Recall(key); ok || got != (handshake.Shown{}) {
		t.Errorf("recalled %+v, %v; want nothing", got, ok)
	}
}

func TestFullHandshakeIsRemembered(t *testing.T) {
	for name, shown := range map[string]handshake.Shown{
		"certificate": visible(t, "agent"),
		"certificate that cannot be read": {
			Visibility: handshake.Visible, Certificate: clientcert.Parse([]byte("no DER")),
		},
		"none asked": notAsked,
		"none given": notGiven,
	} {
		t.Run(name, func(t *testing.T) {
			m := resumption.New(newClock().now)
			full(m, shown, key(1), key(2)) // a session id and a ticket
			wantShown(t, m, target, key(1), shown)
			wantShown(t, m, target, key(2), shown)
			wantUnknown(t, m, target, key(3))
			wantUnknown(t, m, "agents.example.com:8443", key(1))
			wantUnknown(t, m, "other.example.com:443", key(1))
			if m.Len() != 2 {
				t.Errorf("Len() = %d, want 2", m.Len())
			}
		})
	}
}

func TestWhatCannotBeInheritedIsNotRemembered(t *testing.T) {
	m := resumption.New(newClock().now)
	for _, v := range []handshake.Visibility{handshake.Undecided, handshake.Encrypted, handshake.UnknownSession, 99} {
		full(m, handshake.Shown{Visibility: v}, key(int(v)))
	}
	full(m, handshake.Shown{Visibility: handshake.Visible}, key(1000))
	full(m, notAsked)
	m.For(target).Remember([]handshake.SessionKey{key(1001)}, handshake.Seen{Resumed: true, Certificate: notAsked})
	if m.Len() != 0 {
		t.Errorf("Len() = %d, want 0", m.Len())
	}
}

// The list of today judges a certificate that is recalled just as the one that was shown, whichever kind of entry it is matched by.
func TestRecalledCertificateMatchesAsTheOneShown(t *testing.T) {
	m := resumption.New(newClock().now)
	shown := visible(t, "Agent  One")
	full(m, shown, key(1))
	got, _ := m.For(target).Recall(key(1))
	for _, entry := range []string{
		"agent one", "CN=Agent One", "agent", "CN=Agent One, O=x",
		fmt.Sprintf("sha256:%x", shown.Certificate.SHA256), fmt.Sprintf("sha1:%x", shown.Certificate.SHA1),
		"sha1:" + strings.Repeat("0", 40),
	} {
		list, err := clientcert.Compile([]string{entry})
		if err != nil {
			t.Fatal(err)
		}
		_, want := list.Match(shown.Certificate)
		if _, ok := list.Match(got.Certificate); ok != want {
			t.Errorf("%q matches the certificate that is recalled: %v, the one that was shown: %v", entry, ok, want)
		}
	}
}

func TestLastHandshakeCounts(t *testing.T) {
	c := newClock()
	m := resumption.New(c.now)
	full(m, visible(t, "first"), key(1))
	c.pass(23 * time.Hour)
	full(m, visible(t, "second"), key(1))
	c.pass(23 * time.Hour)
	wantShown(t, m, target, key(1), visible(t, "second"))
	if m.Len() != 1 {
		t.Errorf("Len() = %d, want 1", m.Len())
	}
}

func TestSessionIsForgottenADayAfterItsFullHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		later time.Duration
		known bool
	}{
		"at once":               {0, true},
		"just before":           {resumption.MaxAge - time.Second, true},
		"a day":                 {resumption.MaxAge, false},
		"the clock is set back": {-time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			m := resumption.New(clock.now)
			full(m, notGiven, key(1))
			clock.pass(c.later)
			if c.known {
				wantShown(t, m, target, key(1), notGiven)
				return
			}
			wantUnknown(t, m, target, key(1))
			if m.Len() != 0 {
				t.Errorf("Len() = %d, want 0", m.Len())
			}
		})
	}
}

func TestRenewedTicketInheritsTheAge(t *testing.T) {
	c := newClock()
	m := resumption.New(c.now)
	shown := visible(t, "agent")
	full(m, shown, key(0))
	for i := range 23 { // renewed each hour
		c.pass(time.Hour)
		tunnel := m.For(target)
		got, ok := tunnel.Recall(key(i))
		if !ok {
			t.Fatalf("ticket %d is not remembered", i)
		}
		tunnel.Remember([]handshake.SessionKey{key(i + 1)}, handshake.Seen{Resumed: true, Certificate: got})
		wantShown(t, m, target, key(i+1), shown)
	}
	c.pass(time.Hour)
	for i := range 24 {
		wantUnknown(t, m, target, key(i))
	}
}

// A server may answer a resumption that was looked up with another handshake: of a session that is made anew the age is 0.
func TestFullHandshakeAfterALookUpInheritsNothing(t *testing.T) {
	c := newClock()
	m := resumption.New(c.now)
	full(m, notGiven, key(1))
	c.pass(23 * time.Hour)
	tunnel := m.For(target)
	if _, ok := tunnel.Recall(key(1)); !ok {
		t.Fatal("the session is not remembered")
	}
	tunnel.Remember([]handshake.SessionKey{key(2)}, handshake.Seen{Certificate: notAsked})
	c.pass(23 * time.Hour)
	wantShown(t, m, target, key(2), notAsked)
}

// Where a session may be either of two, what is made of it is as old as the older one.
func TestRenewedTicketHasTheAgeOfTheOlderSession(t *testing.T) {
	for name, keys := range map[string][]handshake.SessionKey{"older first": {key(1), key(2)}, "older last": {key(2), key(1)}} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			m := resumption.New(c.now)
			full(m, notGiven, key(1))
			c.pass(20 * time.Hour)
			full(m, notGiven, key(2))
			tunnel := m.For(target)
			for _, k := range append(keys, key(3)) { // and one that is not remembered
				tunnel.Recall(k)
			}
			tunnel.Remember([]handshake.SessionKey{key(4)}, handshake.Seen{Resumed: true, Certificate: notGiven})
			wantShown(t, m, target, key(4), notGiven)
			c.pass(4 * time.Hour)
			wantUnknown(t, m, target, key(4))
			wantShown(t, m, target, key(2), notGiven)
		})
	}
}

func TestTheSessionUsedLongestAgoIsForgotten(t *testing.T) {
	m := resumption.New(newClock().now)
	for i := range resumption.MaxSessions {
		full(m, notAsked, key(i))
	}
	if m.Len() != resumption.MaxSessions {
		t.Fatalf("Len() = %d, want %d", m.Len(), resumption.MaxSessions)
	}
	wantShown(t, m, target, key(0), notAsked) // used
	full(m, notGiven, key(2))                 // made again
	for i := range 3 {
		full(m, notAsked, key(resumption.MaxSessions+i))
	}
	for i, shown := range []handshake.Shown{notAsked, {}, notGiven, {}, {}, notAsked} {
		if shown == (handshake.Shown{}) {
			wantUnknown(t, m, target, key(i))
		} else {
			wantShown(t, m, target, key(i), shown)
		}
	}
	if m.Len() != resumption.MaxSessions {
		t.Errorf("Len() = %d, want %d", m.Len(), resumption.MaxSessions)
	}
}

func TestSizeIsBounded(t *testing.T) {
	m := resumption.New(newClock().now)
	large := visible(t, strings.Repeat("a", 4000))
	full(m, notAsked, key(0))
	for range resumption.MaxSize / 4000 { // what is replaced takes no room
		full(m, large, key(1))
	}
	wantShown(t, m, target, key(0), notAsked)

	const many = resumption.MaxSize / 4000
	for i := range many {
		full(m, large, key(2+i))
	}
	if n := m.Len(); n*4000 > resumption.MaxSize || n*8000 < resumption.MaxSize {
		t.Errorf("%d sessions of 4000 bytes and more are remembered", n)
	}
	wantUnknown(t, m, target, key(0))
	wantUnknown(t, m, target, key(2))
	wantShown(t, m, target, key(1+many), large)
}

// The map behind the memory grows while sessions come and go, for the first million; then its bounds hold for sessions of any size.
func TestSizeIsReal(t *testing.T) {
	before := heap()
	m := resumption.New(newClock().now)
	tunnel := m.For(target)
	var keys [1]handshake.SessionKey
	remember := func(i int, shown handshake.Shown) {
		binary.BigEndian.PutUint64(keys[0][:], uint64(i))
		tunnel.Remember(keys[:], handshake.Seen{Certificate: shown})
	}
	for i := range 16 * resumption.MaxSessions {
		remember(i, notAsked)
	}
	for _, subject := range []int{0, 150, 4000} {
		for i := range resumption.MaxSessions {
			// Each has its own subject, as sessions of different handshakes have.
			c := &clientcert.Certificate{RawSubject: append([]byte(nil), make([]byte, subject)...)}
			remember(i, handshake.Shown{Visibility: handshake.Visible, Certificate: c})
		}
		taken := int(heap() - before)
		t.Logf("%d sessions with subjects of %d bytes take %d bytes", m.Len(), subject, taken)
		if taken > resumption.MaxSize {
			t.Errorf("%d sessions with subjects of %d bytes take %d bytes", m.Len(), subject, taken)
		}
		if left := resumption.MaxSize - taken; subject == 4000 && left > 1<<20 {
			t.Errorf("the bound leaves %d bytes unused", left)
		}
	}
	runtime.KeepAlive(m)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one found is swept
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestConcurrentUse(t *testing.T) {
	m := resumption.New(newClock().now)
	path := filepath.Join(t.TempDir(), "tls-sessions")
	shown := []handshake.Shown{notAsked, notGiven, visible(t, "agent")}
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			for i := range 2000 {
				i = (i*7 + user*500) % 3000
				tunnel := m.For(target)
				if got, ok := tunnel.Recall(key(i)); ok {
					if got.Visibility != shown[i%3].Visibility {
						t.Errorf("session %d: recalled %+v", i, got)
					}
					tunnel.Remember([]handshake.SessionKey{key(i)}, handshake.Seen{Resumed: true, Certificate: got})
				} else {
					full(m, shown[i%3], key(i))
				}
			}
		})
	}
	users.Go(func() {
		for range 5 {
			if err := m.Save(path); err != nil {
				t.Error(err)
			}
		}
	})
	users.Wait()
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	again := resumption.New(newClock().now)
	if err := again.Load(path); err != nil {
		t.Fatal(err)
	}
	if again.Len() != m.Len() || m.Len() != 3000 {
		t.Errorf("%d sessions, %d after a restart, want 3000", m.Len(), again.Len())
	}
}

func BenchmarkRecall(b *testing.B) {
	m := resumption.New(time.Now)
	for i := range resumption.MaxSessions {
		full(m, visible(b, "11111111-2222-3333-4444-555555555555"), key(i))
	}
	for name, k := range map[string]handshake.SessionKey{"known": key(5), "unknown": key(-1)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.For(target).Recall(k)
			}
		})
	}
}

func BenchmarkRemember(b *testing.B) {
	m := resumption.New(time.Now)
	seen := handshake.Seen{Certificate: visible(b, "11111111-2222-3333-4444-555555555555")}
	keys := make([]handshake.SessionKey, 1<<17)
	for i := range keys {
		keys[i] = key(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.For(target).Remember(keys[i%len(keys):][:1], seen)
	}
}
