package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// agentsAddress is where the TLS server of the command agents listens: each process has an address of its own, since port 443 is the
// only one that is learned.
func agentsAddress() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 77+pid>>16&63, pid>>8&255, 1+pid%254)
}

// agentsPossible says whether this account may give a process mounts of its own, and listen at port 443.
func agentsPossible() bool {
	listener, err := net.Listen("tcp", agentsAddress()+":443")
	if err != nil {
		return false
	}
	listener.Close()
	folder, err := os.MkdirTemp("", "omsgateway-mounts")
	if err != nil {
		return false
	}
	defer os.RemoveAll(folder)
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

func (s *story) agents(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: agents NAME")
	}
	o, err := newOriginAt(agentsAddress()+":443", func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, args[0])
	ts.Check(err)
	s.closers = append(s.closers, o)
	ca, hosts, folder := ts.MkAbs("agents-ca.pem"), ts.MkAbs("agents-hosts"), ts.MkAbs("etc-opt")
	ts.Check(os.WriteFile(ca, o.ca, 0o600))
	ts.Check(os.WriteFile(hosts, []byte(strings.Join([]string{agentsAddress(), args[0]}, " ")+"\n"), 0o644))
	ts.Check(os.MkdirAll(filepath.FromSlash(folder), 0o755))
	ts.Setenv("CA", ca)
	s.mounts = []string{"/etc/opt", folder, "/etc/hosts", hosts}
}
