package main_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/omsgateway/omsgateway/internal/testnet"
)

// TestDeadAddressesOfAName opens tunnels to names of which one address of two, and seven of eight, do not answer.
func TestDeadAddressesOfAName(t *testing.T) {
	addresses := make([]string, 8)
	var hosts string
	for i := range addresses {
		addresses[i] = fmt.Sprintf("127.0.1.%d", i+1)
		hosts += addresses[i] + " seven.dead.test\n"
	}
	hosts += addresses[6] + " one.dead.test\n" + addresses[7] + " one.dead.test\n"
	if !inOwnNetwork(t, hosts, "nameserver 127.0.0.1\n") {
		return
	}
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	for host, dead := range map[string][]string{"one.dead.test": addresses[6:7], "seven.dead.test": addresses[:7]} {
		o := newOriginOn(t, addresses[7]+":0") // each at a port of its own, of which nothing is remembered
		for _, addr := range dead {
			testnet.SilentAt(t, net.JoinHostPort(addr, o.port))
		}
		target := host + ":" + o.port
		omsgwctl(t, r, "allowed-host", "add", target)
		began := time.Now()
		if err := tryTunnel(r.proxy, target, "127.0.0.1", "hello"); err != nil {
			t.Errorf("the first tunnel to %s: %v", host, err)
			continue
		}
		t.Logf("the first tunnel to %s took %v", host, time.Since(began))
		want := []checked{{Address: addresses[7], Tried: true}}
		for _, addr := range dead {
			want = append(want, checked{Address: addr})
		}
		if diff := cmp.Diff(want, check(t, r, target)); diff != "" {
			t.Errorf("the next dial of %s (-want +got):\n%s", host, diff)
		}
	}
}

// TestSearchList has a search list in which every name exists that ends with it.
func TestSearchList(t *testing.T) {
	if !inOwnNetwork(t, "127.0.0.2 pinned.allowed.test\n", "nameserver 127.0.0.1\nsearch corp.test\n") {
		return
	}
	names := serveNames(t, ".corp.test.", "127.0.0.2")
	o := newOriginOn(t, "127.0.0.2:0")
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	omsgwctl(t, r, "allowed-host", "add", "*.allowed.test:"+o.port, "short:"+o.port)

	err := tryTunnel(r.proxy, "nx.allowed.test:"+o.port, "127.0.0.1", "hello")
	if refused, ok := errors.AsType[refusedError](err); !ok || refused.reason != "TARGET_NOT_FOUND" {
		t.Errorf("a name that does not exist: %v", err)
	}
	if asked := names(); len(asked) == 0 || strings.Contains(strings.Join(asked, " "), "corp.test") {
		t.Errorf("the name server was asked for %v", asked)
	}
	for name, host := range map[string]string{"in the hosts file": "pinned.allowed.test", "without a dot": "short"} {
		for range 2 { // the second time its address is known
			if err := tryTunnel(r.proxy, host+":"+o.port, "127.0.0.1", "hello"); err != nil {
				t.Errorf("a name %s: %v", name, err)
			}
		}
	}
}

// TestAddressesOfThisComputer has names that lead to addresses of the computer other than loopback, one of which comes and goes.
func TestAddressesOfThisComputer(t *testing.T) {
	if !inOwnNetwork(t, "10.9.0.1 own.test\n10.9.0.7 late.test\n", "nameserver 127.0.0.1\n") {
		return
	}
	ip(t, "addr", "add", "10.9.0.1/32", "dev", "lo")
	o := newOriginOn(t, "0.0.0.0:0")
	r := runGateway(t)
	omsgwctl(t, r, "allowed-host", "add", "own.test:"+o.port, "late.test:"+o.port, "10.9.0.1:"+o.port)
	reason := func(host string) string {
		t.Helper()
		err := tryTunnel(r.proxy, host+":"+o.port, "127.0.0.1", "hello")
		refused, ok := errors.AsType[refusedError](err)
		if err != nil && !ok {
			t.Fatalf("%s: %v", host, err)
		}
		return refused.reason
	}
	become := func(host, want string) {
		t.Helper()
		for end := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
			if got := reason(host); got == want {
				return
			} else if time.Now().After(end) {
				t.Fatalf("%s still has the reason %q, want %q", host, got, want)
			}
		}
	}
	if got := reason("own.test"); got != "ADDRESS_NOT_ALLOWED" {
		t.Errorf("a name: reason %q", got)
	}
	if got := reason("10.9.0.1"); got != "" {
		t.Errorf("the address itself: reason %q", got)
	}
	if got := reason("late.test"); got != "TARGET_UNREACHABLE" {
		t.Errorf("an address that nobody has: reason %q", got)
	}
	ip(t, "addr", "add", "10.9.0.7/32", "dev", "lo")
	become("late.test", "ADDRESS_NOT_ALLOWED")
	ip(t, "addr", "del", "10.9.0.7/32", "dev", "lo")
	become("late.test", "TARGET_UNREACHABLE")
}

// inOwnNetwork runs the rest of a test where nothing is but loopback, with a hosts file and a resolv.conf of its own, and reports whether
// this is there: elsewhere it has run the test anew in such a place.
func inOwnNetwork(t *testing.T, hosts, resolvConf string) bool {
	t.Helper()
	const inside = "OMSGATEWAY_TEST_OWN_NETWORK"
	if os.Getenv(inside) != "" {
		ip(t, "link", "set", "lo", "up")
		return true
	}
	dir := t.TempDir()
	var mounts []string
	for path, content := range map[string]string{
		"/etc/hosts": "127.0.0.1 localhost\n" + hosts, "/etc/resolv.conf": resolvConf, "/etc/nsswitch.conf": "hosts: files dns\n",
	} {
		file := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		mounts = append(mounts, path, file)
	}
	there := func(line ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "unshare", append([]string{"--net"}, inOwnMounts(mounts, line)...)...)
	}
	if err := there("ip", "link").Run(); err != nil {
		t.Skipf("no network of its own can be made here: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := there(self, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.count", "1")
	cmd.Env = append(os.Environ(), inside+"=1", "OMSGATEWAY_TEST_PROGRAMS="+binaries)
	out, err := cmd.CombinedOutput()
	t.Logf("in a network of its own:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("it fails there: %v", err)
	}
	return false
}

// ip runs the program of this name.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v\n%s", args, err, out)
	}
}

func newOriginOn(t *testing.T, address string) *origin {
	t.Helper()
	o, err := newOriginAt(address, func(*tls.Config) {}, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// checked is an address in the answer of omsgwctl check.
type checked struct {
	Address string
	Tried   bool
	Failure string
}

func check(t *testing.T, r *running, target string) []checked {
	t.Helper()
	var answer struct{ Addresses []checked }
	if err := json.Unmarshal([]byte(omsgwctl(t, r, "check", target, "--json")), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Addresses
}

// serveNames is a name server at the address of resolv.conf for which every name that ends with suffix has one address, and no other name
// exists. It answers which names were asked for.
func serveNames(t *testing.T, suffix, address string) (asked func() []string) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var names []string
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, peer, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buf[:n]) != nil || len(query.Questions) != 1 {
				continue
			}
			question := query.Questions[0]
			mu.Lock()
			names = append(names, question.Name.String())
			mu.Unlock()
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true}, Questions: query.Questions}
			switch exists := strings.HasSuffix(question.Name.String(), suffix); {
			case !exists:
				answer.RCode = dnsmessage.RCodeNameError
			case question.Type == dnsmessage.TypeA:
				answer.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: 60},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
				}}
			}
			if message, err := answer.Pack(); err == nil {
				_, _ = server.WriteTo(message, peer)
			}
		}
	})
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), names...)
	}
}
