package settings

import (
	"context"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
)

// How often the date is looked at and written down, and how often while it is in doubt.
const (
	dateTime  = time.Hour
	doubtTime = time.Minute
)

// notices are when it is told that an allowed host expires, before it does; the nearest comes last.
var notices = []struct {
	before time.Duration
	in     string
}{{7 * 24 * time.Hour, "in a week"}, {24 * time.Hour, "in a day"}, {time.Hour, "in an hour"}, {0, ""}}

// HasExpired reports whether an allowed host of the snapshot has expired, and allows nothing any more.
func (s *Snapshot) HasExpired(h config.AllowedHost) bool { return h.Account.HasExpired(s.Date) }

// StartExpiries makes the Store follow the date until Close: allowed hosts expire when their time has come, and events tell of it before.
// What has come since the Store was last open comes at once. Without it a host that has expired is left out by what is put in force later.
func (s *Store) StartExpiries() {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	s.follows = true
	s.followDate()
}

// TrustClock believes the computer's clock, which somebody says is right, and returns the date. The errors are GATEWAY_STOPPING,
// CHANGE_NOT_RECORDED and that of ctx.
func (s *Store) TrustClock(ctx context.Context, who caller.Caller) (time.Time, error) {
	if err := s.lockWriter(ctx); err != nil {
		return time.Time{}, err
	}
	defer func() { <-s.writer }()
	told := []event.Event{event.ClockTrusted(who, s.clock.Now())}
	if err := s.events.Record(ctx, told); err != nil {
		return time.Time{}, err
	}
	s.calendar.Trust()
	s.events.Made(told)
	s.followDate()
	return s.calendar.Now(), nil
}

// Date returns the date by which allowed hosts expire.
func (s *Store) Date() time.Time { return s.calendar.Now() }

// DateInDoubt returns CLOCK_IN_DOUBT if allowed hosts do not expire now since the clock may be wrong, else nil.
func (s *Store) DateInDoubt() error {
	for _, h := range s.Current().Config.AllowedHosts {
		if !h.Account.Expires.IsZero() {
			return s.calendar.Doubt()
		}
	}
	return nil
}

// followDate puts in force what the date makes different, tells of it, and writes the date down.
func (s *Store) followDate() {
	if s.calendar.Look() {
		s.events.Emit(event.ClockSynchronised(s.calendar.Now()))
	}
	doubt := s.DateInDoubt()
	if doubt != nil && !s.doubtTold {
		s.events.Emit(event.Failure(event.GatewayServer, "to tell whether allowed hosts have expired", doubt))
	}
	s.doubtTold = doubt != nil

	date := s.calendar.Now()
	current := s.Current()
	if expiresBetween(current, date) {
		after, err := Compile(current.Config, s.slots, s.files, date)
		if err != nil { // which was compiled before
			s.events.Emit(event.Failure(event.GatewayServer, "to let allowed hosts expire, which is tried again", err))
		} else {
			s.current.Store(after)
		}
	}
	s.tellExpiries(date)
	if err := s.calendar.Save(s.dateFile); err != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to keep the date for the next start", err))
	}
	s.scheduleExpiry()
}

// expiresBetween reports whether a host has expired at date, and had not in the snapshot, or the other way round.
func expiresBetween(s *Snapshot, date time.Time) bool {
	for _, h := range s.Config.AllowedHosts {
		if s.HasExpired(h) != h.Account.HasExpired(date) {
			return true
		}
	}
	return false
}

// scheduleExpiry sees to it that the date is followed when the next host expires, or when that is to be told, and every hour.
func (s *Store) scheduleExpiry() {
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if !s.follows {
		return
	}
	wait, date := dateTime, s.calendar.Now()
	if s.calendar.Doubt() != nil {
		wait = doubtTime
	} else {
		for _, h := range s.Current().Config.AllowedHosts {
			if h.Account.Expires.IsZero() {
				continue
			}
			for _, n := range notices {
				if left := h.Account.Expires.Add(-n.before).Sub(date); left > 0 {
					wait = min(wait, left)
				}
			}
		}
	}
	s.expiry = s.clock.AfterFunc(wait, func() {
		s.writer <- struct{}{}
		defer func() { <-s.writer }()
		if !s.closed {
			s.followDate()
		}
	})
}

// tellExpiries tells what has come until date and was not told yet: of one host the last notice only. One event stands for many hosts.
func (s *Store) tellExpiries(date time.Time) {
	due := make([][]config.AllowedHost, len(notices))
	for _, h := range s.Current().Config.AllowedHosts {
		if h.Account.Expires.IsZero() {
			continue
		}
		for i := len(notices) - 1; i >= 0; i-- {
			if at := h.Account.Expires.Add(-notices[i].before); at.After(s.told) && !at.After(date) {
				due[i] = append(due[i], h)
				break
			}
		}
	}
	if date.After(s.told) {
		s.told = date
	}
	for i, hosts := range due {
		in := notices[i].in
		if len(hosts) > manyItems {
			s.events.Emit(event.HostsExpire(len(hosts), in))
			continue
		}
		for _, h := range hosts {
			s.events.Emit(event.HostExpires(h.Pattern.String(), h.Account.Owner, h.Account.Ticket, h.Account.Expires, in))
		}
	}
}
