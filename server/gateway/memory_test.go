package gateway

import (
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/settings"
)

func TestMemoryFollowsTheLimits(t *testing.T) {
	with := func(connections, heads int) int64 {
		c := config.Default()
		c.Settings.MaxConnections, c.Settings.MaxRequestHeads = connections, heads
		s, err := settings.Compile(c, nil, 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return memoryFor(s.Policy.Limits())
	}
	// At least what is measured: the largest configuration with its change, and the handshakes.
	if least := with(1, 1); least < 700<<20 || least > 2<<30 {
		t.Errorf("for one connection %d MiB", least>>20)
	}
	if grown := with(1001, 1) - with(1, 1); grown != 1000*120<<10 {
		t.Errorf("a thousand connections add %d", grown)
	}
	if grown := with(1, 1001) - with(1, 1); grown != 1000*40<<10 {
		t.Errorf("a thousand heads add %d", grown)
	}
	if most := with(1_000_000, 100_000); most < 90<<30 {
		t.Errorf("the largest limits allow %d MiB", most>>20)
	}
}
