package main_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/omsgateway/omsgateway/internal/testca"
)

// squid is a running Squid.
type squid struct {
	process *os.Process
	log     *syncBuffer
	ended   chan struct{}
}

func (s *story) squid(ts *testscript.TestScript, args []string) {
	const usage = "usage: squid [-tls] NAME [USER PASSWORD]"
	secured := len(args) > 0 && args[0] == "-tls"
	if secured {
		args = args[1:]
	}
	if len(args) != 1 && len(args) != 3 {
		ts.Fatalf(usage)
	}
	folder := filepath.Join(ts.Getenv("SHARED"), "squid-"+args[0]) // Squid has an account of its own
	ts.Check(os.Mkdir(folder, 0o755))
	listen := "http_port %s"
	if secured {
		ca, err := testca.New()
		ts.Check(err)
		own, err := ca.Server("127.0.0.1")
		ts.Check(err)
		certificate, key, err := testca.PEMKeyPair(own)
		ts.Check(err)
		writeShared(ts, filepath.Join(folder, "own.pem"), string(certificate)+string(key))
		writeShared(ts, ts.MkAbs("squid-ca.pem"), string(ca.PEM()))
		listen = "https_port %s tls-cert=" + filepath.Join(folder, "own.pem")
	}
	allow := "http_access allow all\n"
	if len(args) == 3 {
		// MD5 is a form of password that Squid's helper knows.
		writeShared(ts, filepath.Join(folder, "users"), fmt.Sprintf("%s:%x\n", args[1], md5.Sum([]byte(args[2]))))
		allow = "auth_param basic program /usr/lib/squid/basic_ncsa_auth " + filepath.Join(folder, "users") + "\n" +
			"auth_param basic children 1 startup=1 idle=1\nauth_param basic realm relay, the one for tests\n" +
			"acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
	}
	config := listen + "\npid_filename none\ncache_log /dev/null\naccess_log none\ncache deny all\ncache_mem 1 MB\n" +
		"shutdown_lifetime 0 seconds\npinger_enable off\nmax_filedescriptors 1024\nvisible_hostname relay.test\n" +
		"coredump_dir " + folder + "\nacl forbidden dstdomain .forbidden.test\nhttp_access deny forbidden\n" + allow

	// Squid takes no port but a fixed one, and somebody else may take that meanwhile.
	const attempts = 5
	for range attempts {
		address := freeAddress(ts)
		writeShared(ts, filepath.Join(folder, "squid.conf"), fmt.Sprintf(config, address))
		running, err := startSquid(filepath.Join(folder, "squid.conf"))
		ts.Check(err)
		s.squids[args[0]] = running
		s.closers = append(s.closers, running)
		if _, err = running.log.wait(running.ended, regexp.MustCompile(`Accepting HTTPS? Socket connections`)); err == nil {
			ts.Setenv("SQUID", address)
			return
		}
		ts.Logf("Squid does not start: %v\n%s", err, running.log)
		_ = running.Close()
	}
	ts.Fatalf("Squid does not start")
}

// unplug ends a Squid at once.
func (s *story) unplug(ts *testscript.TestScript, args []string) {
	if len(args) != 1 || s.squids[args[0]] == nil {
		ts.Fatalf("usage: unplug NAME, after squid NAME")
	}
	ts.Check(s.squids[args[0]].Close())
}

func startSquid(config string) (*squid, error) {
	cmd := exec.Command("squid", "-N", "-d", "1", "-f", config)
	running := &squid{log: &syncBuffer{changed: make(chan struct{}, 1)}, ended: make(chan struct{})}
	cmd.Stderr = running.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	running.process = cmd.Process
	go func() {
		defer close(running.ended)
		_ = cmd.Wait()
	}()
	return running, nil
}

// Close may be called again.
func (q *squid) Close() error {
	if err := q.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-q.ended
	return nil
}

// lookForSquid looks for Squid and its helper where Debian has them.
func lookForSquid() error {
	_, err := exec.LookPath("squid")
	if err == nil {
		_, err = os.Stat("/usr/lib/squid/basic_ncsa_auth")
	}
	return err
}

// freeAddress is an address on loopback on which nobody listens at the moment.
func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// writeShared writes a file that other accounts may read, whatever the umask is.
func writeShared(ts *testscript.TestScript, path, content string) {
	ts.Check(os.WriteFile(path, []byte(content), 0o644))
	ts.Check(os.Chmod(path, 0o644))
}

// trusted is the environment of a gateway that a story starts: it trusts the roots that SSL_CERT_FILE has in the story.
func trusted(ts *testscript.TestScript) (env []string) {
	if roots := ts.Getenv("SSL_CERT_FILE"); strings.TrimSpace(roots) != "" {
		env = append(env, "SSL_CERT_FILE="+roots)
	}
	return env
}
