package gateway

import (
	"testing"

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
