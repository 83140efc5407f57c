package main_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/event"
	wiring "github.com/omsgateway/omsgateway/server/gateway"
)

// handVariable, in the environment, makes the test's program a gateway whose clock stands still: each line of its input is a duration
// that is to pass, and is answered by a line when all is done that is due by then.
const handVariable = "OMSGATEWAY_TEST_CLOCK"

func runByHand() int {
	now := clock.NewHand(time.Now())
	o := wiring.Options{Version: "by hand", Log: event.Stderr(), Clock: now}
	flags := flag.NewFlagSet("gateway", flag.ExitOnError)
	flags.StringVar(&o.StateDir, "state-dir", "", "")
	flags.StringVar(&o.Listen, "listen", "", "")
	flags.Func("set", "", func(pair string) error {
		o.Set = append(o.Set, pair)
		return nil
	})
	_ = flags.Parse(os.Args[1:]) // it exits
	if err := o.Complete(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			d, err := time.ParseDuration(lines.Text())
			if err == nil {
				now.Advance(d)
			}
			fmt.Println(d, err)
		}
	}()
	orders, end := wiring.Signals(context.Background())
	defer end()
	if err := wiring.Run(orders, o); err != nil {
		return 1
	}
	return 0
}

// hand drives the clock of a gateway.
type hand struct {
	lines   io.Writer
	answers *bufio.Reader
}

func startByHand(env []string, flags ...string) (*gateway, error) {
	cmd := exec.Command(os.Args[0], flags...)
	cmd.Env = append(append(os.Environ(), env...), handVariable+"=1")
	lines, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g, err := started(cmd)
	if err != nil {
		return nil, err
	}
	g.hand = &hand{lines, bufio.NewReader(answers)}
	return g, nil
}

func (s *story) clock(ts *testscript.TestScript, args []string) {
	const usage = "clock NAME DURATION, of a gateway that was started with -clock"
	if len(args) != 2 {
		ts.Fatalf("usage: %s", usage)
	}
	g := s.of(ts, args[:1], 1, usage)
	if g.hand == nil {
		ts.Fatalf("usage: %s", usage)
	}
	_, err := fmt.Fprintln(g.hand.lines, args[1])
	ts.Check(err)
	answer, err := g.hand.answers.ReadString('\n')
	ts.Check(err)
	if d, err := time.ParseDuration(args[1]); err != nil || answer != fmt.Sprintln(d, nil) {
		ts.Fatalf("the gateway's clock answers %q", answer)
	}
}
