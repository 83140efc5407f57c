package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/testnet"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

// TestDeadAddresses dials a name some of whose addresses do not answer, with less time than they all would take one after another.
func TestDeadAddresses(t *testing.T) {
	t.Parallel()
	for _, dead := range []int{1, 7} {
		t.Run(strconv.Itoa(dead), func(t *testing.T) {
			t.Parallel()
			addresses := loopbacks(dead + 1)
			last := addresses[dead]
			port := listen(t, last+":0")
			for _, addr := range addresses[:dead] {
				testnet.SilentAt(t, net.JoinHostPort(addr, strconv.Itoa(port)))
			}
			dialer := upstream.Dialer{Own: notOwn, History: &upstream.History{}, Resolver: resolver(t, map[string][]string{"some.test.": addresses})}
			to, how := target(t, "some.test:"+strconv.Itoa(port)), direct(policy.Guard{AllowLoopback: true}, 4*time.Second)
			found, err := dialer.CheckTarget(t.Context(), to, how)
			if err != nil || found.Connected == nil {
				t.Fatalf("the first dial: %+v, %v", found, err)
			}
			var want []string
			for _, addr := range addresses[:dead] {
				want = append(want, addr+" tried failed")
			}
			if diff := cmp.Diff(append(want, last+" tried"), told(found.Addresses)); diff != "" {
				t.Errorf("the first dial (-want +got):\n%s", diff)
			}

			found, err = dialer.CheckTarget(t.Context(), to, how)
			want = append([]string{last + " tried"}, addresses[:dead]...)
			if diff := cmp.Diff(want, told(found.Addresses)); err != nil || diff != "" {
				t.Errorf("the second dial: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestAnswersInTurn has the first address refuse, so that the second one has its turn at once, and others not at all.
func TestAnswersInTurn(t *testing.T) {
	addresses := loopbacks(3)
	port := listen(t, addresses[1]+":0")
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, map[string][]string{"some.test.": addresses})}
	how := direct(policy.Guard{AllowLoopback: true}, time.Minute)
	found, err := dialer.CheckTarget(t.Context(), target(t, "some.test:"+strconv.Itoa(port)), how)
	want := []string{addresses[0] + " tried failed", addresses[1] + " tried", addresses[2]}
	if diff := cmp.Diff(want, told(found.Addresses)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestFailuresNameWhatWasTried has no address connect. The error names those that were tried, the first ones of many, and no other.
func TestFailuresNameWhatWasTried(t *testing.T) {
	t.Parallel()
	addresses := loopbacks(6)
	port := closedPort(t)
	names := map[string][]string{
		"few.test.":  {"169.254.1.1", addresses[0], addresses[1]},
		"many.test.": addresses,
		"dead.test.": {addresses[4], addresses[5]},
	}
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, names)}
	how := direct(policy.Guard{AllowLoopback: true}, time.Minute)
	dial := func(name string) string {
		t.Helper()
		_, _, err := dialer.Dial(t.Context(), target(t, name+":"+strconv.Itoa(port)), how)
		if err == nil {
			t.Fatalf("%s is connected", name)
		}
		return fmt.Sprintf("%s: %v", reason.Of(err), errors.Unwrap(err))
	}
	refused := func(addr string) string {
		return fmt.Sprintf("dial tcp %s:%d: connect: connection refused", addr, port)
	}
	if got, want := dial("few.test"), "TARGET_UNREACHABLE: "+refused(addresses[0])+"; "+refused(addresses[1]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := dial("many.test"); !strings.HasSuffix(got, refused(addresses[3])+"; and 2 addresses more") {
		t.Errorf("of many: %s", got)
	}
	testnet.SilentAt(t, net.JoinHostPort(addresses[4], strconv.Itoa(port)))
	how.Limits.DialTimeout = time.Second
	want := fmt.Sprintf("TARGET_TIMEOUT: %s; dial tcp %s:%d: i/o timeout", refused(addresses[5]), addresses[4], port)
	if got := dial("dead.test"); got != want {
		t.Errorf("one that does not answer: got %s\nwant %s", got, want)
	}
}

// TestManyAddressesAreBounded dials a name with more dead addresses than are tried beside each other. Those that are given up early make
// room, and the last one connects.
func TestManyAddressesAreBounded(t *testing.T) {
	t.Parallel()
	addresses := loopbacks(2 * upstream.MaxUnderWay)
	last := len(addresses) - 1
	port := listen(t, addresses[last]+":0")
	for _, addr := range addresses[:last] {
		testnet.SilentAt(t, net.JoinHostPort(addr, strconv.Itoa(port)))
	}
	stop, most := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-time.After(10 * time.Millisecond):
				// Between two parts of the table one may have ended and another begun: both are counted then, but not again.
				n = max(n, min(connecting(port), connecting(port)))
			case <-stop:
				most <- n
				return
			}
		}
	}()
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, map[string][]string{"some.test.": addresses})}
	how := direct(policy.Guard{AllowLoopback: true}, time.Minute)
	conn, _, err := dialer.Dial(t.Context(), target(t, "some.test:"+strconv.Itoa(port)), how)
	close(stop)
	if n := <-most; n < 2 || n > upstream.MaxUnderWay {
		t.Errorf("%d are tried beside each other, want at most %d", n, upstream.MaxUnderWay)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// connecting is how many connections to this port on this computer wait for their answer (proc_pid_net(5); 02 is SYN_SENT).
func connecting(port int) (n int) {
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return 0
	}
	to := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[3] == "02" && strings.HasSuffix(fields[2], to) {
			n++
		}
	}
	return n
}

// TestForgottenAddressIsTriedLast has an address that tunnels know die: the next dial goes past it.
func TestForgottenAddressIsTriedLast(t *testing.T) {
	t.Parallel()
	addresses := loopbacks(2)
	port := listen(t, addresses[0]+":0")
	second, err := net.Listen("tcp", addresses[1]+":"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	dialer := upstream.Cached{Dialer: upstream.Dialer{
		Own: notOwn, History: &upstream.History{}, Resolver: resolver(t, map[string][]string{"some.test.": addresses}),
	}}
	to, how := target(t, "some.test:"+strconv.Itoa(port)), direct(policy.Guard{AllowLoopback: true}, time.Minute)
	for i, want := range addresses {
		conn, _, err := dialer.Dial(t.Context(), to, how)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if known, ok := dialer.Known(to, how); !ok || known.Addr() != netip.MustParseAddr(want) {
			t.Errorf("dial %d went to %v, want %s", i+1, known, want)
		}
		dialer.Forget(to)
	}
}

// TestACancelledDialSaysNothing: a client that goes away at once leaves no judgement of the addresses behind.
func TestACancelledDialSaysNothing(t *testing.T) {
	addresses := loopbacks(2)
	port := listen(t, addresses[1]+":0")
	testnet.SilentAt(t, net.JoinHostPort(addresses[0], strconv.Itoa(port)))
	history := &upstream.History{}
	dialer := upstream.Dialer{Own: notOwn, History: history, Resolver: resolver(t, map[string][]string{"some.test.": addresses})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := dialer.Dial(ctx, target(t, addresses[0]+":"+strconv.Itoa(port)), direct(policy.Guard{Literal: true}, time.Minute))
	if !errors.Is(err, context.Canceled) || history.Len() != 0 {
		t.Errorf("%v, and %d addresses are remembered", err, history.Len())
	}
}

// loopbacks are n loopback addresses.
func loopbacks(n int) (addresses []string) {
	for i := range n {
		addresses = append(addresses, fmt.Sprintf("127.0.1.%d", i+1))
	}
	return addresses
}
