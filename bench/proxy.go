//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// What stands in the table of results.
const (
	gatewayName = "gateway"
	plainName   = "plain proxy"
	directName  = "direct"
	squidName   = "squid"
	threeName   = "3proxy"
)

// firstUser is the user that the first kind of proxy runs as when root runs the benchmark; the others follow. The kernel lets a
// user without privilege have only some pipes (fs.pipe-user-pages-soft), and a gateway is such a user.
const firstUser = 60001

// programs are the binaries that the benchmark runs, in a folder that every user may read.
type programs struct {
	dir     string
	self    string // this program, which is the origin and the plain proxy too
	gateway string
	beside  map[string]string // other gateways by their names in the table
	squid   string            // empty if it is not installed, as the next
	three   string
}

// preparePrograms puts the binaries into dir: a gateway built from this tree unless one is given, and others beside it.
func preparePrograms(ctx context.Context, dir, gateway string, beside []string) (*programs, error) {
	p := &programs{
		dir:     dir,
		self:    filepath.Join(dir, "bench"),
		gateway: filepath.Join(dir, "omsgateway"),
		beside:  map[string]string{},
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := copyProgram(p.self, self); err != nil {
		return nil, err
	}
	if gateway != "" {
		err = copyProgram(p.gateway, gateway)
	} else {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", p.gateway, "github.com/omsgateway/omsgateway/cmd/omsgateway")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		return nil, fmt.Errorf("making the gateway: %w", err)
	}
	for _, file := range beside {
		name := filepath.Base(file)
		p.beside[name] = filepath.Join(dir, "beside-"+name)
		if err := copyProgram(p.beside[name], file); err != nil {
			return nil, err
		}
	}
	p.squid, _ = exec.LookPath("squid")
	p.three, _ = exec.LookPath("3proxy")
	return p, nil
}

func copyProgram(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// ways are the names of the ways to the origin that can be measured here.
func (p *programs) ways() []string {
	all := slices.Concat([]string{gatewayName}, slices.Sorted(maps.Keys(p.beside)), []string{plainName, directName})
	if p.squid != "" {
		all = append(all, squidName)
	}
	if p.three != "" {
		all = append(all, threeName)
	}
	return all
}

// startProxy starts the proxy of a way for one measurement, with the origin as a host that it allows.
func (p *programs) startProxy(ctx context.Context, way, origin string) (*process, error) {
	user := firstUser
	for _, name := range p.ways() {
		if name == way {
			break
		}
		user++
	}
	dir, err := os.MkdirTemp(p.dir, "proxy-")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, user, user); err != nil {
			return nil, err
		}
	} else {
		user = 0
	}
	if other, ok := p.beside[way]; ok {
		return startGateway(ctx, user, dir, other, origin)
	}
	switch way {
	case gatewayName:
		return startGateway(ctx, user, dir, p.gateway, origin)
	case plainName:
		return start(ctx, user, regexp.MustCompile(`^(\S+)`), p.self, "plain")
	case squidName:
		return startOnFreePort(ctx, user, dir, squidConfig, p.squid, "-N", "-n", "bench"+strconv.Itoa(os.Getpid()), "-f")
	case threeName:
		return startOnFreePort(ctx, user, dir, threeConfig, p.three)
	}
	return nil, fmt.Errorf("%s is no proxy", way)
}

// agentSubject is the subject of the clients' certificate, which the gateway has in its list, so that it judges all it can.
const agentSubject = "CN=agent,OU=Microsoft Monitoring Agent,O=Microsoft"

func startGateway(ctx context.Context, user int, dir, program, origin string) (*process, error) {
	c := config.Default()
	pattern, err := hostname.ParsePattern(origin)
	if err != nil {
		return nil, err
	}
	entry, err := clientcert.ParseEntry(agentSubject)
	if err != nil {
		return nil, err
	}
	c.AddHosts(config.AllowedHost{Pattern: pattern})
	c.AddClientCertificates(config.AllowedClientCertificate{Entry: entry})
	c.Settings.AllowLoopbackTargets = true
	if err := os.WriteFile(osdefaults.ConfigFile(dir), c.Encode(), 0o644); err != nil {
		return nil, err
	}
	return start(ctx, user, regexp.MustCompile(`started and listens on (\S+)`), program, "--state-dir", dir, "--listen", "127.0.0.1:0")
}

const squidConfig = `http_port 127.0.0.1:%[1]d
acl origin dst 127.0.0.0/8 ::1
http_access allow CONNECT origin
http_access deny all
cache deny all
access_log none
cache_log %[2]s/cache.log
pid_filename none
coredump_dir %[2]s
shutdown_lifetime 0 seconds
pconn_lifetime 0 seconds
`

const threeConfig = `auth none
allow *
maxconn 20000
proxy -i127.0.0.1 -p%[1]d
`

// startOnFreePort starts a program that is told its port, in a configuration file that is its last argument.
func startOnFreePort(ctx context.Context, user int, dir, config, name string, args ...string) (*process, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	file := filepath.Join(dir, "proxy.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, address.Port, dir), 0o644); err != nil {
		return nil, err
	}
	proc, err := start(ctx, user, nil, name, append(args, file)...)
	if err != nil {
		return nil, err
	}
	proc.address = address.String()
	for began := time.Now(); proc.runs() && time.Since(began) < startTime; time.Sleep(10 * time.Millisecond) {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", proc.address); err == nil {
			return proc, conn.Close()
		}
	}
	proc.stop()
	return nil, fmt.Errorf("%s does not listen: %s", filepath.Base(name), &proc.output)
}

// startOrigin starts the origin, and returns a client that reaches it directly.
func (p *programs) startOrigin(ctx context.Context, c content, certificate tls.Certificate) (*process, *client, error) {
	proc, err := start(ctx, 0, regexp.MustCompile(`^(\{.*)`), p.self, "origin")
	if err != nil {
		return nil, nil, err
	}
	var at originAddress
	if err := json.Unmarshal([]byte(proc.address), &at); err != nil {
		proc.stop()
		return nil, nil, fmt.Errorf("reading the address of the origin: %w", err)
	}
	return proc, newClient(net.JoinHostPort(originHost, strconv.Itoa(at.Port)), at.CA, certificate, c), nil
}

// How long a program may take to start and to stop.
const (
	startTime = 20 * time.Second
	stopTime  = 10 * time.Second
)

// process is a program that was started for one measurement.
type process struct {
	cmd     *exec.Cmd
	input   io.Closer // its standard input, whose end ends the origin and the plain proxy
	output  output
	ended   chan struct{}
	address string // where clients connect, "ip:port"
}

// start runs a program and waits for the output that the pattern is for; the group in it becomes the address. Without a pattern it
// waits for nothing.
func start(ctx context.Context, user int, pattern *regexp.Regexp, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), ended: make(chan struct{})}
	p.output.pattern, p.output.found = pattern, make(chan string, 1)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if user != 0 {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	input, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	if pattern == nil {
		return p, nil
	}
	select {
	case p.address = <-p.output.found:
		return p, nil
	case <-p.ended:
	case <-time.After(startTime):
		p.stop()
	}
	return nil, fmt.Errorf("%s does not start: %s", filepath.Base(name), &p.output)
}

// runs reports whether the program has not ended.
func (p *process) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop ends the program, if need be by force, and waits for its end.
func (p *process) stop() {
	_ = p.input.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// output takes what a program prints, and keeps the last of it.
type output struct {
	pattern *regexp.Regexp
	found   chan string // gets the first match

	mu   sync.Mutex
	last []byte
}

const maxOutput = 4 << 10

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = append(o.last, b...)
	o.last = o.last[max(0, len(o.last)-maxOutput):]
	if o.pattern != nil {
		if match := o.pattern.FindSubmatch(o.last); match != nil && bytes.HasSuffix(o.last, []byte("\n")) {
			o.found <- string(match[1])
			o.pattern = nil
		}
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.last)
}
