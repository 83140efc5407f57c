package resumption_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/resumption"
)

const header = "omsgateway tls-sessions 2\n"

// Bytes of a session in the file.
const (
	plainSession   = 32 + 8 + 1
	visibleSession = plainSession + 32 + 20 + 2 // and its subject
)

// restart saves the memory and loads another from the file.
func restart(t *testing.T, m *resumption.Memory, path string, now func() time.Time) *resumption.Memory {
	t.Helper()
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	again := resumption.New(now)
	if err := again.Load(path); err != nil {
		t.Fatal(err)
	}
	return again
}

func sessionsFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "tls-sessions")
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRestart(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	shown := []handshake.Shown{
		notAsked, notGiven, visible(t, "agent"), visible(t, strings.Repeat("é", 1000)),
		{Visibility: handshake.Visible, Certificate: clientcert.Parse([]byte("no DER"))},
	}
	for i, s := range shown {
		full(m, s, key(i))
	}
	again := restart(t, m, path, c.now)
	if again.Len() != len(shown) {
		t.Errorf("Len() = %d, want %d", again.Len(), len(shown))
	}
	for i, s := range shown {
		wantShown(t, again, target, key(i), s)
		wantUnknown(t, again, "other.example.com:443", key(i))
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestRestartKeepsTheAge(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	full(m, notAsked, key(1))
	c.pass(20 * time.Hour)
	full(m, notAsked, key(2))
	m = restart(t, m, path, c.now)
	wantShown(t, m, target, key(1), notAsked)
	c.pass(4 * time.Hour)
	wantUnknown(t, m, target, key(1))
	wantShown(t, m, target, key(2), notAsked)

	c.pass(time.Hour)
	m = restart(t, m, path, c.now)
	c.pass(19 * time.Hour)
	m = restart(t, m, path, c.now)
	wantUnknown(t, m, target, key(2))
}

func TestRestartKeepsTheOrderOfUse(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	for i := range resumption.MaxSessions {
		full(m, notAsked, key(i))
	}
	wantShown(t, m, target, key(0), notAsked)
	m = restart(t, m, path, c.now)
	full(m, notAsked, key(-1))
	wantShown(t, m, target, key(0), notAsked)
	wantUnknown(t, m, target, key(1))
	wantShown(t, m, target, key(2), notAsked)
}

func TestFullMemoryIsKeptWhole(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	shown := visible(t, strings.Repeat("a", 1200))
	for i := range 16_000 { // more than there is room for
		full(m, shown, key(i))
	}
	again := restart(t, m, path, c.now)
	if again.Len() != m.Len() || m.Len() == 16_000 {
		t.Errorf("%d sessions, %d after a restart", m.Len(), again.Len())
	}
}

func TestTooOldSessionsLeaveTheFile(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	full(m, visible(t, "agent"), key(1))
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	c.pass(resumption.MaxAge)

	loaded := resumption.New(c.now)
	if err := loaded.Load(path); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*resumption.Memory{"saved": m, "loaded": loaded} {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		if data := readFile(t, path); !bytes.Equal(data, sealed([]byte(header))) {
			t.Errorf("%s: the file has %q", name, data)
		}
		if m.Len() != 0 {
			t.Errorf("%s: Len() = %d, want 0", name, m.Len())
		}
	}
}

// A clock that ran ahead when the sessions were made leaves their age unknown.
func TestSessionsOfTheFutureAreUnknown(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
	full(m, notAsked, key(1))
	behind := newClock()
	behind.pass(-time.Hour)
	wantUnknown(t, restart(t, m, path, behind.now), target, key(1))
}

func TestSaveWritesOnlyWhatChanged(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	m := resumption.New(c.now)
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
	full(m, notAsked, key(1))
	wantSaved(true)
	wantSaved(false)
	wantShown(t, m, target, key(1), notAsked)
	wantSaved(false)
	full(m, notAsked, key(1))
	wantSaved(true)
	full(m, notAsked, key(2))
	m = restart(t, m, path, c.now)
	wantSaved(false)
	full(m, notAsked, key(3))
	wantSaved(true)
	c.pass(resumption.MaxAge)
	wantSaved(true)
	wantSaved(false)
}

func TestSaveThatFailsIsTriedAgain(t *testing.T) {
	m := resumption.New(newClock().now)
	full(m, notAsked, key(1))
	path := filepath.Join(t.TempDir(), "later", "tls-sessions")
	if err := m.Save(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v, want one about %s", err, path)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	restart(t, m, path, newClock().now)
}

// What can be known without the file, such as a host or what a session id and a ticket hash to, must not be found in it.
func TestFileDoesNotTellTargetsOrSessions(t *testing.T) {
	path := sessionsFile(t)
	m := resumption.New(newClock().now)
	full(m, visible(t, "agent"), key(1))
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	data, hashed := readFile(t, path), key(1)
	hashedTarget := sha256.Sum256([]byte(target))
	for name, secret := range map[string][]byte{
		"target": []byte("agents"), "hash of the target": hashedTarget[:], "hash of the session": hashed[:],
	} {
		if bytes.Contains(data, secret) {
			t.Errorf("the file has the %s", name)
		}
	}
	if !bytes.Contains(data, []byte("agent")) {
		t.Error("the file lacks the subject: the test reads the wrong file")
	}
}

func TestNoFile(t *testing.T) {
	m := resumption.New(newClock().now)
	if err := m.Load(sessionsFile(t)); err != nil || m.Len() != 0 {
		t.Errorf("Load: %v, %d sessions", err, m.Len())
	}
}

func TestLoadRemovesWhatASaveLeft(t *testing.T) {
	path := sessionsFile(t)
	left := filepath.Join(filepath.Dir(path), ".tls-sessions.123.tmp")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := resumption.New(newClock().now).Load(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", left, err)
	}
}

// Version 1 did not tell session ids from tickets: what it has counts as forgotten, and the next session replaces it.
func TestFileOfVersion1IsEmpty(t *testing.T) {
	c, path := newClock(), sessionsFile(t)
	body := bytes.TrimPrefix(sample(t), []byte(header))
	if err := os.WriteFile(path, sealed([]byte("omsgateway tls-sessions 1\n"), body[:len(body)-sha256.Size]), 0o600); err != nil {
		t.Fatal(err)
	}
	m := resumption.New(c.now)
	if err := m.Load(path); err != nil || m.Len() != 0 {
		t.Fatalf("Load: %v, %d sessions", err, m.Len())
	}
	full(m, notAsked, key(1))
	wantShown(t, restart(t, m, path, c.now), target, key(1), notAsked)
}

// sample is a file with a session of each kind: none asked, none given, a certificate.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tls-sessions")
	m := resumption.New(newClock().now)
	full(m, notAsked, key(1))
	full(m, notGiven, key(2))
	full(m, visible(t, "agent"), key(3))
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A gateway reads the files of those before it: what changes their format, the numbers of handshake.Visibility included, needs
// another header.
func TestFormatIsThatOfItsHeader(t *testing.T) {
	const want = "c81d2780a30391d09bb389132d45604070c3b25307916788b4846f76a0cc8741"
	if got := fmt.Sprintf("%x", sha256.Sum256(sample(t))); got != want {
		t.Errorf("the hash of the sample is %s, want %s", got, want)
	}
}

// sealed ends what a file has with its hash.
func sealed(parts ...[]byte) []byte {
	data := bytes.Join(parts, nil)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

func TestDamagedFile(t *testing.T) {
	good := sample(t)
	head, body := []byte(header), good[len(header):len(good)-sha256.Size]
	first, last := body[:plainSession], body[2*plainSession:]
	subject := len(last) - visibleSession

	// with is a session in which some bytes are others.
	with := func(session []byte, at int, b ...byte) []byte {
		return append(append(bytes.Clone(session[:at]), b...), session[at+len(b):]...)
	}
	const atTime, atVisibility, atLength = 32, 40, visibleSession - 2
	many := make([]byte, 0, (resumption.MaxSessions+1)*plainSession)
	for i := range resumption.MaxSessions + 1 {
		name := key(i)
		many = append(append(many, name[:]...), first[32:]...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "no such file"},
		"another file":      {[]byte(`{"version":1}`), "no such file"},
		"another version":   {sealed([]byte("omsgateway tls-sessions 3\n"), body), "no such file"},
		"header alone":      {head, "no such file"},
		"cut hash":          {good[:len(head)+31], "no such file"},
		"too large":         {sealed(head, make([]byte, resumption.MaxSize+1)), "more than"},
		"cut":               {good[:len(good)-1], "damaged"},
		"longer":            {append(bytes.Clone(good), 0), "damaged"},
		"one bit":           {with(good, len(head)+40, 3), "damaged"},
		"one bit of a hash": {with(good, len(good)-1, ^good[len(good)-1]), "damaged"},
		"cut in a session":  {sealed(head, first[:len(first)-1]), "session 1 cannot"},
		"cut in a subject":  {sealed(head, first, last[:len(last)-1]), "session 2 cannot"},
		"cut in a SHA-1":    {sealed(head, last[:plainSession+33]), "session 1 cannot"},
		"rest":              {sealed(head, body, []byte{0}), "session 4 cannot"},
		"no visibility":     {sealed(head, with(first, atVisibility, 0)), "session 1 cannot"},
		"encrypted":         {sealed(head, with(first, atVisibility, byte(handshake.Encrypted))), "session 1 cannot"},
		"unknown session":   {sealed(head, with(first, atVisibility, byte(handshake.UnknownSession))), "session 1 cannot"},
		"unknown kind":      {sealed(head, with(first, atVisibility, 200)), "session 1 cannot"},
		"time out of range": {sealed(head, with(first, atTime, 0, 0, 1)), "session 1 cannot"},
		"negative time":     {sealed(head, with(first, atTime, 255, 255, 255, 255)), "session 1 cannot"},
		"longer subject":    {sealed(head, with(last, atLength, 0, byte(subject+1))), "session 1 cannot"},
		"shorter subject":   {sealed(head, with(last, atLength, 0, byte(subject-1))), "session 1 cannot"},
		"claimed subject":   {sealed(head, with(last, atLength, 255, 255)), "session 1 cannot"},
		"subject is no name": {
			sealed(head, with(last, visibleSession, 0x31)), "session 1 cannot",
		},
		"twice":    {sealed(head, body, first), "session 4 is there twice"},
		"too many": {sealed(head, many), "more than 65536 sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			path := sessionsFile(t)
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			m := resumption.New(newClock().now)
			err := m.Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v, want one about %s with %q", err, path, c.want)
			}
			if m.Len() != 0 {
				t.Errorf("Len() = %d, want 0", m.Len())
			}
			full(m, notAsked, key(1))
			wantShown(t, restart(t, m, path, newClock().now), target, key(1), notAsked)
		})
	}

	// The parts above are taken from where they are.
	path := sessionsFile(t)
	if err := os.WriteFile(path, sealed(head, first, last), 0o600); err != nil {
		t.Fatal(err)
	}
	m := resumption.New(newClock().now)
	if err := m.Load(path); err != nil {
		t.Fatal(err)
	}
	wantShown(t, m, target, key(1), notAsked)
	wantUnknown(t, m, target, key(2))
	wantShown(t, m, target, key(3), visible(t, "agent"))
}

func TestPathThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := resumption.New(newClock().now).Load(dir); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: error %v", err)
	}
	absent := filepath.Join(dir, "absent", "tls-sessions")
	if err := resumption.New(newClock().now).Load(absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: error %v", err)
	}
}

// FuzzDecode: a file that is taken is the one that is written of what was read, so nothing in it is overlooked.
func FuzzDecode(f *testing.F) {
	good := sample(f)
	f.Add(good[len(header) : len(good)-sha256.Size])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		sessions, err := resumption.Decode(body)
		switch {
		case err != nil && sessions != nil:
			t.Error("sessions beside an error")
		case err == nil && !bytes.Equal(resumption.Encode(sessions), body):
			t.Errorf("%x is read, and written as %x", body, resumption.Encode(sessions))
		}
	})
}

func BenchmarkSaveAndLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tls-sessions")
	m := resumption.New(time.Now)
	shown := visible(b, "11111111-2222-3333-4444-555555555555")
	for i := range resumption.MaxSessions {
		full(m, shown, key(i))
	}
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			full(m, shown, key(0))
			if err := m.Save(path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if err := resumption.New(time.Now).Load(path); err != nil {
				b.Fatal(err)
			}
		}
	})
}
