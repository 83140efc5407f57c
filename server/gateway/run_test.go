package gateway

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
)

// The numbers of the setting LogLevel are those of the levels of events, so that one is made of the other.
func TestLogLevelsAreLevelsOfEvents(t *testing.T) {
	row, err := config.Lookup("LogLevel")
	if err != nil {
		t.Fatal(err)
	}
	for _, choice := range row.Choices {
		var s config.Settings
		if err := s.Set("LogLevel", choice); err != nil {
			t.Fatal(err)
		}
		if got := event.Level(s.LogLevel).String(); got != choice {
			t.Errorf("LogLevel %s is the level %s", choice, got)
		}
	}
}

// saved notes what was asked of a memory, whose saves fail.
type saved []string

func (s *saved) Load(file string) error {
	*s = append(*s, "load "+file)
	return nil
}

func (s *saved) Save(file string) error {
	*s = append(*s, "save "+file)
	return errors.New("no room")
}

// A memory is saved every five minutes and at the end, and each failure is told.
func TestMemoryIsSavedAsTimePasses(t *testing.T) {
	events := event.NewHub(event.Options{})
	defer closeEvents(events, newEnding())
	now := clock.NewHand(time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC))
	var m saved
	end := keep(&m, "file", "to remember something", now, events, newEnding())
	now.Advance(4*time.Minute + 59*time.Second)
	if want := []string{"load file"}; !slices.Equal(m, want) {
		t.Errorf("before five minutes are over: %q", m)
	}
	now.Advance(5*time.Minute + time.Second)
	end()
	now.Advance(time.Hour)
	if want := []string{"load file", "save file", "save file", "save file"}; !slices.Equal(m, want) {
		t.Errorf("ten minutes and an end: %q, want %q", m, want)
	}
	if told, _ := events.List(event.Filter{Level: event.Error, Text: "to remember something"}, 10); len(told) != 3 {
		t.Errorf("%d events about 3 failures", len(told))
	}
}
