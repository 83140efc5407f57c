package settings_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/testscale"
)

// Each change stores one number in several places: DrainSeconds, and the only allowed host. A reader that finds two numbers has
// seen a mixture.
func TestReadersSeeOneSnapshot(t *testing.T) {
	const writers, readers = 4, 4
	changes := testscale.Of(50, 10)
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	update(t, s, numbered(t, 1))

	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			for i := range changes {
				n := 1 + w*changes + i
				_, after, err := s.Update(context.Background(), settings.Request{Caller: caller.Caller{Name: "test"}}, numbered(t, n))
				if err != nil {
					t.Error(err)
					return
				}
				if drainSeconds(after.Settings) != n {
					t.Errorf("the snapshot of change %d has %d", n, drainSeconds(after.Settings))
				}
			}
		})
	}
	for range readers {
		reading.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				checkNumbered(t, s.Current())
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}

// Each writer adds one to what it has read, as a client would that knows nothing of the others; the etag makes it repeat what
// another has overtaken.
func TestEtagLosesNoChange(t *testing.T) {
	const writers, changes = 4, 25
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for made := 0; made < changes; {
				read := s.Current()
				next := strconv.Itoa(drainSeconds(read.Config.Settings) + 1)
				_, _, err := s.Update(context.Background(), settings.Request{Etag: read.Etag}, set("DrainSeconds", next))
				switch {
				case err == nil:
					made++
				case reason.Of(err) != reason.EtagMismatch:
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	if got, want := drainSeconds(s.Current().Settings), drainSeconds(config.Default().Settings)+writers*changes; got != want {
		t.Errorf("DrainSeconds = %d, want %d", got, want)
	}
}

// Close in the middle of changes lets each be made or refused, and the file has what the last one that was made left.
func TestCloseDuringChanges(t *testing.T) {
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	var writing sync.WaitGroup
	begun := make(chan struct{}, 100)
	for w := range 4 {
		writing.Go(func() {
			for i := 0; ; i++ {
				_, _, err := s.Update(context.Background(), settings.Request{}, numbered(t, 1+4*(i%800)+w))
				if err != nil {
					if reason.Of(err) != reason.GatewayStopping {
						t.Error(err)
					}
					return
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 {
		<-begun
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	last := s.Current()
	again := open(t, settings.Options{Dir: dir, Events: &recorder{}}).Current()
	writing.Wait()
	if again.Etag != last.Etag || s.Current() != last {
		t.Error("a change was made after Close")
	}
}

func drainSeconds(s config.Settings) int { return int(s.DrainTimeout / time.Second) }

// numbered is the change that stores n everywhere.
func numbered(t *testing.T, n int) func(*config.Config) error {
	t.Helper()
	h := config.AllowedHost{Pattern: pattern(t, fmt.Sprintf("h%d.example.com", n)), AddedBy: "test", AddedAt: time.Unix(int64(n), 0)}
	return func(c *config.Config) error {
		c.AllowedHosts = nil
		c.AddHosts(h)
		return errors.Join(c.Settings.Set("DrainSeconds", strconv.Itoa(n)), c.Settings.Set("ListenPort", strconv.Itoa(n)))
	}
}

// checkNumbered finds the number that s has in all its places.
func checkNumbered(t *testing.T, s *settings.Snapshot) int {
	t.Helper()
	n := drainSeconds(s.Settings)
	hosts, limits := s.Config.AllowedHosts, s.Policy.Limits()
	if drainSeconds(s.Config.Settings) != n || int(s.Settings.ListenPort) != n || limits.DrainTimeout != time.Duration(n)*time.Second ||
		!allowed(t, s, fmt.Sprintf("h%d.example.com:443", n)) || len(s.Policy.Entries()) != 1 ||
		len(hosts) != 1 || hosts[0].AddedAt.Unix() != int64(n) || config.Etag(s.Config.Encode()) != s.Etag {
		t.Errorf("a mixture: %+v", s)
	}
	return n
}
