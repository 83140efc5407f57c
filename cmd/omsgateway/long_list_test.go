package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/testscale"
)

// TestLongListIsAddedWholeOrNotAtAll kills the gateway, or the omsgwctl that asks it, at random moments while a long list is added or
// removed: afterwards the file has all of it or nothing.
func TestLongListIsAddedWholeOrNotAtAll(t *testing.T) {
	kills, hosts := testscale.Of(20, 4), testscale.Of(20_000, 5_000)
	dir := t.TempDir()
	var list strings.Builder // at full scale more than 1 MiB
	for i := range hosts {
		fmt.Fprintf(&list, "h%05d.%s.example.com\n", i, strings.Repeat("x", 40))
	}
	change := func(r *running, present bool) *exec.Cmd {
		verb := "add"
		if present {
			verb = "remove"
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"+exe()), "--address", r.address, "allowed-host", verb, "-")
		cmd.Stdin = strings.NewReader(list.String())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}

	r := runGatewayIn(t, dir, "--listen", "127.0.0.1:0")
	began := time.Now()
	if err := change(r, false).Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	r.stop(t)

	made := 0
	present := true
	for i := range kills {
		r := runGatewayIn(t, dir, "--listen", "127.0.0.1:0")
		cmd := change(r, present)
		<-time.After(rand.N(2 * took)) // a random moment: the kill waits for nothing
		if i%2 == 0 {
			_ = r.process.Kill()
			<-r.ended
			_ = cmd.Wait() // it may stand in for the gateway, if that was killed before
		} else {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			r.stop(t) // which lets a change end
		}
		c, err := config.Read(osdefaults.ConfigFile(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		n := len(c.AllowedHosts)
		if n != 0 && n != hosts {
			t.Fatalf("after kill %d the list has %d of %d hosts", i+1, n, hosts)
		}
		if (n > 0) != present {
			made++
		}
		present = n > 0
	}
	if err := change(r, present).Wait(); err != nil { // what stands in for the stopped gateway carries it out
		t.Fatal(err)
	}
	if c, err := config.Read(osdefaults.ConfigFile(dir)); err != nil || len(c.AllowedHosts) > 0 == present {
		t.Errorf("without a gateway: %d hosts, %v", len(c.AllowedHosts), err)
	}
	t.Logf("a change takes %v; of %d that were killed %d were made", took, kills, made)
}
