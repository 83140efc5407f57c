package history

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/folder"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var start = time.Date(2026, 12, 1, 20, 0, 0, 0, time.UTC)

// of is a record of the n-th change, at one a minute.
func of(n int) Record {
	return Record{
		Time: start.Add(time.Duration(n) * time.Minute), Result: Changed, EtagBefore: fmt.Sprint(n - 1), Etag: fmt.Sprint(n),
		Caller: Caller{Name: "alice", Via: "unix socket", Role: "change"}, Client: "omsgwctl/1.0.0", Method: "SettingService/SetSetting",
		Comment: "because", Changes: []Change{{Noun: "setting", Key: "ListenPort", Old: "8080", New: fmt.Sprint(n)}},
	}
}

func open(t *testing.T, dir string, limits Limits) *History {
	t.Helper()
	h, err := Open(dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// filled makes a history of n revisions with their configurations.
func filled(t *testing.T, n int) (h *History, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "history")
	h = open(t, dir, DefaultLimits)
	for i := 1; i <= n; i++ {
		if r, err := h.Append(of(i), fmt.Appendf(nil, "configuration %d", i)); err != nil || r.Revision != uint64(i) {
			t.Fatalf("revision %d: %d, %v", i, r.Revision, err)
		}
	}
	return h, dir
}

func findings(t *testing.T, h *History, head string) []string {
	t.Helper()
	report, err := h.Verify(context.Background(), head)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range report.Findings {
		found = append(found, fmt.Sprintf("%s %d", f.Fault, f.Revision))
	}
	return found
}

func TestWhatIsAppendedIsThere(t *testing.T) {
	written, dir := filled(t, 3)
	if _, err := written.Append(Record{Result: NotMade, Of: 3, Method: "x", Problem: "disk full"}, nil); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*History{"same": written, "opened again": open(t, dir, DefaultLimits)} {
		if diff := cmp.Diff([]uint64{1, 2, 3, 4}, h.Revisions()); diff != "" {
			t.Errorf("%s: revisions (-want +got):\n%s", name, diff)
		}
		got, err := h.Record(2)
		if err != nil {
			t.Fatal(err)
		}
		want := of(2)
		first, err := h.Record(1)
		if err != nil {
			t.Fatal(err)
		}
		want.Format, want.Revision, want.Previous = 1, 2, first.Hash()
		want.Configuration = configurationOf([]byte("configuration 2"))
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Record{})); diff != "" {
			t.Errorf("%s: record (-want +got):\n%s", name, diff)
		}
		if c, err := h.Configuration(2); err != nil || string(c) != "configuration 2" {
			t.Errorf("%s: configuration %q, %v", name, c, err)
		}
		if last, ok := h.Last(); !ok || last.Revision != 4 || last.Problem != "disk full" {
			t.Errorf("%s: last %+v, %v", name, last, ok)
		}
		for revision, want := range map[uint64]reason.Reason{
			4: reason.RevisionWithoutConfiguration, 5: reason.RevisionNotFound, 0: reason.RevisionNotFound,
		} {
			if _, err := h.Configuration(revision); reason.Of(err) != want {
				t.Errorf("%s: configuration of %d: %v, want %s", name, revision, err, want)
			}
		}
		if found := findings(t, h, first.Hash()); found != nil {
			t.Errorf("%s: %q", name, found)
		}
	}
}

func TestNoHistory(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "none"), DefaultLimits)
	if _, ok := h.Last(); ok || len(h.Revisions()) > 0 || findings(t, h, "") != nil {
		t.Error("there is a history without a folder")
	}
	if diff := cmp.Diff([]string{"HEAD_NOT_FOUND 0"}, findings(t, h, hashOf(nil))); diff != "" {
		t.Error(diff)
	}
}

// Each fault is found, each revision that has none can be read, and the chain goes on.
func TestDamage(t *testing.T) {
	cases := map[string]struct {
		damage func(t *testing.T, dir string)
		head   bool // of the last record, noted before
		want   []string
		unread []uint64
	}{
		"nothing": {damage: func(*testing.T, string) {}, head: true},
		"one byte of each class": {
			damage: func(t *testing.T, dir string) {
				rewrite(t, dir, 2, func(b []byte) []byte { return bytes.Replace(b, []byte(`"New`), []byte(`"Niw`), 1) })
				rewrite(t, dir, 2, func(b []byte) []byte { return bytes.Replace(b, []byte("because"), []byte("becouse"), 1) })
			},
			want: []string{"ALTERED 2"},
		},
		"a record that is no JSON": {
			damage: func(t *testing.T, dir string) { rewrite(t, dir, 3, func(b []byte) []byte { b[0] = 0; return b }) },
			want:   []string{"DAMAGED 3", "ALTERED 3"}, unread: []uint64{3},
		},
		"an unknown field": {
			damage: func(t *testing.T, dir string) {
				rewrite(t, dir, 3, func(b []byte) []byte { return bytes.Replace(b, []byte(`"etag"`), []byte(`"egat"`), 1) })
			},
			want: []string{"DAMAGED 3", "ALTERED 3"}, unread: []uint64{3},
		},
		"torn in the record": {
			damage: func(t *testing.T, dir string) { rewrite(t, dir, 5, func(b []byte) []byte { return b[:40] }) },
			want:   []string{"DAMAGED 5"}, unread: []uint64{5},
		},
		"empty": {
			damage: func(t *testing.T, dir string) { rewrite(t, dir, 5, func([]byte) []byte { return nil }) },
			want:   []string{"DAMAGED 5"}, unread: []uint64{5},
		},
		"torn in the configuration": {
			damage: func(t *testing.T, dir string) { rewrite(t, dir, 4, func(b []byte) []byte { return b[:len(b)-3] }) },
			want:   []string{"DAMAGED 4"},
		},
		"another configuration": {
			damage: func(t *testing.T, dir string) {
				rewrite(t, dir, 4, func(b []byte) []byte {
					line, _, _ := lineOf(b)
					return append(append(bytes.Clone(line), '\n'), compress([]byte("configuration 5"))...)
				})
			},
			want: []string{"DAMAGED 4"},
		},
		"a gap": {
			damage: func(t *testing.T, dir string) { remove(t, dir, 2); remove(t, dir, 3) },
			want:   []string{"MISSING 2"}, unread: []uint64{2, 3},
		},
		"the last is gone": {
			damage: func(t *testing.T, dir string) { remove(t, dir, 5) },
			head:   true, want: []string{"HEAD_NOT_FOUND 0"}, unread: []uint64{5},
		},
		"a foreign file": {
			damage: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "0000000003.revision.bak"), nil)
			},
			want: []string{"INSERTED 0"},
		},
		"put in behind": {
			damage: func(t *testing.T, dir string) {
				file := read(t, filepath.Join(dir, nameOf(3)))
				write(t, filepath.Join(dir, nameOf(7)), bytes.Replace(file, []byte(`"revision":3`), []byte(`"revision":7`), 1))
			},
			want: []string{"MISSING 6"}, unread: []uint64{6},
		},
		"of a newer program": {
			damage: func(t *testing.T, dir string) {
				rewrite(t, dir, 5, func(b []byte) []byte {
					return bytes.Replace(b, []byte(`"format":1`), []byte(`"format":2,"more":{}`), 1)
				})
			},
			want: []string{"NEWER 5"}, unread: []uint64{5},
		},
		"the mark": {
			damage: func(t *testing.T, dir string) { write(t, filepath.Join(dir, markName), []byte("{")) },
			want:   []string{"MARK_DAMAGED 0"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, dir := filled(t, 5)
			last, _ := before.Last()
			c.damage(t, dir)
			h := reopened(dir)
			head := ""
			if c.head {
				head = last.Hash()
			}
			got := findings(t, h, head)
			if diff := cmp.Diff(c.want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for revision := uint64(1); revision <= 5; revision++ {
				_, err := h.Record(revision)
				if want := slices.Contains(c.unread, revision); (err != nil) != want {
					t.Errorf("record %d: %v", revision, err)
				}
			}
			added, err := h.Append(of(8), []byte("configuration 8"))
			if err != nil {
				t.Fatal(err)
			}
			again := reopened(dir)
			if r, ok := again.Last(); !ok || r.Revision != added.Revision {
				t.Errorf("the last revision is %d, want %d", r.Revision, added.Revision)
			}
			if diff := cmp.Diff(got, findings(t, again, head), cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Errorf("findings once the chain has gone on (-before +after):\n%s", diff)
			}
		})
	}
}

// reopened is a history whose faults are told, and stop nothing.
func reopened(dir string) *History {
	h, _ := Open(dir, DefaultLimits)
	return h
}

// Every single byte of a revision that another replaces is found, and never accepted as something else.
func TestEveryByteIsHeld(t *testing.T) {
	_, dir := filled(t, 3)
	path := filepath.Join(dir, nameOf(2))
	file := read(t, path)
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= byte(1 + rand.IntN(255))
		write(t, path, damaged)
		h := reopened(dir)
		// The header of gzip has a time and a system that nobody reads.
		if findings(t, h, "") == nil {
			if c, err := h.Configuration(2); err != nil || string(c) != "configuration 2" {
				t.Errorf("byte %d: nothing was found, and the configuration is %q, %v", i, c, err)
			}
			if line, _, _ := lineOf(file); i <= len(line) {
				t.Errorf("byte %d of the record: nothing was found", i)
			}
		}
	}
}

func TestPrune(t *testing.T) {
	limits := Limits{ConfigurationBytes: 1, Configurations: 2, Records: 4, Age: 5 * time.Minute, RecordBytes: 1 << 20}
	_, dir := filled(t, 10)
	h := open(t, dir, limits)
	prune := func(now time.Time) {
		t.Helper()
		if err := h.Prune(now); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(want ...uint64) {
		t.Helper()
		if diff := cmp.Diff(want, h.Revisions()); diff != "" {
			t.Fatalf("revisions (-want +got):\n%s", diff)
		}
		if found := findings(t, h, ""); found != nil {
			t.Fatal(found)
		}
	}
	prune(start.Add(10 * time.Minute)) // those of the last five minutes stay, though only four have to
	kept(5, 6, 7, 8, 9, 10)
	for revision, want := range map[uint64]reason.Reason{8: reason.RevisionWithoutConfiguration, 9: "", 10: ""} {
		if _, err := h.Configuration(revision); reason.Of(err) != want {
			t.Errorf("configuration of %d: %v, want %q", revision, err, want)
		}
	}
	prune(start.Add(time.Hour))
	kept(7, 8, 9, 10)

	h = open(t, dir, limits)
	if _, err := h.Append(of(11), []byte("configuration 11")); err != nil {
		t.Fatal(err)
	}
	prune(start.Add(time.Hour))
	kept(8, 9, 10, 11)

	h.limits.RecordBytes = 1
	prune(start)
	kept(11) // the last one stays
	h = open(t, dir, limits)
	if _, err := h.Append(of(12), nil); err != nil {
		t.Fatal(err)
	}
	kept(11, 12)
}

// A prune that died between its steps leaves nothing that a later one does not end, and no hole in the chain.
func TestPruneThatDied(t *testing.T) {
	_, dir := filled(t, 5)
	third := read(t, filepath.Join(dir, nameOf(3)))
	line, _, _ := lineOf(third)
	in, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := (mark{Revision: 3, Hash: hashOf(line)}).write(in); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, 1) // 2 and 3 were still to go
	h := open(t, dir, DefaultLimits)
	if diff := cmp.Diff([]uint64{4, 5}, h.Revisions()); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
	if found := findings(t, h, ""); found != nil {
		t.Error(found)
	}
}

func TestManyAtOnce(t *testing.T) {
	h, dir := filled(t, 0)
	var writers sync.WaitGroup
	for w := range 20 {
		writers.Go(func() {
			for i := range 5 {
				if _, err := h.Append(of(w*5+i), []byte("configuration")); err != nil {
					t.Error(err)
				}
				if _, ok := h.Last(); !ok {
					t.Error("there is none")
				}
				findings(t, h, "")
			}
		})
	}
	writers.Wait()
	again := open(t, dir, DefaultLimits)
	if found := findings(t, again, ""); found != nil || len(again.Revisions()) != 100 {
		t.Errorf("%d revisions, %q", len(again.Revisions()), found)
	}
}

func FuzzDecode(f *testing.F) {
	r := of(2)
	r.Format, r.Revision, r.Previous = 1, 2, hashOf(nil)
	line, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line[:len(line)-1])
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"revision":2,"previous":"","configuration":{"sha256":"","size":-1}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decode(line, 2)
		if err != nil {
			return
		}
		if r.Hash() != hashOf(line) {
			t.Error("the hash is not that of the line")
		}
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(bytes.TrimSuffix(again, []byte("\n")), 2); err != nil {
			t.Errorf("%q is written as %q: %v", line, again, err)
		}
	})
}

func rewrite(t *testing.T, dir string, revision uint64, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, nameOf(revision))
	write(t, path, change(read(t, path)))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir string, revision uint64) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, nameOf(revision))); err != nil {
		t.Fatal(err)
	}
}
