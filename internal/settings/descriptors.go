package settings

import (
	"strconv"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// What the descriptors of a process are for.
const (
	perConnection = 2  // the client's and the target's
	kept          = 64 // for administration, logs and state, and to tell clients that there is no place
)

// How many connections without a place are answered at a time: as many as there are descriptors to spare, and at least what kept has room
// for.
const (
	mostRefused  = 256
	leastRefused = 16
)

// within are the limits for a process that may have so many descriptors; 0 sets no limit.
func within(l policy.Limits, descriptors int) policy.Limits {
	l.MaxRefused = mostRefused
	if descriptors == 0 {
		return l
	}
	forClients := descriptors - kept
	l.MaxConnections = min(l.MaxConnections, max(1, forClients/perConnection))
	l.MaxRefused = min(mostRefused, max(leastRefused, forClients-perConnection*l.MaxConnections))
	return l
}

// FewerConnections returns DESCRIPTORS_TOO_FEW if fewer client connections can be open than MaxConnections says, else nil.
func (s *Snapshot) FewerConnections() error {
	inForce := s.Policy.Limits().MaxConnections
	if inForce >= s.Settings.MaxConnections {
		return nil
	}
	return reason.New(reason.DescriptorsTooFew,
		"connections", strconv.Itoa(inForce), "limit", strconv.Itoa(s.Settings.MaxConnections))
}
