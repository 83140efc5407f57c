package adminapi

import (
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
)

// Access has the role that each method needs.
func Access() map[string]caller.Role {
	roles := map[string]caller.Role{}
	for method, row := range access {
		roles[method] = row.need
	}
	return roles
}

// Most has how many bytes a request of each method may have.
func Most() map[string]int {
	most := map[string]int{}
	for method, row := range access {
		most[method] = row.most
	}
	return most
}

// Small and Large are the two limits.
const (
	Small = small
	Large = large
)

// LimitLarge makes a server wait no longer than this for the turn of a large request, and for its bytes. It belongs before the first.
func (s *Server) LimitLarge(wait, time time.Duration) { s.requests.wait, s.requests.time = wait, time }

// Fields is the count of fields of a message.
var Fields = fields
