package adminclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	// sshConnectTime is how long ssh may take to connect, in seconds.
	sshConnectTime = "10"
	// sshTime bounds all until the gateway answers through ssh: the login, for which a person may have to type, and the program there.
	sshTime = 2 * time.Minute
	// sshTimeAlone is sshTime where nobody can be asked.
	sshTimeAlone = 30 * time.Second
	// maxSSHComplaint is the most bytes that are kept of what ssh and the far side write to standard error.
	maxSSHComplaint = 4 << 10
)

// sshAddress is a user, or none, and a host. Neither can be taken for an option, and what else ssh has to know stands in its own
// configuration (ssh_config(5)).
var sshAddress = regexp.MustCompile(`^ssh:(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?([A-Za-z0-9._][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])$`)

// destination is what ssh is to connect to; the error is ADDRESS_INVALID.
func destination(address string) (string, error) {
	parts := sshAddress.FindStringSubmatch(address)
	if parts == nil {
		return "", reason.New(reason.AddressInvalid, "address", address)
	}
	host := strings.Trim(parts[2], "[]")
	if parts[1] == "" {
		return host, nil
	}
	return parts[1] + "@" + host, nil
}

// dialSSH runs "omsgwctl dial-stdio" on another computer, and returns the connection that it has with the gateway there. What is wrong
// shows when the connection is used: failure says it.
func dialSSH(_ context.Context, g gateway) (net.Conn, error) {
	to, err := destination(g.address)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("ssh")
	if err != nil {
		return nil, fmt.Errorf("the program ssh is not there: %w", err)
	}
	args := []string{
		"-T", "-a", "-x", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "ConnectTimeout=" + sshConnectTime,
	}
	if g.alone {
		args = append(args, "-o", "BatchMode=yes")
	}
	args = append(args, "--", to, "omsgwctl", "dial-stdio")
	return startSSH(exec.Command(program, args...), to) //nolint:noctx // it lives until the connection is closed
}

func startSSH(cmd *exec.Cmd, to string) (*sshConn, error) {
	theirInput, input, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer theirInput.Close()
	output, theirOutput, err := os.Pipe()
	if err != nil {
		_ = input.Close()
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer theirOutput.Close()
	c := &sshConn{
		Conn: localsock.PipeConn(output, input), to: to, cmd: cmd, complaint: &head{most: maxSSHComplaint}, done: make(chan struct{}),
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirInput, theirOutput, c.complaint
	cmd.WaitDelay = endTime
	if err := cmd.Start(); err != nil {
		_ = c.Conn.Close()
		return nil, err
	}
	go func() {
		defer close(c.done)
		_ = cmd.Wait()
	}()
	return c, nil
}

// sshConn is a connection through ssh. It ends ssh when it is closed, and the far side ends with it.
type sshConn struct {
	net.Conn
	to        string
	cmd       *exec.Cmd
	complaint *head // to be read after done
	done      chan struct{}
	once      sync.Once
}

func (c *sshConn) Close() (err error) {
	c.once.Do(func() {
		err = c.Conn.Close()
		overdue := time.NewTimer(endTime)
		defer overdue.Stop()
		select {
		case <-c.done:
		case <-overdue.C:
			_ = c.cmd.Process.Kill()
			<-c.done
		}
	})
	return err
}

// failure is why the connection, which was closed, did not lead to a gateway.
func (c *sshConn) failure(g gateway, err error) error {
	<-c.done
	said := strings.TrimSpace(c.complaint.String())
	last := said
	if i := strings.LastIndexAny(said, "\r\n"); i >= 0 {
		last = said[i+1:]
	}
	last = printable.Escaped(strings.TrimPrefix(last, "omsgwctl: "))
	code := c.cmd.ProcessState.ExitCode()
	unreachable := func(cause, remedy string) error {
		return reason.Wrap(errors.New(cause), reason.GatewayUnreachable, "address", g.address, "remedy", remedy)
	}
	switch {
	case code == 4:
		return reason.Wrap(errors.New(last), reason.GatewayDenied, "address", g.address)
	case code == 3:
		return unreachable(last, "the computer was reached, and its gateway was not")
	case code == 127 || strings.Contains(said, "is not recognized as an internal or external command"):
		return unreachable("there is no omsgwctl on "+c.to+", or not on the PATH of commands that ssh runs",
			"install the gateway's package there")
	case strings.Contains(said, `no command "dial-stdio"`):
		return unreachable("the omsgwctl on "+c.to+" is older than ssh: addresses", "update the gateway there")
	case code == 255 && g.alone:
		return unreachable("ssh: "+cmp.Or(last, err.Error()),
			"nobody could be asked for a password or about the key of the host; settle it once with: ssh "+c.to)
	case code == 255:
		return unreachable("ssh: "+cmp.Or(last, err.Error()), "try it with: ssh "+c.to)
	}
	return unreachable(cmp.Or(last, err.Error()), "try it with: ssh "+c.to+" omsgwctl status")
}

// noStateDir is for addresses on other computers.
func noStateDir(string) (dir string, ok bool) { return "", false }
