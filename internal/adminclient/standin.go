package adminclient

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	// endTime is how long a stand-in may take to end after its input has; then it is killed. Its changes are crash-safe.
	endTime = 2 * time.Second
	// maxComplaint is the most bytes that are kept of what a stand-in writes to standard error.
	maxComplaint = 64 << 10
)

// errInUse is in the chain if another process has the lock of the state folder.
var errInUse = errors.New("the configuration is in use")

// standIn starts "omsgateway admin-stdio", which serves the admin API for the configuration in dir on its standard streams.
func standIn(ctx context.Context, dir, program string) (*session, error) {
	c, err := startChild(dir)
	if err != nil {
		return nil, err
	}
	conn := localsock.PipeConn(c.output, c.input)
	client, err := speak(ctx, conn, program, handshakeTime)
	if err != nil {
		c.end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.failure(dir, err)
	}
	return &session{conn: client, raw: conn, isStandIn: true, end: func() {
		_ = client.Close() // and with it the child's input
		c.end()
	}}, nil
}

// child is a process that stands in for the gateway.
type child struct {
	input     *os.File // its standard input
	output    *os.File // its standard output
	cmd       *exec.Cmd
	complaint *head // its standard error; to be read after done
	done      chan struct{}
}

func startChild(dir string) (*child, error) {
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

	c := &child{input: input, output: output, complaint: &head{most: maxComplaint}, done: make(chan struct{})}
	candidates := osdefaults.GatewayBinary()
	err = fmt.Errorf("the program omsgateway is not there: looked for %s", strings.Join(candidates, " and "))
	for _, program := range candidates {
		// Not with the context of the call that needs it: it lives until end.
		c.cmd = exec.Command(program, "admin-stdio", "--state-dir", dir) //nolint:noctx // as said
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirInput, theirOutput, c.complaint
		c.cmd.WaitDelay = endTime // for a standard error that something else keeps open
		startErr := c.cmd.Start()
		if errors.Is(startErr, fs.ErrNotExist) || errors.Is(startErr, exec.ErrNotFound) {
			continue
		}
		if err = startErr; err == nil {
			go func() {
				defer close(c.done)
				_ = c.cmd.Wait() // what counts is what it wrote
			}()
			return c, nil
		}
		break
	}
	_ = input.Close()
	_ = output.Close()
	return nil, err
}

// end waits until the child has ended, which it does when its input ends. After endTime it is killed.
func (c *child) end() {
	_ = c.input.Close() // no harm if it is closed already
	overdue := time.NewTimer(endTime)
	defer overdue.Stop()
	select {
	case <-c.done:
	case <-overdue.C:
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// failure is why the child, which has ended, did not serve.
func (c *child) failure(dir string, err error) error {
	complaint := strings.TrimPrefix(strings.TrimSpace(c.complaint.String()), "omsgateway: ")
	switch {
	case strings.Contains(complaint, reason.ConfigInUse.Text(map[string]string{"folder": dir})):
		return fmt.Errorf("%w: %s", errInUse, complaint)
	case complaint == "":
		return fmt.Errorf("%s does not serve the admin API: %w", c.cmd.Path, err)
	}
	return errors.New(complaint)
}

// head keeps the first bytes of what is written to it, as many as most.
type head struct {
	strings.Builder
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.Builder.Write(p[:min(len(p), h.most-h.Len())])
	return len(p), nil
}
