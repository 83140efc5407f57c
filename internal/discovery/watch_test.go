package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit bounds every wait.
const limit = 20 * time.Second

// rig is a Watcher with what it has told.
type rig struct {
	*folder
	watcher  *discovery.Watcher
	off      atomic.Bool
	applied  chan *discovery.Reading
	refuse   atomic.Bool
	mu       sync.Mutex
	told     []event.Event
	lastSeen *discovery.Reading
}

// watch starts a Watcher of the agents below f's base and DIR, which need not exist.
func watch(t *testing.T, f *folder, dir string, every time.Duration) *rig {
	t.Helper()
	r := &rig{folder: f, applied: make(chan *discovery.Reading, 1000)}
	r.start(agentsIn(filepath.Join(f.base, dir)), every)
	return r
}

func (r *rig) start(agents []osdefaults.AgentFiles, every time.Duration) {
	r.t.Helper()
	r.watcher = discovery.WatchEvery(r.t.Context(), discovery.Options{
		Agents: agents,
		Events: r,
		On:     func() bool { return !r.off.Load() },
		Apply: func(_ context.Context, reading *discovery.Reading) error {
			if r.refuse.Load() {
				return errors.New("refused")
			}
			select {
			case r.applied <- reading:
			default:
			}
			return nil
		},
	}, every)
	r.t.Cleanup(r.watcher.Stop)
}

func (r *rig) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, e)
}

// take is the events since the last take, to those of the last Reading that was awaited. They are told after it is applied, so that
// one more Reading is waited for.
func (r *rig) take() []event.Event {
	r.t.Helper()
	for len(r.applied) > 0 {
		<-r.applied
	}
	r.watcher.Recheck()
	r.await("one more reading", func(*discovery.Reading) bool { return true })
	return r.takeNow()
}

func (r *rig) takeNow() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.told = nil }()
	return r.told
}

// await waits for a Reading with which ok is true.
func (r *rig) await(what string, ok func(*discovery.Reading) bool) *discovery.Reading {
	r.t.Helper()
	for over := time.After(limit); ; {
		select {
		case reading := <-r.applied:
			r.lastSeen = reading
			if ok(reading) {
				return reading
			}
		case <-over:
			r.t.Fatalf("%s: not within %s; the last reading: %s", what, limit, describe(r.base, r.lastSeen))
		}
	}
}

func learns(name string) func(*discovery.Reading) bool {
	return func(r *discovery.Reading) bool {
		for _, e := range r.Entries {
			if e.Pattern.String() == name {
				return true
			}
		}
		return false
	}
}

func not(ok func(*discovery.Reading) bool) func(*discovery.Reading) bool {
	return func(r *discovery.Reading) bool { return !ok(r) }
}

func count(events []event.Event, id event.ID, text string) int {
	n := 0
	for _, e := range events {
		if e.ID == id && strings.Contains(e.Text, text) {
			n++
		}
	}
	return n
}

// Every change is followed, also of folders that do not exist yet or come again.
func TestWatch(t *testing.T) {
	f := newFolder(t)
	r := watch(t, f, "etc/opt/microsoft", time.Hour)
	name := func(n string) string { return "etc/opt/microsoft/" + n }

	first := r.await("the first reading", func(*discovery.Reading) bool { return true })
	if r.watcher.Current() != first || first.AgentFound() {
		t.Errorf("the first reading: %s", describe(f.base, first))
	}
	if told := r.take(); count(told, event.NoAgent, "no monitoring agent") != 1 || len(told) != 1 {
		t.Errorf("events %+v, want one 300", told)
	}

	// The folder comes into being, from the top.
	f.write(name(chunks+"1.json"), regional("a"))
	r.await("the folder", learns("a.monitoring.azure.com"))
	told := r.take()
	if count(told, event.Information, "Host a.monitoring.azure.com was learned from Azure Monitor Agent (") != 1 {
		t.Errorf("events %+v", told)
	}

	// A file changes, one comes, one goes, one is put in the place of another.
	f.write(name(chunks+"1.json"), regional("b"))
	r.await("the new content", learns("b.monitoring.azure.com"))
	f.write(name(chunks+"2.json"), regional("c"))
	r.await("the new file", learns("c.monitoring.azure.com"))
	f.remove(name(chunks + "1.json"))
	r.await("the removal", not(learns("b.monitoring.azure.com")))
	if told = r.take(); count(told, event.Information, "Host b.monitoring.azure.com is no longer learned from") != 1 {
		t.Errorf("events %+v", told)
	}
	f.write("new", regional("d"))
	rename(t, f.path("new"), f.path(name(chunks+"2.json")))
	r.await("the replacement", learns("d.monitoring.azure.com"))

	// A folder on the way is put in the place of another, and then watched itself. Windows does not rename a folder below which
	// something is open.
	if runtime.GOOS != "windows" {
		f.write("other/configchunks/1.json", regional("e"))
		rename(t, f.path(name("azuremonitoragent/config-cache")), f.path("old"))
		rename(t, f.path("other"), f.path(name("azuremonitoragent/config-cache")))
		r.await("the other folder", learns("e.monitoring.azure.com"))
		f.write(name(chunks+"1.json"), regional("f"))
		r.await("a change in it", learns("f.monitoring.azure.com"))
	}

	// A workspace of the other agent.
	f.write(name(onboarding), "URL_TLD=opinsights.azure.com\n")
	r.await("the workspace", learns(workspace+".oms.opinsights.azure.com"))

	// The agents go, and come again. Wine keeps a folder that is removed while it is watched (docs/windows-checklist.md).
	if runtime.GOOS == "windows" {
		return
	}
	r.take()
	f.remove("etc/opt")
	r.await("that all is gone", func(r *discovery.Reading) bool { return !r.AgentFound() })
	if told = r.take(); count(told, event.NoAgent, "") != 1 {
		t.Errorf("events %+v, want one 300", told)
	}
	f.write(name(chunks+"1.json"), regional("g"))
	r.await("the agent that came again", learns("g.monitoring.azure.com"))
}

// What lasts is told once, and what ends is no event.
func TestProblemsAreToldOnce(t *testing.T) {
	f := newFolder(t, chunks+"1.json", regional("a"), chunks+"2.json", regional("evil.example.com/"))
	r := watch(t, f, ".", time.Hour)
	r.await("the first reading", learns("a.monitoring.azure.com"))
	if told := r.take(); count(told, event.Fault, "evil.example.com is not learned") != 1 || count(told, event.NoAgent, "") != 0 {
		t.Errorf("events %+v", told)
	}
	f.write(chunks+"1.json", "{")
	r.await("the damage", func(r *discovery.Reading) bool { return slices.ContainsFunc(r.Places, failed) })
	told := r.take()
	if count(told, event.Fault, "Failed to learn hosts from a monitoring agent: "+f.path(chunks+"1.json")) != 1 || len(told) != 1 ||
		told[0].Reason != reason.LearnedFileInvalid {
		t.Errorf("events %+v", told)
	}
	for range 2 {
		r.watcher.Recheck()
		r.await("another reading", func(*discovery.Reading) bool { return true })
	}
	if told := r.take(); len(told) != 0 {
		t.Errorf("events %+v of what lasts", told)
	}
	f.write(chunks+"1.json", regional("a"))
	r.await("the repair", func(r *discovery.Reading) bool { return !slices.ContainsFunc(r.Places, failed) })
	if told := r.take(); len(told) != 0 {
		t.Errorf("events %+v", told)
	}
}

func failed(p discovery.Place) bool { return p.State == discovery.Failed }

func TestOff(t *testing.T) {
	f := newFolder(t, chunks+"1.json", regional("a"))
	r := watch(t, f, ".", time.Hour)
	r.await("the first reading", learns("a.monitoring.azure.com"))
	r.take()

	r.off.Store(true)
	r.watcher.Recheck()
	off := r.await("the end of learning", func(r *discovery.Reading) bool { return !r.On })
	if len(off.Entries) != 0 || len(off.Places) != 0 {
		t.Errorf("while it is off: %+v", off)
	}
	f.write(chunks+"1.json", "{")
	r.watcher.Recheck()
	r.await("another reading", func(r *discovery.Reading) bool { return !r.On })
	if told := r.take(); len(told) != 0 {
		t.Errorf("events %+v while it is off", told)
	}

	// What was learned before is forgotten: it may be old.
	r.off.Store(false)
	r.watcher.Recheck()
	on := r.await("learning again", func(r *discovery.Reading) bool { return r.On })
	if len(on.Entries) != 0 {
		t.Errorf("what was learned before is still there: %s", describe(f.base, on))
	}
	f.write(chunks+"1.json", regional("b"))
	r.await("the repair", learns("b.monitoring.azure.com"))
}

// Without any notification everything is read again and again.
func TestEvery(t *testing.T) {
	f := newFolder(t)
	r := watch(t, f, ".", time.Millisecond)
	for range 5 {
		r.await("another reading", func(*discovery.Reading) bool { return true })
	}
	if told := r.take(); len(told) != 1 || told[0].ID != event.NoAgent {
		t.Errorf("events %+v, want one 300", told)
	}
}

func TestMuchNews(t *testing.T) {
	f := newFolder(t)
	for i := range 60 {
		f.write(fmt.Sprintf("%s%02d.json", chunks, i), regional(fmt.Sprint("r", i)))
	}
	r := watch(t, f, ".", time.Hour)
	told := r.take()
	if n := count(told, event.Information, "was learned"); n != 50 || count(told, event.Information, "13 more events of this kind") != 1 {
		t.Errorf("%d events in %+v", n, told)
	}
}

func TestApplyFails(t *testing.T) {
	f := newFolder(t, chunks+"1.json", regional("a"))
	r := watch(t, f, ".", time.Hour)
	r.await("the first reading", learns("a.monitoring.azure.com"))
	r.take()
	r.refuse.Store(true)
	f.write(chunks+"1.json", regional("b"))
	for over := time.After(limit); ; {
		if told := r.takeNow(); count(told, event.Fault, "refused") == 1 {
			break
		}
		select {
		case <-over:
			t.Fatal("no event tells of the failure")
		case <-time.After(10 * time.Millisecond):
		}
	}
	// The news are told with the next Reading that is in force.
	r.refuse.Store(false)
	r.watcher.Recheck()
	r.await("the next reading", learns("b.monitoring.azure.com"))
	if told := r.take(); count(told, event.Information, "Host b.monitoring.azure.com was learned") != 1 {
		t.Errorf("events %+v", told)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
