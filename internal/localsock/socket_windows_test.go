package localsock_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/localsock"
)

func TestPipe(t *testing.T) {
	address := fmt.Sprintf("npipe:omsgateway-test-%d", os.Getpid())
	if _, err := localsock.Dial(t.Context(), address); !errors.Is(err, localsock.ErrNotListening) {
		t.Fatalf("before anybody listens: %v", err)
	}
	listener, err := localsock.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(localsock.ServerCredentials(localsock.Rules{}))
	served := make(chan error, 1)
	go func() { served <- server.Serve(caller.Limit(listener, 4, 2)) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	}()
	// Wine may lose the first client, who connects before the first Accept.
	first, err := localsock.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Close()

	if again, err := localsock.Listen(address); err == nil {
		_ = again.Close()
		if !isWine() { // which does not know how to ask for the first instance
			t.Error("two can serve one pipe")
		}
	}
	role := caller.Read
	if windows.GetCurrentProcessToken().IsElevated() {
		role = caller.Administer
	}
	want := fmt.Sprintf("by named pipe, %s", role)
	for range 3 {
		if got := askToRead(address); !strings.Contains(got, want) {
			t.Errorf("the caller is %q, want %q", got, want)
		}
	}
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), "LOCALSOCK_TEST_PART=ask-to-read", "LOCALSOCK_TEST_ADDRESS="+address)
	if got, err := other.CombinedOutput(); err != nil || !strings.Contains(string(got), want) {
		t.Errorf("another process is %q, want %q (%v)", got, want, err)
	}
}

func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func TestPipeName(t *testing.T) {
	for address, want := range map[string]string{
		"unix:admin.sock":                    "no unix sockets",
		`npipe:a\b`:                          "no backslash",
		"npipe:" + strings.Repeat("a", 1000): "at most 247 characters",
		"npipe:":                             "npipe",
	} {
		if _, err := localsock.Listen(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("listening at %.30q: %v, want %q", address, err, want)
		}
	}
}
