package main_test

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// agentsAddress is an address of this computer that nobody else uses: unique is the path of a new folder. Each story needs its own,
// since port 443 is the only one that is learned.
func agentsAddress(unique string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(unique))
	h := hash.Sum32()
	return fmt.Sprintf("127.%d.%d.%d", 64+h>>24&63, h>>16&255, 1+h%254)
}

// agentsPossible reports whether this account may give a process mounts of its own, and listen at port 443.
func agentsPossible() bool {
	folder, err := os.MkdirTemp("", "omsgateway-mounts")
	if err != nil {
		return false
	}
	defer os.RemoveAll(folder)
	listener, err := net.Listen("tcp", agentsAddress(folder)+":443")
	if err != nil {
		return false
	}
	listener.Close()
	line := inOwnMounts([]string{"/etc/opt", folder}, []string{"true"})
	return exec.Command(line[0], line[1:]...).Run() == nil
}

// inOwnMounts is a command line that sees other files: mounts are a path and what is in its place, in turn.
func inOwnMounts(mounts, line []string) []string {
	if len(mounts) == 0 {
		return line
	}
	script := `set -e; while [ "$1" != -- ]; do mount --bind "$2" "$1"; shift 2; done; shift; exec "$@"`
	own := append([]string{"unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"}, mounts...)
	return append(append(own, "--"), line...)
}

// onAgentsComputer is a gateway's command line as the command agents wants it.
func (s *story) onAgentsComputer(line []string) []string {
	if s.nobody {
		line = append([]string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}, line...)
	}
	return inOwnMounts(s.mounts, line)
}

func (s *story) agents(ts *testscript.TestScript, args []string) {
	if len(args) == 2 && args[0] == "-nobody" {
		s.nobody, args = true, args[1:]
	}
	if len(args) != 1 {
		ts.Fatalf("usage: agents [-nobody] NAME")
	}
	address := agentsAddress(ts.MkAbs("."))
	o, err := newOriginAt(address+":443", func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, args[0])
	ts.Check(err)
	s.closers = append(s.closers, o)
	ca, hosts, folder := ts.MkAbs("agents-ca.pem"), ts.MkAbs("agents-hosts"), ts.MkAbs("etc-opt")
	ts.Check(os.WriteFile(ca, o.ca, 0o600))
	ts.Check(os.WriteFile(hosts, []byte(strings.Join([]string{address, args[0]}, " ")+"\n"), 0o644))
	ts.Check(os.MkdirAll(filepath.FromSlash(folder), 0o755))
	ts.Setenv("CA", ca)
	s.mounts = []string{"/etc/opt", folder, "/etc/hosts", hosts}
}
