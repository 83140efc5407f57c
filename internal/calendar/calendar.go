// Package calendar tells the date as far as it can be believed, for what ends at a date. The clock of a computer may be wrong after a
// start: its battery is empty, or somebody has set it. So within one boot the date goes on by the time that has passed since it was last
// believed, and a clock that is set is not followed, unless the system says that it is synchronised. After a start of the computer the
// clock is believed if what it shows is not earlier than the date that was written down last, nor more than [MaxAway] later. Else the
// date is in doubt, and stands still where it was, until the clock is synchronised or somebody says that it is right.
package calendar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// MaxAway is how long after the date that was written down last a clock is believed.
const MaxAway = 30 * 24 * time.Hour

// Calendar is the date. Its methods may be called from any goroutine.
type Calendar struct {
	clock clock.Clock

	mu      sync.Mutex
	date    time.Time     // when it was last believed
	at      time.Duration // since boot, when that was
	doubted bool
	last    time.Time // when a program before this one ended, or the date of Open
}

// Open makes a calendar from the file of [Calendar.Save] at path; without one, or after an error, which is told, the clock is believed.
// Only the process that alone writes the file may call it.
func Open(path string, c clock.Clock) (*Calendar, error) {
	k := &Calendar{clock: c}
	body, err := kind.Read(path)
	var last moment
	if err == nil && body != nil {
		last, err = decode(body)
	}
	if err != nil {
		err = fmt.Errorf("reading the date from %s, which is replaced later: %w", path, err)
	}
	k.begin(last)
	k.last = last.date
	if k.last.IsZero() {
		k.last = k.date
	}
	k.Look()
	return k, err
}

// begin goes on from the last date that was written down; a zero one is none.
func (k *Calendar) begin(last moment) {
	k.date, k.at = k.clock.Now().UTC(), k.clock.SinceBoot()
	switch {
	case last.date.IsZero():
	case last.boot != "" && last.boot == k.clock.Boot() && last.sinceBoot <= k.at:
		k.date, k.at = last.date, last.sinceBoot
	case k.date.Before(last.date), k.date.After(last.date.Add(MaxAway)):
		k.date, k.doubted = last.date, true
	}
}

// Now returns the date. While it is in doubt it stands still.
func (k *Calendar) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now()
}

func (k *Calendar) now() time.Time {
	if k.doubted {
		return k.date
	}
	return k.date.Add(k.clock.SinceBoot() - k.at)
}

// Last returns the date that was written down last before Open, which is that of Open if there was none.
func (k *Calendar) Last() time.Time { return k.last }

// Doubt returns CLOCK_IN_DOUBT while the date is in doubt, else nil.
func (k *Calendar) Doubt() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.doubted {
		return nil
	}
	return reason.New(reason.ClockInDoubt,
		"clock", k.clock.Now().UTC().Format(time.RFC3339), "last", k.date.Format(time.RFC3339))
}

// Look believes the clock if the system says that it is synchronised, and reports whether a doubt has ended by that.
func (k *Calendar) Look() (over bool) {
	if !k.clock.Synchronised() {
		return false
	}
	return k.Trust()
}

// Trust believes the clock, as somebody says who has looked at it, and reports whether a doubt has ended by that.
func (k *Calendar) Trust() (over bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	over = k.doubted
	k.date, k.at, k.doubted = k.clock.Now().UTC(), k.clock.SinceBoot(), false
	return over
}

// Save writes the date down, unless it is in doubt: what was written last stands until the doubt is over.
func (k *Calendar) Save(path string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.doubted {
		return nil
	}
	if err := kind.Write(path, moment{k.clock.Boot(), k.clock.SinceBoot(), k.now()}.encode()); err != nil {
		return fmt.Errorf("writing the date to %s: %w", path, err)
	}
	return nil
}

// kind is a file whose body has the date in seconds since 1970 and the nanoseconds since boot, 8 bytes each and big-endian, and the name
// of the boot.
var kind = atomicfile.Sealed{Header: "omsgateway date 1\n", MaxBody: 16 + maxBoot}

const maxBoot = 64 // bytes; a UUID has 36

// moment is a date that was believed, and when that was.
type moment struct {
	boot      string
	sinceBoot time.Duration
	date      time.Time
}

func (m moment) encode() []byte {
	data := binary.BigEndian.AppendUint64(nil, uint64(m.date.Unix()))
	data = binary.BigEndian.AppendUint64(data, uint64(m.sinceBoot))
	return append(data, m.boot[:min(len(m.boot), maxBoot)]...)
}

func decode(body []byte) (moment, error) {
	if len(body) < 16 {
		return moment{}, errors.New("it is too short")
	}
	m := moment{
		boot:      string(body[16:]),
		sinceBoot: time.Duration(binary.BigEndian.Uint64(body[8:])),
		date:      time.Unix(int64(binary.BigEndian.Uint64(body)), 0).UTC(),
	}
	if year := m.date.Year(); year < 1970 || year > 9999 || m.sinceBoot < 0 {
		return moment{}, errors.New("it has no date")
	}
	return m, nil
}
