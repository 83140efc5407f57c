package calendar_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/calendar"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var start = time.Date(2027, 3, 31, 8, 15, 0, 0, time.UTC)

const day = 24 * time.Hour

// Within one boot a clock that somebody sets is not followed, also not over a restart of the program; a synchronised one is.
func TestWithinOneBoot(t *testing.T) {
	file, hand := filepath.Join(t.TempDir(), "date"), clock.NewHand(start)
	k := open(t, file, hand)
	hand.Advance(time.Hour)
	wantDate(t, k, start.Add(time.Hour))
	for _, wrong := range []time.Duration{365 * day, -365 * day} {
		hand.Set(start.Add(wrong))
		wantDate(t, k, start.Add(time.Hour))
		save(t, k, file)
		if k = open(t, file, hand); k.Look() {
			t.Error("a clock that is not synchronised ends a doubt")
		}
		wantDate(t, k, start.Add(time.Hour))
	}
	hand.Advance(time.Hour)
	wantDate(t, k, start.Add(2*time.Hour))

	right := start.Add(2*time.Hour + time.Minute)
	hand.Set(right)
	hand.SetSynchronised(true)
	if k.Look() {
		t.Error("there was no doubt that could end")
	}
	wantDate(t, k, right)
}

func TestOverBoots(t *testing.T) {
	for _, c := range []struct {
		name string
		off  time.Duration // by the clock
		in   bool          // doubt
	}{
		{"at once", 0, false},
		{"a day", day, false},
		{"30 days", 30 * day, false},
		{"more than 30 days", 30*day + time.Second, true},
		{"a year", 365 * day, true},
		{"two hours earlier", -2 * time.Hour, true},
		{"a year earlier", -365 * day, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, hand := filepath.Join(t.TempDir(), "date"), clock.NewHand(start)
			save(t, open(t, file, hand), file)
			hand.Reboot(c.off)
			k := open(t, file, hand)
			if (k.Doubt() != nil) != c.in {
				t.Fatalf("Doubt = %v, want one: %v", k.Doubt(), c.in)
			}
			hand.Advance(time.Hour)
			if !c.in {
				wantDate(t, k, start.Add(c.off+time.Hour))
				return
			}
			if reason.Of(k.Doubt()) != reason.ClockInDoubt {
				t.Errorf("Doubt = %v, want CLOCK_IN_DOUBT", k.Doubt())
			}
			wantDate(t, k, start)

			// Neither the program's nor the computer's next start ends the doubt, but somebody who says so does, or the network's time.
			save(t, k, file)
			if k = open(t, file, hand); k.Doubt() == nil {
				t.Fatal("the doubt is over after a restart")
			}
			hand.SetSynchronised(true)
			synchronised := open(t, file, hand)
			if synchronised.Doubt() != nil {
				t.Errorf("a synchronised clock is in doubt: %v", synchronised.Doubt())
			}
			if !k.Trust() || k.Doubt() != nil {
				t.Error("the doubt is not over")
			}
			wantDate(t, k, hand.Now())
			save(t, k, file)
			hand.SetSynchronised(false)
			if k = open(t, file, hand); k.Doubt() != nil {
				t.Errorf("the doubt is back: %v", k.Doubt())
			}
		})
	}
}

// nameless is a clock of a system that does not name its boots.
type nameless struct{ *clock.Hand }

func (nameless) Boot() string { return "" }

func TestBootWithoutAName(t *testing.T) {
	file, hand := filepath.Join(t.TempDir(), "date"), clock.NewHand(start)
	save(t, open(t, file, nameless{hand}), file)
	hand.Set(start.Add(365 * day))
	if k := open(t, file, nameless{hand}); k.Doubt() == nil {
		t.Error("the clock is believed, which may be of another boot")
	}
}

func TestDamagedFile(t *testing.T) {
	file, hand := filepath.Join(t.TempDir(), "date"), clock.NewHand(start)
	save(t, open(t, file, hand), file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for _, content := range [][]byte{whole[:i], bytes.Replace(whole, whole[i:i+1], []byte{whole[i] ^ 1}, 1)} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			k, err := calendar.Open(file, hand)
			if err == nil {
				t.Fatalf("%q was read", content)
			}
			wantDate(t, k, start)
			save(t, k, file)
			open(t, file, hand)
		}
	}
}

func open(t *testing.T, file string, c clock.Clock) *calendar.Calendar {
	t.Helper()
	k, err := calendar.Open(file, c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func save(t *testing.T, k *calendar.Calendar, file string) {
	t.Helper()
	if err := k.Save(file); err != nil {
		t.Fatal(err)
	}
}

func wantDate(t *testing.T, k *calendar.Calendar, want time.Time) {
	t.Helper()
	if got := k.Now(); !got.Equal(want) {
		t.Errorf("the date is %v, want %v", got, want)
	}
}
