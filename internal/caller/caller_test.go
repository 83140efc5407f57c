package caller_test

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/credentials"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var _ credentials.AuthInfo = caller.AuthInfo{}

func TestMay(t *testing.T) {
	alice := caller.Caller{Name: "alice", Via: "unix socket", ToRead: "ask to read", ToChange: "ask to change", ToAdminister: "ask root"}
	for role, want := range map[caller.Role][3]reason.Reason{
		caller.None:       {reason.NotPermittedToRead, reason.NotPermittedToChange, reason.NotPermittedToAdminister},
		caller.Read:       {"", reason.NotPermittedToChange, reason.NotPermittedToAdminister},
		caller.Change:     {"", "", reason.NotPermittedToAdminister},
		caller.Administer: {"", "", ""},
	} {
		alice.Role = role
		got := [3]reason.Reason{
			reason.Of(alice.May(caller.Read)), reason.Of(alice.May(caller.Change)), reason.Of(alice.May(caller.Administer)),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("role %s (-want +got):\n%s", role, diff)
		}
	}
	alice.Role = caller.None
	for need, want := range map[caller.Role]string{
		caller.Read: "alice may not read; ask to read", caller.Change: "alice may not change anything; ask to change",
		caller.Administer: "alice may not do what needs the role administer; ask root",
	} {
		if err := alice.May(need); err == nil || err.Error() != want {
			t.Errorf("to %s: %v, want %s", need, err, want)
		}
	}
}

// What a caller may do is asked at each call, not once.
func TestRoleCanBeTakenAway(t *testing.T) {
	role := caller.Change
	_, info, err := handshakeOf(nil, func() caller.Caller { return caller.Caller{Name: "alice", Role: role} })
	if err != nil {
		t.Fatal(err)
	}
	if err := info.Caller().May(caller.Change); err != nil {
		t.Error(err)
	}
	role = caller.None
	if err := info.Caller().May(caller.Read); reason.Of(err) != reason.NotPermittedToRead {
		t.Errorf("without a role: %v", err)
	}
}

// Who is not known is nobody, and may do nothing.
func TestNobody(t *testing.T) {
	if err := (caller.AuthInfo{}).Caller().May(caller.Read); reason.Of(err) != reason.NotPermittedToRead {
		t.Errorf("nobody may read: %v", err)
	}
	broken := errors.New("no peer")
	_, info, err := caller.Handshake(nil, func(net.Conn) (net.Conn, caller.Identity, error) {
		return nil, caller.Fixed(caller.Caller{Role: caller.Change}), broken
	})
	if !errors.Is(err, broken) || info.Caller().Role != caller.None {
		t.Errorf("a handshake that fails makes %+v, %v", info.Caller(), err)
	}
}
