package adminapi

import (
	"context"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
)

// Access has the role that each method needs.
func Access() map[string]caller.Role {
	roles := map[string]caller.Role{}
	for method, row := range access {
		roles[method] = row.needs.role
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

// Needs returns the role of a method in the access table, and whether its row says from where it may be called.
func Needs(method string) (role caller.Role, placed bool) {
	row := access[method].needs
	return row.role, row.from == anywhere || row.from == localOnly
}

// RefuseMethod returns why a caller may not call a method that needs the role and may be local only.
func RefuseMethod(who caller.Caller, role caller.Role, local bool) error {
	n := needs{role, anywhere}
	if local {
		n.from = localOnly
	}
	return n.refuse(who)
}

// RefuseSetting returns why a caller may not change the setting of a row.
func RefuseSetting(who caller.Caller, row config.Setting) error { return needsOf(row).refuse(who) }

// HaveTurns has the methods that work on whole lists or configurations.
func HaveTurns() map[string]bool {
	have := map[string]bool{}
	for method, row := range access {
		have[method] = row.turns
	}
	return have
}

// Turns are those of a server.
func (s *Server) Turns() *turns { return s.turns }

// NewTurns makes turns.
var NewTurns = newTurns

// Limit makes calls wait no longer than this for a turn. It belongs before the first.
func (t *turns) Limit(wait time.Duration) { t.wait = wait }

// Take takes the turn of a caller.
func (t *turns) Take(ctx context.Context, who caller.Caller) (done func(), err error) {
	return t.take(ctx, who)
}

// Callers is of how many callers calls have a turn, or wait for one.
func (t *turns) Callers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.callers)
}
