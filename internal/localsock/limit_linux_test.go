package localsock_test

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/localsock"
)

func TestOneUserCannotUseUpTheTotal(t *testing.T) {
	needRoot(t)
	read := gid(t, testRules.ReadGroup)
	address := serve(t, localsock.ServerCredentials(testRules),
		func(l net.Listener) net.Listener { return caller.Limit(l, 8, 2) })

	// Two strangers share what one user may have, whatever their ids are, and are told what they lack.
	for uid := uint32(stranger); uid < stranger+4; uid++ {
		if got, _ := hold(t, address, uid); !strings.Contains(got, "may not change anything; members of the group daemon") {
			t.Errorf("stranger %d is told %q", uid, got)
		}
	}
	// A reader has two connections beside them, and is told why there is no third.
	hold(t, address, 60000, read)
	hold(t, address, 60000, read)
	const tooMany = "uid:60000 by unix socket, none: too many connections to the admin API: 2 is the limit for uid:60000"
	if got, _ := hold(t, address, 60000, read); got != tooMany {
		t.Errorf("got  %s\nwant %s", got, tooMany)
	}
}

func TestTotalOfAllUsers(t *testing.T) {
	needRoot(t)
	read := gid(t, testRules.ReadGroup)
	address := serve(t, localsock.ServerCredentials(testRules),
		func(l net.Listener) net.Listener { return caller.Limit(l, 4, 2) })
	for _, uid := range []uint32{60000, 60000, 60001} {
		hold(t, address, uid, read)
	}
	const tooMany = "too many connections to the admin API: "
	const readers = "uid:60001 by unix socket, none: " + tooMany + "3 is the limit for all callers together who may not change"
	if got, _ := hold(t, address, 60001, read); got != readers {
		t.Errorf("got  %s\nwant %s", got, readers)
	}
	_, end := hold(t, address, 60002, gid(t, testRules.ChangeGroup))
	const full = "root by unix socket, none: " + tooMany + "4 is the limit for all callers together"
	if got := ask(address); got != full {
		t.Errorf("got  %s\nwant %s", got, full)
	}
	end()
	awaitAnswer(t, address, "root by unix socket, administer")
}

// A caller without a role is told what is missing, and then the server ends the connection.
func TestConnectionWithoutARoleEnds(t *testing.T) {
	needRoot(t)
	address := serve(t, localsock.ServerCredentials(testRules),
		func(l net.Listener) net.Listener { return caller.Limit(l, 4, 2) })
	got := run(t, "outlast", address, syscall.Credential{Uid: stranger, Gid: stranger})
	if want := "run sudo usermod -aG daemon $USER and log in again\nended"; !strings.HasSuffix(got, want) {
		t.Errorf("got  %s\nwant the end %s", got, want)
	}
}

// A flood of connections of one stranger, whom the total could be lost to while he is not known yet, disturbs nobody.
func TestFlood(t *testing.T) {
	needRoot(t)
	address := serve(t, localsock.ServerCredentials(testRules),
		func(l net.Listener) net.Listener { return caller.Limit(l, 4, 2) })
	flood := process(t, "flood", address, syscall.Credential{Uid: stranger, Gid: stranger})
	stdin, err := flood.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, want := ask(address), "root by unix socket, administer"; got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
	stdin.Close()
	if err := flood.Wait(); err != nil {
		t.Error(err)
	}
}

// awaitAnswer asks until the server has noticed that another connection has ended.
func awaitAnswer(t *testing.T, address, want string) {
	t.Helper()
	for {
		got := ask(address)
		if got == want {
			return
		}
		if t.Context().Err() != nil || !strings.Contains(got, "too many connections") {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}
